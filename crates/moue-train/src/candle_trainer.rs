//! Training on CUDA and Metal: the network on candle's operations, with candle's backward pass.
//!
//! The device computes the gradients. Weights and optimizer stay here, in the order of [`Parameter`], so that
//! optimizers and their checkpoints are the same on every device.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use moue_model::{CandleNet, Expression, FEATURE_CHANNELS, ModelError, NetworkWeights, WeightTensor};
use rand::RngExt as _;

use super::net::{DropoutRng, KEPT, Loss, StepOutput, check_input};
use super::optim::Optimizer;
use super::parameters::{NetworkState, Parameter};

/// The network while it learns, on a candle device; see [`super::TrainNet`] for the CPU's own.
pub struct CandleTrainNet {
    net: CandleNet,
    variables: BTreeMap<String, Var>,
    state: NetworkState,
    dtype: DType,
}

impl CandleTrainNet {
    /// Copies `weights` to the device, which computes in `dtype`: [`DType::F32`], or F64 to compare with (a value next to
    /// zero decides by its rounding whether a ReLU lets its gradient through).
    ///
    /// # Errors
    /// [`ModelError::Input`] when a tensor is missing, [`ModelError::Device`] with what candle says, for example that
    /// the device has no memory left.
    pub fn new(weights: &NetworkWeights, device: &Device, dtype: DType) -> Result<Self, ModelError> {
        let state = NetworkState::new(weights)?;
        let (net, variables) =
            CandleNet::trainable(weights, device, dtype).map_err(|e| failed(device, &e))?;
        Ok(Self { net, variables, state, dtype })
    }

    /// As [`super::TrainNet::step`].
    ///
    /// # Errors
    /// [`ModelError::Input`] when lengths do not fit, [`ModelError::Device`] with what candle says.
    pub fn step(
        &mut self,
        input: &[f32],
        n: usize,
        size: usize,
        loss: Loss<'_>,
        dropout: Option<&mut DropoutRng>,
    ) -> Result<StepOutput, ModelError> {
        check_input(input, n, size)?;
        let mask: Option<Vec<f32>> = dropout.map(|rng| {
            let kept = (0..n * FEATURE_CHANNELS).map(|_| rng.random::<f32>() < KEPT);
            kept.map(|kept| if kept { 1.0 / KEPT } else { 0.0 }).collect()
        });
        let device = self.net.device().clone();
        let on_device = |e| failed(&device, &e);
        let (logits, values) = self.forward(input, n, size, mask.as_deref()).map_err(on_device)?;
        let (loss, d_logits) = loss(&values);
        if d_logits.len() != n * Expression::COUNT {
            return Err(ModelError::Input {
                expected: format!("{} gradients of logits", n * Expression::COUNT),
                found: d_logits.len().to_string(),
            });
        }
        self.backward(&logits, &d_logits).map_err(on_device)?;
        self.fetch_statistics().map_err(on_device)?;
        Ok(StepOutput { loss, logits: values })
    }

    /// The logits on the device and here.
    fn forward(
        &self,
        input: &[f32],
        n: usize,
        size: usize,
        mask: Option<&[f32]>,
    ) -> candle_core::Result<(Tensor, Vec<f32>)> {
        let upload = |values, shape: &[usize]| {
            Tensor::from_slice(values, shape, self.net.device())?.to_dtype(self.dtype)
        };
        let x = upload(input, &[n, 3, size, size])?;
        let mask = mask.map(|mask| upload(mask, &[n, FEATURE_CHANNELS])).transpose()?;
        let logits = self.net.forward_t(&x, true, mask.as_ref())?.logits;
        let values = download(&logits)?;
        Ok((logits, values))
    }

    /// Fetches the gradients, given those of the logits.
    fn backward(&mut self, logits: &Tensor, d_logits: &[f32]) -> candle_core::Result<()> {
        let d_logits = Tensor::from_slice(d_logits, logits.shape(), logits.device())?.to_dtype(self.dtype)?;
        // The gradient of this sum to the logits is `d_logits`.
        let gradients = (logits * d_logits)?.sum_all()?.backward()?;
        for (name, parameter) in &mut self.state.parameters {
            let gradient = self.variables.get(name).and_then(|v| gradients.get(v));
            parameter.gradient = match gradient {
                Some(gradient) => {
                    let values = download(gradient)?;
                    Parameter::new(&WeightTensor { shape: parameter.shape.clone(), values }).value
                }
                None => vec![0.0; parameter.value.len()],
            };
        }
        Ok(())
    }

    fn fetch_statistics(&mut self) -> candle_core::Result<()> {
        for (name, values) in &mut self.state.running {
            if let Some(variable) = self.variables.get(name) {
                *values = download(variable)?;
            }
        }
        Ok(())
    }

    /// Weights, gradients and statistics.
    #[must_use]
    pub fn state(&self) -> &NetworkState {
        &self.state
    }

    /// Changes the weights by their gradients, here and on the device.
    ///
    /// # Errors
    /// [`ModelError::Device`] with what candle says.
    pub fn apply(&mut self, optimizer: &mut dyn Optimizer) -> Result<(), ModelError> {
        self.state.apply(optimizer);
        let device = self.net.device();
        for (name, parameter) in &self.state.parameters {
            if let Some(variable) = self.variables.get(name) {
                let values = parameter.in_pytorch_order(&parameter.value);
                Tensor::from_vec(values, parameter.shape.as_slice(), device)
                    .and_then(|tensor| variable.set(&tensor.to_dtype(self.dtype)?))
                    .map_err(|e| failed(device, &e))?;
            }
        }
        Ok(())
    }

    /// The device in words.
    #[must_use]
    pub fn device_name(&self) -> &'static str {
        name(self.net.device())
    }
}

fn download(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1()
}

fn name(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "CPU, candle's operations",
        Device::Cuda(_) => "CUDA",
        Device::Metal(_) => "Metal",
    }
}

fn failed(device: &Device, error: &candle_core::Error) -> ModelError {
    ModelError::Device { device: name(device).to_owned(), reason: error.to_string() }
}
