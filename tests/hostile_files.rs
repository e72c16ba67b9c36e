//! Tables, recordings, settings and what is no file at all: refused within a gigabyte of address space.
//! (`hostile_pictures.rs` and `hostile_weights.rs` are the same for pictures and weights.)
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "common/limited.rs"]
mod limited;

use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use limited::run;
use moue::settings::{Settings, SettingsFile};

/// A named pipe that nobody writes to, and a device that never ends, under a name in `folder`.
fn endless(folder: &Path, name: &str) -> [&'static str; 2] {
    let made = ["pipe", "zero"];
    for kind in made {
        std::fs::create_dir_all(folder.join(kind)).unwrap();
    }
    assert!(Command::new("mkfifo").arg(folder.join("pipe").join(name)).status().unwrap().success());
    symlink("/dev/zero", folder.join("zero").join(name)).unwrap();
    made
}

#[test]
fn pipes_and_devices_are_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/models/moue-fer2013.safetensors");
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/obama.jpg");
    for (name, arguments, status) in [
        ("a.png", &["analyze", "FILE"][..], 1),
        ("a.mp4", &["analyze", "FILE"], 1),
        ("a.safetensors", &["model", "FILE"], 2),
        ("a.pt", &["analyze", picture, "--weights", "FILE"], 2),
        ("fer2013.csv", &["evaluate", network, "FILE", "--out", "out"], 2),
        ("ferplus.csv", &["train", picture, "--ferplus", "FILE", "--out", "out"], 2),
        ("list.csv", &["train", picture, "--exclude", "FILE", "--out", "out"], 2),
    ] {
        for kind in endless(folder.path(), name) {
            let file = format!("{kind}/{name}");
            let arguments: Vec<_> =
                arguments.iter().map(|a| if *a == "FILE" { file.as_str() } else { a }).collect();
            let (found, text) = run(folder.path(), &arguments);
            assert_eq!(found, Some(status), "{arguments:?}: {text}");
            assert!(text.contains(&file), "{text}");
            assert!(
                text.contains("found a folder or a device") || text.contains("found a device or a pipe"),
                "{text}"
            );
        }
    }
}

#[test]
fn settings_that_are_no_file_or_too_large_are_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let name = "settings.json";
    for kind in endless(folder.path(), name) {
        let path = folder.path().join(kind).join(name);
        let (settings, note) = SettingsFile::at(path.clone()).read();
        assert_eq!(settings, Settings::default());
        assert!(note.unwrap().contains("found a folder or a device"));
        assert!(!path.exists());
    }
    let path = folder.path().join(name);
    std::fs::File::create(&path).unwrap().set_len(20 << 30).unwrap();
    let (settings, note) = SettingsFile::at(path).read();
    assert_eq!(settings, Settings::default());
    assert!(note.unwrap().contains("expected at most 1048576 bytes, found 21474836480"));
}

#[test]
fn recordings_of_one_endless_row_and_of_devices() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["session.json", "faces.csv"] {
        for kind in endless(folder.path(), name) {
            let (status, text) = run(folder.path(), &["report", kind]);
            assert_eq!(status, Some(2), "{text}");
            assert!(text.contains("faces.csv"), "{text}");
            std::fs::remove_file(folder.path().join(kind).join(name)).unwrap();
        }
    }
    let recording = folder.path().join("recording");
    std::fs::create_dir(&recording).unwrap();
    symlink("/dev/zero", recording.join("session.json")).unwrap();
    let header = moue::record::CSV_HEADER.join(",");
    // A quote that is never closed would make one row of the whole file.
    let mut file = std::fs::File::create(recording.join("faces.csv")).unwrap();
    writeln!(file, "{header}\n\"").unwrap();
    let lines = b"0.1,1,1,2,3,4,5,9,happy\n".repeat(1 << 16);
    for _ in 0..800 {
        file.write_all(&lines).unwrap();
    }
    let (status, text) = run(folder.path(), &["report", "recording"]);
    assert_eq!(status, Some(0), "{text}");
    let page = std::fs::read_to_string(recording.join("report.html")).unwrap();
    assert!(page.contains("52428801"), "each line is a row that cannot be read");
    // No line break at all.
    std::fs::write(recording.join("faces.csv"), &header).unwrap();
    std::fs::File::options()
        .write(true)
        .open(recording.join("faces.csv"))
        .unwrap()
        .set_len(20 << 30)
        .unwrap();
    let (status, text) = run(folder.path(), &["report", "recording"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("expected rows of at most 65536 bytes"), "{text}");
}

#[test]
fn tables_of_one_endless_row_of_bad_rows_and_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/models/moue-fer2013.safetensors");
    let refused = |text: &[u8], sparse_bytes: u64| {
        let mut file = std::fs::File::create(folder.path().join("fer2013.csv")).unwrap();
        file.write_all(text).unwrap();
        if sparse_bytes > 0 {
            // Zeros that take no space on the disk.
            file.seek(SeekFrom::Start(sparse_bytes)).unwrap();
            file.write_all(b"\n").unwrap();
        }
        let (status, text) = run(folder.path(), &["evaluate", network, "fer2013.csv", "--out", "out"]);
        assert_eq!(status, Some(2), "{text}");
        assert!(text.contains("fer2013.csv"), "{text}");
        text
    };
    let header = b"emotion,pixels,Usage\n";
    let text = refused(&[&header[..], b"3,\""].concat(), 400 << 20);
    assert!(text.contains("row 1: expected at most 262144 bytes, found more"), "{text}");
    assert!(refused(header, 20 << 30).contains("expected at most 536870912 bytes"));
    assert!(refused(b"", 400 << 20).contains("expected at most 262144 bytes"));
    let bad = [&header[..], &b"1\n".repeat(20 << 20)].concat();
    assert!(refused(&bad, 0).contains("more than 10000 rows are bad; the first is fer2013.csv:row 0"));
}
