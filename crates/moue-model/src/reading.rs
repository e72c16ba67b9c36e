//! What the network says about one face.

use super::{Expression, HeatMap};

/// Probabilities in the order of [`Expression::ALL`]; they sum to 1.
pub type Probabilities = [f32; Expression::COUNT];

/// softmax(logits / temperature).
#[must_use]
pub fn softmax(logits: &[f32; Expression::COUNT], temperature: f32) -> Probabilities {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials = logits.map(|v| ((v - largest) / temperature).exp());
    let sum: f32 = exponentials.iter().sum();
    exponentials.map(|e| e / sum)
}

/// The network's reading of one face crop.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The seven logits, in [`Expression::ALL`]'s order, before the temperature.
    pub logits: [f32; Expression::COUNT],
    /// softmax(logits / temperature): seven values in 0..=1 that sum to 1.
    pub probabilities: Probabilities,
    /// The network's own attention, sigmoid values in 0..=1.
    pub attention: HeatMap,
    /// Class activation map of each class: that class's `fc` weights times the attended features,
    /// summed over the channels. Its mean plus the class's bias is the class's logit (Zhou et al.,
    /// "Learning Deep Features for Discriminative Localization", 2016).
    pub evidence: [HeatMap; Expression::COUNT],
    /// The features after the attention, cell by cell as in [`Self::attention`]: `[height * width, 512]`.
    pub attended: Vec<f32>,
    /// The attended features, averaged over the map: `[512]`. `fc` times these, plus its bias, are the logits.
    pub pooled: Vec<f32>,
}

impl Reading {
    /// The most probable expression and its probability.
    #[must_use]
    pub fn top(&self) -> (Expression, f32) {
        Expression::most_probable(&self.probabilities)
    }
}
