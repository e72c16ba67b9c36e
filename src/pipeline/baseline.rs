//! A personal baseline: what the network sees in this face when it is neutral is taken out of its readings.

use moue_model::{Expression, Probabilities};
use serde::{Deserialize, Serialize};

use super::AnalyzedFace;

/// How long the person looks neutral while a baseline is recorded, in seconds.
pub const BASELINE_S: f64 = 3.0;
/// Fewest readings for a mean: a slow machine gives two a second.
const FEWEST: usize = 5;
/// A face that is away for longer ends the recording, in seconds.
const LONGEST_GAP_S: f64 = 1.0;
/// Lower probabilities are raised to this one, because their logarithms would dominate the mean.
const FLOOR: f64 = 1e-4;
/// What an unbiased reading says of a neutral face: neutral with this probability, the rest shared equally.
const REFERENCE: f64 = 0.7;
/// Largest bias: a factor of 400 in the odds. A smile during the recording must not hide every later smile.
const MOST: f32 = 6.0;

/// The bias of one face, camera and network, in log-odds against neutral.
///
/// While the person looks neutral, the mean log-odds m_k = mean of ln(p_k / p_neutral) are recorded. An unbiased
/// reading of a neutral face would have ρ = ln(r_k / r_neutral), r_neutral = 0.7, r_k = 0.05. What m_k exceeds it by
/// is the bias b_k = max(0, m_k - ρ), and every later reading becomes
///
/// ```text
/// p'_k = p_k exp(-b_k) / Σ_j p_j exp(-b_j)
/// ```
///
/// so that the log-odds of each expression against neutral are lowered by its bias. Dividing a classifier's output
/// by what it says of an input without content is the contextual calibration of Zhao et al., "Calibrate Before Use"
/// (ICML 2021), there with equal references; with r / exp(m) read as a ratio of priors it is the adjustment of
/// Saerens, Latinne and Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities" (Neural
/// Computation 14, 2002). Only an excess is taken out: an expression that the network does not see in the neutral
/// face is not made more likely, which would amplify noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Name of the source that it was recorded with.
    pub source: String,
    /// SHA-256 of the network's file.
    pub network: String,
    /// b_k in the order of [`Expression::ALL`]; 0 for neutral, 0..=6 for the others.
    pub bias: [f32; Expression::COUNT],
}

impl Baseline {
    /// The reading without the bias; sums to 1 as `raw` does.
    #[must_use]
    pub fn apply(&self, raw: &Probabilities) -> Probabilities {
        let weighted: Probabilities = std::array::from_fn(|k| raw[k] * (-self.bias[k]).exp());
        let sum: f32 = weighted.iter().sum();
        if sum > 0.0 { weighted.map(|p| p / sum) } else { *raw }
    }

    /// Whether it was recorded with this source and network; elsewhere it means nothing.
    #[must_use]
    pub fn fits(&self, source: &str, network: &str) -> bool {
        self.source == source && self.network == network
    }

    /// Whether its values are such that [`Self::apply`] gives probabilities; a hand-edited file may hold others.
    #[must_use]
    pub fn is_sane(&self) -> bool {
        self.bias.iter().all(|b| (0.0..=MOST).contains(b))
    }
}

/// The mean of neutral readings, and the bias in it.
#[derive(Debug, Clone, Default)]
pub struct BaselineMean {
    log_odds: [f64; Expression::COUNT],
    count: usize,
}

impl BaselineMean {
    /// Adds one raw reading.
    pub fn add(&mut self, raw: &Probabilities) {
        let log = |e: usize| f64::from(raw[e]).max(FLOOR).ln();
        let neutral = log(Expression::Neutral.index());
        for (k, sum) in self.log_odds.iter_mut().enumerate() {
            *sum += log(k) - neutral;
        }
        self.count += 1;
    }

    /// The bias; `None` of fewer than five readings.
    #[must_use]
    pub fn bias(&self) -> Option<[f32; Expression::COUNT]> {
        if self.count < FEWEST {
            return None;
        }
        let reference = ((1.0 - REFERENCE) / (Expression::COUNT - 1) as f64 / REFERENCE).ln();
        Some(std::array::from_fn(|k| match Expression::ALL[k] {
            Expression::Neutral => 0.0,
            _ => ((self.log_odds[k] / self.count as f64 - reference) as f32).clamp(0.0, MOST),
        }))
    }
}

/// What a frame changed while a baseline is recorded.
#[derive(Debug, Clone, PartialEq)]
pub enum BaselineStep {
    /// The recording goes on.
    Going {
        /// Seconds that are left, above 0.
        left_s: f64,
    },
    /// The bias that was found.
    Done([f32; Expression::COUNT]),
    /// Why there is none.
    Failed(&'static str),
}

/// Records one face for three seconds of frame time.
#[derive(Debug)]
pub struct BaselineRecorder {
    /// The person.
    id: u64,
    mean: BaselineMean,
    start_s: Option<f64>,
    last_s: f64,
}

impl BaselineRecorder {
    /// A recorder for the person `id`; its time starts with the first frame.
    #[must_use]
    pub fn new(id: u64) -> Self {
        Self { id, mean: BaselineMean::default(), start_s: None, last_s: 0.0 }
    }

    /// Adds the faces of the frame at `time_s`.
    pub fn add(&mut self, faces: &[AnalyzedFace], time_s: f64) -> BaselineStep {
        let face = faces.iter().find(|f| f.id == self.id);
        self.add_reading(face.map(|f| &f.reading.probabilities), time_s)
    }

    fn add_reading(&mut self, raw: Option<&Probabilities>, time_s: f64) -> BaselineStep {
        let start_s = *self.start_s.get_or_insert_with(|| {
            self.last_s = time_s;
            time_s
        });
        if !(0.0..=LONGEST_GAP_S).contains(&(time_s - self.last_s)) {
            return BaselineStep::Failed("the face was not in view all the time");
        }
        if let Some(raw) = raw {
            self.mean.add(raw);
            self.last_s = time_s;
        }
        let left_s = BASELINE_S - (time_s - start_s);
        if left_s > 0.0 {
            return BaselineStep::Going { left_s };
        }
        self.mean.bias().map_or(BaselineStep::Failed("there were too few readings"), BaselineStep::Done)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn reading(neutral: f32, sad: f32) -> Probabilities {
        let mut p = [(1.0 - neutral - sad) / 5.0; Expression::COUNT];
        p[Expression::Neutral.index()] = neutral;
        p[Expression::Sad.index()] = sad;
        p
    }

    fn of(mean: &BaselineMean) -> Baseline {
        Baseline { source: "camera".into(), network: "sha".into(), bias: mean.bias().unwrap() }
    }

    fn recorded(raw: &Probabilities) -> Baseline {
        let mut mean = BaselineMean::default();
        for _ in 0..30 {
            mean.add(raw);
        }
        of(&mean)
    }

    fn close(a: f32, b: f32) {
        assert!((a - b).abs() < 1e-4, "{a} and {b}");
    }

    #[test]
    fn a_neutral_face_that_reads_sad_reads_neutral_afterwards() {
        // ln(0.6 / 0.3) - ln(0.05 / 0.7) = 3.3322; the others: ln(0.02 / 0.3) + 2.6391 < 0.
        let baseline = recorded(&reading(0.3, 0.6));
        close(baseline.bias[Expression::Sad.index()], 3.3322);
        for e in Expression::ALL.into_iter().filter(|e| *e != Expression::Sad) {
            close(baseline.bias[e.index()], 0.0);
        }
        let (raw, shown) = (reading(0.3, 0.6), baseline.apply(&reading(0.3, 0.6)));
        // 0.6 e^-3.3322 = 0.021429; 0.3 + 5 · 0.02 + 0.021429 = 0.421429.
        close(shown[Expression::Neutral.index()], 0.3 / 0.421_429);
        close(shown[Expression::Sad.index()], 0.021_429 / 0.421_429);
        close(shown[Expression::Happy.index()], 0.02 / 0.421_429);
        close(shown.iter().sum(), raw.iter().sum());
    }

    #[test]
    fn real_sadness_and_a_smile_still_show() {
        let baseline = recorded(&reading(0.3, 0.6));
        let sad = baseline.apply(&reading(0.004, 0.99));
        assert_eq!(Expression::most_probable(&sad).0, Expression::Sad);
        let mut smile = [0.01; Expression::COUNT];
        smile[Expression::Happy.index()] = 0.94;
        let smile = baseline.apply(&smile);
        assert!(smile[Expression::Happy.index()] > 0.94);
    }

    #[test]
    fn who_reads_neutral_anyway_has_no_bias() {
        let raw = reading(0.9, 0.01);
        let baseline = recorded(&raw);
        assert_eq!(baseline.bias, [0.0; Expression::COUNT]);
        for (a, b) in baseline.apply(&raw).into_iter().zip(raw) {
            close(a, b);
        }
    }

    #[test]
    fn the_mean_is_one_of_log_odds() {
        // The geometric mean of the odds 8 and 0.5 is 2: as with 0.6 against 0.3.
        let mut mean = BaselineMean::default();
        for _ in 0..4 {
            mean.add(&reading(0.1, 0.8));
            mean.add(&reading(0.6, 0.3));
        }
        close(of(&mean).bias[Expression::Sad.index()], 3.3322);
    }

    #[test]
    fn three_seconds_are_recorded_and_a_face_that_leaves_ends_it() {
        let raw = reading(0.3, 0.6);
        let mut recorder = BaselineRecorder::new(1);
        for i in 0..90 {
            let t = 5.0 + f64::from(i) / 30.0;
            // Every third frame misses the face.
            let step = recorder.add_reading((i % 3 > 0).then_some(&raw), t);
            assert!(matches!(step, BaselineStep::Going { left_s } if left_s <= BASELINE_S), "{step:?}");
        }
        let BaselineStep::Done(bias) = recorder.add_reading(Some(&raw), 8.01) else { panic!("not done") };
        close(bias[Expression::Sad.index()], 3.3322);

        let mut recorder = BaselineRecorder::new(1);
        recorder.add_reading(Some(&raw), 0.0);
        assert!(matches!(recorder.add_reading(None, 0.9), BaselineStep::Going { .. }));
        assert!(matches!(recorder.add_reading(Some(&raw), 1.1), BaselineStep::Failed(_)));
        // A source that starts again is another recording.
        let mut recorder = BaselineRecorder::new(1);
        recorder.add_reading(Some(&raw), 2.0);
        assert!(matches!(recorder.add_reading(Some(&raw), 0.5), BaselineStep::Failed(_)));
        // Too slow a machine.
        let mut recorder = BaselineRecorder::new(1);
        for t in [0.0, 0.9, 1.8] {
            recorder.add_reading(Some(&raw), t);
        }
        recorder.add_reading(None, 2.7);
        assert!(matches!(recorder.add_reading(None, 2.8), BaselineStep::Going { .. }));
        assert!(matches!(recorder.add_reading(None, 3.01), BaselineStep::Failed(_)));
    }

    #[test]
    fn values_from_a_spoilt_file_are_refused() {
        let mut baseline = recorded(&reading(0.3, 0.6));
        assert!(baseline.is_sane());
        for bad in [f32::NAN, f32::INFINITY, -1.0, 6.5] {
            baseline.bias[0] = bad;
            assert!(!baseline.is_sane(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn results_are_probabilities_and_neutral_never_loses(
            neutral_face in prop::array::uniform7(0.0f32..1.0),
            later in prop::array::uniform7(0.0f32..1.0),
        ) {
            let norm = |v: [f32; 7]| {
                let sum: f32 = v.iter().sum::<f32>().max(1e-9);
                v.map(|p| p / sum)
            };
            let (neutral_face, later) = (norm(neutral_face), norm(later));
            let baseline = recorded(&neutral_face);
            prop_assert!(baseline.is_sane());
            let shown = baseline.apply(&later);
            prop_assert!((shown.iter().sum::<f32>() - 1.0).abs() < 1e-4 || later.iter().sum::<f32>() < 0.5);
            let n = Expression::Neutral.index();
            prop_assert!(shown[n] >= later[n] - 1e-5);
        }
    }
}
