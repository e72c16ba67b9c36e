//! The live pipeline on a real device that goes silent or is unplugged.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use moue::capture::SourceSpec;
use moue::detect::DetectorKind;
use moue::model::DeviceChoice;
use moue::pipeline::{Hooks, Live, LiveOptions, SmoothingSettings, SourceState};

use super::devices::{FACE_CAM_PATH, Loopback, Running, VIVID, VIVID_ID, feed};
use super::faults::holds;
use super::{Outcome, moue, run_well, tool, wait_for};

struct World {
    live: Live,
    frames: Arc<AtomicUsize>,
}

impl World {
    fn start(source: &str) -> Self {
        let frames = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&frames);
        let hooks = Hooks {
            on_frame: Box::new(move |_, _| {
                counted.fetch_add(1, Ordering::SeqCst);
            }),
            on_change: Box::new(|| {}),
        };
        let options = LiveOptions {
            source: SourceSpec::Camera(Some(source.to_owned())),
            weights: None,
            device: DeviceChoice::Cpu,
            threads: 1,
            smoothing: SmoothingSettings::default(),
            detector: DetectorKind::Rustface,
        };
        Self { live: Live::start(options, hooks).unwrap(), frames }
    }

    fn frames(&self) -> usize {
        self.frames.load(Ordering::SeqCst)
    }

    fn wait_for_frames(&self, what: &str) {
        let before = self.frames();
        wait_for(what, || {
            let running = matches!(self.live.state(), SourceState::Running(_));
            (running && self.frames() > before + 5).then_some(())
        });
    }

    /// When the last frame came, and the reason that is given.
    fn wait_for_silence(&self) -> (Instant, Option<String>) {
        wait_for("the mark \"no signal\"", || match self.live.state() {
            SourceState::NoSignal { since, reason, .. } => Some((since, reason)),
            _ => None,
        })
    }

    fn wait_for_reason(&self, part: &str) {
        wait_for(part, || match self.live.state() {
            SourceState::NoSignal { reason: Some(reason), .. } => reason.contains(part).then_some(()),
            _ => None,
        });
    }
}

fn own_hold(path: &str) -> bool {
    holds(std::process::id(), path)
}

pub(crate) fn silent() -> Outcome {
    let world = World::start(VIVID);
    world.wait_for_frames("the first frames");
    tool("v4l2-ctl -d0 -c percentage_of_dropped_buffers=100");
    let (since, _) = world.wait_for_silence();
    let age = since.elapsed();
    assert!(world.live.result().is_none(), "boxes of the last picture are still there");
    // It is tried again and again meanwhile.
    world.wait_for_reason("gave no picture");
    assert!(world.live.result().is_none());
    tool("v4l2-ctl -d0 -c percentage_of_dropped_buffers=0");
    world.wait_for_frames("frames after the silence");
    // A pause releases the device for others.
    world.live.set_paused(true);
    wait_for("the pause", || (world.live.state() == SourceState::Paused).then_some(()));
    assert!(!own_hold("/dev/video0"), "the paused pipeline holds the camera");
    run_well(&mut moue(&[
        "cameras", "--check", VIVID, "--format", "YUYV", "--size", "320x180", "--frames", "2",
    ]));
    world.live.set_paused(false);
    world.wait_for_frames("frames after the pause");
    drop(world);
    assert!(!own_hold("/dev/video0"), "the ended pipeline holds the camera");
    Outcome::Passed(format!("marked {:.1} s after the last frame", age.as_secs_f64()))
}

/// The lab tests cameras. Its emulated processor is too slow for three detectors a frame, so that rustface looks alone.
pub(crate) fn analyze() -> Outcome {
    let log = std::env::temp_dir().join("moue-analyze.log");
    let mut program = Running(
        moue(&["analyze", "--detector", "rustface", "--json", "--source", &format!("camera:{VIVID_ID}")])
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap(),
    );
    // Nobody reads on after the first lines, and they fit into the pipe.
    let mut lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains(VIVID));
    tool("v4l2-ctl -d0 -c percentage_of_dropped_buffers=100");
    wait_for("the message \"no signal\"", || {
        std::fs::read_to_string(&log).unwrap().contains("no signal; waiting at most 30 s").then_some(())
    });
    program.signal("TERM");
    let asked = Instant::now();
    let status = wait_for("the end of the program", || program.0.try_wait().unwrap());
    let ended = asked.elapsed();
    assert_eq!(status.code(), Some(130), "{}", std::fs::read_to_string(&log).unwrap());
    tool("v4l2-ctl -d0 -c percentage_of_dropped_buffers=0");
    // Others can open it at once.
    run_well(&mut moue(&[
        "cameras", "--check", VIVID, "--format", "YUYV", "--size", "320x180", "--frames", "2",
    ]));
    Outcome::Passed(format!("ended {:.1} s after it was asked", ended.as_secs_f64()))
}

fn plug(action: &str) {
    std::fs::write(format!("/sys/bus/platform/drivers/vivid/{action}"), "vivid.0").unwrap();
}

pub(crate) fn unplugged() -> Outcome {
    // Chosen by its path, as a user may.
    let world = World::start("/dev/video0");
    world.wait_for_frames("the first frames");
    plug("unbind");
    let (since, reason) = world.wait_for_silence();
    let noticed = since.elapsed();
    assert!(reason.is_some_and(|r| r.contains("unplugged; plug it in again")));
    assert!(world.live.result().is_none());
    assert!(!own_hold("/dev/video0"));
    // Another camera gets the number that is free now.
    let other = Loopback::load(0, "Other");
    let feeder =
        feed(&["-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=10"], "format=yuyv422", "/dev/video0");
    let before = world.frames();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(8) {
        assert!(!own_hold("/dev/video0"), "another camera was opened in place of the unplugged one");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(world.frames(), before);
    plug("bind");
    world.wait_for_frames("frames after it was plugged in again");
    let list = run_well(&mut moue(&["cameras"]));
    let line =
        list.lines().zip(list.lines().skip(1)).find(|(_, id)| id.trim() == format!("camera:{VIVID_ID}"));
    let now = line.unwrap().0.rsplit('(').next().unwrap().trim_end_matches(')').to_owned();
    assert_ne!(now, "/dev/video0");
    assert_ne!(now, FACE_CAM_PATH);
    assert!(own_hold(&now), "{now} is not the camera that is read");
    // A pause does not make it forget which camera it was.
    world.live.set_paused(true);
    wait_for("the pause", || (world.live.state() == SourceState::Paused).then_some(()));
    world.live.set_paused(false);
    world.wait_for_frames("frames after the pause");
    assert!(own_hold(&now) && !own_hold("/dev/video0"));
    drop(world);
    // The lab as it was, for the checks that follow.
    drop(feeder);
    drop(other);
    plug("unbind");
    plug("bind");
    wait_for("the device", || std::fs::exists("/dev/video0").unwrap().then_some(()));
    Outcome::Passed(format!(
        "noticed {:.1} s after the last frame, came back as {now}",
        noticed.as_secs_f64()
    ))
}
