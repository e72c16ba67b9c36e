//! How a network reads when light, focus, distance and pose are a webcam's and not its training data's.
//!
//! Each face of a split is changed at 48x48, the size that live faces are reduced to, and rounded to 8 bits as cameras do.
//! Where a condition has something to choose (a side, a strength within its range, the noise), the numbers come from the
//! face's own pixels and the condition's name: the same picture is always changed in the same way, whatever its file is
//! called and whichever pictures are measured with it.

use std::fmt::Write as _;

use image::RgbImage;
use moue_model::{ConditionFigures, ConditionsTable, Expression, Probabilities, TRAINING_FACE_PX};
use rand::{Rng, RngExt as _};
use rand_pcg::Pcg64Mcg;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::degrade::{add_noise, blur, compress, cover, expose, light_from_side, shrink};
use super::plots::{ConditionBar, PlotError, condition_bars};
use super::{Affine, Evaluation, Outside};
use crate::data::Split;

/// A way in which a webcam's picture differs from the training data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Nothing is changed.
    Clean,
    /// Noise of standard deviation 0.05, of white.
    LightNoise,
    /// Noise of standard deviation 0.10.
    StrongNoise,
    /// A fifth to a third of the light.
    Dark,
    /// A fifth to a third of the light, then noise of standard deviation 0.04.
    DarkNoisy,
    /// Light from the left or right, up to 25 degrees from above or below: 1.2 times on that side, 0.3 times on the other.
    SideLight,
    /// Out of focus: a Gaussian of 1 pixel.
    Blurred,
    /// 24x24 pixels.
    HalfResolution,
    /// JPEG of quality 20.
    Compressed,
    /// Turned by 20 degrees to either side.
    #[serde(rename = "turned_20")]
    Turned20,
    /// Turned by 30 degrees to either side.
    #[serde(rename = "turned_30")]
    Turned30,
    /// Framed 1.3 times nearer.
    Nearer,
    /// Framed 1.3 times farther; the edge's pixels are repeated around it.
    Farther,
    /// A hand or mask over the lower two fifths, four fifths wide, of one tone between 0.4 and 0.7.
    LowerFaceCovered,
}

impl Condition {
    /// All of them, the unchanged pictures first.
    pub const ALL: [Self; 14] = [
        Self::Clean,
        Self::LightNoise,
        Self::StrongNoise,
        Self::Dark,
        Self::DarkNoisy,
        Self::SideLight,
        Self::Blurred,
        Self::HalfResolution,
        Self::Compressed,
        Self::Turned20,
        Self::Turned30,
        Self::Nearer,
        Self::Farther,
        Self::LowerFaceCovered,
    ];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::LightNoise => "light_noise",
            Self::StrongNoise => "strong_noise",
            Self::Dark => "dark",
            Self::DarkNoisy => "dark_noisy",
            Self::SideLight => "side_light",
            Self::Blurred => "blurred",
            Self::HalfResolution => "half_resolution",
            Self::Compressed => "compressed",
            Self::Turned20 => "turned_20",
            Self::Turned30 => "turned_30",
            Self::Nearer => "nearer",
            Self::Farther => "farther",
            Self::LowerFaceCovered => "lower_face_covered",
        }
    }

    /// The same in plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Clean => "Unchanged",
            Self::LightNoise => "A little noise",
            Self::StrongNoise => "Much noise",
            Self::Dark => "Dark",
            Self::DarkNoisy => "Dark and noisy",
            Self::SideLight => "Light from one side",
            Self::Blurred => "Out of focus",
            Self::HalfResolution => "Half the resolution",
            Self::Compressed => "Strongly compressed",
            Self::Turned20 => "Turned by 20°",
            Self::Turned30 => "Turned by 30°",
            Self::Nearer => "Nearer",
            Self::Farther => "Farther away",
            Self::LowerFaceCovered => "Lower face covered",
        }
    }

    /// The face as it looks under this condition, `[48, 48]` grey.
    ///
    /// # Panics
    /// When `face` is not 48x48.
    #[must_use]
    pub fn change(self, face: &[u8]) -> Vec<u8> {
        assert_eq!(face.len(), TRAINING_FACE_PX * TRAINING_FACE_PX);
        if self == Self::Clean {
            return face.to_vec();
        }
        let mut rng = self.generator(face);
        let mut picture: Vec<f32> = face.iter().map(|v| f32::from(*v) / 255.0).collect();
        let p = picture.as_mut_slice();
        match self {
            Self::Clean => {}
            Self::LightNoise => add_noise(p, 0.05, &mut rng),
            Self::StrongNoise => add_noise(p, 0.10, &mut rng),
            Self::Dark => darken(p, &mut rng),
            Self::DarkNoisy => {
                darken(p, &mut rng);
                add_noise(p, 0.04, &mut rng);
            }
            Self::SideLight => {
                let side = if rng.random_bool(0.5) { 0.0 } else { 180.0 };
                light_from_side(p, side + rng.random_range(-25.0..=25.0f32), 1.2, 0.3);
            }
            Self::Blurred => blur(p, 1.0),
            Self::HalfResolution => shrink(p, TRAINING_FACE_PX / 2),
            Self::Compressed => {
                if let Err(e) = compress(p, 20) {
                    // Greys of 48x48 can always be encoded; were it otherwise, the picture counts as it is.
                    tracing::error!("a picture cannot be compressed: {e}");
                }
            }
            Self::Turned20 => frame(p, either(20.0, &mut rng), 1.0),
            Self::Turned30 => frame(p, either(30.0, &mut rng), 1.0),
            Self::Nearer => frame(p, 0.0, 1.3),
            Self::Farther => frame(p, 0.0, 1.0 / 1.3),
            Self::LowerFaceCovered => cover(p, [0.1, 0.6], [0.8, 0.4], rng.random_range(0.4..=0.7)),
        }
        picture.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect()
    }

    /// All faces of a split under this condition.
    #[must_use]
    pub fn change_all(self, split: &Split) -> Split {
        let mut changed = Split::default();
        for (i, sample) in split.samples.iter().enumerate() {
            changed.push(sample.clone(), &self.change(split.face(i)));
        }
        changed
    }

    /// A generator for this face and condition only.
    fn generator(self, face: &[u8]) -> Pcg64Mcg {
        let mut hash = Sha256::new();
        hash.update(self.name());
        hash.update(face);
        let digest: [u8; 32] = hash.finalize().into();
        let (seed, _) = digest.split_at(16);
        Pcg64Mcg::new(seed.iter().fold(0, |n, byte| n << 8 | u128::from(*byte)))
    }
}

fn darken(picture: &mut [f32], rng: &mut impl Rng) {
    expose(picture, rng.random_range(0.2..=0.33), 1.0);
}

fn either(degrees: f32, rng: &mut impl Rng) -> f32 {
    if rng.random_bool(0.5) { degrees } else { -degrees }
}

/// Turned and enlarged around the middle.
fn frame(picture: &mut [f32], degrees: f32, scale: f32) {
    let source = picture.to_vec();
    let side = TRAINING_FACE_PX;
    Affine::new(degrees, scale, false, [0.0; 2]).resample(&source, side, side, Outside::Edge, picture);
}

/// What was measured under one condition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionResult {
    /// Which.
    pub condition: Condition,
    /// The same in plain words.
    pub words: &'static str,
    /// Share that is recognised, 0 to 1.
    pub accuracy: f64,
    /// Mean F1 of the classes.
    pub macro_f1: f64,
    /// Mean highest probability: how sure the network is.
    pub confidence: f64,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// That error less what chance adds.
    pub debiased_calibration_error: f64,
    /// Where a perfectly calibrated network's error would lie, see [`super::Calibration::perfect_band`].
    pub perfect_band: [f64; 2],
    /// Mean negative log-likelihood of the labels.
    pub log_loss: f64,
    /// The class that is read most often.
    pub most_read: &'static str,
    /// In which share of the pictures.
    pub most_read_share: f64,
}

impl ConditionResult {
    /// From the probabilities and labels of the same pictures.
    #[must_use]
    pub fn new(condition: Condition, probabilities: &[Probabilities], labels: &[Expression]) -> Self {
        let e = Evaluation::new(probabilities, labels);
        let count = probabilities.len().max(1) as f64;
        let read = |class: Expression| e.confusion.counts.iter().map(|row| row[class.index()]).sum::<u64>();
        // The first of several.
        let most = Expression::ALL.into_iter().rev().max_by_key(|c| read(*c)).unwrap_or(Expression::Angry);
        let sure = probabilities.iter().map(|p| f64::from(Expression::most_probable(p).1)).sum::<f64>();
        Self {
            condition,
            words: condition.words(),
            accuracy: e.accuracy,
            macro_f1: e.macro_mean.f1,
            confidence: sure / count,
            calibration_error: e.calibration.expected_error,
            debiased_calibration_error: e.calibration.debiased_error,
            perfect_band: e.calibration.perfect_band,
            log_loss: e.log_loss,
            most_read: most.name(),
            most_read_share: read(most) as f64 / count,
        }
    }
}

/// All conditions' figures of one network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionsReport {
    /// In the order of [`Condition::ALL`].
    pub rows: Vec<ConditionResult>,
    /// Means over all conditions but [`Condition::Clean`], each counting the same.
    pub mean_of_changed: MeanOfChanged,
}

/// Means over the changed conditions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanOfChanged {
    /// Mean share that is recognised.
    pub accuracy: f64,
    /// Mean macro F1.
    pub macro_f1: f64,
    /// Mean confidence.
    pub confidence: f64,
    /// Mean expected calibration error.
    pub calibration_error: f64,
}

impl ConditionsReport {
    /// Puts rows together.
    #[must_use]
    pub fn new(rows: Vec<ConditionResult>) -> Self {
        let mean = |of: fn(&ConditionResult) -> f64| {
            let changed: Vec<f64> = rows.iter().filter(|r| r.condition != Condition::Clean).map(of).collect();
            changed.iter().sum::<f64>() / changed.len().max(1) as f64
        };
        let mean_of_changed = MeanOfChanged {
            accuracy: mean(|r| r.accuracy),
            macro_f1: mean(|r| r.macro_f1),
            confidence: mean(|r| r.confidence),
            calibration_error: mean(|r| r.calibration_error),
        };
        Self { rows, mean_of_changed }
    }

    /// As a table of text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from(
            "condition             accuracy  macro F1  confidence     ECE  if perfect     debiased  most read as\n",
        );
        // Writing to a string cannot fail.
        for r in &self.rows {
            let [low, high] = r.perfect_band;
            let _ = writeln!(
                text,
                "{:<20}  {:>8.4}  {:>8.4}  {:>10.4}  {:.4}  {low:.4}-{high:.4}  {:>7.4}  {} {:.0} %",
                r.words,
                r.accuracy,
                r.macro_f1,
                r.confidence,
                r.calibration_error,
                r.debiased_calibration_error,
                r.most_read,
                100.0 * r.most_read_share
            );
        }
        let MeanOfChanged { accuracy, macro_f1, confidence, calibration_error } = self.mean_of_changed;
        let _ = writeln!(
            text,
            "{:<20}  {accuracy:>8.4}  {macro_f1:>8.4}  {confidence:>10.4}  {calibration_error:.4}",
            "mean of the changed"
        );
        text
    }

    /// As a picture.
    ///
    /// # Errors
    /// [`PlotError`] when the font cannot be drawn.
    pub fn picture(&self, title: &str) -> Result<RgbImage, PlotError> {
        let bar = |words: &str, accuracy, confidence| ConditionBar {
            words: words.to_owned(),
            accuracy,
            confidence,
        };
        let mut bars: Vec<ConditionBar> =
            self.rows.iter().map(|r| bar(r.words, r.accuracy, r.confidence)).collect();
        let mean = &self.mean_of_changed;
        bars.push(bar("Mean of the changed", mean.accuracy, mean.confidence));
        condition_bars(title, &bars)
    }

    /// For a weights file's metadata; `data` says what was measured on.
    #[must_use]
    pub fn table(&self, data: &str) -> ConditionsTable {
        let round = |v: f64| (v * 1e4).round() / 1e4;
        let rows = self.rows.iter().map(|r| ConditionFigures {
            name: r.condition.name().to_owned(),
            words: r.words.to_owned(),
            accuracy: round(r.accuracy),
            macro_f1: round(r.macro_f1),
            confidence: round(r.confidence),
            calibration_error: round(r.calibration_error),
        });
        ConditionsTable { data: data.to_owned(), rows: rows.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tests::{pattern, patterns};

    #[test]
    fn a_picture_is_changed_the_same_way_whatever_it_is_called_and_stands_beside() {
        let split = patterns(2, 1);
        for condition in Condition::ALL {
            let changed = condition.change_all(&split);
            assert_eq!(changed.samples, split.samples);
            for i in [0, 5, 13] {
                assert_eq!(changed.face(i), condition.change(split.face(i)), "{condition:?}");
                assert_eq!(
                    changed.face(i) == split.face(i),
                    condition == Condition::Clean,
                    "{condition:?} {i}"
                );
            }
        }
        // Another picture, another noise.
        let noise = |seed| {
            let face = pattern(Expression::Surprise, seed);
            let noisy = Condition::LightNoise.change(&face);
            noisy.iter().zip(&face).map(|(a, b)| i32::from(*a) - i32::from(*b)).collect::<Vec<_>>()
        };
        assert_ne!(noise(1), noise(2));
    }

    #[test]
    fn conditions_do_what_their_names_say() {
        let face = pattern(Expression::Angry, 3);
        let mean = |face: &[u8]| face.iter().map(|v| f32::from(*v)).sum::<f32>() / face.len() as f32;
        let off = |condition: Condition| {
            let changed = condition.change(&face);
            let sum: f32 =
                changed.iter().zip(&face).map(|(a, b)| (f32::from(*a) - f32::from(*b)).powi(2)).sum();
            (sum / face.len() as f32).sqrt() / 255.0
        };
        assert!((off(Condition::LightNoise) - 0.05).abs() < 0.004, "{}", off(Condition::LightNoise));
        assert!((off(Condition::StrongNoise) - 0.10).abs() < 0.01, "{}", off(Condition::StrongNoise));
        for condition in [Condition::Dark, Condition::DarkNoisy] {
            let share = mean(&condition.change(&face)) / mean(&face);
            assert!((0.19..0.36).contains(&share), "{condition:?}: {share}");
        }
        // Half of the pictures of each class turn to either side.
        let split = patterns(20, 4);
        let left = (0..split.len()).filter(|i| {
            let face = split.face(*i);
            let picture: Vec<f32> = face.iter().map(|v| f32::from(*v) / 255.0).collect();
            let mut turned = picture.clone();
            frame(&mut turned, 20.0, 1.0);
            let turned: Vec<u8> = turned.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
            Condition::Turned20.change(face) == turned
        });
        let left = left.count();
        assert!((45..=95).contains(&left), "{left} of 140");
    }

    #[test]
    fn the_report_takes_the_mean_of_what_was_changed() {
        let sure = |p: f32| -> Probabilities { [p, 1.0 - p, 0.0, 0.0, 0.0, 0.0, 0.0] };
        let [angry, disgust, ..] = Expression::ALL;
        let row = |condition, p: f32| ConditionResult::new(condition, &[sure(p), sure(p)], &[angry, disgust]);
        let rows = vec![
            row(Condition::Clean, 0.9),
            ConditionResult::new(Condition::Dark, &[sure(0.8); 2], &[angry, angry]),
            row(Condition::Nearer, 0.6),
        ];
        let report = ConditionsReport::new(rows);
        assert_eq!(report.mean_of_changed.accuracy, 0.75);
        assert!((report.mean_of_changed.confidence - 0.7).abs() < 1e-6);
        assert_eq!((report.rows[0].most_read, report.rows[0].most_read_share), ("angry", 1.0));
        let text = report.text();
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(text.contains("Dark ") && text.contains("mean of the changed     0.7500"), "{text}");
        let table = report.table("two pictures");
        let mut metadata = std::collections::BTreeMap::new();
        table.write_to(&mut metadata);
        assert_eq!(ConditionsTable::of(&metadata), Some(table));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["rows"][1]["condition"], "dark");
        assert!(Condition::ALL.iter().all(|c| serde_json::to_value(c).unwrap() == c.name()));
    }
}
