//! What the commands that load weights share: the flags that say what a file does not, and how they are loaded.

use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use moue_model::{ClassOrder, FER_ORDER, INPUT_SIZES, LoadedWeights, NetworkWeights, ReadOptions};

use super::complain;

/// Flags that say what a weights file does not say of itself, or says wrongly.
#[derive(Debug, Clone, Args)]
pub(super) struct WeightsArgs {
    /// Width and height that the network reads faces at (default: as the weights file says, else 224)
    #[arg(long, value_name = "PX", value_parser = input_size)]
    input_size: Option<usize>,
    /// The classes in the order of the network's outputs, such as angry,disgust,fear,happy,sad,surprise,neutral (default:
    /// as the weights file says, else alphabetical)
    #[arg(long, value_name = "A,B,...")]
    classes: Option<ClassOrder>,
}

impl WeightsArgs {
    /// What they say.
    pub(super) fn options(&self) -> ReadOptions {
        ReadOptions { input_size: self.input_size, classes: self.classes }
    }

    /// Reads a weights file, and says what had to be assumed.
    pub(super) fn read(&self, path: &Path) -> anyhow::Result<LoadedWeights> {
        let loaded = LoadedWeights::read_as(path, &self.options())?;
        say_assumed(&loaded.name, &loaded.weights, SilentFlags::Common);
        Ok(loaded)
    }

    /// The named weights, or the built-in ones.
    pub(super) fn read_or_built_in(&self, path: Option<&Path>) -> anyhow::Result<LoadedWeights> {
        match path {
            Some(path) => self.read(path),
            None => LoadedWeights::built_in_as(&self.options()).context("the built-in network"),
        }
    }
}

pub(super) fn input_size(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|size| INPUT_SIZES.contains(size)).ok_or_else(|| {
        format!("expected {} to {} pixels, found {text:?}", INPUT_SIZES.start(), INPUT_SIZES.end())
    })
}

/// The flags of a command that say what a file does not.
#[derive(Debug, Clone, Copy)]
pub(super) enum SilentFlags {
    /// [`WeightsArgs`].
    Common,
    /// Those of `moue train`, whose `--classes` is for the pictures.
    Train,
}

/// One line on standard error for what a weights file does not say, and one where it holds several networks.
pub(super) fn say_assumed(name: &str, weights: &NetworkWeights, flags: SilentFlags) {
    if let Some(advice) = advice(weights, flags) {
        complain(format_args!("{name}: {advice}"));
    }
    if let Some(taken) = weights.metadata.get("taken_from") {
        complain(format_args!("{name}: read from {taken}"));
    }
}

/// What had to be assumed, and what to do.
fn advice(weights: &NetworkWeights, flags: SilentFlags) -> Option<String> {
    let prefix = match flags {
        SilentFlags::Common => "",
        SilentFlags::Train => "weights-",
    };
    let fer = FER_ORDER.map(moue_model::Expression::name).join(",");
    weights.assumed().map(|assumed| {
        format!(
            "{assumed}, since the file does not say, and wrong ones give wrong readings: give --{prefix}input-size PX and \
             --{prefix}classes A,B,... as it was trained (FER-2013's order is {fer}); moue export writes both into a file"
        )
    })
}
