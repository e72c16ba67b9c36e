//! PyTorch files made by hand, pickle instruction by instruction.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::Path;

use moue::model::{ModelError, NetworkWeights, parse_weights};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A pickle as PyTorch writes it, built instruction by instruction.
#[derive(Default)]
pub struct Pickle(Vec<u8>);

impl Pickle {
    pub fn new() -> Self {
        Self(vec![0x80, 2])
    }

    pub fn op(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn text(self, text: &str) -> Self {
        let length = (text.len() as u32).to_le_bytes();
        self.op(b"X").op(&length).op(text.as_bytes())
    }

    pub fn int(self, v: usize) -> Self {
        let bytes = (v as i32).to_le_bytes();
        self.op(b"J").op(&bytes)
    }

    pub fn tuple(self, values: &[usize]) -> Self {
        values.iter().fold(self.op(b"("), |p, v| p.int(*v)).op(b"t")
    }

    /// A tensor, its storage in entry `key`.
    pub fn tensor(self, key: &str, kind: &str, offset: usize, shape: &[usize], stride: &[usize]) -> Self {
        self.op(b"ctorch._utils\n_rebuild_tensor_v2\n((")
            .text("storage")
            .op(format!("ctorch\n{kind}\n").as_bytes())
            .text(key)
            .text("cpu")
            .int(1)
            .op(b"tQ")
            .int(offset)
            .tuple(shape)
            .tuple(stride)
            .op(b"\x89ccollections\nOrderedDict\n)RtR")
    }

    pub fn end(self) -> Vec<u8> {
        self.op(b".").0
    }
}

pub fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut stride = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        stride[i - 1] = stride[i] * shape[i];
    }
    stride
}

pub fn archive(pickle: &[u8], entries: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file("net/data.pkl", stored).unwrap();
    zip.write_all(pickle).unwrap();
    for (name, bytes) in entries {
        zip.start_file(format!("net/data/{name}"), stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// `weights` as torch.save writes them; `wrap` and `prefix` as some training programs do.
pub fn pytorch_file(weights: &NetworkWeights, wrap: Option<&str>, prefix: &str) -> Vec<u8> {
    let mut pickle = Pickle::new().op(b"}(");
    if let Some(key) = wrap {
        pickle = pickle.text("epoch").int(3).text(key).op(b"}(");
    }
    let mut entries = BTreeMap::new();
    for (i, (name, t)) in weights.tensors.iter().enumerate() {
        let key = i.to_string();
        pickle = pickle.text(&format!("{prefix}{name}")).tensor(
            &key,
            "FloatStorage",
            0,
            &t.shape,
            &row_major(&t.shape),
        );
        entries.insert(key, t.values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }
    pickle = pickle.text(&format!("{prefix}bn1.num_batches_tracked")).tensor("n", "LongStorage", 0, &[], &[]);
    entries.insert("n".into(), vec![0; 8]);
    if wrap.is_some() {
        pickle = pickle.op(b"u");
    }
    archive(&pickle.op(b"u").end(), &entries)
}

/// A checkpoint: a dict that `beside` begins, and `weights` in it under a key, behind a prefix.
pub fn checkpoint(
    weights: &NetworkWeights,
    key: &str,
    prefix: &str,
    beside: impl Fn(Pickle) -> Pickle,
) -> Vec<u8> {
    let pickle = beside(Pickle::new().op(b"}("));
    let mut entries = BTreeMap::new();
    let pickle = network(pickle.text(key), weights, prefix, "", &mut entries);
    archive(&pickle.op(b"u").end(), &entries)
}

/// Puts the dict of a network on the stack, its storages called `storage` and a number.
pub fn network(
    pickle: Pickle,
    weights: &NetworkWeights,
    prefix: &str,
    storage: &str,
    entries: &mut BTreeMap<String, Vec<u8>>,
) -> Pickle {
    let mut pickle = pickle.op(b"ccollections\nOrderedDict\n)R(");
    for (i, (name, t)) in weights.tensors.iter().enumerate() {
        let key = format!("{storage}{i}");
        let name = format!("{prefix}{name}");
        pickle = pickle.text(&name).tensor(&key, "FloatStorage", 0, &t.shape, &row_major(&t.shape));
        entries.insert(key, t.values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }
    pickle.op(b"u")
}

pub fn parse(bytes: &[u8]) -> Result<NetworkWeights, ModelError> {
    parse_weights(bytes, Path::new("some.pt"))
}

pub fn refusal(bytes: &[u8]) -> String {
    let text = parse(bytes).unwrap_err().to_string();
    assert!(text.starts_with("some.pt: "), "{text}");
    text
}
