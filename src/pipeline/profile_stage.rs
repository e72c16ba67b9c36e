//! The profile in use in the live pipeline: whose face it reads, and its readings smoothed over time.

use std::path::PathBuf;
use std::sync::Arc;

use moue_model::HeatMap;
use moue_profile::ProfileError;

use super::owner_watch::OwnerWatch;
use super::{AnalyzedFace, PersonalFace, PersonalReader, face_features};

/// The profile in use.
#[derive(Debug, Clone, Default)]
pub enum ProfileState {
    /// None.
    #[default]
    Off,
    /// One is on.
    On(ProfileInUse),
}

/// A profile that was opened.
#[derive(Debug, Clone)]
pub struct ProfileInUse {
    /// Its name: the file's, without folder and ending.
    pub name: Arc<str>,
    /// The file.
    pub path: PathBuf,
    /// What reads.
    pub reader: Arc<PersonalReader>,
    /// Whether it was taught with the network in use; with another one it rests.
    pub fits: bool,
}

/// What is shown of one face by a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownPersonal {
    /// The face that it reads: the one that is chosen, or alone in view.
    pub id: u64,
    /// The profile's name.
    pub profile: Arc<str>,
    /// The profile's expressions.
    pub names: Arc<[Arc<str>]>,
    /// Place of the most probable one; `None` where the face is unlike all of them.
    pub label: Option<usize>,
    /// One smoothed probability an expression, in sum 1.
    pub probabilities: Vec<f32>,
    /// Place of the most probable one, also where the label is "other".
    pub leading: usize,
    /// Where it is seen in this frame's face: its class activation map over the crop.
    pub evidence: Option<HeatMap>,
    /// Somebody else than the one who was taught seems to be there.
    pub somebody_else: bool,
}

impl ShownPersonal {
    /// The same as it is recorded.
    #[must_use]
    pub fn to_face(&self) -> PersonalFace {
        PersonalFace { label: self.label_text().into(), probabilities: self.probabilities.clone() }
    }

    /// The label in words: an expression's name, or "other".
    #[must_use]
    pub fn label_text(&self) -> &str {
        self.label.and_then(|label| self.names.get(label)).map_or("other", |name| name)
    }
}

/// After this time without the face, in seconds, its average begins anew.
const FORGET_S: f64 = 1.0;

/// Reads one face with a profile, and smooths what it reads.
#[derive(Debug, Default)]
pub(super) struct ProfileStage {
    last: Option<Average>,
    owner: OwnerWatch,
}

#[derive(Debug)]
struct Average {
    id: u64,
    at_s: f64,
    probabilities: Vec<f32>,
    /// Share of "unlike all of them", 0..=1.
    other: f32,
}

impl ProfileStage {
    /// What is shown at `time_s`. `chosen`: the face that the user chose; another one is read only where it is alone. `None` where
    /// nobody knows whose profile it would be.
    pub(super) fn show(
        &mut self,
        profile: &ProfileInUse,
        faces: &[AnalyzedFace],
        (chosen, time_s): (Option<u64>, f64),
        time_constant_ms: f32,
    ) -> Result<Option<ShownPersonal>, ProfileError> {
        let of_chosen = faces.iter().find(|face| Some(face.id) == chosen);
        let face = match (of_chosen, faces) {
            (Some(face), _) => face,
            (None, [only]) => only,
            _ => return Ok(None),
        };
        let features = face_features(face, &face.reading);
        let read = profile.reader.read_face(&features)?;
        let somebody_else = self.owner.follow(face.id, time_s, &features, &profile.reader);
        let is_other = f32::from(u8::from(read.class.is_none()));
        let known = self.last.take().filter(|last| {
            last.id == face.id
                && (0.0..FORGET_S).contains(&(time_s - last.at_s))
                && last.probabilities.len() == read.probabilities.len()
        });
        let average = match known {
            Some(last) if time_constant_ms > 0.0 => {
                // The same exponential average as the network's seven have.
                let passed_ms = ((time_s - last.at_s) * 1000.0) as f32;
                let new = 1.0 - (-passed_ms / time_constant_ms).exp();
                let mix = |old: f32, now: f32| old + new * (now - old);
                Average {
                    id: face.id,
                    at_s: time_s,
                    probabilities: last
                        .probabilities
                        .iter()
                        .zip(&read.probabilities)
                        .map(|(old, now)| mix(*old, *now))
                        .collect(),
                    other: mix(last.other, is_other),
                }
            }
            _ => Average { id: face.id, at_s: time_s, probabilities: read.probabilities, other: is_other },
        };
        let largest = average.probabilities.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        let leading = largest.map_or(0, |(place, _)| place);
        let shown = ShownPersonal {
            id: face.id,
            profile: Arc::clone(&profile.name),
            names: profile.reader.names().into(),
            label: (average.other <= 0.5).then_some(leading),
            probabilities: average.probabilities.clone(),
            leading,
            evidence: profile.reader.evidence(leading, &face.reading),
            somebody_else,
        };
        self.last = Some(average);
        Ok(Some(shown))
    }
}
