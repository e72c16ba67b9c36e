//! The network while it learns, with its optimizer and the running mean of its weights.

use std::collections::{BTreeMap, BTreeSet};

use moue_model::{DeviceChoice, MEAN, NetworkWeights, STD, WeightTensor, state_dict_layout};

use super::TrainError;
use super::batches::Batch;
use super::checkpoint::Tensors;
use super::engine::TrainingEngine;
use super::loss::{cross_entropy, focal_loss};
use super::net::StepOutput;
use super::optim::{AdamW, LearningRates, Optimizer, Sgd};
use super::parameters::Parameter;
use super::random::{Purpose, generator};
use super::recipe::{Loss, OptimizerKind, Recipe};
use super::running_mean;

/// Why a run cannot go on after a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Broken {
    /// The loss is this.
    Loss(f64),
    /// This tensor holds a value that is no number.
    Tensor(String),
    /// The network gives no numbers on validation.
    Validation,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Loss(loss) => write!(f, "the loss is {loss}"),
            Self::Tensor(name) => write!(f, "{name} holds a value that is no number"),
            Self::Validation => write!(f, "the network gives no numbers on validation"),
        }
    }
}

/// Where in a run a step is.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepPlace {
    /// From 0 over the whole run.
    pub(super) step: usize,
    /// From 0 within the stage.
    pub(super) in_stage: u64,
    /// The highest of the step's learning rates.
    pub(super) learning_rate: f64,
}

/// A network that learns.
pub(super) struct Learner {
    net: TrainingEngine,
    optimizer: LayerWise,
    /// Running mean of weights and statistics, in the network's own order of elements.
    average: Option<BTreeMap<String, Vec<f32>>>,
    steps: u64,
    input: Vec<f32>,
}

impl Learner {
    /// Takes up these weights on the device, with `threads` CPU threads (0: one a core). Beside the learner comes why
    /// another device than the wanted one is used, where that is so.
    pub(super) fn new(
        recipe: &Recipe,
        weights: &NetworkWeights,
        device: DeviceChoice,
        threads: usize,
    ) -> Result<(Self, Option<String>), TrainError> {
        let (net, note) = TrainingEngine::new(weights, device, threads, recipe.precision)?;
        let rates = LearningRates { fc: 0.0, rest: 0.0 };
        let inner = match recipe.method {
            OptimizerKind::Sgd { momentum, .. } => Inner::Sgd(Sgd::new(rates, f64::from(momentum), 0.0)),
            OptimizerKind::AdamW { .. } => Inner::AdamW(AdamW::new(rates, recipe.weight_decay)),
        };
        let (OptimizerKind::Sgd { body, .. } | OptimizerKind::AdamW { body }) = recipe.method;
        let new: BTreeSet<String> = state_dict_layout(weights.blocks)
            .into_iter()
            .map(|s| s.name)
            .filter(|n| recipe.is_new(n))
            .collect();
        let mut learner = Self {
            net,
            optimizer: LayerWise { inner, weight_decay: recipe.weight_decay, body, new, rate: 0.0 },
            average: None,
            steps: 0,
            input: Vec::new(),
        };
        if recipe.average.is_some() {
            learner.average = Some(learner.state().map(|(name, v)| (name.to_owned(), v.to_vec())).collect());
        }
        Ok((learner, note))
    }

    /// The device in words.
    pub(super) fn device_name(&self) -> String {
        self.net.device_name()
    }

    /// Every tensor in the network's own order of elements.
    fn state(&self) -> impl Iterator<Item = (&str, &[f32])> {
        self.net.state().parameters().map(|(name, p)| (name, &p.value[..])).chain(self.net.state().running())
    }

    /// Forward, backward, and one step of the optimizer. [`Broken`] when the loss is no number (the weights are then as they
    /// were), or when the step left a weight that is none.
    pub(super) fn step(
        &mut self,
        batch: &Batch,
        recipe: &Recipe,
        place: StepPlace,
    ) -> Result<Result<StepOutput, Broken>, TrainError> {
        let area = batch.size * batch.size;
        self.input.clear();
        for picture in batch.pictures.chunks_exact(area) {
            for (mean, deviation) in MEAN.into_iter().zip(STD) {
                self.input.extend(picture.iter().map(|v| (v - mean) / deviation));
            }
        }
        let targets = &batch.targets;
        let loss = |logits: &[f32]| match recipe.loss {
            Loss::CrossEntropy => cross_entropy(logits, targets),
            Loss::Focal { gamma } => focal_loss(logits, targets, f64::from(gamma)),
        };
        let mut dropout =
            (recipe.dropout > 0.0).then(|| generator(recipe.seed, Purpose::Dropout, 0, place.step));
        let n = batch.indices.len();
        let output = self.net.step(&self.input, n, batch.size, &loss, dropout.as_mut())?;
        if !output.loss.is_finite() {
            return Ok(Err(Broken::Loss(output.loss)));
        }
        self.optimizer.rate = place.learning_rate;
        self.net.apply(&mut self.optimizer)?;
        self.steps += 1;
        let broken = self.state().find(|(_, values)| !values.iter().all(|v| v.is_finite()));
        if let Some((name, _)) = broken {
            return Ok(Err(Broken::Tensor(name.to_owned())));
        }
        if let (Some(decay), Some(mut mean)) = (recipe.average, self.average.take()) {
            running_mean::follow(&mut mean, self.state(), running_mean::share(decay, place.in_stage + 1));
            self.average = Some(mean);
        }
        Ok(Ok(output))
    }

    /// Weights and statistics, as PyTorch orders them.
    pub(super) fn weights(&self) -> Tensors {
        self.net.state().to_weights().tensors
    }

    /// Their running mean, as PyTorch orders it.
    pub(super) fn average(&self) -> Option<Tensors> {
        let mean = self.average.as_ref()?;
        let shapes: BTreeMap<&str, &Parameter> = self.net.state().parameters().collect();
        let tensors = mean.iter().map(|(name, values)| {
            let tensor = match shapes.get(name.as_str()) {
                Some(p) => WeightTensor { shape: p.shape.clone(), values: p.in_pytorch_order(values) },
                None => WeightTensor { shape: vec![values.len()], values: values.clone() },
            };
            (name.clone(), tensor)
        });
        Some(tensors.collect())
    }

    /// The optimizer's memory, and the steps so far.
    pub(super) fn moments(&self) -> (Tensors, u64) {
        let tensor = |v: &Vec<f32>| WeightTensor { shape: vec![v.len()], values: v.clone() };
        let moments = match &self.optimizer.inner {
            Inner::Sgd(sgd) => sgd.velocity().iter().map(|(name, v)| (name.clone(), tensor(v))).collect(),
            Inner::AdamW(adam) => {
                let both = adam.memory().1.iter().flat_map(|(name, (first, second))| {
                    [(format!("first/{name}"), tensor(first)), (format!("second/{name}"), tensor(second))]
                });
                both.collect()
            }
        };
        (moments, self.steps)
    }

    /// Goes on from what [`Self::average`] and [`Self::moments`] gave; says what does not fit.
    pub(super) fn restore(
        &mut self,
        average: Option<Tensors>,
        moments: Tensors,
        steps: u64,
    ) -> Result<(), String> {
        if let Some(own) = &mut self.average {
            let mut stored = average.ok_or("it holds no mean of the weights")?;
            for (name, values) in own {
                let tensor = stored.remove(name).filter(|t| t.values.len() == values.len());
                *values =
                    Parameter::new(&tensor.ok_or_else(|| format!("average/{name} does not fit"))?).value;
            }
        }
        let lengths: BTreeMap<String, usize> =
            self.net.state().parameters().map(|(name, p)| (name.to_owned(), p.value.len())).collect();
        let mut memory: [BTreeMap<String, Vec<f32>>; 3] = Default::default();
        for (name, tensor) in moments {
            let (place, parameter) = match name.split_once('/') {
                Some(("first", parameter)) => (0, parameter),
                Some(("second", parameter)) => (1, parameter),
                _ => (2, name.as_str()),
            };
            if lengths.get(parameter) != Some(&tensor.values.len()) {
                return Err(format!("moments/{name} does not fit"));
            }
            memory[place].insert(parameter.to_owned(), tensor.values);
        }
        let [first, mut second, velocity] = memory;
        match &mut self.optimizer.inner {
            Inner::Sgd(sgd) => sgd.remember(velocity),
            Inner::AdamW(adam) => {
                let pairs = first.into_iter().map(|(name, a)| {
                    let b =
                        second.remove(&name).ok_or_else(|| format!("moments/second/{name} is missing"))?;
                    Ok((name, (a, b)))
                });
                adam.remember(steps, pairs.collect::<Result<_, String>>()?);
            }
        }
        self.steps = steps;
        Ok(())
    }

    /// The weights that are kept, ready to run on pictures of `size` pixels a side.
    pub(super) fn kept(&self, size: usize) -> NetworkWeights {
        let tensors = self.average().unwrap_or_else(|| self.weights());
        let metadata = [("input_size".to_owned(), size.to_string())].into();
        NetworkWeights { blocks: self.net.state().blocks, tensors, metadata }
    }
}

/// An optimizer with a rate of its own for the new layers, in which SGD decays only the weights of convolutions and the
/// linear layer; AdamW decays everything, as PyTorch's does and the reference recipe did.
struct LayerWise {
    inner: Inner,
    weight_decay: f64,
    /// What the rate is multiplied with outside the new layers.
    body: f64,
    /// Names of the new layers' tensors.
    new: BTreeSet<String>,
    rate: f64,
}

enum Inner {
    Sgd(Sgd),
    AdamW(AdamW),
}

/// Batch norm's factors and all biases are left alone.
fn decays(name: &str) -> bool {
    name.ends_with(".weight") && !name.contains("bn") && !name.ends_with("shortcut.1.weight")
}

impl Optimizer for LayerWise {
    fn begin(&mut self) {
        match &mut self.inner {
            Inner::Sgd(sgd) => sgd.begin(),
            Inner::AdamW(adam) => adam.begin(),
        }
    }

    fn update(&mut self, name: &str, value: &mut [f32], gradient: &[f32]) {
        let rate = if self.new.contains(name) { self.rate } else { self.rate * self.body };
        let rates = LearningRates { fc: rate, rest: rate };
        match &mut self.inner {
            Inner::Sgd(sgd) => {
                sgd.rates = rates;
                sgd.weight_decay = if decays(name) { self.weight_decay } else { 0.0 };
                sgd.update(name, value, gradient);
            }
            Inner::AdamW(adam) => {
                adam.rates = rates;
                adam.update(name, value, gradient);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initial_weights;
    use crate::recipe::{RecipeName, Start};

    #[test]
    fn old_layers_learn_more_slowly_than_new_ones() {
        for (start, name) in [(Start::Body, RecipeName::Default), (Start::Network, RecipeName::Reference)] {
            let mut recipe = Recipe { start, ..Recipe::named(name) };
            recipe.set_body_rate(0.25);
            let (mut learner, _) =
                Learner::new(&recipe, &initial_weights(1, 1), DeviceChoice::Cpu, 1).unwrap();
            learner.optimizer.rate = 0.4;
            learner.optimizer.begin();
            let mut change = |name: &str| {
                let mut value = [0.0];
                learner.optimizer.update(name, &mut value, &[-1.0]);
                value[0]
            };
            let [fc, attention, body] = ["fc.bias", "attention.0.bias", "bn1.bias"].map(&mut change);
            assert!(fc > 0.0 && (fc / body - 4.0).abs() < 1e-3, "{fc} {body}");
            assert_eq!(attention, if start == Start::Body { fc } else { body });
        }
    }

    #[test]
    fn only_matrices_decay() {
        for spec in state_dict_layout(2).iter().filter(|s| !s.name.contains("running")) {
            assert_eq!(decays(&spec.name), spec.shape.len() > 1, "{}", spec.name);
        }
    }
}
