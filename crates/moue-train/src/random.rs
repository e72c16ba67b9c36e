//! Random numbers that depend on what they are for, not on when or on which thread they are drawn.
//!
//! Every epoch, batch and picture has a generator of its own. So a run that was stopped goes on with the same
//! numbers, and the number of worker threads changes nothing.

use rand_pcg::Pcg64Mcg;

/// What a generator is used for; the same seed gives each use other numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The first weights.
    Weights = 1,
    /// The order of an epoch's pictures.
    Order = 2,
    /// One picture's augmentation.
    Picture = 3,
    /// Mixing a batch.
    Mix = 4,
    /// A step's dropout.
    Dropout = 5,
    /// The offline expansion.
    Expand = 6,
    /// Choosing a batch's teacher.
    Teacher = 7,
    /// The noise in one picture.
    Noise = 8,
}

/// SplitMix64's finaliser (Steele, Lea and Flood 2014).
fn scramble(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A seed for one use of one item in one epoch.
#[must_use]
pub fn derived_seed(seed: u64, purpose: Purpose, epoch: usize, index: usize) -> u64 {
    [purpose as u64, epoch as u64, index as u64]
        .into_iter()
        .fold(scramble(seed), |h, part| scramble(h ^ part))
}

/// The generator for one use of one item in one epoch.
#[must_use]
pub fn generator(seed: u64, purpose: Purpose, epoch: usize, index: usize) -> Pcg64Mcg {
    let low = derived_seed(seed, purpose, epoch, index);
    Pcg64Mcg::new(u128::from(low) << 64 | u128::from(scramble(low)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt as _;

    #[test]
    fn every_use_has_its_own_numbers() {
        let first = |seed, purpose, epoch, index| generator(seed, purpose, epoch, index).random::<u64>();
        let numbers = [
            first(1, Purpose::Picture, 0, 0),
            first(2, Purpose::Picture, 0, 0),
            first(1, Purpose::Mix, 0, 0),
            first(1, Purpose::Picture, 1, 0),
            first(1, Purpose::Picture, 0, 1),
        ];
        for (i, a) in numbers.iter().enumerate() {
            assert!(numbers[..i].iter().all(|b| a != b));
        }
        assert_eq!(numbers[0], first(1, Purpose::Picture, 0, 0));
    }
}
