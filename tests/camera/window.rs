//! The window, on a virtual display.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::devices::{FACE_CAM, FACE_CAM_PATH, Loopback, Running, feed_clip};
use super::faults::holds;
use super::{Outcome, moue, out, run_well, wait_for};

/// A screenshot, kept under this name.
fn screenshot(display: &str, name: &str) -> image::RgbImage {
    let path = out().join(name);
    run_well(Command::new("import").args(["-display", display, "-window", "root"]).arg(&path));
    image::open(path).unwrap().to_rgb8()
}

/// How bright the middle of the picture is, and how many colours it has.
fn middle(screen: &image::RgbImage) -> (f64, usize) {
    let (w, h) = screen.dimensions();
    let part = image::imageops::crop_imm(screen, w / 8, h / 3, w / 2, h / 3).to_image();
    let mean = part.as_raw().iter().map(|v| f64::from(*v)).sum::<f64>() / part.as_raw().len() as f64;
    let colours: std::collections::HashSet<_> = part.pixels().map(|p| p.0).collect();
    (mean, colours.len())
}

pub(crate) fn live() -> Outcome {
    let _camera = Loopback::load(9, FACE_CAM);
    let feeder = match feed_clip("320x240") {
        Ok(feeder) => feeder,
        Err(skipped) => return skipped,
    };
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1024x700x24"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut number = String::new();
    let mut output = server.stdout.take().unwrap();
    let _server = Running(server);
    let mut byte = [0];
    while output.read_exact(&mut byte).is_ok() && byte[0] != b'\n' {
        number.push(char::from(byte[0]));
    }
    let display = format!(":{number}");
    let log = std::fs::File::create(out().join("window.log")).unwrap();
    let mut program = Running(
        moue(&["--no-settings", "--source", "camera:FaceCam"])
            .env("DISPLAY", &display)
            .env_remove("WAYLAND_DISPLAY")
            .stderr(log)
            .spawn()
            .unwrap(),
    );
    let start = Instant::now();
    // A face has thousands of colours, an empty window a few.
    let lit = wait_for("the picture in the window", || {
        assert!(program.0.try_wait().unwrap().is_none(), "the program ended, see window.log");
        let (mean, colours) = middle(&screenshot(&display, "window-live.png"));
        if colours > 2000 {
            return Some(mean);
        }
        std::thread::sleep(Duration::from_secs(1));
        None
    });
    let shown = start.elapsed();
    // Time for a result or two, for whoever looks at the picture.
    std::thread::sleep(Duration::from_secs(25));
    screenshot(&display, "window-live.png");
    // The feeder hangs: so does the camera.
    feeder.signal("STOP");
    let dimmed = wait_for("the dimmed picture", || {
        let (mean, _) = middle(&screenshot(&display, "window-no-signal.png"));
        if mean < lit * 0.5 {
            return Some(mean);
        }
        std::thread::sleep(Duration::from_secs(1));
        None
    });
    feeder.signal("CONT");
    wait_for("the picture after the silence", || {
        let (mean, _) = middle(&screenshot(&display, "window-again.png"));
        if mean > lit * 0.8 {
            return Some(());
        }
        std::thread::sleep(Duration::from_secs(1));
        None
    });
    assert!(holds(program.0.id(), FACE_CAM_PATH));
    program.signal("TERM");
    let asked = Instant::now();
    let status = wait_for("the end of the program", || program.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
    Outcome::Passed(format!(
        "picture after {:.0} s, brightness {lit:.0}, without signal {dimmed:.0}, ended {:.1} s after it was asked; see \
         window-live.png",
        shown.as_secs_f64(),
        asked.elapsed().as_secs_f64()
    ))
}
