//! Measures a trained network on a labelled data set.

mod affine;
mod calibrate;
mod calibration;
mod class_scaling;
mod conditions;
mod confusion;
pub mod degrade;
mod files;
pub mod plots;
mod predict;
mod report;

pub(crate) use affine::{Affine, Outside};
pub use calibrate::{CalibratedNetwork, CalibrationMethod, FittedCalibration, HeldOut, calibrate_network};
pub use calibration::{Calibration, CalibrationBin, ECE_BINS, fit_temperature};
pub use class_scaling::ClassScaling;
pub use conditions::{Condition, ConditionResult, ConditionsReport, MeanOfChanged};
pub use confusion::{ClassScores, ConfusionMatrix, MeanScores};
pub use files::{CONDITIONS_FILES, EVALUATION_FILES, EvalError, png, write_atomically};
pub use files::{write_conditions, write_evaluation};
pub use moue_model::{Probabilities, softmax};
pub use plots::contact_sheet;
pub use predict::Predictor;
pub use report::{Evaluation, classification_report};
