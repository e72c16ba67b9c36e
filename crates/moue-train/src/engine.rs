//! What computes a training step: the CPU's own kernels, or candle on a graphics card.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use candle_core::DType;
use moue_model::device::Graphics;
use moue_model::formula::formula_input;
use moue_model::{DeviceChoice, Expression, ModelError, NetworkWeights};
use serde::{Deserialize, Serialize};

use super::candle_trainer::CandleTrainNet;
use super::net::{DropoutRng, Loss, StepOutput, TrainNet};
use super::optim::Optimizer;
use super::parameters::NetworkState;

/// Numbers that the products of a training step are made of; sums, weights and batch norm are always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit.
    #[default]
    F32,
    /// bfloat16, on CPUs with AVX512-BF16; by AMX where they have that, too.
    Bf16,
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            other => Err(format!("expected f32 or bf16, found {other}")),
        }
    }
}

/// A network that learns, wherever that happens.
pub enum TrainingEngine {
    /// On the CPU, by this project's kernels.
    Cpu(Box<TrainNet>),
    /// On CUDA or Metal, by candle's operations.
    Candle(Box<CandleTrainNet>),
}

impl TrainingEngine {
    /// Takes `weights` up on the chosen device, which tries one small step first; `threads` is the number of CPU threads, 0
    /// for one a core. Beside the engine comes why another device than the wanted one is used, where that is so.
    ///
    /// # Errors
    /// [`ModelError`] when a device that was asked for by name does not work or cannot compute with this precision, or
    /// when a tensor is missing.
    pub fn new(
        weights: &NetworkWeights,
        device: DeviceChoice,
        threads: usize,
        precision: Precision,
    ) -> Result<(Self, Option<String>), ModelError> {
        let mut notes = Vec::new();
        for &graphics in device.graphics() {
            match Self::on_graphics(weights, graphics, precision) {
                Ok(engine) => return Ok((engine, None)),
                Err(reason) if device == DeviceChoice::Auto => {
                    notes.push(format!("{} does not work here: {reason}", graphics.name()));
                }
                Err(reason) => {
                    return Err(ModelError::Device { device: graphics.name().to_owned(), reason });
                }
            }
        }
        let note = (!notes.is_empty()).then(|| format!("{}; using the CPU", notes.join("; ")));
        Ok((Self::Cpu(Box::new(TrainNet::with_precision(weights, threads, precision)?)), note))
    }

    /// The bindings to a graphics device panic where a library of its driver is missing.
    fn on_graphics(
        weights: &NetworkWeights,
        graphics: Graphics,
        precision: Precision,
    ) -> Result<Self, String> {
        if precision != Precision::F32 {
            return Err("it trains in f32 only; bf16 is for the CPU".to_owned());
        }
        let on_device = || -> Result<CandleTrainNet, String> {
            let device = graphics.open()?;
            let new = || CandleTrainNet::new(weights, &device, DType::F32).map_err(|e| e.to_string());
            // The step changes the statistics, so that it has a network of its own.
            let (n, size) = (2, 64);
            let no_loss = |_: &[f32]| (0.0, vec![0.0; n * Expression::COUNT]);
            new()?.step(&formula_input(n, size), n, size, &no_loss, None).map_err(|e| e.to_string())?;
            new()
        };
        let net = catch_unwind(AssertUnwindSafe(on_device))
            .unwrap_or_else(|_| Err("a library of its driver is missing or does not fit".to_owned()))?;
        Ok(Self::Candle(Box::new(net)))
    }

    /// One forward and backward pass; see [`TrainNet::step`].
    ///
    /// # Errors
    /// [`ModelError::Input`] when lengths do not fit, [`ModelError::Device`] when the device fails.
    pub fn step(
        &mut self,
        input: &[f32],
        n: usize,
        size: usize,
        loss: Loss<'_>,
        dropout: Option<&mut DropoutRng>,
    ) -> Result<StepOutput, ModelError> {
        match self {
            Self::Cpu(net) => net.step(input, n, size, loss, dropout),
            Self::Candle(net) => net.step(input, n, size, loss, dropout),
        }
    }

    /// Changes the weights by their gradients.
    ///
    /// # Errors
    /// [`ModelError::Device`] when the device fails.
    pub fn apply(&mut self, optimizer: &mut dyn Optimizer) -> Result<(), ModelError> {
        match self {
            Self::Cpu(net) => {
                net.apply(optimizer);
                Ok(())
            }
            Self::Candle(net) => net.apply(optimizer),
        }
    }

    /// Weights, gradients and statistics.
    #[must_use]
    pub fn state(&self) -> &NetworkState {
        match self {
            Self::Cpu(net) => net.state(),
            Self::Candle(net) => net.state(),
        }
    }

    /// The device in words, for example "CPU, 2 threads, AVX-512".
    #[must_use]
    pub fn device_name(&self) -> String {
        match self {
            Self::Cpu(net) => net.device_name(),
            Self::Candle(net) => net.device_name().to_owned(),
        }
    }
}
