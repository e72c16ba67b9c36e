//! `moue evaluate --conditions` and `moue calibrate` as a user runs them, on a tiny data set.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::{Command, Output};

use image::GrayImage;
use serde_json::Value;
use tempfile::TempDir;

const CLASSES: [&str; 7] = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"];
const WEIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/moue-fer2013.safetensors");

/// A pattern for each class with noise for each number, so that no two pictures are alike.
fn face(class: usize, number: usize) -> GrayImage {
    let mut state = (class * 1009 + number * 7919 + 1) as u32;
    GrayImage::from_fn(48, 48, |x, y| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let on = (x / (5 + class as u32) + y / (11 - class as u32)).is_multiple_of(2);
        image::Luma([if on { 90 } else { 60 } + (state >> 24) as u8 / 2])
    })
}

/// So many pictures a class in train/ and in val/; the first `shared` of val/ are in train/ too.
fn data(train: usize, val: usize, shared: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (split, count) in [("train", train), ("val", val)] {
        for (class, name) in CLASSES.into_iter().enumerate() {
            let folder = dir.path().join(split).join(name);
            std::fs::create_dir_all(&folder).unwrap();
            for i in 0..count {
                let number = if split == "val" && i >= shared { 1000 + i } else { i };
                face(class, number).save(folder.join(format!("{number}.png"))).unwrap();
            }
        }
    }
    dir
}

fn moue(arguments: &[&str]) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("moue"));
    command.args(arguments).args(["--threads", "2"]).output().unwrap()
}

fn done(arguments: &[&str]) -> String {
    let output = moue(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn conditions_are_measured_the_same_way_each_time_and_go_onto_the_files_card() {
    let data = data(1, 3, 0);
    let out = tempfile::tempdir().unwrap();
    let card = out.path().join("card.safetensors");
    let base = ["evaluate", WEIGHTS, text(data.path()), "--split", "val", "--conditions", "--json"];
    let first = done(&[&base[..], &["--out", text(out.path()), "--write-card", text(&card)]].concat());
    assert_eq!(first, done(&base));
    let report: Value = serde_json::from_str(&first).unwrap();
    let rows = report["conditions"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 14);
    assert_eq!(rows[0]["condition"], "clean");
    assert_eq!(rows[0]["accuracy"], report["result"]["accuracy"]);
    for file in ["conditions.txt", "conditions.png", "report.txt", "report.json"] {
        assert!(out.path().join(file).is_file(), "{file}");
    }
    let written = std::fs::read_to_string(out.path().join("report.txt")).unwrap();
    assert!(written.contains("if perfectly calibrated"), "{written}");

    // The card's file has the same network, to the bit, and the table.
    let before = moue::model::LoadedWeights::read(Path::new(WEIGHTS)).unwrap().weights;
    let after = moue::model::LoadedWeights::read(&card).unwrap().weights;
    assert!(before.tensors == after.tensors, "the weights differ");
    let table = moue::model::ConditionsTable::of(&after.metadata).unwrap();
    assert_eq!(table.rows.len(), 14);
    assert!(table.data.contains("21 val pictures"), "{}", table.data);
    let bytes = |file: &Path| std::fs::metadata(file).unwrap().len();
    assert!(bytes(&card) < bytes(Path::new(WEIGHTS)) * 11 / 10, "16 bits stay 16 bits");
    let shown = Command::new(assert_cmd::cargo::cargo_bin!("moue")).arg("model").arg(&card).output().unwrap();
    assert!(String::from_utf8(shown.stdout).unwrap().contains("Dark and noisy"));

    let thinned = done(&[&base[..], &["--every", "5"]].concat());
    let thinned: Value = serde_json::from_str(&thinned).unwrap();
    assert_eq!(thinned["result"]["count"], 5);
    let wrong = moue(&["evaluate", WEIGHTS, text(data.path()), "--write-card", text(&card)]);
    assert_eq!(wrong.status.code(), Some(2), "a card without conditions");
}

#[test]
fn a_calibrated_file_gives_the_probabilities_that_were_reported() {
    let data = data(2, 24, 2);
    let out = tempfile::tempdir().unwrap();
    let to = out.path().join("calibrated.safetensors");
    let report = done(&["calibrate", WEIGHTS, text(data.path()), "--to", text(&to), "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["left_out"]["exact"], 14);
    assert_eq!(report["calibration"]["method"], "classes", "{:#}", report["calibration"]);
    assert_eq!(report["calibration"]["pictures"], 154);
    let measured = |weights: &str| -> Value {
        let json = done(&["evaluate", weights, text(data.path()), "--split", "val", "--json"]);
        serde_json::from_str::<Value>(&json).unwrap()["result"].clone()
    };
    let (before, after) = (measured(WEIGHTS), measured(text(&to)));
    let loss = |v: &Value| v["log_loss"].as_f64().unwrap();
    assert!(loss(&after) < loss(&before), "{} from {}", loss(&after), loss(&before));
    assert!((loss(&after) - loss(&report["validation"])).abs() < 1e-6);

    // Only the last layer changed, and the metadata say so.
    let before = moue::model::LoadedWeights::read(Path::new(WEIGHTS)).unwrap().weights;
    let after = moue::model::LoadedWeights::read(&to).unwrap().weights;
    for (name, tensor) in &before.tensors {
        assert_eq!(after.tensors[name] == *tensor, !name.starts_with("fc."), "{name}");
    }
    assert_eq!(after.temperature(), 1.0);
    assert!(after.metadata["calibration"].contains("154 validation pictures"));
    assert!(!after.metadata.contains_key("test_accuracy"), "measured before");
    assert!(after.metadata.contains_key("val_without_repeats_ece_debiased"));
}
