//! The window's languages: their files hold the same texts, no text stands in the code, the menu changes the language at
//! once, and nothing is cut off or lies on something else in any of them.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "common/clicking.rs"]
mod clicking;
mod common;
#[path = "common/scenes.rs"]
mod scenes;
#[path = "common/screen.rs"]
mod screen;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use eframe::egui::{Key, Rect, Shape, accesskit, pos2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use moue::app::{LanguageChoice, SettingsFile};
use moue::capture::{Pace, SourceSpec, open_source};
use moue::pipeline::{Origins, SourceState};
use scenes::{Scene, Script};
use screen::{Look, SMALL, Window};

/// Codes, own names, and whether the letters are in a font of the system.
const OTHERS: [(&str, &str, bool); 5] = [
    ("de", "Deutsch", false),
    ("es", "Español", false),
    ("fr", "Français", false),
    ("ja", "日本語", true),
    ("bn", "বাংলা", true),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The texts of a language by their keys.
fn texts(code: &str) -> BTreeMap<String, String> {
    let file = std::fs::read_to_string(root().join(format!("locales/{code}.ftl"))).unwrap();
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in file.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.split_once(" = ").filter(|_| !line.starts_with([' ', '}'])) {
            Some((key, value)) => {
                assert!(texts.insert(key.to_owned(), value.to_owned()).is_none(), "{code}: {key} twice");
                key.clone_into(&mut last);
            }
            None => texts.get_mut(&last).unwrap().extend(["\n", line]),
        }
    }
    texts
}

/// The names of the gaps of a text.
fn gaps(text: &str) -> BTreeSet<&str> {
    let name = |rest: &'_ str| rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    text.split('$').skip(1).map(|rest| &rest[..name(rest)]).collect()
}

/// What a person reads in a text of the window's, without the gaps.
fn is_plain(text: &str) -> bool {
    !text.contains('{')
}

/// The code of the window without tests and comments, by file.
fn sources() -> Vec<(PathBuf, String)> {
    let inside = |folder: &str| {
        let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|e| e == "rs")).collect::<Vec<_>>()
    };
    let files = ["src/app", "src/app/teach"].into_iter().flat_map(inside);
    let code = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        (path, lines.map(|line| format!("{line}\n")).collect())
    };
    files.map(code).collect()
}

/// The string literals of some code, with what stands before each.
fn literals(code: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = 0;
    while let Some(start) = code[rest..].find('"').map(|i| rest + i) {
        // '"' is a letter.
        if code[..start].ends_with('\'') || code[..start].ends_with('\\') {
            rest = start + 1;
            continue;
        }
        let mut end = start + 1;
        while !code[end..].starts_with('"') {
            end += if code[end..].starts_with('\\') {
                2
            } else {
                code[end..].chars().next().unwrap().len_utf8()
            };
        }
        found.push((&code[start.saturating_sub(40).max(rest)..start], &code[start + 1..end]));
        rest = end + 1;
    }
    found
}

#[test]
fn every_text_of_a_language_is_one_of_english_with_the_same_gaps() {
    let english = texts("en");
    assert!(english.len() > 300);
    for (code, _, _) in OTHERS {
        let own = texts(code);
        for (key, text) in &own {
            let of_english =
                english.get(key).unwrap_or_else(|| panic!("{code}: {key} is no text of English"));
            let (own, known) = (gaps(text), gaps(of_english));
            // A sentence of another language may begin with another name of the same thing.
            let both = BTreeSet::from(["name", "begin"]);
            let agree = own == known || key == "stage-opening" && own.is_subset(&both);
            assert!(agree, "{code}: {key} has the gaps {own:?}, English {known:?}");
        }
        for key in [
            "angry",
            "disgust",
            "fear",
            "happy",
            "neutral",
            "sad",
            "surprise",
            "unsure",
            "menu-file",
            "close",
        ] {
            assert!(own.contains_key(key), "{code} has no {key}");
        }
    }
}

#[test]
fn every_key_in_the_code_is_a_text_and_every_text_has_its_place() {
    let english = texts("en");
    let all: String = sources().into_iter().map(|(_, code)| code).collect();
    for asked in all
        .replace("include_str!(", "")
        .split("tr!(")
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"'))
    {
        let key = asked.split('"').next().unwrap();
        assert!(english.contains_key(key), "{key} is asked for and is not in locales/en.ftl");
    }
    for key in english.keys() {
        assert!(all.contains(&format!("\"{key}\"")), "{key} is asked for nowhere");
    }
}

#[test]
fn no_text_stands_in_the_code() {
    // What takes a text that is read by people.
    let takes_text = [
        "label(",
        "button(",
        "weak(",
        "checkbox(",
        "hover_text(",
        "RichText::new(",
        "Button::new(",
        "Label::new(",
        "hint_text(",
        "Message::Info(",
        "Message::Error(",
        "strong(",
        "heading(",
        "true, ",
    ];
    // What is written in a terminal or in the log, and names of fonts.
    let others = ["launch.rs", "start_log.rs", "system_fonts.rs"];
    for (path, code) in sources().iter().filter(|(path, _)| !others.iter().any(|other| path.ends_with(other)))
    {
        for (before, text) in literals(code) {
            let read = takes_text.iter().any(|call| before.trim_end().ends_with(call.trim_end()));
            // Format strings may hold what is filled in, and signs.
            let mut bare = String::new();
            let mut depth = 0;
            for letter in text.chars() {
                depth += i32::from(letter == '{') - i32::from(letter == '}');
                if depth == 0 && letter != '}' {
                    bare.push(letter);
                }
            }
            let letters = bare.chars().filter(|c| c.is_alphabetic()).count();
            let known = ["moue ", "SHA-256", "● REC "].contains(&bare.as_str());
            assert!(
                !read || letters < 2 || known,
                "{}: {text:?} belongs into locales/en.ftl",
                path.display()
            );
            // Sentences: words with spaces between them, wherever they stand.
            let words =
                bare.split(' ').filter(|word| word.len() > 1 && word.chars().all(char::is_alphabetic));
            let is_name = [
                "unique(",
                "name(",
                "warn!(",
                "debug!(",
                "info!(",
                "error!(",
                "id_salt(",
                "with(",
                "from_id_salt(",
            ]
            .iter()
            .any(|call| before.trim_end().ends_with(call))
                || before.contains("banner(ctx");
            let of_errors = ["the system does not open it: ", "expression shown this frame"];
            let exempt = is_name || of_errors.iter().any(|e| bare.contains(e)) || bare.contains("\\t");
            assert!(exempt || words.count() < 3, "{}: {text:?} belongs into locales/en.ftl", path.display());
        }
    }
}

/// Everything that is written in the window: text, place, what is seen of it, and whether letters were left out.
fn written(window: &Window) -> Vec<(String, Rect, Rect, bool)> {
    fn add(shape: &Shape, clip: Rect, found: &mut Vec<(String, Rect, Rect, bool)>) {
        match shape {
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| add(shape, clip, found)),
            Shape::Text(text) => {
                let place = text.galley.rect.translate(text.pos.to_vec2());
                found.push((text.galley.job.text.clone(), place, clip, text.galley.elided));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for shape in &window.harness.output().shapes {
        add(&shape.shape, shape.clip_rect, &mut found);
    }
    found.retain(|(text, place, clip, _)| !text.trim().is_empty() && place.intersects(*clip));
    found
}

/// Fails where a text goes beyond what is seen of it across, or lies on another.
fn nothing_is_cut_off(window: &Window, size: [f32; 2], what: &str) {
    let picture = window.harness.query_by_label("Live picture").map(|node| node.rect());
    let all = written(window);
    for (text, place, clip, elided) in &all {
        let seen = place.left() >= clip.left() - 0.6 && place.right() <= clip.right() + 0.6;
        assert!(
            seen && place.right() <= size[0] + 0.5,
            "{what}: {text:?} at {place:?} is seen within {clip:?}"
        );
        assert!(!elided || is_own(text), "{what}: {text:?} is too long for its place");
        assert!(!is_key(text), "{what}: {text:?} is a key");
    }
    // What is written over the picture lies on nothing that is told from its place.
    let beside = |place: &Rect| picture.is_none_or(|picture| !picture.intersects(*place));
    let apart: Vec<_> = all.iter().filter(|(_, place, _, _)| beside(place)).collect();
    for (i, (text, place, clip, _)) in apart.iter().enumerate() {
        for (other, taken, other_clip, _) in &apart[..i] {
            let shared = place.intersect(*clip).intersect(taken.intersect(*other_clip));
            let lie_apart = shared.width() < 1.0 || shared.height() < 3.0;
            assert!(lie_apart, "{what}: {text:?} at {place:?} lies on {other:?} at {taken:?}");
        }
    }
}

/// Whether a text is the name of a text.
fn is_key(text: &str) -> bool {
    texts("en").contains_key(text) && text.contains('-')
}

/// A text in a language, else in English.
fn text_in(code: &str, key: &str) -> String {
    texts(code).remove(key).or_else(|| texts("en").remove(key)).unwrap()
}

/// Chooses a language in the menu of the one that is shown; `false` where the system has no font for it.
fn choose(window: &mut Window, shown: &str, own_name: &str) -> bool {
    window.click(&text_in(shown, "menu-view"));
    window.click(&text_in(shown, "view-language"));
    let looking = text_in(shown, "view-language-looking");
    let part = looking.rsplit("} ").next().unwrap().to_owned();
    window.until("the fonts", |h| h.query_all_by_label_contains(&part).next().is_none());
    // The system's theme has the same name as the system's language.
    let entry = window.harness.query_by_role_and_label(accesskit::Role::Button, own_name);
    let there = entry.is_some();
    if let Some(entry) = entry {
        entry.click();
    }
    for _ in 0..3 {
        window.press(Key::Escape);
    }
    window.settle();
    there
}

#[test]
fn nothing_is_cut_off_in_any_language() {
    for size in [SMALL, [1180.0, 740.0]] {
        let look =
            Look::of(Scene::five().at_rest(), Script::Forever).settings(|s| s.timeline = true).size(size);
        let mut window = look.open();
        window.until_faces(5);
        nothing_is_cut_off(&window, size, "en");
        let mut shown = "en";
        for (code, name, needs_font) in OTHERS {
            if !choose(&mut window, shown, name) {
                assert!(needs_font, "{name} is in the menu");
                common::skip(&format!("no font of this system has the letters of {name}"));
                continue;
            }
            shown = code;
            window.until_faces(5);
            nothing_is_cut_off(&window, size, code);
            for menu in ["menu-file", "menu-camera", "menu-record", "menu-view", "menu-people", "menu-help"] {
                let before = written(&window);
                window.click(&text_in(code, menu));
                entries_fit(&window, &before, size, &format!("{code} {menu}"));
                window.press(Key::Escape);
            }
            for (menu, entry) in [
                ("menu-help", "sheet-shortcuts"),
                ("menu-help", "sheet-model"),
                ("menu-help", "sheet-messages"),
                ("menu-help", "sheet-about"),
                ("menu-record", "record-words"),
                ("menu-people", "people-teach"),
                ("menu-people", "people-triggers"),
            ] {
                window.click(&text_in(code, menu));
                clicking::click_containing(&mut window.harness, &text_in(code, entry));
                window.settle();
                across_fits(&window, size, &format!("{code} {entry}"));
                window.press(Key::Escape);
                window.press(Key::Escape);
            }
        }
    }
}

/// Fails where a text goes beyond its place across; what is too high is scrolled to.
fn across_fits(window: &Window, size: [f32; 2], what: &str) {
    for (text, place, clip, elided) in written(window) {
        let seen = place.left() >= clip.left() - 0.6 && place.right() <= clip.right().min(size[0]) + 0.6;
        assert!(seen && (!elided || is_own(&text)), "{what}: {text:?} at {place:?} in {clip:?}");
    }
}

/// Whether a text is not the window's, but a camera's or a processor's.
fn is_own(text: &str) -> bool {
    text.starts_with("Camera") || text.contains("instructions") || text.starts_with("CPU")
}

/// Fails where something that is new in the window is outside of it or cut off.
fn entries_fit(window: &Window, before: &[(String, Rect, Rect, bool)], size: [f32; 2], what: &str) {
    let whole = Rect::from_min_size(pos2(0.0, 0.0), size.into());
    let was_there = |text: &str, place: Rect| before.iter().any(|(t, p, ..)| t == text && *p == place);
    // Figures change all the time, and a camera's name may be long.
    let texts = written(window).into_iter().filter(|(text, place, ..)| {
        text.chars().any(char::is_alphabetic)
            && !text.ends_with(" ms")
            && !text.contains("(/")
            && !was_there(text, *place)
    });
    let mut count = 0;
    for (text, place, clip, elided) in texts {
        let seen = clip.expand(0.6).contains_rect(place.shrink(1.0)) && whole.contains_rect(place);
        assert!(seen && !elided, "{what}: {text:?} at {place:?} in {clip:?}");
        count += 1;
    }
    assert!(count > 3, "{what} is open");
}

#[test]
fn a_translated_window_says_nothing_in_english_that_its_language_has() {
    let mut window =
        Look::of(Scene::five().at_rest(), Script::Forever).settings(|s| s.timeline = true).open();
    window.until_faces(5);
    assert!(choose(&mut window, "en", "Deutsch"));
    window.until_faces(5);
    let (english, german) = (texts("en"), texts("de"));
    let told = |window: &Window| -> BTreeSet<String> {
        let nodes = window.harness.root().children_recursive();
        let labels = nodes.filter_map(|n| n.accesskit_node().label().or_else(|| n.accesskit_node().value()));
        labels.chain(written(window).into_iter().map(|(text, ..)| text)).collect()
    };
    let mut all = told(&window);
    for menu in ["menu-file", "menu-camera", "menu-record", "menu-view", "menu-people", "menu-help"] {
        window.click(&german[menu]);
        all.extend(told(&window));
        window.press(Key::Escape);
    }
    window.press(Key::F1);
    all.extend(told(&window));
    for (key, text) in english.iter().filter(|(_, text)| is_plain(text)) {
        let translated = german.get(key).is_some_and(|own| own != text);
        // The made-up camera has this name.
        let is_german = text == "Camera" || german.values().any(|own| own == text);
        let says = |told: &String| {
            told == text || told.strip_prefix(text.as_str()).is_some_and(|rest| rest.starts_with(" ("))
        };
        assert!(!translated || is_german || !all.iter().any(says), "{key}: {text:?} is shown in English");
    }
    for text in ["Datei", "Zeitleiste der letzten Minute", "Tastenkürzel"] {
        assert!(all.contains(text), "{text}: {all:?}");
    }
    let shows = |told: &String| told.starts_with("Gezeigt wird Gesicht ") && told.ends_with(": Freude");
    assert!(all.iter().any(shows), "{all:?}");
}

#[test]
fn the_language_is_changed_at_once_and_kept() {
    let mut window = Look::still(Scene::one()).open();
    window.until_faces(1);
    assert!(choose(&mut window, "en", "Français"));
    window.harness.get_by_label("Fichier");
    window.harness.get_by_label("Visage 1 affiché : joie");
    // What it lacks is said in English.
    assert!(!texts("fr").contains_key("panel-face-hint"));
    assert_eq!(window.app().settings().language, LanguageChoice::French);
    let file = SettingsFile::at(window.folder.path().join("settings.json"));
    window.until("the settings in their file", |h| file.read() == (h.state().settings().clone(), None));
    assert!(choose(&mut window, "fr", "Système"));
    window.harness.get_by_label("File");
}

#[test]
fn the_systems_language_is_shown_where_none_is_chosen() {
    let mut window = Look::still(Scene::nobody()).open();
    window.harness.state_mut().set_system_language("es_MX.UTF-8");
    window.until_says("Archivo");
    let mut chosen = Look::still(Scene::nobody()).settings(|s| s.language = LanguageChoice::English).open();
    chosen.harness.state_mut().set_system_language("es_MX.UTF-8");
    chosen.settle();
    chosen.harness.get_by_label("File");
}

#[test]
fn a_language_without_a_font_says_so_and_english_is_shown() {
    let fonts = tempfile::tempdir().unwrap();
    let mut window = Look::still(Scene::nobody()).settings(|s| s.language = LanguageChoice::Japanese).open();
    window.harness.state_mut().use_fonts_of(fonts.path());
    window.settle();
    assert!(!choose(&mut window, "en", "日本語"));
    window.click("View");
    window.click("Language");
    window.until_says("Japanese (no font for it is installed)");
    assert!(window.says("Bengali (no font for it is installed)") && window.says("Deutsch"));
    window.harness.get_by_label("File");
}

#[test]
fn what_is_copied_as_a_table_stays_english() {
    let mut window = Look::still(Scene::one()).settings(|s| s.language = LanguageChoice::German).open();
    window.until_faces(1);
    window.harness.event(eframe::egui::Event::Copy);
    window.harness.step();
    let copied = |w: &Window| {
        w.harness.output().platform_output.commands.iter().find_map(|command| match command {
            eframe::egui::OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        })
    };
    let text = copied(&window).unwrap();
    assert!(text.starts_with("Face 1\thappy\nexpression\tshown"), "{text}");
}

/// The text of the region that screen readers say by themselves.
fn spoken(window: &Window) -> Option<String> {
    let root = window.harness.root();
    let mut regions =
        root.children_recursive().filter(|n| n.accesskit_node().live() == accesskit::Live::Polite);
    let text = regions.next().and_then(|n| n.accesskit_node().label());
    assert!(regions.next().is_none(), "there is one such region");
    text
}

#[test]
fn screen_readers_hear_the_shown_label_and_not_every_change() {
    let mut window = Look::still(Scene::five()).open();
    window.until_faces(5);
    let pause = std::time::Duration::from_secs(2);
    let start = std::time::Instant::now();
    let mut said: Vec<String> = spoken(&window).into_iter().collect();
    assert!(said[0].starts_with("happy, Face "), "{said:?}");
    // Another face is shown again and again.
    for key in [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num1, Key::Num2, Key::Num3] {
        window.press(key);
        let now = spoken(&window).unwrap();
        if said.last() != Some(&now) {
            said.push(now);
        }
    }
    let changes = start.elapsed().as_secs() / pause.as_secs() + 1;
    assert!((said.len() as u64 - 1) <= changes, "{said:?} in {:?}", start.elapsed());
    // What is shown in the end is said in the end, once its time has come.
    let last = |h: &egui_kittest::Harness<'static, moue::app::MoueApp>| {
        let root = h.root();
        let mut regions =
            root.children_recursive().filter(|n| n.accesskit_node().live() == accesskit::Live::Polite);
        regions.any(|n| n.accesskit_node().label().as_deref() == Some("happy, Face 3"))
    };
    window.until("the last label", last);
}

#[test]
fn one_face_is_told_by_its_label_alone_and_nobody_is_silence() {
    let mut window = Look::still(Scene::one()).open();
    window.until_faces(1);
    assert_eq!(spoken(&window).as_deref(), Some("happy"));
    let mut nobody = Look::still(Scene::nobody()).open();
    nobody.until_read();
    assert_eq!(spoken(&nobody).as_deref().unwrap_or_default(), "");
}

/// A folder with a picture and an animation of ten seconds.
fn folder_of_files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("a.gif")).unwrap();
    let mut encoder = image::codecs::gif::GifEncoder::new(file);
    for grey in 0..10 {
        let picture = image::RgbaImage::from_pixel(160, 120, image::Rgba([grey * 20, 90, 90, 255]));
        let delay = image::Delay::from_numer_denom_ms(1000, 1);
        encoder.encode_frame(image::Frame::from_parts(picture, 0, 0, delay)).unwrap();
    }
    image::RgbImage::from_pixel(64, 64, image::Rgb([90; 3])).save(folder.path().join("b.png")).unwrap();
    folder
}

#[test]
fn videos_folders_and_what_goes_wrong_fit_in_any_language() {
    let folder = folder_of_files();
    for (code, choice) in [
        ("de", LanguageChoice::German),
        ("es", LanguageChoice::Spanish),
        ("fr", LanguageChoice::French),
        ("ja", LanguageChoice::Japanese),
        ("bn", LanguageChoice::Bengali),
    ] {
        let origins =
            Origins { open: std::sync::Arc::new(|spec| open_source(spec, Pace::Live)), ..Origins::default() };
        let mut look = Look::new(origins).settings(|s| (s.language, s.timeline) = (choice, true));
        look.source = SourceSpec::Path(folder.path().to_owned());
        let mut window = look.open();
        window.until("the bar", |h| h.state().live().transport().is_some());
        window.until_read();
        // The fonts are found soon, or are not there.
        window.harness.run_steps(30);
        nothing_is_cut_off(&window, SMALL, &format!("{code}, a video"));
        window.press(Key::K);
        window.settle();
        across_fits(&window, SMALL, &format!("{code}, the contact sheet"));
        let look = Look::of(Scene::one(), Script::Missing)
            .settings(|s| (s.language, s.introduced) = (choice, false));
        let mut window = look.open();
        window.until("the failure", |h| matches!(h.state().live().state(), SourceState::Failed(_)));
        window.harness.run_steps(30);
        across_fits(&window, SMALL, &format!("{code}, a source that fails"));
    }
}
