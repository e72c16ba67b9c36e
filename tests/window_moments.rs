//! What the window shows together belongs to one moment: after a cut, in a pause, where a source ends or fails, and while
//! nobody looks.
#![allow(clippy::unwrap_used)]

#[path = "common/clicking.rs"]
mod clicking;
mod common;
#[path = "common/scenes.rs"]
mod scenes;
#[path = "common/screen.rs"]
mod screen;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use eframe::egui::{Key, ViewportId};
use image::RgbImage;
use moue::capture::{CaptureError, Frame, FrameSource, OpenedSource, SourceInfo, SourceKind};
use moue::pipeline::{LiveResult, Message, Origins, SourceState};
use scenes::{Scene, Script, origins};
use screen::{Look, Window};

/// Somebody, and from a moment on somewhere else.
struct Cutting {
    info: SourceInfo,
    scenes: [Arc<RgbImage>; 2],
    cut: Arc<AtomicBool>,
    next: u64,
}

impl FrameSource for Cutting {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        std::thread::sleep(std::time::Duration::from_millis(40));
        self.next += 1;
        let image = (*self.scenes[usize::from(self.cut.load(Ordering::SeqCst))]).clone();
        let time_s = self.next as f64 * 0.04;
        Ok(Some(Frame {
            image: Arc::new(image),
            index: self.next,
            time_s,
            position_s: None,
            captured_at: Instant::now(),
            stamp: moue_capture::Stamp::default(),
        }))
    }
}

#[test]
fn a_cut_takes_the_old_faces_away_before_new_ones_are_found() {
    let cut = Arc::new(AtomicBool::new(false));
    let for_source = Arc::clone(&cut);
    let pictures = [Scene::one(), Scene::nobody()].map(|scene| Arc::new(scene.at_rest().frame(0.0)));
    let open = move |_: &_| {
        let info = SourceInfo {
            name: "film".into(),
            kind: SourceKind::Video,
            size_px: None,
            frame_rate: None,
            frame_count: None,
            conversion: None,
        };
        let (scenes, cut) = (pictures.clone(), Arc::clone(&for_source));
        Ok(OpenedSource { source: Box::new(Cutting { info, scenes, cut, next: 0 }), note: None })
    };
    let mut window = Look::new(Origins { open: Arc::new(open), ..Origins::default() }).open();
    window.until_faces(1);
    window.until_says("Showing face 1");
    // The analysis stands still from here on: no new result comes.
    let (held, wait) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let (hold, waits) = (Arc::clone(&held), Arc::clone(&wait));
    window.app().set_result_tap(Some(Arc::new(move |_: &Arc<LiveResult>| {
        waits.store(true, Ordering::SeqCst);
        while hold.load(Ordering::SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    })));
    window.until("an analysis that waits", |_| wait.load(Ordering::SeqCst));
    assert!(window.says("Showing face 1"));
    cut.store(true, Ordering::SeqCst);
    window.until("no face of the last scene", |h| {
        use egui_kittest::kittest::Queryable as _;
        h.query_all_by_label_contains("Showing face").next().is_none()
    });
    assert!(!window.app().live().result().unwrap().analyzed.faces.is_empty(), "it is the window that knows");
    held.store(false, Ordering::SeqCst);
    window.until_says("No face");
}

#[test]
fn while_nobody_looks_the_analysis_rests() {
    let mut window = Look::of(Scene::one(), Script::Forever).open();
    window.until_faces(1);
    let number = |window: &Window| window.app().live().result().map_or(0, |r| r.number);
    let minimise = |window: &mut Window, on: bool| {
        let viewports = &mut window.harness.input_mut().viewports;
        viewports.entry(ViewportId::ROOT).or_default().minimized = Some(on);
        window.harness.step();
    };
    minimise(&mut window, true);
    // What was on its way arrives; then nothing does.
    let mut last = (number(&window), Instant::now());
    while last.1.elapsed().as_millis() < 500 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        if number(&window) != last.0 {
            last = (number(&window), Instant::now());
        }
        assert!(last.0 < 1000, "it does not rest");
    }
    minimise(&mut window, false);
    window.until("new readings", |h| h.state().live().result().is_some_and(|r| r.number > last.0));
}

#[test]
fn a_recording_ends_with_its_source_and_says_so() {
    let recordings = tempfile::tempdir().unwrap();
    let script = Script::EndsAfter(60);
    let look = Look::new(origins(SourceKind::Video, Scene::one(), script));
    let mut window = look.settings(|s| s.recordings = Some(recordings.path().to_owned())).open();
    window.until_faces(1);
    window.press(Key::R);
    window.until_says("REC 0:0");
    window.until("the end", |h| {
        h.state()
            .messages()
            .contains(&Message::Info("The source has ended, and the recording with it".into()))
    });
    assert!(!window.says("REC"));
    // In this state there is nothing to record.
    window.press(Key::R);
    assert!(!window.says("REC"));
}

#[test]
fn a_source_that_fails_takes_its_readings_with_it() {
    let script = Script::UnpluggedAfter(30);
    let mut window = Look::new(origins(SourceKind::Video, Scene::one(), script)).open();
    window.until_faces(1);
    window.until("the failure", |h| matches!(h.state().live().state(), SourceState::Failed(_)));
    for _ in 0..30 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        window.harness.step();
        assert!(!window.says("Showing face") && window.app().live().result().is_none());
    }
    assert!(window.says("No source"));
}
