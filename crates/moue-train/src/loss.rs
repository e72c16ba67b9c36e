//! Losses, each with its gradient to the logits.

use moue_model::Expression;

/// Logits of one picture.
const CLASSES: usize = Expression::ALL.len();

/// `log p` of one row of logits.
fn log_softmax(row: &[f32]) -> [f64; CLASSES] {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = row.iter().map(|x| f64::from(x - most).exp()).sum();
    std::array::from_fn(|c| f64::from(row[c] - most) - sum.ln())
}

/// Cross entropy with soft targets, averaged: `-sum_c t_c log p_c`. `targets` is `[n, 7]`, each row a distribution; label
/// smoothing and mixing of pictures are such rows. Returns the loss and its gradient `[n, 7]`.
///
/// # Panics
/// When the lengths differ or are no multiple of 7.
#[must_use]
pub fn cross_entropy(logits: &[f32], targets: &[f32]) -> (f64, Vec<f32>) {
    focal_loss(logits, targets, 0.0)
}

/// Focal loss, averaged: with `ce` the cross entropy of a row, `(1 - exp(-ce))^gamma ce`
/// (Lin et al., "Focal Loss for Dense Object Detection", 2017). With `gamma` 0 it is [`cross_entropy`]. Returns
/// the loss and its gradient `[n, 7]`.
///
/// # Panics
/// When the lengths differ or are no multiple of 7.
#[must_use]
pub fn focal_loss(logits: &[f32], targets: &[f32], gamma: f64) -> (f64, Vec<f32>) {
    assert!(logits.len() == targets.len() && logits.len().is_multiple_of(CLASSES), "rows of 7");
    let n = (logits.len() / CLASSES) as f64;
    let (mut loss, mut gradient) = (0.0, Vec::with_capacity(logits.len()));
    for (row, target) in logits.chunks_exact(CLASSES).zip(targets.chunks_exact(CLASSES)) {
        let log = log_softmax(row);
        let ce: f64 = -log.iter().zip(target).map(|(l, t)| l * f64::from(*t)).sum::<f64>();
        let total: f64 = target.iter().map(|t| f64::from(*t)).sum();
        let p = (-ce).exp();
        // d/d ce of (1 - p)^gamma ce, where dp/d ce = -p.
        let (factor, slope) = if gamma == 0.0 {
            (1.0, 0.0)
        } else {
            ((1.0 - p).powf(gamma), gamma * (1.0 - p).powf(gamma - 1.0) * p * ce)
        };
        loss += factor * ce / n;
        for c in 0..CLASSES {
            let d_ce = total * log[c].exp() - f64::from(target[c]);
            gradient.push(((factor + slope) * d_ce / n) as f32);
        }
    }
    (loss, gradient)
}

/// Rows of 0 and 1 for class indices 0 to 6.
#[must_use]
pub fn one_hot(labels: &[usize]) -> Vec<f32> {
    labels.iter().flat_map(|label| (0..CLASSES).map(move |c| f32::from(c == *label))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_model::formula::hashed_uniform;

    #[test]
    fn gradients_are_the_slope() {
        let logits: Vec<f32> = hashed_uniform(14, 1).into_iter().map(|u| 6.0 * u as f32).collect();
        let mut targets = one_hot(&[3, 5]);
        targets[..7].copy_from_slice(&[0.1, 0.2, 0.1, 0.3, 0.1, 0.1, 0.1]);
        for gamma in [0.0, 1.0, 2.0] {
            let (_, gradient) = focal_loss(&logits, &targets, gamma);
            for i in 0..14 {
                let at = |step: f32| {
                    let mut moved = logits.clone();
                    moved[i] += step;
                    focal_loss(&moved, &targets, gamma).0
                };
                let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!((slope - f64::from(gradient[i])).abs() < 1e-4, "{slope} for {}", gradient[i]);
            }
        }
    }
}
