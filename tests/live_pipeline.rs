//! The threads: what they deliver, what they survive, and that they end.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use image::RgbImage;
use moue::capture::{
    CaptureError, Frame, FrameSource, Limits, OpenedSource, SourceInfo, SourceKind, SourceSpec,
};
use moue::detect::DetectorKind;
use moue::model::{DeviceChoice, LoadedWeights};
use moue::pipeline::{
    BASELINE_S, Baseline, BaselineState, Hooks, Live, LiveOptions, LiveResult, Message, Origins,
    SmoothingSettings, SourceState, WeightsChoice,
};

/// A camera that always sees the same.
struct FakeCamera {
    info: SourceInfo,
    image: Arc<RgbImage>,
    next: u64,
    open: Arc<AtomicUsize>,
    fault: Option<&'static str>,
}

impl FrameSource for FakeCamera {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        std::thread::sleep(Duration::from_millis(20));
        assert!(self.fault.is_none() || self.next < 2, "{}", self.fault.unwrap());
        self.next += 1;
        Ok(Some(Frame {
            image: Arc::clone(&self.image),
            index: self.next - 1,
            time_s: self.next as f64 * 0.02,
            position_s: None,
            captured_at: Instant::now(),
            stamp: moue_capture::Stamp::default(),
        }))
    }
}

impl Drop for FakeCamera {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

struct World {
    live: Live,
    /// Cameras that are open.
    open: Arc<AtomicUsize>,
    frames: Arc<AtomicUsize>,
    /// Lets slow readers go on.
    go: Arc<AtomicBool>,
}

fn face() -> Arc<RgbImage> {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/obama.jpg")).unwrap();
    let picture = image::load_from_memory(&bytes).unwrap().to_rgb8();
    Arc::new(image::imageops::thumbnail(&picture, 360, 480))
}

/// "face" and "empty" are cameras; "fault" is one whose driver panics.
fn start() -> World {
    start_with(None)
}

fn start_with(weights: Option<WeightsChoice>) -> World {
    let open = Arc::new(AtomicUsize::new(0));
    let frames = Arc::new(AtomicUsize::new(0));
    let go = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&go);
    let (opened, pictures) = (Arc::clone(&open), [face(), Arc::new(RgbImage::new(320, 240))]);
    let origins = Origins {
        limits: Limits::LIVE,
        open: Arc::new(move |spec| {
            let name = match spec {
                SourceSpec::Camera(Some(name)) => name.clone(),
                other => {
                    let wanted = other.to_string();
                    return Err(CaptureError::NoCamera { wanted, found: "none".into() });
                }
            };
            let image = Arc::clone(&pictures[usize::from(name == "empty")]);
            let size_px = Some(image.dimensions());
            let fault = (name == "fault").then_some("the lens fell off");
            let info = SourceInfo {
                name,
                kind: SourceKind::Camera,
                size_px,
                frame_rate: Some(50.0),
                frame_count: None,
                conversion: None,
            };
            opened.fetch_add(1, Ordering::SeqCst);
            let source = FakeCamera { info, image, next: 0, open: Arc::clone(&opened), fault };
            Ok(OpenedSource { source: Box::new(source), note: None })
        }),
        read: Arc::new(move |choice| match choice.path.as_deref() {
            Some(path) if path == Path::new("panic.safetensors") => panic!("a reader's fault"),
            // Read, or refused, only when the test says so.
            Some(path) if path.extension().is_some_and(|e| e == "slow" || e == "bad") => {
                wait_for("the go", || gate.load(Ordering::SeqCst).then_some(()));
                let read = WeightsChoice::default().read()?;
                if path.extension().is_some_and(|e| e == "bad") {
                    return WeightsChoice::from(PathBuf::from("no such file")).read();
                }
                Ok(LoadedWeights { path: Some(path.to_owned()), ..read })
            }
            _ => choice.read(),
        }),
    };
    let counted = Arc::clone(&frames);
    let hooks = Hooks {
        on_frame: Box::new(move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
        }),
        on_change: Box::new(|| {}),
    };
    let options = LiveOptions {
        source: camera("face"),
        weights,
        device: DeviceChoice::Cpu,
        threads: 1,
        smoothing: SmoothingSettings::default(),
        detector: DetectorKind::default(),
    };
    World { live: Live::start_from(options, hooks, origins).unwrap(), open, frames, go }
}

fn camera(name: &str) -> SourceSpec {
    SourceSpec::Camera(Some(name.to_owned()))
}

/// Waits until there is an answer; a minute is enough for any machine.
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn result_with_faces(live: &Live, faces: usize) -> Arc<LiveResult> {
    wait_for("a result", || live.result().filter(|r| r.analyzed.faces.len() == faces))
}

fn error(live: &Live) -> String {
    wait_for("a message", || match live.next_message() {
        Some(Message::Error(text) | Message::SourceError(text)) => Some(text),
        _ => None,
    })
}

#[test]
fn frames_become_results_and_another_source_leaves_nothing_behind() {
    let world = start();
    let result = result_with_faces(&world.live, 1);
    assert_eq!(result.shown.len(), 1);
    let sum: f32 = result.shown[0].probabilities.iter().sum();
    assert!((sum - 1.0).abs() < 1e-4);
    world.live.set_source(camera("empty"));
    let empty = result_with_faces(&world.live, 0);
    assert!(empty.analyzed.frame.captured_at > result.analyzed.frame.captured_at);
    for _ in 0..50 {
        assert!(world.live.result().is_none_or(|r| r.analyzed.faces.is_empty()), "a face of the last source");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(world.open.load(Ordering::SeqCst), 1, "the first camera is closed");
}

#[test]
fn a_pause_releases_the_camera_and_going_on_opens_it_again() {
    let world = start();
    let before = result_with_faces(&world.live, 1);
    world.live.set_paused(true);
    wait_for("the pause", || (world.live.state() == SourceState::Paused).then_some(()));
    assert_eq!(world.open.load(Ordering::SeqCst), 0);
    let held = world.live.result().unwrap();
    assert!(held.number >= before.number, "the reading of that moment stays");
    world.live.set_paused(false);
    wait_for("newer readings", || world.live.result().is_some_and(|r| r.number > held.number).then_some(()));
    assert_eq!(world.open.load(Ordering::SeqCst), 1);
}

#[test]
fn dropping_the_pipeline_ends_it_and_releases_the_camera() {
    let world = start();
    result_with_faces(&world.live, 1);
    drop(world.live);
    assert_eq!(world.open.load(Ordering::SeqCst), 0);
    let frames = world.frames.load(Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(world.frames.load(Ordering::SeqCst), frames, "a thread still reads the camera");
}

#[test]
fn a_panic_in_a_driver_is_shown_and_another_source_still_works() {
    let world = start();
    result_with_faces(&world.live, 1);
    world.live.set_source(camera("fault"));
    let text = error(&world.live);
    assert!(text.contains("capture") && text.contains("the lens fell off"), "{text}");
    assert!(matches!(world.live.state(), SourceState::Failed(_)));
    assert!(world.live.result().is_none());
    world.live.set_source(camera("face"));
    result_with_faces(&world.live, 1);
}

#[test]
fn a_baseline_is_recorded_applied_and_taken_off_again() {
    let world = start();
    let id = result_with_faces(&world.live, 1).analyzed.faces[0].id;
    assert_eq!(world.live.baseline(), BaselineState::Off);
    world.live.record_baseline(id);
    let left_s = wait_for("the countdown", || match world.live.baseline() {
        BaselineState::Recording { left_s, .. } => left_s,
        _ => None,
    });
    assert!(left_s <= BASELINE_S);
    let baseline = wait_for("the baseline", || match world.live.baseline() {
        BaselineState::On { baseline, fits: true } => Some(baseline),
        _ => None,
    });
    assert_eq!(baseline.source, "face");
    let shown = wait_for("a reading without the bias", || {
        world.live.result().filter(|r| r.shown.first().is_some_and(|s| s.baseline))
    });
    // The same picture again and again, if not always the same box: the average is about the value itself.
    let raw = |result: &LiveResult| result.analyzed.faces[0].reading.probabilities;
    let close = |a: &[f32; 7], b: &[f32; 7]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.05);
    assert!(close(&shown.shown[0].probabilities, &baseline.apply(&raw(&shown))));
    assert!(!close(&shown.shown[0].probabilities, &raw(&shown)), "something was taken out");
    world.live.set_baseline(None);
    let off = wait_for("a raw reading", || {
        world.live.result().filter(|r| r.shown.first().is_some_and(|s| !s.baseline))
    });
    assert!(close(&off.shown[0].probabilities, &raw(&off)), "at once, without an average over both");
    // Of another camera nothing is taken out.
    world.live.set_baseline(Some(Baseline { source: "another".into(), ..baseline }));
    wait_for("the next results", || world.live.result().filter(|r| r.number > off.number + 3));
    assert!(matches!(world.live.baseline(), BaselineState::On { fits: false, .. }));
    assert!(world.live.result().unwrap().shown.iter().all(|s| !s.baseline));
}

#[test]
fn a_recording_of_a_face_that_is_not_there_ends_with_a_message() {
    let world = start();
    result_with_faces(&world.live, 1);
    world.live.record_baseline(77);
    assert!(error(&world.live).contains("No baseline was recorded: the face was not in view"));
    assert_eq!(world.live.baseline(), BaselineState::Off);
}

#[test]
fn a_source_that_cannot_be_opened_says_why() {
    let world = start();
    world.live.set_source(SourceSpec::Demo);
    assert!(error(&world.live).contains("demo: no such camera"));
    assert!(matches!(world.live.state(), SourceState::Failed(_)));
}

#[test]
fn bad_weights_are_named_and_the_old_network_goes_on() {
    let mut world = start();
    let before = result_with_faces(&world.live, 1);
    let folder = tempfile::tempdir().unwrap();
    let truncated = folder.path().join("truncated.safetensors");
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/moue-fer2013.safetensors");
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(&truncated, &bytes[..bytes.len() / 2]).unwrap();
    for (path, part) in [
        (truncated, "truncated.safetensors"),
        (folder.path().join("missing.safetensors"), "missing.safetensors"),
        (PathBuf::from("panic.safetensors"), "a reader's fault"),
    ] {
        world.live.load_weights(Some(path)).unwrap();
        let text = error(&world.live);
        assert!(text.contains(part) && text.contains("is kept"), "{text}");
    }
    let after = wait_for("the next result", || world.live.result().filter(|r| r.number > before.number + 5));
    assert_eq!(after.model, before.model);
    world.live.load_weights(Some(whole.clone())).unwrap();
    let with_file = wait_for("the new network", || {
        world.live.result().filter(|r| r.model.path.as_deref() == Some(whole.as_path()))
    });
    assert_eq!(with_file.analyzed.faces.len(), 1);
}

/// The weights in use, once nothing is being read any more.
fn settled(world: &World) -> Option<PathBuf> {
    std::thread::sleep(Duration::from_millis(700));
    let before = wait_for("a result", || world.live.result()).number;
    let result = wait_for("the next result", || world.live.result().filter(|r| r.number > before + 2));
    result.model.path.clone()
}

#[test]
fn the_last_weights_chosen_win_whichever_are_read_first() {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/moue-fer2013.safetensors");
    let in_use = |world: &World, path: &Path| {
        wait_for("the weights", || world.live.model().filter(|m| m.path.as_deref() == Some(path)));
    };
    // A slow choice, then a quick one.
    let mut world = start();
    result_with_faces(&world.live, 1);
    world.live.load_weights(Some(PathBuf::from("first.slow"))).unwrap();
    world.live.load_weights(Some(whole.clone())).unwrap();
    in_use(&world, &whole);
    world.go.store(true, Ordering::SeqCst);
    assert_eq!(settled(&world).as_deref(), Some(whole.as_path()));
    // A choice that fails late does not push out what was chosen after it, not even at the start.
    let mut world = start_with(Some(PathBuf::from("first.bad").into()));
    world.live.load_weights(Some(whole.clone())).unwrap();
    in_use(&world, &whole);
    world.go.store(true, Ordering::SeqCst);
    let text = error(&world.live);
    assert!(text.contains("no such file") && text.contains("chosen after them"), "{text}");
    assert_eq!(settled(&world).as_deref(), Some(whole.as_path()));
    // Where the last choice cannot be read, the one before it is taken, also if it is read later.
    let mut world = start_with(Some(PathBuf::from("first.slow").into()));
    world.live.load_weights(Some(PathBuf::from("no such file"))).unwrap();
    assert!(error(&world.live).contains("the built-in network is used"));
    wait_for("the built-in network", || world.live.model().filter(|m| m.path.is_none()));
    world.go.store(true, Ordering::SeqCst);
    in_use(&world, Path::new("first.slow"));
    // A bad file alone leaves the built-in network.
    let world = start_with(Some(PathBuf::from("first.bad").into()));
    world.go.store(true, Ordering::SeqCst);
    assert!(error(&world.live).contains("the built-in network is used"));
    assert_eq!(settled(&world), None);
}
