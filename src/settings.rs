//! What the window remembers, in a file of its own.

use std::io;
use std::path::{Path, PathBuf};

use moue_detect::DetectorKind;
use moue_files::{excerpt, new_file, plain_file};
use moue_model::ReadOptions;
use serde::{Deserialize, Serialize};

use crate::pipeline::{Baseline, Trigger, WeightsChoice};

/// Recent files that are kept.
const RECENT: usize = 8;
/// Triggers that are kept.
const TRIGGERS: usize = 12;
/// Width of the side panel at the start, in points.
const PANEL_WIDTH: f32 = 332.0;
/// Height of the timeline at the start, in points.
const TIMELINE_HEIGHT: f32 = 180.0;
/// Smallest and largest zoom.
pub(crate) const ZOOM: (f32, f32) = (0.5, 3.0);
/// Largest settings file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// Which theme is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeChoice {
    /// The system's.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// Which language the window speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LanguageChoice {
    /// English.
    #[serde(rename = "en")]
    English,
    /// German.
    #[serde(rename = "de")]
    German,
    /// Spanish.
    #[serde(rename = "es")]
    Spanish,
    /// French.
    #[serde(rename = "fr")]
    French,
    /// Japanese.
    #[serde(rename = "ja")]
    Japanese,
    /// Bengali.
    #[serde(rename = "bn")]
    Bengali,
    /// The system's; also what a newer version wrote that this one does not know.
    #[default]
    #[serde(rename = "system", other)]
    System,
}

/// What is laid over a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OverlayMode {
    /// The network's own attention.
    #[default]
    Attention,
    /// The class activation map of the shown expression.
    Evidence,
    /// The class activation map of what the profile in use reads; without one, that of the shown expression.
    Profile,
}

/// Colours of the overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourMap {
    /// Black, red, yellow.
    #[default]
    Inferno,
    /// Blue, green, yellow.
    Viridis,
    /// Blue to red by way of green.
    Turbo,
    /// Purple, orange, white.
    Magma,
}

impl ColourMap {
    /// All of them, for the menu.
    pub const ALL: [Self; 4] = [Self::Inferno, Self::Viridis, Self::Turbo, Self::Magma];

    /// The colour at `t`, 0..=1.
    #[must_use]
    pub fn colour(self, t: f32) -> [u8; 3] {
        let gradient = match self {
            Self::Inferno => colorous::INFERNO,
            Self::Viridis => colorous::VIRIDIS,
            Self::Turbo => colorous::TURBO,
            Self::Magma => colorous::MAGMA,
        };
        let c = gradient.eval_continuous(f64::from(t.clamp(0.0, 1.0)));
        [c.r, c.g, c.b]
    }
}

/// What the user said of a weights file, which does not say it itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightsSaid {
    /// The file.
    pub path: PathBuf,
    /// Width and height of the input in pixels.
    pub input_size: Option<usize>,
    /// The classes in the order of the file's outputs, as in `--classes`.
    pub classes: Option<String>,
}

/// Everything that is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The introduction was read.
    pub introduced: bool,
    /// Light or dark.
    pub theme: ThemeChoice,
    /// The language of the window's texts.
    pub language: LanguageChoice,
    /// Cameras and the demo are shown as a mirror would.
    pub mirror: bool,
    /// Whether the overlay is on.
    pub overlay: bool,
    /// What it shows.
    pub overlay_mode: OverlayMode,
    /// How strongly it covers the picture, 0..=1.
    pub overlay_opacity: f32,
    /// Its colours.
    pub colour_map: ColourMap,
    /// Whether the mesh of a face's points is drawn.
    pub mesh: bool,
    /// Time constant of the readings' average in milliseconds, 0..=2000.
    pub smoothing_ms: f32,
    /// Which detectors look for faces.
    pub detector: DetectorKind,
    /// Whether the side panel is shown.
    pub panel: bool,
    /// Whether the timeline is shown.
    pub timeline: bool,
    /// Its height in points.
    pub timeline_height: f32,
    /// Whether it is drawn as areas that add up to 100 %; otherwise as seven curves.
    pub timeline_areas: bool,
    /// The personal baseline, where the user asked to keep it.
    pub baseline: Option<Baseline>,
    /// Zoom of the whole window, on top of the system's scaling, 0.5..=3.
    pub zoom: f32,
    /// The last source that was chosen, as it is written after `--source`.
    pub source: Option<String>,
    /// Width and height of the window in points.
    pub window: Option<[f32; 2]>,
    /// Its upper left corner in points, where the system tells it.
    pub position: Option<[f32; 2]>,
    /// Whether it filled the screen.
    pub maximized: bool,
    /// Width of the side panel in points.
    pub panel_width: f32,
    /// Where the file dialog was last.
    pub last_folder: Option<PathBuf>,
    /// Folder for recordings and snapshots; `None`: it was not chosen yet.
    pub recordings: Option<PathBuf>,
    /// Whether a recording holds the annotated video.
    pub record_video: bool,
    /// Whether faces are blurred in it.
    pub record_blur: bool,
    /// The weights that were chosen last; `None`: the built-in network.
    pub weights: Option<PathBuf>,
    /// The profile that is on.
    pub profile: Option<PathBuf>,
    /// Expressions that are switches.
    pub triggers: Vec<Trigger>,
    /// Weights files that could be used, newest first.
    pub recent_weights: Vec<PathBuf>,
    /// What the user said of some of them.
    pub weights_said: Vec<WeightsSaid>,
    /// Pictures, videos and folders that were opened, newest first.
    pub recent_sources: Vec<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            introduced: false,
            theme: ThemeChoice::default(),
            language: LanguageChoice::default(),
            mirror: true,
            overlay: true,
            overlay_mode: OverlayMode::default(),
            overlay_opacity: 0.6,
            colour_map: ColourMap::default(),
            mesh: false,
            smoothing_ms: 250.0,
            detector: DetectorKind::default(),
            panel: true,
            timeline: true,
            timeline_height: TIMELINE_HEIGHT,
            timeline_areas: true,
            baseline: None,
            zoom: 1.0,
            source: None,
            window: None,
            position: None,
            maximized: false,
            panel_width: PANEL_WIDTH,
            last_folder: None,
            recordings: None,
            record_video: false,
            record_blur: true,
            weights: None,
            profile: None,
            triggers: Vec::new(),
            recent_weights: Vec::new(),
            weights_said: Vec::new(),
            recent_sources: Vec::new(),
        }
    }
}

impl Settings {
    /// Puts a file in front of a list of recent ones.
    pub fn remember(list: &mut Vec<PathBuf>, path: &Path) {
        list.retain(|p| p != path);
        list.insert(0, path.to_owned());
        list.truncate(RECENT);
    }

    /// This weights file, with what the user said of it.
    #[must_use]
    pub fn weights_choice(&self, path: &Path) -> WeightsChoice {
        let said = self.weights_said.iter().find(|said| said.path == path);
        let read_as = said.map_or_else(ReadOptions::default, |said| ReadOptions {
            input_size: said.input_size,
            classes: said.classes.as_ref().and_then(|classes| classes.parse().ok()),
        });
        WeightsChoice { path: Some(path.to_owned()), read_as }
    }

    /// A weights file could be used, read like this.
    pub fn weights_work(&mut self, path: &Path, read_as: &ReadOptions) {
        Self::remember(&mut self.recent_weights, path);
        self.weights_said.retain(|said| said.path != path && self.recent_weights.contains(&said.path));
        if read_as.says_something() {
            self.weights_said.push(WeightsSaid {
                path: path.to_owned(),
                input_size: read_as.input_size,
                classes: read_as.classes.map(|classes| classes.to_string()),
            });
        }
    }

    /// A weights file could not be used; `in_use` is.
    pub fn weights_fail(&mut self, path: &Path, in_use: Option<&Path>) {
        self.recent_weights.retain(|p| p != path);
        if self.weights.as_deref() == Some(path) {
            self.weights = in_use.map(ToOwned::to_owned);
        }
    }

    /// Brings the values of a hand-edited file into their ranges.
    fn sane(mut self) -> Self {
        let within = |v: f32, low: f32, high: f32, default: f32| {
            if v.is_finite() { v.clamp(low, high) } else { default }
        };
        self.overlay_opacity = within(self.overlay_opacity, 0.0, 1.0, 0.6);
        self.smoothing_ms = within(self.smoothing_ms, 0.0, 2000.0, 250.0);
        self.baseline = self.baseline.filter(Baseline::is_sane);
        self.zoom = within(self.zoom, ZOOM.0, ZOOM.1, 1.0);
        self.panel_width = within(self.panel_width, 200.0, 2000.0, PANEL_WIDTH);
        self.timeline_height = within(self.timeline_height, 100.0, 2000.0, TIMELINE_HEIGHT);
        self.window = self.window.filter(|sides| sides.iter().all(|v| (100.0..=20_000.0).contains(v)));
        self.position = self.position.filter(|at| at.iter().all(|v| v.abs() <= 100_000.0));
        self.triggers = self.triggers.into_iter().take(TRIGGERS).map(Trigger::sane).collect();
        self.recent_weights.truncate(RECENT);
        self.weights_said.truncate(RECENT);
        self.recent_sources.truncate(RECENT);
        self
    }
}

/// The settings file.
#[derive(Debug, Clone)]
pub struct SettingsFile {
    path: PathBuf,
}

impl SettingsFile {
    /// The file in the user's configuration folder; `None` where the system names no such folder.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        let folders = directories::ProjectDirs::from("", "", "moue")?;
        Some(Self::at(folders.config_dir().join("settings.json")))
    }

    /// The file at `path`.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where profiles that are kept lie: a folder beside the file.
    #[must_use]
    pub fn profiles_folder(&self) -> Option<PathBuf> {
        Some(self.path.parent()?.join("profiles"))
    }

    /// Reads the settings. A file that cannot be read is set aside as `.bad`, and the defaults are
    /// used; the second value tells the user.
    #[must_use]
    pub fn read(&self) -> (Settings, Option<String>) {
        let text = match self.read_text() {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return (Settings::default(), None),
            Err(e) => return (Settings::default(), Some(self.set_aside(&e.to_string()))),
        };
        match serde_json::from_str::<Settings>(&text) {
            Ok(settings) => (settings.sane(), None),
            Err(e) => (Settings::default(), Some(self.set_aside(&e.to_string()))),
        }
    }

    fn read_text(&self) -> io::Result<String> {
        String::from_utf8(plain_file::read(&self.path, MAX_BYTES)?).map_err(io::Error::other)
    }

    fn set_aside(&self, reason: &str) -> String {
        let reason = excerpt(reason, 200);
        let mut aside = self.path.clone().into_os_string();
        aside.push(".bad");
        let kept = match std::fs::rename(&self.path, &aside) {
            Ok(()) => format!("it was kept as {}", Path::new(&aside).display()),
            Err(e) => format!("it could not be set aside: {e}"),
        };
        format!(
            "{}: the settings cannot be read ({reason}); {kept}, the defaults are used",
            self.path.display()
        )
    }

    /// Writes the settings: a temporary file that takes the name only when it is complete.
    ///
    /// # Errors
    /// What the system says; the old file is as it was.
    pub fn write(&self, settings: &Settings) -> io::Result<()> {
        // Where the name is a link (people keep such files elsewhere), the link stays.
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        new_file::write(&path, serde_json::to_string_pretty(settings)?.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_a_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let file = SettingsFile::at(folder.path().join("deep/settings.json"));
        assert_eq!(file.read(), (Settings::default(), None));
        let mut settings =
            Settings { smoothing_ms: 800.0, language: LanguageChoice::Japanese, ..Default::default() };
        Settings::remember(&mut settings.recent_weights, Path::new("a"));
        Settings::remember(&mut settings.recent_weights, Path::new("b"));
        Settings::remember(&mut settings.recent_weights, Path::new("a"));
        file.write(&settings).unwrap();
        assert_eq!(file.read(), (settings.clone(), None));
        assert_eq!(settings.recent_weights, [PathBuf::from("a"), PathBuf::from("b")]);
    }

    #[test]
    fn weights_that_work_are_remembered_with_what_was_said_and_others_are_not() {
        let mut settings = Settings { weights: Some("b".into()), ..Settings::default() };
        let said = ReadOptions { input_size: Some(96), classes: None };
        settings.weights_work(Path::new("a"), &said);
        settings.weights_work(Path::new("b"), &ReadOptions::default());
        assert_eq!(settings.weights_choice(Path::new("a")).read_as, said);
        assert_eq!(settings.weights_choice(Path::new("b")).read_as, ReadOptions::default());
        settings.weights_fail(Path::new("b"), Some(Path::new("a")));
        assert_eq!((settings.recent_weights, settings.weights), (vec!["a".into()], Some("a".into())));
    }

    #[test]
    fn a_broken_file_is_set_aside_and_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        for broken in ["{", "[1, 2]", r#"{"smoothing_ms": "fast"}"#] {
            std::fs::write(&path, broken).unwrap();
            let (settings, note) = SettingsFile::at(path.clone()).read();
            assert_eq!(settings, Settings::default());
            assert!(note.unwrap().contains("settings.json.bad"));
            assert_eq!(std::fs::read_to_string(folder.path().join("settings.json.bad")).unwrap(), broken);
            assert!(!path.exists());
        }
    }

    #[test]
    fn what_is_no_file_is_set_aside_and_links_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let file = SettingsFile::at(path.clone());
        std::fs::create_dir(&path).unwrap();
        let (settings, note) = file.read();
        assert_eq!(settings, Settings::default());
        assert!(note.unwrap().contains("found a folder"));
        assert!(folder.path().join("settings.json.bad").is_dir());
        #[cfg(unix)]
        {
            std::fs::create_dir(folder.path().join("dotfiles")).unwrap();
            let kept = folder.path().join("dotfiles/moue.json");
            std::fs::write(&kept, "{}").unwrap();
            std::os::unix::fs::symlink(&kept, &path).unwrap();
            let settings = Settings { mirror: false, ..Settings::default() };
            file.write(&settings).unwrap();
            assert!(path.is_symlink());
            assert_eq!(SettingsFile::at(kept).read(), (settings, None));
        }
    }

    #[test]
    fn values_out_of_range_and_unknown_fields_do_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        std::fs::write(
            &path,
            r#"{"overlay_opacity": 7, "smoothing_ms": -4, "window": [1e9, -1], "position": [0, 1e30],
                "from_a_newer_version": 1, "language": "tlh"}"#,
        )
        .unwrap();
        let (settings, note) = SettingsFile::at(path).read();
        assert_eq!(settings.language, LanguageChoice::System);
        assert_eq!((settings.overlay_opacity, settings.smoothing_ms, note), (1.0, 0.0, None));
        assert_eq!((settings.window, settings.position), (None, None));
    }
}
