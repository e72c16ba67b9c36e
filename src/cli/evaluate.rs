//! `moue evaluate`: how good a network is on labelled pictures.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use moue_model::{Expression, LoadedWeights};
use moue_train::data::{DataOptions, SplitName};
use moue_train::eval::{
    Evaluation, Predictor, classification_report, softmax, write_atomically, write_evaluation,
};
use serde_json::json;

use super::dataset::{DataArgs, read_data};
use super::{DONE, INTERRUPTED, SOME_FAILED};

#[derive(Debug, Args)]
pub(super) struct EvaluateArgs {
    /// Weights file: safetensors or a PyTorch state dict
    #[arg(value_name = "WEIGHTS")]
    weights: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Which part: train, val or test. A folder of classes without parts is taken as it is
    #[arg(long, default_value = "test", value_name = "SPLIT")]
    split: SplitName,
    /// Read each picture and its mirror image, and average the probabilities
    #[arg(long)]
    tta: bool,
    /// Write report, confusion matrix and reliability diagram into DIR
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// CPU threads; 0 takes all cores
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
}

pub(super) fn run(args: &EvaluateArgs) -> anyhow::Result<u8> {
    let loaded = LoadedWeights::read(&args.weights)?;
    if let Some(dir) = &args.out {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let options = DataOptions { ferplus: None, exclude: args.data.exclude.clone() };
    let data = read_data(&args.data.data, &[args.split], &options)?;
    let split = data.split(args.split);

    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).context("Ctrl-C")?;
    let passes = if args.tta { 2 } else { 1 };
    let bar = ProgressBar::new((split.len() * passes) as u64).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} pictures, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let mut predictor = Predictor::new(&loaded.weights, args.threads)?;
    let temperature = loaded.weights.temperature();
    let mut probabilities = vec![[0.0; Expression::COUNT]; split.len()];
    for pass in 0..passes {
        let logits = predictor.logits(split, pass == 1, |done| {
            bar.set_position((pass * split.len() + done) as u64);
            !stopped.load(Ordering::Relaxed)
        })?;
        if stopped.load(Ordering::Relaxed) {
            bar.abandon();
            return Ok(INTERRUPTED);
        }
        for (sum, logits) in probabilities.iter_mut().zip(&logits) {
            let p = softmax(logits, temperature);
            *sum = std::array::from_fn(|i| sum[i] + p[i] / passes as f32);
        }
    }
    bar.finish_and_clear();
    let labels: Vec<Expression> = split.samples.iter().map(|s| s.label).collect();
    let evaluation = Evaluation::new(&probabilities, &labels);

    let views = if args.tta { "picture and mirror image" } else { "single picture" };
    let report = json!({
        "weights": { "name": loaded.name, "sha256": loaded.sha256, "input_size": loaded.weights.input_size(),
                     "temperature": temperature },
        "data": { "path": args.data.data.display().to_string(), "split": args.split, "sha256": split.hash(),
                  "skipped": data.skipped.len(), "excluded": data.excluded },
        "views": views,
        "result": evaluation,
        "classes": class_table(&evaluation),
        "report": classification_report(&evaluation.confusion, 2),
    });
    let text = serde_json::to_string_pretty(&report)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{text}")?;
    } else {
        write!(out, "{}", classification_report(&evaluation.confusion, 2))?;
        writeln!(out)?;
        writeln!(out, "views                       {views}")?;
        writeln!(out, "accuracy                    {:.4}", evaluation.accuracy)?;
        writeln!(out, "macro F1                    {:.4}", evaluation.macro_mean.f1)?;
        writeln!(out, "log loss                    {:.4}", evaluation.log_loss)?;
        writeln!(out, "expected calibration error  {:.4}", evaluation.calibration.expected_error)?;
    }
    if let Some(dir) = &args.out {
        let title = format!("{}, {}", loaded.name, args.split);
        let mut files = write_evaluation(dir, &evaluation, &title)?;
        let path = dir.join("report.json");
        write_atomically(&path, text.as_bytes())?;
        files.push(path);
        if !args.json {
            for file in files {
                writeln!(out, "wrote {}", file.display())?;
            }
        }
    }
    Ok(if data.skipped.is_empty() { DONE } else { SOME_FAILED })
}

/// Precision, recall (the class's accuracy), F1 and support of the classes that are there.
fn class_table(evaluation: &Evaluation) -> serde_json::Map<String, serde_json::Value> {
    let matrix = &evaluation.confusion;
    matrix.present().map(|class| (class.name().to_owned(), json!(matrix.class(class)))).collect()
}
