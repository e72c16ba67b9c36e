//! What a run begins with: random numbers, another network, or the body of one that learned something else.

use moue_model::{BodyWeights, NetworkWeights, RESNET18_BLOCKS, StartWeights};

use super::recipe::{Recipe, Start};
use super::{initial_weights, with_body};

/// Makes the recipe fit to what the run begins with.
pub(super) fn settle(recipe: &mut Recipe, init: Option<&StartWeights>) {
    match init {
        None => recipe.start = Start::Random,
        Some(StartWeights::Network(loaded)) => {
            recipe.start = Start::Network;
            recipe.blocks = loaded.weights.blocks;
        }
        Some(StartWeights::Body(_)) => {
            recipe.start = Start::Body;
            recipe.blocks = RESNET18_BLOCKS;
        }
    }
}

/// The first weights.
pub(super) fn weights(recipe: &Recipe, init: Option<&StartWeights>) -> NetworkWeights {
    match init {
        None => initial_weights(recipe.blocks, recipe.seed),
        Some(StartWeights::Network(loaded)) => loaded.weights.clone(),
        Some(StartWeights::Body(body)) => with_body(body, recipe.seed),
    }
}

/// What the finished weights' metadata say of the beginning.
pub(super) fn began_with(init: &StartWeights) -> String {
    match init {
        StartWeights::Network(loaded) => format!("{}, SHA-256 {}", loaded.name, loaded.sha256),
        StartWeights::Body(body) => format!(
            "the body of {}, SHA-256 {}, a ResNet-18 of torchvision's; attention and fc from random numbers",
            body.name, body.sha256
        ),
    }
}

/// What of a file is taken and what is not, where that is not all of it.
pub(super) fn note(init: &StartWeights) -> Option<String> {
    let StartWeights::Body(BodyWeights { tensors, classes, name, .. }) = init else { return None };
    let numbers: usize = tensors.values().map(|t| t.values.len()).sum();
    let left_out = match classes {
        0 => String::new(),
        classes => format!("; its fc of {classes} classes is left out"),
    };
    Some(format!(
        "{name}: the body of torchvision's ResNet-18 is taken ({} tensors, {:.1} million numbers, downsample as \
         shortcut); attention and fc begin with random numbers{left_out}",
        tensors.len(),
        numbers as f64 / 1e6
    ))
}
