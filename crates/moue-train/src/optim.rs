//! Optimisers with their own memory, which can be written to a file and read back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Changes parameters by their gradients.
pub trait Optimizer {
    /// Begins a step; every parameter is updated once in it.
    fn begin(&mut self);
    /// Updates the parameter called `name` (a state-dict name). Always in the same element order.
    fn update(&mut self, name: &str, value: &mut [f32], gradient: &[f32]);
}

/// The two learning rates: of the last layer (`fc.`), and of everything else.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LearningRates {
    /// Of `fc.weight` and `fc.bias`.
    pub fc: f64,
    /// Of all other parameters.
    pub rest: f64,
}

impl LearningRates {
    fn of(&self, name: &str) -> f64 {
        if name.starts_with("fc.") { self.fc } else { self.rest }
    }
}

/// AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), as PyTorch computes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// Learning rates; may be changed between steps.
    pub rates: LearningRates,
    /// Decay of the two averages.
    pub betas: (f64, f64),
    /// Added to the root of the second average.
    pub epsilon: f64,
    /// Decay of the weights, times the learning rate.
    pub weight_decay: f64,
    steps: i32,
    moments: Averages,
}

impl AdamW {
    /// With PyTorch's betas (.9, .999) and epsilon (1e-8).
    #[must_use]
    pub fn new(rates: LearningRates, weight_decay: f64) -> Self {
        Self { rates, betas: (0.9, 0.999), epsilon: 1e-8, weight_decay, steps: 0, moments: BTreeMap::new() }
    }

    /// Steps so far, and the two averages of each parameter.
    #[must_use]
    pub fn memory(&self) -> (u64, &Averages) {
        (self.steps.unsigned_abs().into(), &self.moments)
    }

    /// Goes on from what [`Self::memory`] gave.
    pub fn remember(&mut self, steps: u64, moments: Averages) {
        self.steps = i32::try_from(steps).unwrap_or(i32::MAX);
        self.moments = moments;
    }
}

impl Optimizer for AdamW {
    fn begin(&mut self) {
        self.steps += 1;
    }

    fn update(&mut self, name: &str, value: &mut [f32], gradient: &[f32]) {
        let rate = self.rates.of(name);
        let (b1, b2) = self.betas;
        let step = (rate / (1.0 - b1.powi(self.steps))) as f32;
        let root = (1.0 / (1.0 - b2.powi(self.steps)).sqrt()) as f32;
        let (keep, epsilon) = ((1.0 - rate * self.weight_decay) as f32, self.epsilon as f32);
        let (b1, c1, b2, c2) = (b1 as f32, (1.0 - b1) as f32, b2 as f32, (1.0 - b2) as f32);
        let (first, second) =
            entry(&mut self.moments, name, || (vec![0.0; value.len()], vec![0.0; value.len()]));
        for (((value, g), m), v) in value.iter_mut().zip(gradient).zip(first).zip(second) {
            *m = b1 * *m + c1 * g;
            *v = b2 * *v + c2 * g * g;
            *value = *value * keep - step * *m / (v.sqrt() * root + epsilon);
        }
    }
}

/// AdamW's memory by parameter: the averages of gradient and squared gradient.
pub type Averages = BTreeMap<String, (Vec<f32>, Vec<f32>)>;

/// Stochastic gradient descent with Nesterov's momentum, as PyTorch computes it: the decay is part of the gradient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sgd {
    /// Learning rates; may be changed between steps.
    pub rates: LearningRates,
    /// Decay of the velocity.
    pub momentum: f64,
    /// Added to the gradient, times the weight.
    pub weight_decay: f64,
    velocity: BTreeMap<String, Vec<f32>>,
}

impl Sgd {
    /// An optimiser at rest.
    #[must_use]
    pub fn new(rates: LearningRates, momentum: f64, weight_decay: f64) -> Self {
        Self { rates, momentum, weight_decay, velocity: BTreeMap::new() }
    }

    /// The velocity of each parameter.
    #[must_use]
    pub fn velocity(&self) -> &BTreeMap<String, Vec<f32>> {
        &self.velocity
    }

    /// Goes on from what [`Self::velocity`] gave.
    pub fn remember(&mut self, velocity: BTreeMap<String, Vec<f32>>) {
        self.velocity = velocity;
    }
}

impl Optimizer for Sgd {
    fn begin(&mut self) {}

    fn update(&mut self, name: &str, value: &mut [f32], gradient: &[f32]) {
        let (rate, momentum) = (self.rates.of(name) as f32, self.momentum as f32);
        let decay = self.weight_decay as f32;
        // The first velocity is the first gradient, which this start gives.
        let velocity = entry(&mut self.velocity, name, || vec![0.0; value.len()]);
        for ((value, g), v) in value.iter_mut().zip(gradient).zip(velocity) {
            let g = g + decay * *value;
            *v = momentum * *v + g;
            *value -= rate * (g + momentum * *v);
        }
    }
}

/// The entry called `name`, made where there is none.
fn entry<'a, T>(map: &'a mut BTreeMap<String, T>, name: &str, make: impl FnOnce() -> T) -> &'a mut T {
    map.entry(name.to_owned()).or_insert_with(make)
}
