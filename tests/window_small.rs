//! The window when there is little room, at its first start, and what belongs to one source and leaves with it.
#![allow(clippy::unwrap_used)]

#[path = "common/clicking.rs"]
mod clicking;
mod common;
#[path = "common/scenes.rs"]
mod scenes;
#[path = "common/screen.rs"]
mod screen;

use std::path::{Path, PathBuf};
use std::time::Duration;

use eframe::egui::{Key, PointerButton, Pos2, Rect, pos2, vec2};
use egui_kittest::kittest::Queryable as _;
use moue::capture::{SourceSpec, open_source};
use moue::pipeline::{Message, Origins};
use scenes::{Scene, Script};
use screen::{Look, Window};

/// An animation of grey pictures, a second each.
fn animation(folder: &Path, name: &str, seconds: usize) -> PathBuf {
    let path = folder.join(name);
    let mut encoder = image::codecs::gif::GifEncoder::new(std::fs::File::create(&path).unwrap());
    for i in 0..seconds {
        let grey = (i * 7) as u8;
        let picture = image::RgbaImage::from_pixel(160, 120, image::Rgba([grey, grey, grey, 255]));
        let delay = image::Delay::from_numer_denom_ms(1000, 1);
        encoder.encode_frame(image::Frame::from_parts(picture, 0, 0, delay)).unwrap();
    }
    path
}

fn on_file(path: PathBuf) -> Look {
    let open = Origins {
        open: std::sync::Arc::new(|spec| open_source(spec, moue::capture::Pace::Live)),
        ..Origins::default()
    };
    let mut look = Look::new(open);
    look.source = SourceSpec::Path(path);
    look
}

/// Presses and lets go between two passes, as a fast finger does.
fn instant_click(window: &mut Window, at: Pos2) {
    window.harness.hover_at(at);
    window.settle();
    for pressed in [true, false] {
        window.harness.event(eframe::egui::Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: eframe::egui::Modifiers::NONE,
        });
    }
    window.settle();
}

/// Where the controls are that have one of these names.
fn places(window: &Window, names: &[&str]) -> Vec<(String, Rect)> {
    let rects = names.iter().map(|name| {
        let node = window.harness.query_all_by_label_contains(name).next();
        let node = node.unwrap_or_else(|| panic!("{name} is not there"));
        ((*name).to_owned(), node.rect())
    });
    rects.collect()
}

/// Fails where two of them lie on one another, or one beyond the window's edge.
fn lie_apart(window: &Window, names: &[&str], width: f32) {
    let places = places(window, names);
    for (i, (name, rect)) in places.iter().enumerate() {
        assert!(rect.left() >= 0.0 && rect.right() <= width + 0.5, "{name} at {rect:?} of {width}");
        for (other, taken) in &places[..i] {
            let shared = rect.intersect(*taken);
            assert!(shared.width() < 1.0 || shared.height() < 1.0, "{name} {rect:?} on {other} {taken:?}");
        }
    }
}

#[test]
fn the_controls_of_a_video_and_of_a_contact_sheet_lie_apart_in_any_width() {
    let folder = tempfile::tempdir().unwrap();
    let video = animation(folder.path(), "a.gif", 20);
    animation(folder.path(), "b.gif", 3);
    for (size, zoom) in [([800.0, 600.0], 1.0), ([800.0, 600.0], 1.5), ([1180.0, 740.0], 1.0)] {
        let width = size[0] / zoom;
        let mut window = on_file(video.clone()).size(size).settings(|s| s.zoom = zoom).open();
        window.until("the bar", |h| h.query_by_label("Pause").is_some());
        window.press(Key::Space);
        window.until("the pause", |h| h.query_by_label("Play").is_some());
        window.settle();
        let bar = ["Previous frame", "Play", "Next frame", "Loop", "Position "];
        lie_apart(&window, &bar, width);
        assert!(places(&window, &bar)[4].1.width() > 60.0, "the place can be hit");

        let mut window = on_file(folder.path().to_owned()).size(size).settings(|s| s.zoom = zoom).open();
        window.until_says("a.gif, 1 of 2");
        window.press(Key::K);
        window.until_says("2 of 2 files");
        let sheet = ["By name", "By expression", "Export CSV", "Back to the picture"];
        lie_apart(&window, &sheet, width);
    }
}

#[test]
fn a_quick_click_in_the_place_bar_goes_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = on_file(animation(folder.path(), "a.gif", 20)).open();
    window.until("the bar", |h| h.query_by_label("Pause").is_some());
    window.press(Key::Space);
    window.until("the pause", |h| h.query_by_label("Play").is_some());
    let bar = window.harness.get_by_label_contains("Position ").rect();
    instant_click(&mut window, pos2(bar.left() + bar.width() * 0.75, bar.center().y));
    window.until("the place", |h| {
        let at_s = h.state().live().transport().map_or(0.0, |t| t.status().position_s);
        (13.0..17.0).contains(&at_s)
    });
}

#[test]
fn a_zoomed_timeline_follows_the_place_that_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let look = on_file(animation(folder.path(), "a.gif", 20)).settings(|s| s.timeline = true);
    let mut window = look.open();
    window.until("the bar", |h| h.query_by_label("Pause").is_some());
    window.press(Key::Space);
    window.until("the pause", |h| h.query_by_label("Play").is_some());
    let timeline = window.harness.get_by_label("Timeline of the video").rect();
    let transport = window.app().live().transport().unwrap();
    transport.seek_to(1.0);
    window.until("the place", |_| transport.status().position_s >= 1.0);
    let at = pos2(timeline.left() + timeline.width() / 20.0, timeline.center().y);
    window.harness.hover_at(at);
    window.settle();
    window.harness.event(eframe::egui::Event::MouseWheel {
        unit: eframe::egui::MouseWheelUnit::Point,
        delta: vec2(0.0, 400.0),
        phase: eframe::egui::TouchPhase::Move,
        modifiers: eframe::egui::Modifiers::NONE,
        source: eframe::egui::MouseWheelSource::Wheel,
    });
    window.harness.run_steps(30);
    assert!(window.says("Show all"));
    transport.seek_to(15.0);
    window.until("the place", |_| transport.status().position_s >= 15.0);
    // What is seen now is around it: a click at the left edge of the curves goes to a time near it.
    instant_click(&mut window, at);
    window.until("a place nearby", |_| transport.status().position_s != 15.0 || transport.status().playing);
    let there_s = transport.status().position_s;
    assert!((12.0..18.0).contains(&there_s), "{there_s}");
}

#[test]
fn a_video_loops_as_the_last_one_was_told_to() {
    let folder = tempfile::tempdir().unwrap();
    animation(folder.path(), "a.gif", 20);
    animation(folder.path(), "b.gif", 20);
    let mut window = on_file(folder.path().to_owned()).open();
    window.until_says("a.gif, 1 of 2");
    window.until("the bar", |h| h.query_by_label("Loop").is_some());
    window.click("Loop");
    let looping = |h: &egui_kittest::Harness<'static, moue::app::MoueApp>| {
        h.state().live().transport().map(|t| t.status().looping)
    };
    window.until("no loop", |h| looping(h) == Some(false));
    window.press(Key::PageDown);
    window.until_says("b.gif, 2 of 2");
    window.until("its bar", |h| h.query_by_label("Loop").is_some());
    window.settle();
    assert_eq!(looping(&window.harness), Some(false));
}

#[test]
fn the_welcome_is_confirmed_by_enter_and_messages_stand_above_it() {
    let look = || Look::of(Scene::one(), Script::Forever).settings(|s| s.introduced = false);
    let mut window = look().open();
    window.until_faces(1);
    window.press(Key::K);
    window.until_says("A contact sheet needs a folder");
    let welcome = window.harness.get_by_label("Welcome to moue").rect();
    let message = window.harness.get_by_label_contains("A contact sheet needs a folder").rect();
    assert!(message.bottom() < welcome.top(), "{message:?} {welcome:?}");
    window.press(Key::Enter);
    assert!(!window.says("Welcome to moue") && window.app().settings().introduced);
    // With the keyboard on a control, Enter is for that.
    let mut window = look().open();
    window.until_faces(1);
    window.harness.get_by_label("Keyboard shortcuts").focus();
    window.settle();
    window.press(Key::Enter);
    assert!(window.says("Heatmap on or off") && !window.app().settings().introduced);
}

#[test]
fn what_was_said_of_one_source_leaves_with_it() {
    let mut window = Look::of(Scene::one(), Script::Forever).open();
    window.until_faces(1);
    window.press(Key::K);
    window.until_says("A contact sheet needs a folder");
    std::thread::sleep(Duration::from_millis(2100));
    window.press(Key::D);
    assert!(!window.says("A contact sheet needs a folder"));
    let kept = window.app().messages();
    assert!(kept.iter().any(|m| matches!(m, Message::Info(text) if text.contains("contact sheet"))));
}
