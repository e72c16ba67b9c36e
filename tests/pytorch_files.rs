//! PyTorch state dicts that are good: read exactly, however their tensors are stored.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/pickle.rs"]
mod pickle;

use std::collections::BTreeMap;
use std::path::Path;

use half::{bf16, f16};
use moue::model::formula::formula_weights;
use moue::model::{LoadedWeights, ModelError, StoredAs, read_safetensors, write_safetensors};

use crate::pickle::{Pickle, archive, parse, pytorch_file, row_major};

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
