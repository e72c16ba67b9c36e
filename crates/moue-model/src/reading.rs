//! What the network says about one face.

use super::{Expression, HeatMap};

/// The network's reading of one face crop.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The seven logits, in [`Expression::ALL`]'s order, before the temperature.
    pub logits: [f32; Expression::COUNT],
    /// softmax(logits / temperature): seven values in 0..=1 that sum to 1.
    pub probabilities: [f32; Expression::COUNT],
    /// The network's own attention, sigmoid values in 0..=1.
    pub attention: HeatMap,
    /// Class activation map of each class: that class's `fc` weights times the attended features,
    /// summed over the channels. Its mean plus the class's bias is the class's logit (Zhou et al.,
    /// "Learning Deep Features for Discriminative Localization", 2016).
    pub evidence: [HeatMap; Expression::COUNT],
}

impl Reading {
    /// The most probable expression and its probability.
    #[must_use]
    pub fn top(&self) -> (Expression, f32) {
        Expression::most_probable(&self.probabilities)
    }
}
