//! Cameras that go silent, hang or are unplugged: the pipeline marks it, tries the same device again, and stays
//! usable. Made-up cameras; `make test-camera` does the same with real devices.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use image::RgbImage;
use moue::capture::{
    CaptureError, Frame, FrameSource, Limits, OpenedSource, SourceInfo, SourceKind, SourceOpener, SourceSpec,
};
use moue::detect::DetectorKind;
use moue::model::DeviceChoice;
use moue::pipeline::{
    Hooks, Live, LiveOptions, Message, Origins, SmoothingSettings, SourceState, WatchedCamera, WeightsChoice,
};
use parking_lot::Mutex;

/// As the program waits, but sooner. Longer waits are tested without a clock, in `moue-capture`.
const QUICK: Limits = Limits {
    open_within: Duration::from_secs(30),
    no_signal_after: Duration::from_millis(600),
    retry_pauses: (Duration::from_millis(200), Duration::from_secs(1)),
    works_after: Duration::from_secs(10),
    give_up_after: Some(Duration::from_secs(4)),
};

/// What the camera does after its first frames.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    GoesOn,
    /// Every wait for a frame is in vain.
    Silent,
    /// Every frame is damaged.
    Damaged,
    /// The driver's call does not return before `Bench::awake`.
    Hangs,
    Unplugged,
}

/// What opening does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Opening {
    Works,
    Hangs,
    Gone,
    Busy,
}

/// The place where the made-up camera is plugged in.
struct Bench {
    then: Mutex<Then>,
    opening: Mutex<Opening>,
    awake: AtomicBool,
    /// What was asked for, in turn.
    asked: Mutex<Vec<String>>,
    open: AtomicUsize,
    frames: AtomicUsize,
}

impl Bench {
    fn new(then: Then) -> Arc<Self> {
        Arc::new(Self {
            then: Mutex::new(then),
            opening: Mutex::new(Opening::Works),
            awake: AtomicBool::new(false),
            asked: Mutex::default(),
            open: AtomicUsize::new(0),
            frames: AtomicUsize::new(0),
        })
    }

    fn hang(&self) {
        while !self.awake.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn frames(&self) -> usize {
        self.frames.load(Ordering::SeqCst)
    }
}

/// Ends hung calls with the test, so that no thread is left.
struct Awake(Arc<Bench>);

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.awake.store(true, Ordering::SeqCst);
    }
}

struct MadeUp {
    bench: Arc<Bench>,
    info: SourceInfo,
    image: Arc<RgbImage>,
    next: u64,
}

const ID: &str = "Cam@usb/1-2:1.0";

impl FrameSource for MadeUp {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        std::thread::sleep(Duration::from_millis(20));
        let then = *self.bench.then.lock();
        if self.next >= 3 && self.info.name == "Cam" {
            match then {
                Then::GoesOn => {}
                Then::Silent => {
                    return Err(CaptureError::Timeout { source_name: "Cam".into(), waited_ms: 20 });
                }
                Then::Damaged => {
                    let reason = "a damaged JPEG frame: no end".into();
                    return Err(CaptureError::UnreadableFrame { path: "/dev/video0".into(), reason });
                }
                Then::Hangs => self.bench.hang(),
                Then::Unplugged => return Err(CaptureError::CameraUnplugged { device: "Cam".into() }),
            }
        }
        self.next += 1;
        self.bench.frames.fetch_add(1, Ordering::SeqCst);
        let (image, captured_at) = (Arc::clone(&self.image), Instant::now());
        Ok(Some(Frame {
            image,
            index: self.next - 1,
            time_s: self.next as f64 * 0.02,
            position_s: None,
            captured_at,
            stamp: moue_capture::Stamp::default(),
        }))
    }

    fn same_device(&self) -> Option<SourceSpec> {
        (self.info.name == "Cam").then(|| camera(ID))
    }
}

impl Drop for MadeUp {
    fn drop(&mut self) {
        self.bench.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn camera(name: &str) -> SourceSpec {
    SourceSpec::Camera(Some(name.to_owned()))
}

/// Opens `bench`'s camera; "other" is a camera without troubles.
fn opener(bench: &Arc<Bench>) -> Arc<SourceOpener> {
    let plugged = Arc::clone(bench);
    Arc::new(move |spec: &SourceSpec| {
        let wanted = spec.to_string();
        plugged.asked.lock().push(wanted.clone());
        let other = wanted == "camera:other";
        let opening = *plugged.opening.lock();
        if !other {
            match opening {
                Opening::Works => {}
                Opening::Hangs => plugged.hang(),
                Opening::Gone => return Err(CaptureError::NoCamera { wanted, found: "none".into() }),
                Opening::Busy => {
                    let holder = "zoom (process 7)".into();
                    return Err(CaptureError::CameraBusy { device: "Cam".into(), holder });
                }
            }
        }
        let info = SourceInfo {
            name: if other { "other" } else { "Cam" }.into(),
            kind: SourceKind::Camera,
            size_px: Some((64, 48)),
            frame_rate: Some(50.0),
            frame_count: None,
            conversion: None,
        };
        plugged.open.fetch_add(1, Ordering::SeqCst);
        let image = Arc::new(RgbImage::new(64, 48));
        let source = MadeUp { bench: Arc::clone(&plugged), info, image, next: 0 };
        Ok(OpenedSource { source: Box::new(source), note: None })
    })
}

/// The pipeline with `bench`'s camera, chosen by its path.
fn start(bench: &Arc<Bench>) -> (Live, Awake) {
    let origins = Origins {
        open: opener(bench),
        limits: Limits { give_up_after: None, ..QUICK },
        read: Arc::new(WeightsChoice::read),
    };
    let hooks = Hooks { on_frame: Box::new(|_, _| {}), on_change: Box::new(|| {}) };
    let options = LiveOptions {
        source: camera("/dev/video0"),
        weights: None,
        device: DeviceChoice::Cpu,
        threads: 1,
        smoothing: SmoothingSettings::default(),
        detector: DetectorKind::default(),
    };
    (Live::start_from(options, hooks, origins).unwrap(), Awake(Arc::clone(bench)))
}

/// Waits until there is an answer; two minutes are enough for any machine.
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn silence(live: &Live) -> (Instant, Option<String>) {
    wait_for("no signal", || match live.state() {
        SourceState::NoSignal { since, reason, .. } => Some((since, reason)),
        _ => None,
    })
}

fn reason(live: &Live, part: &str) {
    wait_for(part, || match live.state() {
        SourceState::NoSignal { reason: Some(text), .. } => text.contains(part).then_some(()),
        _ => None,
    });
}

fn running(live: &Live, name: &str) {
    wait_for("a running camera", || match live.state() {
        SourceState::Running(info) => (info.name == name).then_some(()),
        _ => None,
    });
}

fn asked(bench: &Bench) -> Vec<String> {
    bench.asked.lock().clone()
}

#[test]
fn a_silent_camera_is_marked_and_the_same_device_is_opened_again() {
    let bench = Bench::new(Then::Silent);
    let (live, _awake) = start(&bench);
    let (since, none) = silence(&live);
    assert!(since.elapsed() >= QUICK.no_signal_after, "marked too early");
    assert_eq!(none, None);
    assert!(live.result().is_none(), "boxes of the last picture are left");
    *bench.then.lock() = Then::GoesOn;
    running(&live, "Cam");
    let before = bench.frames();
    wait_for("frames", || (bench.frames() > before + 5).then_some(()));
    // Named by its path at first, by itself then.
    let [first, again @ ..] = &asked(&bench)[..] else { panic!("nothing was opened") };
    assert_eq!(first, "camera:/dev/video0");
    assert!(!again.is_empty() && again.iter().all(|a| *a == format!("camera:{ID}")), "{again:?}");
    assert_eq!(bench.open.load(Ordering::SeqCst), 1, "the silent camera was not closed");
}

#[test]
fn damaged_frames_only_are_no_signal_and_say_why() {
    let bench = Bench::new(Then::Damaged);
    let (live, _awake) = start(&bench);
    let (_, why) = silence(&live);
    assert!(why.is_some_and(|r| r.contains("a damaged JPEG frame")));
}

#[test]
fn an_unplugged_camera_is_waited_for_and_every_hindrance_is_told() {
    let bench = Bench::new(Then::Unplugged);
    let (live, _awake) = start(&bench);
    wait_for("the first frame", || (bench.frames() > 0).then_some(()));
    *bench.opening.lock() = Opening::Gone;
    reason(&live, "unplugged; plug it in again");
    // The stream's own end says the same; what counts is that the missing device was tried.
    wait_for("tries of the missing camera", || (asked(&bench).len() >= 3).then_some(()));
    *bench.opening.lock() = Opening::Busy;
    reason(&live, "in use by zoom (process 7); close it there");
    *bench.then.lock() = Then::GoesOn;
    *bench.opening.lock() = Opening::Works;
    running(&live, "Cam");
    let again = &asked(&bench)[1..];
    assert!(again.len() >= 3 && again.iter().all(|a| *a == format!("camera:{ID}")), "{again:?}");
    let told = std::iter::from_fn(|| live.next_message())
        .any(|m| matches!(m, Message::SourceError(t) if t.contains("unplugged")));
    assert!(told, "nothing was said");
}

#[test]
fn a_driver_that_hangs_while_reading_stops_neither_another_source_nor_the_end() {
    let bench = Bench::new(Then::Hangs);
    let (live, _awake) = start(&bench);
    reason(&live, "the driver does not answer; unplug the camera");
    assert!(live.result().is_none());
    live.set_source(camera("other"));
    running(&live, "other");
    assert_eq!(bench.open.load(Ordering::SeqCst), 2, "the hung camera cannot be closed");
    drop(live);
    // The test's own camera is released at once, the hung one when its driver awakes.
    assert_eq!(bench.open.load(Ordering::SeqCst), 1);
    bench.awake.store(true, Ordering::SeqCst);
    wait_for("the release", || (bench.open.load(Ordering::SeqCst) == 0).then_some(()));
}

#[test]
fn a_driver_that_hangs_while_opening_stops_neither_another_source_nor_the_end() {
    let bench = Bench::new(Then::GoesOn);
    *bench.opening.lock() = Opening::Hangs;
    let (live, _awake) = start(&bench);
    wait_for("the opening", || (!asked(&bench).is_empty()).then_some(()));
    live.set_source(camera("other"));
    running(&live, "other");
    live.set_source(camera("/dev/video0"));
    wait_for("the second opening", || (asked(&bench).len() == 3).then_some(()));
    drop(live);
    bench.awake.store(true, Ordering::SeqCst);
    wait_for("the release", || (bench.open.load(Ordering::SeqCst) == 0).then_some(()));
}

#[test]
fn a_hung_driver_that_awakes_is_read_again() {
    let bench = Bench::new(Then::Hangs);
    let (live, _awake) = start(&bench);
    reason(&live, "the driver does not answer");
    *bench.then.lock() = Then::GoesOn;
    bench.awake.store(true, Ordering::SeqCst);
    running(&live, "Cam");
    wait_for("one open camera", || (bench.open.load(Ordering::SeqCst) == 1).then_some(()));
}

#[test]
fn after_a_pause_the_same_device_goes_on_and_a_new_choice_is_taken_literally() {
    let bench = Bench::new(Then::GoesOn);
    let (live, _awake) = start(&bench);
    running(&live, "Cam");
    live.set_paused(true);
    wait_for("the pause", || (live.state() == SourceState::Paused).then_some(()));
    assert_eq!(bench.open.load(Ordering::SeqCst), 0, "the paused camera is not released");
    live.set_paused(false);
    running(&live, "Cam");
    live.set_source(camera("/dev/video0"));
    wait_for("the third opening", || (asked(&bench).len() == 3).then_some(()));
    assert_eq!(
        asked(&bench),
        ["camera:/dev/video0".to_owned(), format!("camera:{ID}"), "camera:/dev/video0".into()]
    );
}

/// The camera as `moue analyze` reads it, and what ends it.
fn watch(bench: &Arc<Bench>) -> (Box<dyn FrameSource>, Arc<AtomicBool>, Awake) {
    let stopped = Arc::new(AtomicBool::new(false));
    let opened = WatchedCamera::open(opener(bench), &camera("/dev/video0"), QUICK, Arc::clone(&stopped));
    (opened.unwrap().unwrap().source, stopped, Awake(Arc::clone(bench)))
}

/// The next answer that is no plain wait.
fn answer(source: &mut dyn FrameSource) -> Result<Frame, CaptureError> {
    wait_for("an answer of the camera", || match source.next_frame() {
        Err(CaptureError::Timeout { .. }) => None,
        answer => Some(answer.map(|frame| frame.expect("the camera is at its end"))),
    })
}

/// Reads until it is told that the camera was lost, and says why.
fn lost(source: &mut dyn FrameSource) -> String {
    wait_for("no signal", || match answer(source) {
        Err(CaptureError::NoSignal { reason, .. }) => Some(reason),
        Err(e) => panic!("{e}"),
        Ok(_) => None,
    })
}

#[test]
fn a_watched_camera_comes_back_as_one_stream() {
    let bench = Bench::new(Then::Unplugged);
    let (mut source, _stopped, _awake) = watch(&bench);
    let mut last = answer(&mut *source).unwrap();
    for _ in 0..2 {
        last = answer(&mut *source).unwrap();
    }
    assert_eq!(last.index, 2);
    assert!(lost(&mut *source).contains("unplugged"));
    *bench.then.lock() = Then::GoesOn;
    let again = answer(&mut *source).unwrap();
    assert_eq!(again.index, 3);
    // The pause before it was opened again is a part of the stream's time.
    assert!(again.time_s >= last.time_s + 0.18, "{} after {}", again.time_s, last.time_s);
    assert_eq!(asked(&bench), ["camera:/dev/video0".to_owned(), format!("camera:{ID}")]);
    drop(source);
    assert_eq!(bench.open.load(Ordering::SeqCst), 0, "the camera is not released");
}

#[test]
fn a_watched_camera_that_stays_away_is_given_up_with_its_reason() {
    let bench = Bench::new(Then::Unplugged);
    let (mut source, _stopped, _awake) = watch(&bench);
    *bench.opening.lock() = Opening::Busy;
    lost(&mut *source);
    let end = answer(&mut *source).err().unwrap();
    assert!(!end.is_transient());
    let text = end.to_string();
    assert!(text.contains("no signal for 4 s, given up") && text.contains("in use by zoom"), "{text}");
    assert!(source.next_frame().unwrap().is_none(), "it goes on after it was given up");
}

#[test]
fn a_watched_camera_whose_driver_hangs_says_so_and_ends_when_asked() {
    let bench = Bench::new(Then::Hangs);
    let (mut source, stopped, _awake) = watch(&bench);
    assert!(lost(&mut *source).contains("the driver does not answer"));
    stopped.store(true, Ordering::SeqCst);
    assert!(matches!(source.next_frame(), Err(CaptureError::Timeout { .. })));
    drop(source);
    // Also while it is being opened.
    *bench.opening.lock() = Opening::Hangs;
    let opened = WatchedCamera::open(opener(&bench), &camera("/dev/video0"), QUICK, stopped).unwrap();
    assert!(opened.is_none());
}
