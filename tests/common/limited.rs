//! The real program with no more than a gigabyte of memory.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part")]

use std::path::Path;
use std::process::Command;

/// Runs the program in `folder` with at most 1,000,000 KiB of address space, of which what it really uses is a part. Its
/// status, and what it says. It is ended when it waits for something for ever.
pub fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 1000000; exec timeout 120 \"$0\" \"$@\""])
        .arg(assert_cmd::cargo::cargo_bin!("moue"))
        .args(arguments)
        // Each thread's pool of memory would count as used.
        .env("MALLOC_ARENA_MAX", "1")
        .current_dir(folder)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What the program says of a picture that it refuses.
pub fn refused_picture(name: &str, bytes: &[u8]) -> String {
    let (status, text) = picture(name, bytes);
    assert_eq!(status, Some(1), "{name}: {text}");
    assert!(text.contains(name), "{text}");
    text
}

/// Reads two frames of a picture.
pub fn picture(name: &str, bytes: &[u8]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    run(folder.path(), &["analyze", name, "--frames", "2", "--json"])
}
