//! `moue calibrate`: fits a network's probabilities to how often it is right.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::Args;
use serde_json::json;

use super::dataset::{DataArgs, read_data};
use super::evaluate::{pictures_bar, require_safetensors, stop_flag};
use super::outputs::OverwriteArgs;
use super::train::Dtype;
use super::weights::WeightsArgs;
use super::{DONE, INTERRUPTED, SOME_FAILED, complain};
use moue_model::{StoredAs, write_safetensors};
use moue_train::data::{ClassNames, DataOptions, Exclusions, SplitName, holds_split, repeats};
use moue_train::eval::{CalibrationMethod, HeldOut, calibrate_network};

#[derive(Debug, Args)]
pub(super) struct CalibrateArgs {
    /// Weights file: safetensors or a PyTorch state dict
    #[arg(value_name = "WEIGHTS")]
    weights: PathBuf,
    #[command(flatten)]
    read_as: WeightsArgs,
    /// The data that it was trained on: fitted on val/ without the pictures that repeat photos of train/ or are in the list of
    /// --exclude, measured on all of val/
    #[command(flatten)]
    data: DataArgs,
    /// What DATA's folders or numbers stand for, in their order, where their names do not tell
    #[arg(long, value_name = "A,B,...")]
    data_classes: Option<ClassNames>,
    /// The safetensors file to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    overwrite: OverwriteArgs,
    /// Precision of the file (default: 16 bits where they hold the weights exactly)
    #[arg(long, value_enum)]
    dtype: Option<Dtype>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// CPU threads; 0 takes all cores
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
}

pub(super) fn run(args: &CalibrateArgs) -> anyhow::Result<u8> {
    require_safetensors(&args.to)?;
    args.overwrite
        .check(std::slice::from_ref(&args.to), args.data.paths().chain([args.weights.as_path()]))?;
    let loaded = args.read_as.read(&args.weights)?;
    let listed = args.data.exclude.as_deref().map(Exclusions::read).transpose()?.unwrap_or_default();
    let has_train = holds_split(&args.data.data, SplitName::Train);
    let wanted: &[SplitName] =
        if has_train { &[SplitName::Train, SplitName::Val] } else { &[SplitName::Val] };
    if !has_train {
        complain("no train/: pictures that repeat training photos cannot be found");
    }
    // The listed pictures are left out of the fit alone.
    let options = DataOptions { exclude: None, ..args.data.options(args.data_classes.as_ref()) };
    let data = read_data(&args.data.data, wanted, &options)?;
    let val = data.split(SplitName::Val);
    let found = repeats(val, data.split(SplitName::Train));
    let exact = found.iter().flatten().filter(|r| r.exact).count();
    let repeated: Vec<bool> = found
        .iter()
        .zip(&val.samples)
        .map(|(repeat, sample)| repeat.is_some() || listed.contains(SplitName::Val, sample))
        .collect();
    let all = repeated.iter().filter(|r| **r).count();
    let near = found.iter().flatten().count() - exact;
    let only_listed = all - exact - near;
    complain(format_args!(
        "left out of the fit: {all} of {} validation pictures ({exact} exact and {near} near repeats of training photos, \
         {only_listed} only listed)",
        val.len()
    ));

    let stopped = stop_flag()?;
    let bar = pictures_bar(2 * val.len());
    let stored = match args.dtype {
        Some(Dtype::F16) => StoredAs::F16,
        Some(Dtype::F32) => StoredAs::F32,
        None => StoredAs::exactly(&loaded.weights),
    };
    let half = stored == StoredAs::F16;
    let calibrated = calibrate_network(loaded.weights, val, &repeated, half, args.threads, |done| {
        bar.set_position(done as u64);
        !stopped.load(Ordering::Relaxed)
    })?;
    let Some(calibrated) = calibrated else {
        bar.abandon();
        return Ok(INTERRUPTED);
    };
    bar.finish_and_clear();
    write_safetensors(&calibrated.weights, &args.to, stored)?;

    let mut out = std::io::stdout().lock();
    let fit = &calibrated.calibration;
    if args.json {
        let report = json!({
            "weights": { "name": loaded.name, "sha256": loaded.sha256 },
            "to": args.to.display().to_string(),
            "left_out": { "exact": exact, "near": near, "only_listed": only_listed },
            "calibration": fit,
            "validation": calibrated.validation,
            "without_repeats": calibrated.without_repeats,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        writeln!(out, "each half of {} pictures measured with what fits the other half:", fit.pictures)?;
        writeln!(out, "                    log loss  accuracy  macro F1     ECE  if perfect")?;
        let mut row = |name: &str, h: &HeldOut| {
            let [low, high] = h.perfect_band;
            writeln!(
                out,
                "{name:<18}  {:>8.4}  {:>8.4}  {:>8.4}  {:.4}  {low:.4}-{high:.4}",
                h.log_loss, h.accuracy, h.macro_f1, h.expected_error
            )
        };
        row("one temperature", &fit.held_out_temperature)?;
        if let Some(classes) = &fit.held_out_classes {
            row("scales and biases", classes)?;
        }
        let used = match fit.method {
            CalibrationMethod::Classes => "scales and biases, within the last layer".to_owned(),
            CalibrationMethod::Temperature => format!("one temperature, {:.3}", fit.temperature),
        };
        writeln!(out, "\nused: {used}; {}", fit.reason)?;
        writeln!(out, "\nall of val, as written\n{}", calibrated.validation.summary())?;
        if let Some(e) = &calibrated.without_repeats {
            writeln!(out, "without the {all} left out\n{}", e.summary())?;
        }
        writeln!(out, "wrote {}", args.to.display())?;
    }
    Ok(if data.skipped.is_empty() { DONE } else { SOME_FAILED })
}
