//! A network's tensors in memory, checked.

use std::collections::BTreeMap;

/// One tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightTensor {
    /// The shape, outermost first.
    pub shape: Vec<usize>,
    /// The values in row-major order, all finite.
    pub values: Vec<f32>,
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
    /// Input width and height in pixels: the metadata's `input_size`, else 224.
    #[must_use]
    pub fn input_size(&self) -> usize {
        self.metadata.get("input_size").and_then(|s| s.parse().ok()).unwrap_or(224)
    }

    /// What the logits are divided by before the softmax: the metadata's `temperature`, else 1.
    #[must_use]
    pub fn temperature(&self) -> f32 {
        self.metadata.get("temperature").and_then(|s| s.parse().ok()).unwrap_or(1.0)
    }
}
