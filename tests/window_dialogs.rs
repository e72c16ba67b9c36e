//! What is typed into a dialog is for the dialog; and recordings, which a key can begin, are announced and ended on purpose.
#![allow(clippy::unwrap_used)]

#[path = "common/clicking.rs"]
mod clicking;
mod common;
#[path = "common/scenes.rs"]
mod scenes;
#[path = "common/screen.rs"]
mod screen;

use eframe::egui::Key;
use moue::capture::{SourceKind, SourceSpec};
use moue::pipeline::SourceState;
use scenes::{Scene, Script, origins};
use screen::{Look, Window};

/// Letters that are commands, the one that records among them.
const LETTERS: [Key; 12] =
    [Key::H, Key::M, Key::P, Key::T, Key::G, Key::E, Key::R, Key::S, Key::D, Key::C, Key::Space, Key::Num1];

/// Types every letter, and fails where one did something.
fn letters_do_nothing(window: &mut Window, what: &str) {
    let before = (window.app().settings().clone(), window.app().live().wanted_source());
    for key in LETTERS {
        window.harness.key_press(key);
        window.settle();
        let now = (window.app().settings().clone(), window.app().live().wanted_source());
        assert_eq!(now, before, "{what}: {key:?}");
        assert!(!window.says("REC") && !window.app().live().is_paused(), "{what}: {key:?}");
    }
    assert!(window.app().messages().is_empty(), "{what}: {:?}", window.app().messages());
}

#[test]
fn under_a_sheet_and_in_a_menu_letters_are_no_commands() {
    let recordings = tempfile::tempdir().unwrap();
    let look = Look::of(Scene::one(), Script::Forever);
    let mut window = look.settings(|s| s.recordings = Some(recordings.path().to_owned())).open();
    window.until_faces(1);
    window.press(Key::F1);
    assert!(window.says("Heatmap on or off"));
    // The focus is on the sheet's close button, which Space would press.
    window.harness.key_press(Key::Tab);
    letters_do_nothing(&mut window, "sheet");
    window.press(Key::Escape);
    assert!(!window.says("Heatmap on or off"), "Esc closes it");
    window.click("File");
    letters_do_nothing(&mut window, "menu");
    window.press(Key::Escape);
    assert!(!window.says("Quit"), "Esc closes it");
    // Now they are commands again.
    window.press(Key::H);
    assert!(!window.app().settings().overlay);
}

fn recorded(kind: SourceKind) -> (Window, tempfile::TempDir) {
    let recordings = tempfile::tempdir().unwrap();
    let look = Look::new(origins(kind, Scene::one(), Script::Forever));
    let mut window = look.settings(|s| s.recordings = Some(recordings.path().to_owned())).open();
    window.until_faces(1);
    assert_eq!(
        window.app().title(),
        if kind == SourceKind::Camera { "Camera – moue" } else { "portraits – moue" }
    );
    window.press(Key::R);
    window.until_says("REC 0:0");
    assert!(window.says("Recording: R stops it"), "it cannot be missed");
    assert!(window.app().title().starts_with("● REC "), "{}", window.app().title());
    (window, recordings)
}

#[test]
fn another_source_ends_a_recording_only_if_the_user_says_so() {
    let (mut window, _recordings) = recorded(SourceKind::Camera);
    window.press(Key::D);
    assert!(window.says("End the recording?"));
    window.press(Key::Escape);
    assert!(!window.says("End the recording?") && window.says("REC 0:"));
    assert_eq!(window.app().live().wanted_source(), SourceSpec::Camera(None));
    window.press(Key::D);
    window.click("Keep recording");
    assert!(!window.says("End the recording?") && window.says("REC 0:"));
    // The camera that is shown is no other source.
    window.press(Key::C);
    assert!(!window.says("End the recording?") && window.says("REC 0:"));
    window.press(Key::D);
    window.press(Key::Enter);
    assert_eq!(window.app().live().wanted_source(), SourceSpec::Demo);
    assert!(!window.says("REC 0:") && !window.says("End the recording?"));
}

#[test]
fn r_and_d_do_the_same_from_a_pause() {
    let (mut window, _recordings) = recorded(SourceKind::Camera);
    window.press(Key::R);
    window.until("the end", |h| h.state().messages().len() == 1);
    assert!(!window.says("REC"));
    window.press(Key::Space);
    window.until("the pause", |h| h.state().live().state() == SourceState::Paused);
    window.press(Key::R);
    window.until_says("REC 0:0");
    assert!(!window.app().live().is_paused(), "it goes on, and is recorded");
    window.press(Key::R);
    window.press(Key::Space);
    window.until("the pause", |h| h.state().live().state() == SourceState::Paused);
    window.press(Key::D);
    assert_eq!(window.app().live().wanted_source(), SourceSpec::Demo);
    window.until_faces(1);
}
