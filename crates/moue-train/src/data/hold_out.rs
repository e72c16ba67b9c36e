//! Validation pictures for data sets that have none: a drawn part of the training pictures.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::Split;
use moue_model::Expression;

/// How much of train is held out for validation, where the data have no such part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValShare {
    /// The share of each class's pictures, between 0 and 1.
    pub share: f64,
    /// What the draw comes from.
    pub seed: u64,
}

/// Takes about that share of each class out of `all`; training and validation pictures, each in the order of `all`. Pictures
/// with the same pixels stay together, whatever their labels. The draw depends on the seed and the pixels, not on names or
/// order. A class of which there are two different pictures is in both parts.
pub(super) fn hold_out(all: &Split, wanted: ValShare) -> (Split, Split) {
    let mut groups: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for i in 0..all.len() {
        groups.entry(all.face(i)).or_default().push(i);
    }
    let mut drawn: Vec<([u8; 32], Vec<usize>)> = groups
        .into_iter()
        .map(|(pixels, members)| {
            let mut hash = Sha256::new();
            hash.update(wanted.seed.to_le_bytes());
            hash.update(pixels);
            (hash.finalize().into(), members)
        })
        .collect();
    drawn.sort_unstable();
    let counts = all.counts();
    let mut held = vec![false; all.len()];
    for class in Expression::ALL {
        // A group counts to the class of its first picture.
        let of_class: Vec<&Vec<usize>> =
            drawn.iter().map(|(_, members)| members).filter(|m| all.samples[m[0]].label == class).collect();
        let target = ((counts[class.index()] as f64 * wanted.share).round() as usize).max(1);
        let mut taken = 0;
        for members in &of_class[..of_class.len().saturating_sub(1)] {
            if taken >= target {
                break;
            }
            taken += members.len();
            for i in *members {
                held[*i] = true;
            }
        }
    }
    let (mut train, mut val) = (Split::default(), Split::default());
    for (i, held) in held.into_iter().enumerate() {
        let part = if held { &mut val } else { &mut train };
        part.push(all.samples[i].clone(), all.face(i));
    }
    (train, val)
}

#[cfg(test)]
mod tests {
    use super::super::tests::patterns;
    use super::*;

    fn names(split: &Split) -> Vec<String> {
        let mut names: Vec<String> = split.samples.iter().map(|s| s.name.clone()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_share_of_each_class_is_drawn_by_the_seed_whatever_the_order() {
        let all = patterns(20, 3);
        let wanted = ValShare { share: 0.1, seed: 7 };
        let (train, val) = hold_out(&all, wanted);
        assert_eq!((val.counts(), train.counts()), ([2; 7], [18; 7]));
        let mut backwards = Split::default();
        for i in (0..all.len()).rev() {
            backwards.push(all.samples[i].clone(), all.face(i));
        }
        assert_eq!(names(&hold_out(&backwards, wanted).1), names(&val));
        assert_ne!(names(&hold_out(&all, ValShare { seed: 8, ..wanted }).1), names(&val));
    }

    #[test]
    fn identical_pictures_stay_together_and_no_class_is_emptied() {
        let mut all = patterns(6, 4);
        let copies = all.clone();
        for copy in 0..2 {
            for i in 0..copies.len() {
                let mut sample = copies.samples[i].clone();
                sample.name = format!("copy{copy}/{}", sample.name);
                all.push(sample, copies.face(i));
            }
        }
        let (train, val) = hold_out(&all, ValShare { share: 0.3, seed: 1 });
        for i in 0..val.len() {
            assert!((0..train.len()).all(|j| train.face(j) != val.face(i)), "{}", val.samples[i].name);
        }
        assert_eq!((val.counts(), train.counts()), ([6; 7], [12; 7]));
        let (train, val) = hold_out(&patterns(2, 5), ValShare { share: 0.99, seed: 1 });
        assert_eq!((val.counts(), train.counts()), ([1; 7], [1; 7]));
        assert_eq!(hold_out(&patterns(1, 5), ValShare { share: 0.5, seed: 1 }).1.len(), 0);
    }
}
