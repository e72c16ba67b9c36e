//! Weights and inputs that any language can recompute exactly from a formula: the basis of the
//! golden tests (`tests/data/goldens.json`, made with PyTorch) and of `moue bench`.

use std::collections::BTreeMap;

pub use moue_kernels::hashed_uniform;

use super::{NetworkWeights, WeightTensor, state_dict_layout};

/// Formula weights. With u from [`hashed_uniform`] and the tensor's index in state-dict order:
/// conv and linear weights u * sqrt(12 / fan_in), biases 0.2 u, batch-norm weight 1 + 0.2 u,
/// running mean 0.2 u, running variance 1 + 0.5 u; computed in f64, then rounded to f32.
#[must_use]
pub fn formula_weights(blocks: usize) -> NetworkWeights {
    let mut tensors = BTreeMap::new();
    for (t, spec) in state_dict_layout(blocks).into_iter().enumerate() {
        let count: usize = spec.shape.iter().product();
        let scale_and_shift = if spec.name.ends_with("running_var") {
            (0.5, 1.0)
        } else if spec.shape.len() > 1 {
            let fan_in: usize = spec.shape[1..].iter().product();
            ((12.0 / fan_in as f64).sqrt(), 0.0)
        } else if spec.name.ends_with("weight") {
            (0.2, 1.0)
        } else {
            (0.2, 0.0)
        };
        let (scale, shift) = scale_and_shift;
        let values =
            hashed_uniform(count, t as u64).into_iter().map(|u| (shift + scale * u) as f32).collect();
        tensors.insert(spec.name, WeightTensor { shape: spec.shape, values });
    }
    NetworkWeights { blocks, tensors, metadata: BTreeMap::new() }
}

/// Input `[n, 3, size, size]` in row-major order with values 4 u (tensor index 1000).
#[must_use]
pub fn formula_input(n: usize, size: usize) -> Vec<f32> {
    hashed_uniform(n * 3 * size * size, 1000).into_iter().map(|u| (4.0 * u) as f32).collect()
}
