//! Flags that change single settings of a training recipe.

use clap::{Args, ValueEnum};
use moue_train::augment::{Augmentation, Mixup};
use moue_train::recipe::{Recipe, RecipeName, Sampling};
use moue_train::{Precision, Stages};

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RecipeFlag {
    /// The best settings so far
    Default,
    /// The published network's
    Reference,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SamplingFlag {
    /// Every picture once an epoch
    Natural,
    /// Rare classes more often, by the square root of their pictures
    Sqrt,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AugmentationFlag {
    /// Nothing
    None,
    /// Mirrored, turned, scaled, moved, brighter or darker, a rectangle erased
    Standard,
    /// Standard with wider turns and scales, half of the pictures degraded as by webcams
    Webcam,
    /// The published network's
    Reference,
}

impl From<AugmentationFlag> for Augmentation {
    fn from(flag: AugmentationFlag) -> Self {
        match flag {
            AugmentationFlag::None => Self::None,
            AugmentationFlag::Standard => Self::Standard,
            AugmentationFlag::Webcam => Self::Webcam,
            AugmentationFlag::Reference => Self::Reference,
        }
    }
}

/// Flags that change the recipe. Without them it stays as it is.
#[derive(Debug, Args)]
pub(super) struct RecipeFlags {
    /// All settings at once; the other flags change single ones
    #[arg(long, value_enum, value_name = "NAME")]
    pub(super) recipe: Option<RecipeFlag>,
    /// Input sizes and the epochs at each, one after the other in one run: 96:70,144:14
    #[arg(long, value_name = "PX:N,...", conflicts_with_all = ["size", "epochs"])]
    stages: Option<Stages>,
    /// Input width and height in pixels
    #[arg(long, value_name = "PX")]
    size: Option<usize>,
    /// Residual blocks a layer: 1 or 2; 2 deepens a network of 1 that --init gives
    #[arg(long, value_name = "N")]
    pub(super) blocks: Option<usize>,
    /// Epochs, at most
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Pictures a step
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// The highest learning rate
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// Factor of the learning rate outside the new layers (1; with torchvision's ResNet-18: 0.1)
    #[arg(long, value_name = "FACTOR")]
    body_rate: Option<f64>,
    /// Weight decay
    #[arg(long, value_name = "RATE")]
    weight_decay: Option<f64>,
    /// Seed of all random numbers
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Label smoothing: share of the target that is spread over all classes
    #[arg(long, value_name = "SHARE")]
    smoothing: Option<f32>,
    /// Share of FER+ votes in the target (0; needs --ferplus)
    #[arg(long, value_name = "SHARE")]
    pub(super) votes: Option<f32>,
    /// Parameter of mixup's Beta distribution; 0 for none
    #[arg(long, value_name = "ALPHA")]
    mixup: Option<f64>,
    /// Decay of the weights' running mean, which is shorter early in a stage; 0 for none
    #[arg(long, value_name = "DECAY")]
    average: Option<f32>,
    /// Share of features dropped before the last layer: 0 or 0.5
    #[arg(long, value_name = "SHARE")]
    dropout: Option<f32>,
    /// Training pictures to add, as a share of them
    #[arg(long, value_name = "SHARE")]
    expansion: Option<f64>,
    /// Share of the teachers' probabilities in the target (with teachers: 0.5)
    #[arg(long, value_name = "SHARE")]
    distill_share: Option<f32>,
    /// What the teachers' logits are divided by, beyond their own calibration (with teachers: 1)
    #[arg(long, value_name = "T")]
    distill_temperature: Option<f32>,
    /// Augmentation of the training pictures
    #[arg(long, value_enum)]
    augmentation: Option<AugmentationFlag>,
    /// Augmentation in the last of the stages (as in the others)
    #[arg(long, value_enum, value_name = "AUGMENTATION")]
    last_augmentation: Option<AugmentationFlag>,
    /// Precision of the products: f32, or bf16 on CPUs with AVX512-BF16
    #[arg(long, value_name = "NUMBERS")]
    precision: Option<Precision>,
    /// How often pictures of rare classes come
    #[arg(long, value_enum)]
    sampling: Option<SamplingFlag>,
}

impl RecipeFlags {
    /// Applies the flags that were given.
    pub(super) fn apply(&self, recipe: &mut Recipe) {
        fn set<T: Copy>(to: &mut T, given: Option<T>) {
            if let Some(value) = given {
                *to = value;
            }
        }
        if let Some(stages) = &self.stages {
            recipe.stages.clone_from(stages);
        }
        if self.size.is_some() || self.epochs.is_some() {
            let size = self.size.unwrap_or(recipe.stages.last().size);
            recipe.stages = Stages::one(size, self.epochs.unwrap_or(recipe.stages.epochs()));
        }
        set(&mut recipe.blocks, self.blocks);
        set(&mut recipe.batch, self.batch);
        set(&mut recipe.learning_rate, self.lr);
        set(&mut recipe.weight_decay, self.weight_decay);
        set(&mut recipe.seed, self.seed);
        set(&mut recipe.smoothing, self.smoothing);
        set(&mut recipe.votes, self.votes);
        set(&mut recipe.dropout, self.dropout);
        set(&mut recipe.expansion, self.expansion);
        if self.distill_share.is_some() || self.distill_temperature.is_some() {
            let teaching = recipe.teaching.get_or_insert_default();
            set(&mut teaching.share, self.distill_share);
            set(&mut teaching.temperature, self.distill_temperature);
        }
        set(&mut recipe.augmentation, self.augmentation.map(Into::into));
        if let Some(augmentation) = self.last_augmentation {
            recipe.last_augmentation = Some(augmentation.into());
        }
        set(&mut recipe.precision, self.precision);
        if let Some(rate) = self.body_rate {
            recipe.set_body_rate(rate);
        }
        if let Some(alpha) = self.mixup {
            let share = recipe.mixup.map_or(0.5, |m| m.share);
            recipe.mixup = (alpha != 0.0).then_some(Mixup { alpha, share });
        }
        if let Some(decay) = self.average {
            recipe.average = (decay != 0.0).then_some(decay);
        }
        if let Some(sampling) = self.sampling {
            recipe.sampling = match sampling {
                SamplingFlag::Natural => Sampling::Natural,
                SamplingFlag::Sqrt => Sampling::Sqrt,
            };
        }
    }

    /// The recipe that the others change.
    pub(super) fn name(&self) -> RecipeName {
        match self.recipe {
            Some(RecipeFlag::Reference) => RecipeName::Reference,
            _ => RecipeName::Default,
        }
    }
}
