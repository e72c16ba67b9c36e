//! The network's tensors while it is trained, and where training starts from.

use std::collections::BTreeMap;

use rand::RngExt as _;
use rand_pcg::Pcg64;

use crate::model::{NetworkWeights, WeightTensor, state_dict_layout};

/// One learned tensor and its gradient. Convolutions lie as `[kernel][kernel][c_in][c_out]`, all others as in PyTorch.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// PyTorch's shape, `[c_out, c_in, kernel, kernel]` for convolutions.
    pub shape: Vec<usize>,
    /// The values.
    pub value: Vec<f32>,
    /// The loss' gradient after [`super::TrainNet::step`].
    pub gradient: Vec<f32>,
}

impl Parameter {
    /// From PyTorch's order.
    pub(super) fn new(tensor: &WeightTensor) -> Self {
        let mut parameter = Self {
            shape: tensor.shape.clone(),
            value: tensor.values.clone(),
            gradient: vec![0.0; tensor.values.len()],
        };
        if let Some([c_out, c_in, taps]) = parameter.convolution() {
            for (at, value) in tensor.values.iter().enumerate() {
                let (o, i, tap) = (at / taps / c_in, at / taps % c_in, at % taps);
                parameter.value[(tap * c_in + i) * c_out + o] = *value;
            }
        }
        parameter
    }

    /// Output channels, input channels, and kernel positions, where the order differs from PyTorch's.
    fn convolution(&self) -> Option<[usize; 3]> {
        match self.shape[..] {
            [c_out, c_in, height, width] if c_out > 1 => Some([c_out, c_in, height * width]),
            _ => None,
        }
    }

    /// `values` in PyTorch's order.
    pub(super) fn in_pytorch_order(&self, values: &[f32]) -> Vec<f32> {
        let Some([c_out, c_in, taps]) = self.convolution() else { return values.to_vec() };
        (0..values.len())
            .map(|at| {
                let (o, i, tap) = (at / taps / c_in, at / taps % c_in, at % taps);
                values[(tap * c_in + i) * c_out + o]
            })
            .collect()
    }
}

/// Weights to start from: convolutions and the last layer normal with variance 2 / fan-in (He et al., "Delving
/// Deep into Rectifiers", 2015; 1 / fan-in for the attention and the last layer, behind which no ReLU stands),
/// biases and running means 0, batch-norm factors and running variances 1.
#[must_use]
pub fn kaiming(blocks: usize, seed: u64) -> NetworkWeights {
    let mut rng = Pcg64::new(u128::from(seed), 0x0a02_bdbf_7bb3_c0a7_ac28_fa16_a64a_bf96);
    let mut tensors = BTreeMap::new();
    for spec in state_dict_layout(blocks) {
        let count: usize = spec.shape.iter().product();
        let values = if spec.shape.len() > 1 {
            let fan_in: usize = spec.shape[1..].iter().product();
            let gain =
                if spec.name.starts_with("fc") || spec.name.starts_with("attention") { 1.0 } else { 2.0 };
            let deviation = (gain / fan_in as f64).sqrt();
            (0..count).map(|_| (deviation * normal(&mut rng)) as f32).collect()
        } else {
            let one = spec.name.ends_with("weight") || spec.name.ends_with("running_var");
            vec![f32::from(one); count]
        };
        tensors.insert(spec.name, WeightTensor { shape: spec.shape, values });
    }
    NetworkWeights { blocks, tensors, metadata: BTreeMap::new() }
}

/// A standard normal number, by Box and Muller.
fn normal(rng: &mut Pcg64) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}
