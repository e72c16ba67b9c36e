//! Teaching a profile in the window, by keyboard alone: the form, the sitting before the camera, the review, and the profile that
//! is on from then on.
#![allow(clippy::unwrap_used)]

#[path = "common/clicking.rs"]
mod clicking;
mod common;
#[path = "common/scenes.rs"]
mod scenes;
#[path = "common/screen.rs"]
mod screen;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use eframe::egui::{Event, Key, Modifiers, accesskit};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use moue::app::{MoueApp, OverlayMode, Settings};
use moue::capture::SourceKind;
use moue::pipeline::{Message, Origins, ProfileState, Trigger, TriggerAction};
use scenes::{Scene, Script, origins};
use screen::{Look, Window};

/// A camera before which the portrait stands that `which` names, and the network that ships.
fn look(which: &Arc<AtomicUsize>) -> Look {
    let origins = origins(SourceKind::Camera, Scene::switched(which), Script::Forever);
    let mut look = Look::of(Scene::one(), Script::Forever);
    look.origins = Origins { read: Origins::default().read, ..origins };
    look
}

fn types(window: &mut Window, text: &str) {
    window.harness.event(Event::Text(text.to_owned()));
    window.settle();
}

/// Sits still until all takes are made, with the portrait that belongs to what is asked for.
fn sit(window: &mut Window, which: &Arc<AtomicUsize>, portraits: &[(&str, usize)]) {
    let start = Instant::now();
    while !window.says("What it learned") {
        assert!(start.elapsed() < Duration::from_secs(180), "{:?}", window.app().messages());
        for (name, portrait) in portraits {
            if window.says(&format!("Make this face: {name}")) {
                which.store(*portrait, Ordering::Relaxed);
            }
        }
        std::thread::sleep(Duration::from_millis(30));
        window.harness.step();
    }
    window.settle();
}

fn kept(window: &Window) -> Vec<PathBuf> {
    let folder = window.folder.path().join("profiles");
    std::fs::read_dir(folder).map_or_else(|_| Vec::new(), |found| found.map(|e| e.unwrap().path()).collect())
}

#[test]
fn two_expressions_are_taught_kept_and_read_by_keyboard_alone() {
    let which = Arc::new(AtomicUsize::new(0));
    let recordings = tempfile::tempdir().unwrap();
    let into = recordings.path().to_owned();
    let adapt = |s: &mut Settings| (s.recordings, s.timeline) = (Some(into), true);
    let mut window = look(&which).settings(adapt).open();
    window.until_faces(1);
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::T);
    window.until_says("Teach it your face");
    // Happy, sad and surprise off, one of our own on.
    for name in ["Neutral", "Happy", "Sad", "Surprise"] {
        window.harness.get_by_role_and_label(accesskit::Role::CheckBox, name).focus();
        window.settle();
        if name != "Neutral" {
            window.press(Key::Space);
        }
    }
    assert!(window.says("1 chosen; expected 2 to 12"));
    window.harness.get_by_label("One of your own").focus();
    window.settle();
    types(&mut window, "Astronaut");
    window.press(Key::Enter);
    assert!(window.says("2 expressions"));
    // Letters are no commands: m would mirror, r record.
    assert!(window.app().settings().mirror && !window.says("REC"));
    window.harness.get_by_label("Start").focus();
    window.settle();
    window.press(Key::Enter);
    window.until_says("Take 1 of 4");
    sit(&mut window, &which, &[("Astronaut", 0), ("Neutral", 1)]);
    assert!(window.says("4 of 4 read right"), "two portraits are told apart");
    assert!(kept(&window).is_empty(), "nothing is kept unless the user says so");
    // The name has the keyboard.
    types(&mut window, " myself");
    window.press(Key::Enter);
    window.until_says("Profile kept as ");
    let files = kept(&window);
    assert_eq!(files.len(), 1);
    assert!(files[0].ends_with("me myself.moueprofile"), "{files:?}");
    for (portrait, label) in [(0, "astronaut"), (1, "neutral"), (0, "astronaut")] {
        which.store(portrait, Ordering::Relaxed);
        window.until(label, |h| {
            let result = h.state().live().result();
            result.is_some_and(|r| r.personal.as_ref().is_some_and(|p| p.label_text() == label))
        });
        assert!(window.says(&format!("Profile me myself: {label}")));
    }
    // It has a row of its own in the timeline, and a map of its own over the face.
    assert!(window.says("What the profile read"));
    window.press(Key::E);
    window.until("the evidence", |h| h.state().settings().overlay_mode == OverlayMode::Evidence);
    window.press(Key::E);
    window.until_says("Evidence for astronaut (me myself)");
    window.press(Key::E);
    window.until("attention", |h| h.state().settings().overlay_mode == OverlayMode::Attention);
    // A recording has what it reads in columns of its own.
    window.press(Key::R);
    window.until_says("REC 0:01");
    window.press(Key::R);
    window.until_says("Recorded ");
    let session = std::fs::read_dir(recordings.path()).unwrap().next().unwrap().unwrap().path();
    let rows = std::fs::read_to_string(session.join("faces.csv")).unwrap();
    let header: Vec<&str> = rows.lines().next().unwrap().split(',').collect();
    let own = header.iter().position(|name| *name == "personal_label").unwrap();
    assert_eq!(header[own..own + 3], ["personal_label", "personal_neutral", "personal_astronaut"]);
    let last: Vec<&str> = rows.lines().last().unwrap().split(',').collect();
    assert_eq!((last.len(), last[own]), (header.len(), "astronaut"));
    assert!(last[own + 2].parse::<f32>().unwrap() > 0.5);
    let facts = std::fs::read_to_string(session.join("session.json")).unwrap();
    assert!(facts.contains("\"name\": \"me myself\""), "{facts}");
    // It is on again after a restart, and off when its chip is pressed.
    assert_eq!(window.app().settings().profile.as_ref(), Some(&files[0]));
    window.click("Profile me myself: turn it off");
    assert!(matches!(window.app().live().profile(), ProfileState::Off));
    assert_eq!(window.app().settings().profile, None);
    window.until("readings without it", |h| h.state().live().result().is_some_and(|r| r.personal.is_none()));
}

#[test]
fn a_sitting_is_skipped_through_made_again_and_stopped_and_keeps_nothing() {
    let which = Arc::new(AtomicUsize::new(0));
    let mut window = look(&which).open();
    window.until_faces(1);
    window.choose("People", "Teach expressions…");
    window.click("Start");
    window.until_says("Take 1 of 8");
    // The source cannot be changed by a key meanwhile.
    window.press(Key::D);
    assert!(window.says("Take 1 of 8"));
    window.click("Skip");
    assert!(window.says("Take 2 of 8"));
    window.click("Again");
    assert!(window.says("Take 1 of 8"));
    window.press(Key::Escape);
    assert!(!window.says("Take ") && kept(&window).is_empty());
    assert!(
        window.app().messages().contains(&Message::Info("Teaching was stopped; nothing was kept".into()))
    );
    // Without any take there is nothing to learn from, and that is said.
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::T);
    window.until_says("Teach it your face");
    window.click("Start");
    window.until_says("Take 1 of 8");
    window.click("Learn now");
    window.until("why not", |h| {
        h.state()
            .messages()
            .iter()
            .any(|m| matches!(m, Message::Error(t) if t.contains("expected 2 to 12 expressions")))
    });
    assert!(!window.says("Take "));
}

#[test]
fn somebody_else_before_the_camera_is_noticed_and_the_owner_is_not() {
    let folder = tempfile::tempdir().unwrap();
    for (name, file) in [("big smile", "obama.jpg"), ("serious", "obama_serious.jpg")] {
        let into = folder.path().join("me").join(name);
        std::fs::create_dir_all(&into).unwrap();
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo").join(file), into.join(file))
            .unwrap();
    }
    let profile = folder.path().join("me.moueprofile");
    let mut teach = Command::new(assert_cmd::cargo::cargo_bin!("moue"));
    teach.arg("teach").arg("--from").arg(folder.path().join("me")).arg("--out").arg(&profile);
    assert!(teach.status().unwrap().success());
    // The man who was taught, then a woman.
    let which = Arc::new(AtomicUsize::new(2));
    let mut window = look(&which).settings(|s| s.profile = Some(profile)).open();
    let seen = |window: &Window| window.app().live().result().and_then(|r| r.personal.clone());
    let settled = |h: &Harness<'_, MoueApp>, from: f64| {
        let result = h.state().live().result();
        result.is_some_and(|r| r.personal.is_some() && r.analyzed.frame.time_s > from)
    };
    window.until("four seconds of him", |h| settled(h, 4.0));
    assert_eq!(
        seen(&window).map(|own| (own.label_text().to_owned(), own.somebody_else)),
        Some(("big smile".into(), false))
    );
    assert!(!window.says("Somebody else"));
    which.store(0, Ordering::Relaxed);
    window.until_says("Somebody else seems to be there");
    // Whatever it is called, what it reads goes on, and the owner is known again.
    assert!(seen(&window).is_some());
    which.store(3, Ordering::Relaxed);
    window.until("him again", |h| {
        let result = h.state().live().result();
        result.is_some_and(|r| r.personal.as_ref().is_some_and(|own| !own.somebody_else))
    });
}

#[test]
fn a_file_that_is_no_profile_is_refused_and_what_is_shown_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.moueprofile");
    std::fs::write(&bad, b"no profile at all").unwrap();
    let which = Arc::new(AtomicUsize::new(0));
    let mut window = look(&which).settings(|s| s.profile = Some(bad)).open();
    window.until("what is wrong", |h| {
        h.state().messages().iter().any(|m| matches!(m, Message::Error(t) if t.contains("bad.moueprofile")))
    });
    window.until_faces(1);
    assert!(matches!(window.app().live().profile(), ProfileState::Off));
}

#[test]
fn an_expression_is_a_switch_that_presses_a_key_or_writes_a_line() {
    let trigger =
        |action| Trigger { expression: "happy".into(), above: 0.3, hold_ms: 200, rest_ms: 1000, action };
    let triggers = vec![trigger(TriggerAction::Key("H".into())), trigger(TriggerAction::Line)];
    // The made-up network reads every face as happy, by about a half.
    let mut window = Look::of(Scene::one(), Script::Forever).settings(|s| s.triggers = triggers).open();
    let lines = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lines);
    window.harness.state_mut().set_trigger_sink(Some(Arc::new(move |event| {
        assert_eq!(event.expression, "happy");
        counted.fetch_add(1, Ordering::Relaxed);
    })));
    window.until("the key", |h| !h.state().settings().overlay);
    window.until("the line", |_| lines.load(Ordering::Relaxed) == 1);
    // It is held on: nothing more happens, neither then nor while the list is open.
    window.choose("People", "Triggers");
    window.until_says("Happy 5");
    window.until_says("let it go first");
    window.click("Add");
    assert_eq!(window.app().settings().triggers.len(), 3);
    window.press(Key::Escape);
    assert!(!window.says("Triggers: an expression"));
    assert!(!window.app().settings().overlay && lines.load(Ordering::Relaxed) <= 2);
    // Under a dialog no key is pressed.
    let mut window = Look::of(Scene::one(), Script::Forever)
        .settings(|s| s.triggers = vec![trigger(TriggerAction::Key("H".into()))])
        .open();
    window.press(Key::F1);
    window.until_faces(1);
    std::thread::sleep(Duration::from_millis(600));
    window.settle();
    assert!(window.app().settings().overlay && window.says("Heatmap on or off"));
}
