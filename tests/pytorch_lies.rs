//! Every way in which a file of weights can lie: refused, with the reason, and nothing in it run.
#![allow(clippy::unwrap_used)]

#[path = "common/pickle.rs"]
mod pickle;

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use moue::model::formula::formula_weights;
use moue::model::{LoadedWeights, NetworkWeights, StoredAs, write_safetensors};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::pickle::{Pickle, archive, pytorch_file, refusal, row_major};

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
