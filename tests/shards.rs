//! `moue analyze --shard` and `moue table --merge`: the same bytes whatever the number of parts, killed and repeated ones included.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

fn moue(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moue"));
    command.current_dir(folder).stdout(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = moue(folder).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A folder `data` with pictures of faces and without, in folders, and an animation.
fn data(folder: &Path) {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo");
    for sub in ["data/a", "data/b"] {
        std::fs::create_dir_all(folder.join(sub)).unwrap();
    }
    let portraits: Vec<image::DynamicImage> = ["astronaut.jpg", "obama.jpg"]
        .iter()
        .map(|name| image::open(assets.join(name)).unwrap().thumbnail(160, 160))
        .collect();
    for (i, name) in [
        "a/one.png",
        "a/two.png",
        "a-b.png",
        "b/three, \"four\".png",
        "five.png",
        "six.png",
        "seven.png",
        "z.png",
    ]
    .iter()
    .enumerate()
    {
        portraits[i % 2].crop_imm(i as u32 % 5, 0, 150, 150).save(folder.join("data").join(name)).unwrap();
    }
    image::RgbImage::new(64, 64).save(folder.join("data/black.png")).unwrap();
    let gif = std::fs::File::create(folder.join("data/b/film.gif")).unwrap();
    let mut encoder = image::codecs::gif::GifEncoder::new(gif);
    for i in 0..4u32 {
        let frame = portraits[0].crop_imm(i, 0, 150, 150).to_rgba8();
        let delay = image::Delay::from_numer_denom_ms(100, 1);
        encoder.encode_frame(image::Frame::from_parts(frame, 0, 0, delay)).unwrap();
    }
}

fn shard(folder: &Path, number: u32, of: u32, out: &str) -> (Option<i32>, String) {
    let shard = format!("{number}/{of}");
    run(folder, &["analyze", "data", "--shard", &shard, "--out", out, "--smooth", "250"])
}

#[test]
fn the_parts_make_the_whole_whatever_their_number() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    data(folder.path());
    let (code, said) =
        run(folder.path(), &["analyze", "data", "--csv", "--out", "one.csv", "--smooth", "250"]);
    assert_eq!(code, Some(0), "{said}");
    let one = std::fs::read(at("one.csv")).unwrap();
    assert!(one.iter().filter(|b| **b == b'\n').count() >= 10, "the portraits have faces");
    for of in [1, 3] {
        let out = format!("parts{of}");
        for number in 1..=of {
            let (code, said) = shard(folder.path(), number, of, &out);
            assert_eq!(code, Some(0), "{said}");
        }
        let merged = format!("merged{of}.csv");
        let (code, said) = run(folder.path(), &["table", "--merge", &out, "--out", &merged]);
        assert_eq!(code, Some(0), "{said}");
        assert!(std::fs::read(at(&merged)).unwrap() == one, "{of} parts give other bytes");
    }
    // A part that is done is left alone, one that is gone is made again: the same bytes.
    let part = at("parts3/shard-2-of-3.csv");
    let before = std::fs::read(&part).unwrap();
    let (code, said) = shard(folder.path(), 2, 3, "parts3");
    assert!(code == Some(0) && said.contains("done already"), "{said}");
    std::fs::remove_file(at("parts3/shard-2-of-3.json")).unwrap();
    let (code, said) = shard(folder.path(), 2, 3, "parts3");
    assert!(code == Some(0) && said.contains("of 10 files"), "{said}");
    assert!(std::fs::read(&part).unwrap() == before);

    // What does not fit together is refused.
    let merge = |out: &str| run(folder.path(), &["table", "--merge", "parts3", "--out", out, "--overwrite"]);
    std::fs::write(&part, [&before[..], b"x"].concat()).unwrap();
    let (code, said) = merge("m.csv");
    assert!(code == Some(2) && said.contains("changed after it was written"), "{said}");
    for ending in ["csv", "json"] {
        std::fs::remove_file(part.with_extension(ending)).unwrap();
    }
    let (code, said) = merge("m.csv");
    assert!(code == Some(2) && said.contains("missing: 2"), "{said}");
    let other = ["analyze", "data", "--shard", "2/3", "--out", "parts3", "--smooth", "500"];
    assert_eq!(run(folder.path(), &other).0, Some(0));
    let (code, said) = merge("m.csv");
    assert!(code == Some(2) && said.contains("other settings"), "{said}");
    assert!(!at("m.csv").exists());
    // Another job does not write over this one's result unless it may.
    let (code, said) = shard(folder.path(), 2, 3, "parts3");
    assert!(code == Some(2) && said.contains("--overwrite"), "{said}");
    for (arguments, expected) in [
        (&["analyze", "data", "--shard", "4/3", "--out", "x"][..], "expected K/N"),
        (&["analyze", "data", "--shard", "1/3"], "--out"),
        (&["analyze", "--source", "demo", "--shard", "1/3", "--out", "x"], "cannot be used with"),
    ] {
        let (code, said) = run(folder.path(), arguments);
        assert!(code == Some(2) && said.contains(expected), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_killed_part_leaves_nothing_that_looks_whole_and_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    data(folder.path());
    // Enough to be killed in.
    for i in 0..40 {
        std::fs::copy(at("data/five.png"), at(&format!("data/more{i}.png"))).unwrap();
    }
    assert_eq!(shard(folder.path(), 1, 1, "whole").0, Some(0));
    let expected = std::fs::read(at("whole/shard-1-of-1.csv")).unwrap();
    for signal in ["-KILL", "-TERM"] {
        let mut child = moue(folder.path())
            .args([
                "analyze",
                "data",
                "--shard",
                "1/1",
                "--out",
                "killed",
                "--smooth",
                "250",
                "--threads",
                "1",
            ])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(700));
        let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let finished = child.wait().unwrap().success();
        assert!(kill.success() || finished);
        // Whatever the moment: no result without its manifest, and none that is not whole.
        let result = at("killed/shard-1-of-1.csv");
        assert!(!result.exists() || std::fs::read(&result).unwrap() == expected, "{signal}");
    }
    assert_eq!(shard(folder.path(), 1, 1, "killed").0, Some(0));
    assert!(std::fs::read(at("killed/shard-1-of-1.csv")).unwrap() == expected);
    assert_eq!(run(folder.path(), &["table", "--merge", "killed", "--out", "all.csv"]).0, Some(0));
}

#[test]
fn a_part_with_a_bad_file_says_so_and_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    std::fs::write(folder.path().join("data/bad.png"), "no picture").unwrap();
    let (code, said) = shard(folder.path(), 1, 1, "parts");
    assert!(code == Some(1) && said.contains("bad.png"), "{said}");
    let (code, said) = run(folder.path(), &["table", "--merge", "parts", "--out", "all.csv"]);
    assert!(code == Some(0) && said.contains("not all of its files could be read"), "{said}");
    std::fs::remove_file(folder.path().join("data/bad.png")).unwrap();
    let (code, said) = shard(folder.path(), 1, 1, "parts");
    assert!(code == Some(0) && !said.contains("done already"), "{said}");
}
