//! In which order expressions are asked for.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64Mcg;

/// Times that each expression is asked for. With two takes of each the review can hold one out.
pub(super) const ROUNDS: usize = 2;

/// Each expression once a round, in another order every time, so that neither light nor mood goes with one of them. The same one is never
/// asked for twice in a row.
pub(super) fn mixed(classes: usize, seed: u64) -> Vec<usize> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut order: Vec<usize> = Vec::new();
    for _ in 0..ROUNDS {
        let mut round: Vec<usize> = (0..classes).collect();
        round.shuffle(&mut rng);
        if round.first() == order.last() && round.len() > 1 {
            round.rotate_left(1);
        }
        order.extend(round);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_expression_comes_once_a_round_and_never_twice_in_a_row() {
        let mut orders = std::collections::BTreeSet::new();
        for seed in 0..50 {
            for classes in 2..=12 {
                let order = mixed(classes, seed);
                for round in order.chunks(classes) {
                    let mut sorted = round.to_vec();
                    sorted.sort_unstable();
                    assert!(sorted.into_iter().eq(0..classes));
                }
                assert!(order.windows(2).all(|pair| pair[0] != pair[1]), "{order:?}");
                assert_eq!(order, mixed(classes, seed));
            }
            orders.insert(mixed(7, seed));
        }
        assert!(orders.len() > 40, "another order with another seed");
    }
}
