//! What comes out of the pipeline.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use moue_model::{Classifier, LoadedWeights, ReadOptions, assumed, original_class_order, parameter_count};

use super::{AnalyzedFrame, ShownPersonal, ShownReading};

/// The network in use, for the window.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// Name to show.
    pub name: String,
    /// The file; `None` for the built-in network.
    pub path: Option<PathBuf>,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Residual blocks a layer.
    pub blocks: usize,
    /// Learned parameters.
    pub parameters: usize,
    /// Input width and height in pixels.
    pub input_size: usize,
    /// The device in words.
    pub device: String,
    /// The file's metadata.
    pub metadata: BTreeMap<String, String>,
    /// What the user said of the file.
    pub read_as: ReadOptions,
}

impl ModelInfo {
    /// What there is to say about weights that run in `classifier`.
    #[must_use]
    pub fn new(loaded: &LoadedWeights, classifier: &Classifier) -> Self {
        Self {
            name: loaded.name.clone(),
            path: loaded.path.clone(),
            sha256: loaded.sha256.clone(),
            blocks: loaded.weights.blocks,
            parameters: parameter_count(loaded.weights.blocks),
            input_size: loaded.weights.input_size(),
            device: classifier.device_name().to_owned(),
            metadata: loaded.weights.metadata.clone(),
            read_as: loaded.read_as,
        }
    }

    /// What tells this network from others: the file, and what the user said of it.
    #[must_use]
    pub fn identity(&self) -> String {
        if self.read_as.says_something() {
            let order = original_class_order(&self.metadata);
            format!("{}, input {}, {order}", self.sha256, self.input_size)
        } else {
            self.sha256.clone()
        }
    }

    /// What the user should know of how the file was understood: what had to be assumed, and which of several networks
    /// it is.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        if self.path.is_none() {
            return Vec::new();
        }
        let assumed = assumed(&self.metadata).map(|assumed| {
            format!(
                "{assumed}, since the file does not say; wrong ones give wrong readings. Set them in Help > About the model, \
                 or start with --input-size and --classes"
            )
        });
        let taken = self.metadata.get("taken_from").map(|taken| format!("read from {taken}"));
        assumed.into_iter().chain(taken).collect()
    }
}

/// A result, with what the window shows of it.
#[derive(Debug, Clone)]
pub struct LiveResult {
    /// The frame and its faces, largest first.
    pub analyzed: AnalyzedFrame,
    /// What is shown of each face, in the faces' order.
    pub shown: Vec<ShownReading>,
    /// What the profile in use reads of one of the faces.
    pub personal: Option<ShownPersonal>,
    /// Counts the results.
    pub number: u64,
    /// When the result was ready.
    pub finished_at: Instant,
    /// Results a second over the last two seconds.
    pub results_per_s: f32,
    /// Name of the source.
    pub source: Arc<str>,
    /// The network that read the faces.
    pub model: Arc<ModelInfo>,
}
