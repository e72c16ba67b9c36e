//! What a recording starts with.

use std::path::PathBuf;
use std::sync::Arc;

use super::picture::PictureStyle;
use super::proof::RecordedAnalysis;
use super::session::{RecordedProfile, RecordedSettings, RecordedSource, SessionWords};
use super::time::TimeBase;
use crate::pipeline::ModelInfo;

/// What a recording starts with.
pub struct RecorderOptions {
    /// The folder for recordings; the session gets a new folder in it.
    pub parent: PathBuf,
    /// Where the frames come from.
    pub source: RecordedSource,
    /// The file that the frames come from, where they come from one.
    pub source_path: Option<PathBuf>,
    /// How the source is gone through, where every frame is read exactly once.
    pub analysis: Option<RecordedAnalysis>,
    /// Whose time the rows have.
    pub time_base: TimeBase,
    /// The network in use, if there is one yet.
    pub model: Option<Arc<ModelInfo>>,
    /// How readings become labels.
    pub settings: RecordedSettings,
    /// The profile in use, if any: its expressions get columns of their own.
    pub profile: Option<RecordedProfile>,
    /// What the user says of it.
    pub words: SessionWords,
    /// The annotated video, where it is wanted.
    pub video: Option<VideoOptions>,
}

/// How the annotated video is made.
#[derive(Debug, Clone)]
pub struct VideoOptions {
    /// Frames a second, 1..=60; frames are repeated or left out to keep to the clock.
    pub frame_rate: f64,
    /// Whether faces are blurred.
    pub blur: bool,
    /// What is drawn.
    pub style: PictureStyle,
}
