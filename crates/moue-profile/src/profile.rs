//! The learned classifier.

use crate::features::{Block, FaceFeatures, Part, Scaling};
use crate::fit::Linear;
use crate::owner::Owner;
use crate::{ProfileError, Review, TeachOptions};

/// What a profile reads in one face.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonalReading {
    /// One probability an expression, in the profile's order; in sum 1.
    pub probabilities: Vec<f32>,
    /// The most probable expression's place in the list; `None` where the face is unlike everything that was taught.
    pub class: Option<usize>,
    /// One logit an expression, before the temperature.
    pub logits: Vec<f32>,
    /// Distance from the nearest expression's mean, in the scale of [`Profile::other_beyond`].
    pub distance: f32,
}

/// A person's own expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub(crate) names: Vec<String>,
    pub(crate) network_name: String,
    pub(crate) network_sha256: String,
    pub(crate) blocks: Vec<Block>,
    /// Length of each part of a face's features, as it was taught.
    pub(crate) mean: Vec<f32>,
    /// `[classes, dimension]`.
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    /// `[classes, dimension]`.
    pub(crate) means: Vec<f32>,
    pub(crate) temperature: f32,
    pub(crate) other_beyond: Option<f32>,
    pub(crate) owner: Option<Owner>,
    pub(crate) review: Option<Review>,
}

/// What [`crate::learn()`] found.
pub(crate) struct Parts {
    pub(crate) scaling: Scaling,
    pub(crate) linear: Linear,
    pub(crate) means: Vec<Vec<f64>>,
    pub(crate) temperature: f32,
    pub(crate) other_beyond: Option<f32>,
    pub(crate) owner: Option<Owner>,
}

impl Profile {
    pub(crate) fn new(
        names: Vec<String>,
        parts: Parts,
        options: &TeachOptions,
        review: Option<Review>,
    ) -> Self {
        let narrow = |values: &[f64]| -> Vec<f32> { values.iter().map(|v| *v as f32).collect() };
        Self {
            names,
            network_name: options.network_name.clone(),
            network_sha256: options.network_sha256.clone(),
            blocks: parts.scaling.blocks,
            mean: parts.scaling.mean,
            weights: narrow(&parts.linear.weights),
            bias: narrow(&parts.linear.bias),
            means: parts.means.iter().flat_map(|m| narrow(m)).collect(),
            temperature: parts.temperature,
            other_beyond: parts.other_beyond,
            owner: parts.owner,
            review,
        }
    }

    /// The expressions' names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How it read the takes that were held out when it was taught.
    #[must_use]
    pub fn review(&self) -> Option<&Review> {
        self.review.as_ref()
    }

    /// A face further than this from every expression is none of them; `None` where that could not be measured.
    #[must_use]
    pub fn other_beyond(&self) -> Option<f32> {
        self.other_beyond
    }

    /// Refuses to be used with another network than that which it was taught with. `path` is only for the message.
    ///
    /// # Errors
    /// [`ProfileError::OtherNetwork`].
    pub fn check_network(
        &self,
        name: &str,
        sha256: &str,
        path: &std::path::Path,
    ) -> Result<(), ProfileError> {
        if self.network_sha256 == sha256 {
            return Ok(());
        }
        Err(ProfileError::OtherNetwork {
            path: path.to_owned(),
            expected_name: self.network_name.clone(),
            expected: self.network_sha256.clone(),
            found_name: name.to_owned(),
            found: sha256.to_owned(),
        })
    }

    /// Reads a face.
    ///
    /// # Errors
    /// [`ProfileError::Example`] where the features have another length than those that were taught, or hold something that is
    /// no number.
    pub fn read_face(&self, features: &FaceFeatures) -> Result<PersonalReading, ProfileError> {
        for block in &self.blocks {
            let values = block.part.of(features);
            let reason = match values.iter().find(|v| !v.is_finite()) {
                Some(value) => format!("{:?}: expected numbers, found {value}", block.part),
                // A face without landmarks is taken to have an average shape.
                None if values.len() != block.len && !(block.part == Part::Shape && values.is_empty()) => {
                    format!("{:?}: expected {} values, found {}", block.part, block.len, values.len())
                }
                None => continue,
            };
            return Err(ProfileError::Example { index: 0, class: "a face".into(), reason });
        }
        let scaling = Scaling { blocks: self.blocks.clone(), mean: self.mean.clone() };
        let vector = scaling.apply(features);
        let rows = self.weights.chunks_exact(vector.len().max(1));
        let logits: Vec<f64> = rows
            .zip(&self.bias)
            .map(|(row, b)| {
                f64::from(*b) + row.iter().zip(&vector).map(|(w, v)| f64::from(*w) * v).sum::<f64>()
            })
            .collect();
        let probabilities = softmax(&logits, f64::from(self.temperature));
        let means: Vec<Vec<f64>> = self
            .means
            .chunks_exact(vector.len().max(1))
            .map(|m| m.iter().map(|v| f64::from(*v)).collect())
            .collect();
        let distance = nearest(&scaling, &means, &vector) as f32;
        let is_other = self.other_beyond.is_some_and(|limit| distance > limit);
        Ok(PersonalReading {
            class: (!is_other).then(|| argmax(&probabilities)),
            probabilities: probabilities.iter().map(|p| *p as f32).collect(),
            logits: logits.iter().map(|v| *v as f32).collect(),
            distance,
        })
    }

    /// How far a face's proportions are from those of the face that was taught, in units of the limit: above 1 somebody else
    /// seems to be there. A mean over some seconds tells more than one frame. `None` where the profile does not know any.
    #[must_use]
    pub fn unlike_owner(&self, proportions: &[f32]) -> Option<f32> {
        self.owner.as_ref().and_then(|owner| owner.unlike(proportions))
    }

    /// The class activation map of one of its expressions, a value a cell: `[cells]`. `attended`: the features after the network's
    /// attention, `[cells, 512]`; `network`: the network's own maps of its classes, each `[cells]`. Up to what is the same for all
    /// faces and what the landmarks add, the map's mean is the expression's logit. `None` where the lengths do not fit.
    #[must_use]
    pub fn evidence(&self, class: usize, attended: &[f32], network: &[&[f32]]) -> Option<Vec<f32>> {
        let row = self.weights.chunks_exact(self.mean.len().max(1)).nth(class)?;
        let weights = |part: Part| {
            let block = self.blocks.iter().find(|b| b.part == part)?;
            Some((&row[block.start..block.start + block.len], block.scale))
        };
        let (of_features, scale) = weights(Part::Pooled)?;
        let cells = attended.chunks_exact(of_features.len().max(1));
        if attended.is_empty() || !cells.remainder().is_empty() {
            return None;
        }
        let sum = |cell: &[f32]| cell.iter().zip(of_features).map(|(f, w)| f * w).sum::<f32>() * scale;
        let mut map: Vec<f32> = cells.map(sum).collect();
        if let Some((of_logits, scale)) = weights(Part::Logits) {
            if network.len() != of_logits.len() || network.iter().any(|own| own.len() != map.len()) {
                return None;
            }
            for (own, weight) in network.iter().zip(of_logits) {
                map.iter_mut().zip(*own).for_each(|(to, value)| *to += weight * scale * value);
            }
        }
        Some(map)
    }
}

/// Each expression's mean in the common scale, each take counting the same.
pub(crate) fn class_means(
    vectors: &[Vec<f64>],
    targets: &[usize],
    weights: &[f64],
    classes: usize,
) -> Vec<Vec<f64>> {
    let dimension = vectors.first().map_or(0, Vec::len);
    let mut means = vec![vec![0.0; dimension]; classes];
    let mut sums = vec![0.0; classes];
    for ((vector, &class), weight) in vectors.iter().zip(targets).zip(weights) {
        sums[class] += weight;
        for (m, v) in means[class].iter_mut().zip(vector) {
            *m += weight * v;
        }
    }
    for (mean, sum) in means.iter_mut().zip(&sums) {
        for m in mean {
            *m /= f64::max(*sum, 1e-12);
        }
    }
    means
}

/// Distance from the nearest mean in the network's features alone: they are always there.
pub(crate) fn nearest(scaling: &Scaling, means: &[Vec<f64>], vector: &[f64]) -> f64 {
    let pooled = scaling.blocks.iter().find(|b| b.part == Part::Pooled);
    let range = pooled.map_or(0..0, |b| b.start..b.start + b.len);
    let distance = |mean: &Vec<f64>| -> f64 {
        mean[range.clone()]
            .iter()
            .zip(&vector[range.clone()])
            .map(|(m, v)| (m - v).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    means.iter().map(distance).fold(f64::INFINITY, f64::min)
}

pub(crate) fn softmax(logits: &[f64], temperature: f64) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = logits.iter().map(|v| ((v - largest) / temperature).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|e| e / sum).collect()
}

/// Place of the greatest value; the first of equals.
pub(crate) fn argmax(values: &[f64]) -> usize {
    let mut best = 0;
    for (i, v) in values.iter().enumerate() {
        if *v > values[best] {
            best = i;
        }
    }
    best
}
