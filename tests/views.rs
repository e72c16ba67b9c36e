//! The timeline, the picture and the panel of the window, used as a person would: by pointer and by keyboard.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "common/clicking.rs"]
mod clicking;
mod common;
#[path = "common/scenes.rs"]
mod scenes;
#[path = "common/screen.rs"]
mod screen;

use std::path::{Path, PathBuf};

use eframe::egui::{
    Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, Pos2, Rect, TouchPhase, pos2,
    vec2,
};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use image::imageops::FilterType;
use moue::app::SettingsFile;
use moue::capture::{SourceKind, SourceSpec, open_source};
use moue::pipeline::Origins;
use scenes::{Scene, Script, origins, portrait};
use screen::{Look, Window};

const TIMELINE: &str = "Timeline of the video";

/// Ten seconds of one portrait, a frame a quarter of a second.
fn moving_portrait(folder: &Path) -> PathBuf {
    let path = folder.join("moves.gif");
    let mut encoder =
        image::codecs::gif::GifEncoder::new_with_speed(std::fs::File::create(&path).unwrap(), 30);
    let small = image::imageops::resize(&portrait("obama.jpg"), 240, 240, FilterType::Triangle);
    let mut frame = image::DynamicImage::from(small).to_rgba8();
    for i in 0..40 {
        frame.put_pixel(i, 0, image::Rgba([255, 0, 0, 255]));
        let delay = image::Delay::from_numer_denom_ms(250, 1);
        encoder.encode_frame(image::Frame::from_parts(frame.clone(), 0, 0, delay)).unwrap();
    }
    path
}

/// A window on files, with the network of the pictures' tests.
fn on_file(path: PathBuf) -> Look {
    let open = Origins {
        open: std::sync::Arc::new(|spec| open_source(spec, moue::capture::Pace::Live)),
        ..Origins::default()
    };
    let mut look = Look::new(open).settings(|s| s.timeline = true);
    look.source = SourceSpec::Path(path);
    look
}

impl Window {
    fn point_at(&mut self, at: Pos2) {
        self.harness.hover_at(at);
        self.settle();
    }

    fn press_at(&mut self, at: Pos2, button: PointerButton) {
        self.harness.hover_at(at);
        self.harness.step();
        for pressed in [true, false] {
            self.harness.event(Event::PointerButton { pos: at, button, pressed, modifiers: Modifiers::NONE });
            self.harness.step();
        }
    }

    /// Both clicks in one pass: the passes of a test are a quarter of a second apart.
    fn double_click_at(&mut self, at: Pos2) {
        self.point_at(at);
        let click = |pressed: bool| {
            let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
            Event::PointerButton { pos: at, button, pressed, modifiers }
        };
        // Events that the harness is given one by one are a pass each.
        self.harness.input_mut().events.extend([true, false, true, false].map(click));
        self.settle();
    }

    fn wheel_at(&mut self, at: Pos2, points: f32) {
        self.point_at(at);
        self.harness.event(Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta: vec2(0.0, points),
            phase: TouchPhase::Move,
            source: MouseWheelSource::Wheel,
            modifiers: Modifiers::NONE,
        });
        // The wheel is smoothed over some passes.
        self.harness.run_steps(12);
    }

    fn rect(&self, label: &str) -> Rect {
        self.harness.get_by_label(label).rect()
    }

    fn label_with(&self, text: &str) -> String {
        self.harness.get_by_label_contains(text).accesskit_node().value().unwrap_or_default()
    }

    fn position_s(&self) -> f64 {
        self.app().live().transport().map_or(-1.0, |t| t.status().position_s)
    }

    fn focused(&self) -> Option<String> {
        let root = self.harness.root();
        let focused = root.children_recursive().find(|n| n.is_focused());
        focused.and_then(|n| n.accesskit_node().label())
    }
}

#[test]
fn a_videos_timeline_has_the_files_time_is_clicked_to_seek_and_keeps_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = on_file(moving_portrait(folder.path())).open();
    window.until_faces(1);
    window.until("a second of it", |h| h.state().live().transport().unwrap().status().position_s > 1.0);
    let face = |window: &Window| window.app().live().result().unwrap().analyzed.faces[0].id;
    let before = face(&window);
    let whole = window.rect(TIMELINE);
    // The curves begin to the right of the axis' labels.
    let (left, right, middle) = (whole.left() + 50.0, whole.right(), whole.center().y - 8.0);
    assert!(!window.label_with("Timeline colours").contains('%'), "nothing is pointed at");
    window.point_at(pos2(left + 6.0, middle));
    let read = window.label_with("Timeline colours");
    assert!(read.contains("Happy ") && read.contains('%'), "{read}");
    let said: Vec<String> = window
        .harness
        .root()
        .children_recursive()
        .filter_map(|n| n.accesskit_node().value())
        .filter(|text| text.contains("0:0"))
        .collect();
    assert!(said.iter().any(|text| text.starts_with("0:0") && text.ends_with(": Happy")), "{said:?}");
    window.press_at(pos2(left + (right - left) * 0.8, middle), PointerButton::Primary);
    window.until("the place that was clicked", |h| {
        h.state().live().transport().is_some_and(|t| t.status().position_s > 7.0)
    });
    window.until_faces(1);
    assert_eq!(face(&window), before, "a jump within one shot keeps the face's number");
    // What was read before the jump is still there, and nothing between.
    window.point_at(pos2(left + 6.0, middle));
    assert!(window.label_with("Timeline colours").contains('%'), "the history before the jump");
    window.point_at(pos2(left + (right - left) * 0.6, middle));
    assert!(!window.label_with("Timeline colours").contains('%'), "nothing was read there");
}

#[test]
fn the_wheel_zooms_the_timeline_and_a_double_click_shows_all_and_goes_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = on_file(moving_portrait(folder.path())).open();
    window.until_faces(1);
    window.press(Key::Space);
    window.until("the pause", |h| h.query_by_label("Play").is_some());
    let at = window.rect(TIMELINE).center();
    window.wheel_at(at, 200.0);
    assert!(window.says("Show all"));
    let before_s = window.position_s();
    window.double_click_at(at);
    assert!(!window.says("Show all"));
    window.until("the place from before", |h| {
        h.state().live().transport().is_some_and(|t| (t.status().position_s - before_s).abs() < 0.26)
    });
}

#[test]
fn a_still_picture_has_no_timeline_and_a_camera_has_one_that_is_as_high_as_it_was_made() {
    let still = Look::still(Scene::one()).settings(|s| s.timeline = true);
    let mut still = still.open();
    still.until_faces(1);
    assert!(!still.says("Timeline of"));

    let mut window = Look::of(Scene::one(), Script::Forever).settings(|s| s.timeline = true).open();
    window.until_faces(1);
    let picture = window.rect("Live picture");
    let before = window.app().settings().timeline_height;
    // A little above the edge between the two.
    let edge = pos2(picture.center().x, picture.bottom() + 4.0);
    window.point_at(edge);
    window.harness.drag_at(edge);
    window.settle();
    for up in [20.0, 40.0] {
        window.point_at(edge - vec2(0.0, up));
    }
    window.harness.drop_at(edge - vec2(0.0, 40.0));
    window.settle();
    let after = window.app().settings().timeline_height;
    assert!((after - before - 40.0).abs() < 6.0, "{before} {after}");
    assert!(window.rect("Live picture").bottom() < picture.bottom() - 30.0);
    let file = SettingsFile::at(window.folder.path().join("settings.json"));
    window.until("the height in the settings", |h| file.read().0 == *h.state().settings());
}

#[test]
fn in_small_windows_all_of_the_panel_is_seen_and_the_welcome_pushes_nothing_away() {
    for size in [[1180.0, 740.0], [1024.0, 640.0]] {
        let look = |scene: Scene, introduced: bool| {
            let camera = Look::new(origins(SourceKind::Camera, scene, Script::Forever));
            camera.size(size).settings(move |s| (s.timeline, s.introduced) = (true, introduced)).open()
        };
        for (scene, faces) in [(Scene::one(), 1), (Scene::five(), 5)] {
            let mut window = look(scene, true);
            window.until_faces(faces);
            for node in window.harness.root().children_recursive() {
                let node = node.accesskit_node();
                let Some(bounds) = node.raw_bounds() else { continue };
                assert!(bounds.y1 <= f64::from(size[1]) + 0.5, "{size:?}: {:?} at {bounds:?}", node.label());
            }
        }
        let mut met = look(Scene::one(), false);
        let mut known = look(Scene::one(), true);
        met.until_faces(1);
        known.until_faces(1);
        assert!(met.says("not a feeling"));
        assert_eq!(met.rect("Live picture"), known.rect("Live picture"), "{size:?}");
    }
}

#[test]
fn menus_open_by_alt_and_letter_and_the_arrows_go_from_one_to_the_next() {
    let mut window = Look::still(Scene::nobody()).open();
    window.until_says("No face");
    window.harness.key_press_modifiers(Modifiers::ALT, Key::F);
    window.harness.run_steps(8);
    assert!(window.says("Open weights"));
    assert!(window.focused().unwrap_or_default().starts_with("Open…"), "{:?}", window.focused());
    let go = |window: &mut Window, key: Key| {
        window.harness.key_press(key);
        window.harness.run_steps(8);
    };
    go(&mut window, Key::ArrowRight);
    assert!(window.says("Refresh cameras") && !window.says("Open weights"));
    go(&mut window, Key::ArrowLeft);
    assert!(window.says("Open weights") && !window.says("Refresh cameras"));
    go(&mut window, Key::ArrowLeft);
    assert!(window.says("About the model"), "the bar has no end");
    go(&mut window, Key::Escape);
    assert!(!window.says("About the model"));
    assert_eq!(window.focused(), None, "the keys are the window's again");
    go(&mut window, Key::F10);
    assert_eq!(window.focused().as_deref(), Some("File"));
    go(&mut window, Key::ArrowLeft);
    assert_eq!(window.focused().as_deref(), Some("Help"));
    go(&mut window, Key::ArrowRight);
    assert_eq!(window.focused().as_deref(), Some("File"));
    go(&mut window, Key::ArrowDown);
    assert!(window.focused().unwrap_or_default().starts_with("Open…"), "{:?}", window.focused());
    go(&mut window, Key::Escape);
    assert_eq!(window.focused().as_deref(), Some("File"), "back to where the keyboard was");
    // R with Alt records nothing, and Enter does what has the focus.
    window.harness.key_press_modifiers(Modifiers::ALT, Key::H);
    window.harness.run_steps(8);
    go(&mut window, Key::Enter);
    assert!(window.says("Heatmap on or off"), "{:?}", window.focused());
}

/// The text that is copied within the next passes.
fn copied(window: &mut Window) -> Option<String> {
    use eframe::egui::OutputCommand;
    for _ in 0..4 {
        window.harness.step();
        for command in &window.harness.output().platform_output.commands {
            if let OutputCommand::CopyText(text) = command {
                return Some(text.clone());
            }
        }
    }
    None
}

#[test]
fn the_wheel_zooms_the_picture_and_a_double_click_fits_it_again() {
    let mut window = Look::still(Scene::one()).open();
    window.until_faces(1);
    let at = window.rect("Live picture").center();
    window.wheel_at(at, 200.0);
    let zoomed = |w: &Window| w.app().picture_zoom();
    let first = zoomed(&window);
    assert!(first > 1.5, "{first}");
    window.wheel_at(at, -100.0);
    assert!(zoomed(&window) < first);
    window.double_click_at(at);
    assert_eq!(zoomed(&window), 1.0);
}

#[test]
fn the_right_button_names_a_face_copies_its_values_and_chooses_it() {
    let mut window = Look::still(Scene::five()).open();
    window.until_faces(5);
    let tile = window.rect("Face 4: happy").center();
    window.press_at(tile, PointerButton::Secondary);
    window.settle();
    window.click("Choose Face 4");
    assert!(window.says("Showing face 4"));
    window.press_at(tile, PointerButton::Secondary);
    window.settle();
    window.click("Copy values");
    // The click was carried out in the last passes: Ctrl+C copies the same.
    window.harness.event(Event::Copy);
    let text = copied(&mut window).unwrap();
    assert!(text.starts_with("Face 4\thappy") && text.contains("surprise\t"), "{text}");
    window.press_at(tile, PointerButton::Secondary);
    window.settle();
    window.click("Name this face…");
    // Alt and a letter opens no menu below, and the letter that the system sends with it is not typed.
    window.harness.key_press_modifiers(Modifiers::ALT, Key::V);
    window.harness.event_modifiers(Event::Text("v".into()), Modifiers::ALT);
    window.settle();
    window.harness.event(Event::Text("Ada".into()));
    window.settle();
    window.click("Save name");
    assert!(window.says("Ada: happy") && !window.says("vAda") && !window.says("Face 4: happy"));
    window.harness.event(Event::Copy);
    assert!(copied(&mut window).unwrap().starts_with("Ada\thappy"));
}

#[test]
fn the_picture_and_the_timeline_have_menus_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = on_file(moving_portrait(folder.path())).open();
    window.until_faces(1);
    window.until("some of it", |h| h.state().live().transport().unwrap().status().position_s > 0.6);
    let at = window.rect(TIMELINE).center();
    window.press_at(at, PointerButton::Secondary);
    window.settle();
    clicking::click(&mut window.harness, "Copy values");
    let text = copied(&mut window).unwrap();
    assert!(text.starts_with("time_s\tlabel\tangry") && text.contains("\n0."), "{text}");
    let at = window.rect("Live picture").left_top() + vec2(60.0, 120.0);
    window.press_at(at, PointerButton::Secondary);
    window.settle();
    window.click("Copy picture");
    window.until("the copy", |h| h.query_all_by_label_contains("The picture was copied").next().is_some());
}

#[test]
fn bars_tell_exact_values_and_terms_their_meaning() {
    let mut window = Look::still(Scene::one()).open();
    window.until_faces(1);
    let point = |window: &mut Window, label: &str| {
        let at = window.harness.get_by_label_contains(label).rect().center();
        window.harness.hover_at(at);
        window.harness.run_steps(40);
    };
    point(&mut window, "happy ");
    assert!(window.says("as shown (smoothed)") && window.says("in this frame (raw)"));
    point(&mut window, "Attention");
    assert!(window.says("where in the face the network looked"));
    point(&mut window, "Latency");
    assert!(window.says("Age of the shown reading"));
}

/// A folder with two portraits, a video and a text file.
fn folder_of_files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    portrait("obama.jpg").save(folder.path().join("a.png")).unwrap();
    portrait("biden.jpg").save(folder.path().join("c.png")).unwrap();
    std::fs::rename(moving_portrait(folder.path()), folder.path().join("b.gif")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no picture").unwrap();
    folder
}

#[test]
fn a_folder_shows_file_and_place_and_is_gone_through_by_keys_and_buttons() {
    let folder = folder_of_files();
    let mut window = on_file(folder.path().to_owned()).open();
    window.until_says("a.png, 1 of 3");
    window.until_faces(1);
    window.press(Key::ArrowRight);
    window.until_says("b.gif, 2 of 3");
    window.until_says(TIMELINE);
    // In a video the arrow keys go through the video.
    window.press(Key::PageDown);
    window.until_says("c.png, 3 of 3");
    window.click("Next file");
    window.until_says("a.png, 1 of 3");
    window.click("Previous file");
    window.until_says("c.png, 3 of 3");
    window.press(Key::ArrowLeft);
    window.until_says("b.gif, 2 of 3");
    // Pictures stay until the slideshow is asked for.
    window.press(Key::PageUp);
    window.until_says("a.png, 1 of 3");
    window.click("Slideshow");
    window.until_says("b.gif, 2 of 3");
    window.click("Stop the slideshow");
    assert!(window.says("Slideshow"));
}

#[test]
fn a_contact_sheet_has_a_face_a_cell_is_sorted_exported_and_clicked_through() {
    let folder = folder_of_files();
    let out = tempfile::tempdir().unwrap();
    let recordings = out.path().to_owned();
    let look = on_file(folder.path().to_owned()).settings(|s| s.recordings = Some(recordings));
    let mut window = look.open();
    window.until_says("a.png, 1 of 3");
    window.press(Key::K);
    window.until_says("3 faces in 3 of 3 files");
    assert!(!window.says("Live picture"));
    window.click("By expression");
    for file in ["a.png", "b.gif", "c.png"] {
        assert!(window.says(&format!("{file}: happy")), "{file}");
    }
    window.click("Export CSV");
    window.until_says("Saved ");
    let file = std::fs::read_dir(out.path()).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with(&moue::record::CSV_HEADER.join(",")) && text.lines().count() == 4, "{text}");
    assert!(text.contains("c.png"));
    click_cell(&mut window, "c.png: happy");
    window.until_says("c.png, 3 of 3");
    assert!(window.says("Live picture"));
}

fn click_cell(window: &mut Window, text: &str) {
    clicking::click_containing(&mut window.harness, text);
    window.settle();
}
