//! Measures a trained network on a labelled data set.

mod calibration;
mod confusion;
mod files;
pub mod plots;
mod predict;
mod report;

pub use calibration::{Calibration, CalibrationBin, ECE_BINS, fit_temperature};
pub use confusion::{ClassScores, ConfusionMatrix, MeanScores};
pub use files::{EvalError, write_evaluation};
pub use files::{png, write_atomically};
pub use moue_model::{Probabilities, softmax};
pub use plots::contact_sheet;
pub use predict::Predictor;
pub use report::{Evaluation, classification_report};
