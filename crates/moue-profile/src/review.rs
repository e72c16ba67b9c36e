//! How well a profile reads takes that it did not learn from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hold_out::HeldOut;
use crate::profile::{argmax, softmax};

/// Two expressions that are taken for each other in this share of their takes look alike.
const LOOK_ALIKE: f64 = 0.25;
/// Quantile of the normal distribution for an interval of 95 %.
const Z: f64 = 1.96;

/// A share of takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Takes that were read right.
    pub right: usize,
    /// All takes.
    pub takes: usize,
}

impl Share {
    /// The share, 0..=1; 0 without takes.
    #[must_use]
    pub fn share(self) -> f64 {
        self.right as f64 / self.takes.max(1) as f64
    }

    /// Where the true share lies with 95 %, by Wilson's score interval (1927); 0 to 1 without takes.
    #[must_use]
    pub fn interval(self) -> [f64; 2] {
        if self.takes == 0 {
            return [0.0, 1.0];
        }
        let n = self.takes as f64;
        let p = self.share();
        let centre = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        [((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0)]
    }
}

/// Two expressions that the profile cannot tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Confused {
    /// Their places in the list of names.
    pub classes: [usize; 2],
    /// Share of their takes that were taken for the other.
    pub share: f64,
}

/// What was measured on takes that were held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// Takes of each expression (rows) by what was read in them (columns).
    pub confusion: Vec<Vec<usize>>,
    /// Takes that were read right.
    pub personal: Share,
    /// Pairs that look alike to it, the worst first.
    pub alike: Vec<Confused>,
    /// The same takes of those expressions that the network knows: what the profile reads in them, and what the network does.
    /// `None` where there are none.
    pub compared: Option<[Share; 2]>,
    /// Expressions with one take only: nothing of them could be held out.
    pub not_measured: Vec<usize>,
}

impl Review {
    /// `networks[class]`: the network's own class of that expression, where it has one.
    pub(crate) fn new(
        held: &[HeldOut],
        strength: usize,
        classes: usize,
        networks: &[Option<usize>],
    ) -> Option<Self> {
        if held.is_empty() {
            return None;
        }
        // A take is read by the mean of its frames' probabilities.
        let mut takes = BTreeMap::<(usize, usize), (Vec<f64>, Vec<f64>)>::new();
        for h in held {
            let logits: Vec<f64> = h.features.logits.iter().map(|v| f64::from(*v)).collect();
            let (own, network) = (softmax(&h.logits[strength], 1.0), softmax(&logits, 1.0));
            let (sum, network_sum) = takes.entry((h.class, h.take)).or_default();
            add(sum, &own);
            add(network_sum, &network);
        }
        let mut confusion = vec![vec![0; classes]; classes];
        let mut compared = [Share { right: 0, takes: 0 }; 2];
        for ((class, _), (own, network)) in &takes {
            let read = argmax(own);
            confusion[*class][read] += 1;
            if let Some(Some(theirs)) = networks.get(*class) {
                for (share, right) in compared.iter_mut().zip([read == *class, argmax(network) == *theirs]) {
                    share.takes += 1;
                    share.right += usize::from(right);
                }
            }
        }
        let right = (0..classes).map(|k| confusion[k][k]).sum();
        let of = |k: usize| confusion[k].iter().sum::<usize>();
        let mut alike: Vec<Confused> = (0..classes)
            .flat_map(|a| (a + 1..classes).map(move |b| [a, b]))
            .filter_map(|[a, b]| {
                let all = of(a) + of(b);
                let share = (confusion[a][b] + confusion[b][a]) as f64 / all.max(1) as f64;
                (share >= LOOK_ALIKE).then_some(Confused { classes: [a, b], share })
            })
            .collect();
        alike.sort_by(|a, b| b.share.total_cmp(&a.share));
        Some(Self {
            personal: Share { right, takes: takes.len() },
            alike,
            compared: (compared[0].takes > 0).then_some(compared),
            not_measured: (0..classes).filter(|k| of(*k) == 0).collect(),
            confusion,
        })
    }

    /// Whether the network's seven classes read this person better than the profile does.
    #[must_use]
    pub fn is_worse_than_the_network(&self) -> bool {
        self.compared.is_some_and(|[own, network]| own.right < network.right)
    }
}

fn add(sum: &mut Vec<f64>, values: &[f64]) {
    sum.resize(values.len(), 0.0);
    for (s, v) in sum.iter_mut().zip(values) {
        *s += v;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        // 8 of 10: 0.490 to 0.943 (Newcombe 1998's method 3 gives the same figures).
        let [low, high] = Share { right: 8, takes: 10 }.interval();
        assert!((low - 0.490).abs() < 0.001 && (high - 0.943).abs() < 0.001, "{low} {high}");
        assert_eq!(Share { right: 0, takes: 0 }.interval(), [0.0, 1.0]);
        let [low, high] = Share { right: 5, takes: 5 }.interval();
        assert!(low > 0.5 && high == 1.0);
    }
}
