//! Where one thing cannot be written or read, the rest is kept, and it is said once what is missing.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs the program where no file may be larger than so many blocks of 512 bytes: a full disk, as far as it can tell.
fn run_limited(folder: &Path, blocks: u32, arguments: &[&str]) -> Output {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    Command::new("sh")
        .current_dir(folder)
        .args(["-c", &script, env!("CARGO_BIN_EXE_moue")])
        .args(arguments)
        .output()
        .unwrap()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_moue")).current_dir(folder).args(arguments).output().unwrap()
}

fn portrait(path: &Path, side: u32) {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/obama.jpg");
    image::open(demo).unwrap().thumbnail(side, side).to_rgb8().save(path).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Rows of a CSV file without its header; every one is whole.
fn rows(path: &Path) -> usize {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.records().map(Result::unwrap).count()
}

#[test]
fn annotated_pictures_that_find_no_room_cost_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("in")).unwrap();
    // Of 30 KiB the first and the last find room as PNG.
    for (name, side) in [("a", 60), ("b", 400), ("c", 420), ("d", 60)] {
        portrait(&at(&format!("in/{name}.jpg")), side);
    }
    let output = run_limited(folder.path(), 60, &["analyze", "in", "--out", "x.csv", "--annotate", "out"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(rows(&at("x.csv")) >= 2, "{said}");
    assert_eq!(names(&at("out")), ["a.png", "d.png"]);
    assert_eq!(said.matches("cannot be written: File too large").count(), 1, "{said}");
    assert!(said.contains("2 annotated pictures could not be written"), "{said}");
}

#[test]
fn what_is_in_the_way_of_one_annotated_picture_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("in")).unwrap();
    std::fs::create_dir_all(at("out/a.png")).unwrap();
    portrait(&at("in/a.jpg"), 240);
    portrait(&at("in/b.jpg"), 240);
    let output = run(folder.path(), &["analyze", "in", "--out", "x.csv", "--annotate", "out"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!((rows(&at("x.csv")), names(&at("out"))), (2, vec!["a.png".into(), "b.png".into()]));
    assert!(at("out/a.png").is_dir() && at("out/b.png").is_file());
    assert!(text(&output.stderr).contains("a.png: "));
}

#[test]
fn of_a_result_that_finds_no_room_the_whole_rows_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let demo = ["analyze", "--source", "demo", "--cropped", "--frames", "900"];
    // More than a buffer of 64 KiB, so that it breaks off in the middle of the run, and of a row.
    let output = run_limited(folder.path(), 141, &[&demo[..], &["--out", "x.csv"]].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(rows(&at("x.csv")) > 250, "{said}");
    let file = std::fs::read(at("x.csv")).unwrap();
    assert!(file.len() <= 141 * 512 && file.ends_with(b"\n"));
    assert_eq!(said.matches("x.csv: cannot be written").count(), 1, "{said}");
    assert_eq!(names(folder.path()), ["x.csv"]);

    // A recording goes on all the same.
    let output =
        run_limited(folder.path(), 141, &[&demo[..], &["--out", "y.json", "--record", "rec"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let lines = std::fs::read_to_string(at("y.json")).unwrap();
    assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    let session = at("rec").join(&names(&at("rec"))[0]);
    assert!(rows(&session.join("faces.csv")) > 200);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_ends_neither_the_recording_nor_the_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    portrait(&at("a.jpg"), 240);
    portrait(&at("b.jpg"), 240);
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let inputs = ["analyze", "--csv", "a.jpg", "b.jpg"];
    let moue = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_moue"));
        command.current_dir(folder.path()).args(inputs).args(more);
        command
    };
    let output = moue(&["--annotate", "out", "--record", "rec"]).stdout(full()).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("No space left").count(), 1, "{said}");
    assert_eq!(names(&at("out")), ["a.png", "b.png"]);
    assert_eq!(rows(&at("rec").join(&names(&at("rec"))[0]).join("faces.csv")), 2);
    // With nothing else to write it ends at once.
    let output = moue(&[]).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let output = moue(&["--out", "/dev/full", "--annotate", "out2"]).output().unwrap();
    assert_eq!((output.status.code(), names(&at("out2")).len()), (Some(1), 2));
}

/// A disk of so many KiB, where this user may mount one.
struct TinyDisk(PathBuf);

impl TinyDisk {
    fn mount(at: &Path, kib: u32) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(at)
            .output()
            .is_ok_and(|o| o.status.success());
        if !mounted {
            common::skip("this user may not mount a tmpfs");
        }
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_under_recordings_and_pictures_costs_no_row_of_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let Some(disk) = TinyDisk::mount(&at("disk"), 40) else { return };
    std::fs::create_dir(at("in")).unwrap();
    for i in 0..6 {
        portrait(&at(&format!("in/{i}.jpg")), 240);
    }
    let sides = ["--annotate", "disk/out", "--record", "disk/rec"];
    let output = run(folder.path(), &[&["analyze", "in", "--out", "x.csv"], &sides[..]].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(rows(&at("x.csv")), 6, "{said}");
    assert!(said.matches("No space left").count() <= 2 && said.contains("No space left"), "{said}");
    // What is there is whole.
    for name in names(&at("disk/out")) {
        assert!(image::open(at("disk/out").join(&name)).is_ok(), "{name}");
    }
    drop(disk);

    let Some(_disk) = TinyDisk::mount(&at("small"), 24) else { return };
    let demo = ["analyze", "--source", "demo", "--frames", "300", "--out", "y.csv", "--record", "small"];
    let output = run(folder.path(), &demo);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(rows(&at("y.csv")) > 250, "{said}");
    assert_eq!(said.matches("No space left").count(), 1, "{said}");
}

#[test]
fn a_locked_folder_and_a_bad_file_stop_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mode = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in ["in/a", "in/locked", "in/z"] {
        std::fs::create_dir_all(at(name)).unwrap();
    }
    for name in ["in/a/1.jpg", "in/locked/2.jpg", "in/z/3.jpg", "in/z/unreadable.jpg"] {
        portrait(&at(name), 240);
    }
    std::fs::write(at("in/m.png"), b"\x89PNG\r\n\x1a\nand no more").unwrap();
    mode(folder.path(), 0o777);
    mode(&at("in/locked"), 0o000);
    mode(&at("in/z/unreadable.jpg"), 0o000);
    let mut command = if std::fs::read_dir(at("in/locked")).is_ok() {
        // For root no folder is locked.
        let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
        let works =
            Command::new("setpriv").args(nobody).arg(env!("CARGO_BIN_EXE_moue")).arg("--version").output();
        if !works.is_ok_and(|o| o.status.success()) {
            return common::skip("root reads every folder, and setpriv does not work here");
        }
        let mut command = Command::new("setpriv");
        command.args(nobody).arg(env!("CARGO_BIN_EXE_moue"));
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_moue"))
    };
    let output =
        command.current_dir(folder.path()).args(["analyze", "in", "--out", "x.csv"]).output().unwrap();
    mode(&at("in/locked"), 0o755);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for name in ["in/locked", "m.png", "unreadable.jpg"] {
        assert_eq!(said.matches(name).count(), 1, "{name}: {said}");
    }
    let mut reader = csv::Reader::from_path(at("x.csv")).unwrap();
    let sources: Vec<String> =
        reader.records().map(|r| r.unwrap().iter().next_back().unwrap().to_owned()).collect();
    assert_eq!(sources, ["in/a/1.jpg", "in/z/3.jpg"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_told_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    portrait(&at("a.jpg"), 240);
    std::fs::write(at("file"), "").unwrap();
    for flag in ["--annotate", "--record"] {
        for target in ["file", "file/deeper"] {
            let output = run(folder.path(), &["analyze", "a.jpg", flag, target]);
            let said = text(&output.stderr);
            assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{said}");
            assert!(said.contains(target), "{said}");
        }
    }
}
