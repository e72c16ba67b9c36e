//! Calibrates a network's probabilities on validation pictures that repeat no training photo.

use half::f16;
use moue_model::{ConditionsTable, Expression, ModelError, NetworkWeights, Probabilities, softmax};
use serde::Serialize;

use super::class_scaling::ClassScaling;
use super::predict::Predictor;
use super::{Calibration, Evaluation, fit_temperature};
use crate::data::Split;

/// Fewest pictures of each class for a scale and a bias of its own: half of them must do for one fold.
const FEWEST_OF_A_CLASS: usize = 20;
/// Fewest pictures that are no repeats; where there are fewer, all are fitted on.
const FEWEST_NEW: usize = 100;

type Logits = [f32; Expression::COUNT];

/// What the probabilities are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CalibrationMethod {
    /// One temperature for all logits.
    Temperature,
    /// A scale and a bias for each class, see [`ClassScaling`].
    Classes,
}

/// What two folds show of a method: each half's probabilities come from a fit on the other half.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldOut {
    /// Mean negative log-likelihood of the labels.
    pub log_loss: f64,
    /// Expected calibration error.
    pub expected_error: f64,
    /// See [`Calibration::perfect_band`].
    pub perfect_band: [f64; 2],
    /// Share that is recognised.
    pub accuracy: f64,
    /// Mean F1 of the classes.
    pub macro_f1: f64,
}

impl HeldOut {
    fn new(probabilities: &[Probabilities], labels: &[Expression]) -> Self {
        let Evaluation { log_loss, accuracy, macro_mean, calibration, .. } =
            Evaluation::new(probabilities, labels);
        let Calibration { expected_error, perfect_band, .. } = calibration;
        Self { log_loss, expected_error, perfect_band, accuracy, macro_f1: macro_mean.f1 }
    }
}

/// A fitted temperature, and scales and biases if they are better.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FittedCalibration {
    /// What is used.
    pub method: CalibrationMethod,
    /// Why, in a sentence.
    pub reason: String,
    /// Pictures that it was fitted on.
    pub pictures: usize,
    /// The best single temperature.
    pub temperature: f32,
    /// Scales and biases, where they could be fitted.
    pub classes: Option<ClassScaling>,
    /// What two folds show of the temperature.
    pub held_out_temperature: HeldOut,
    /// What two folds show of scales and biases.
    pub held_out_classes: Option<HeldOut>,
}

impl FittedCalibration {
    /// Fits both methods and takes scales and biases if they have the lower log loss in two folds, each fitted on one half
    /// and measured on the other. The halves take turns within each class, in the pictures' order.
    #[must_use]
    pub fn new(logits: &[Logits], labels: &[Expression]) -> Self {
        let folds = folds(labels);
        let held_out_temperature = held_out(logits, labels, &folds, |l, y| {
            let t = fit_temperature(l, y);
            Some(move |l: &Logits| softmax(l, t))
        })
        // A temperature can always be fitted.
        .unwrap_or_else(|| HeldOut::new(&[], &[]));
        let temperature = fit_temperature(logits, labels);
        let mut fitted = Self {
            method: CalibrationMethod::Temperature,
            reason: String::new(),
            pictures: labels.len(),
            temperature,
            classes: None,
            held_out_temperature,
            held_out_classes: None,
        };
        let few = Expression::ALL
            .into_iter()
            .find(|class| labels.iter().filter(|l| *l == class).count() < FEWEST_OF_A_CLASS);
        if let Some(class) = few {
            fitted.reason =
                format!("fewer than {FEWEST_OF_A_CLASS} pictures of {class}, too few for a bias of its own");
            return fitted;
        }
        let scaling = |l: &[Logits], y: &[Expression]| ClassScaling::fit(l, y, fit_temperature(l, y));
        fitted.held_out_classes = held_out(logits, labels, &folds, |l, y| {
            scaling(l, y).map(|s| move |l: &Logits| s.probabilities(l))
        });
        fitted.classes = scaling(logits, labels);
        let before = fitted.held_out_temperature.log_loss;
        match (&fitted.held_out_classes, &fitted.classes) {
            (Some(after), Some(_)) if after.log_loss < before => {
                fitted.method = CalibrationMethod::Classes;
                fitted.reason = format!(
                    "in two folds the log loss is {:.4} with scales and biases, {before:.4} with a temperature",
                    after.log_loss
                );
            }
            (Some(after), Some(_)) => {
                fitted.reason = format!(
                    "in two folds the log loss is {before:.4} with a temperature, {:.4} with scales and biases",
                    after.log_loss
                );
            }
            _ => fitted.reason = "a class's logit does not rise with its class".to_owned(),
        }
        fitted
    }

    /// Puts it into the network: scales and biases into the last layer, a temperature into the metadata, which also get a
    /// sentence about it, as `calibration`.
    pub fn apply(&self, weights: &mut NetworkWeights) {
        let what = match (self.method, &self.classes) {
            (CalibrationMethod::Classes, Some(classes)) => {
                classes.fold_into(weights);
                let list = |v: [f64; Expression::COUNT]| v.map(|v| format!("{v:.3}")).join(" ");
                format!(
                    "scales {} and biases {} of the classes' logits, within the last layer",
                    list(classes.scale),
                    list(classes.bias)
                )
            }
            _ => {
                weights.metadata.insert("temperature".to_owned(), format!("{:.4}", self.temperature));
                "one temperature".to_owned()
            }
        };
        let text = format!("{what}; fitted on {} validation pictures; {}", self.pictures, self.reason);
        weights.metadata.insert("calibration".to_owned(), text);
    }
}

/// Which half each picture belongs to.
fn folds(labels: &[Expression]) -> Vec<bool> {
    let mut seen = [false; Expression::COUNT];
    let mut turn = |label: &Expression| {
        let seen = &mut seen[label.index()];
        *seen = !*seen;
        *seen
    };
    labels.iter().map(&mut turn).collect()
}

/// Fits on each half, and measures all pictures with what was fitted on the half that they are not in.
fn held_out<F: Fn(&Logits) -> Probabilities>(
    logits: &[Logits],
    labels: &[Expression],
    folds: &[bool],
    fit: impl Fn(&[Logits], &[Expression]) -> Option<F>,
) -> Option<HeldOut> {
    let of_half = |half: bool| {
        let rows = logits.iter().zip(labels).zip(folds).filter(|(_, f)| **f == half);
        let (l, y): (Vec<Logits>, Vec<Expression>) = rows.map(|((l, y), _)| (*l, *y)).unzip();
        fit(&l, &y)
    };
    let (first, second) = (of_half(true)?, of_half(false)?);
    let p: Vec<Probabilities> =
        logits.iter().zip(folds).map(|(l, f)| if *f { second(l) } else { first(l) }).collect();
    Some(HeldOut::new(&p, labels))
}

/// A calibrated network, measured as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibratedNetwork {
    /// The weights, their metadata with temperature, calibration and validation figures.
    pub weights: NetworkWeights,
    /// How.
    pub calibration: FittedCalibration,
    /// All validation pictures.
    pub validation: Evaluation,
    /// Without those that repeat training photos, where there are such.
    pub without_repeats: Option<Evaluation>,
}

/// Calibrates the network on the pictures of `val` that are not `repeated` (or on all, where hardly any are left) and
/// measures it on all of them; figures of other measurements go from its metadata. With `half` its numbers are first rounded to 16 bits, as they will be written, and
/// its last layer again afterwards. `progress` hears how many of twice the pictures are done and returns whether to go on; `None` where it
/// did not.
///
/// # Errors
/// As [`Predictor::logits`].
///
/// # Panics
/// When `repeated` has not the length of `val`.
pub fn calibrate_network(
    mut weights: NetworkWeights,
    val: &Split,
    repeated: &[bool],
    half: bool,
    threads: usize,
    mut progress: impl FnMut(usize) -> bool,
) -> Result<Option<CalibratedNetwork>, ModelError> {
    assert_eq!(repeated.len(), val.len());
    let round = |weights: &mut NetworkWeights| {
        let values = weights.tensors.values_mut().flat_map(|t| &mut t.values);
        values.for_each(|v| *v = f16::from_f32(*v).to_f32());
    };
    if half {
        round(&mut weights);
    }
    let labels: Vec<Expression> = val.samples.iter().map(|s| s.label).collect();
    let logits = Predictor::new(&weights, threads)?.logits(val, false, &mut progress)?;
    if logits.len() < val.len() {
        return Ok(None);
    }
    let new = repeated.iter().filter(|r| !**r).count();
    let fit_all = new < FEWEST_NEW;
    let rows = logits.iter().zip(&labels).zip(repeated).filter(|(_, r)| fit_all || !**r);
    let (l, y): (Vec<Logits>, Vec<Expression>) = rows.map(|((l, y), _)| (*l, *y)).unzip();
    let calibration = FittedCalibration::new(&l, &y);
    // What was measured before holds no longer.
    let measured = |key: &str| ["val_", "validation_", "test_"].iter().any(|split| key.starts_with(split));
    weights.metadata.retain(|key, _| !measured(key) && !ConditionsTable::is_key(key));
    calibration.apply(&mut weights);
    if half {
        round(&mut weights);
    }

    let logits = Predictor::new(&weights, threads)?.logits(val, false, |done| progress(val.len() + done))?;
    if logits.len() < val.len() {
        return Ok(None);
    }
    let temperature = weights.temperature();
    let probabilities: Vec<Probabilities> = logits.iter().map(|l| softmax(l, temperature)).collect();
    let validation = Evaluation::new(&probabilities, &labels);
    let without_repeats = (0 < new && new < val.len()).then(|| {
        let rows = probabilities.iter().zip(&labels).zip(repeated).filter(|(_, r)| !**r);
        let (p, y): (Vec<Probabilities>, Vec<Expression>) = rows.map(|((p, y), _)| (*p, *y)).unzip();
        Evaluation::new(&p, &y)
    });
    let mut note = |prefix: &str, e: &Evaluation| {
        let [low, high] = e.calibration.perfect_band;
        let figures = [
            ("accuracy", format!("{:.4}", e.accuracy)),
            ("macro_f1", format!("{:.4}", e.macro_mean.f1)),
            ("ece", format!("{:.4}", e.calibration.expected_error)),
            ("ece_debiased", format!("{:.4}", e.calibration.debiased_error)),
            ("ece_if_perfect", format!("{low:.4} to {high:.4}")),
        ];
        weights.metadata.extend(figures.map(|(key, value)| (format!("{prefix}_{key}"), value)));
    };
    note("val", &validation);
    if let Some(e) = &without_repeats {
        note("val_without_repeats", e);
    }
    Ok(Some(CalibratedNetwork { weights, calibration, validation, without_repeats }))
}

#[cfg(test)]
mod tests {
    use super::super::class_scaling::tests::{BIASED, drawn};
    use super::*;

    #[test]
    fn biased_classes_get_scales_and_biases_and_a_plain_network_keeps_its_temperature() {
        let (logits, labels) = drawn(3000, 11, &BIASED);
        let fitted = FittedCalibration::new(&logits, &labels);
        assert_eq!(fitted.method, CalibrationMethod::Classes, "{fitted:?}");
        let after = fitted.held_out_classes.as_ref().unwrap();
        assert!(after.log_loss < fitted.held_out_temperature.log_loss - 0.02, "{fitted:?}");
        assert!(after.accuracy > fitted.held_out_temperature.accuracy, "{fitted:?}");

        // Where the truth is one temperature, 14 numbers from few pictures cannot be better but by chance.
        let plain = ClassScaling { scale: [0.7; 7], bias: [0.0; 7] };
        let kept = (0..10).filter(|seed| {
            let (logits, labels) = drawn(500, 50 + seed, &plain);
            FittedCalibration::new(&logits, &labels).method == CalibrationMethod::Temperature
        });
        let kept = kept.count();
        assert!(kept >= 8, "{kept}");
    }

    #[test]
    fn a_class_with_few_pictures_keeps_the_temperature_and_is_named() {
        let (mut logits, mut labels) = drawn(2000, 4, &BIASED);
        let mut fear = 0;
        let kept: Vec<bool> = labels
            .iter()
            .map(|l| {
                fear += usize::from(*l == Expression::Fear);
                *l != Expression::Fear || fear < FEWEST_OF_A_CLASS
            })
            .collect();
        let mut keep = kept.iter();
        logits.retain(|_| *keep.next().unwrap());
        let mut keep = kept.iter();
        labels.retain(|_| *keep.next().unwrap());
        let fitted = FittedCalibration::new(&logits, &labels);
        assert_eq!((fitted.method, fitted.classes), (CalibrationMethod::Temperature, None));
        assert!(fitted.reason.contains("fear"), "{}", fitted.reason);
        let nothing = FittedCalibration::new(&[], &[]);
        assert_eq!(nothing.method, CalibrationMethod::Temperature);
    }

    #[test]
    fn halves_take_turns_within_each_class() {
        let [a, d, ..] = Expression::ALL;
        assert_eq!(folds(&[a, d, a, a, d]), [true, true, false, true, false]);
    }
}
