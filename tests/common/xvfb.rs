//! The real program in a real window, on a virtual display.
#![allow(dead_code, clippy::unwrap_used, clippy::print_stdout, reason = "each test file uses a part")]

use std::collections::HashSet;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for the window: software rendering on a busy machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Ends the process with the test, however that ends.
pub struct Guard(pub Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A virtual display; its screen is a file in `folder`.
pub fn display(folder: &Path) -> Option<(Guard, String)> {
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
pub fn screen(folder: &Path) -> Option<(usize, f64)> {
    let file = std::fs::read(folder.join("Xvfb_screen0")).ok()?;
    let word = |i: usize| Some(u32::from_be_bytes(file.get(i * 4..i * 4 + 4)?.try_into().ok()?) as usize);
    let pixels = file.get(word(0)? + 12 * word(19)?..)?.as_chunks::<4>().0;
    let lit = pixels.iter().filter(|p| p[..3].iter().any(|v| *v > 8)).count();
    let colours: HashSet<&[u8; 4]> = pixels.iter().collect();
    Some((colours.len(), lit as f64 / pixels.len().max(1) as f64))
}

/// Waits until the display shows a picture, and says how many colours it has and how much of it is lit. `None`: no
/// window can be opened on this machine (the reason was given to `skip`).
pub fn wait_for_picture(folder: &Path, program: &mut Guard) -> Option<(usize, f64)> {
    let start = Instant::now();
    loop {
        let shown = screen(folder).unwrap_or_default();
        // A photograph has thousands of colours, an empty window a few.
        if shown.0 > 5_000 && shown.1 > 0.5 {
            return Some(shown);
        }
        if program.0.try_wait().unwrap().is_some() {
            let mut text = String::new();
            if let Some(mut errors) = program.0.stderr.take() {
                errors.read_to_string(&mut text).unwrap();
            }
            if text.contains("graphics") {
                crate::common::skip(&format!("no window can be opened here: {text}"));
                return None;
            }
            panic!("the program ended: {text}");
        }
        assert!(start.elapsed() < PATIENCE, "no picture came: {} colours, {:.2} lit", shown.0, shown.1);
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Sends a signal by its name.
pub fn signal(name: &str, id: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits for the end, after something asked for it.
pub fn wait_for_end(program: &mut Guard) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = program.0.try_wait().unwrap() {
            println!("ended {} ms after it was asked", start.elapsed().as_millis());
            return status;
        }
        // The promise is one second; a busy machine gets more, a thread that hangs never ends.
        assert!(start.elapsed() < Duration::from_secs(20), "the program does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}
