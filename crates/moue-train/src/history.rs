//! What a run measured, epoch by epoch: `metrics.csv` and the learning curves.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::eval::plots::{Curve, CurvePanel, curves};
use crate::eval::{EvalError, png, write_atomically};

/// A row an epoch.
pub const METRICS_FILE: &str = "metrics.csv";
/// Loss, accuracy and rate over the epochs.
pub const CURVES_FILE: &str = "curves.png";

/// One epoch's figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// From 1.
    pub epoch: usize,
    /// Input width and height in pixels.
    pub size: usize,
    /// Steps since the run began.
    pub steps: usize,
    /// The last step's learning rate.
    pub learning_rate: f64,
    /// Mean loss on the varied and mixed pictures.
    pub train_loss: f64,
    /// Share of them that was recognised.
    pub train_accuracy: f64,
    /// Mean negative log-likelihood on validation, of the weights that are kept.
    pub val_loss: f64,
    /// Share of validation that is recognised.
    pub val_accuracy: f64,
    /// Macro F1 on validation.
    pub val_macro_f1: f64,
    /// Training pictures a second.
    pub pictures_per_s: f64,
    /// Seconds of the epoch, validation not counted.
    pub seconds: f64,
}

/// Writes `metrics.csv` and `curves.png` anew, each whole or not at all.
///
/// # Errors
/// [`TrainError::Unwritable`], naming the file.
pub fn write_history(dir: &Path, rows: &[EpochRow]) -> Result<(), TrainError> {
    let unwritable = |path: &Path, reason: String| TrainError::Unwritable { path: path.to_owned(), reason };
    let write = |path: &Path, bytes: &[u8]| {
        write_atomically(path, bytes).map_err(|e| match e {
            EvalError::Unwritable { path, reason } => TrainError::Unwritable { path, reason },
            EvalError::Plot(e) => unwritable(path, e.to_string()),
        })
    };
    let path = dir.join(METRICS_FILE);
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in rows {
        table.serialize(row).map_err(|e| unwritable(&path, e.to_string()))?;
    }
    let bytes = table.into_inner().map_err(|e| unwritable(&path, e.to_string()))?;
    write(&path, &bytes)?;

    let curve = |name: &str, value: fn(&EpochRow) -> f64| Curve {
        name: name.to_owned(),
        points: rows.iter().map(|r| (r.epoch as f64, value(r))).collect(),
    };
    let panel = |title: &str, curves: Vec<Curve>| CurvePanel { title: title.to_owned(), curves };
    let panels = [
        panel("loss", vec![curve("training", |r| r.train_loss), curve("validation", |r| r.val_loss)]),
        panel(
            "accuracy",
            vec![curve("training", |r| r.train_accuracy), curve("validation", |r| r.val_accuracy)],
        ),
        panel("learning rate", vec![curve("rate", |r| r.learning_rate)]),
    ];
    let path = dir.join(CURVES_FILE);
    let picture = curves("Learning curves", &panels).map_err(|e| unwritable(&path, e.to_string()))?;
    let bytes = png(&picture).map_err(|e| unwritable(&path, e.to_string()))?;
    write(&path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_an_epoch_and_a_picture() {
        let dir = tempfile::tempdir().unwrap();
        let row = |epoch| EpochRow {
            epoch,
            size: 96,
            steps: epoch * 10,
            learning_rate: 0.1,
            train_loss: 2.0 / epoch as f64,
            train_accuracy: 0.5,
            val_loss: 1.5,
            val_accuracy: 0.4,
            val_macro_f1: 0.3,
            pictures_per_s: 100.0,
            seconds: 3.0,
        };
        write_history(dir.path(), &[row(1), row(2)]).unwrap();
        let text = std::fs::read_to_string(dir.path().join("metrics.csv")).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(text.starts_with("epoch,size,steps,learning_rate,train_loss,"), "{text}");
        assert!(dir.path().join("curves.png").is_file());
    }
}
