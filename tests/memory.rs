//! How much memory `moue analyze` takes at most. (`scripts/memory.sh` watches it over many frames.)
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use moue::model::formula::formula_weights;
use moue::model::{StoredAs, write_safetensors};

/// The most memory that the command held at once, in MB.
fn peak(command: &mut Command) -> f64 {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0.0_f64;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        most = most.max(number.unwrap_or(0.0) * 1024.0 / 1e6);
        sleep(Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    most
}

#[test]
fn one_picture_fits_into_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/astronaut.jpg");
    for (blocks, room) in [(1, 150.0), (2, 300.0)] {
        let weights = folder.path().join(format!("{blocks}.safetensors"));
        write_safetensors(&formula_weights(blocks), &weights, StoredAs::F32).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_moue"));
        command.args(["analyze", "--json", "--weights"]).arg(&weights).arg(&picture);
        let most = peak(&mut command);
        assert!(most > 20.0, "{most} MB with {blocks} blocks: that was no analysis");
        assert!(most < room, "{most} MB with {blocks} blocks");
    }
}
