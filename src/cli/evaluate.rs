//! `moue evaluate`: how good a network is on labelled pictures.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use moue_files::FileId;
use moue_model::{Expression, StoredAs, write_safetensors};
use moue_train::data::{ClassNames, SplitName};
use moue_train::eval::{
    CONDITIONS_FILES, Condition, ConditionResult, ConditionsReport, EVALUATION_FILES, Evaluation, Predictor,
    classification_report, softmax, write_atomically, write_conditions, write_evaluation,
};
use serde_json::json;

use super::dataset::{DataArgs, read_data};
use super::outputs::OverwriteArgs;
use super::weights::WeightsArgs;
use super::{DONE, INTERRUPTED, SOME_FAILED};

/// What is printed with --json, in the folder of --out.
const REPORT_JSON: &str = "report.json";

#[derive(Debug, Args)]
pub(super) struct EvaluateArgs {
    /// Weights file: safetensors or a PyTorch state dict
    #[arg(value_name = "WEIGHTS")]
    weights: PathBuf,
    #[command(flatten)]
    read_as: WeightsArgs,
    #[command(flatten)]
    data: DataArgs,
    /// What DATA's folders or numbers stand for, in their order, where their names do not tell
    #[arg(long, value_name = "A,B,...")]
    data_classes: Option<ClassNames>,
    /// Which part: train, val or test. A folder of classes without parts is taken as it is
    #[arg(long, default_value = "test", value_name = "SPLIT")]
    split: SplitName,
    /// Read each picture and its mirror image, and average the probabilities
    #[arg(long)]
    tta: bool,
    /// Write report, confusion matrix and reliability diagram into DIR
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Take each Nth picture only
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    every: u32,
    /// Also measure under webcam conditions: noise, dark, blur, turned heads and others (see docs/evaluation.md)
    #[arg(long)]
    conditions: bool,
    /// With --conditions: write the weights unchanged into FILE (it may be WEIGHTS itself), with this table in its metadata
    #[arg(long, value_name = "FILE", requires = "conditions", conflicts_with = "tta")]
    write_card: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteArgs,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// CPU threads; 0 takes all cores
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
}

pub(super) fn run(args: &EvaluateArgs) -> anyhow::Result<u8> {
    check_outputs(args)?;
    let loaded = args.read_as.read(&args.weights)?;
    if let Some(dir) = &args.out {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let options = args.data.options(args.data_classes.as_ref());
    let data = read_data(&args.data.data, &[args.split], &options)?;
    let split = data.split(args.split).every(args.every as usize);

    let stopped = stop_flag()?;
    let conditions: &[Condition] = if args.conditions { &Condition::ALL } else { &[Condition::Clean] };
    let passes = if args.tta { 2 } else { 1 };
    let bar = pictures_bar(split.len() * passes * conditions.len());
    let mut predictor = Predictor::new(&loaded.weights, args.threads)?;
    let temperature = loaded.weights.temperature();
    let labels: Vec<Expression> = split.samples.iter().map(|s| s.label).collect();
    let mut evaluation = None;
    let mut rows = Vec::new();
    for condition in conditions {
        bar.set_message(condition.words());
        let changed = condition.change_all(&split);
        let mut probabilities = vec![[0.0; Expression::COUNT]; split.len()];
        for pass in 0..passes {
            let before = bar.position();
            let logits = predictor.logits(&changed, pass == 1, |done| {
                bar.set_position(before + done as u64);
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
        rows.push(ConditionResult::new(*condition, &probabilities, &labels));
        // The first condition leaves the pictures unchanged.
        evaluation.get_or_insert_with(|| Evaluation::new(&probabilities, &labels));
    }
    bar.finish_and_clear();
    let evaluation = evaluation.unwrap_or_else(|| Evaluation::new(&[], &[]));
    let report_of_conditions = args.conditions.then(|| ConditionsReport::new(rows));

    let views = if args.tta { "picture and mirror image" } else { "single picture" };
    let report = json!({
        "weights": { "name": loaded.name, "sha256": loaded.sha256, "input_size": loaded.weights.input_size(),
                     "temperature": temperature, "assumed": loaded.weights.assumed() },
        "data": { "path": args.data.data.display().to_string(), "split": args.split, "sha256": split.hash(),
                  "skipped": data.skipped.len(), "excluded": data.excluded },
        "every": args.every,
        "views": views,
        "result": evaluation,
        "conditions": report_of_conditions,
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
        write!(out, "{}", evaluation.summary())?;
        if let Some(conditions) = &report_of_conditions {
            write!(out, "\n{}", conditions.text())?;
        }
    }
    if let Some(dir) = &args.out {
        let title = format!("{}, {}", loaded.name, args.split);
        let mut files = write_evaluation(dir, &evaluation, &title)?;
        let path = dir.join(REPORT_JSON);
        write_atomically(&path, text.as_bytes())?;
        files.push(path);
        if let Some(conditions) = &report_of_conditions {
            files.extend(write_conditions(dir, conditions, &title)?);
        }
        if !args.json {
            for file in files {
                writeln!(out, "wrote {}", file.display())?;
            }
        }
    }
    if let (Some(card), Some(conditions)) = (&args.write_card, &report_of_conditions) {
        let folder =
            args.data.data.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let measured = format!("{folder}: {} {} pictures, SHA-256 {}", split.len(), args.split, split.hash());
        let mut weights = loaded.weights;
        conditions.table(&measured).write_to(&mut weights.metadata);
        write_safetensors(&weights, card, StoredAs::exactly(&weights))?;
        if !args.json {
            writeln!(out, "wrote {}", card.display())?;
        }
    }
    Ok(if data.skipped.is_empty() { DONE } else { SOME_FAILED })
}

/// Refuses before any work what would cost the user a file.
fn check_outputs(args: &EvaluateArgs) -> anyhow::Result<()> {
    let mut outputs = Vec::new();
    if let Some(dir) = &args.out {
        let conditions = if args.conditions { &CONDITIONS_FILES[..] } else { &[] };
        let names = [REPORT_JSON].iter().chain(&EVALUATION_FILES).chain(conditions);
        outputs.extend(names.map(|name| dir.join(name)));
    }
    if let Some(card) = &args.write_card {
        require_safetensors(card)?;
        // The weights themselves may be written again with their table.
        let same = |a: &Path, b: &Path| matches!((FileId::of(a), FileId::of(b)), (Ok(a), Ok(b)) if a == b);
        if !same(card, &args.weights) {
            outputs.push(card.clone());
        }
    }
    args.overwrite.check(&outputs, args.data.paths().chain([args.weights.as_path()]))
}

/// Precision, recall (the class's accuracy), F1 and support of the classes that are there.
fn class_table(evaluation: &Evaluation) -> serde_json::Map<String, serde_json::Value> {
    let matrix = &evaluation.confusion;
    matrix.present().map(|class| (class.name().to_owned(), json!(matrix.class(class)))).collect()
}

/// Set by Ctrl-C.
pub(super) fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).context("Ctrl-C")?;
    Ok(stopped)
}

/// A bar over so many pictures, on standard error.
pub(super) fn pictures_bar(pictures: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} pictures, {per_sec}, {eta} left {msg}");
    ProgressBar::new(pictures as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The output is safetensors, so its name must end in .safetensors.
pub(super) fn require_safetensors(path: &Path) -> anyhow::Result<()> {
    if path.extension().is_none_or(|e| !e.eq_ignore_ascii_case("safetensors")) {
        bail!("{}: expected a name that ends in .safetensors, the format that is written", path.display());
    }
    Ok(())
}
