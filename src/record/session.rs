//! `session.json`: what was recorded, by which network and settings.

use std::path::Path;

use moue_capture::{SourceInfo, SourceKind};
use moue_files::{new_file, plain_file};
use moue_model::{ReadOptions, assumed, original_class_order};
use serde::{Deserialize, Serialize};

use super::error::RecordError;
use super::proof::{RecordedAnalysis, RecordedFile, RecordedMachine};
use super::time::RecordedTime;
use crate::pipeline::{ModelInfo, SmoothingSettings};

/// Largest file that is read.
const MAX_BYTES: u64 = 16 << 20;

/// Whether a recording came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionStatus {
    /// It runs, or the program was killed while it ran.
    Recording,
    /// It was ended by its user.
    Complete,
    /// It broke off; [`Session::stopped_because`] says why.
    Stopped,
}

/// The program that recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedProgram {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Where the frames came from. Of a file only its name is kept, not its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedSource {
    /// Name of the camera or file.
    pub name: String,
    /// `camera`, `demo`, `pictures` or `video`.
    pub kind: String,
    /// Width in pixels, where all frames have the same.
    pub width: Option<u32>,
    /// Height in pixels, where all frames have the same.
    pub height: Option<u32>,
    /// Frames a second, where the source has a clock.
    pub frame_rate: Option<f64>,
    /// What was done to the colours, where the source has a high dynamic range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion: Option<String>,
}

/// A network that read faces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedModel {
    /// From when on, in seconds of the recording.
    pub from_s: f64,
    /// Name of the weights.
    pub name: String,
    /// SHA-256 of the weights file.
    pub sha256: String,
    /// Residual blocks a layer.
    pub blocks: usize,
    /// Input width and height in pixels.
    pub input_size: usize,
    /// Where it ran, in words.
    pub device: String,
    /// The classes in the order of the file's outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<String>,
    /// What had to be assumed, since neither the file nor the user said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<String>,
    /// What the user said of the file, which counts more than what it says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by_user: Option<String>,
}

/// A person's own expressions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedProfile {
    /// The file's name, without folder and ending.
    pub name: String,
    /// Its expressions, as the columns `personal_NAME` have them, in this order.
    pub expressions: Vec<String>,
}

/// How readings became labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedSettings {
    /// From when on, in seconds of the recording.
    pub from_s: f64,
    /// Time constant of the average in milliseconds; 0 shows raw values.
    pub smoothing_ms: f32,
    /// By how much another expression must lead before the label changes.
    pub lead: f32,
    /// Below this probability the label says "unsure".
    pub unsure_below: f32,
    /// Whether a personal baseline was taken out of the shown probabilities.
    #[serde(default)]
    pub baseline: bool,
}

/// The annotated video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedVideo {
    /// Its name in the session folder.
    pub file: String,
    /// Whether the faces that were found are blurred.
    pub faces_blurred: bool,
    /// Results that were left out of it because encoding was too slow; `faces.csv` has them.
    #[serde(default)]
    pub results_left_out: u64,
}

/// What the user says of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionWords {
    /// A name; empty: none.
    pub name: String,
    /// Notes; empty: none.
    pub notes: String,
}

/// The whole of `session.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Version of this layout; 1.
    pub format: u32,
    /// The name that its user gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its user noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The program that recorded.
    pub program: RecordedProgram,
    /// Local time at the start, as RFC 3339 has it.
    pub started: String,
    /// Local time at the end.
    pub ended: Option<String>,
    /// Seconds from start to end of the recording. `moue analyze` may take longer or shorter than the source
    /// itself.
    pub duration_s: Option<f64>,
    /// Whether it came to its end.
    pub status: SessionStatus,
    /// Why it broke off.
    pub stopped_because: Option<String>,
    /// Where the frames came from.
    pub source: RecordedSource,
    /// The networks, in the order in which they were used.
    pub models: Vec<RecordedModel>,
    /// The settings, in the order in which they were used.
    pub settings: Vec<RecordedSettings>,
    /// The profile in use at the start; `None` where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<RecordedProfile>,
    /// Frames that were analysed, with a face or without.
    pub results: Option<u64>,
    /// Rows of `faces.csv`.
    pub faces: Option<u64>,
    /// Results that could not be kept because the disk was too slow.
    #[serde(default)]
    pub results_lost: u64,
    /// Rows of `events.csv`.
    #[serde(default)]
    pub markers: u64,
    /// The clocks; `None` in recordings of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<RecordedTime>,
    /// The file that the frames came from, where they came from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_file: Option<RecordedFile>,
    /// How `moue analyze` went through it; `None` where the window recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<RecordedAnalysis>,
    /// The machine; `None` in recordings of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<RecordedMachine>,
    /// `faces.csv` and `events.csv` as they were at the end; empty before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<RecordedFile>,
    /// The annotated video, where there is one.
    pub video: Option<RecordedVideo>,
}

impl RecordedProgram {
    /// This program.
    #[must_use]
    pub fn this() -> Self {
        Self { name: "moue".into(), version: env!("CARGO_PKG_VERSION").into() }
    }
}

impl RecordedSource {
    /// What is kept of a source.
    #[must_use]
    pub fn new(info: &SourceInfo) -> Self {
        let kind = match info.kind {
            SourceKind::Camera => "camera",
            SourceKind::Demo => "demo",
            SourceKind::Still => "pictures",
            SourceKind::Video => "video",
        };
        Self {
            name: info.name.clone(),
            kind: kind.into(),
            width: info.size_px.map(|s| s.0),
            height: info.size_px.map(|s| s.1),
            frame_rate: info.frame_rate,
            conversion: info.conversion.clone(),
        }
    }
}

impl RecordedModel {
    /// What is kept of a network that is in use from `from_s` on.
    #[must_use]
    pub fn new(info: &ModelInfo, from_s: f64) -> Self {
        Self {
            from_s,
            name: info.name.clone(),
            sha256: info.sha256.clone(),
            blocks: info.blocks,
            input_size: info.input_size,
            device: info.device.clone(),
            classes: Some(original_class_order(&info.metadata).to_string()),
            assumed: assumed(&info.metadata).map(str::to_owned),
            set_by_user: set_by_user(&info.read_as),
        }
    }
}

fn set_by_user(options: &ReadOptions) -> Option<String> {
    let size = options.input_size.map(|px| format!("input {px}"));
    let classes = options.classes.map(|order| format!("class order {order}"));
    let said: Vec<String> = size.into_iter().chain(classes).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

impl RecordedSettings {
    /// What is kept of the settings at the start.
    #[must_use]
    pub fn new(smoothing: &SmoothingSettings) -> Self {
        Self {
            from_s: 0.0,
            smoothing_ms: smoothing.time_constant_ms,
            lead: smoothing.lead,
            unsure_below: smoothing.unsure_below,
            baseline: false,
        }
    }
}

impl Session {
    /// Reads the file.
    ///
    /// # Errors
    /// [`RecordError::Read`].
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let failed = |reason: String| RecordError::Read { path: path.to_owned(), reason };
        let text = plain_file::read(path, MAX_BYTES).map_err(|e| failed(e.to_string()))?;
        serde_json::from_slice(&text).map_err(|e| failed(e.to_string()))
    }

    /// Takes over what the user says.
    pub fn set_words(&mut self, words: &SessionWords) {
        let said = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        (self.name, self.notes) = (said(&words.name), said(&words.notes));
    }

    /// Writes the file so that it is whole at every moment: a temporary file takes its name.
    ///
    /// # Errors
    /// [`RecordError::Write`]; the old file is as it was.
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        let failed = |reason: std::io::Error| RecordError::Write { path: path.to_owned(), reason };
        let mut text = serde_json::to_vec_pretty(self).map_err(|e| failed(e.into()))?;
        text.push(b'\n');
        new_file::write(path, &text).map_err(failed)
    }
}
