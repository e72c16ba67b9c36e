//! What is typed into a dialog is for the dialog; and recordings, which a key can begin, are announced and ended on purpose.
#![allow(clippy::unwrap_used)]

#[path = "common/clicking.rs"]
mod clicking;
mod common;
#[path = "common/scenes.rs"]
mod scenes;
#[path = "common/screen.rs"]
mod screen;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::{DroppedFile, Event, Key, Modifiers};
use moue::app::SystemPicker;
use moue::capture::{SourceKind, SourceSpec};
use moue::pipeline::{Message, SourceState};
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

/// A window with the dialog inside it, which begins in `folder`.
fn with_dialog(folder: &Path) -> Window {
    let mut look =
        Look::of(Scene::one(), Script::Forever).settings(|s| s.last_folder = Some(folder.to_owned()));
    look.picker = Box::new(SystemPicker::inside_the_window());
    let mut window = look.open();
    window.until_faces(1);
    window
}

fn types(window: &mut Window, text: &str) {
    window.harness.event(Event::Text(text.to_owned()));
    window.settle();
}

/// A folder with a picture, a folder, and a file of no use.
fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let grey = image::RgbImage::from_pixel(160, 120, image::Rgb([90; 3]));
    grey.save(folder.path().join("holiday.png")).unwrap();
    std::fs::create_dir(folder.path().join("album")).unwrap();
    grey.save(folder.path().join("album/inside.png")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "nothing to see here").unwrap();
    folder
}

#[test]
fn a_file_is_opened_by_its_name_and_enter_and_esc_closes() {
    let folder = files();
    let mut window = with_dialog(folder.path());
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::O);
    window.until_says("holiday.png");
    assert!(window.says("album/") && !window.says("notes.txt"), "what it cannot open is not listed");
    window.press(Key::Escape);
    assert!(!window.says("holiday.png"), "Esc closes it");

    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::O);
    window.until_says("holiday.png");
    // The letters are commands elsewhere: h, r and d among them.
    types(&mut window, "hrd");
    assert!(!window.says("holiday.png") && window.app().settings().overlay && !window.says("REC"));
    window.press(Key::Enter);
    window.until_says("hrd: ");
    for _ in 0.."hrd".len() {
        window.press(Key::Backspace);
    }
    types(&mut window, "holiday.png");
    window.press(Key::Enter);
    let picture = SourceSpec::Path(folder.path().join("holiday.png"));
    window.until("the picture", |h| h.state().live().wanted_source() == picture);
    assert!(!window.says("Folder above"));
    assert_eq!(window.app().settings().last_folder.as_deref(), Some(folder.path()));
}

#[test]
fn arrow_keys_go_through_the_list_and_enter_goes_into_a_folder() {
    let folder = files();
    let mut window = with_dialog(folder.path());
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::O);
    window.until_says("holiday.png");
    window.press(Key::ArrowDown);
    window.press(Key::Enter);
    window.until_says("inside.png");
    window.press(Key::ArrowDown);
    window.press(Key::Enter);
    let picture = SourceSpec::Path(folder.path().join("album/inside.png"));
    window.until("the picture", |h| h.state().live().wanted_source() == picture);
    // The next time it begins where this one was.
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::O);
    window.until_says("inside.png");
}

#[test]
fn where_a_folder_is_chosen_only_folders_are_listed_and_no_message_lies_over_it() {
    let folder = files();
    let mut window = with_dialog(folder.path());
    window.press(Key::B);
    window.press(Key::B);
    window.harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::O);
    window.until_says("album/");
    assert!(!window.says("holiday.png"));
    types(&mut window, "album");
    window.press(Key::Enter);
    // The folder, and then its first picture.
    let album = ["album", "album/inside.png"].map(|name| SourceSpec::Path(folder.path().join(name)));
    window.until("the folder", |h| album.contains(&h.state().live().wanted_source()));
    assert_eq!(window.app().settings().last_folder, Some(folder.path().join("album")));
}

#[test]
fn a_folder_that_is_no_recording_is_refused_in_the_dialog_and_letters_stay_in_it() {
    let folder = files();
    let mut window = with_dialog(folder.path());
    window.click("Record");
    window.click("Open session…");
    window.until_says("album/");
    types(&mut window, "album");
    window.press(Key::Enter);
    window.until_says("no recording: expected a folder with faces.csv and session.json in it");
    letters_do_nothing(&mut window, "dialog");
    window.press(Key::Escape);
    assert!(!window.says("Folder above"));
}

#[test]
fn a_folder_without_anything_to_show_is_refused_and_what_is_shown_goes_on() {
    let folder = files();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let mut window = with_dialog(folder.path());
    let before = window.app().live().wanted_source();
    window.harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::O);
    window.until_says("empty/");
    types(&mut window, "empty");
    window.press(Key::Enter);
    window.until_says("no pictures and no videos in the folder");
    assert_eq!(window.app().live().wanted_source(), before);
}

/// A file that the system says was dropped.
#[derive(Debug)]
struct Dropped(PathBuf);

impl DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("nobody reads it like this".into())
    }
}

/// Drops these files on the window.
fn drop_files(window: &mut Window, files: &[PathBuf]) {
    for path in files {
        window.harness.input_mut().dropped_files.push(Arc::new(Dropped(path.clone())));
    }
    window.harness.step();
    window.harness.input_mut().dropped_files.clear();
}

#[test]
fn dropped_files_make_a_list_and_what_is_of_no_use_changes_nothing() {
    let folder = files();
    let file = |name: &str| folder.path().join(name);
    let mut window = Look::of(Scene::one(), Script::Forever).open();
    window.until_faces(1);
    drop_files(&mut window, &[file("notes.txt")]);
    window.until("what is wrong with it", |h| {
        h.state().messages().iter().any(|m| matches!(m, Message::Error(text) if text.contains("notes.txt")))
    });
    assert_eq!(window.app().live().wanted_source(), SourceSpec::Camera(None));
    assert!(window.says("Showing face 1"));
    drop_files(&mut window, &[file("holiday.png"), file("notes.txt"), file("album/inside.png")]);
    window.until_says("holiday.png, 1 of 2");
    let first = SourceSpec::Path(file("holiday.png"));
    window.until("the first of them", |h| h.state().live().wanted_source() == first);
    window.press(Key::PageDown);
    window.until_says("inside.png, 2 of 2");
}

#[test]
fn several_files_on_the_command_line_are_a_list() {
    let folder = files();
    let file = |name: &str| folder.path().join(name);
    let mut look = Look::of(Scene::one(), Script::Forever);
    look.source = SourceSpec::Files(vec![file("holiday.png"), file("album/inside.png")]);
    let mut window = look.open();
    window.until_says("holiday.png, 1 of 2");
    assert_eq!(window.app().live().wanted_source(), SourceSpec::Path(file("holiday.png")));
    window.press(Key::PageDown);
    window.until_says("inside.png, 2 of 2");
    assert_eq!(window.app().live().wanted_source(), SourceSpec::Path(file("album/inside.png")));
}

#[test]
fn a_typed_path_leads_into_its_folder_and_what_is_typed_replaces_what_the_arrows_chose() {
    let folder = files();
    let mut window = with_dialog(Path::new("/"));
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::O);
    window.until_says("Folder above");
    types(&mut window, &format!("{}/album/", folder.path().display()));
    window.until_says("inside.png");
    types(&mut window, "no/such/folder");
    assert!(!window.says("expected") && !window.says("No such"), "nothing is wrong with half a path");
    for _ in 0.."no/such/folder".len() {
        window.press(Key::Backspace);
    }
    types(&mut window, "../");
    window.until_says("holiday.png");
    window.press(Key::ArrowDown);
    window.press(Key::ArrowDown);
    types(&mut window, "holiday.png");
    window.press(Key::Enter);
    let picture = folder.path().join("holiday.png").canonicalize().unwrap();
    window.until("the picture", |h| match h.state().live().wanted_source() {
        SourceSpec::Path(path) => path.canonicalize().is_ok_and(|path| path == picture),
        _ => false,
    });
}

#[test]
fn a_question_about_a_recording_that_has_ended_by_itself_is_answered() {
    let recordings = tempfile::tempdir().unwrap();
    let look = Look::new(origins(SourceKind::Video, Scene::one(), Script::EndsAfter(90)));
    let mut window = look.settings(|s| s.recordings = Some(recordings.path().to_owned())).open();
    window.until_faces(1);
    window.press(Key::R);
    window.until_says("REC 0:0");
    window.press(Key::D);
    assert!(window.says("End the recording?"));
    window.until("the source that was chosen", |h| h.state().live().wanted_source() == SourceSpec::Demo);
    assert!(!window.says("End the recording?"));
}
