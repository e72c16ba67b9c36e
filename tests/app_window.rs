//! The window, driven by its accessible names as a person would, with the real pipeline behind it.
#![allow(clippy::unwrap_used)]

#[path = "common/clicking.rs"]
mod clicking;
mod common;
#[path = "common/picker.rs"]
mod picker;

use clicking::{click, click_containing};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use moue::app::{AppOptions, MoueApp, OverlayMode, Request, Settings, SettingsFile, WeightsSaid};
use moue::capture::{SourceKind, SourceSpec};
use moue::model::{DeviceChoice, LoadedWeights, StoredAs, write_safetensors};
use moue::pipeline::{LiveResult, Message, SourceState};
use picker::TestPicker;

/// Longest wait for anything: test machines may be slow.
const PATIENCE: Duration = Duration::from_secs(60);

struct Window {
    harness: Harness<'static, MoueApp>,
    picker: TestPicker,
    // Settings live as long as the window.
    folder: tempfile::TempDir,
}

impl Window {
    fn open(source: SourceSpec) -> Self {
        Self::open_with(source, Settings::default())
    }

    fn open_with(source: SourceSpec, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let picker = TestPicker::default();
        let options = AppOptions {
            source,
            weights: None,
            device: DeviceChoice::Cpu,
            threads: 2,
            detector: None,
            settings: true,
        };
        let file = SettingsFile::at(folder.path().join("settings.json"));
        let settings = Settings { introduced: true, ..settings };
        file.write(&settings).unwrap();
        let for_app = picker.clone();
        let mut harness =
            Harness::builder().with_size([1100.0, 720.0]).with_max_steps(4).build_eframe(move |creation| {
                MoueApp::new(&creation.egui_ctx, options, Some(file), Box::new(for_app)).unwrap()
            });
        harness.step();
        Self { harness, picker, folder }
    }

    /// Goes on until `ready`, or fails; what is drawn then is `ready` too.
    fn until(&mut self, what: &str, ready: impl Fn(&Harness<'static, MoueApp>) -> bool) {
        let start = Instant::now();
        while !ready(&self.harness) {
            assert!(start.elapsed() < PATIENCE, "waited in vain for: {what}; {:?}", self.app().messages());
            std::thread::sleep(Duration::from_millis(15));
            self.harness.step();
        }
        // The state may have changed after the step that drew it.
        self.harness.step();
    }

    fn until_face(&mut self) {
        self.until("a face with a reading", |h| {
            h.state().live().result().is_some_and(|r| !r.analyzed.faces.is_empty())
        });
        self.harness.step();
    }

    fn app(&self) -> &MoueApp {
        self.harness.state()
    }

    /// Goes on until the settings file says what the window says.
    fn until_kept(&mut self) {
        let file = SettingsFile::at(self.folder.path().join("settings.json"));
        self.until("the settings in their file", |h| file.read() == (h.state().settings().clone(), None));
    }

    /// Clicks through a menu.
    fn choose(&mut self, path: &[&str]) {
        for label in path {
            click_containing(&mut self.harness, label);
            self.harness.step();
            self.harness.step();
        }
    }

    fn press(&mut self, key: eframe::egui::Key) {
        self.harness.key_press(key);
        self.harness.step();
        self.harness.step();
    }

    fn errors(&self) -> Vec<&str> {
        let errors = self.app().messages().iter().filter_map(|m| match m {
            Message::Error(text) | Message::SourceError(text) => Some(text.as_str()),
            Message::Info(_) => None,
        });
        errors.collect()
    }
}

fn built_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/moue-fer2013.safetensors")
}

fn portrait(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo").join(name)
}

#[test]
fn the_demo_shows_a_face_its_label_and_seven_bars() {
    let mut window = Window::open(SourceSpec::Demo);
    window.until_face();
    for name in ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"] {
        // "happy 93 %": a bar with a name and a value for those who hear the screen.
        let label = format!("{name} ");
        let bar = window.harness.get_by_label_contains(&label);
        assert!(bar.accesskit_node().numeric_value().is_some(), "{name}");
    }
    window.harness.get_by_label_contains("moue-fer2013 (built in)");
    window.harness.get_by_label("Live picture");
    for caption in ["Head turned: ", "Nod: ", "Lean: ", "Eyes open: 0.", "Mouth open: 0.", "Blinks/min: "] {
        window.harness.get_by_label_contains(caption);
    }
    window.harness.get_by_label_contains("Quality ");
    assert!(window.errors().is_empty(), "{:?}", window.errors());
}

#[test]
fn attention_mirror_and_evidence_are_toggled_by_menu_and_key() {
    use eframe::egui::Key;
    let mut window = Window::open(SourceSpec::Demo);
    window.until_face();
    assert!(window.app().settings().overlay);
    window.choose(&["View", "Heatmap"]);
    assert!(!window.app().settings().overlay);
    window.press(Key::Escape);
    window.press(Key::A);
    assert!(window.app().settings().overlay);
    assert!(!window.app().settings().mesh);
    window.choose(&["View", "Face mesh"]);
    assert!(window.app().settings().mesh);
    window.press(Key::Escape);
    window.press(Key::G);
    assert!(!window.app().settings().mesh);
    let mirror = window.app().settings().mirror;
    window.press(Key::M);
    assert_ne!(window.app().settings().mirror, mirror);
    window.press(Key::E);
    assert_eq!(window.app().settings().overlay_mode, OverlayMode::Evidence);
    window.harness.get_by_label_contains("Evidence for");
    // What was changed is in the settings file.
    window.until_kept();
}

#[test]
fn weights_are_loaded_from_the_menu_and_bad_ones_change_nothing() {
    let mut window = Window::open(SourceSpec::Demo);
    window.until_face();
    let file = window.folder.path().join("mine.safetensors");
    std::fs::copy(built_in(), &file).unwrap();
    *window.picker.answer.borrow_mut() = Some(file.clone());
    window.choose(&["File", "Open weights"]);
    window
        .until("the new weights", |h| h.state().live().model().is_some_and(|m| m.name == "mine.safetensors"));
    assert_eq!(*window.picker.asked.borrow(), [Request::Weights]);
    let recent = |h: &Harness<'static, MoueApp>| h.state().settings().recent_weights.clone();
    window.until("the file among the recent ones", |h| recent(h) == std::slice::from_ref(&file));

    let bad = window.folder.path().join("bad.safetensors");
    let bytes = std::fs::read(built_in()).unwrap();
    std::fs::write(&bad, &bytes[..bytes.len() / 2]).unwrap();
    *window.picker.answer.borrow_mut() = Some(bad);
    window.choose(&["File", "Open weights"]);
    window.until("a message", |h| h.state().messages().iter().any(|m| matches!(m, Message::Error(_))));
    assert!(window.errors()[0].contains("bad.safetensors"), "{:?}", window.errors());
    assert_eq!(window.app().live().model().unwrap().name, "mine.safetensors");
    // What cannot be used is neither remembered nor taken up again by the next start.
    window.until("the settings", |h| h.state().settings().weights.as_deref() == Some(file.as_path()));
    assert_eq!(recent(&window.harness), std::slice::from_ref(&file));
    let before = window.app().live().result().map_or(0, |r| r.number);
    window.until("readings that go on", |h| {
        h.state().live().result().is_some_and(|r| r.number > before && r.model.name == "mine.safetensors")
    });
    // The message can be read again, and copied.
    window.choose(&["Help", "Messages"]);
    window.until("the list of messages", |h| h.query_by_label("Copy all").is_some());
}

/// The shipped network's numbers, in a file that says nothing.
fn without_metadata(folder: &Path) -> PathBuf {
    let mut weights = LoadedWeights::built_in().unwrap().weights;
    weights.metadata.clear();
    let path = folder.join("plain.safetensors");
    write_safetensors(&weights, &path, StoredAs::F16).unwrap();
    path
}

#[test]
fn what_a_weights_file_does_not_say_is_told_and_set_in_the_card() {
    let mut window = Window::open(SourceSpec::Demo);
    window.until_face();
    let file = without_metadata(window.folder.path());
    *window.picker.answer.borrow_mut() = Some(file.clone());
    window.choose(&["File", "Open weights"]);
    window.until("the word on it", |h| {
        h.state().messages().iter().any(
            |m| matches!(m, Message::Info(text) if text.contains("plain.safetensors: input 224 and class order assumed")),
        )
    });
    window.until("the new weights", |h| h.state().live().model().is_some_and(|m| m.path.is_some()));
    assert_eq!(window.app().live().model().unwrap().input_size, 224);
    // The panel says it, with the way to the form.
    window.until("the panel's word", |h| {
        h.query_by_label_contains("The weights file does not say all").is_some()
    });
    window.harness.get_by_label("Set how it is read…").click_accesskit();
    window.harness.step();
    window.until("the card", |h| h.query_by_label("Class order in the file").is_some());
    assert!(window.harness.query_all_by_label_contains("input 224 and class order assumed").next().is_some());
    let classes = |window: &Window| {
        window.harness.get_by_label("Class order in the file").accesskit_node().value().unwrap_or_default()
    };
    assert_eq!(classes(&window), "angry,disgust,fear,happy,neutral,sad,surprise");
    let enter = |window: &mut Window, text: &str| {
        let field = window.harness.get_by_label("Class order in the file");
        field.focus();
        window.harness.step();
        let field = window.harness.get_by_label("Class order in the file");
        window.harness.key_press_modifiers(eframe::egui::Modifiers::COMMAND, eframe::egui::Key::A);
        field.type_text(text);
        window.harness.step();
        window.harness.step();
    };
    enter(&mut window, "angry,angry");
    assert!(window.harness.query_by_label_contains("found angry twice").is_some(), "{}", classes(&window));
    enter(&mut window, "anger,disgust,fear,happiness,sadness,surprise,neutral");
    assert_eq!(classes(&window), "anger,disgust,fear,happiness,sadness,surprise,neutral");
    window.harness.get_by_label("Apply and read the file again").click();
    window.until("the file as said", |h| {
        h.state().live().model().is_some_and(|m| m.metadata.contains_key("original_class_order"))
    });
    let model = window.app().live().model().unwrap();
    assert_eq!(model.path.as_deref(), Some(file.as_path()));
    assert_eq!(model.metadata["original_class_order"], "angry,disgust,fear,happy,sad,surprise,neutral");
    assert_eq!((model.input_size, model.notes().is_empty()), (224, true));
    window.until("what was said of it in the settings", |h| {
        let said = &h.state().settings().weights_said;
        said.iter().any(|s| s.path == file && s.input_size == Some(224) && s.classes.is_some())
    });
    assert!(window.errors().is_empty(), "{:?}", window.errors());
}

#[test]
fn the_source_is_switched_while_running() {
    let mut window = Window::open(SourceSpec::Demo);
    window.until_face();
    *window.picker.answer.borrow_mut() = Some(portrait("obama.jpg"));
    window.choose(&["Camera", "Open file"]);
    window.until(
        "the picture",
        |h| matches!(h.state().live().state(), SourceState::Running(i) if i.kind == SourceKind::Still),
    );
    window.until_face();
    let result = window.app().live().result().unwrap();
    assert_eq!(result.analyzed.frame.image.dimensions(), (720, 720));
    window.press(eframe::egui::Key::D);
    window.until(
        "the demo",
        |h| matches!(h.state().live().state(), SourceState::Running(i) if i.kind == SourceKind::Demo),
    );
}

/// Frames of one grey each, each shown for so many milliseconds.
fn animation(folder: &Path, shown_ms: &[u32]) -> PathBuf {
    let path = folder.join("moves.gif");
    let mut encoder = image::codecs::gif::GifEncoder::new(std::fs::File::create(&path).unwrap());
    for (i, ms) in shown_ms.iter().enumerate() {
        let grey = (i * 20) as u8;
        let picture = image::RgbaImage::from_pixel(160, 120, image::Rgba([grey, grey, grey, 255]));
        let delay = image::Delay::from_numer_denom_ms(*ms, 1);
        encoder.encode_frame(image::Frame::from_parts(picture, 0, 0, delay)).unwrap();
    }
    path
}

#[test]
fn an_animation_has_the_controls_of_a_video() {
    use eframe::egui::Key;
    let folder = tempfile::tempdir().unwrap();
    let starts_s = [0.0, 0.5, 1.5, 1.9, 7.9];
    let mut window = Window::open(SourceSpec::Path(animation(folder.path(), &[500, 1000, 400, 6000, 600])));
    window.until("the bar", |h| h.query_by_label("Pause").is_some());
    let position = |h: &Harness<'static, MoueApp>| {
        h.state().live().transport().map_or(-1.0, |transport| transport.status().position_s)
    };
    window.press(Key::Space);
    window.until("the pause", |h| h.query_by_label("Play").is_some());
    window.press(Key::ArrowRight);
    window.press(Key::ArrowRight);
    window.until("the last frame", |h| position(h) == starts_s[4]);
    for place in [3, 2, 1] {
        window.press(Key::Comma);
        window.until("the frame before", |h| position(h) == starts_s[place]);
    }
    window.press(Key::Period);
    window.until("the next frame", |h| position(h) == starts_s[2]);
    click(&mut window.harness, "Previous frame");
    window.until("the frame before", |h| position(h) == starts_s[1]);
    // The menu has the same, with the keys.
    window.choose(&["Camera", ". (period)"]);
    window.until("the next frame", |h| position(h) == starts_s[2]);
    window.harness.get_by_label("Position 0:01.5 / 0:08.5");
    click(&mut window.harness, "Loop");
    window.until("no loop", |h| !h.state().live().transport().unwrap().status().looping);
    window.press(Key::ArrowRight);
    window.until("another place", |h| position(h) == starts_s[3]);
    window.press(Key::ArrowRight);
    window.until("another place", |h| position(h) == starts_s[4]);
    window.press(Key::Space);
    window.until("the end", |h| h.state().live().transport().unwrap().status().at_end);
    assert!(window.errors().is_empty(), "{:?}", window.errors());
}

#[test]
fn a_source_that_does_not_work_says_so_and_offers_the_demo() {
    let mut window = Window::open(SourceSpec::Path("no/such/picture.png".into()));
    window.until("the failure", |h| matches!(h.state().live().state(), SourceState::Failed(_)));
    window.harness.step();
    assert!(window.app().live().result().is_none());
    window.choose(&["Show the demo"]);
    window.until_face();
}

#[test]
fn a_pause_keeps_picture_and_readings_and_the_demo_goes_on_where_it_was() {
    let mut window = Window::open(SourceSpec::Demo);
    window.until_face();
    window.press(eframe::egui::Key::Space);
    window.until("the pause", |h| h.state().live().state() == SourceState::Paused);
    window.harness.step();
    let held = window.app().live().result().unwrap();
    for _ in 0..20 {
        window.harness.step();
        window.harness.get_by_label(&format!("Showing face {}: {}", held.analyzed.faces[0].id, label(&held)));
        assert_eq!(window.app().live().result().unwrap().number, held.number);
    }
    // They are not figures of this moment.
    window.harness.get_by_label("Latency: –");
    window.harness.get_by_label("Readings/s: –");
    window.press(eframe::egui::Key::Space);
    window.until("frames that go on", |h| {
        h.state().live().result().is_some_and(|r| r.analyzed.frame.index > held.analyzed.frame.index)
    });
    let on = window.app().live().result().unwrap();
    assert!(on.analyzed.frame.index < held.analyzed.frame.index + 180, "the same portrait");
}

#[test]
fn the_last_weights_are_taken_up_again_as_they_were_said_to_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = without_metadata(folder.path());
    let said = WeightsSaid {
        path: file.clone(),
        input_size: Some(96),
        classes: Some("angry,disgust,fear,happy,sad,surprise,neutral".into()),
    };
    let settings = |path: PathBuf| Settings {
        weights: Some(path.clone()),
        recent_weights: vec![path],
        weights_said: vec![said.clone()],
        ..Settings::default()
    };
    let mut window = Window::open_with(SourceSpec::Demo, settings(file.clone()));
    window.until("the network", |h| h.state().live().model().is_some());
    let model = window.app().live().model().unwrap();
    assert_eq!((model.path.as_deref(), model.input_size), (Some(file.as_path()), 96));
    assert_eq!(Some(&model.metadata["original_class_order"]), said.classes.as_ref());
    window.until("settings that stay", |h| h.state().settings().weights.as_deref() == Some(file.as_path()));

    // Where the file is gone, that is said, and the built-in network reads.
    let gone = folder.path().join("gone.safetensors");
    let mut window = Window::open_with(SourceSpec::Demo, settings(gone));
    window.until("the network", |h| h.state().live().model().is_some());
    assert_eq!(window.app().live().model().unwrap().path, None);
    window.until("the word on it", |h| {
        h.state()
            .messages()
            .iter()
            .any(|m| matches!(m, Message::Error(text) if text.contains("gone.safetensors")))
    });
    window.until("settings without it", |h| {
        h.state().settings().weights.is_none() && h.state().settings().recent_weights.is_empty()
    });
    window.until_face();
}

/// What the panel says of the largest face.
fn label(result: &LiveResult) -> String {
    result.shown[0].label.map_or_else(|| "unsure".to_owned(), |label| label.to_string())
}

#[test]
fn a_baseline_is_recorded_shown_kept_and_taken_off() {
    use eframe::egui::Key;
    let mut window = Window::open(SourceSpec::Demo);
    window.until_face();
    window.press(Key::B);
    window.until("what to do", |h| h.query_by_label("Look neutral").is_some());
    click(&mut window.harness, "Cancel");
    window.until("no recording", |h| h.query_by_label("Look neutral").is_none());
    // The portraits change every six seconds; from one of them three seconds are long enough.
    let start = Instant::now();
    while window.harness.query_by_label("Baseline on").is_none() {
        assert!(start.elapsed() < PATIENCE, "no baseline: {:?}", window.app().messages());
        if window.harness.query_by_label("Look neutral").is_none() {
            window.press(Key::B);
        }
        std::thread::sleep(Duration::from_millis(15));
        window.harness.step();
    }
    assert_eq!(window.app().settings().baseline, None, "kept only if the user says so");
    click(&mut window.harness, "Save");
    window.harness.step();
    window.harness.step();
    let kept = window.app().settings().baseline.clone().unwrap();
    assert_eq!(kept.source, "Demo");
    window.until_kept();
    window.press(Key::B);
    window.until("off", |h| h.query_by_label("Baseline on").is_none());
    window.choose(&["Use saved"]);
    window.until("on again", |h| h.query_by_label("Baseline on").is_some());
    click(&mut window.harness, "Delete saved");
    window.until("deleted", |h| h.state().settings().baseline.is_none());
    window.harness.get_by_label("Baseline on");
}

#[test]
fn the_timeline_marks_what_happens_switches_its_form_and_stands_still_in_a_pause() {
    let mut window = Window::open(SourceSpec::Demo);
    window.until_face();
    window.harness.get_by_label_contains("Events: ");
    window.until("the face's mark", |h| h.query_by_label_contains("ago: found").is_some());
    assert!(window.harness.query_by_label_contains("ago: Demo").is_some(), "the source's mark");
    assert!(window.app().settings().timeline_areas);
    window.choose(&["Curves"]);
    assert!(!window.app().settings().timeline_areas);
    window.press(eframe::egui::Key::Space);
    window.until("the pause", |h| h.state().live().state() == SourceState::Paused);
    window.until("time that stands still", |h| h.query_by_label_contains("ago: paused").is_some());
    let events = |window: &Window| {
        let node = window.harness.get_by_label_contains("Events: ");
        node.accesskit_node().value().unwrap_or_default()
    };
    let before = events(&window);
    assert!(before.contains("0 s ago: paused"), "{before}");
    std::thread::sleep(Duration::from_millis(1200));
    window.harness.step();
    assert_eq!(events(&window), before);
}

#[test]
fn a_picture_without_a_face_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grey.png");
    image::RgbImage::from_pixel(320, 240, image::Rgb([120, 120, 120])).save(&path).unwrap();
    let mut window = Window::open(SourceSpec::Path(path));
    window.until("a result", |h| h.state().live().result().is_some());
    window.harness.step();
    window.harness.get_by_label("No face");
}

#[test]
fn the_window_ends_within_a_second() {
    let mut window = Window::open(SourceSpec::Demo);
    window.until_face();
    let start = Instant::now();
    drop(window);
    // Not a measure of speed: the promise of the window that it never hangs at its end.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}
