//! What is known of a face, as one vector.

use serde::{Deserialize, Serialize};

use crate::ProfileError;

/// What is known of one face.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaceFeatures {
    /// The network's features after its attention, averaged over the map: `[512]`.
    pub pooled: Vec<f32>,
    /// The network's logits: `[7]`.
    pub logits: Vec<f32>,
    /// The shape of eyes, brows and mouth, where the detector gives landmarks.
    pub shape: Option<Vec<f32>>,
    /// The face's proportions, in spreads within one person, where the detector gives landmarks and the face looks at the camera.
    /// Nothing is read from them: they only tell whether the face is the one that was taught.
    pub proportions: Option<Vec<f32>>,
}

/// A face that shows one of the expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The expression's place in the list of names.
    pub class: usize,
    /// Which take of that expression it belongs to, from 0. Frames of one take (a picture with its varied views, a clip, some
    /// seconds before the camera) are alike: they never stand on both sides when the profile is tested.
    pub take: usize,
    /// The face.
    pub features: FaceFeatures,
}

/// A part of the vector, brought to a common scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Block {
    /// What it holds.
    pub(crate) part: Part,
    /// First place in the vector, and its length.
    pub(crate) start: usize,
    pub(crate) len: usize,
    /// What differences from the mean are multiplied by.
    pub(crate) scale: f32,
}

/// A kind of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    Pooled,
    Logits,
    Shape,
}

impl Part {
    pub(crate) const ALL: [Self; 3] = [Self::Pooled, Self::Logits, Self::Shape];

    /// The values of this part; none where the face has none.
    pub(crate) fn of(self, features: &FaceFeatures) -> &[f32] {
        match self {
            Self::Pooled => &features.pooled,
            Self::Logits => &features.logits,
            Self::Shape => features.shape.as_deref().unwrap_or_default(),
        }
    }

    /// Spread of this part in the common scale. The network's logits are a view of the pooled features, and the shape is not
    /// always there: neither may outweigh the features.
    fn weight(self) -> f32 {
        match self {
            Self::Pooled => 1.0,
            Self::Logits | Self::Shape => 0.5,
        }
    }
}

/// How faces become vectors of a common scale: the mean over the expressions is 0, and each part's mean squared length is that
/// of its weight.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scaling {
    pub(crate) blocks: Vec<Block>,
    /// One value a place.
    pub(crate) mean: Vec<f32>,
}

impl Scaling {
    /// Fitted to the examples, each expression counting the same.
    pub(crate) fn fit(examples: &[&Example], classes: usize) -> Self {
        let weights = balanced(examples, classes);
        let mut scaling = Self { blocks: Vec::new(), mean: Vec::new() };
        for part in Part::ALL {
            // A part that some faces lack tells nothing of them.
            let len = examples.iter().map(|e| part.of(&e.features).len()).min().unwrap_or(0);
            if len == 0 {
                continue;
            }
            let mut mean = vec![0.0f64; len];
            for (example, weight) in examples.iter().zip(&weights) {
                for (m, v) in mean.iter_mut().zip(part.of(&example.features)) {
                    *m += weight * f64::from(*v);
                }
            }
            let squared = |example: &Example| -> f64 {
                part.of(&example.features).iter().zip(&mean).map(|(v, m)| (f64::from(*v) - m).powi(2)).sum()
            };
            let spread: f64 = examples.iter().zip(&weights).map(|(e, w)| w * squared(e)).sum();
            let scale = if spread > 1e-12 { f64::from(part.weight()) / spread.sqrt() } else { 0.0 };
            let start = scaling.mean.len();
            scaling.blocks.push(Block { part, start, len, scale: scale as f32 });
            scaling.mean.extend(mean.iter().map(|m| *m as f32));
        }
        scaling
    }

    /// A face in the common scale. What the face lacks is taken to be as on average.
    pub(crate) fn apply(&self, features: &FaceFeatures) -> Vec<f64> {
        let mut vector = vec![0.0; self.mean.len()];
        for block in &self.blocks {
            let range = block.start..block.start + block.len;
            let values = block.part.of(features);
            for ((to, v), m) in vector[range.clone()].iter_mut().zip(values).zip(&self.mean[range]) {
                *to = f64::from((v - m) * block.scale);
            }
        }
        vector
    }
}

/// The examples' weights, in sum 1: each expression the same, within it each take.
pub(crate) fn balanced(examples: &[&Example], classes: usize) -> Vec<f64> {
    let mut frames = std::collections::BTreeMap::<(usize, usize), usize>::new();
    for example in examples {
        *frames.entry((example.class, example.take)).or_default() += 1;
    }
    let mut takes = vec![0usize; classes];
    for (class, _) in frames.keys() {
        takes[*class] += 1;
    }
    let present = takes.iter().filter(|t| **t > 0).count().max(1) as f64;
    let of = |e: &&Example| 1.0 / (present * takes[e.class] as f64 * frames[&(e.class, e.take)] as f64);
    examples.iter().map(of).collect()
}

/// Refuses examples that do not fit each other.
pub(crate) fn check(examples: &[Example], names: &[String]) -> Result<(), ProfileError> {
    let Some(first) = examples.first() else { return Ok(()) };
    let shape = examples.iter().find_map(|e| e.features.shape.as_ref().map(Vec::len));
    let proportions = examples.iter().find_map(|e| e.features.proportions.as_ref().map(Vec::len));
    for (index, example) in examples.iter().enumerate() {
        let class = names.get(example.class).cloned().unwrap_or_default();
        let refused = |reason: String| ProfileError::Example { index, class: class.clone(), reason };
        if example.class >= names.len() {
            return Err(refused(format!("expected one of {} expressions", names.len())));
        }
        for part in Part::ALL {
            let values = part.of(&example.features);
            let expected =
                if part == Part::Shape { shape.unwrap_or(0) } else { part.of(&first.features).len() };
            let lacks = part == Part::Shape && values.is_empty();
            if values.len() != expected && !lacks {
                return Err(refused(format!("{part:?}: expected {expected} values, found {}", values.len())));
            }
            if let Some(value) = values.iter().find(|v| !v.is_finite()) {
                return Err(refused(format!("{part:?}: expected numbers, found {value}")));
            }
        }
        if let Some(values) = &example.features.proportions
            && (Some(values.len()) != proportions || values.iter().any(|v| !v.is_finite()))
        {
            let expected = proportions.unwrap_or(0);
            return Err(refused(format!("proportions: expected {expected} numbers, found {values:?}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(class: usize, take: usize, pooled: [f32; 2]) -> Example {
        let features = FaceFeatures { pooled: pooled.to_vec(), logits: vec![0.0; 7], ..Default::default() };
        Example { class, take, features }
    }

    #[test]
    fn expressions_and_takes_count_the_same_however_many_frames_they_have() {
        let examples = [
            example(0, 0, [0.0, 0.0]),
            example(0, 1, [0.0, 4.0]),
            example(0, 1, [0.0, 4.0]),
            example(0, 1, [0.0, 4.0]),
            example(1, 0, [2.0, 2.0]),
        ];
        let examples: Vec<&Example> = examples.iter().collect();
        assert_eq!(balanced(&examples, 2)[0], 0.25);
        assert_eq!(balanced(&examples, 2)[4], 0.5);
        let scaling = Scaling::fit(&examples, 2);
        // Means of the expressions are [0, 2] and [2, 2].
        assert_eq!(scaling.mean[..2], [1.0, 2.0]);
        let squared: f64 = balanced(&examples, 2)
            .iter()
            .zip(&examples)
            .map(|(w, e)| w * scaling.apply(&e.features)[..2].iter().map(|v| v * v).sum::<f64>())
            .sum();
        assert!((squared - 1.0).abs() < 1e-5, "{squared}");
        // What does not differ is left out of the scale.
        assert!(scaling.apply(&examples[0].features)[2..].iter().all(|v| *v == 0.0));
    }
}
