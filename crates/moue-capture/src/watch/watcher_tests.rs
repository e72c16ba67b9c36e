#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use image::RgbImage;

use super::*;
use crate::Stamp;

/// A watcher with a clock that only the test moves.
struct Bench {
    watcher: SourceWatcher,
    now: Instant,
    others: OtherReaders,
}

const ID: &str = "Cam@usb/1-2:1.0";

fn camera(name: &str) -> SourceSpec {
    SourceSpec::Camera(Some(name.to_owned()))
}

fn info(kind: SourceKind) -> SourceInfo {
    SourceInfo {
        name: "Cam".into(),
        kind,
        size_px: None,
        frame_rate: None,
        frame_count: None,
        conversion: None,
    }
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let now = Instant::now();
        let watcher = SourceWatcher::new(camera("/dev/video0"), limits, now);
        Self { watcher, now, others: OtherReaders::NONE }
    }

    /// An open camera.
    fn running(limits: Limits) -> Self {
        let mut bench = Self::new(limits);
        assert_eq!(bench.opened(), Some(camera("/dev/video0")));
        bench.happens(opened(SourceKind::Camera));
        bench
    }

    fn step(&mut self, seconds: f64, event: Option<Event>) -> Vec<Action> {
        self.now += Duration::from_secs_f64(seconds);
        self.watcher.step(self.now, event, self.others)
    }

    fn happens(&mut self, event: Event) -> Vec<Action> {
        self.step(0.02, Some(event))
    }

    fn frame(&self) -> Event {
        let image = Arc::new(RgbImage::new(4, 4));
        Event::Frame(Frame {
            image,
            index: 0,
            time_s: 0.0,
            position_s: None,
            captured_at: self.now,
            stamp: Stamp::default(),
        })
    }

    /// What the watcher wants to be opened now.
    fn opened(&mut self) -> Option<SourceSpec> {
        self.step(0.0, None).into_iter().find_map(|action| match action {
            Action::Open(source) => Some(source),
            _ => None,
        })
    }

    /// Seconds until something is opened, in steps of a tenth.
    fn opens_after(&mut self) -> (f64, SourceSpec) {
        for tenths in 0..2000 {
            for action in self.step(0.1, None) {
                if let Action::Open(source) = action {
                    return (f64::from(tenths + 1) / 10.0, source);
                }
            }
        }
        panic!("nothing was opened in 200 s");
    }

    /// Waits in steps of a tenth of a second until something is reported.
    fn reports_after(&mut self) -> (f64, Report) {
        for tenths in 0..2000 {
            for action in self.step(0.1, None) {
                if let Action::Tell(report) = action {
                    return (f64::from(tenths + 1) / 10.0, report);
                }
            }
        }
        panic!("nothing was reported in 200 s");
    }
}

fn opened(kind: SourceKind) -> Event {
    Event::Opened { info: info(kind), note: None, same: Some(camera(ID)), transport: None }
}

fn report(actions: Vec<Action>) -> Report {
    let reports = actions.into_iter().filter_map(|action| match action {
        Action::Tell(report) => Some(report),
        _ => None,
    });
    reports.last().unwrap()
}

fn busy() -> Event {
    Event::Failed(CaptureError::CameraBusy { device: "Cam".into(), holder: "zoom (process 7)".into() })
}

#[test]
fn a_silent_camera_is_closed_and_the_same_device_opened_again_after_growing_pauses() {
    let mut bench = Bench::running(Limits::LIVE);
    let frame = bench.frame();
    bench.happens(frame);
    let last_frame = bench.now;
    // Every wait of the driver is in vain, but it answers.
    let mut lost = None;
    for _ in 0..100 {
        let timeout = CaptureError::Timeout { source_name: "Cam".into(), waited_ms: 500 };
        let actions = bench.step(0.1, Some(Event::Nothing(timeout)));
        if !actions.is_empty() {
            assert!(matches!(actions[0], Action::Close), "{actions:?}");
            lost = Some(report(actions));
            break;
        }
    }
    let Some(Report::NoSignal { since, reason: None, lost_now: true }) = lost else { panic!("{lost:?}") };
    assert_eq!(since, last_frame);
    let waited = bench.now.duration_since(last_frame).as_secs_f64();
    assert!((3.0..3.2).contains(&waited), "{waited}");

    for pause in [1.0, 2.0, 4.0, 8.0, 10.0, 10.0] {
        let (after, source) = bench.opens_after();
        assert!((after - pause).abs() < 0.15, "{after} for {pause}");
        assert_eq!(source, camera(ID), "another device was opened");
        let Report::NoSignal { reason, lost_now: false, .. } = report(bench.happens(busy())) else {
            panic!()
        };
        assert!(reason.unwrap().contains("in use by zoom (process 7)"));
    }
    bench.opens_after();
    assert!(bench.happens(opened(SourceKind::Camera)).is_empty(), "it is announced before it delivers");
    let frame = bench.frame();
    let Report::Frame { frame, after_silence: true } = report(bench.happens(frame)) else { panic!() };
    assert_eq!(frame.index, 1, "one stream");
    assert!(frame.time_s > 38.0, "the silence is a part of the stream's time: {}", frame.time_s);
}

#[test]
fn a_camera_that_worked_for_a_while_is_tried_again_soon() {
    let mut bench = Bench::running(Limits::LIVE);
    let unplugged = || Event::Failed(CaptureError::CameraUnplugged { device: "Cam".into() });
    bench.happens(unplugged());
    for _ in 0..3 {
        bench.opens_after();
        bench.happens(busy());
    }
    bench.opens_after();
    bench.happens(opened(SourceKind::Camera));
    for _ in 0..110 {
        let frame = bench.frame();
        bench.step(0.1, Some(frame));
    }
    bench.happens(unplugged());
    assert!((bench.opens_after().0 - 1.0).abs() < 0.15);
}

#[test]
fn a_driver_that_does_not_answer_is_named_as_that() {
    let mut bench = Bench::running(Limits::LIVE);
    let (after, Report::NoSignal { reason, .. }) = bench.reports_after() else { panic!() };
    assert!((3.0..3.3).contains(&after), "{after}");
    assert_eq!(reason.as_deref(), Some(NO_ANSWER));
    // Its thread cannot be ended. The next attempt finds the device in use, by this program.
    bench.others = OtherReaders { settled: true, any: true, too_many: false };
    bench.opens_after();
    let Report::NoSignal { reason, .. } = report(bench.happens(busy())) else { panic!() };
    assert_eq!(reason.as_deref(), Some(NO_ANSWER));
}

#[test]
fn damaged_frames_only_are_no_signal_and_say_why() {
    let mut bench = Bench::running(Limits::LIVE);
    for step in 0..400 {
        let damage = CaptureError::UnreadableFrame { path: "/dev/video0".into(), reason: "no end".into() };
        match report(bench.step(0.02, Some(Event::Nothing(damage)))) {
            Report::Damaged(_) => {}
            Report::NoSignal { reason, .. } => {
                assert!(reason.unwrap().contains("no end"));
                assert!(step > 140, "{step}");
                return;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("damaged frames count as a signal");
}

#[test]
fn a_source_that_cannot_be_opened_the_first_time_fails_at_once() {
    let mut bench = Bench::new(Limits::LIVE);
    bench.opened();
    let actions = bench.happens(busy());
    assert!(matches!(actions[0], Action::Close));
    assert!(matches!(report(actions), Report::Failed(Failure::Error(CaptureError::CameraBusy { .. }))));
    assert!(bench.watcher.is_over());

    let mut bench = Bench::new(Limits::LIVE);
    bench.opened();
    let (after, Report::Failed(Failure::Watcher(text))) = bench.reports_after() else { panic!() };
    assert!((30.0..30.3).contains(&after) && text.contains(NO_ANSWER), "{after}: {text}");
}

#[test]
fn a_user_who_is_asked_for_permission_may_take_any_time_to_answer() {
    let mut bench = Bench::new(Limits::UNATTENDED);
    bench.opened();
    for _ in 0..600 {
        let actions = bench.happens(Event::Failed(CaptureError::PermissionPending { device: "Cam".into() }));
        assert!(matches!(actions[..], [Action::Close]), "nothing is told: {actions:?}");
        let (after, source) = bench.opens_after();
        assert!((0.9..1.2).contains(&after), "{after}");
        assert_eq!(source, camera("/dev/video0"));
    }
    let refused = CaptureError::CameraPermission { device: "Cam".into(), advice: "allow it".into() };
    let told = report(bench.happens(Event::Failed(refused)));
    assert!(matches!(told, Report::Failed(Failure::Error(CaptureError::CameraPermission { .. }))));
}

#[test]
fn a_device_waits_until_others_are_released_and_a_file_does_not() {
    let mut bench = Bench::new(Limits::LIVE);
    bench.others = OtherReaders { settled: false, any: true, too_many: false };
    assert_eq!(bench.opened(), None);
    bench.others = OtherReaders::NONE;
    assert_eq!(bench.opened(), Some(camera("/dev/video0")));

    let mut bench = Bench::new(Limits::LIVE);
    bench.watcher = SourceWatcher::new(SourceSpec::Path("a.mp4".into()), Limits::LIVE, bench.now);
    bench.others = OtherReaders { settled: false, any: true, too_many: false };
    assert!(bench.opened().is_some());
    // Files may be slow: nobody calls that no signal.
    bench.happens(opened(SourceKind::Video));
    assert!((0..600).all(|_| bench.step(0.1, None).is_empty()));
    assert!(matches!(report(bench.happens(Event::Ended)), Report::Ended));
    assert!(bench.watcher.is_over());
}

#[test]
fn no_more_threads_are_spent_on_drivers_that_hang() {
    let mut bench = Bench::new(Limits::LIVE);
    bench.others = OtherReaders { settled: true, any: true, too_many: true };
    let Report::Failed(Failure::Watcher(text)) = report(bench.step(0.0, None)) else { panic!() };
    assert!(text.contains("several cameras"));
}

#[test]
fn an_unattended_camera_is_given_up_with_its_reason_and_the_receivers_own_time_does_not_count() {
    let mut bench = Bench::running(Limits::UNATTENDED);
    let frame = bench.frame();
    bench.happens(frame);
    // A minute of work on that frame.
    bench.now += Duration::from_secs(60);
    bench.watcher.receiver_waits(bench.now);
    let timeout = CaptureError::Timeout { source_name: "Cam".into(), waited_ms: 500 };
    assert!(bench.step(0.5, Some(Event::Nothing(timeout))).is_empty(), "the receiver's time was counted");
    bench.happens(Event::Failed(CaptureError::CameraUnplugged { device: "Cam".into() }));
    let start = bench.now;
    let given_up = loop {
        let report = bench.step(0.1, None).into_iter().find_map(|action| match action {
            Action::Tell(Report::GivenUp { reason }) => Some(reason),
            Action::Open(_) => None,
            _ => None,
        });
        if let Some(reason) = report {
            break reason;
        }
        // Each attempt fails.
        if matches!(bench.watcher.phase, Phase::Opening { .. }) {
            bench.happens(busy());
        }
        assert!(bench.now.duration_since(start) < Duration::from_secs(60), "never given up");
    };
    assert!(given_up.unwrap().contains("in use by zoom"));
    assert!(bench.now.duration_since(start) > Duration::from_secs(28));
    assert!(bench.step(10.0, None).is_empty(), "it goes on after it was given up");
}

#[test]
fn a_missing_device_is_called_unplugged() {
    let mut bench = Bench::running(Limits::LIVE);
    bench.happens(Event::Failed(CaptureError::CameraUnplugged { device: "Cam".into() }));
    bench.opens_after();
    let gone = CaptureError::NoCamera { wanted: ID.into(), found: "none".into() };
    let Report::NoSignal { reason, .. } = report(bench.happens(Event::Failed(gone))) else { panic!() };
    assert!(reason.unwrap().contains("unplugged; plug it in again"));
}

#[test]
fn a_panic_ends_the_source_and_is_passed_on() {
    let mut bench = Bench::running(Limits::LIVE);
    let actions = bench.happens(Event::Panicked(Box::new("a wheel fell off")));
    assert!(matches!(report(actions), Report::Failed(Failure::Panicked(_))));
    assert!(bench.watcher.is_over());
}
