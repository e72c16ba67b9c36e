//! A person's own expressions, read beside the network's seven.

use std::path::Path;
use std::sync::Arc;

use moue_detect::geometry::{expression_shape, face_proportions};
use moue_model::{Expression, HeatMap, Label, Reading};
use moue_profile::{FaceFeatures, PersonalReading, Profile, ProfileError};

use super::{AnalyzedFace, AnalyzedFrame, ModelInfo};

/// What the profile calls a face that is unlike everything it was taught.
const OTHER: &str = "other";

/// Further turned away, in degrees, a face's proportions are not known well enough.
const FRONTAL: f32 = 25.0;

/// What a profile learns from, and reads, of a face.
#[must_use]
pub fn face_features(face: &AnalyzedFace, reading: &Reading) -> FaceFeatures {
    let is_frontal = face.measurements.is_some_and(|measured| measured.pose.away() <= FRONTAL);
    let frontal = face.mesh.as_deref().filter(|_| is_frontal);
    FaceFeatures {
        proportions: frontal.and_then(face_proportions),
        pooled: reading.pooled.clone(),
        logits: reading.logits.to_vec(),
        shape: face.mesh.as_deref().and_then(expression_shape),
    }
}

/// The network's own class of an expression with this name, under any of its usual names.
#[must_use]
pub fn network_class(name: &str) -> Option<usize> {
    Label::read(name).class().map(Expression::index)
}

/// What a profile reads in a face.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonalFace {
    /// The most probable of the profile's expressions, or "other" where the face is unlike all of them.
    pub label: Arc<str>,
    /// One probability an expression, in the profile's order; in sum 1.
    pub probabilities: Vec<f32>,
}

/// A profile in use with a network.
#[derive(Debug, Clone)]
pub struct PersonalReader {
    profile: Profile,
    labels: Vec<Arc<str>>,
}

impl PersonalReader {
    /// Opens a profile for the network in use.
    ///
    /// # Errors
    /// [`ProfileError`] when the file is no profile, or one of another network.
    pub fn open(path: &Path, model: &ModelInfo) -> Result<Self, ProfileError> {
        let reader = Self::new(Profile::read(path)?);
        reader.check_network(model, path)?;
        Ok(reader)
    }

    /// A profile that is not known to fit the network in use: see [`Self::check_network`].
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        let labels = profile.names().iter().map(|name| name.as_str().into()).collect();
        Self { profile, labels }
    }

    /// Whether it was taught with this network. `path` is only for the message.
    ///
    /// # Errors
    /// [`ProfileError::OtherNetwork`].
    pub fn check_network(&self, model: &ModelInfo, path: &Path) -> Result<(), ProfileError> {
        self.profile.check_network(&model.name, &model.identity(), path)
    }

    /// Reads one face.
    ///
    /// # Errors
    /// [`ProfileError`] when the network gives something that is no number, or features of another length.
    pub fn read_face(&self, features: &FaceFeatures) -> Result<PersonalReading, ProfileError> {
        self.profile.read_face(features)
    }

    /// Where in the face an expression is seen: its class activation map, see [`Profile::evidence`]. `None` where the network's
    /// features are of another length.
    #[must_use]
    pub fn evidence(&self, class: usize, reading: &Reading) -> Option<HeatMap> {
        let network: Vec<&[f32]> = reading.evidence.iter().map(|map| map.values.as_slice()).collect();
        let values = self.profile.evidence(class, &reading.attended, &network)?;
        let (width, height) = (reading.attention.width, reading.attention.height);
        Some(HeatMap { width, height, values })
    }

    /// How far proportions are from those of the face that was taught, see [`Profile::unlike_owner`].
    #[must_use]
    pub fn unlike_owner(&self, proportions: &[f32]) -> Option<f32> {
        self.profile.unlike_owner(proportions)
    }

    /// The expressions' names.
    #[must_use]
    pub fn names(&self) -> &[Arc<str>] {
        &self.labels
    }

    /// Reads all faces of a frame, in their order.
    ///
    /// # Errors
    /// [`ProfileError`] when the network gives something that is no number, or features of another length.
    pub fn read(&self, result: &AnalyzedFrame) -> Result<Vec<PersonalFace>, ProfileError> {
        let read = |face: &AnalyzedFace| {
            let reading = self.read_face(&face_features(face, &face.reading))?;
            let label = reading.class.map_or_else(|| OTHER.into(), |class| Arc::clone(&self.labels[class]));
            Ok(PersonalFace { label, probabilities: reading.probabilities })
        };
        result.faces.iter().map(read).collect()
    }
}
