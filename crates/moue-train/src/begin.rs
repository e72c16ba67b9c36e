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
            recipe.blocks = recipe.blocks.max(loaded.weights.blocks);
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
        Some(StartWeights::Network(loaded)) => {
            let deeper = || loaded.weights.deepened(&initial_weights(recipe.blocks, recipe.seed));
            deeper().unwrap_or_else(|| loaded.weights.clone())
        }
        Some(StartWeights::Body(body)) => with_body(body, recipe.seed),
    }
}

/// What the finished weights' metadata say of the beginning of a run with `blocks` residual blocks a layer.
pub(super) fn began_with(init: &StartWeights, blocks: usize) -> String {
    match init {
        StartWeights::Network(loaded) => {
            let deepened = if blocks > loaded.weights.blocks { ", deepened" } else { "" };
            format!("{}, SHA-256 {}{deepened}", loaded.name, loaded.sha256)
        }
        StartWeights::Body(body) => format!(
            "the body of {}, SHA-256 {}, a ResNet-18 of torchvision's; attention and fc from random numbers",
            body.name, body.sha256
        ),
    }
}

/// What of a file is taken, what is not and what is added, where it is not simply the network.
pub(super) fn note(init: &StartWeights, blocks: usize) -> Option<String> {
    let BodyWeights { tensors, classes, name, .. } = match init {
        StartWeights::Body(body) => body,
        StartWeights::Network(loaded) if blocks > loaded.weights.blocks => {
            return Some(format!(
                "{}: {} residual block a layer is deepened to {blocks}; what is added passes its input through and learns \
                 from there",
                loaded.name, loaded.weights.blocks
            ));
        }
        StartWeights::Network(_) => return None,
    };
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
