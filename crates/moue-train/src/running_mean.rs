//! The running mean of a network's weights and statistics, which is what is validated and kept.

use std::collections::BTreeMap;

/// While a stage is young, its mean reaches back over a `YOUNG`th of its steps: 1 + eta with the eta of Shamir and Zhang
/// 2013 (arXiv 1212.1824).
const YOUNG: f64 = 5.0;

/// The share of a step's weights in their new mean; `step` counts from 1 within its stage.
///
/// First as in polynomial-decay averaging, 5 / (step + 4): the first step's share is 1, so nothing of what was before (random
/// numbers, or batch-norm statistics of pictures of another size) is left in the mean, and later the mean reaches back over
/// a fifth of the steps. From where that is farther than 1 / (1 - decay) steps (with 0.9995: 10,000 steps) it is an exponential mean.
pub(super) fn share(decay: f32, step: u64) -> f32 {
    let young = YOUNG / (step as f64 + YOUNG - 1.0);
    young.max(1.0 - f64::from(decay)) as f32
}

/// Takes a step's values into the mean.
pub(super) fn follow<'a>(
    mean: &mut BTreeMap<String, Vec<f32>>,
    now: impl Iterator<Item = (&'a str, &'a [f32])>,
    share: f32,
) {
    for (name, values) in now {
        for (m, v) in mean.get_mut(name).into_iter().flatten().zip(values) {
            *m += share * (*v - *m);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weights of the steps in the mean of `steps` steps.
    fn weights(decay: f32, steps: u64) -> Vec<f64> {
        let mut weights = vec![1.0];
        for step in 1..=steps {
            let share = f64::from(share(decay, step));
            weights.iter_mut().for_each(|w| *w *= 1.0 - share);
            weights.push(share);
        }
        weights
    }

    #[test]
    fn the_beginning_has_no_weight_and_young_means_are_short() {
        for steps in [1, 7, 300] {
            let weights = weights(0.9995, steps);
            assert_eq!(weights[0], 0.0);
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        }
        let of = weights(0.9995, 600);
        let age: f64 = of.iter().enumerate().map(|(i, w)| w * (600 - i) as f64).sum();
        assert!((age / 600.0 - 1.0 / 6.0).abs() < 0.01, "{age}");
    }

    #[test]
    fn a_long_run_has_the_exponential_mean() {
        assert!(share(0.9995, 9_900) > 5.01e-4);
        assert_eq!(share(0.9995, 10_100), 1.0 - 0.9995f32);
        assert_eq!(share(0.9, 60), 1.0 - 0.9f32);
    }

    #[test]
    fn the_mean_follows_by_the_share() {
        let mut mean = BTreeMap::from([("a".to_owned(), vec![1.0, 2.0]), ("b".to_owned(), vec![3.0])]);
        follow(&mut mean, [("a", &[2.0, 2.0][..]), ("b", &[1.0])].into_iter(), 0.25);
        assert_eq!(mean["a"], [1.25, 2.0]);
        assert_eq!(mean["b"], [2.5]);
    }
}
