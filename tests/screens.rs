//! Every panel and state of the window: what it says, that all of it has names and can be reached by keyboard, and
//! how it looks (pictures in tests/snapshots; its README says how they are made).
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "common/clicking.rs"]
mod clicking;
mod common;
#[path = "common/scenes.rs"]
mod scenes;
#[path = "common/screen.rs"]
mod screen;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use eframe::egui::{self, Key, Modifiers, Rect, accesskit, pos2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use moue::app::{Settings, SettingsFile, ThemeChoice};
use moue::capture::{CaptureError, SourceKind, SourceSpec};
use moue::model::ModelError;
use moue::pipeline::{Message, SourceState};
use scenes::{Scene, Script, made_up_network, origins};
use screen::{CARD, Look, Window};

#[test]
fn a_first_start_explains_itself_until_it_is_answered() {
    let Some(mut window) = Look::still(Scene::nobody()).settings(|s| s.introduced = false).draw() else {
        return;
    };
    window.until_says("No face");
    for part in ["on this machine", "no picture ever leaves it", "not a feeling"] {
        assert!(window.says(part), "{part}");
    }
    window.click("Understood");
    assert!(window.app().settings().introduced && !window.says("not a feeling"));
    let first = |s: &mut Settings| (s.introduced, s.panel) = (false, false);
    let mut again = Look::still(Scene::nobody()).settings(first).draw().unwrap();
    again.until_read();
    again.names("introduction");
    again.compare("first-start");
}

#[test]
fn one_face_in_the_light_theme() {
    let look = Look::still(Scene::one()).light().size([800.0, 520.0]);
    let Some(mut window) = look.draw() else { return };
    window.until_faces(1);
    window.harness.get_by_label("Showing face 1: happy");
    assert!(!window.says("faces in view"), "one person needs no tile");
    let happy = window.app().live().result().unwrap().shown[0].probabilities[3];
    assert!(window.says(&format!("happy {:.0} %", happy * 100.0)) && happy > 0.4, "{happy}");
    window.names("one face");
    window.compare("one-face-light");
}

#[test]
fn five_faces_in_the_dark_theme() {
    let Some(mut window) = Look::still(Scene::five()).size([800.0, 520.0]).draw() else { return };
    window.until_faces(5);
    for number in 1..=5 {
        assert!(window.says(&format!("Face {number}: happy")), "face {number}");
    }
    // Keys choose in the order of the buttons, and N goes round.
    window.press(Key::Num4);
    let selected = |w: &Window, n: usize| {
        let label = format!("Face {n}: happy");
        let face = w.harness.get_by_label(&label);
        face.accesskit_node().toggled() == Some(accesskit::Toggled::True)
    };
    assert!(selected(&window, 4) && !selected(&window, 1));
    window.press(Key::N);
    assert!(selected(&window, 5));
    window.press(Key::N);
    assert!(selected(&window, 1));
    window.names("five faces");
    window.compare("five-faces-dark");
}

#[test]
fn everyone_in_view_has_bars_and_is_chosen_by_pointer_or_keyboard() {
    let mut window = Look::still(Scene::five()).open();
    window.until_faces(5);
    assert!(window.says("5 faces in view"));
    let faces: Vec<String> = (1..=5).map(|n| format!("Face {n}: happy")).collect();
    let mut places: Vec<Rect> = Vec::new();
    for face in &faces {
        let tile = window.harness.get_by_label(face);
        let values = tile.accesskit_node().data().description().unwrap_or_default().to_owned();
        for name in ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"] {
            assert!(values.contains(&format!("{name} ")), "{face}: {values}");
        }
        assert!(places.iter().all(|p| !p.shrink(0.5).intersects(tile.rect())), "{face} lies on another");
        places.push(tile.rect());
    }
    window.click(&faces[3]);
    assert!(window.says("Showing face 4"));
    let focused = |w: &Window, label: &str| w.harness.get_by_label(label).is_focused();
    for _ in 0..60 {
        if focused(&window, &faces[4]) {
            break;
        }
        window.press(Key::Tab);
    }
    // What the Tab key reached is in sight, and has the same size as before.
    let tile = window.harness.get_by_label(&faces[4]).rect();
    let screen = Rect::from_min_size(pos2(0.0, 0.0), egui::Vec2::from(screen::SMALL));
    assert!(focused(&window, &faces[4]) && screen.contains_rect(tile), "{tile:?}");
    window.press(Key::Enter);
    assert!(window.says("Showing face 5"));
}

#[test]
fn nobody_in_view_is_said_with_what_helps() {
    let mut window = Look::of(Scene::nobody(), Script::Forever).open();
    window.until_says("No face");
    assert!(window.says("come closer"));
    assert!(window.says("happy –"), "bars are there, empty");
    window.names("no face");
}

#[test]
fn a_camera_that_takes_its_time_is_waited_for_visibly() {
    let mut window = Look::of(Scene::one(), Script::Slow(Duration::from_secs(3))).open();
    window.until_says("Opening the camera");
    assert!(window.says("Starting") && window.says("takes a moment"));
    window.names("opening");
    window.until_faces(1);
    assert!(!window.says("Opening the camera"));
}

#[test]
fn the_picture_runs_while_the_network_is_loaded() {
    let mut look = Look::of(Scene::one(), Script::Forever);
    look.origins.read = Arc::new(|_| {
        std::thread::sleep(Duration::from_secs(3));
        Ok(made_up_network(&[]))
    });
    let mut window = look.open();
    window.until_says("Loading the network");
    assert!(matches!(window.app().live().state(), SourceState::Running(_)));
    window.choose("Help", "About the model");
    assert!(window.says("The network is being loaded."));
    window.press(Key::Escape);
    window.until_faces(1);
}

#[test]
fn a_silent_camera_keeps_its_last_picture_and_says_how_old_it_is() {
    let Some(mut window) =
        Look::of(Scene::one().at_rest(), Script::SilentAfter(5)).size([800.0, 520.0]).draw()
    else {
        return;
    };
    window.until("the loss", |h| matches!(h.state().live().state(), SourceState::NoSignal { .. }));
    for part in ["No signal", "The last frame is", "sends nothing", "resumes automatically"] {
        assert!(window.says(part), "{part}");
    }
    assert!(window.says("happy –"), "no reading is kept");
    window.names("no signal");
    window.compare("no-signal");
}

#[test]
fn an_unplugged_camera_says_why_and_what_is_done() {
    let mut window = Look::of(Scene::one(), Script::UnpluggedAfter(5)).open();
    window.until("the loss", |h| matches!(h.state().live().state(), SourceState::NoSignal { .. }));
    assert!(window.says("Reconnecting automatically"));
    window.until("the message", |h| !h.state().messages().is_empty());
    // The stage says it; no toast says it again.
    let said = window.harness.query_all_by_label_contains("the device was unplugged").count();
    assert_eq!((said, window.harness.query_all_by_label("Close").count()), (1, 0));
    assert!(matches!(window.app().messages(), [Message::SourceError(_)]));
    window.names("unplugged");
    window.click("Reconnect now");
    window.until("the failure", |h| matches!(h.state().live().state(), SourceState::Failed(_)));
    assert!(window.says("cannot be shown"));
}

#[test]
fn a_camera_of_the_last_time_that_is_gone_is_told_once() {
    let mut look = Look::of(Scene::one(), Script::Forever).settings(|s| s.source = Some("camera:Old".into()));
    look.source = SourceSpec::Auto;
    let open = Arc::clone(&look.origins.open);
    look.origins.open = Arc::new(move |spec| match spec {
        SourceSpec::Camera(Some(name)) => {
            Err(CaptureError::NoCamera { wanted: name.clone(), found: "Camera".into() })
        }
        _ => open(spec),
    });
    let mut window = look.open();
    window.until_faces(1);
    window.until_says("Old: no such camera");
    assert!(window.says("Camera is shown instead"));
    assert_eq!(window.harness.query_all_by_label("Copy this note").count(), 1);
    assert_eq!(window.harness.query_all_by_label_contains("no such camera").count(), 1);
}

#[test]
fn a_source_that_cannot_be_opened_offers_a_way_on_and_its_message() {
    let Some(mut window) = Look::of(Scene::one(), Script::Missing).light().draw() else { return };
    window.until("the failure", |h| matches!(h.state().live().state(), SourceState::Failed(_)));
    for part in ["The camera cannot be shown", "No source", "Try again", "Open a file", "Show the demo"] {
        assert!(window.says(part), "{part}");
    }
    assert_eq!(window.copies("Copy message"), "Camera: the device was unplugged");
    // The stage says it; no toast says it again. The message comes a moment after the state.
    window.until("the message", |h| !h.state().messages().is_empty());
    assert!(window.harness.query_by_label("Close").is_none());
    assert_eq!(window.app().messages().len(), 1);
    window.names("failed");
    window.compare("failed-light");
}

#[test]
fn a_pause_releases_the_camera_and_space_goes_on() {
    let mut window = Look::of(Scene::one(), Script::Forever).open();
    window.until_faces(1);
    window.press(Key::Space);
    window.until("the pause", |h| h.state().live().state() == SourceState::Paused);
    // Picture and reading stay.
    assert!(window.says("Showing face 1: happy"));
    window.names("paused");
    let held = window.app().live().result().unwrap().number;
    window.press(Key::Space);
    window.until("newer readings", |h| h.state().live().result().is_some_and(|r| r.number > held));
}

#[test]
fn a_finished_source_can_be_started_again() {
    let mut window = Look::new(origins(SourceKind::Video, Scene::one(), Script::EndsAfter(3))).open();
    window.until("the end", |h| h.state().live().state() == SourceState::Ended);
    assert!(window.says("has ended"));
    window.names("ended");
    window.harness.get_by_label("Play again");
}

#[test]
fn errors_are_shown_once_can_be_copied_and_are_listed() {
    let mut look = Look::still(Scene::nobody()).light();
    look.origins.read = Arc::new(|choice| match choice.path.as_deref() {
        None => Ok(made_up_network(&CARD)),
        Some(path) => Err(ModelError::Metadata {
            path: path.file_name().unwrap().into(),
            field: "blocks".into(),
            expected: "1".into(),
            found: "9".into(),
        }),
    });
    look.settings.recent_weights = vec!["/nowhere/nine blocks.safetensors".into()];
    let Some(mut window) = look.draw() else { return };
    window.until_says("No face");
    window.click("File");
    window.click("Recent weights");
    window.click("nine blocks.safetensors");
    window.until("the error", |h| h.state().messages().iter().any(|m| matches!(m, Message::Error(_))));
    window.until_says("metadata blocks");
    let copied = window.copies("Copy this error");
    assert!(copied.contains("expected 1, found 9") && copied.contains("is kept"), "{copied}");
    window.names("toast");
    window.choose("Help", "Messages");
    window.names("messages");
    assert!(window.copies("Copy all").contains("expected 1, found 9"));
    window.press(Key::Escape);
    assert!(window.says("metadata blocks"), "Esc closes the sheet first");
    window.compare("toast-light");
}

#[test]
fn the_model_card_shows_the_facts_of_the_file() {
    let Some(mut window) = Look::still(Scene::nobody()).settings(|s| s.panel = false).draw() else { return };
    window.until_read();
    window.choose("Help", "About the model");
    for part in [
        "1 residual block",
        "96 × 96",
        "made-up faces",
        "test not read",
        "random weights",
        "69.1 %",
        "1.31",
        "MIT OR Apache-2.0",
        "0123456789abcdef",
    ] {
        assert!(window.says(part), "{part}");
    }
    assert_eq!(window.copies("Copy SHA-256"), "0123456789abcdef".repeat(4));
    assert!(window.copies("Copy all").contains("Validation accuracy: 69.1 %"));
    window.names("model card");
    window.compare("model-card-dark");
}

#[test]
fn the_model_card_of_a_file_that_says_nothing() {
    let mut look = Look::still(Scene::nobody());
    look.origins.read = Arc::new(|_| Ok(made_up_network(&[])));
    let mut window = look.open();
    window.until_says("No face");
    window.choose("Help", "About the model");
    assert!(
        window.says("not stated in the file")
            && window.says("Initial weights")
            && window.says("1 (not calibrated)")
    );
    window.names("empty model card");
}

#[test]
fn the_shortcuts_are_listed_by_the_question_mark_and_in_the_menus() {
    let Some(mut window) = Look::still(Scene::nobody()).settings(|s| s.panel = false).light().draw() else {
        return;
    };
    window.until_read();
    window.harness.key_press_modifiers(Modifiers::SHIFT, Key::Questionmark);
    window.settle();
    for part in ["Heatmap on or off", "Full screen", "Ctrl+Shift+O", "1 … 9"] {
        assert!(window.says(part), "{part}");
    }
    window.names("shortcuts");
    let menu_names = |window: &mut Window, menu: &'static str| {
        window.click(menu);
        let names = window.names(menu);
        window.press(Key::Escape);
        names
    };
    window.press(Key::Escape);
    assert!(!window.says("Heatmap on or off"));
    let all: BTreeSet<String> = ["File", "Camera", "View", "Help"]
        .into_iter()
        .flat_map(|menu| menu_names(&mut window, menu))
        .collect();
    for (name, key) in [
        ("Open…", "Ctrl+O"),
        ("Full screen", "F11"),
        ("Mirror", "M"),
        ("First camera", "C"),
        ("Demo", "D"),
        ("Keyboard shortcuts", "?"),
    ] {
        assert!(all.iter().any(|n| n.starts_with(name) && n.ends_with(key)), "{name} {key}: {all:?}");
    }
    window.press(Key::F1);
    window.compare("shortcuts-light");
}

#[test]
fn the_view_menu_and_its_controls() {
    let Some(mut window) = Look::still(Scene::nobody()).settings(|s| s.panel = false).draw() else { return };
    window.until_read();
    window.click("View");
    window.names("view menu");
    for name in ["Opacity", "Smoothing", "Inferno", "Evidence", "Dark"] {
        assert!(window.says(name), "{name}");
    }
    window.compare("view-menu-dark");
}

#[test]
fn menus_are_gone_through_by_keyboard_alone() {
    let mut window = Look::still(Scene::nobody()).open();
    window.until_says("No face");
    let focused = |w: &Window| {
        let root = w.harness.root();
        root.children_recursive().find(|n| n.is_focused()).and_then(|n| n.accesskit_node().label())
    };
    window.press(Key::F10);
    assert_eq!(focused(&window).as_deref(), Some("File"));
    for _ in 0..6 {
        if focused(&window).as_deref() == Some("View") {
            break;
        }
        window.press(Key::ArrowRight);
    }
    assert_eq!(focused(&window).as_deref(), Some("View"));
    window.press(Key::Enter);
    window.until_says("Side panel");
    let mirror = window.app().settings().mirror;
    for _ in 0..30 {
        if focused(&window).is_some_and(|name| name.starts_with("Mirror")) {
            break;
        }
        window.press(Key::ArrowDown);
    }
    window.press(Key::Space);
    assert_ne!(window.app().settings().mirror, mirror, "{:?}", focused(&window));
    assert!(matches!(window.app().live().state(), SourceState::Running(_)), "Space belonged to the menu");
    window.press(Key::Escape);
    assert!(!window.says("Side panel"));
}

#[test]
fn the_tab_key_reaches_every_control() {
    let mut window = Look::still(Scene::five()).open();
    window.until_faces(5);
    let all = window.names("window");
    let mut reached = BTreeSet::new();
    for _ in 0..3 * all.len() {
        window.press(Key::Tab);
        let root = window.harness.root();
        let focused = root.children_recursive().find(|n| n.is_focused());
        reached.extend(focused.and_then(|n| n.accesskit_node().label()));
    }
    assert_eq!(reached, all);
}

#[test]
fn full_screen_has_a_key() {
    let mut window = Look::still(Scene::nobody()).open();
    window.until_read();
    window.harness.key_down(Key::F11);
    let asked = (0..3).any(|_| {
        window.harness.step();
        let output = &window.harness.output().viewport_output[&egui::ViewportId::ROOT];
        output.commands.contains(&egui::ViewportCommand::Fullscreen(true))
    });
    assert!(asked, "F11 asks for the full screen");
}

#[test]
fn sizes_and_looks_are_remembered() {
    let mut window = Look::still(Scene::nobody()).open();
    window.until_says("No face");
    window.press(Key::P);
    assert!(!window.says("No face"), "the panel is gone");
    window.press(Key::H);
    window.press(Key::T);
    assert!(window.app().settings().timeline);
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::Plus);
    window.settle();
    window.choose("View", "Light");
    window.press(Key::Escape);
    let file = SettingsFile::at(window.folder.path().join("settings.json"));
    window.until("the settings in their file", |h| file.read() == (h.state().settings().clone(), None));
    let (kept, _) = file.read();
    assert_eq!((kept.panel, kept.overlay, kept.timeline, kept.zoom), (false, false, true, 1.1));
    assert_eq!(kept.theme, ThemeChoice::Light);
}

#[test]
fn settings_that_cannot_be_kept_are_told_once_and_hold_up_nothing() {
    let mut window = Look::still(Scene::nobody()).open();
    window.until_says("No face");
    // A folder that is not empty cannot be replaced by a file.
    let file = window.folder.path().join("settings.json");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir_all(file.join("in the way")).unwrap();
    window.press(Key::M);
    window.until_says("The settings cannot be saved");
    window.press(Key::H);
    window.press(Key::M);
    window.settle();
    let told = window.app().messages().iter().filter(|m| matches!(m, Message::Error(_))).count();
    assert_eq!((told, window.harness.query_all_by_label("Copy this error").count()), (1, 1));
}

#[test]
fn what_the_program_is_and_is_not_for_can_be_read_again() {
    let mut window = Look::still(Scene::nobody()).open();
    window.until_read();
    window.choose("Help", "About moue");
    // What is true of this build.
    let network = if cfg!(feature = "osc") { "never pictures, to the address" } else { "no network code" };
    for part in ["on this machine", "not a feeling", network, "Not for judging people"] {
        assert!(window.says(part), "{part}");
    }
    window.names("about");
    window.click("Close");
    assert!(!window.says("Not for judging people"));
}

#[test]
fn the_last_minute_has_a_name_and_a_key() {
    let mut window = Look::of(Scene::one(), Script::Forever).settings(|s| s.timeline = true).open();
    window.until_faces(1);
    assert!(window.says("Timeline of the last minute"));
    window.names("timeline");
    window.press(Key::T);
    assert!(!window.says("Timeline of the last minute"));
}

#[test]
fn nothing_is_cut_off_at_any_size() {
    for (size, scale) in
        [([1024.0, 640.0], 1.0), ([3840.0, 2160.0], 1.0), ([1920.0, 1080.0], 2.0), ([640.0, 420.0], 1.0)]
    {
        let look = Look::still(Scene::five()).settings(|s| s.timeline = true).size(size);
        let mut window = Look { scale, ..look }.open();
        window.until_faces(5);
        let screen = Rect::from_min_size(pos2(0.0, 0.0), egui::Vec2::from(size));
        // What does not fit is scrolled to; across, everything fits.
        for node in window.harness.root().children_recursive() {
            let node = node.accesskit_node();
            let Some(bounds) = node.raw_bounds() else { continue };
            // The tree counts in pixels.
            let (left, right) = (bounds.x0 as f32 / scale, bounds.x1 as f32 / scale);
            let across = left >= -0.5 && right <= screen.right() + 0.5;
            assert!(across, "{size:?} x{scale}: {:?} at {bounds:?}", node.label());
        }
        let picture = window.harness.get_by_label("Live picture").rect();
        assert!(
            picture.width() > 0.3 * screen.width() && screen.contains_rect(picture),
            "{size:?}: {picture:?}"
        );
    }
}
