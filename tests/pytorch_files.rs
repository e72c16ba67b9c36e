//! PyTorch state dicts: good ones, and every way in which a file can lie.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::Path;

use half::{bf16, f16};
use moue::model::formula::formula_weights;
use moue::model::{
    Expression, LoadedWeights, ModelError, NetworkWeights, StartWeights, StoredAs, WeightTensor,
    parse_weights, read_safetensors, write_safetensors,
};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A pickle as PyTorch writes it, built instruction by instruction.
#[derive(Default)]
struct Pickle(Vec<u8>);

impl Pickle {
    fn new() -> Self {
        Self(vec![0x80, 2])
    }

    fn op(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        let length = (text.len() as u32).to_le_bytes();
        self.op(b"X").op(&length).op(text.as_bytes())
    }

    fn int(self, v: usize) -> Self {
        let bytes = (v as i32).to_le_bytes();
        self.op(b"J").op(&bytes)
    }

    fn tuple(self, values: &[usize]) -> Self {
        values.iter().fold(self.op(b"("), |p, v| p.int(*v)).op(b"t")
    }

    /// A tensor, its storage in entry `key`.
    fn tensor(self, key: &str, kind: &str, offset: usize, shape: &[usize], stride: &[usize]) -> Self {
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

    fn end(self) -> Vec<u8> {
        self.op(b".").0
    }
}

fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut stride = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        stride[i - 1] = stride[i] * shape[i];
    }
    stride
}

fn archive(pickle: &[u8], entries: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
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
fn pytorch_file(weights: &NetworkWeights, wrap: Option<&str>, prefix: &str) -> Vec<u8> {
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
fn checkpoint(
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
fn network(
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

fn parse(bytes: &[u8]) -> Result<NetworkWeights, ModelError> {
    parse_weights(bytes, Path::new("some.pt"))
}

fn refusal(bytes: &[u8]) -> String {
    let text = parse(bytes).unwrap_err().to_string();
    assert!(text.starts_with("some.pt: "), "{text}");
    text
}

#[test]
fn both_depths_wrapped_and_prefixed_are_read_exactly() {
    for blocks in [1, 2] {
        let weights = formula_weights(blocks);
        for (wrap, prefix) in [(None, ""), (Some("state_dict"), ""), (Some("model_state_dict"), "module.")] {
            assert_eq!(parse(&pytorch_file(&weights, wrap, prefix)).unwrap(), weights, "{wrap:?} {prefix}");
        }
    }
}

#[test]
fn one_dict_of_tensors_is_found_under_any_name_and_behind_any_prefix() {
    let weights = formula_weights(1);
    for key in ["net", "ema", "model_ema", "weights", "my own name", "state_dict"] {
        for prefix in ["", "model.", "_orig_mod.", "module._orig_mod.", "net.backbone.module."] {
            let file = checkpoint(&weights, key, prefix, |p| p.text("epoch").int(7));
            assert_eq!(parse(&file).unwrap(), weights, "{key} {prefix}");
        }
    }
    // In a dict within a dict, and the tensors beside other values of the same dict.
    let mut entries = BTreeMap::new();
    let deep = Pickle::new().op(b"}(").text("a").op(b"}(").text("b").op(b"}(").text("params");
    let deep = network(deep, &weights, "", "", &mut entries).op(b"uuu").end();
    assert_eq!(parse(&archive(&deep, &entries)).unwrap(), weights);
    let flat =
        network(Pickle::new(), &weights, "", "", &mut entries).text("lr").op(b"G\x3f\xf0\0\0\0\0\0\0s").end();
    assert_eq!(parse(&archive(&flat, &entries)).unwrap(), weights);
}

#[test]
fn objects_of_other_classes_stay_closed() {
    let weights = formula_weights(1);
    // A NumPy scalar in both protocols, a Namespace, a time, an OrderedDict of another class, a set, a path, a long number.
    let beside = |p: Pickle| {
        p.text("score")
            .op(b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(")
            .text("f8")
            .op(b"\x89\x88tR(K\x03")
            .text("<")
            .op(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbC\x08\0\0\0\0\0\0\xf0?tR")
            .text("best")
            .op(b"cnumpy.core.multiarray\nscalar\n(Nc_codecs\nencode\n(")
            .text("bytes")
            .text("latin1")
            .op(b"tRtR")
            .text("args")
            .op(b"cargparse\nNamespace\n)\x81}(")
            .text("lr")
            .op(b"G\x3f\xb9\x99\x99\x99\x99\x99\x9a")
            .text("img_size")
            .int(96)
            .op(b"ub")
            .text("when")
            .op(b"cdatetime\ndatetime\nC\x0a\x07\xea\x0b\x1a\x12\x0e\x00\x00\x00\x00\x85R")
            .text("hyper_parameters")
            .op(b"cpytorch_lightning.utilities.parsing\nAttributeDict\n)\x81(")
            .text("batch")
            .int(64)
            .op(b"u")
            .text("history")
            .op(b"ccollections\ndefaultdict\ncbuiltins\nlist\n\x85R")
            .text("loss")
            .op(b"](K\x01K\x02es")
            .text("tags")
            .op(b"\x8f(K\x01\x90")
            .text("seed")
            .op(b"\x8a\x09\0\0\0\0\0\0\0\0\x01")
            .text("log")
            .text(&"x".repeat(9000))
            .text("evil")
            .op(b"cos\nsystem\n")
            .text("touch /tmp/owned")
            .op(b"\x85R")
    };
    let read = parse(&checkpoint(&weights, "state_dict", "model.", beside)).unwrap();
    assert_eq!(read.tensors, weights.tensors);
    assert_eq!((read.input_size(), read.assumed()), (96, Some("class order assumed")));
    // The tensors themselves in a dict of another class, with attributes.
    let mut entries = BTreeMap::new();
    let mut pickle = Pickle::new().op(b"}(").text("net").op(b"cmy.module\nTensors\n)R(");
    for (i, (name, t)) in weights.tensors.iter().enumerate() {
        pickle = pickle.text(name).tensor(&i.to_string(), "FloatStorage", 0, &t.shape, &row_major(&t.shape));
        entries.insert(i.to_string(), t.values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }
    let pickle = pickle.op(b"u}").text("_metadata").op(b"Nsbu").end();
    assert_eq!(parse(&archive(&pickle, &entries)).unwrap(), weights);
}

#[test]
fn what_a_checkpoint_says_of_input_and_classes_is_used() {
    let ours = formula_weights(1);
    let fer = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];
    let mut theirs = ours.clone();
    for (name, row) in [("fc.weight", 512), ("fc.bias", 1)] {
        let tensor = theirs.tensors.get_mut(name).unwrap();
        let rows: Vec<Vec<f32>> = tensor.values.chunks(row).map(<[f32]>::to_vec).collect();
        let of = |name: &&str| rows[Expression::from_name(name).unwrap().index()].clone();
        tensor.values = fer.iter().flat_map(of).collect();
    }
    let list = |p: Pickle| fer.iter().fold(p.op(b"]("), |p, name| p.text(name)).op(b"e");
    let to_index =
        |p: Pickle| fer.iter().enumerate().fold(p.op(b"}("), |p, (i, name)| p.text(name).int(i)).op(b"u");
    let to_name = |p: Pickle| {
        fer.iter().enumerate().fold(p.op(b"}("), |p, (i, name)| p.int(i).text(&name.to_uppercase())).op(b"u")
    };
    type Say<'a> = Box<dyn Fn(Pickle) -> Pickle + 'a>;
    let says: [Say<'_>; 5] = [
        Box::new(|p| list(p.text("classes")).text("input_size").int(144)),
        Box::new(|p| to_index(p.text("class_to_idx")).text("img_size").tuple(&[144, 144])),
        Box::new(|p| {
            to_name(p.text("args").op(b"}(").text("idx_to_class")).text("input_size").int(144).op(b"u")
        }),
        Box::new(|p| {
            let p = p
                .text("config")
                .op(b"cargparse\nNamespace\n)\x81}(")
                .text("image_size")
                .tuple(&[3, 144, 144]);
            to_name(p.text("id2label")).op(b"ub")
        }),
        Box::new(|p| {
            list(p.text("hyper_parameters").op(b"cx\nAttributeDict\n)\x81(").text("class_names"))
                .text("img_size")
                .text("144")
                .op(b"u")
        }),
    ];
    for (i, say) in says.iter().enumerate() {
        let read = parse(&checkpoint(&theirs, "state_dict", "", say)).unwrap();
        assert_eq!((&read.tensors, read.input_size(), read.assumed()), (&ours.tensors, 144, None), "{i}");
    }
    let silent = parse(&checkpoint(&theirs, "state_dict", "", |p| p.text("epoch").int(3))).unwrap();
    assert_eq!(
        (&silent.tensors, silent.assumed()),
        (&theirs.tensors, Some("input 224 and class order assumed"))
    );
    // A set has no order, a number no names.
    let unordered =
        |p: Pickle| fer.iter().fold(p.text("classes").op(b"\x8f("), |p, name| p.text(name)).op(b"\x90");
    let read = parse(&checkpoint(&theirs, "state_dict", "", unordered)).unwrap();
    assert_eq!(read.assumed(), Some("input 224 and class order assumed"));
    let wrong = |p: Pickle| p.text("classes").op(b"](").text("cat").text("dog").op(b"e");
    let text = parse(&checkpoint(&theirs, "state_dict", "", wrong)).unwrap_err().to_string();
    assert!(text.contains("metadata classes") && text.contains("--classes"), "{text}");
}

#[test]
fn of_several_networks_one_is_taken_with_a_word_or_none() {
    let (one, mut other) = (formula_weights(1), formula_weights(1));
    other.tensors.get_mut("fc.bias").unwrap().values[0] += 1.0;
    let both = |a: &str, b: &str| {
        let mut entries = BTreeMap::new();
        let pickle = network(Pickle::new().op(b"}(").text(a), &one, "", "a", &mut entries);
        let pickle = network(pickle.text(b), &other, "", "b", &mut entries);
        archive(&pickle.op(b"u").end(), &entries)
    };
    for (a, b) in
        [("model", "ema"), ("state_dict", "state_dict_ema"), ("model", "best"), ("net", "optimizer")]
    {
        let read = parse(&both(a, b)).unwrap();
        assert_eq!(read.tensors, one.tensors, "{a} {b}");
        assert_eq!(read.metadata.contains_key("taken_from"), b != "optimizer", "{a} {b}");
    }
    let text = parse(&both("left", "right")).unwrap_err().to_string();
    assert!(text.contains("several networks (left; right)"), "{text}");
    // Whole models are named.
    let whole = Pickle::new()
        .op(b"}(")
        .text("model")
        .op(b"c__main__\nNet\n)\x81}(")
        .text("_modules")
        .op(b"}ubu")
        .end();
    let text = refusal(&archive(&whole, &BTreeMap::new()));
    assert!(
        text.contains("a whole model (an object of __main__.Net)") && text.contains("state_dict()"),
        "{text}"
    );
}

#[test]
fn doubles_are_read() {
    let weights = formula_weights(1);
    let mut pickle = Pickle::new().op(b"}(");
    let mut entries = BTreeMap::new();
    for (name, t) in &weights.tensors {
        pickle = pickle.text(name).tensor(name, "DoubleStorage", 0, &t.shape, &row_major(&t.shape));
        entries.insert(name.clone(), t.values.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect());
    }
    assert_eq!(parse(&archive(&pickle.op(b"u").end(), &entries)).unwrap(), weights);
}

#[test]
fn other_archives_are_named() {
    for (names, kind) in [
        (&["a/data.pkl", "a/code/__torch__.py", "a/constants.pkl", "a/version"][..], "TorchScript"),
        (&["config.json", "model.weights.h5"], "Keras"),
        (&["x.npy"], "NumPy"),
        (&["folder/net.pth"], "folder/net.pth in it"),
        (&["readme"], "without data.pkl"),
    ] {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for name in names {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(b"x").unwrap();
        }
        let text = refusal(&zip.finish().unwrap().into_inner());
        assert!(text.contains(kind), "{text}");
    }
}

/// A ResNet-18 as torchvision names it, with other numbers.
fn resnet18() -> NetworkWeights {
    let mut weights = formula_weights(2);
    let tensors = std::mem::take(&mut weights.tensors);
    for (name, tensor) in tensors {
        if !name.starts_with("attention.") && !name.starts_with("fc.") {
            weights.tensors.insert(name.replace(".shortcut.", ".downsample."), tensor);
        }
    }
    let mut fc = |name: &str, shape: Vec<usize>| {
        let values = vec![0.25; shape.iter().product()];
        weights.tensors.insert(name.into(), WeightTensor { shape, values });
    };
    fc("fc.weight", vec![1000, 512]);
    fc("fc.bias", vec![1000]);
    weights
}

#[test]
fn torchvisions_resnet18_gives_its_body_to_begin_with() {
    let dir = tempfile::tempdir().unwrap();
    let (pth, safetensors) = (dir.path().join("resnet18.pth"), dir.path().join("resnet18.safetensors"));
    std::fs::write(&pth, pytorch_file(&resnet18(), None, "module.")).unwrap();
    write_safetensors(&resnet18(), &safetensors, StoredAs::F32).unwrap();
    let ours = formula_weights(2);
    for path in [&pth, &safetensors] {
        let StartWeights::Body(body) = StartWeights::read(path).unwrap() else {
            panic!("{}", path.display())
        };
        assert_eq!(body.classes, 1000);
        assert_eq!(body.tensors.len(), ours.tensors.len() - 4);
        assert!(body.tensors.iter().all(|(name, t)| *t == ours.tensors[name]));
        // Only training can make something of it.
        assert!(LoadedWeights::read(path).is_err());
    }
    write_safetensors(&ours, &safetensors, StoredAs::F32).unwrap();
    let StartWeights::Network(loaded) = StartWeights::read(&safetensors).unwrap() else { panic!() };
    assert_eq!(loaded.weights.tensors, ours.tensors);
}

#[test]
fn other_networks_with_torchvisions_names_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.pth");
    let refusal = |weights: &NetworkWeights| {
        std::fs::write(&path, pytorch_file(weights, None, "")).unwrap();
        StartWeights::read(&path).unwrap_err().to_string()
    };
    let mut bottleneck = resnet18();
    bottleneck.tensors.get_mut("layer1.0.conv1.weight").unwrap().shape = vec![64, 64, 3, 3, 1];
    let text = refusal(&bottleneck);
    assert!(text.contains("layer1.0.conv1.weight: expected shape [64, 64, 3, 3]"), "{text}");
    let mut deeper = resnet18();
    deeper.tensors.insert("layer2.2.bn1.bias".into(), resnet18().tensors["layer2.1.bn1.bias"].clone());
    let text = refusal(&deeper);
    assert!(text.contains("layer2.2.bn1.bias") && text.contains("ResNet-18"), "{text}");
    let mut cut = resnet18();
    cut.tensors.remove("layer4.0.downsample.1.running_var");
    let text = refusal(&cut);
    assert!(
        text.contains("layer4.0.downsample.1.running_var: expected shape [512], found no such"),
        "{text}"
    );
}

#[test]
fn a_file_of_pytorch_itself_equals_its_safetensors_twin() {
    let Some(shared) = common::shared() else { return };
    let pytorch = LoadedWeights::read(&shared.join("weights/bootstrap.pt")).unwrap();
    let twin = read_safetensors(&shared.join("weights/bootstrap.safetensors")).unwrap();
    assert_eq!(pytorch.weights.blocks, twin.blocks);
    for (name, t) in &pytorch.weights.tensors {
        for (a, b) in t.values.iter().zip(&twin.tensors[name].values) {
            // The twin is rounded to 16 bits.
            assert!((a - b).abs() <= a.abs() * 1e-3 + 1e-6, "{name}: {a} and {b}");
        }
    }
}

#[test]
fn views_with_strides_are_followed() {
    let mut weights = formula_weights(1);
    let fc = weights.tensors["fc.weight"].clone();
    let mut entries = BTreeMap::new();
    let mut pickle = Pickle::new().op(b"}(");
    for (name, t) in &weights.tensors {
        if name == "fc.weight" {
            // Stored transposed, after five values of something else.
            pickle = pickle.text(name).tensor(name, "FloatStorage", 5, &[7, 512], &[1, 7]);
            let mut stored = vec![9.0f32; 5];
            stored.extend((0..512 * 7).map(|i| fc.values[(i % 7) * 512 + i / 7]));
            entries.insert(name.clone(), stored.iter().flat_map(|v| v.to_le_bytes()).collect());
        } else {
            pickle = pickle.text(name).tensor(name, "FloatStorage", 0, &t.shape, &row_major(&t.shape));
            entries.insert(name.clone(), t.values.iter().flat_map(|v| v.to_le_bytes()).collect());
        }
    }
    let found = parse(&archive(&pickle.op(b"u").end(), &entries)).unwrap();
    weights.metadata.clear();
    assert_eq!(found, weights);
}

#[test]
fn sixteen_bits_parameters_and_attributes_are_read() {
    let weights = formula_weights(1);
    for (kind, encode) in [
        ("HalfStorage", (|v| f16::from_f32(v).to_le_bytes()) as fn(f32) -> [u8; 2]),
        ("BFloat16Storage", |v| bf16::from_f32(v).to_le_bytes()),
    ] {
        // An OrderedDict of parameters with the attribute `_metadata`, as `state_dict(keep_vars=True)` gives.
        let mut pickle = Pickle::new().op(b"ccollections\nOrderedDict\n)R(");
        let mut entries = BTreeMap::new();
        for (name, t) in &weights.tensors {
            pickle = pickle
                .text(name)
                .op(b"ctorch._utils\n_rebuild_parameter\n(")
                .tensor(name, kind, 0, &t.shape, &row_major(&t.shape))
                .op(b"\x88ccollections\nOrderedDict\n)RtR");
            entries.insert(name.clone(), t.values.iter().flat_map(|v| encode(*v)).collect());
        }
        let pickle = pickle.op(b"u}").text("_metadata").op(b"}sb").end();
        let found = parse(&archive(&pickle, &entries)).unwrap();
        for (name, t) in &weights.tensors {
            for (a, b) in found.tensors[name].values.iter().zip(&t.values) {
                assert!((a - b).abs() <= b.abs() / 256.0 + 1e-7, "{name}: {a} and {b}");
            }
        }
    }
}

#[test]
fn tensors_may_share_one_storage() {
    let weights = formula_weights(2);
    let mut pickle = Pickle::new().op(b"}(");
    let mut storage: Vec<u8> = Vec::new();
    for (name, t) in &weights.tensors {
        pickle = pickle.text(name).tensor(
            "flat",
            "FloatStorage",
            storage.len() / 4,
            &t.shape,
            &row_major(&t.shape),
        );
        storage.extend(t.values.iter().flat_map(|v| v.to_le_bytes()));
    }
    let entries = BTreeMap::from([("flat".to_owned(), storage)]);
    assert_eq!(parse(&archive(&pickle.op(b"u").end(), &entries)).unwrap(), weights);
}

#[test]
fn misfits_name_the_tensor() {
    let good = formula_weights(1);
    let change = |f: &dyn Fn(&mut NetworkWeights)| {
        let mut weights = good.clone();
        f(&mut weights);
        refusal(&pytorch_file(&weights, None, ""))
    };
    let text = change(&|w| drop(w.tensors.remove("layer3.0.bn2.bias")));
    assert!(text.contains("tensor layer3.0.bn2.bias: expected shape [256], found no such tensor"), "{text}");
    let text = change(&|w| w.tensors.get_mut("fc.bias").unwrap().values[6] = f32::INFINITY);
    assert!(text.contains("tensor fc.bias: expected finite values, found inf at index 6"), "{text}");
    let text = change(&|w| w.tensors.get_mut("conv1.weight").unwrap().shape = vec![64, 3, 49]);
    assert!(text.contains("expected shape [64, 3, 7, 7], found shape [64, 3, 49]"), "{text}");
    let text = change(&|w| {
        let extra = w.tensors["fc.bias"].clone();
        w.tensors.insert("layer1.0.conv3.bias".into(), extra);
    });
    assert!(text.contains("tensor layer1.0.conv3.bias") && text.contains("extra"), "{text}");
}

#[test]
fn storages_that_are_short_missing_or_of_another_kind_are_refused() {
    let weights = formula_weights(1);
    let with = |kind: &str, bytes: Option<Vec<u8>>, offset: usize, stride: &[usize]| {
        let mut pickle = Pickle::new().op(b"}(");
        let mut entries = BTreeMap::new();
        for (name, t) in &weights.tensors {
            if name == "fc.bias" {
                pickle = pickle.text(name).tensor(name, kind, offset, &t.shape, stride);
                if let Some(bytes) = &bytes {
                    entries.insert(name.clone(), bytes.clone());
                }
            } else {
                pickle = pickle.text(name).tensor(name, "FloatStorage", 0, &t.shape, &row_major(&t.shape));
                entries.insert(name.clone(), t.values.iter().flat_map(|v| v.to_le_bytes()).collect());
            }
        }
        refusal(&archive(&pickle.op(b"u").end(), &entries))
    };
    for text in [
        with("FloatStorage", Some(vec![0; 27]), 0, &[1]),
        with("FloatStorage", Some(vec![0; 28]), 1, &[1]),
        with("FloatStorage", Some(vec![0; 28]), 0, &[2_000_000_000]),
        with("FloatStorage", None, 0, &[1]),
        with("LongStorage", Some(vec![0; 56]), 0, &[1]),
    ] {
        assert!(text.contains("tensor fc.bias"), "{text}");
    }
}

#[test]
fn nothing_in_a_pickle_is_run() {
    let attack = Pickle::new().op(b"cos\nsystem\n").text("touch /tmp/owned").op(b"\x85R").end();
    let text = refusal(&archive(&attack, &BTreeMap::new()));
    assert!(text.contains("os.system") && text.contains("nothing in it was run"), "{text}");
}

#[test]
fn lengths_and_nesting_that_would_exhaust_the_machine_are_refused() {
    let claims = Pickle::new().op(b"X\xff\xff\xff\xff").end();
    assert!(refusal(&archive(&claims, &BTreeMap::new())).contains("4294967295"));
    // A million tuples around each other, and a million marks.
    for deep in [vec![0x85u8; 1_000_000], vec![b'('; 1_000_000], vec![b'}'; 1_000_000]] {
        let pickle = Pickle::new().op(b"N").op(&deep).end();
        assert!(refusal(&archive(&pickle, &BTreeMap::new())).contains("more than"));
    }
    // A dict that holds itself.
    let cycle = Pickle::new().op(b"}q\x00").text("self").op(b"h\x00s").end();
    assert!(refusal(&archive(&cycle, &BTreeMap::new())).contains("expected a tensor"));
    for broken in [
        &b"\x80\x02"[..],
        b"\x80\x02.",
        b"\x80\x02R.",
        b"\x80\x02t.",
        b"\x80\x02}u.",
        b"\x80\x02h\x07.",
        b"\x80\x09N.",
        b"\x80\x02\xfe",
    ] {
        refusal(&archive(broken, &BTreeMap::new()));
    }
}

#[test]
fn an_entry_that_inflates_too_far_is_refused() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file("net/data.pkl", deflated).unwrap();
    for _ in 0..64 {
        zip.write_all(&vec![b'0'; 1 << 20]).unwrap();
    }
    let bomb = zip.finish().unwrap().into_inner();
    assert!(bomb.len() < 1 << 20);
    assert!(refusal(&bomb).contains("expected at most"));
}

#[test]
fn the_sum_of_all_storages_is_limited() {
    let weights = formula_weights(1);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut pickle = Pickle::new().op(b"}(");
    // Each storage alone is within the limit of a file.
    let zeros = vec![0u8; 20 << 20];
    for (i, (name, t)) in weights.tensors.iter().enumerate() {
        pickle = pickle.text(name).tensor(&i.to_string(), "FloatStorage", 0, &t.shape, &row_major(&t.shape));
        if i < 8 {
            zip.start_file(format!("net/data/{i}"), deflated).unwrap();
            zip.write_all(&zeros).unwrap();
        }
    }
    zip.start_file("net/data.pkl", deflated).unwrap();
    zip.write_all(&pickle.op(b"u").end()).unwrap();
    let bomb = zip.finish().unwrap().into_inner();
    assert!(bomb.len() < 1 << 20);
    assert!(refusal(&bomb).contains("expected at most"));
}

#[test]
fn an_archive_with_too_many_entries_is_refused() {
    let many = (0..5000).map(|i| (i.to_string(), Vec::new())).collect();
    let text = refusal(&archive(&Pickle::new().op(b"}").end(), &many));
    assert!(text.contains("expected at most 4096 entries, found 5001"), "{text}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]

    /// Whatever is changed in a small state dict, it is refused or read, never more.
    #[test]
    fn damaged_pickles_are_refused_calmly(changes in proptest::collection::vec((0usize..400, proptest::prelude::any::<u8>()), 1..6)) {
        let mut pickle = Pickle::new()
            .op(b"}(")
            .text("fc.bias")
            .tensor("0", "FloatStorage", 0, &[7], &[1])
            .text("fc.weight")
            .tensor("0", "FloatStorage", 0, &[7, 1], &[1, 1])
            .op(b"u")
            .end();
        for (at, value) in changes {
            let at = at % pickle.len();
            pickle[at] = value;
        }
        let entries = BTreeMap::from([("0".to_owned(), vec![0; 28])]);
        // It has not all tensors, so it is never read.
        refusal(&archive(&pickle, &entries));
    }

    /// The same for the archive around it.
    #[test]
    fn damaged_archives_are_refused_calmly(changes in proptest::collection::vec((0usize..4000, proptest::prelude::any::<u8>()), 1..6)) {
        let mut bytes = archive(
            &Pickle::new().op(b"}(").text("fc.bias").tensor("0", "FloatStorage", 0, &[7], &[1]).op(b"u").end(),
            &BTreeMap::from([("0".to_owned(), vec![0; 28])]),
        );
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        refusal(&bytes);
    }
}

#[test]
fn old_and_truncated_files_get_messages_of_their_own() {
    let old = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
    assert!(refusal(old).contains("old format"));
    let good = pytorch_file(&formula_weights(1), None, "");
    for cut in [good.len() - 1, good.len() / 2, 100, 5] {
        refusal(&good[..cut]);
    }
    let empty = ZipWriter::new(Cursor::new(Vec::new())).finish().unwrap().into_inner();
    assert!(refusal(&empty).contains("an archive without data.pkl"));
}

#[test]
fn written_weights_are_read_back_and_old_files_survive_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let mut weights = formula_weights(1);
    weights.metadata.insert("input_size".into(), "112".into());
    write_safetensors(&weights, &path, StoredAs::F32).unwrap();
    assert_eq!(LoadedWeights::read(&path).unwrap().weights, weights);
    write_safetensors(&weights, &path, StoredAs::F16).unwrap();
    let rounded = LoadedWeights::read(&path).unwrap();
    assert_eq!(rounded.weights.input_size(), 112);
    assert!(std::fs::metadata(&path).unwrap().len() < 10 << 20);
    let before = std::fs::read(&path).unwrap();
    weights.tensors.get_mut("fc.bias").unwrap().values[0] = 70_000.0;
    let error = write_safetensors(&weights, &path, StoredAs::F16).unwrap_err().to_string();
    assert!(error.contains("fc.bias: 70000 is too large"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let error =
        write_safetensors(&weights, &folder.path().join("none/net.safetensors"), StoredAs::F32).unwrap_err();
    assert!(matches!(error, ModelError::Unwritable { .. }), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn metadata_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    for (key, value) in [
        ("input_size", "0"),
        ("input_size", "99999999"),
        ("temperature", "0"),
        ("temperature", "NaN"),
        ("classes", "happy,sad"),
    ] {
        let mut weights = formula_weights(1);
        weights.metadata.insert(key.into(), value.into());
        write_safetensors(&weights, &path, StoredAs::F16).unwrap();
        let text = LoadedWeights::read(&path).unwrap_err().to_string();
        assert!(text.contains(key) && text.contains(value), "{text}");
    }
}

/// candle's reader, which is trusted with good files only.
fn by_candle(path: &Path, key: Option<&str>) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    use candle_core::pickle::read_all_with_key;
    read_all_with_key(path, key)
        .unwrap()
        .into_iter()
        .map(|(name, tensor)| {
            let values = tensor.to_dtype(candle_core::DType::F32).unwrap().flatten_all().unwrap();
            (name, (tensor.dims().to_vec(), values.to_vec1().unwrap()))
        })
        .collect()
}

#[test]
fn good_files_are_read_as_candle_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (blocks, wrap) in [(1, None), (2, Some("state_dict"))] {
        let path = folder.path().join(format!("{blocks}.pt"));
        std::fs::write(&path, pytorch_file(&formula_weights(blocks), wrap, "")).unwrap();
        files.push((path, wrap));
    }
    // One that PyTorch itself wrote.
    files.extend(common::shared().map(|shared| (shared.join("weights/bootstrap.pt"), None)));
    for (path, wrap) in files {
        let ours = LoadedWeights::read(&path).unwrap().weights;
        let candles = by_candle(&path, wrap);
        for (name, t) in &ours.tensors {
            let (shape, values) = &candles[name];
            assert_eq!((&t.shape, &t.values), (shape, values), "{}: {name}", path.display());
        }
        let others = candles.keys().filter(|name| !ours.tensors.contains_key(*name));
        assert!(others.into_iter().all(|name| name.ends_with("num_batches_tracked")), "{}", path.display());
    }
}
