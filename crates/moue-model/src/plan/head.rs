//! The network's last steps on its small last map: attention, average, classes.

use super::fold::tensor;
use crate::{FEATURE_CHANNELS, NetworkWeights};

/// Attention's 1x1 convolution and the linear layer.
pub(super) struct Head {
    attention: Vec<f32>,
    attention_bias: f32,
    classes: Vec<f32>,
    classes_bias: Vec<f32>,
}

/// Sum of products, in eight interleaved sums that the compiler keeps in a register.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

impl Head {
    pub(super) fn new(weights: &NetworkWeights) -> Self {
        Self {
            attention: tensor(weights, "attention.0.weight").to_vec(),
            attention_bias: tensor(weights, "attention.0.bias").first().copied().unwrap_or_default(),
            classes: tensor(weights, "fc.weight").to_vec(),
            classes_bias: tensor(weights, "fc.bias").to_vec(),
        }
    }

    /// For one picture: `features` is `[cells, 512]`, `attention` `[cells]`, `logits` `[7]`.
    pub(super) fn run(&self, features: &[f32], attention: &mut [f32], logits: &mut [f32]) {
        let mut mean = [0.0_f32; FEATURE_CHANNELS];
        for (cell, attention) in features.chunks_exact(FEATURE_CHANNELS).zip(attention.iter_mut()) {
            let score = dot(cell, &self.attention) + self.attention_bias;
            *attention = 1.0 / (1.0 + (-score).exp());
            for (sum, feature) in mean.iter_mut().zip(cell) {
                *sum += *attention * feature;
            }
        }
        let scale = 1.0 / attention.len().max(1) as f32;
        mean.iter_mut().for_each(|sum| *sum *= scale);
        let classes = self.classes.chunks_exact(FEATURE_CHANNELS).zip(&self.classes_bias);
        for (logit, (weights, bias)) in logits.iter_mut().zip(classes) {
            *logit = dot(&mean, weights) + bias;
        }
    }
}
