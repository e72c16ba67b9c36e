//! Mixup (Zhang et al. 2017, arXiv 1710.09412): pictures are blended in pairs, and so are their targets.

use rand::seq::SliceRandom as _;
use rand::{Rng, RngExt as _};
use rand_distr::{Beta, Distribution as _};

/// When and how batches are mixed.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Mixup {
    /// Both parameters of the Beta distribution of the first picture's share.
    pub alpha: f64,
    /// The share of batches that are mixed, 0 to 1.
    pub share: f64,
}

impl Mixup {
    /// Mixes a batch of `n` pictures and targets in place, or leaves it as it is.
    ///
    /// # Panics
    /// When the lengths are no multiples of `n`.
    pub fn apply(&self, n: usize, pictures: &mut [f32], targets: &mut [f32], rng: &mut impl Rng) {
        let mixed = rng.random_bool(self.share.clamp(0.0, 1.0));
        let Ok(beta) = Beta::new(self.alpha, self.alpha) else { return };
        if !mixed {
            return;
        }
        let share = beta.sample(rng) as f32;
        let mut partner: Vec<usize> = (0..n).collect();
        partner.shuffle(rng);
        for values in [pictures, targets] {
            let width = values.len() / n;
            assert_eq!(width * n, values.len(), "a batch of {n}");
            let originals = values.to_vec();
            for (value, other) in values.chunks_exact_mut(width).zip(&partner) {
                let other = &originals[other * width..][..width];
                for (v, o) in value.iter_mut().zip(other) {
                    *v = share * *v + (1.0 - share) * o;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};

    #[test]
    fn targets_are_blended_as_their_pictures_are() {
        let mut changed = 0;
        for index in 0..200 {
            let mut pictures = vec![0.0, 0.0, 1.0, 1.0, 5.0, 5.0];
            let mut targets = vec![0.0, 1.0, 5.0];
            let mixup = Mixup { alpha: 0.4, share: 0.5 };
            mixup.apply(3, &mut pictures, &mut targets, &mut generator(1, Purpose::Mix, 0, index));
            for (i, target) in targets.iter().enumerate() {
                assert_eq!(pictures[2 * i], *target);
                assert_eq!(pictures[2 * i + 1], *target);
            }
            changed += usize::from(targets != [0.0, 1.0, 5.0]);
        }
        assert!((60..=110).contains(&changed), "{changed}");
    }
}
