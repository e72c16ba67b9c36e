//! A network's tensors in memory, checked.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use moue_files::excerpt;

use super::files::ORDER_BEFORE;
use super::{ClassOrder, Expression, ModelError};

/// ImageNet's channel means, which the training data was normalised with.
pub const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// ImageNet's channel standard deviations.
pub const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Input sizes that make sense, in pixels: the last feature map has at least one cell, and a picture
/// takes milliseconds.
pub const INPUT_SIZES: RangeInclusive<usize> = 32..=512;

/// What is taken where a file does not say its input size, in pixels: what networks of this kind are mostly trained at.
pub const ASSUMED_INPUT_SIZE: usize = 224;

/// What had to be assumed of a network with this metadata, in words; `None` where its file or its user says it all.
#[must_use]
pub fn assumed(metadata: &BTreeMap<String, String>) -> Option<&'static str> {
    match (metadata.contains_key("input_size"), metadata.contains_key("classes")) {
        (true, true) => None,
        (false, true) => Some("input 224 assumed"),
        (true, false) => Some("class order assumed"),
        (false, false) => Some("input 224 and class order assumed"),
    }
}

/// One tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightTensor {
    /// The shape, outermost first.
    pub shape: Vec<usize>,
    /// The values in row-major order, all finite.
    pub values: Vec<f32>,
}

/// The order in which a file with this metadata had the classes.
#[must_use]
pub fn original_class_order(metadata: &BTreeMap<String, String>) -> ClassOrder {
    metadata.get(ORDER_BEFORE).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// All tensors of one network: exactly those of [`super::state_dict_layout`], with those shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkWeights {
    /// Residual blocks a layer, 1 or 2.
    pub blocks: usize,
    /// The tensors by state-dict name.
    pub tensors: BTreeMap<String, WeightTensor>,
    /// The file's text metadata, for example `input_size`.
    pub metadata: BTreeMap<String, String>,
}

impl NetworkWeights {
    /// Input width and height in pixels: the metadata's `input_size`, else [`ASSUMED_INPUT_SIZE`].
    #[must_use]
    pub fn input_size(&self) -> usize {
        self.metadata.get("input_size").and_then(|s| s.parse().ok()).unwrap_or(ASSUMED_INPUT_SIZE)
    }

    /// What had to be assumed of this network, see [`assumed`].
    #[must_use]
    pub fn assumed(&self) -> Option<&'static str> {
        assumed(&self.metadata)
    }

    /// The classes in the order of the outputs in the file that this network was read from. In
    /// [`tensors`](Self::tensors) they are in that of [`Expression::ALL`].
    #[must_use]
    pub fn original_class_order(&self) -> ClassOrder {
        original_class_order(&self.metadata)
    }

    /// The mean of both, weight by weight, with this network's metadata: `share` (0..=1) of this one, the rest of `other`. `None`
    /// where they have another number of blocks.
    #[must_use]
    pub fn blended(&self, other: &Self, share: f32) -> Option<Self> {
        let mut blend = self.clone();
        for (name, tensor) in &mut blend.tensors {
            let rest = other.tensors.get(name).filter(|rest| rest.shape == tensor.shape)?;
            let mix = |(own, rest): (&mut f32, &f32)| *own = share * *own + (1.0 - share) * rest;
            tensor.values.iter_mut().zip(&rest.values).for_each(mix);
        }
        (blend.tensors.len() == other.tensors.len()).then_some(blend)
    }

    /// This network with the further residual blocks of `deeper`, which pass their input through unchanged: the factor and bias of
    /// their last batch norm are 0 (Goyal et al. 2017, arXiv 1706.02677, section 5.1; deepening as in Chen et al. 2016, "Net2Net"). It
    /// reads as before and can learn on. `None` where `deeper` has no more blocks.
    #[must_use]
    pub fn deepened(&self, deeper: &Self) -> Option<Self> {
        let mut tensors = self.tensors.clone();
        for (name, tensor) in &deeper.tensors {
            tensors.entry(name.clone()).or_insert_with(|| {
                let mut added = tensor.clone();
                if name.ends_with(".bn2.weight") || name.ends_with(".bn2.bias") {
                    added.values.fill(0.0);
                }
                added
            });
        }
        let mut metadata = self.metadata.clone();
        if metadata.contains_key("blocks") {
            metadata.insert("blocks".into(), deeper.blocks.to_string());
        }
        let fits = deeper.blocks > self.blocks && tensors.len() == deeper.tensors.len();
        fits.then_some(Self { blocks: deeper.blocks, tensors, metadata })
    }

    /// What the logits are divided by before the softmax: the metadata's `temperature`, else 1.
    #[must_use]
    pub fn temperature(&self) -> f32 {
        self.metadata.get("temperature").and_then(|s| s.parse().ok()).unwrap_or(1.0)
    }

    /// Checks what the metadata says about architecture, input size, temperature, normalisation and
    /// classes; what is absent is fine.
    ///
    /// # Errors
    /// [`ModelError::Metadata`], naming `path` and the field.
    pub fn check_metadata(&self, path: &Path) -> Result<(), ModelError> {
        let misfit = |field: &str, expected: String, found: &str| ModelError::Metadata {
            path: path.to_owned(),
            field: field.to_owned(),
            expected,
            found: excerpt(found, 200),
        };
        if let Some(text) = self.metadata.get("input_size")
            && !text.parse().is_ok_and(|size| INPUT_SIZES.contains(&size))
        {
            let expected = format!("{} to {} pixels", INPUT_SIZES.start(), INPUT_SIZES.end());
            return Err(misfit("input_size", expected, text));
        }
        if let Some(text) = self.metadata.get("temperature")
            && !text.parse().is_ok_and(|t: f32| (0.01..=100.0).contains(&t))
        {
            return Err(misfit("temperature", "a number from 0.01 to 100".into(), text));
        }
        for (field, expected) in
            [("architecture", "AttentionEmotionNet".to_owned()), ("blocks", self.blocks.to_string())]
        {
            if let Some(text) = self.metadata.get(field)
                && text.trim() != expected
            {
                return Err(misfit(field, expected, text));
            }
        }
        for (field, expected) in [("mean", MEAN), ("std", STD)] {
            let Some(text) = self.metadata.get(field) else { continue };
            let values: Option<Vec<f32>> = items(text).map(|v| v.parse().ok()).collect();
            let close = |v: Vec<f32>| {
                v.len() == expected.len() && v.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3)
            };
            if !values.is_some_and(close) {
                return Err(misfit(field, expected.map(|v| v.to_string()).join(","), text));
            }
        }
        if let Some(text) = self.metadata.get("classes") {
            let names: Vec<&str> = items(text).collect();
            let expected = Expression::ALL.map(Expression::name);
            if names != expected {
                return Err(misfit("classes", expected.join(","), text));
            }
        }
        Ok(())
    }
}

/// The items of a list, written plainly or as JSON.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '"', '[', ']', '\'']).filter(|item| !item.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::formula::{formula_input, formula_weights};
    use crate::plan::{CpuPlan, PlanOptions};

    #[test]
    #[cfg_attr(miri, ignore = "the whole network")]
    fn a_deepened_network_reads_as_before() {
        let (shallow, other) = (formula_weights(1), formula_weights(2));
        let deep = shallow.deepened(&other).unwrap();
        assert_eq!((deep.blocks, deep.tensors.len()), (2, other.tensors.len()));
        let input = formula_input(2, 64);
        let logits = |weights| {
            let mut plan = CpuPlan::new(weights, PlanOptions::default()).unwrap();
            plan.forward(&input, 2, 64).unwrap().logits.to_vec()
        };
        let (expected, found) = (logits(&shallow), logits(&deep));
        let close = expected.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close, "{expected:?} {found:?}");
        // Only a deeper network deepens.
        assert!(other.deepened(&shallow).is_none() && other.deepened(&other).is_none());
    }
}
