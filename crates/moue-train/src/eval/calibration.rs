//! Whether the network is right as often as it says (Guo et al. 2017, arXiv 1706.04599).

use moue_model::{Expression, Probabilities, softmax};
use serde::Serialize;

/// Bins of the expected calibration error.
pub const ECE_BINS: usize = 15;

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
        for (p, label) in probabilities.iter().zip(labels) {
            let (predicted, confidence) = Expression::most_probable(p);
            let bin = ((f64::from(confidence) * ECE_BINS as f64).ceil() as usize).clamp(1, ECE_BINS) - 1;
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
        Self {
            expected_error: bins.iter().map(|b| gap(b) * b.count as f64 / total).sum(),
            maximum_error: bins.iter().map(gap).fold(0.0, f64::max),
            bins,
        }
    }
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
