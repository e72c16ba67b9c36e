//! Drives the window through its states and takes its pictures.

#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clicking::{click, click_containing};
use eframe::egui::{self, Key, OutputCommand, Rect, accesskit};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, SnapshotOptions};
use moue::app::{AppOptions, FilePicker, MoueApp, Request, Settings, SettingsFile, ThemeChoice};
use moue::capture::{SourceKind, SourceSpec};
use moue::model::DeviceChoice;
use moue::pipeline::Origins;

use crate::common;
use crate::scenes::{Scene, Script, made_up_network, origins};

/// Longest wait for anything: test machines may be slow.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The smallest window that is promised to work.
pub const SMALL: [f32; 2] = [1024.0, 640.0];
pub const CARD: [(&str, &str); 9] = [
    ("training_data", "made-up faces"),
    ("split_protocol", "trained on train, chosen on val, test not read"),
    ("began_with", "random weights"),
    ("val_accuracy", "0.6912"),
    ("val_macro_f1", "0.6655"),
    ("val_ece", "0.0213"),
    ("temperature", "1.31"),
    ("seed", "7"),
    ("licence", "MIT OR Apache-2.0"),
];

/// Never asks anybody.
pub struct NoPicker;

impl FilePicker for NoPicker {
    fn open(&mut self, _request: Request, _start: Option<&std::path::Path>) {}

    fn is_open(&self) -> bool {
        false
    }

    fn close(&mut self) -> bool {
        false
    }

    fn show(&mut self, _ctx: &egui::Context) -> Option<(Request, PathBuf)> {
        None
    }
}

pub struct Window {
    pub harness: Harness<'static, MoueApp>,
    // Settings live as long as the window.
    pub folder: tempfile::TempDir,
}

/// What is shown, in which looks.
pub struct Look {
    pub origins: Origins,
    pub settings: Settings,
    pub source: SourceSpec,
    pub size: [f32; 2],
    /// Pixels of a point.
    pub scale: f32,
    pub drawn: bool,
    pub picker: Box<dyn FilePicker>,
}

impl Look {
    pub fn new(origins: Origins) -> Self {
        // The timeline shows when things happened: no picture of it is like another.
        let settings =
            Settings { introduced: true, theme: ThemeChoice::Dark, timeline: false, ..Settings::default() };
        let origins = Origins { read: Arc::new(|_| Ok(made_up_network(&CARD))), ..origins };
        Self {
            origins,
            settings,
            source: SourceSpec::Camera(None),
            size: SMALL,
            scale: 1.0,
            drawn: false,
            picker: Box::new(NoPicker),
        }
    }

    pub fn of(scene: Scene, script: Script) -> Self {
        Self::new(origins(SourceKind::Camera, scene, script))
    }

    /// A picture that stays the same.
    pub fn still(scene: Scene) -> Self {
        Self::new(origins(SourceKind::Still, scene.at_rest(), Script::Forever))
    }

    pub fn light(mut self) -> Self {
        self.settings.theme = ThemeChoice::Light;
        self
    }

    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    pub fn size(mut self, size: [f32; 2]) -> Self {
        self.size = size;
        self
    }

    pub fn open(self) -> Window {
        let folder = tempfile::tempdir().unwrap();
        let file = SettingsFile::at(folder.path().join("settings.json"));
        file.write(&self.settings).unwrap();
        let options = AppOptions {
            source: self.source,
            weights: None,
            device: DeviceChoice::Cpu,
            threads: 1,
            detector: None,
            settings: true,
        };
        let theme = match self.settings.theme {
            ThemeChoice::Light => egui::Theme::Light,
            _ => egui::Theme::Dark,
        };
        let builder = Harness::builder()
            .with_size(self.size)
            .with_pixels_per_point(self.scale)
            .with_theme(theme)
            .with_render_cursor(false)
            .with_max_steps(4);
        let builder = if self.drawn { builder.wgpu() } else { builder };
        let (origins, picker) = (self.origins, self.picker);
        let mut harness = builder.build_eframe(move |creation| {
            let ctx = &creation.egui_ctx;
            ctx.all_styles_mut(|style| style.animation_time = 0.0);
            MoueApp::from_origins(ctx, options, Some(file), picker, origins).unwrap()
        });
        harness.step();
        Window { harness, folder }
    }

    /// A window that is drawn; `None` where nothing can be.
    pub fn draw(mut self) -> Option<Window> {
        self.drawn = true;
        match catch_unwind(AssertUnwindSafe(|| self.open())) {
            Ok(window) => Some(window),
            Err(_) => {
                common::skip("no graphics driver is here that wgpu can draw with (lavapipe will do)");
                None
            }
        }
    }
}

impl Window {
    pub fn app(&self) -> &MoueApp {
        self.harness.state()
    }

    /// Goes on until `ready`, or fails.
    pub fn until(&mut self, what: &str, ready: impl Fn(&Harness<'static, MoueApp>) -> bool) {
        let start = Instant::now();
        while !ready(&self.harness) {
            assert!(start.elapsed() < PATIENCE, "waited in vain for: {what}; {:?}", self.app().messages());
            std::thread::sleep(Duration::from_millis(15));
            self.harness.step();
        }
        self.settle();
    }

    pub fn settle(&mut self) {
        self.harness.run_steps(4);
    }

    pub fn until_says(&mut self, text: &'static str) {
        self.until(text, |h| h.query_all_by_label_contains(text).next().is_some());
    }

    pub fn until_faces(&mut self, count: usize) {
        self.until("all faces with a reading", |h| {
            h.state().live().result().is_some_and(|r| r.analyzed.faces.len() == count)
        });
    }

    pub fn until_read(&mut self) {
        self.until("a result", |h| h.state().live().result().is_some());
    }

    pub fn says(&self, text: &str) -> bool {
        self.harness.query_all_by_label_contains(text).next().is_some()
    }

    pub fn press(&mut self, key: Key) {
        self.harness.key_press(key);
        self.settle();
    }

    pub fn click(&mut self, label: &str) {
        click(&mut self.harness, label);
        self.settle();
    }

    /// Clicks through a menu.
    pub fn choose(&mut self, menu: &str, entry: &str) {
        self.click(menu);
        click_containing(&mut self.harness, entry);
        self.settle();
    }

    /// What was copied in the last steps.
    pub fn copies(&mut self, label: &str) -> String {
        self.harness.get_by_label(label).scroll_to_me();
        self.settle();
        click(&mut self.harness, label);
        for _ in 0..3 {
            self.harness.step();
            for command in &self.harness.output().platform_output.commands {
                if let OutputCommand::CopyText(text) = command {
                    return text.clone();
                }
            }
        }
        panic!("{label} copied nothing");
    }

    /// All controls that the keyboard can reach, each with its name; fails for one without.
    pub fn names(&self, state: &str) -> BTreeSet<String> {
        let root = self.harness.root();
        let nodes = root.children_recursive();
        let focusable = nodes.filter(|n| n.accesskit_node().data().supports_action(accesskit::Action::Focus));
        focusable
            .map(|node| {
                let node = node.accesskit_node();
                let name = node.label().unwrap_or_default();
                assert!(
                    !name.trim().is_empty(),
                    "{state}: a {:?} without a name at {:?}",
                    node.role(),
                    node.raw_bounds()
                );
                name
            })
            .collect()
    }

    /// Compares the window with its picture. What the machine decides (speed, device) is not compared.
    pub fn compare(mut self, name: &str) {
        self.harness.remove_cursor();
        self.settle();
        let whole = self.harness.ctx.content_rect();
        let figures = self.harness.query_all_by_label_contains("Frames/s: ").next().map(|n| n.rect());
        if let Some(figures) = figures {
            self.harness.mask(Rect::from_min_max(figures.left_top(), whole.max));
        }
        // The instruction set's name makes the text wider or narrower.
        for (text, width) in [("CPU, ", 240.0), ("The last frame is", 0.0)] {
            let place = self.harness.query_all_by_label_contains(text).next().map(|n| n.rect());
            if let Some(place) = place {
                self.harness.mask(place.with_max_x(place.max.x.max(place.min.x + width)));
            }
        }
        // Other versions of the software renderer round a few pixels of scaled pictures differently.
        let options = SnapshotOptions::new().threshold(1.5).max_failed_pixels(150);
        self.harness.snapshot_options(name, &options);
    }
}
