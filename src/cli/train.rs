//! `moue train`: from a folder of faces to a network.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use moue_model::{ClassOrder, DeviceChoice, LoadedWeights, RESNET18_BLOCKS, ReadOptions, StartWeights};
use moue_train::checkpoint::Checkpoint;
use moue_train::data::{ClassNames, DataOptions, SplitName};
use moue_train::eval::{CalibrationMethod, EVALUATION_FILES, Evaluation};
use moue_train::history::{CURVES_FILE, EpochRow, METRICS_FILE};
use moue_train::recipe::Recipe;
use moue_train::run::{BEST_FILE, CHECKPOINT_FILE, Outcome, RunOptions, WEIGHTS_FILE, resume, start};
use moue_train::{Observer, StepReport, Teaching};

use super::dataset::{DataArgs, read_data};
use super::outputs::OverwriteArgs;
use super::recipe_flags::RecipeFlags;
use super::weights::{SilentFlags, input_size, say_assumed};
use super::{DONE, INTERRUPTED, complain};

/// Factor of the learning rate for a body that was pretrained on other classes.
const BODY_RATE: f64 = 0.1;

const EXAMPLES: &str = "\
Examples (faces/ has train/ and val/ with a folder a class in each, or is fer2013.csv):
  moue train faces/ --out run                    the default recipe, from random weights
  moue train faces/ --out run --val-share 0.1    without val/: a tenth of train/ is held out
  moue train faces/ --out run --time-budget 120  as many epochs as fit into two hours
  moue train faces/ --out run --stages 96:70,144:14 --augmentation webcam
                                                 small pictures first; for bad light and blur
  moue train faces/ --out run --init moue.safetensors --lr 0.02 --epochs 5
                                                 goes on from another network
  moue train faces/ --out run --resume           goes on after Ctrl-C or a power cut

Then: moue evaluate run/weights.safetensors faces/, and moue --weights run/weights.safetensors";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TrainArgs {
    #[command(flatten)]
    data: DataArgs,
    /// What DATA's folders or numbers stand for, in their order, where their names do not tell
    #[arg(long, alias = "data-classes", value_name = "A,B,...")]
    classes: Option<ClassNames>,
    /// FER+ votes (ferplus.csv or fer2013new.csv), mixed into the labels with the share of --votes
    #[arg(long, value_name = "FILE")]
    ferplus: Option<PathBuf>,
    /// Where checkpoints, metrics, curves and the finished weights go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    overwrite: OverwriteArgs,
    /// Go on with the run in DIR, with its own settings; settings given too must agree
    #[arg(long)]
    resume: bool,
    /// Choose the number of epochs so that the run takes about this long (of each stage, in proportion)
    #[arg(long, value_name = "MINUTES", conflicts_with_all = ["epochs", "resume"])]
    time_budget: Option<f64>,
    /// Begin with these weights instead of random ones: a network of this kind, or torchvision's ResNet-18, whose body is
    /// then taken
    #[arg(long, value_name = "WEIGHTS", conflicts_with = "resume")]
    init: Option<PathBuf>,
    /// A teacher network to distil: each batch uses the probabilities of one of those given on undegraded views. Give it
    /// several times for several networks, and again with --resume
    #[arg(long, value_name = "WEIGHTS")]
    distill: Vec<PathBuf>,
    /// Distil this network's probabilities of the unchanged pictures, computed once at the start; of several networks, given
    /// as several flags, their mean
    #[arg(long, value_name = "WEIGHTS", conflicts_with = "distill")]
    distill_stored: Vec<PathBuf>,
    #[command(flatten)]
    begun: BegunArgs,
    /// Where the network learns: auto, cpu, cuda or metal
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceChoice,
    /// CPU threads; 0 takes all cores
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Precision of the finished weights file
    #[arg(long, value_enum, default_value_t = Dtype::F16)]
    dtype: Dtype,
    #[command(flatten)]
    settings: RecipeFlags,
}

/// What the files of `--init` and `--distill` do not say of themselves. `--classes` is DATA's here.
#[derive(Debug, Args)]
struct BegunArgs {
    /// Input width and height of the networks given with --init and --distill, where their files do not say
    #[arg(long, value_name = "PX", value_parser = input_size)]
    weights_input_size: Option<usize>,
    /// The order of those networks' outputs, where their files do not say, such as
    /// angry,disgust,fear,happy,sad,surprise,neutral
    #[arg(long, value_name = "A,B,...")]
    weights_classes: Option<ClassOrder>,
}

impl BegunArgs {
    /// What counts for a file: only what it does not say itself, since several files may be given.
    fn options(&self, path: &Path) -> anyhow::Result<ReadOptions> {
        let given = ReadOptions { input_size: self.weights_input_size, classes: self.weights_classes };
        if !given.says_something() {
            return Ok(given);
        }
        let silent = LoadedWeights::read(path)?.weights.metadata;
        Ok(ReadOptions {
            input_size: given.input_size.filter(|_| !silent.contains_key("input_size")),
            classes: given.classes.filter(|_| !silent.contains_key("classes")),
        })
    }

    fn start(&self, path: &Path) -> anyhow::Result<StartWeights> {
        let start = StartWeights::read(path)?;
        Ok(match start {
            StartWeights::Body(_) => start,
            StartWeights::Network(_) => StartWeights::read_as(path, &self.options(path)?)?,
        })
    }

    fn teacher(&self, path: &Path) -> anyhow::Result<LoadedWeights> {
        Ok(LoadedWeights::read_as(path, &self.options(path)?)?)
    }
}

/// Precision of a weights file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Dtype {
    /// 16 bits
    F16,
    /// 32 bits
    F32,
}

pub(super) fn run(args: &TrainArgs) -> anyhow::Result<u8> {
    if !args.resume {
        check_outputs(args)?;
    }
    let checkpoint = if args.resume {
        let checkpoint = Checkpoint::read(&args.out.join(CHECKPOINT_FILE))?;
        agree(args, &checkpoint.state.recipe)?;
        Some(checkpoint)
    } else {
        None
    };
    let options = DataOptions { ferplus: args.ferplus.clone(), ..args.data.options(args.classes.as_ref()) };
    let wanted = [SplitName::Train, SplitName::Val];
    let mut data = read_data(&args.data.data, &wanted, &options)?;
    data.require_all_classes(&args.data.data, &wanted)?;
    let (train, val) = (data.take(SplitName::Train), data.take(SplitName::Val));

    let init = args.init.as_deref().map(|path| args.begun.start(path)).transpose()?;
    if let Some(StartWeights::Network(begun)) = &init {
        say_assumed(&begun.name, &begun.weights, SilentFlags::Train);
    }
    let teachers = args.distill.iter().chain(&args.distill_stored).map(|path| args.begun.teacher(path));
    let teachers = teachers.collect::<Result<Vec<_>, _>>()?;
    for teacher in &teachers {
        say_assumed(&teacher.name, &teacher.weights, SilentFlags::Train);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).context("Ctrl-C")?;
    let folder = args.data.data.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let share = checkpoint.as_ref().map_or(args.settings.votes, |c| Some(c.state.recipe.votes));
    let used = args.ferplus.is_some() && share.is_some_and(|share| share > 0.0);
    let votes = if used { ", FER+ votes" } else { "" };
    let held_out = data.held_out.map_or_else(String::new, |draw| {
        format!(" (held out of train: a share of {}, seed {})", draw.share, draw.seed)
    });
    let run_options = RunOptions {
        out: args.out.clone(),
        device: args.device,
        threads: args.threads,
        time_budget: time_budget(args.time_budget)?,
        init,
        teachers,
        half: args.dtype == Dtype::F16,
        data_name: format!("{folder}: {} train, {} val{held_out}{votes}", train.len(), val.len()),
        stop,
    };
    let mut progress = Progress::new();
    let outcome = match checkpoint {
        Some(checkpoint) => resume(checkpoint, train, &val, &run_options, &mut progress)?,
        None => {
            let mut recipe = Recipe::named(args.settings.name());
            if !args.distill.is_empty() || !args.distill_stored.is_empty() {
                let stored = !args.distill_stored.is_empty();
                recipe.teaching = Some(Teaching { stored, ..Teaching::default() });
            }
            match &run_options.init {
                Some(StartWeights::Body(_)) => {
                    recipe.blocks = RESNET18_BLOCKS;
                    recipe.set_body_rate(BODY_RATE);
                }
                Some(StartWeights::Network(loaded)) => recipe.blocks = loaded.weights.blocks,
                None => {}
            }
            args.settings.apply(&mut recipe);
            check_blocks(args, run_options.init.as_ref())?;
            start(recipe, train, &val, &run_options, &mut progress)?
        }
    };
    progress.bar.finish_and_clear();
    match outcome {
        Outcome::Stopped => {
            complain(format_args!("stopped and saved; go on with the same command and --resume"));
            Ok(INTERRUPTED)
        }
        Outcome::Finished(finished) => {
            let v = &finished.validation;
            let figures = |e: &Evaluation| {
                let c = &e.calibration;
                let [low, high] = c.perfect_band;
                format!(
                    "accuracy {:.4}, macro F1 {:.4}, log loss {:.4}, calibration error {:.4} ({low:.4} to {high:.4} if \
                     perfectly calibrated)",
                    e.accuracy, e.macro_mean.f1, e.log_loss, c.expected_error
                )
            };
            let method = match finished.method {
                CalibrationMethod::Classes => "scales and biases of the classes' logits",
                CalibrationMethod::Temperature => "one temperature",
            };
            complain(format_args!("{}: calibrated by {method}", finished.path.display()));
            complain(format_args!("validation: {}", figures(v)));
            if let Some((repeats, e)) = &finished.without_repeats {
                complain(format_args!("without the {repeats} that repeat training photos: {}", figures(e)));
            }
            Ok(DONE)
        }
    }
}

/// Refuses before any work to write over what another program left in the folder. A run in it is refused later, with what to
/// do.
fn check_outputs(args: &TrainArgs) -> anyhow::Result<()> {
    let out = &args.out;
    if out.join(CHECKPOINT_FILE).exists() {
        return Ok(());
    }
    let files = [BEST_FILE, WEIGHTS_FILE, METRICS_FILE, CURVES_FILE];
    let mut outputs: Vec<PathBuf> = files.iter().map(|name| out.join(name)).collect();
    outputs.extend(EVALUATION_FILES.iter().map(|name| out.join("val").join(name)));
    let weights = args.init.iter().chain(&args.distill).chain(&args.distill_stored).chain(&args.ferplus);
    args.overwrite.check(&outputs, args.data.paths().chain(weights.map(PathBuf::as_path)))
}

/// Flags that were given along with `--resume` must be the run's.
fn agree(args: &TrainArgs, stored: &Recipe) -> anyhow::Result<()> {
    let mut asked = stored.clone();
    args.settings.apply(&mut asked);
    if let Some(teaching) = &mut asked.teaching
        && !(args.distill_stored.is_empty() && args.distill.is_empty())
    {
        teaching.stored = !args.distill_stored.is_empty();
    }
    if args.settings.recipe.is_some() {
        asked.name = args.settings.name();
    }
    if asked != *stored {
        let values = |recipe: &Recipe| serde_json::to_value(recipe).unwrap_or_default();
        let (asked, stored) = (values(&asked), values(stored));
        let differing: Vec<String> = stored
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, value)| asked[key.as_str()] != **value)
            .map(|(key, value)| format!("{key}: expected {value}, found {}", asked[key.as_str()]))
            .collect();
        bail!("--resume goes on with the run's own settings; {}", differing.join("; "));
    }
    Ok(())
}

/// The file that a run begins with says how deep the network is at least.
fn check_blocks(args: &TrainArgs, init: Option<&StartWeights>) -> anyhow::Result<()> {
    let (name, blocks) = match init {
        None => return Ok(()),
        Some(StartWeights::Network(loaded)) => (&loaded.name, loaded.weights.blocks),
        Some(StartWeights::Body(body)) => (&body.name, RESNET18_BLOCKS),
    };
    match args.settings.blocks {
        Some(asked) if asked < blocks => {
            bail!("--blocks: expected at least {blocks}, as in {name}, found {asked}")
        }
        _ => Ok(()),
    }
}

fn time_budget(minutes: Option<f64>) -> anyhow::Result<Option<Duration>> {
    match minutes {
        None => Ok(None),
        Some(m) if m > 0.0 && m <= 1e6 => Ok(Some(Duration::from_secs_f64(m * 60.0))),
        Some(m) => bail!("--time-budget: expected minutes above 0, at most 1000000, found {m}"),
    }
}

/// The bar on a terminal, and a line an epoch.
struct Progress {
    bar: ProgressBar,
    epoch: usize,
}

impl Progress {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{prefix} {bar:12} {pos}/{len} {msg}");
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, epoch: 0 }
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| complain(text));
    }
}

impl Observer for Progress {
    fn note(&mut self, text: &str) {
        self.line(text);
    }

    fn asking(&mut self, done: usize, all: usize) {
        self.bar.set_length(all as u64);
        self.bar.set_prefix("readings of the teachers");
        self.bar.set_position(done as u64);
    }

    fn step(&mut self, r: &StepReport) {
        if self.epoch != r.epoch {
            self.epoch = r.epoch;
            self.bar.set_length(r.steps as u64);
            self.bar.set_prefix(format!("epoch {}/{}, {} px", r.epoch, r.epochs, r.size));
        }
        self.bar.set_position(r.step as u64);
        self.bar.set_message(format!(
            "loss {:.3}, accuracy {:.3}, rate {:.4}, {:.0}/s, {:#} left",
            r.loss,
            r.accuracy,
            r.learning_rate,
            r.pictures_per_s,
            HumanDuration(r.left)
        ));
    }

    fn epoch(&mut self, row: &EpochRow, best: bool) {
        let note = if best { format!(", best so far: {BEST_FILE}") } else { String::new() };
        self.line(&format!(
            "epoch {}: {} px, loss {:.4}, accuracy {:.4}; validation loss {:.4}, accuracy {:.4}, macro F1 {:.4}; \
             rate {:.5}, {:.0} pictures/s{note}",
            row.epoch,
            row.size,
            row.train_loss,
            row.train_accuracy,
            row.val_loss,
            row.val_accuracy,
            row.val_macro_f1,
            row.learning_rate,
            row.pictures_per_s
        ));
    }
}
