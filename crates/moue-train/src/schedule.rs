//! The learning rate over a run, and when to stop.

use serde::{Deserialize, Serialize};

use super::recipe::{LearningRateSchedule, Recipe};

/// What the schedule remembers between epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// What the highest rate is multiplied with (plateaus only). Halvings are exact in a file.
    factor: f64,
    /// Lowest validation loss so far, as bits: a file must not round it.
    best_loss_bits: u64,
    /// Epochs since the rate was lowered or the loss was lowest.
    waited: usize,
    /// Epochs since the loss was lowest.
    since_best: usize,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { factor: 1.0, best_loss_bits: f64::INFINITY.to_bits(), waited: 0, since_best: 0 }
    }
}

impl Schedule {
    /// The rate of step `step` of `total` (from 0).
    #[must_use]
    pub fn learning_rate(&self, recipe: &Recipe, step: usize, total: usize) -> f64 {
        let peak = recipe.learning_rate;
        match recipe.pace {
            LearningRateSchedule::Plateau { .. } => peak * self.factor,
            LearningRateSchedule::Cosine { warm_up } => {
                let rising = (total as f64 * warm_up).round().max(1.0);
                let done = step as f64 + 1.0;
                if done <= rising {
                    return peak * done / rising;
                }
                let progress = (done - rising) / (total as f64 - rising).max(1.0);
                peak * 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos())
            }
        }
    }

    /// Forgets losses that were measured at another input size; the rate stays where it is.
    pub fn next_stage(&mut self) {
        *self = Self { factor: self.factor, ..Self::default() };
    }

    /// Takes note of an epoch's validation loss; returns whether the run ends early.
    ///
    /// A plateau is counted as PyTorch's `ReduceLROnPlateau` does, with its relative threshold of 1e-4.
    pub fn end_epoch(&mut self, recipe: &Recipe, validation_loss: f64) -> bool {
        let best = f64::from_bits(self.best_loss_bits);
        if validation_loss < best * (1.0 - 1e-4) {
            self.best_loss_bits = validation_loss.to_bits();
            self.waited = 0;
            self.since_best = 0;
        } else {
            self.waited += 1;
            self.since_best += 1;
        }
        if let LearningRateSchedule::Plateau { factor, patience } = recipe.pace
            && self.waited > patience
        {
            self.factor *= factor;
            self.waited = 0;
        }
        recipe.early_stop.is_some_and(|patience| self.since_best >= patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::RecipeName;

    #[test]
    fn the_cosine_rises_to_the_peak_and_falls_to_nothing() {
        let recipe = Recipe::named(RecipeName::Default);
        let schedule = Schedule::default();
        let rate = |step| schedule.learning_rate(&recipe, step, 200);
        assert!((rate(0) - 0.01).abs() < 1e-12);
        assert!((rate(9) - 0.1).abs() < 1e-12);
        assert!((rate(104) - 0.05).abs() < 1e-12);
        assert!(rate(199).abs() < 1e-12);
        assert!((10..199).all(|s| rate(s + 1) < rate(s)));
    }

    #[test]
    fn plateaus_lower_the_rate_and_end_the_run() {
        let recipe = Recipe::named(RecipeName::Reference);
        let mut schedule = Schedule::default();
        assert!(!schedule.end_epoch(&recipe, 1.0));
        let mut rates = Vec::new();
        for epoch in 1..=10 {
            let stop = schedule.end_epoch(&recipe, 1.0);
            rates.push(schedule.learning_rate(&recipe, 0, 1));
            assert_eq!(stop, epoch == 10);
        }
        // PyTorch lowers the rate in the sixth epoch without a lower loss.
        assert_eq!(rates[..5], [5e-4; 5]);
        assert_eq!(rates[5..], [2.5e-4; 5]);
        let mut other = schedule.clone();
        assert!(!other.end_epoch(&recipe, 0.5));
        // A loss at another size is not compared.
        schedule.next_stage();
        assert!(!schedule.end_epoch(&recipe, 3.0) && !schedule.end_epoch(&recipe, 2.9));
        assert_eq!(schedule.learning_rate(&recipe, 0, 1), 2.5e-4);
    }
}
