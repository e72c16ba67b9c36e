//! `moue train` and `moue export` as a user runs them, on a tiny data set.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use image::GrayImage;
use moue::model::{StoredAs, WeightTensor, is_head, write_safetensors};
use moue::train::initial_weights;
use tempfile::TempDir;

const CLASSES: [&str; 7] = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"];

/// A class's pattern of 48x48 pixels, a little different for each number.
fn face(class: usize, number: usize) -> GrayImage {
    GrayImage::from_fn(48, 48, |x, y| {
        let on = match class {
            0 => x / 8 % 2 == 0,
            1 => y / 8 % 2 == 0,
            2 => (x / 12 + y / 12) % 2 == 0,
            3 => x.abs_diff(24) + y.abs_diff(24) < 18,
            4 => x.abs_diff(24).max(y.abs_diff(24)) > 14,
            5 => y < 24,
            _ => true,
        };
        let noise = (x * 31 + y * 17 + number as u32 * 7) % 23;
        image::Luma([if on { 190 } else { 60 } + noise as u8])
    })
}

/// A data set with so many pictures a class in train/ and in val/.
fn data(train: usize, val: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (split, count, first) in [("train", train, 0), ("val", val, 1000)] {
        for (class, name) in CLASSES.into_iter().enumerate() {
            let folder = dir.path().join(split).join(name);
            std::fs::create_dir_all(&folder).unwrap();
            for number in first..first + count {
                face(class, number).save(folder.join(format!("{number}.png"))).unwrap();
            }
        }
    }
    dir
}

fn moue() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin!("moue"))
}

/// The default recipe, made small: only its size, batch and length differ.
fn train(data: &Path, out: &Path, epochs: usize) -> Command {
    let mut command = moue();
    command.arg("train").arg(data).arg("--out").arg(out);
    command.args(["--size", "32", "--batch", "14", "--epochs", &epochs.to_string(), "--threads", "2"]);
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output)
}

/// Runs until the first epoch is reported; what it says later is read away by a thread.
fn until_second_epoch(command: &mut Command) -> Child {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let reported = lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("moue: epoch 1:"));
    assert!(reported, "the run ended before its first epoch did");
    std::thread::spawn(move || lines.for_each(drop));
    child
}

#[test]
fn a_run_killed_in_mid_epoch_goes_on_and_ends_in_the_same_bits() {
    let data = data(40, 4);
    let out = tempfile::tempdir().unwrap();
    let (whole, parts) = (out.path().join("whole"), out.path().join("parts"));
    std::fs::write(data.path().join("train/sad/broken.png"), "no picture").unwrap();
    let said = succeed(&mut train(data.path(), &whole, 3));
    assert!(said.contains("train/sad/broken.png") && said.contains("1 skipped"), "{said}");

    let mut killed = until_second_epoch(&mut train(data.path(), &parts, 3));
    std::thread::sleep(std::time::Duration::from_millis(200));
    killed.kill().unwrap();
    assert!(!killed.wait().unwrap().success());
    assert!(!parts.join("weights.safetensors").exists(), "the run was over before it was killed");
    let again = train(data.path(), &parts, 3).output().unwrap();
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("--resume"), "{}", stderr(&again));
    let other = train(data.path(), &parts, 9).arg("--resume").output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    assert!(stderr(&other).contains("stages: expected \"32:3\", found \"32:9\""), "{}", stderr(&other));
    succeed(train(data.path(), &parts, 3).arg("--resume"));

    for file in ["weights.safetensors", "best.safetensors"] {
        let read = |dir: &Path| std::fs::read(dir.join(file)).unwrap();
        assert!(read(&whole) == read(&parts), "{file} differs");
    }
    for file in ["metrics.csv", "curves.png", "val/report.txt", "val/confusion_matrix.png"] {
        assert!(parts.join(file).is_file(), "{file}");
    }
    assert_eq!(std::fs::read_to_string(parts.join("metrics.csv")).unwrap().lines().count(), 4);

    // What was written says of itself what `evaluate` finds, and converts.
    let weights = parts.join("weights.safetensors");
    let facts = succeed(moue().arg("model").arg(&weights));
    for fact in ["AttentionEmotionNet", "3x32x32", "280 train, 28 val", "split_protocol", "random weights"] {
        assert!(facts.contains(fact), "{fact}: {facts}");
    }
    let evaluated = out.path().join("evaluated");
    let evaluate = |weights: &Path| {
        let mut command = moue();
        command
            .arg("evaluate")
            .arg(weights)
            .arg(data.path())
            .args(["--split", "val", "--out"])
            .arg(&evaluated);
        succeed(&mut command);
        std::fs::read_to_string(evaluated.join("report.txt")).unwrap()
    };
    let report = evaluate(&weights);
    assert_eq!(report, std::fs::read_to_string(parts.join("val/report.txt")).unwrap());
    let exported = out.path().join("exported.safetensors");
    succeed(
        moue()
            .arg("export")
            .arg(&weights)
            .arg("--to")
            .arg(&exported)
            .args(["--dtype", "f32", "--note", "who=me"]),
    );
    assert!(succeed(moue().arg("model").arg(&exported)).contains("who                  me"));
    let size = |path: &Path| std::fs::metadata(path).unwrap().len() as f64;
    assert!((size(&exported) / size(&weights) - 2.0).abs() < 0.02, "32 bits take twice the room of 16");
    std::fs::remove_dir_all(&evaluated).unwrap();
    assert_eq!(evaluate(&exported), report);
    let again = || {
        let mut command = moue();
        command.arg("export").arg(&weights).arg("--to").arg(&exported);
        command
    };
    let kept = again().output().unwrap();
    assert_eq!(kept.status.code(), Some(2));
    assert!(stderr(&kept).contains("--overwrite"), "{}", stderr(&kept));
    let changed = again().args(["--overwrite", "--note", "blocks=2"]).output().unwrap();
    assert!(stderr(&changed).contains("--note blocks=2"), "{}", stderr(&changed));
    let wrong = moue().arg("export").arg(&weights).args(["--to", "x.pt"]).output().unwrap();
    assert!(stderr(&wrong).contains(".safetensors"), "{}", stderr(&wrong));
}

/// Stages, teachers and the webcam's faults, killed in the first stage's last epoch: everything is drawn and read again the same.
#[test]
fn a_run_of_stages_with_teachers_goes_on_and_ends_in_the_same_bits() {
    let data = data(24, 2);
    let out = tempfile::tempdir().unwrap();
    let teacher = |name: &str, seed: u64, size: &str| {
        let mut weights = initial_weights(1, seed);
        weights.metadata.insert("input_size".into(), size.into());
        let path = out.path().join(name);
        write_safetensors(&weights, &path, StoredAs::F16).unwrap();
        path
    };
    let (a, b) = (teacher("a.safetensors", 5, "32"), teacher("b.safetensors", 6, "48"));
    let train = |run: &Path, teachers: [&Path; 2]| {
        let mut command = moue();
        command.arg("train").arg(data.path()).arg("--out").arg(run);
        command.args([
            "--stages",
            "32:2,40:1",
            "--batch",
            "14",
            "--threads",
            "2",
            "--augmentation",
            "webcam",
            "--last-augmentation",
            "standard",
        ]);
        command.args(["--distill-share", "0.7", "--distill-temperature", "2"]);
        for path in teachers {
            command.arg("--distill").arg(path);
        }
        command
    };
    let (whole, parts) = (out.path().join("whole"), out.path().join("parts"));
    let said = succeed(&mut train(&whole, [&a, &b]));
    for text in ["epoch 2: 32 px", "epoch 3: 40 px", "best so far", "kept: stage-1-32px.safetensors"] {
        assert!(said.contains(text), "{text}: {said}");
    }
    assert!(!said.lines().any(|l| l.contains("32 px") && l.contains("best")), "{said}");

    let mut killed = until_second_epoch(&mut train(&parts, [&a, &b]));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!parts.join("weights.safetensors").exists(), "the run was over before it was killed");
    let other = train(&parts, [&b, &a]).arg("--resume").output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    assert!(stderr(&other).contains("teachers"), "{}", stderr(&other));
    succeed(train(&parts, [&a, &b]).arg("--resume"));
    for file in ["weights.safetensors", "best.safetensors", "stage-1-32px.safetensors"] {
        let read = |dir: &Path| std::fs::read(dir.join(file)).unwrap();
        assert!(read(&whole) == read(&parts), "{file} differs");
    }
    let facts = succeed(moue().arg("model").arg(parts.join("weights.safetensors")));
    for fact in
        ["3x40x40", "32:2,40:1", "webcam", "\"last_augmentation\":\"standard\"", "a.safetensors, SHA-256"]
    {
        assert!(facts.contains(fact), "{fact}: {facts}");
    }
}

#[test]
fn a_run_can_begin_with_the_body_of_torchvisions_resnet18() {
    let data = data(2, 1);
    let out = tempfile::tempdir().unwrap();
    let mut weights = initial_weights(2, 9);
    let tensors = std::mem::take(&mut weights.tensors).into_iter().filter(|(name, _)| !is_head(name));
    weights.tensors = tensors.map(|(name, t)| (name.replace(".shortcut.", ".downsample."), t)).collect();
    weights.tensors.insert("fc.bias".into(), WeightTensor { shape: vec![1000], values: vec![0.0; 1000] });
    let file = out.path().join("resnet18.safetensors");
    write_safetensors(&weights, &file, StoredAs::F32).unwrap();
    let run = out.path().join("run");
    let shallow = train(data.path(), &run, 1).args(["--blocks", "1", "--init"]).arg(&file).output().unwrap();
    assert!(stderr(&shallow).contains("--blocks: expected at least 2"), "{}", stderr(&shallow));
    let said = succeed(train(data.path(), &run, 1).arg("--init").arg(&file));
    for text in ["resnet18.safetensors: the body", "attention and fc begin with random", "1000 classes"] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let facts = succeed(moue().arg("model").arg(run.join("weights.safetensors")));
    for fact in ["the body of resnet18.safetensors, SHA-256", "\"body\":0.1", "blocks         2"] {
        assert!(facts.contains(fact), "{fact}: {facts}");
    }
}

#[test]
fn a_run_can_deepen_the_network_that_it_begins_with() {
    let data = data(2, 1);
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("shallow.safetensors");
    let mut shallow = initial_weights(1, 9);
    shallow.metadata.insert("blocks".into(), "1".into());
    write_safetensors(&shallow, &file, StoredAs::F32).unwrap();
    let run = out.path().join("run");
    let said = succeed(train(data.path(), &run, 1).args(["--blocks", "2", "--init"]).arg(&file));
    assert!(said.contains("shallow.safetensors: 1 residual block a layer is deepened to 2"), "{said}");
    let facts = succeed(moue().arg("model").arg(run.join("weights.safetensors")));
    for fact in ["shallow.safetensors, SHA-256", ", deepened", "blocks         2"] {
        assert!(facts.contains(fact), "{fact}: {facts}");
    }
    // The deep network is taken as it is, and is not made shallow.
    let deep = run.join("best.safetensors");
    let again = out.path().join("again");
    let refused =
        train(data.path(), &again, 1).args(["--blocks", "1", "--init"]).arg(&deep).output().unwrap();
    assert!(stderr(&refused).contains("--blocks: expected at least 2"), "{}", stderr(&refused));
    let said = succeed(train(data.path(), &again, 1).arg("--init").arg(&deep));
    assert!(!said.contains("deepened"), "{said}");
}

#[cfg(unix)]
#[test]
fn control_c_saves_and_says_how_to_go_on() {
    let data = data(40, 2);
    let out = tempfile::tempdir().unwrap();
    let run = out.path().join("run");
    let mut child = until_second_epoch(&mut train(data.path(), &run, 2));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let said = succeed(train(data.path(), &run, 2).arg("--resume"));
    assert!(said.contains("epoch 2:") && !said.contains("epoch 1:"), "{said}");
}

#[test]
fn what_cannot_work_is_said_before_the_first_epoch() {
    let data = data(3, 1);
    let out = tempfile::tempdir().unwrap();
    let refused = |command: &mut Command, expected: &str| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{expected}: {}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains(expected), "expected {expected}, found {said}");
        assert!(!said.contains("epoch 1:"), "{said}");
    };
    let run = out.path().join("run");
    let file = out.path().join("file");
    std::fs::write(&file, "").unwrap();
    refused(&mut train(data.path(), &file.join("run"), 1), "file/run");
    refused(train(data.path(), &run, 1).arg("--resume"), "checkpoint.safetensors");
    refused(train(data.path(), &run, 1).arg("--lr=-1"), "--lr");
    refused(train(data.path(), &run, 1).args(["--stages", "32:1"]), "--stages");
    refused(train(data.path(), &run, 1).args(["--distill-share", "0.5"]), "--distill");
    let stages = ["--stages", "32:1,4000:1", "--threads", "2"];
    refused(moue().arg("train").arg(data.path()).arg("--out").arg(&run).args(stages), "512 pixels");
    refused(&mut train(&out.path().join("nowhere"), &run, 1), "nowhere");
    refused(train(data.path(), &run, 1).arg("--ferplus").arg(&file), "file");

    let class = data.path().join("train/fear");
    std::fs::rename(&class, data.path().join("train/contempt")).unwrap();
    refused(&mut train(data.path(), &run, 1), "contempt");
    std::fs::remove_dir_all(data.path().join("train/contempt")).unwrap();
    refused(&mut train(data.path(), &run, 1), "fear");
    std::fs::create_dir(&class).unwrap();
    refused(&mut train(data.path(), &run, 1), "fear");
    std::fs::remove_dir_all(data.path().join("val")).unwrap();
    refused(&mut train(data.path(), &run, 1), "val");
}

/// A file size limit stands for the full disk: the system refuses in the same place.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_before_the_first_epoch() {
    let data = data(3, 1);
    let out = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 60000; exec \"$@\"", "sh"])
        .arg(assert_cmd::cargo::cargo_bin!("moue"))
        .args(["train", "--size", "32", "--epochs", "1", "--batch", "7"])
        .arg(data.path())
        .arg("--out")
        .arg(out.path().join("run"))
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot write") && !said.contains("epoch 1:"), "{said}");
}
