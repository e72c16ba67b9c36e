//! The weights that training from scratch begins with.

use std::collections::BTreeMap;

use moue_model::{BodyWeights, NetworkWeights, RESNET18_BLOCKS, WeightTensor, state_dict_layout};
use rand_distr::{Distribution as _, Normal};

use super::random::{Purpose, generator};

/// Convolutions from a normal distribution of variance 2 / (outputs x kernel area) (He et al. 2015, "fan out"), the linear
/// layer from one of deviation 0.01, biases 0; batch norm passes its input through.
#[must_use]
pub fn initial_weights(blocks: usize, seed: u64) -> NetworkWeights {
    let mut tensors = BTreeMap::new();
    for (index, spec) in state_dict_layout(blocks).into_iter().enumerate() {
        let count: usize = spec.shape.iter().product();
        let deviation = match spec.shape[..] {
            [outputs, _, height, width] => Some((2.0 / (outputs * height * width) as f32).sqrt()),
            [_, _] => Some(0.01),
            _ => None,
        };
        let values = match deviation.and_then(|d| Normal::new(0.0, d).ok()) {
            Some(normal) => {
                let mut rng = generator(seed, Purpose::Weights, 0, index);
                (0..count).map(|_| normal.sample(&mut rng)).collect()
            }
            None => {
                let norm = spec.name.contains("bn") || spec.name.contains("shortcut.1");
                let one = spec.name.ends_with("running_var") || (norm && spec.name.ends_with(".weight"));
                vec![if one { 1.0 } else { 0.0 }; count]
            }
        };
        tensors.insert(spec.name, WeightTensor { shape: spec.shape, values });
    }
    NetworkWeights { blocks, tensors, metadata: BTreeMap::new() }
}

/// A network with that body, its attention and last layer as [`initial_weights`] makes them.
#[must_use]
pub fn with_body(body: &BodyWeights, seed: u64) -> NetworkWeights {
    let mut weights = initial_weights(RESNET18_BLOCKS, seed);
    weights.tensors.extend(body.tensors.iter().map(|(name, t)| (name.clone(), t.clone())));
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_the_wanted_spread() {
        let weights = initial_weights(1, 7);
        let values = &weights.tensors["layer4.0.conv2.weight"].values;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
        assert!((variance * (512.0 * 9.0) / 2.0 - 1.0).abs() < 0.01, "{variance}");
        assert!(weights.tensors["layer2.0.shortcut.1.weight"].values.iter().all(|v| *v == 1.0));
        assert!(weights.tensors["layer1.0.bn2.running_var"].values.iter().all(|v| *v == 1.0));
        assert!(weights.tensors["layer1.0.bn2.bias"].values.iter().all(|v| *v == 0.0));
        assert!(weights.tensors["attention.0.bias"].values.iter().all(|v| *v == 0.0));
        assert_ne!(weights, initial_weights(1, 8));
        assert_eq!(weights, initial_weights(1, 7));
    }
}
