//! Weights files, good and bad.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use moue::model::formula::formula_weights;
use moue::model::{ModelError, NetworkWeights, parse_safetensors, read_safetensors};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

fn bytes_of(weights: &NetworkWeights) -> Vec<u8> {
    let raw: BTreeMap<&String, (Vec<usize>, Vec<u8>)> = weights
        .tensors
        .iter()
        .map(|(n, t)| (n, (t.shape.clone(), t.values.iter().flat_map(|v| v.to_le_bytes()).collect())))
        .collect();
    let views = raw.iter().map(|(n, (s, d))| (*n, TensorView::new(Dtype::F32, s.clone(), d).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

fn parse(bytes: &[u8]) -> Result<NetworkWeights, ModelError> {
    parse_safetensors(bytes, Path::new("some.safetensors"))
}

#[test]
fn both_depths_are_read_back_exactly() {
    for blocks in [1, 2] {
        let weights = formula_weights(blocks);
        assert_eq!(parse(&bytes_of(&weights)).unwrap(), weights);
    }
}

#[test]
fn shipped_weights_are_sound() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/moue-fer2013.safetensors");
    let weights = read_safetensors(&path).unwrap();
    assert_eq!((weights.blocks, weights.input_size()), (1, 144));
}

#[test]
fn every_misfit_names_file_and_tensor() {
    let message = |change: &dyn Fn(&mut NetworkWeights)| {
        let mut weights = formula_weights(1);
        change(&mut weights);
        parse(&bytes_of(&weights)).unwrap_err().to_string()
    };
    let missing = message(&|w| drop(w.tensors.remove("layer2.0.shortcut.0.weight")));
    assert!(missing.starts_with("some.safetensors: tensor layer2.0.shortcut.0.weight"), "{missing}");
    assert!(missing.contains("[128, 64, 1, 1]") && missing.contains("no such tensor"), "{missing}");

    let shape = message(&|w| w.tensors.get_mut("fc.weight").unwrap().shape = vec![512, 7]);
    assert!(shape.contains("fc.weight: expected shape [7, 512], found shape [512, 7]"), "{shape}");

    let nan = message(&|w| w.tensors.get_mut("bn1.bias").unwrap().values[3] = f32::NAN);
    assert!(nan.contains("bn1.bias: expected finite values, found NaN at index 3"), "{nan}");

    let extra = message(&|w| {
        let copy = w.tensors["fc.bias"].clone();
        w.tensors.insert("fc2.bias".into(), copy);
    });
    assert!(extra.contains("tensor fc2.bias") && extra.contains("an extra tensor"), "{extra}");
}

#[test]
fn damaged_files_are_refused() {
    let good = bytes_of(&formula_weights(1));
    for bad in [&good[..good.len() - 1], &good[..100], &good[..4], b"not weights at all", b""] {
        let error = parse(bad).unwrap_err();
        assert!(matches!(error, ModelError::NotWeights { .. }), "{error}");
    }
    // A header length that says more than the file holds.
    let mut long_header = good;
    long_header[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(parse(&long_header), Err(ModelError::NotWeights { .. })));
}

#[test]
fn missing_files_and_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("none.safetensors")] {
        let error = read_safetensors(&path).unwrap_err();
        assert!(matches!(error, ModelError::Unreadable { .. }), "{error}");
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    }
}
