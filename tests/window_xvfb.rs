//! The real program in a real window, on a virtual display: it shows a picture, and ends when it is told to.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::HashSet;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for the window: software rendering on a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// Ends the process with the test, however it ends.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A virtual display; its screen is a file in `folder`.
fn display(folder: &Path) -> Option<(Guard, String)> {
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-fbdir"])
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut number = String::new();
    let mut output = server.stdout.take()?;
    let server = Guard(server);
    let mut byte = [0];
    while output.read_exact(&mut byte).is_ok() && byte[0] != b'\n' {
        number.push(char::from(byte[0]));
    }
    (!number.is_empty()).then(|| (server, format!(":{number}")))
}

/// How many colours the screen shows, and how much of it is not black. The file is in the format of xwd:
/// big-endian words, the header's size first, the number of colour-map entries (12 bytes each) as the 20th.
fn screen(folder: &Path) -> Option<(usize, f64)> {
    let file = std::fs::read(folder.join("Xvfb_screen0")).ok()?;
    let word = |i: usize| Some(u32::from_be_bytes(file.get(i * 4..i * 4 + 4)?.try_into().ok()?) as usize);
    let pixels = file.get(word(0)? + 12 * word(19)?..)?.as_chunks::<4>().0;
    let lit = pixels.iter().filter(|p| p[..3].iter().any(|v| *v > 8)).count();
    let colours: HashSet<&[u8; 4]> = pixels.iter().collect();
    Some((colours.len(), lit as f64 / pixels.len().max(1) as f64))
}

#[test]
fn the_window_shows_the_demo_and_ends_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_server, display)) = display(folder.path()) else {
        return common::skip("Xvfb is not installed");
    };
    let program = Command::new(env!("CARGO_BIN_EXE_moue"))
        .args(["--source", "demo", "--no-settings"])
        .env("DISPLAY", &display)
        .env_remove("WAYLAND_DISPLAY")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut program = Guard(program);
    let start = Instant::now();
    let shown = loop {
        let shown = screen(folder.path()).unwrap_or_default();
        // A photograph has thousands of colours, an empty window a few.
        if shown.0 > 5_000 && shown.1 > 0.5 {
            break shown;
        }
        if program.0.try_wait().unwrap().is_some() {
            let mut text = String::new();
            program.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
            if text.contains("graphics") {
                return common::skip(&format!("no window can be opened here: {text}"));
            }
            panic!("the program ended: {text}");
        }
        assert!(start.elapsed() < PATIENCE, "no picture came: {} colours, {:.2} lit", shown.0, shown.1);
        std::thread::sleep(Duration::from_millis(100));
    };
    println!("{} colours, {:.0} % of the screen", shown.0, shown.1 * 100.0);

    let asked = Command::new("kill").args(["-TERM", &program.0.id().to_string()]).status().unwrap();
    assert!(asked.success());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = program.0.try_wait().unwrap() {
            break status;
        }
        // The promise is one second; a busy machine gets more, a thread that hangs never ends.
        assert!(start.elapsed() < Duration::from_secs(10), "the program does not end");
        std::thread::sleep(Duration::from_millis(10));
    };
    println!("ended {} ms after it was asked", start.elapsed().as_millis());
    assert!(status.success(), "{status}");
}
