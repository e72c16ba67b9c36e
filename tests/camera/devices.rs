//! The lab's cameras: what they are, how they are fed, what is seen through them.

use std::process::{Child, Command, Stdio};

use v4l::FourCC;
use v4l::video::Output as _;

use super::{Outcome, clip, moue, run_well, tool, wait_for};

/// Behaves like a USB camera. Its number may change; its place does not.
pub(crate) const VIVID: &str = "vivid-000-vid-cap";
pub(crate) const VIVID_ID: &str = "vivid-000-vid-cap@platform/vivid.0";
/// Shows what is written into it.
pub(crate) const FACE_CAM: &str = "FaceCam";
pub(crate) const FACE_CAM_PATH: &str = "/dev/video9";

/// A v4l2loopback device; it is gone when this is dropped.
pub(crate) struct Loopback;

impl Loopback {
    /// At "/dev/video`number`".
    pub(crate) fn load(number: u32, name: &str) -> Self {
        tool(&format!(
            "busybox insmod /mods/v4l2loopback.ko video_nr={number} card_label={name} exclusive_caps=1"
        ));
        Self
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        // Programs that were just ended may still be closing it.
        for _ in 0..50 {
            let done = Command::new("busybox").args(["rmmod", "v4l2loopback"]).stderr(Stdio::null()).status();
            if done.is_ok_and(|s| s.success()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        println!("v4l2loopback stays: something holds it");
    }
}

/// A program that runs until this is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn signal(&self, name: &str) {
        tool(&format!("kill -{name} {}", self.0.id()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes a clip, or ffmpeg's test picture, into a loopback device, until it is dropped.
pub(crate) fn feed(input: &[&str], filter: &str, path: &str) -> Running {
    let running = Running::start(
        Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error"])
            .args(input)
            .args(["-vf", filter, "-f", "v4l2", path]),
    );
    wait_until_fed(path);
    running
}

/// With `exclusive_caps` a loopback device is a camera only once somebody writes.
pub(crate) fn wait_until_fed(path: &str) {
    wait_for("the feeder", || {
        let caps = Command::new("v4l2-ctl").args(["-d", path, "--get-fmt-video"]).output().unwrap();
        (caps.status.success() && String::from_utf8_lossy(&caps.stdout).contains("Width")).then_some(())
    });
}

/// The part of the clip in which she laughs, cut around the face, again and again.
pub(crate) fn feed_clip(size: &str) -> Result<Running, Outcome> {
    let clip = clip()?;
    let part = std::env::temp_dir().join("moue-laugh.nut");
    let filter = format!("crop=480:360:160:0,scale={size},fps=10,format=yuyv422");
    // Decoded once: the emulated machine has better things to do.
    run_well(
        Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-y", "-ss", "11", "-t", "2", "-i"])
            .arg(&clip)
            .args(["-vf", &filter, "-c:v", "rawvideo"])
            .arg(&part),
    );
    let input = ["-stream_loop", "-1", "-re", "-i", part.to_str().unwrap()];
    Ok(feed(&input, "format=yuyv422", FACE_CAM_PATH))
}

/// ffmpeg's moving test picture.
pub(crate) fn feed_pattern(pixel_format: &str) -> Running {
    let filter = format!("format={pixel_format}");
    feed(&["-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=10"], &filter, FACE_CAM_PATH)
}

/// Prepares a loopback device for frames that this program writes itself, with `std::io::Write`.
pub(crate) fn writer(format: &[u8; 4], width: u32, height: u32) -> v4l::Device {
    let device = v4l::Device::with_path(FACE_CAM_PATH).unwrap();
    let wanted = v4l::Format::new(width, height, FourCC::new(format));
    let actual = device.set_format(&wanted).unwrap();
    assert_eq!(actual.fourcc, wanted.fourcc, "v4l2loopback refuses the format");
    device
}

pub(crate) fn listed() -> Outcome {
    let _camera = Loopback::load(9, FACE_CAM);
    let unfed = run_well(&mut moue(&["cameras"]));
    assert!(unfed.contains("no program feeds it"), "{unfed}");
    let _feeder = feed_pattern("yuyv422");
    let list = run_well(&mut moue(&["cameras"]));
    for part in [
        "vivid-000-vid-cap (/dev/video0)\n    camera:vivid-000-vid-cap@platform/vivid.0\n",
        "    YUYV 640x480 25 fps\n",
        "    NV12 1280x720",
        "FaceCam (/dev/video9)\n    camera:FaceCam@virtual/video9\n    YUYV 320x240",
    ] {
        assert!(list.contains(part), "{part:?} is not in\n{list}");
    }
    Outcome::Passed(format!("{} lines", list.lines().count()))
}

pub(crate) fn stream() -> Outcome {
    let _camera = Loopback::load(9, FACE_CAM);
    let _feeder = feed_pattern("yuyv422");
    // By name, by a part of it in small letters, by path and by id.
    let mut rates = Vec::new();
    for (name, size, frames) in [
        (VIVID, "640x480", "20"),
        (VIVID_ID, "640x480", "3"),
        ("facecam", "320x240", "20"),
        (FACE_CAM_PATH, "320x240", "3"),
    ] {
        let said = run_well(&mut moue(&[
            "cameras", "--check", name, "--format", "YUYV", "--size", size, "--frames", frames,
        ]));
        assert!(said.contains(&format!("YUYV {size}: {frames} frames of {size}")), "{said}");
        assert!(!said.contains("damaged"), "{said}");
        rates.push(said.split(", ").find(|part| part.ends_with("fps")).unwrap_or("?").to_owned());
    }
    Outcome::Passed(rates.join(", "))
}

pub(crate) fn face() -> Outcome {
    let _camera = Loopback::load(9, FACE_CAM);
    let _feeder = match feed_clip("320x240") {
        Ok(feeder) => feeder,
        Err(skipped) => return skipped,
    };
    let said = run_well(&mut moue(&[
        "analyze",
        "--detector",
        "rustface",
        "--source",
        "camera:FaceCam",
        "--frames",
        "2",
        "--json",
    ]));
    let lines: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{said}");
    let mut labels = Vec::new();
    for line in &lines {
        assert_eq!(
            (&line["source"], &line["width"], &line["height"]),
            (&"FaceCam".into(), &320.into(), &240.into())
        );
        let faces = line["faces"].as_array().unwrap();
        assert_eq!(faces.len(), 1, "{line}");
        let sum: f64 =
            faces[0]["probabilities"].as_object().unwrap().values().map(|p| p.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-3, "{line}");
        // She laughs all through this part of the clip.
        assert_eq!(faces[0]["label"], "happy", "{line}");
        labels.push(format!("happy {:.2}", faces[0]["probability"].as_f64().unwrap()));
    }
    Outcome::Passed(labels.join(", "))
}
