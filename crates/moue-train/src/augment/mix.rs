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

/// How one batch is mixed: pictures and targets, and what a teacher is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blend {
    /// The share of what is there; the rest is the partner's.
    share: f32,
    /// Each picture's partner.
    partner: Vec<usize>,
}

impl Mixup {
    /// Draws how a batch of `n` is mixed, or that it is not.
    pub(crate) fn draw(&self, n: usize, rng: &mut impl Rng) -> Option<Blend> {
        let mixed = rng.random_bool(self.share.clamp(0.0, 1.0));
        let beta = Beta::new(self.alpha, self.alpha).ok().filter(|_| mixed)?;
        let share = beta.sample(rng) as f32;
        let mut partner: Vec<usize> = (0..n).collect();
        partner.shuffle(rng);
        Some(Blend { share, partner })
    }
}

impl Blend {
    /// Mixes a batch's values in place, as many for each picture; there may be none.
    ///
    /// # Panics
    /// When the length is no multiple of the batch.
    pub(crate) fn apply(&self, values: &mut [f32]) {
        let n = self.partner.len();
        let width = values.len() / n;
        assert_eq!(width * n, values.len(), "a batch of {n}");
        let originals = values.to_vec();
        for (value, other) in values.chunks_exact_mut(width.max(1)).zip(&self.partner) {
            let other = &originals[other * width..][..width];
            for (v, o) in value.iter_mut().zip(other) {
                *v = self.share * *v + (1.0 - self.share) * o;
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
            if let Some(blend) = mixup.draw(3, &mut generator(1, Purpose::Mix, 0, index)) {
                blend.apply(&mut pictures);
                blend.apply(&mut targets);
                blend.apply(&mut []);
            }
            for (i, target) in targets.iter().enumerate() {
                assert_eq!(pictures[2 * i], *target);
                assert_eq!(pictures[2 * i + 1], *target);
            }
            changed += usize::from(targets != [0.0, 1.0, 5.0]);
        }
        assert!((60..=110).contains(&changed), "{changed}");
    }
}
