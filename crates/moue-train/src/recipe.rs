//! Everything that decides what a run computes.

use moue_model::{INPUT_SIZES, is_head};
use serde::{Deserialize, Serialize};

use super::TrainError;
use super::augment::{Augmentation, Mixup};
use super::engine::Precision;
use super::stages::{Stage, Stages};
use super::teachers::Teaching;

/// A named set of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecipeName {
    /// The best settings so far, see `docs/training.md`.
    Default,
    /// The published network's.
    Reference,
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Loss {
    /// Cross entropy with soft targets.
    CrossEntropy,
    /// Focal loss (Lin et al. 2017, arXiv 1708.02002): cross entropy times (1 - p)^gamma.
    Focal {
        /// The exponent.
        gamma: f32,
    },
}

/// How weights follow their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum OptimizerKind {
    /// Stochastic gradient descent with Nesterov momentum.
    Sgd {
        /// Momentum.
        momentum: f32,
        /// What the learning rate is multiplied with outside the new layers.
        body: f64,
    },
    /// AdamW, betas 0.9 and 0.999.
    AdamW {
        /// What the learning rate is multiplied with outside the new layers.
        body: f64,
    },
}

/// What a run begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// Random numbers.
    #[default]
    Random,
    /// A whole network.
    Network,
    /// The body of a network that learned something else.
    Body,
}

/// How the learning rate changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum LearningRateSchedule {
    /// Rises linearly, then falls as a half cosine to 0, over all steps.
    Cosine {
        /// Share of the steps in which it rises.
        warm_up: f64,
    },
    /// Falls whenever the validation loss has not for a while.
    Plateau {
        /// What it is multiplied with.
        factor: f64,
        /// Epochs without a lower loss.
        patience: usize,
    },
}

/// In which order and how often pictures are learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// Each once an epoch.
    Natural,
    /// Drawn so that a class's share is that of the square root of its pictures.
    Sqrt,
}

/// The settings of a run. Two runs with the same settings, data and number of threads end in the same weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Where the settings began.
    pub name: RecipeName,
    /// What the weights began with.
    pub start: Start,
    /// Residual blocks a layer, 1 or 2.
    pub blocks: usize,
    /// Input sizes, and how often the training data are gone through at each, at most.
    pub stages: Stages,
    /// Pictures a step.
    pub batch: usize,
    /// The highest learning rate (of the new layers).
    pub learning_rate: f64,
    /// Weight decay, on the weights of convolutions and the linear layer.
    pub weight_decay: f64,
    /// Seed of all random numbers.
    pub seed: u64,
    /// What is minimised.
    pub loss: Loss,
    /// How weights follow their gradients.
    pub method: OptimizerKind,
    /// How the learning rate changes.
    pub pace: LearningRateSchedule,
    /// Epochs without a lower validation loss after which the run ends.
    pub early_stop: Option<usize>,
    /// How pictures are varied.
    pub augmentation: Augmentation,
    /// How they are varied in the last stage, where it is another way.
    #[serde(default)]
    pub last_augmentation: Option<Augmentation>,
    /// Pictures that are added to the training data before the run, as a share of them.
    pub expansion: f64,
    /// Blends of pictures.
    pub mixup: Option<Mixup>,
    /// Share of the epochs, at the end, without mixup.
    pub without_mixup: f64,
    /// Share of FER+'s votes in the targets, where there are any.
    pub votes: f32,
    /// Share of the targets that is spread evenly over the classes.
    pub smoothing: f32,
    /// How other networks' probabilities are part of the targets.
    pub teaching: Option<Teaching>,
    /// Share of features that is dropped before the last layer: 0 or 0.5.
    pub dropout: f32,
    /// Decay of the running mean of the weights, which is what is kept; `None` keeps the weights themselves. Early in a
    /// stage the mean is shorter, see `running_mean.rs`.
    pub average: Option<f32>,
    /// In which order pictures come.
    pub sampling: Sampling,
    /// Numbers that are multiplied.
    #[serde(default)]
    pub precision: Precision,
}

impl Recipe {
    /// The settings of that name.
    #[must_use]
    pub fn named(name: RecipeName) -> Self {
        match name {
            RecipeName::Default => Self {
                name,
                start: Start::Random,
                blocks: 1,
                stages: Stages::one(112, 60),
                batch: 96,
                learning_rate: 0.1,
                weight_decay: 5e-4,
                seed: 1,
                loss: Loss::CrossEntropy,
                method: OptimizerKind::Sgd { momentum: 0.9, body: 1.0 },
                pace: LearningRateSchedule::Cosine { warm_up: 0.05 },
                early_stop: None,
                augmentation: Augmentation::Standard,
                last_augmentation: None,
                expansion: 0.0,
                mixup: Some(Mixup { alpha: 0.4, share: 0.5 }),
                without_mixup: 0.15,
                votes: 0.0,
                smoothing: 0.05,
                teaching: None,
                dropout: 0.5,
                average: Some(0.9995),
                sampling: Sampling::Natural,
                precision: Precision::F32,
            },
            RecipeName::Reference => Self {
                name,
                start: Start::Random,
                blocks: 2,
                stages: Stages::one(224, 70),
                batch: 64,
                learning_rate: 5e-4,
                weight_decay: 1e-4,
                seed: 1,
                loss: Loss::Focal { gamma: 2.0 },
                method: OptimizerKind::AdamW { body: 0.1 },
                pace: LearningRateSchedule::Plateau { factor: 0.5, patience: 5 },
                early_stop: Some(10),
                augmentation: Augmentation::Reference,
                last_augmentation: None,
                expansion: 0.3,
                mixup: None,
                without_mixup: 0.0,
                votes: 0.0,
                smoothing: 0.0,
                teaching: None,
                dropout: 0.5,
                average: None,
                sampling: Sampling::Natural,
                precision: Precision::F32,
            },
        }
    }

    /// Checks that every setting makes sense.
    ///
    /// # Errors
    /// [`TrainError::Setting`], naming the first one that does not.
    pub fn check(&self) -> Result<(), TrainError> {
        let check = |setting: &'static str, fits: bool, expected: &str, found: String| {
            if fits {
                Ok(())
            } else {
                Err(TrainError::Setting { setting, expected: expected.to_owned(), found })
            }
        };
        let unit = 0.0..=1.0;
        check("--blocks", matches!(self.blocks, 1 | 2), "1 or 2", self.blocks.to_string())?;
        let sizes = format!("{} to {} pixels", INPUT_SIZES.start(), INPUT_SIZES.end());
        let stages = self.stages.all();
        check("--stages", !stages.is_empty(), "at least one stage", "none".to_owned())?;
        let names = if stages.len() > 1 { ["--stages"; 2] } else { ["--size", "--epochs"] };
        for Stage { size, epochs } in stages {
            check(names[0], INPUT_SIZES.contains(size), &sizes, size.to_string())?;
            check(names[1], (1..=100_000).contains(epochs), "1 to 100000 epochs", epochs.to_string())?;
        }
        let enough = self.last_augmentation.is_none() || stages.len() > 1;
        check("--last-augmentation", enough, "at least two of --stages", self.stages.to_string())?;
        check("--batch", (2..=4096).contains(&self.batch), "2 to 4096", self.batch.to_string())?;
        let lr = self.learning_rate;
        check("--lr", lr > 0.0 && lr <= 100.0, "a number above 0, at most 100", lr.to_string())?;
        let (OptimizerKind::Sgd { body, .. } | OptimizerKind::AdamW { body }) = self.method;
        check("--body-rate", (0.0..=1.0).contains(&body), "0 to 1", body.to_string())?;
        let decay = self.weight_decay;
        check("--weight-decay", (0.0..=10.0).contains(&decay), "0 to 10", decay.to_string())?;
        check("--votes", unit.contains(&self.votes), "0 to 1", self.votes.to_string())?;
        check(
            "--smoothing",
            (0.0..1.0).contains(&self.smoothing),
            "0 to below 1",
            self.smoothing.to_string(),
        )?;
        if let Some(Teaching { share, temperature, .. }) = self.teaching {
            check("--distill-share", unit.contains(&share), "0 to 1", share.to_string())?;
            let fits = (0.05..=20.0).contains(&temperature);
            check("--distill-temperature", fits, "0.05 to 20", temperature.to_string())?;
        }
        let dropout = self.dropout;
        check("--dropout", dropout == 0.0 || dropout == 0.5, "0 or 0.5", dropout.to_string())?;
        let expansion = self.expansion;
        check("--expansion", (0.0..=10.0).contains(&expansion), "0 to 10", expansion.to_string())?;
        if let Some(average) = self.average {
            check("--average", (0.0..1.0).contains(&average), "0 to below 1", average.to_string())?;
        }
        if let Some(mixup) = self.mixup {
            let fits = mixup.alpha > 0.0 && mixup.alpha <= 100.0;
            check("--mixup", fits, "a number above 0, at most 100", mixup.alpha.to_string())?;
        }
        Ok(())
    }

    /// Whether the tensor of that name belongs to the new layers, which learn at the full rate: the last layer, and the
    /// attention too where only the body was there before.
    #[must_use]
    pub fn is_new(&self, name: &str) -> bool {
        name.starts_with("fc.") || (self.start == Start::Body && is_head(name))
    }

    /// Sets what the learning rate is multiplied with outside the new layers.
    pub fn set_body_rate(&mut self, rate: f64) {
        let (OptimizerKind::Sgd { body, .. } | OptimizerKind::AdamW { body }) = &mut self.method;
        *body = rate;
    }

    /// How the pictures of this epoch (from 0) are varied.
    #[must_use]
    pub fn augmentation_in(&self, epoch: usize) -> Augmentation {
        self.last_augmentation.filter(|_| self.stages.is_last(epoch)).unwrap_or(self.augmentation)
    }

    /// Whether batches of this epoch (from 0) are mixed.
    #[must_use]
    pub fn mixup_in(&self, epoch: usize) -> Option<Mixup> {
        let last = (self.stages.epochs() as f64 * (1.0 - self.without_mixup)).round() as usize;
        self.mixup.filter(|_| epoch < last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_recipes_make_sense_and_survive_a_file() {
        for name in [RecipeName::Default, RecipeName::Reference] {
            let recipe = Recipe::named(name);
            recipe.check().unwrap();
            let text = serde_json::to_string(&recipe).unwrap();
            assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), recipe);
        }
    }

    #[test]
    fn a_bad_setting_is_named() {
        let recipe = Recipe { stages: Stages::one(20, 1), ..Recipe::named(RecipeName::Default) };
        assert_eq!(recipe.check().unwrap_err().to_string(), "--size: expected 32 to 512 pixels, found 20");
        let recipe = Recipe { stages: "96:3,144:0".parse().unwrap(), ..recipe };
        let text = recipe.check().unwrap_err().to_string();
        assert_eq!(text, "--stages: expected 1 to 100000 epochs, found 0");
        let stages = Stages::one(96, 3);
        let recipe = Recipe { stages, last_augmentation: Some(Augmentation::Standard), ..recipe };
        let text = recipe.check().unwrap_err().to_string();
        assert_eq!(text, "--last-augmentation: expected at least two of --stages, found 96:3");
    }

    #[test]
    fn the_last_stage_has_its_own_augmentation() {
        let stages: Stages = "32:2,32:1".parse().unwrap();
        let augmentation = Augmentation::Webcam;
        let recipe = Recipe { stages, augmentation, ..Recipe::named(RecipeName::Default) };
        assert_eq!([0, 1, 2].map(|epoch| recipe.augmentation_in(epoch)), [Augmentation::Webcam; 3]);
        let recipe = Recipe { last_augmentation: Some(Augmentation::Standard), ..recipe };
        let expected = [Augmentation::Webcam, Augmentation::Webcam, Augmentation::Standard];
        assert_eq!([0, 1, 2].map(|epoch| recipe.augmentation_in(epoch)), expected);
    }

    #[test]
    fn mixup_ends_before_the_run_does() {
        let recipe = Recipe { stages: "32:12,48:8".parse().unwrap(), ..Recipe::named(RecipeName::Default) };
        assert!(recipe.mixup_in(16).is_some());
        assert!(recipe.mixup_in(17).is_none());
    }
}
