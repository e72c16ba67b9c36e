//! Confidence intervals of means over time, by resampling blocks.
//!
//! Neighbouring frames are nearly alike: resampling single frames would make intervals far too narrow. So the recording is cut into
//! blocks of some seconds, and whole blocks are drawn (Carlstein 1986).

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;

/// With fewer blocks nothing is said.
pub(crate) const LEAST_BLOCKS: usize = 5;

/// Sums of one block: the weight (time), and value times weight for each quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Block<const N: usize> {
    pub(crate) weight: f64,
    pub(crate) sums: [f64; N],
}

impl<const N: usize> Default for Block<N> {
    fn default() -> Self {
        Self { weight: 0.0, sums: [0.0; N] }
    }
}

/// The 95 % interval (2.5th and 97.5th percentile) of each mean, over `resamples` draws; `None` with too few blocks. The same seed gives the same
/// interval.
pub(crate) fn intervals<const N: usize>(
    blocks: &[Block<N>],
    resamples: usize,
    seed: u64,
) -> Option<[(f64, f64); N]> {
    let blocks: Vec<&Block<N>> = blocks.iter().filter(|b| b.weight > 0.0).collect();
    if blocks.len() < LEAST_BLOCKS || resamples == 0 {
        return None;
    }
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut means = vec![[0.0; N]; resamples];
    for mean in &mut means {
        let mut all = Block::<N>::default();
        for _ in 0..blocks.len() {
            let block = blocks[random.random_range(0..blocks.len())];
            all.weight += block.weight;
            for (sum, more) in all.sums.iter_mut().zip(block.sums) {
                *sum += more;
            }
        }
        *mean = all.sums.map(|sum| sum / all.weight);
    }
    let mut found = [(0.0, 0.0); N];
    let mut column = vec![0.0; resamples];
    for (i, interval) in found.iter_mut().enumerate() {
        for (value, mean) in column.iter_mut().zip(&means) {
            *value = mean[i];
        }
        column.sort_by(f64::total_cmp);
        *interval = (percentile(&column, 0.025), percentile(&column, 0.975));
    }
    Some(found)
}

/// Of ascending values, with lines between them, as numpy does by default.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at as usize], sorted[(at as usize + 1).min(sorted.len() - 1)]);
    low + (high - low) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_as_wide_as_its_blocks_differ() {
        // 100 blocks whose means have a standard deviation of 0.1: the mean's is 0.01.
        let mut random = Pcg64Mcg::seed_from_u64(7);
        let mut blocks = Vec::new();
        for _ in 0..100 {
            // The sum of 12 even numbers is nearly normal with variance 1.
            let z: f64 = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            blocks.push(Block { weight: 2.0, sums: [2.0 * (0.5 + 0.1 * z), 2.0] });
        }
        let [varied, constant] = intervals(&blocks, 2000, 1).unwrap();
        let width = varied.1 - varied.0;
        assert!((0.028..0.052).contains(&width), "{varied:?}");
        assert!(varied.0 < 0.5 + 0.03 && varied.1 > 0.5 - 0.03);
        assert!((constant.0 - 1.0).abs() < 1e-12 && (constant.1 - 1.0).abs() < 1e-12);
        assert_eq!(intervals(&blocks, 2000, 1), intervals(&blocks, 2000, 1));
        assert_ne!(intervals(&blocks, 2000, 1), intervals(&blocks, 2000, 2));
        assert_eq!(intervals(&blocks[..4], 2000, 1), None);
    }

    #[test]
    fn percentiles_are_those_of_numpy() {
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0], 0.5), 2.5);
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0], 0.025), 1.075);
        assert_eq!(percentile(&[5.0], 0.975), 5.0);
    }
}
