//! The network while it learns, with its optimizer and the running mean of its weights.

use std::collections::BTreeMap;

use moue_model::{DeviceChoice, MEAN, NetworkWeights, STD, WeightTensor};

use super::TrainError;
use super::batches::Batch;
use super::checkpoint::Tensors;
use super::engine::TrainingEngine;
use super::loss::{cross_entropy, focal_loss};
use super::net::StepOutput;
use super::optim::{AdamW, LearningRates, Optimizer, Sgd};
use super::parameters::Parameter;
use super::random::{Purpose, generator};
use super::recipe::{Loss, Method, Recipe};

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

/// A network that learns.
pub(super) struct Learner {
    net: TrainingEngine,
    optimizer: Decaying,
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
            Method::Sgd { momentum } => Inner::Sgd(Sgd::new(rates, f64::from(momentum), 0.0)),
            Method::AdamW { body } => Inner::AdamW { adam: AdamW::new(rates, recipe.weight_decay), body },
        };
        let mut learner = Self {
            net,
            optimizer: Decaying { inner, weight_decay: recipe.weight_decay },
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

    /// Forward, backward, and one step of the optimizer; `step` counts from 0 over the whole run. [`Broken`] when the
    /// loss is no number (the weights are then as they were), or when the step left a weight that is none.
    pub(super) fn step(
        &mut self,
        batch: &Batch,
        recipe: &Recipe,
        learning_rate: f64,
        step: usize,
    ) -> Result<Result<StepOutput, Broken>, TrainError> {
        let area = recipe.size * recipe.size;
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
        let mut dropout = (recipe.dropout > 0.0).then(|| generator(recipe.seed, Purpose::Dropout, 0, step));
        let n = batch.indices.len();
        let output = self.net.step(&self.input, n, recipe.size, &loss, dropout.as_mut())?;
        if !output.loss.is_finite() {
            return Ok(Err(Broken::Loss(output.loss)));
        }
        self.optimizer.set_rate(learning_rate);
        self.net.apply(&mut self.optimizer)?;
        self.steps += 1;
        let broken = self.state().find(|(_, values)| !values.iter().all(|v| v.is_finite()));
        if let Some((name, _)) = broken {
            return Ok(Err(Broken::Tensor(name.to_owned())));
        }
        if let (Some(decay), Some(mut mean)) = (recipe.average, self.average.take()) {
            // Early on the mean follows quickly, or it would hold on to the random beginning.
            let t = self.steps as f32;
            let share = 1.0 - decay.min((1.0 + t) / (10.0 + t));
            for (name, values) in self.state() {
                for (m, v) in mean.get_mut(name).into_iter().flatten().zip(values) {
                    *m += share * (*v - *m);
                }
            }
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
            Inner::AdamW { adam, .. } => {
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
            Inner::AdamW { adam, .. } => {
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

    /// The weights that are kept, ready to run.
    pub(super) fn kept(&self, recipe: &Recipe) -> NetworkWeights {
        let tensors = self.average().unwrap_or_else(|| self.weights());
        let metadata = [("input_size".to_owned(), recipe.size.to_string())].into();
        NetworkWeights { blocks: recipe.blocks, tensors, metadata }
    }
}

/// An optimizer in which SGD decays only the weights of convolutions and the linear layer; AdamW decays everything, as
/// PyTorch's does and the reference recipe did.
struct Decaying {
    inner: Inner,
    weight_decay: f64,
}

enum Inner {
    Sgd(Sgd),
    AdamW { adam: AdamW, body: f64 },
}

impl Decaying {
    fn set_rate(&mut self, rate: f64) {
        match &mut self.inner {
            Inner::Sgd(sgd) => sgd.rates = LearningRates { fc: rate, rest: rate },
            Inner::AdamW { adam, body } => adam.rates = LearningRates { fc: rate, rest: rate * *body },
        }
    }
}

/// Batch norm's factors and all biases are left alone.
fn decays(name: &str) -> bool {
    name.ends_with(".weight") && !name.contains("bn") && !name.ends_with("shortcut.1.weight")
}

impl Optimizer for Decaying {
    fn begin(&mut self) {
        match &mut self.inner {
            Inner::Sgd(sgd) => sgd.begin(),
            Inner::AdamW { adam, .. } => adam.begin(),
        }
    }

    fn update(&mut self, name: &str, value: &mut [f32], gradient: &[f32]) {
        match &mut self.inner {
            Inner::Sgd(sgd) => {
                sgd.weight_decay = if decays(name) { self.weight_decay } else { 0.0 };
                sgd.update(name, value, gradient);
            }
            Inner::AdamW { adam, .. } => {
                adam.update(name, value, gradient);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_model::state_dict_layout;

    #[test]
    fn only_matrices_decay() {
        for spec in state_dict_layout(2).iter().filter(|s| !s.name.contains("running")) {
            assert_eq!(decays(&spec.name), spec.shape.len() > 1, "{}", spec.name);
        }
    }
}
