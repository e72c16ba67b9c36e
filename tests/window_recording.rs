//! Recording, snapshots and video controls in the window, by their keys and names.
#![allow(clippy::unwrap_used)]

#[path = "common/clicking.rs"]
mod clicking;
mod common;
#[path = "common/picker.rs"]
mod picker;

use clicking::{click, click_containing};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use eframe::egui::Key;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use moue::app::{AppOptions, MoueApp, Request, Settings, SettingsFile};
use moue::capture::SourceSpec;
use moue::model::DeviceChoice;
use moue::pipeline::Message;
use moue::record::{FACES_FILE, SESSION_FILE, Session, SessionStatus};
use picker::TestPicker;

/// Longest wait for anything: test machines may be slow.
const PATIENCE: Duration = Duration::from_secs(60);

struct Window {
    harness: Harness<'static, MoueApp>,
    picker: TestPicker,
    /// Settings and recordings live as long as the window.
    folder: tempfile::TempDir,
}

impl Window {
    fn open(source: SourceSpec, settings: Settings) -> Self {
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
        file.write(&Settings { introduced: true, ..settings }).unwrap();
        let for_app = picker.clone();
        let mut harness =
            Harness::builder().with_size([1100.0, 720.0]).with_max_steps(4).build_eframe(move |creation| {
                MoueApp::new(&creation.egui_ctx, options, Some(file), Box::new(for_app)).unwrap()
            });
        harness.step();
        let mut window = Self { harness, picker, folder };
        window.until("a face with a reading", |h| {
            h.state().live().result().is_some_and(|r| !r.analyzed.faces.is_empty())
        });
        window
    }

    /// Goes on until `ready`, or fails; what is drawn then is `ready` too.
    fn until(&mut self, what: &str, ready: impl Fn(&Harness<'static, MoueApp>) -> bool) {
        let start = Instant::now();
        while !ready(&self.harness) {
            assert!(start.elapsed() < PATIENCE, "waited in vain for: {what}; {:?}", self.messages());
            std::thread::sleep(Duration::from_millis(15));
            self.harness.step();
        }
        // The state may have changed after the step that drew it.
        self.harness.step();
    }

    fn messages(&self) -> &[Message] {
        self.harness.state().messages()
    }

    fn press(&mut self, key: Key) {
        self.harness.key_press(key);
        self.harness.step();
        self.harness.step();
    }

    fn until_message(&mut self, part: &str) -> String {
        let with = |h: &Harness<'static, MoueApp>| {
            h.state().messages().iter().find_map(|m| match m {
                Message::Info(text) | Message::Error(text) | Message::SourceError(text)
                    if text.contains(part) =>
                {
                    Some(text.clone())
                }
                _ => None,
            })
        };
        self.until(part, |h| with(h).is_some());
        with(&self.harness).unwrap()
    }
}

/// The files and folders in `folder`.
fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect()
}

fn session(folder: &Path) -> Session {
    serde_json::from_str(&std::fs::read_to_string(folder.join(SESSION_FILE)).unwrap()).unwrap()
}

fn lines(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join(FACES_FILE)).map_or(0, |t| t.lines().count())
}

#[test]
fn r_records_into_the_folder_that_was_chosen_and_the_mark_says_so() {
    let mut window = Window::open(SourceSpec::Demo, Settings::default());
    let recordings = window.folder.path().join("my recordings");
    std::fs::create_dir(&recordings).unwrap();

    // The first time it asks; who answers nothing records nothing.
    window.press(Key::R);
    assert!(window.harness.query_by_label_contains("REC").is_none());
    assert_eq!(*window.picker.asked.borrow(), [Request::Recordings]);
    assert!(entries(&recordings).is_empty());

    *window.picker.answer.borrow_mut() = Some(recordings.clone());
    window.press(Key::R);
    window.until("the mark", |h| h.query_by_label_contains("REC 0:0").is_some());
    assert_eq!(window.harness.state().settings().recordings, Some(recordings.clone()));
    let folder = entries(&recordings).remove(0);
    window.until("rows on disk while it records", |_| lines(&folder) > 3);
    assert_eq!(session(&folder).status, SessionStatus::Recording);

    window.press(Key::R);
    assert!(window.harness.query_by_label_contains("REC").is_none());
    let said = window.until_message("Recorded ");
    assert!(said.contains(&folder.display().to_string()), "{said}");
    let recorded = session(&folder);
    assert_eq!((recorded.status, recorded.source.kind.as_str()), (SessionStatus::Complete, "demo"));
    assert_eq!(recorded.faces.unwrap() as usize, lines(&folder) - 1);
    assert_eq!(recorded.models[0].name, "moue-fer2013 (built in)");

    // The second time it does not ask, and another source ends it once the user says so.
    window.press(Key::R);
    window.until("the mark", |h| h.query_by_label_contains("REC").is_some());
    assert_eq!(window.picker.asked.borrow().len(), 2);
    window.press(Key::C);
    click(&mut window.harness, "End and switch");
    window.until("the end", |h| h.query_by_label_contains("REC").is_none());
    window.until("two sessions", |_| {
        let found = entries(&recordings);
        found.len() == 2 && found.iter().all(|f| session(f).status == SessionStatus::Complete)
    });

    // The page of the last one.
    click(&mut window.harness, "Record");
    window.harness.step();
    window.harness.step();
    click_containing(&mut window.harness, "Report of the last");
    window.harness.step();
    window.harness.step();
    let said = window.until_message("Report saved as ");
    assert!(Path::new(said.strip_prefix("Report saved as ").unwrap()).is_file());
    // What was saved is a click away.
    window.until("the buttons", |h| {
        h.query_all_by_label("Open report").next().is_some()
            && h.query_all_by_label("Show in folder").next().is_some()
    });
}

#[test]
fn a_folder_that_goes_away_stops_the_recording_and_says_so() {
    let recordings = tempfile::tempdir().unwrap();
    let settings = Settings { recordings: Some(recordings.path().to_owned()), ..Settings::default() };
    let mut window = Window::open(SourceSpec::Demo, settings);
    window.press(Key::R);
    window.until("the mark", |h| h.query_by_label_contains("REC").is_some());
    for session in entries(recordings.path()) {
        std::fs::remove_dir_all(session).unwrap();
    }
    window.until_message("Recording stopped");
    window.harness.step();
    assert!(window.harness.query_by_label_contains("REC").is_none());

    // The folder for all recordings: another one is asked for.
    let path = recordings.path().to_owned();
    drop(recordings);
    window.press(Key::R);
    window.until_message("the recordings folder is gone");
    assert!(!path.exists());
    assert_eq!(*window.picker.asked.borrow(), [Request::Recordings]);
}

#[test]
fn s_saves_the_picture_as_it_is_shown() {
    let recordings = tempfile::tempdir().unwrap();
    let settings =
        Settings { recordings: Some(recordings.path().to_owned()), panel: true, ..Settings::default() };
    let portrait = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/obama.jpg");
    let mut window = Window::open(SourceSpec::Path(portrait.clone()), settings);
    window.press(Key::S);
    let said = window.until_message("Saved ");
    let file = PathBuf::from(said.strip_prefix("Saved ").unwrap());
    let with_heat = image::open(&file).unwrap().to_rgb8();
    let original = image::open(portrait).unwrap().to_rgb8();
    // The seven bars stand beside it.
    assert!(with_heat.width() > original.width() && with_heat.height() == original.height());
    let face = window.harness.state().live().result().unwrap().analyzed.faces[0].detection.face;
    let changed = |saved: &image::RgbImage| {
        let inside = |x: u32, y: u32| {
            let (x, y) = (x as f32, y as f32);
            x > face.x + 8.0
                && x < face.x + face.width - 8.0
                && y > face.y + 8.0
                && y < face.y + face.height - 8.0
        };
        let points = original.enumerate_pixels().filter(|(x, y, _)| inside(*x, *y));
        points.filter(|(x, y, p)| saved.get_pixel(*x, *y) != *p).count()
    };
    assert!(changed(&with_heat) > 2000, "the overlay is in the picture");
    window.press(Key::H);
    window.press(Key::P);
    window.press(Key::S);
    window.until("the second picture", |_| entries(recordings.path()).len() == 2);
    window.until("two messages", |h| h.state().messages().len() >= 2);
    let other = entries(recordings.path()).into_iter().find(|f| *f != file).unwrap();
    let plain = image::open(other).unwrap().to_rgb8();
    assert_eq!(plain.dimensions(), original.dimensions());
    assert!(changed(&plain) < changed(&with_heat) / 4);
}

#[test]
fn a_video_is_played_paused_sought_and_stepped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("face.mp4");
    let portrait = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/obama.jpg");
    let made = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-loop", "1", "-i"])
        .arg(portrait)
        .args(["-vf", "scale=360:-2", "-r", "10", "-t", "20", "-c:v", "mpeg4"])
        .arg(&path)
        .status();
    if !made.is_ok_and(|s| s.success()) {
        return common::skip("ffmpeg is not installed");
    }
    let mut window = Window::open(SourceSpec::Path(path), Settings::default());
    let transport = window.harness.state().live().transport().unwrap();
    let at = |transport: &moue::capture::Transport| (transport.status().position_s * 10.0).round() as i64;

    window.press(Key::Space);
    assert!(!transport.status().playing);
    window.harness.get_by_label("Play");
    // The picture and its reading stay, the source is not given up.
    window.until("the reading of the frame that is held", |h| h.query_by_label_contains("happy ").is_some());
    assert!(!window.harness.state().live().is_paused());

    transport.seek_to(3.0);
    window.press(Key::ArrowRight);
    assert_eq!(at(&transport), 80);
    window.press(Key::ArrowLeft);
    assert_eq!(at(&transport), 30);
    window.press(Key::Period);
    window.until("the next frame", |_| at(&transport) == 31);
    // The file knows when the frame before is shown, so that this takes a moment.
    window.press(Key::Comma);
    window.until("the frame before", |_| at(&transport) == 30);
    window.until("the frame that was sought", |h| {
        h.state().live().result().is_some_and(|r| r.analyzed.frame.index == 30)
    });
    window.harness.get_by_label("0:03.0 / 0:20.0");
    window.harness.get_by_label_contains("Position");

    click(&mut window.harness, "Loop");
    window.harness.step();
    assert!(!transport.status().looping);
    click(&mut window.harness, "Play");
    window.harness.step();
    assert!(transport.status().playing);
    let before = transport.status().position_s;
    window.until("time that goes on", |_| transport.status().position_s > before + 0.3);

    // Another source has no such controls.
    window.press(Key::D);
    window.until("no controls", |h| h.query_by_label("Loop").is_none());
}

#[test]
fn name_and_notes_are_kept_before_and_after_a_recording() {
    let recordings = tempfile::tempdir().unwrap();
    let settings = Settings { recordings: Some(recordings.path().to_owned()), ..Settings::default() };
    let mut window = Window::open(SourceSpec::Demo, settings);
    let enter = |window: &mut Window, there: Option<&str>, field: &str, text: &str, button: &str| {
        click(&mut window.harness, "Record");
        window.harness.run_steps(3);
        click_containing(&mut window.harness, "Name and notes…");
        window.harness.run_steps(3);
        // What the recording says of itself is there to be changed, not lost.
        if let Some(there) = there {
            window.until("what it says already", |h| h.query_all_by_value(there).next().is_some());
        }
        window.harness.get_by_label(field).focus();
        window.harness.run_steps(2);
        // Letters of a name are no commands: r would record.
        window.harness.event(eframe::egui::Event::Text(text.to_owned()));
        window.harness.run_steps(2);
        assert!(window.harness.query_by_label_contains("REC").is_none());
        click_containing(&mut window.harness, button);
        window.harness.run_steps(3);
    };
    enter(&mut window, None, "Name", "first round", "Use for the next recording");
    window.press(Key::R);
    window.until("the mark", |h| h.query_by_label_contains("REC").is_some());
    window.press(Key::R);
    window.until_message("Recorded ");
    let folder = entries(recordings.path()).remove(0);
    assert_eq!(session(&folder).name.as_deref(), Some("first round"));
    // One that runs takes them too.
    window.press(Key::R);
    window.until("the mark", |h| h.query_by_label_contains("REC").is_some());
    click(&mut window.harness, "Record");
    window.harness.run_steps(3);
    click_containing(&mut window.harness, "Name and notes…");
    window.harness.run_steps(3);
    window.harness.get_by_label("Name").focus();
    window.harness.run_steps(2);
    window.harness.event(eframe::egui::Event::Text("second round".to_owned()));
    window.until("what is written", |h| h.query_all_by_value("second round").next().is_some());
    click_containing(&mut window.harness, "Write into ");
    window.until_message("Name and notes are in the recording");
    window.press(Key::R);
    window.until("the second's end", |h| {
        h.state()
            .messages()
            .iter()
            .filter(|m| matches!(m, Message::Info(t) if t.contains("Recorded ")))
            .count()
            == 2
    });
    let second = entries(recordings.path()).into_iter().find(|f| *f != folder).unwrap();
    assert_eq!(session(&second).name.as_deref(), Some("second round"));
    let folder = second;
    let name = format!("Write into {}", folder.file_name().unwrap().to_string_lossy());
    enter(&mut window, Some("second round"), "Notes", "the lamp was off", &name);
    // With its path: that a running one took its words is said alike.
    window.until_message(&format!("Name and notes are in {}", folder.display()));
    // The message comes before they are read again.
    window.until("the notes on disk", |_| session(&folder).notes.is_some());
    let kept = session(&folder);
    assert_eq!(
        (kept.name.as_deref(), kept.notes.as_deref()),
        (Some("second round"), Some("the lamp was off"))
    );
    assert_eq!(kept.status, SessionStatus::Complete);
    let page = moue::record::report::write_report(&folder, None).unwrap();
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("second round") && page.contains("the lamp was off"));
}

#[test]
fn i_marks_the_moment_of_the_key_with_a_word() {
    let recordings = tempfile::tempdir().unwrap();
    let settings = Settings { recordings: Some(recordings.path().to_owned()), ..Settings::default() };
    let mut window = Window::open(SourceSpec::Demo, settings);
    let events = |folder: &Path| {
        let text = std::fs::read_to_string(folder.join("events.csv")).unwrap_or_default();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    window.press(Key::R);
    window.until("the mark", |h| h.query_by_label_contains("REC").is_some());
    let folder = entries(recordings.path()).remove(0);
    let begun = Instant::now();
    window.press(Key::I);
    window.until("the question", |h| h.query_by_label("Set marker").is_some());
    let asked_s = begun.elapsed().as_secs_f64();
    // Who types takes a while; letters are no commands meanwhile.
    std::thread::sleep(Duration::from_millis(700));
    window.harness.event(eframe::egui::Event::Text("film, two".into()));
    window.harness.step();
    window.press(Key::Enter);
    window.until("the marker on disk", |_| events(&folder).len() == 1);
    let typed_s = begun.elapsed().as_secs_f64();
    assert!(window.harness.query_by_label("Set marker").is_none());
    let line = events(&folder).remove(0);
    assert!(line.ends_with(",film,two,window"), "{line}");
    let number = |line: &str, at: usize| line.split(',').nth(at).unwrap().parse::<f64>().unwrap();
    // A second one, whose time lies after the first by what passed between the keys.
    window.press(Key::Insert);
    window.until("the question", |h| h.query_by_label("Set marker").is_some());
    let second_s = begun.elapsed().as_secs_f64();
    click(&mut window.harness, "Set marker");
    window.until("the second marker", |_| events(&folder).len() == 2);
    let both = events(&folder);
    assert!(both[1].ends_with(",marker,,window"), "{both:?}");
    let apart_s = (number(&both[1], 1) - number(&both[0], 1)) / 1e9;
    assert!(
        apart_s >= typed_s - asked_s && apart_s <= second_s,
        "{apart_s} s apart, asked {asked_s}, typed {typed_s}"
    );
    // Esc leaves it.
    window.press(Key::I);
    window.until("the question", |h| h.query_by_label("Set marker").is_some());
    window.press(Key::Escape);
    window.until("no question", |h| h.query_by_label("Set marker").is_none());
    window.press(Key::R);
    window.until_message("Recorded ");
    assert_eq!((events(&folder).len(), session(&folder).markers), (2, 2));
}

#[test]
fn markers_of_other_programs_are_recorded_at_their_own_moment() {
    use moue::record::{IncomingMarker, MarkerOrigin, MarkerText, marker_queue};
    let recordings = tempfile::tempdir().unwrap();
    let settings = Settings { recordings: Some(recordings.path().to_owned()), ..Settings::default() };
    let mut window = Window::open(SourceSpec::Demo, settings);
    let (sender, markers) = marker_queue();
    window.harness.state_mut().set_markers(Some(markers));
    window.press(Key::R);
    window.until("the mark", |h| h.query_by_label_contains("REC").is_some());
    let folder = entries(recordings.path()).remove(0);
    let (first, second) = (Instant::now(), Instant::now() + Duration::from_millis(250));
    for (at, name) in [(first, "flash"), (second, "picture")] {
        let text = MarkerText::new(name, "7").unwrap();
        sender.send(IncomingMarker { at, text, origin: MarkerOrigin::Osc }).unwrap();
    }
    let read = |folder: &Path| std::fs::read_to_string(folder.join("events.csv")).unwrap_or_default();
    window.until("both on disk", |_| read(&folder).lines().count() == 3);
    let lines: Vec<String> = read(&folder).lines().skip(1).map(str::to_owned).collect();
    assert!(lines[0].ends_with(",flash,7,osc") && lines[1].ends_with(",picture,7,osc"), "{lines:?}");
    let ns = |line: &str| line.split(',').nth(1).unwrap().parse::<u64>().unwrap();
    // Of their own moments, not of the pass of the window that took both.
    assert!((ns(&lines[1]) - ns(&lines[0])).abs_diff(250_000_000) < 1_000_000, "{lines:?}");
}
