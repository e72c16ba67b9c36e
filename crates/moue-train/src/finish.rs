//! The end of a run: the best weights, calibrated, measured and written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use moue_model::{Expression, MEAN, STD, StoredAs, read_safetensors, write_safetensors};

use super::TrainError;
use super::checkpoint::RunState;
use super::data::{Split, repeats};
use super::history::EpochRow;
use super::run::{BEST_FILE, RunOptions, WEIGHTS_FILE};
use crate::eval::{CalibrationMethod, EvalError, Evaluation, calibrate_network, write_evaluation};

/// A finished network.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The weights file.
    pub path: PathBuf,
    /// Measured with the file's own weights and temperature, one picture each.
    pub validation: Evaluation,
    /// What the logits are divided by.
    pub temperature: f32,
    /// How it was calibrated.
    pub method: CalibrationMethod,
    /// Validation pictures that repeat training photos, and what the others give.
    pub without_repeats: Option<(usize, Evaluation)>,
}

/// Calibrates the best weights on the validation pictures that do not repeat training photos, measures them as they are
/// written, and writes them.
pub(super) fn finish(
    out: &Path,
    train: &Split,
    val: &Split,
    state: &RunState,
    options: &RunOptions,
) -> Result<Finished, TrainError> {
    let best = read_safetensors(&out.join(BEST_FILE))?;
    let repeated: Vec<bool> = repeats(val, train).iter().map(Option::is_some).collect();
    let count = repeated.iter().filter(|r| **r).count();
    let calibrated = calibrate_network(best, val, &repeated, options.half, options.threads, |_| true)?;
    // Not reached: the progress function above never stops it.
    let Some(calibrated) = calibrated else {
        return Err(TrainError::Unwritable { path: out.join(WEIGHTS_FILE), reason: "stopped".into() });
    };
    let (mut weights, validation) = (calibrated.weights, calibrated.validation);
    weights.metadata.insert("epochs_trained".to_owned(), state.epoch.to_string());
    let path = out.join(WEIGHTS_FILE);
    let stored = if options.half { StoredAs::F16 } else { StoredAs::F32 };
    write_safetensors(&weights, &path, stored)?;
    let title = format!("{}, val", options.data_name);
    write_evaluation(&out.join("val"), &validation, &title).map_err(|e| match e {
        EvalError::Unwritable { path, reason } => TrainError::Unwritable { path, reason },
        EvalError::Plot(e) => TrainError::Unwritable { path: out.join("val"), reason: e.to_string() },
    })?;
    Ok(Finished {
        path,
        validation,
        temperature: weights.temperature(),
        method: calibrated.calibration.method,
        without_repeats: calibrated.without_repeats.map(|e| (count, e)),
    })
}

/// What a weights file says of itself before it is calibrated.
pub(super) fn metadata(state: &RunState, options: &RunOptions, row: &EpochRow) -> BTreeMap<String, String> {
    let recipe = &state.recipe;
    let list = |values: [f32; 3]| values.map(|v| v.to_string()).join(",");
    let entries = [
        ("architecture", "AttentionEmotionNet".to_owned()),
        ("blocks", recipe.blocks.to_string()),
        ("classes", Expression::ALL.map(Expression::name).join(",")),
        ("input_size", row.size.to_string()),
        ("mean", list(MEAN)),
        ("std", list(STD)),
        ("temperature", "1".to_owned()),
        ("training_data", options.data_name.clone()),
        ("training_data_sha256", state.train_sha256.clone()),
        ("validation_data_sha256", state.val_sha256.clone()),
        ("split_protocol", "trained on train, epoch and temperature chosen on val, test not read".to_owned()),
        ("began_with", state.began_with.clone().unwrap_or_else(|| "random weights".to_owned())),
        ("seed", recipe.seed.to_string()),
        ("epoch", row.epoch.to_string()),
        ("recipe", serde_json::to_string(recipe).unwrap_or_default()),
        ("program", concat!("moue ", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    let teachers = (!state.teachers.is_empty()).then(|| ("teachers", state.teachers.join("; ")));
    entries.into_iter().chain(teachers).map(|(key, value)| (key.to_owned(), value)).collect()
}
