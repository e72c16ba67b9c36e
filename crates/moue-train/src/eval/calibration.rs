//! Whether the network is right as often as it says (Guo et al. 2017, arXiv 1706.04599).
//!
//! The expected calibration error of a finite set is never 0, not even for a network that is perfectly calibrated: each
//! bin's accuracy is off by chance. So the error is given with the band in which a perfectly calibrated network's would
//! lie, and once more with the share of chance taken off.

use moue_model::{Expression, Probabilities, softmax};
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

/// Bins of the expected calibration error.
pub const ECE_BINS: usize = 15;

/// Simulated networks behind [`Calibration::perfect_band`].
const DRAWS: usize = 1000;

/// The pictures whose highest probability lies in one bin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// Lower bound, exclusive (the first bin holds 0 too).
    pub from: f64,
    /// Upper bound, inclusive.
    pub to: f64,
    /// Pictures.
    pub count: usize,
    /// Mean of their highest probability; 0 without pictures.
    pub confidence: f64,
    /// Share of them that is recognised; 0 without pictures.
    pub accuracy: f64,
}

/// Confidence beside accuracy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Expected calibration error over [`ECE_BINS`] bins of equal width: the mean of |accuracy - confidence|,
    /// each bin counting by its pictures. 0 is best.
    pub expected_error: f64,
    /// The expected error less what chance adds to it, at least 0: 2 E - E', where E' is the mean expected error when each
    /// bin's accuracy is drawn anew from a normal distribution around the measured one, as in Kumar et al. 2019,
    /// arXiv 1909.10155 (their library's `normal_debiased_ce`), with that mean in closed form.
    pub debiased_error: f64,
    /// 5th and 95th percentile of the expected error of 1,000 simulated networks that have these confidences and are right
    /// exactly as often as they say (the "consistency bars" of Broecker and Smith 2007, for the whole error). An error
    /// within the band is no sign of a bad calibration.
    pub perfect_band: [f64; 2],
    /// The largest |accuracy - confidence| of a bin with pictures.
    pub maximum_error: f64,
    /// The bins, from low to high confidence.
    pub bins: Vec<CalibrationBin>,
}

impl Calibration {
    /// From probabilities and labels of the same pictures.
    #[must_use]
    pub fn new(probabilities: &[Probabilities], labels: &[Expression]) -> Self {
        let mut sums = [(0usize, 0.0, 0usize); ECE_BINS];
        let mut confidences: [Vec<f32>; ECE_BINS] = Default::default();
        for (p, label) in probabilities.iter().zip(labels) {
            let (predicted, confidence) = Expression::most_probable(p);
            let bin = ((f64::from(confidence) * ECE_BINS as f64).ceil() as usize).clamp(1, ECE_BINS) - 1;
            confidences[bin].push(confidence);
            sums[bin].0 += 1;
            sums[bin].1 += f64::from(confidence);
            sums[bin].2 += usize::from(predicted == *label);
        }
        let mean = |sum: f64, count: usize| if count == 0 { 0.0 } else { sum / count as f64 };
        let bins: Vec<CalibrationBin> = sums
            .iter()
            .enumerate()
            .map(|(i, &(count, confidence, right))| CalibrationBin {
                from: i as f64 / ECE_BINS as f64,
                to: (i + 1) as f64 / ECE_BINS as f64,
                count,
                confidence: mean(confidence, count),
                accuracy: mean(right as f64, count),
            })
            .collect();
        let total = probabilities.len().max(1) as f64;
        let gap = |b: &CalibrationBin| (b.accuracy - b.confidence).abs();
        let weighted = |of: &dyn Fn(&CalibrationBin) -> f64| -> f64 {
            bins.iter().map(|b| of(b) * b.count as f64 / total).sum()
        };
        let expected_error = weighted(&gap);
        Self {
            expected_error,
            debiased_error: (2.0 * expected_error - weighted(&redrawn_gap)).max(0.0),
            perfect_band: perfect_band(&confidences),
            maximum_error: bins.iter().map(gap).fold(0.0, f64::max),
            bins,
        }
    }
}

impl Calibration {
    /// Whether the expected error is no larger than chance explains: not above [`Self::perfect_band`].
    #[must_use]
    pub fn within_band(&self) -> bool {
        self.expected_error <= self.perfect_band[1]
    }
}

/// The mean |accuracy - confidence| of a bin whose accuracy is drawn from a normal distribution around the measured one with
/// the standard deviation of a mean of so many pictures: the mean of a folded normal distribution.
fn redrawn_gap(bin: &CalibrationBin) -> f64 {
    let gap = (bin.accuracy - bin.confidence).abs();
    let deviation = (bin.accuracy * (1.0 - bin.accuracy) / bin.count.max(1) as f64).sqrt();
    if deviation == 0.0 {
        return gap;
    }
    let z = gap / deviation;
    deviation * (2.0 / std::f64::consts::PI).sqrt() * (-0.5 * z * z).exp()
        + gap * libm::erf(z / std::f64::consts::SQRT_2)
}

/// The band of a perfectly calibrated network's expected error: in each draw a picture is right with the probability that is its
/// confidence. The draws are always the same ones.
fn perfect_band(confidences: &[Vec<f32>; ECE_BINS]) -> [f64; 2] {
    let total = confidences.iter().map(Vec::len).sum::<usize>().max(1) as f64;
    let mut rng = Pcg64Mcg::new(0x0ECE);
    let filled: Vec<(&Vec<f32>, f64)> = confidences
        .iter()
        .filter(|bin| !bin.is_empty())
        .map(|bin| (bin, bin.iter().map(|c| f64::from(*c)).sum()))
        .collect();
    let mut errors: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let gap = |(bin, sum): &(&Vec<f32>, f64)| {
                let right = bin.iter().filter(|c| rng.random::<f32>() < **c).count();
                (right as f64 - sum).abs()
            };
            filled.iter().map(gap).sum::<f64>() / total
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    [0.05, 0.95].map(|share| errors[((DRAWS - 1) as f64 * share).round() as usize])
}

/// The temperature (0.05 to 20) whose probabilities have the least mean negative log-likelihood.
///
/// In log T the loss has one minimum, which golden-section search finds.
#[must_use]
pub fn fit_temperature(logits: &[[f32; Expression::COUNT]], labels: &[Expression]) -> f32 {
    let loss = |log_t: f64| -> f64 {
        let t = log_t.exp() as f32;
        logits
            .iter()
            .zip(labels)
            .map(|(l, label)| -f64::from(softmax(l, t)[label.index()].max(f32::MIN_POSITIVE)).ln())
            .sum()
    };
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (0.05f64.ln(), 20f64.ln());
    let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
    let (mut loss_a, mut loss_b) = (loss(a), loss(b));
    for _ in 0..40 {
        if loss_a < loss_b {
            (high, b, loss_b) = (b, a, loss_a);
            a = high - golden * (high - low);
            loss_a = loss(a);
        } else {
            (low, a, loss_a) = (a, b, loss_b);
            b = low + golden * (high - low);
            loss_b = loss(b);
        }
    }
    ((low + high) / 2.0).exp() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sure(class: usize, p: f32) -> Probabilities {
        std::array::from_fn(|i| if i == class { p } else { (1.0 - p) / 6.0 })
    }

    #[test]
    fn the_expected_error_is_the_weighted_gap() {
        // Three of four right at 0.9: gap 0.15. One of two right at 0.38: gap 0.12.
        let p: Vec<Probabilities> = [0.9, 0.9, 0.9, 0.9, 0.38, 0.38].iter().map(|p| sure(0, *p)).collect();
        let labels = [0, 0, 0, 1, 0, 2].map(|i: usize| Expression::ALL[i]);
        let c = Calibration::new(&p, &labels);
        assert!((c.expected_error - (4.0 * 0.15 + 2.0 * 0.12) / 6.0).abs() < 1e-6, "{}", c.expected_error);
        assert!((c.maximum_error - 0.15).abs() < 1e-6);
        assert_eq!(c.bins.iter().map(|b| b.count).sum::<usize>(), 6);
        assert_eq!(c.bins[13].count, 4);
        assert_eq!(c.bins[5].count, 2);
    }

    /// So many pictures with confidences from 0.3 to 1, each right with the probability `truth(confidence)`.
    fn synthetic(pictures: usize, seed: u128, truth: impl Fn(f32) -> f32) -> Calibration {
        let mut rng = Pcg64Mcg::new(seed);
        let (mut p, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..pictures {
            let confidence = rng.random_range(0.3..1.0f32);
            let right = rng.random::<f32>() < truth(confidence);
            p.push(sure(2, confidence));
            labels.push(Expression::ALL[if right { 2 } else { 5 }]);
        }
        Calibration::new(&p, &labels)
    }

    #[test]
    fn a_perfectly_calibrated_set_lies_in_its_band_and_an_overconfident_one_does_not() {
        let (mut within, mut debiased, mut plain) = (0, 0.0, 0.0);
        for seed in 0..40 {
            let perfect = synthetic(1500, seed, |c| c);
            let [low, high] = perfect.perfect_band;
            assert!(0.0 < low && low < high && high < 0.06, "{low} {high}");
            within += usize::from((low..=high).contains(&perfect.expected_error));
            debiased += perfect.debiased_error / 40.0;
            plain += perfect.expected_error / 40.0;
            let over = synthetic(1500, seed, |c| c - 0.1);
            assert!(!over.within_band(), "{over:?}");
            assert!((over.debiased_error - 0.1).abs() < 0.04, "{}", over.debiased_error);
        }
        // Nine of ten are expected.
        assert!((30..=40).contains(&within), "{within}");
        assert!(debiased < 0.75 * plain, "{debiased} of {plain}");
    }

    #[test]
    fn the_band_of_one_confidence_is_the_binomials() {
        // 100 pictures at 0.7: the number right is binomial, 70 +- 4.6; |right - 70| is 0 in 9 % and at most 9 in 96 %.
        let c = Calibration::new(&vec![sure(0, 0.7); 100], &[Expression::Angry; 100]);
        assert!(c.perfect_band[0] < 1e-6 && (c.perfect_band[1] - 0.09).abs() < 0.011, "{:?}", c.perfect_band);
        assert!((c.expected_error - 0.3).abs() < 1e-6 && !c.within_band());
        assert_eq!(Calibration::new(&[], &[]).perfect_band, [0.0; 2]);
    }

    #[test]
    fn chance_is_taken_off_as_a_folded_normal_distribution_says() {
        let bin =
            |accuracy, confidence, count| CalibrationBin { from: 0.0, to: 1.0, count, confidence, accuracy };
        // Without a gap: deviation 0.05 times the mean of |N(0, 1)|, 0.79788.
        assert!((redrawn_gap(&bin(0.5, 0.5, 100)) - 0.05 * 0.797_884_56).abs() < 1e-8);
        // One deviation away: E|N(1, 1)| = 1.16663.
        assert!((redrawn_gap(&bin(0.5, 0.55, 100)) - 0.05 * 1.166_630_6).abs() < 1e-7);
        // Far away, or all right: nothing to take off.
        assert!((redrawn_gap(&bin(0.5, 0.9, 100)) - 0.4).abs() < 1e-9);
        assert_eq!(redrawn_gap(&bin(1.0, 0.9, 50)), 1.0 - 0.9);
    }

    #[test]
    fn the_temperature_undoes_scaled_logits() {
        // Of ten pictures with these logits the labels are spread as softmax says: T = 1 is best for them.
        let logits: [f32; 7] = [(0.7f32).ln(), (0.3f32).ln(), -30.0, -30.0, -30.0, -30.0, -30.0];
        let labels: Vec<Expression> = (0..10).map(|i| Expression::ALL[usize::from(i >= 7)]).collect();
        for scale in [0.5, 1.0, 3.0] {
            let all = vec![logits.map(|v| v * scale); 10];
            let t = fit_temperature(&all, &labels);
            assert!((t - scale).abs() < 0.01 * scale, "{t} for {scale}");
        }
    }
}
