//! The end of a run: the best weights, calibrated, measured and written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use half::f16;
use moue_model::{Expression, MEAN, STD, StoredAs, read_safetensors, write_safetensors};

use super::TrainError;
use super::checkpoint::RunState;
use super::data::Split;
use super::run::{BEST_FILE, RunOptions, WEIGHTS_FILE};
use crate::eval::{EvalError, Evaluation, Predictor, fit_temperature, softmax, write_evaluation};

/// A finished network.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The weights file.
    pub path: PathBuf,
    /// Measured with the file's own weights and temperature, one picture each.
    pub validation: Evaluation,
    /// What the logits are divided by.
    pub temperature: f32,
}

/// Calibrates the best weights on validation, measures them as they are written, and writes them.
pub(super) fn finish(
    out: &Path,
    val: &Split,
    state: &RunState,
    options: &RunOptions,
) -> Result<Finished, TrainError> {
    let mut weights = read_safetensors(&out.join(BEST_FILE))?;
    if options.half {
        // What is measured is what is written.
        for tensor in weights.tensors.values_mut() {
            for value in &mut tensor.values {
                *value = f16::from_f32(*value).to_f32();
            }
        }
    }
    let mut predictor = Predictor::new(&weights, options.threads)?;
    let logits = predictor.logits(val, false, |_| true)?;
    let labels: Vec<Expression> = val.samples.iter().map(|s| s.label).collect();
    let temperature = fit_temperature(&logits, &labels);
    let probabilities: Vec<_> = logits.iter().map(|l| softmax(l, temperature)).collect();
    let validation = Evaluation::new(&probabilities, &labels);
    let measured = [
        ("temperature", format!("{temperature:.4}")),
        ("val_accuracy", format!("{:.4}", validation.accuracy)),
        ("val_macro_f1", format!("{:.4}", validation.macro_mean.f1)),
        ("val_ece", format!("{:.4}", validation.calibration.expected_error)),
        ("epochs_trained", state.epoch.to_string()),
    ];
    weights.metadata.extend(measured.map(|(key, value)| (key.to_owned(), value)));
    let path = out.join(WEIGHTS_FILE);
    let stored = if options.half { StoredAs::F16 } else { StoredAs::F32 };
    write_safetensors(&weights, &path, stored)?;
    let title = format!("{}, val", options.data_name);
    write_evaluation(&out.join("val"), &validation, &title).map_err(|e| match e {
        EvalError::Unwritable { path, reason } => TrainError::Unwritable { path, reason },
        EvalError::Plot(e) => TrainError::Unwritable { path: out.join("val"), reason: e.to_string() },
    })?;
    Ok(Finished { path, validation, temperature })
}

/// What a weights file says of itself before it is calibrated.
pub(super) fn metadata(state: &RunState, options: &RunOptions, epoch: usize) -> BTreeMap<String, String> {
    let recipe = &state.recipe;
    let list = |values: [f32; 3]| values.map(|v| v.to_string()).join(",");
    let entries = [
        ("architecture", "AttentionEmotionNet".to_owned()),
        ("blocks", recipe.blocks.to_string()),
        ("classes", Expression::ALL.map(Expression::name).join(",")),
        ("input_size", recipe.size.to_string()),
        ("mean", list(MEAN)),
        ("std", list(STD)),
        ("temperature", "1".to_owned()),
        ("training_data", options.data_name.clone()),
        ("training_data_sha256", state.train_sha256.clone()),
        ("validation_data_sha256", state.val_sha256.clone()),
        ("split_protocol", "trained on train, epoch and temperature chosen on val, test not read".to_owned()),
        ("began_with", state.began_with.clone().unwrap_or_else(|| "random weights".to_owned())),
        ("seed", recipe.seed.to_string()),
        ("epoch", epoch.to_string()),
        ("recipe", serde_json::to_string(recipe).unwrap_or_default()),
        ("program", concat!("moue ", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
