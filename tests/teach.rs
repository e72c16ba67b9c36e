//! `moue teach` and `moue analyze --profile`, as a user runs them.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::RgbImage;
use moue::model::{LoadedWeights, StoredAs, write_safetensors};
use serde_json::Value;

mod common;

fn moue(arguments: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("moue")).args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn succeed(arguments: &[&str]) -> String {
    let output = moue(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn picture(name: &str) -> RgbImage {
    image::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo").join(name)).unwrap().into_rgb8()
}

/// The same picture in another light and size, from the other side.
fn changed(image: &RgbImage) -> RgbImage {
    let mut dark = image.clone();
    dark.pixels_mut().flat_map(|p| &mut p.0).for_each(|v| *v = (f32::from(*v) * 0.7 + 6.0) as u8);
    let dark = image::imageops::flip_horizontal(&dark);
    let (width, height) = dark.dimensions();
    image::imageops::resize(&dark, width * 4 / 5, height * 4 / 5, image::imageops::FilterType::Triangle)
}

/// Two expressions of one man, `takes` pictures of each.
fn taught(folder: &Path, takes: usize) -> PathBuf {
    let from = folder.join(format!("me{takes}"));
    for (name, file) in [("big smile", "obama.jpg"), ("serious", "obama_serious.jpg")] {
        let dir = from.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let image = picture(file);
        image.save(dir.join("a.png")).unwrap();
        if takes > 1 {
            changed(&image).save(dir.join("b.png")).unwrap();
        }
        // What systems leave behind is no take.
        std::fs::write(dir.join("Thumbs.db"), "x").unwrap();
    }
    from
}

#[test]
fn one_picture_an_expression_is_enough_and_is_said_to_be_unmeasured() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let from = taught(folder.path(), 1);
    let profile = at("me.moueprofile");
    let said = succeed(&["teach", "--from", from.to_str().unwrap(), "--out", &profile]);
    assert!(said.contains("big smile, serious") && said.contains("nothing could be held out"), "{said}");
    // The same pictures give the same file.
    let again = at("again.moueprofile");
    succeed(&["teach", "--from", from.to_str().unwrap(), "--out", &again]);
    assert_eq!(std::fs::read(&profile).unwrap(), std::fs::read(&again).unwrap());

    for (name, expected) in [("obama.jpg", "big smile"), ("obama_serious.jpg", "serious")] {
        let path = at("seen.png");
        changed(&picture(name)).save(&path).unwrap();
        let line = succeed(&["analyze", &path, "--profile", &profile, "--json"]);
        let frame: Value = serde_json::from_str(&line).unwrap();
        let face = &frame["faces"][0];
        assert_eq!(face["personal_label"], expected, "{face}");
        let p = face["personal_probabilities"].as_object().unwrap();
        assert_eq!(p.keys().collect::<Vec<_>>(), ["big smile", "serious"]);
        assert!((p.values().map(|v| v.as_f64().unwrap()).sum::<f64>() - 1.0).abs() < 1e-5);
        assert!(p[expected].as_f64().unwrap() > 0.5);
        // The seven are there as before.
        let plain: Value = serde_json::from_str(&succeed(&["analyze", &path, "--json"])).unwrap();
        assert_eq!(plain["faces"][0]["probabilities"], face["probabilities"]);
        assert!(plain["faces"][0].get("personal_label").is_none());

        let table = succeed(&["analyze", &path, "--profile", &profile, "--csv"]);
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let header = reader.headers().unwrap().clone();
        let row = reader.records().next().unwrap().unwrap();
        let value = |name: &str| &row[header.iter().position(|h| h == name).unwrap()];
        assert_eq!(value("personal_label"), expected);
        let column = if expected == "serious" { "personal_serious" } else { "personal_big_smile" };
        assert!(value(column).parse::<f64>().unwrap() > 0.5);
        assert_eq!(value("source"), path);
        assert_eq!(&header[header.len() - 1], "source");
        // A recording has the same columns.
        let recordings = at(&format!("rec {expected}"));
        succeed(&["analyze", &path, "--profile", &profile, "--record", &recordings, "--csv"]);
        let session = std::fs::read_dir(&recordings).unwrap().next().unwrap().unwrap().path();
        let mut rows = csv::Reader::from_path(session.join("faces.csv")).unwrap();
        assert_eq!(*rows.headers().unwrap(), header);
        let kept = rows.records().next().unwrap().unwrap();
        let place = |name: &str| header.iter().position(|h| h == name).unwrap();
        assert_eq!((&kept[place("personal_label")], &kept[place(column)]), (expected, value(column)));
        let text = succeed(&["analyze", &path, "--profile", &profile]);
        assert!(text.contains(&format!("personal: {expected}")), "{text}");
    }
}

#[test]
fn two_pictures_each_are_reviewed_on_what_was_held_out() {
    let folder = tempfile::tempdir().unwrap();
    let from = taught(folder.path(), 2);
    let profile = folder.path().join("me.moueprofile");
    let arguments = ["teach", "--from", from.to_str().unwrap(), "--out", profile.to_str().unwrap()];
    let said = succeed(&arguments);
    assert!(
        said.contains(
            "Takes that were held out: 4 of 4 read right, 100 % (of many more, probably between 51 and 100 %"
        ),
        "{said}"
    );
    assert!(said.contains("big smile  read as: big smile 2"), "{said}");
    // What is there already stays, unless asked otherwise.
    let before = std::fs::read(&profile).unwrap();
    let refused = moue(&arguments);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--overwrite"), "{}", stderr(&refused));
    assert_eq!(std::fs::read(&profile).unwrap(), before);
    succeed(&[&arguments[..], &["--overwrite"]].concat());
    // A picture of a stranger's clouds has no face: it is named, the rest is learned from.
    RgbImage::from_fn(64, 64, |x, y| image::Rgb([(x * 3) as u8, (y * 3) as u8, 9]))
        .save(from.join("serious/c.png"))
        .unwrap();
    let output = moue(&[&arguments[..], &["--overwrite"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("c.png: no face found"), "{}", stderr(&output));
}

#[test]
fn what_cannot_be_used_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let from = taught(folder.path(), 1);
    let profile = at("me.moueprofile");
    succeed(&["teach", "--from", from.to_str().unwrap(), "--out", &profile]);
    let picture = at("seen.png");
    changed(&self::picture("obama.jpg")).save(&picture).unwrap();
    let refused = |profile: &str, more: &[&str]| {
        let output = moue(&[&["analyze", &picture, "--profile", profile], more].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(output.stdout.is_empty());
        stderr(&output)
    };
    // Another network.
    let mut weights = LoadedWeights::built_in().unwrap().weights;
    weights.tensors.get_mut("fc.bias").unwrap().values[0] += 0.1;
    let other = at("other.safetensors");
    write_safetensors(&weights, Path::new(&other), StoredAs::F32).unwrap();
    let said = refused(&profile, &["--weights", &other]);
    assert!(said.contains("another network") && said.contains("other.safetensors"), "{said}");
    assert!(said.contains("teach anew"), "{said}");
    // A cut file, and one of another kind.
    let bytes = std::fs::read(&profile).unwrap();
    let cut = at("cut.moueprofile");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused(&cut, &[]).contains("cut.moueprofile: not a profile"));
    assert!(refused(&other, &[]).contains("Profiles are made by `moue teach`"));
    assert!(refused(&at("none"), &[]).contains("none"));

    // Folders that hold nothing to learn from.
    let teach = |from: &str| {
        let output = moue(&["teach", "--from", from, "--out", &at("new.moueprofile")]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(!Path::new(&at("new.moueprofile")).exists());
        stderr(&output)
    };
    assert!(teach(&at("nowhere")).contains("nowhere"));
    std::fs::create_dir_all(at("one/happy")).unwrap();
    assert!(teach(&at("one")).contains("expected 2 to 12 folders, one an expression"));
    std::fs::create_dir_all(at("one/sad")).unwrap();
    assert!(teach(&at("one")).contains("happy: no face to learn from"));
}

#[test]
fn expressions_that_the_network_does_not_know_are_read_after_one_picture() {
    let Some(media) = common::shared().map(|shared| shared.join("media/images")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let of = |n: u32| media.join(format!("human_stock-emotions-a-{n}.jpg"));
    let expressions =
        [("neutral", 3), ("disgust", 4), ("angry", 5), ("tongue out", 6), ("happy", 7), ("fear", 8)];
    for (name, n) in expressions {
        let dir = folder.path().join("me").join(name);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::copy(of(n), dir.join("one.jpg")).unwrap();
    }
    let profile = folder.path().join("me.moueprofile");
    let profile = profile.to_str().unwrap();
    succeed(&["teach", "--from", folder.path().join("me").to_str().unwrap(), "--out", profile]);
    for (name, n) in expressions {
        let path = folder.path().join("seen.png");
        changed(&image::open(of(n)).unwrap().into_rgb8()).save(&path).unwrap();
        let line = succeed(&["analyze", path.to_str().unwrap(), "--profile", profile, "--json"]);
        let frame: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(frame["faces"][0]["personal_label"], name, "{line}");
    }
}
