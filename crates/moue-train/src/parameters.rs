//! The network's tensors while it is trained, and where training starts from.

use std::collections::BTreeMap;

use moue_model::{ModelError, NetworkWeights, WeightTensor, state_dict_layout};
use rand::RngExt as _;
use rand_pcg::Pcg64;

use super::optim::Optimizer;

/// One learned tensor and its gradient. Convolutions lie as `[kernel][kernel][c_in][c_out]`, all others as in PyTorch.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// PyTorch's shape, `[c_out, c_in, kernel, kernel]` for convolutions.
    pub shape: Vec<usize>,
    /// The values.
    pub value: Vec<f32>,
    /// The loss' gradient after a step.
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

/// Everything that a training step changes, by state-dict name: the same for every device that trains.
#[derive(Debug, Clone)]
pub struct NetworkState {
    pub(super) blocks: usize,
    pub(super) parameters: BTreeMap<String, Parameter>,
    pub(super) running: BTreeMap<String, Vec<f32>>,
    metadata: BTreeMap<String, String>,
}

impl NetworkState {
    /// Takes the weights up.
    ///
    /// # Errors
    /// [`ModelError::Input`] when a tensor is missing or has another shape.
    pub fn new(weights: &NetworkWeights) -> Result<Self, ModelError> {
        let (mut parameters, mut running) = (BTreeMap::new(), BTreeMap::new());
        for spec in state_dict_layout(weights.blocks) {
            let tensor = weights.tensors.get(&spec.name).filter(|t| t.shape == spec.shape);
            let tensor = tensor.ok_or_else(|| ModelError::Input {
                expected: format!("a tensor {} of shape {:?}", spec.name, spec.shape),
                found: "none".to_owned(),
            })?;
            if spec.name.contains(".running_") {
                running.insert(spec.name, tensor.values.clone());
            } else {
                parameters.insert(spec.name, Parameter::new(tensor));
            }
        }
        Ok(Self { blocks: weights.blocks, parameters, running, metadata: weights.metadata.clone() })
    }

    /// The gradient of the tensor called `name` after the last step, in PyTorch's order.
    #[must_use]
    pub fn gradient(&self, name: &str) -> Option<Vec<f32>> {
        self.parameters.get(name).map(|p| p.in_pytorch_order(&p.gradient))
    }

    /// Learned tensors by state-dict name, sorted by it.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.parameters.iter().map(|(name, p)| (name.as_str(), p))
    }

    /// Batch-norm statistics by state-dict name, sorted by it.
    pub fn running(&self) -> impl Iterator<Item = (&str, &[f32])> {
        self.running.iter().map(|(name, values)| (name.as_str(), &values[..]))
    }

    /// Changes the weights by their gradients.
    pub fn apply(&mut self, optimizer: &mut dyn Optimizer) {
        optimizer.begin();
        for (name, parameter) in &mut self.parameters {
            optimizer.update(name, &mut parameter.value, &parameter.gradient);
        }
    }

    /// The network as it is now, with the metadata that it came with.
    #[must_use]
    pub fn to_weights(&self) -> NetworkWeights {
        let learned = self.parameters.iter().map(|(name, p)| {
            (name.clone(), WeightTensor { shape: p.shape.clone(), values: p.in_pytorch_order(&p.value) })
        });
        let measured = self
            .running
            .iter()
            .map(|(name, v)| (name.clone(), WeightTensor { shape: vec![v.len()], values: v.clone() }));
        NetworkWeights {
            blocks: self.blocks,
            tensors: learned.chain(measured).collect(),
            metadata: self.metadata.clone(),
        }
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
