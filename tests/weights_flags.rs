//! `--input-size` and `--classes` on the commands that load weights, as a user gives them.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use moue::model::{Expression, LoadedWeights, StoredAs, write_safetensors};
use serde_json::Value;

const FER: &str = "angry,disgust,fear,happy,sad,surprise,neutral";
const SAID: [&str; 4] =
    ["--input-size", "128", "--classes", "Anger,disgusted,fearful,happiness,sadness,surprised,neutral"];

fn moue(arguments: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("moue")).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The shipped network as another program may have saved it: in FER's order, without a word on anything.
fn silent_file(folder: &Path) -> PathBuf {
    let mut weights = LoadedWeights::built_in().unwrap().weights;
    weights.metadata.retain(|key, _| key == "temperature");
    for (name, row) in [("fc.weight", 512), ("fc.bias", 1)] {
        let tensor = weights.tensors.get_mut(name).unwrap();
        let rows: Vec<Vec<f32>> = tensor.values.chunks(row).map(<[f32]>::to_vec).collect();
        let of = |name: &str| rows[Expression::from_name(name).unwrap().index()].clone();
        tensor.values = FER.split(',').flat_map(of).collect();
    }
    let path = folder.join("silent.safetensors");
    write_safetensors(&weights, &path, StoredAs::F32).unwrap();
    path
}

/// A class folder for each expression with two pictures of noise in each.
fn pictures(folder: &Path) -> PathBuf {
    let mut state = 7u32;
    for class in Expression::ALL {
        for split in ["test", "val", "train"] {
            let folder = folder.join("data").join(split).join(class.name());
            std::fs::create_dir_all(&folder).unwrap();
            for i in 0..2 {
                let picture = image::GrayImage::from_fn(48, 48, |x, y| {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    image::Luma([(x * 3 + y * (class.index() as u32)) as u8 / 2 + (state >> 26) as u8])
                });
                picture.save(folder.join(format!("{i}.png"))).unwrap();
            }
        }
    }
    folder.join("data")
}

#[test]
fn what_is_said_of_a_file_makes_it_read_as_its_maker_meant() {
    let folder = tempfile::tempdir().unwrap();
    let (weights, data) = (silent_file(folder.path()), pictures(folder.path()));
    let (weights, data) = (weights.to_str().unwrap(), data.to_str().unwrap());
    let losses = |arguments: &[&str]| {
        let output = moue(&[&["evaluate"], arguments, &["--json"][..]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
        (
            report["result"]["log_loss"].as_f64().unwrap(),
            report["weights"]["assumed"].clone(),
            stderr(&output),
        )
    };
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/models/moue-fer2013.safetensors");
    let (right, assumed, said) = losses(&[shipped, data]);
    assert!(assumed.is_null() && !said.contains("assumed"), "{said}");
    let (silent, assumed, said) = losses(&[weights, data]);
    assert!((silent - right).abs() > 1e-5, "{silent} and {right}");
    assert_eq!(assumed, "input 224 and class order assumed");
    assert!(said.contains("silent.safetensors: input 224 and class order assumed"), "{said}");
    assert!(
        said.contains("--input-size") && said.contains("--classes") && said.contains("moue export"),
        "{said}"
    );
    let (told, assumed, said) = losses(&[&[weights, data], &SAID[..]].concat());
    assert!((told - right).abs() < 1e-6, "{told} and {right}");
    assert!(assumed.is_null() && !said.contains("assumed"), "{said}");
    let (half, _, said) = losses(&[&[weights, data], &SAID[..2]].concat());
    assert!((half - right).abs() > 1e-5 && said.contains("class order assumed"), "{said}");

    // Export writes both into the file.
    let to = folder.path().join("said.safetensors");
    let to = to.to_str().unwrap();
    let exported = moue(&[&["export", weights, "--to", to], &SAID[..]].concat());
    assert!(exported.status.success(), "{}", stderr(&exported));
    let (written, assumed, _) = losses(&[to, data]);
    assert!((written - right).abs() < 1e-6 && assumed.is_null());
    // Calibrate too.
    let calibrated = folder.path().join("calibrated.safetensors");
    let calibrated = calibrated.to_str().unwrap();
    let output = moue(&[&["calibrate", weights, data, "--to", calibrated], &SAID[..]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let facts = stdout(&moue(&["model", calibrated]));
    assert!(facts.contains("3x128x128") && !facts.contains("assumed"), "{facts}");

    // Pictures and the model's facts.
    let picture = format!("{data}/test/happy/0.png");
    let reading = |arguments: &[&str]| {
        let output = moue(&[&["analyze", &picture, "--cropped", "--json"], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let line: Value = serde_json::from_str(stdout(&output).lines().next().unwrap()).unwrap();
        (line["faces"][0]["probabilities"].clone(), stderr(&output))
    };
    let (right, _) = reading(&[]);
    assert!(right["happy"].is_number(), "{right}");
    let (told, said) = reading(&[&["--weights", weights], &SAID[..]].concat());
    for class in Expression::ALL.map(Expression::name) {
        let (a, b) = (right[class].as_f64().unwrap(), told[class].as_f64().unwrap());
        assert!((a - b).abs() < 1e-4, "{class}: {a} and {b}");
    }
    assert!(!said.contains("assumed"), "{said}");
    assert!(reading(&["--weights", weights]).1.contains("input 224 and class order assumed"));
    let facts = stdout(&moue(&["model", weights]));
    assert!(facts.contains("3x224x224 (assumed)") && facts.contains("class order assumed"), "{facts}");
    let facts = stdout(&moue(&[&["model", weights], &SAID[..]].concat()));
    assert!(facts.contains("3x128x128\n") && !facts.contains("assumed"), "{facts}");
    assert!(facts.contains("angry, disgust, fear, happy, sad, surprise, neutral"), "{facts}");
}

#[test]
fn training_takes_silent_files_as_they_are_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let (silent, data) = (silent_file(folder.path()), pictures(folder.path()));
    let silent = silent.to_str().unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/models/moue-fer2013.safetensors");
    let said = ["--weights-input-size", "128", "--weights-classes", FER];
    // What the epoch learned and read, without times.
    let train = |name: &str, weights: &str, flags: &[&str]| {
        let out = folder.path().join(name);
        let settings = ["--size", "32", "--batch", "7", "--epochs", "1", "--threads", "1"];
        let files = ["--init", weights, "--distill", weights, "--out", out.to_str().unwrap()];
        let output = moue(&[&["train", data.to_str().unwrap()], &settings[..], &files, flags].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let table = std::fs::read_to_string(out.join("metrics.csv")).unwrap();
        let row = table.lines().nth(1).unwrap().split(',').take(9).collect::<Vec<_>>().join(",");
        (row, stderr(&output))
    };
    let (right, heard) = train("right", shipped, &[]);
    assert!(!heard.contains("assumed"), "{heard}");
    let (told, heard) = train("told", silent, &said);
    assert!(told == right && !heard.contains("assumed"), "{told} and {right}: {heard}");
    // What a file says itself stays.
    assert_eq!(train("double", shipped, &["--weights-input-size", "64", "--weights-classes", FER]).0, right);
    let (wrong, heard) = train("untold", silent, &[]);
    assert_ne!(wrong, right);
    assert!(heard.contains("--weights-input-size PX and --weights-classes A,B,..."), "{heard}");
}

#[test]
fn wrong_words_are_refused_before_anything_is_read() {
    for (flag, value, found) in [
        ("--classes", "angry,disgust", "found 2 names"),
        ("--classes", "angry,anger,fear,happy,sad,surprise,neutral", "found angry twice"),
        (
            "--classes",
            "angry,disgust,fear,happy,sad,surprise,contempt",
            "\"contempt\", which is none of them",
        ),
        ("--input-size", "20", "expected 32 to 512 pixels"),
        ("--input-size", "144x144", "expected 32 to 512 pixels"),
    ] {
        for command in [
            &["model", "no.pt"][..],
            &["analyze", "no.png", "--weights", "no.pt"],
            &["evaluate", "no.pt", "nowhere"],
            &["calibrate", "no.pt", "nowhere", "--to", "x.safetensors"],
            &["export", "no.pt", "--to", "x.safetensors"],
            &["--weights", "no.pt"],
        ] {
            let output = moue(&[command, &[flag, value]].concat());
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{command:?}: {said}");
            assert!(said.contains(found) && said.contains("expected"), "{command:?}: {said}");
        }
    }
}
