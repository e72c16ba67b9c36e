//! `moue blend` as a user runs it.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use moue::model::formula::formula_weights;
use moue::model::{LoadedWeights, NetworkWeights, StoredAs, write_safetensors};

fn blend(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("moue"));
    command.current_dir(folder).arg("blend").args(arguments).output().unwrap()
}

fn write(folder: &Path, name: &str, weights: &NetworkWeights) {
    write_safetensors(weights, &folder.join(name), StoredAs::F32).unwrap();
}

#[test]
fn each_weight_of_a_blend_lies_between_those_of_its_networks() {
    let folder = tempfile::tempdir().unwrap();
    let before = formula_weights(1);
    let mut after = before.clone();
    for tensor in after.tensors.values_mut() {
        tensor.values.iter_mut().for_each(|v| *v += 0.5);
    }
    let said = [
        ("val_accuracy", "0.9"),
        ("calibration", "x"),
        ("temperature", "1.7"),
        ("input_size", "96"),
        ("seed", "4"),
    ];
    after.metadata.extend(said.map(|(key, value)| (key.to_owned(), value.to_owned())));
    write(folder.path(), "before.safetensors", &before);
    write(folder.path(), "after.safetensors", &after);
    let files = ["before.safetensors", "after.safetensors"];
    let output = blend(folder.path(), &[files[0], files[1], "--share", "0.25", "--to", "both.safetensors"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let both = LoadedWeights::read(&folder.path().join("both.safetensors")).unwrap().weights;
    for (name, tensor) in &before.tensors {
        let found = &both.tensors[name];
        assert_eq!(found.shape, tensor.shape);
        for (old, new) in tensor.values.iter().zip(&found.values) {
            // 16 bits hold eleven.
            assert!((new - (old + 0.125)).abs() < 1e-3 * (1.0 + old.abs()), "{name}: {old} and {new}");
        }
    }
    // What was measured on another network is not said of this one; what decides how it is run stays.
    assert!(!both.metadata.contains_key("val_accuracy") && !both.metadata.contains_key("calibration"));
    assert_eq!((both.temperature(), both.input_size(), both.metadata["seed"].as_str()), (1.0, 96, "4"));
    let from = &both.metadata["blended_from"];
    assert!(from.starts_with("0.75 of before") && from.contains("0.25 of after"), "{from}");
}

/// All of the network before is, in the deeper one, a blend in which the blocks that were added do nothing.
#[test]
fn a_network_blends_with_the_deeper_one_that_it_became() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one.safetensors", &formula_weights(1));
    write(folder.path(), "two.safetensors", &formula_weights(2));
    let arguments = ["one.safetensors", "two.safetensors", "--share", "0.25", "--to", "both.safetensors"];
    let output = blend(folder.path(), &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let both = LoadedWeights::read(&folder.path().join("both.safetensors")).unwrap().weights;
    let deep = formula_weights(2);
    for (name, share) in
        [("layer3.1.conv2.weight", 1.0), ("layer3.1.bn2.weight", 0.25), ("layer3.1.bn2.bias", 0.25)]
    {
        for (new, old) in both.tensors[name].values.iter().zip(&deep.tensors[name].values) {
            assert!((new - share * old).abs() < 1e-3 * (1.0 + old.abs()), "{name}: {old} and {new}");
        }
    }
}

#[test]
fn what_cannot_be_blended_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one.safetensors", &formula_weights(1));
    write(folder.path(), "two.safetensors", &formula_weights(2));
    for (arguments, said) in [
        (
            ["two.safetensors", "one.safetensors", "--share", "0.5"],
            "expected a network of at most 1 residual",
        ),
        (["one.safetensors", "one.safetensors", "--share", "1.5"], "--share 1.5: expected 0 to 1"),
        (["one.safetensors", "one.safetensors", "--share", "nan"], "expected 0 to 1"),
        (["none.safetensors", "one.safetensors", "--share", "0.5"], "none.safetensors"),
    ] {
        let output = blend(folder.path(), &[&arguments[..], &["--to", "out.safetensors"]].concat());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(said), "{text}");
        assert!(!folder.path().join("out.safetensors").exists());
    }
}
