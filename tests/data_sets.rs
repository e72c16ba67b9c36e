//! Data sets as people have them: names, numbers, kinds of files, no validation part.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use image::{DynamicImage, GrayImage, ImageFormat};
use moue::model::Expression;
use moue::train::data::{DataOptions, DataSet, SplitName, ValShare};
use tempfile::TempDir;

const WEIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/moue-fer2013.safetensors");
const NAMES: [&str; 7] = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"];

/// A picture of a class, with noise for each number.
fn face(class: usize, number: usize, side: u32) -> GrayImage {
    let mut state = (class * 1009 + number * 7919 + 1) as u32;
    GrayImage::from_fn(side, side, |x, y| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let on = (x / (5 + class as u32) + y / (11 - class as u32)).is_multiple_of(2);
        image::Luma([if on { 90 } else { 60 } + (state >> 24) as u8 / 2])
    })
}

/// `count` pictures of each class in each split; class `i` of the seven lies in the folder `names[i]`.
fn data(splits: &[&str], names: &[&str; 7], count: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (s, split) in splits.iter().enumerate() {
        for (class, name) in names.iter().enumerate() {
            let folder = dir.path().join(split).join(name);
            std::fs::create_dir_all(&folder).unwrap();
            for i in 0..count {
                face(class, 100 * s + i, 48).save(folder.join(format!("{i}.png"))).unwrap();
            }
        }
    }
    dir
}

fn read_set(path: &Path, split: SplitName, classes: Option<&str>) -> Result<DataSet, String> {
    let classes = classes.map(|text| text.parse().unwrap());
    let options = DataOptions { classes, ..DataOptions::default() };
    DataSet::read(path, &[split], &options).map_err(|e| e.to_string())
}

/// Whether every picture has the label of the class that it was made for.
fn labels_are_right(data: &DataSet, split: SplitName, count: usize) {
    let split = data.split(split);
    assert_eq!(split.counts(), [count; 7]);
    for i in 0..split.len() {
        let class = split.samples[i].label.index();
        let made = (0..200).any(|number| face(class, number, 48).as_raw().as_slice() == split.face(i));
        assert!(made, "{} is {}", split.samples[i].name, split.samples[i].label);
    }
}

fn moue(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        Command::new(assert_cmd::cargo::cargo_bin!("moue")).args(arguments).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned() + &String::from_utf8_lossy(&stdout))
}

#[test]
fn folders_are_read_under_their_names_and_numbers_and_it_is_told() {
    for (names, told) in [
        (NAMES, None),
        (
            ["anger", "disgusted", "fearful", "happiness", "neutral", "sadness", "surprised"],
            Some("anger = angry"),
        ),
        (["Angry", "DISGUST", "Fear", "Happy", "Neutral", "Sad", "Surprise"], Some("Angry = angry")),
        (
            ["0_angry", "1_disgust", "2_fear", "3_happy", "4_neutral", "5_sad", "6_surprise"],
            Some("0_angry = angry"),
        ),
        (["0", "1", "2", "3", "6", "4", "5"], Some("7 numbered folders read in FER-2013's order: 0 angry")),
        (["6", "3", "2", "4", "7", "5", "1"], Some("7 numbered folders read in RAF-DB's order: 1 surprise")),
    ] {
        let dir = data(&["test"], &names, 2);
        let read = read_set(dir.path(), SplitName::Test, None).unwrap();
        labels_are_right(&read, SplitName::Test, 2);
        assert_eq!(read.notices.len(), usize::from(told.is_some()), "{:?}", read.notices);
        assert!(told.is_none_or(|told| read.notices[0].contains(told)), "{:?}", read.notices);
    }
    // A list lies beside them.
    let dir = data(&["test"], &["3", "1", "0", "5", "6", "2", "4"], 1);
    std::fs::write(dir.path().join("classes.txt"), "fear\ndisgust\nsad\nangry\nsurprise\nhappy\nneutral\n")
        .unwrap();
    let read = read_set(dir.path(), SplitName::Test, None).unwrap();
    labels_are_right(&read, SplitName::Test, 1);
    assert!(read.notices[0].contains("the order of classes.txt"), "{:?}", read.notices);
}

#[test]
fn what_cannot_be_known_is_asked_for_and_what_is_said_is_used() {
    let eight = ["6", "5", "4", "1", "0", "2", "3"];
    let dir = data(&["test"], &eight, 1);
    std::fs::create_dir_all(dir.path().join("test/7")).unwrap();
    let asked = read_set(dir.path(), SplitName::Test, None).unwrap_err();
    assert!(asked.contains("\"7\"") && asked.contains("--classes"), "{asked}");
    let said = "neutral,happiness,sadness,surprise,fear,disgust,anger,contempt";
    labels_are_right(&read_set(dir.path(), SplitName::Test, Some(said)).unwrap(), SplitName::Test, 1);
    let path = dir.path().to_str().unwrap();
    let (status, text) = moue(&["evaluate", WEIGHTS, path, "--data-classes", said]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("folders read as they were named: 0 = neutral, 1 = happy"), "{text}");
    let (status, text) = moue(&["evaluate", WEIGHTS, path]);
    assert_eq!(status, Some(2));
    assert!(text.contains("--data-classes"), "{text}");
    let (status, text) = moue(&["train", path, "--out", "/dev/null/x", "--classes", "sad,sadness"]);
    assert_eq!(status, Some(2));
    assert!(text.contains("found sad twice"), "{text}");
}

#[test]
fn other_classes_and_litter_are_left_out() {
    let dir = data(&["test"], &NAMES, 1);
    let contempt = dir.path().join("test/contempt");
    std::fs::create_dir_all(&contempt).unwrap();
    face(0, 1, 48).save(contempt.join("a.png")).unwrap();
    for litter in ["._0.png", "Thumbs.db", ".DS_Store", "desktop.ini"] {
        std::fs::write(dir.path().join("test/happy").join(litter), "x").unwrap();
        std::fs::write(dir.path().join("test").join(litter), "x").unwrap();
    }
    for litter in ["@eaDir", ".thumbnails", "__MACOSX"] {
        for place in ["test/happy", "test", "."] {
            let folder = dir.path().join(place).join(litter);
            std::fs::create_dir_all(&folder).unwrap();
            face(0, 1, 48).save(folder.join("a.png")).unwrap();
        }
    }
    let read = read_set(dir.path(), SplitName::Test, None).unwrap();
    labels_are_right(&read, SplitName::Test, 1);
    assert!(read.skipped.is_empty(), "{:?}", read.skipped);
    assert_eq!(read.notices, ["left out, since they are none of the seven classes: contempt (1 files)"]);
    let (status, text) = moue(&["evaluate", WEIGHTS, dir.path().to_str().unwrap()]);
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains("contempt (1 files)") && !text.contains("eaDir") && !text.contains("Thumbs"),
        "{text}"
    );
}

#[test]
fn pictures_of_any_kind_and_size_are_read_and_bad_ones_named() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("happy");
    std::fs::create_dir_all(&folder).unwrap();
    let kinds = [
        ("tif", ImageFormat::Tiff),
        ("bmp", ImageFormat::Bmp),
        ("pgm", ImageFormat::Pnm),
        ("png", ImageFormat::Png),
        ("webp", ImageFormat::WebP),
    ];
    for (ending, format) in kinds {
        let picture = DynamicImage::ImageLuma8(face(3, 1, 48));
        // WebP and BMP are written in colour.
        let picture = if ending == "pgm" { picture } else { DynamicImage::ImageRgb8(picture.to_rgb8()) };
        picture.save_with_format(folder.join(format!("a.{ending}")), format).unwrap();
    }
    DynamicImage::ImageRgb8(DynamicImage::ImageLuma8(face(3, 1, 48)).to_rgb8())
        .save_with_format(folder.join("b.ppm"), ImageFormat::Pnm)
        .unwrap();
    for side in [8, 100, 1500] {
        face(3, 2, side).save(folder.join(format!("{side}.jpg"))).unwrap();
    }
    let read = read_set(dir.path(), SplitName::Test, None).unwrap();
    assert_eq!((read.split(SplitName::Test).len(), read.skipped.len()), (9, 0), "{:?}", read.skipped);
    let split = read.split(SplitName::Test);
    for (i, sample) in split.samples.iter().enumerate().filter(|(_, s)| !s.name.ends_with("jpg")) {
        assert_eq!(split.face(i), face(3, 1, 48).as_raw().as_slice(), "{}", sample.name);
    }

    let bad = tempfile::tempdir().unwrap();
    let folder = bad.path().join("happy");
    std::fs::create_dir_all(&folder).unwrap();
    for i in 0..5 {
        std::fs::write(folder.join(format!("{i}.png")), "no picture").unwrap();
    }
    let (status, text) = moue(&["evaluate", WEIGHTS, bad.path().to_str().unwrap()]);
    assert_eq!(status, Some(2));
    for name in ["happy/0.png: ", "happy/1.png: ", "happy/2.png: "] {
        assert!(text.contains(name), "{name}: {text}");
    }
    assert!(text.contains("5 files unreadable") && !text.contains("happy/3.png"), "{text}");
    assert!(text.contains("a text file"), "{text}");
}

#[test]
fn a_validation_part_is_drawn_where_there_is_none_and_the_same_for_every_command() {
    let dir = data(&["train", "test"], &NAMES, 10);
    // The same photo three times must not be on both sides.
    for name in ["c1.png", "c2.png"] {
        let folder = dir.path().join("train/sad");
        std::fs::copy(folder.join("0.png"), folder.join(name)).unwrap();
    }
    let path = dir.path().to_str().unwrap();
    let out = tempfile::tempdir().unwrap();
    let run = out.path().join("run");
    let base = [
        "train",
        path,
        "--size",
        "32",
        "--epochs",
        "1",
        "--batch",
        "14",
        "--threads",
        "2",
        "--out",
        run.to_str().unwrap(),
    ];
    let (status, text) = moue(&base);
    assert_eq!(status, Some(2));
    assert!(text.contains("--val-share 0.1"), "{text}");
    for wrong in ["0", "1", "-1", "2", "nan"] {
        let share = format!("--val-share={wrong}");
        let (status, text) = moue(&[&base[..], &[&share]].concat());
        assert_eq!(status, Some(2), "{text}");
        assert!(text.contains("val-share"), "{text}");
    }
    let (status, text) = moue(&[&base[..], &["--val-share", "0.2"]].concat());
    assert_eq!(status, Some(0), "{text}");
    let held = text.lines().find(|l| l.contains("held out")).unwrap_or_else(|| panic!("{text}"));
    assert!(held.contains("of the 72 training pictures") && held.contains("seed 1"), "{held}");
    assert!(held.contains("identical pictures stay together"), "{held}");
    let weights = run.join("weights.safetensors");
    let facts = moue(&["model", weights.to_str().unwrap()]).1;
    assert!(facts.contains("held out of train: a share of 0.2, seed 1"), "{facts}");
    // What was validated is what evaluate draws again.
    let report = std::fs::read_to_string(run.join("val/report.txt")).unwrap();
    let again = out.path().join("again");
    let (status, text) = moue(&[
        "evaluate",
        weights.to_str().unwrap(),
        path,
        "--split",
        "val",
        "--val-share",
        "0.2",
        "--out",
        again.to_str().unwrap(),
    ]);
    assert_eq!(status, Some(0), "{text}");
    assert_eq!(std::fs::read_to_string(again.join("report.txt")).unwrap(), report);

    let draw = |seed: u64, wanted: &[SplitName]| {
        let options =
            DataOptions { val_share: Some(ValShare { share: 0.2, seed }), ..DataOptions::default() };
        DataSet::read(dir.path(), wanted, &options).unwrap()
    };
    let both = draw(1, &[SplitName::Train, SplitName::Val]);
    let (train, val) = (both.split(SplitName::Train), both.split(SplitName::Val));
    assert_eq!(train.len() + val.len(), 72);
    for i in 0..val.len() {
        assert!((0..train.len()).all(|j| train.face(j) != val.face(i)), "{}", val.samples[i].name);
    }
    assert_eq!(draw(1, &[SplitName::Val]).split(SplitName::Val), val);
    assert!(draw(1, &[SplitName::Val]).split(SplitName::Train).is_empty());
    assert_ne!(draw(2, &[SplitName::Val]).split(SplitName::Val), val);
    // Data that have such a part keep it.
    let whole = data(&["train", "val"], &NAMES, 2);
    let options = DataOptions { val_share: Some(ValShare { share: 0.5, seed: 1 }), ..DataOptions::default() };
    let kept = DataSet::read(whole.path(), &[SplitName::Train, SplitName::Val], &options).unwrap();
    assert_eq!((kept.split(SplitName::Train).len(), kept.split(SplitName::Val).len()), (14, 14));
    assert!(kept.notices[0].contains("--val-share is not used"), "{:?}", kept.notices);
}

#[test]
fn folders_of_one_class_are_copied_without_losing_a_picture() {
    let dir = data(&["train"], &NAMES, 2);
    std::fs::create_dir_all(dir.path().join("train/Happiness")).unwrap();
    for i in 0..3 {
        face(3, 50 + i, 48).save(dir.path().join(format!("train/Happiness/{i}.png"))).unwrap();
    }
    let out = tempfile::tempdir().unwrap();
    let (status, text) = moue(&[
        "expand",
        dir.path().to_str().unwrap(),
        "--out",
        out.path().to_str().unwrap(),
        "--fraction",
        "0",
    ]);
    assert_eq!(status, Some(0), "{text}");
    let all = read_set(out.path(), SplitName::Train, None).unwrap();
    let mut faces: Vec<&[u8]> =
        (0..all.split(SplitName::Train).len()).map(|i| all.split(SplitName::Train).face(i)).collect();
    faces.sort();
    faces.dedup();
    assert_eq!(faces.len(), 17);
    assert_eq!(all.split(SplitName::Train).counts()[3], 5);
}

fn table(rows: &[(&str, &str)], header: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut text = format!("{header}\n");
    for (i, (emotion, usage)) in rows.iter().enumerate() {
        let pixels: Vec<String> = face(i % 7, i, 48).as_raw().iter().map(u8::to_string).collect();
        let pixels = pixels.join(" ");
        text += &if usage.is_empty() {
            format!("{emotion},{pixels}\n")
        } else {
            format!("{emotion},{pixels},{usage}\n")
        };
    }
    std::fs::write(dir.path().join("fer2013.csv"), text).unwrap();
    dir
}

fn labels(data: &DataSet) -> Vec<&'static str> {
    let all = SplitName::ALL.iter().flat_map(|s| data.split(*s).samples.iter());
    all.map(|s| s.label.name()).collect()
}

#[test]
fn tables_are_read_in_the_forms_that_people_have() {
    let header = "emotion,pixels,Usage";
    let read_all = |dir: &TempDir, classes: Option<&str>| {
        let classes = classes.map(|text| text.parse().unwrap());
        let options = DataOptions { classes, ..DataOptions::default() };
        DataSet::read(dir.path(), &SplitName::ALL, &options).map_err(|e| e.to_string())
    };
    for (rows, header) in [
        (&[("3", "training"), ("4", "publictest"), ("6", "PRIVATETEST")][..], header),
        (&[("3.0", "Training"), ("4.0", "PublicTest"), ("6.0", "PrivateTest")], header),
        (&[("happy", "train"), ("Sadness", "validation"), ("neutral", "test")], header),
        (&[("3", "Training"), ("4", "PublicTest"), ("6", "PrivateTest")], "\u{feff}Emotion,Pixels,usage"),
    ] {
        let read = read_all(&table(rows, header), None).unwrap();
        assert_eq!(labels(&read), ["happy", "sad", "neutral"], "{rows:?}");
        assert!(read.skipped.is_empty(), "{:?}", read.skipped);
    }
    let rows = [("happy", "train"), ("contempt", "train"), ("sad", "val"), ("fear", "test")];
    let read = read_all(&table(&rows, header), None).unwrap();
    assert_eq!(labels(&read), ["happy", "sad", "fear"]);
    assert_eq!(read.notices, ["left out, since they are none of the seven classes: contempt (1 rows)"]);
    // Numbers of another order are not guessed.
    let from_one = [("1", "train"), ("7", "val"), ("4", "test")];
    let asked = read_all(&table(&from_one, header), None).unwrap_err();
    assert!(asked.contains("found 1, 4, 7") && asked.contains("--classes"), "{asked}");
    let said = "surprise,fear,disgust,happy,sad,angry,neutral";
    assert_eq!(
        labels(&read_all(&table(&from_one, header), Some(said)).unwrap()),
        ["surprise", "neutral", "happy"]
    );
    let asked = read_all(&table(&from_one, header), Some("surprise,fear")).unwrap_err();
    assert!(asked.contains("a name for each of the numbers 1, 4, 7"), "{asked}");
    // Without the column Usage all rows are of one part.
    let bare = table(&[("0", ""), ("1", "")], "emotion,pixels");
    let read = read_set(&bare.path().join("fer2013.csv"), SplitName::Test, None).unwrap();
    assert_eq!(labels(&read), ["angry", "disgust"]);
    assert!(read.notices[0].contains("no column Usage: all rows are taken as test"), "{:?}", read.notices);
    assert_eq!(Expression::COUNT, NAMES.len());
}

#[test]
fn parts_are_found_under_their_usual_names() {
    let dir = data(&["Training", "Validation", "TEST"], &NAMES, 1);
    for split in SplitName::ALL {
        let read = read_set(dir.path(), split, None).unwrap();
        assert_eq!(read.split(split).len(), 7);
        assert!(read.notices[0].contains("Training = train"), "{:?}", read.notices);
    }
}
