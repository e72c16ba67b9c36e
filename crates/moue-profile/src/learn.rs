//! From examples to a profile.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::features::{self, Example, Scaling, balanced};
use crate::fit::Problem;
use crate::hold_out::{HeldOut, hold_out};
use crate::owner::Owner;
use crate::profile::{Parts, class_means, softmax};
use crate::{Profile, ProfileError, Review};

/// How many expressions a profile tells apart.
pub const CLASSES: RangeInclusive<usize> = 2..=12;

/// Strengths of the penalty that are tried on held-out takes.
const STRENGTHS: [f64; 6] = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1];
/// The one that is used where not every expression could be held out: the fourth.
const DEFAULT: usize = 3;
/// A face is unlike everything taught beyond so many times the largest distance of a take that was held out.
const OTHER_MARGIN: f64 = 1.5;
/// Temperatures that are tried, as exponents of 2, from -4 to 4 in these steps.
const TEMPERATURE_STEP: f64 = 0.125;

/// What [`learn`] needs to know beside the examples.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TeachOptions {
    /// Name of the network whose features these are.
    pub network_name: String,
    /// SHA-256 of its file.
    pub network_sha256: String,
    /// The network's own class of each expression, where it has one.
    pub network_classes: Vec<Option<usize>>,
}

/// A profile, and how it reads what it did not learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// The profile, learned from all takes.
    pub profile: Profile,
    /// `None` where each expression has one take: nothing could be held out.
    pub review: Option<Review>,
}

/// Learns to tell `names` apart, each with at least one example. The strength of the penalty is chosen by the log loss on takes
/// that were held out.
///
/// # Errors
/// [`ProfileError`], naming the expression or example that does not fit.
pub fn learn(
    names: &[String],
    examples: &[Example],
    options: &TeachOptions,
) -> Result<Learned, ProfileError> {
    check_names(names)?;
    features::check(examples, names)?;
    let classes = names.len();
    if let Some(missing) = (0..classes).find(|k| examples.iter().all(|e| e.class != *k)) {
        return Err(ProfileError::NoExamples { class: names[missing].clone() });
    }
    let held = hold_out(examples, classes, &STRENGTHS)?;
    // Of some expressions alone nothing is chosen: what suits them may not suit the others.
    let is_measured = |class: usize| held.iter().any(|h| h.class == class);
    let all_measured = (0..classes).all(is_measured);
    let best = (0..STRENGTHS.len())
        .map(|i| (i, log_loss(&held, i, 1.0)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(DEFAULT, |(i, _)| if all_measured { i } else { DEFAULT });
    let strength = STRENGTHS[best];
    let temperature = if all_measured { best_temperature(&held, best) } else { 1.0 };
    let furthest = held.iter().map(|h| h.distance).fold(0.0, f64::max);
    let other_beyond = all_measured.then_some((furthest * OTHER_MARGIN) as f32);
    let review = Review::new(&held, best, classes, &options.network_classes);

    let all: Vec<&Example> = examples.iter().collect();
    let scaling = Scaling::fit(&all, classes);
    let vectors: Vec<Vec<f64>> = examples.iter().map(|e| scaling.apply(&e.features)).collect();
    let targets: Vec<usize> = examples.iter().map(|e| e.class).collect();
    let weights = balanced(&all, classes);
    let means = class_means(&vectors, &targets, &weights, classes);
    let linear = Problem::new(&vectors, targets, weights, classes).solve(strength)?;
    let parts = Parts {
        scaling,
        linear,
        means,
        temperature: temperature as f32,
        other_beyond,
        owner: Owner::learn(examples),
    };
    let profile = Profile::new(names.to_vec(), parts, options, review.clone());
    Ok(Learned { profile, review })
}

fn check_names(names: &[String]) -> Result<(), ProfileError> {
    if !CLASSES.contains(&names.len()) {
        let advice = "name that many, each with pictures or takes of its own";
        return Err(ProfileError::Classes {
            expected: (*CLASSES.start(), *CLASSES.end()),
            found: names.len(),
            advice,
        });
    }
    Ok(())
}

/// Mean negative log-likelihood, each take counting the same. The target is smoothed as by one more take that could have been
/// any expression: a handful of takes that were all read right does not make it certain.
fn log_loss(held: &[HeldOut], strength: usize, temperature: f64) -> f64 {
    let mut takes = BTreeMap::<(usize, usize), (f64, f64)>::new();
    for h in held {
        takes.entry((h.class, h.take)).or_default().1 += 1.0;
    }
    let doubt = 1.0 / (takes.len() as f64 + 1.0);
    for h in held {
        let p = softmax(&h.logits[strength], temperature);
        let surprise = |p: &f64| -p.max(1e-12).ln();
        let mean = p.iter().map(surprise).sum::<f64>() / p.len().max(1) as f64;
        if let Some((sum, _)) = takes.get_mut(&(h.class, h.take)) {
            *sum += (1.0 - doubt) * surprise(&p[h.class]) + doubt * mean;
        }
    }
    takes.values().map(|(sum, frames)| sum / frames).sum::<f64>() / takes.len().max(1) as f64
}

fn best_temperature(held: &[HeldOut], strength: usize) -> f64 {
    let steps = (4.0 / TEMPERATURE_STEP) as i32;
    (-steps..=steps)
        .map(|i| (f64::from(i) * TEMPERATURE_STEP).exp2())
        .map(|t| (t, log_loss(held, strength, t)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(1.0, |(t, _)| t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FaceFeatures;

    /// Numbers between -1 and 1 that look random.
    fn noise(seed: u64) -> impl FnMut() -> f32 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        }
    }

    /// Takes whose features lie around their expression's own place; `apart` is how far these are from each other.
    fn examples(classes: usize, takes: usize, frames: usize, apart: f32) -> Vec<Example> {
        let mut all = Vec::new();
        for class in 0..classes {
            for take in 0..takes {
                let mut of_take = noise((100 * class + take + 7) as u64);
                let shift: Vec<f32> = (0..40).map(|_| of_take()).collect();
                for _ in 0..frames {
                    let mut place = noise(class as u64 + 1);
                    let pooled = (0..40).map(|i| apart * place() + shift[i] + 0.2 * of_take()).collect();
                    let logits = (0..7).map(|_| of_take()).collect();
                    let features = FaceFeatures { pooled, logits, ..Default::default() };
                    all.push(Example { class, take, features });
                }
            }
        }
        all
    }

    fn names(count: usize) -> Vec<String> {
        ["neutral", "happy", "tongue out", "sad", "angry", "x"][..count].iter().map(|n| (*n).into()).collect()
    }

    fn options() -> TeachOptions {
        TeachOptions {
            network_name: "net".into(),
            network_sha256: "ab".repeat(32),
            network_classes: vec![Some(4), Some(3), None, Some(5)],
        }
    }

    #[test]
    fn expressions_that_differ_are_told_apart_in_takes_it_never_saw() {
        let seen = examples(4, 3, 4, 3.0);
        let learned = learn(&names(4), &seen, &options()).unwrap();
        let review = learned.review.unwrap();
        assert_eq!(review.personal, crate::Share { right: 12, takes: 12 });
        assert!(review.alike.is_empty() && review.not_measured.is_empty());
        let [own, network] = review.compared.unwrap();
        assert_eq!((own.takes, network.takes), (9, 9));
        assert!(own.right > network.right && !review.is_worse_than_the_network());
        for example in &seen {
            let reading = learned.profile.read_face(&example.features).unwrap();
            assert_eq!(reading.class, Some(example.class));
            assert!((reading.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            // Twelve takes that were all read right are no certainty.
            assert!(reading.probabilities.iter().all(|p| *p < 0.999), "{reading:?}");
        }
        // A face from far away is none of them.
        let strange = FaceFeatures { pooled: vec![40.0; 40], logits: vec![0.0; 7], ..Default::default() };
        assert_eq!(learned.profile.read_face(&strange).unwrap().class, None);
    }

    #[test]
    fn the_evidence_of_the_cells_adds_up_to_the_logit() {
        let learned = learn(&names(4), &examples(4, 3, 4, 3.0), &options()).unwrap();
        let (cells, biases) = (6, [0.3, -0.2, 0.1, 0.0, 0.5, -0.4, 0.2]);
        // What is left of a logit without its map's mean.
        let rest = |seed: u64, class: usize| {
            let mut value = noise(seed);
            let attended: Vec<f32> = (0..cells * 40).map(|_| value() + 1.0).collect();
            let maps: Vec<Vec<f32>> = (0..7).map(|_| (0..cells).map(|_| 2.0 * value()).collect()).collect();
            let mean = |values: &mut dyn Iterator<Item = f32>| values.sum::<f32>() / cells as f32;
            let pooled = (0..40).map(|c| mean(&mut attended.iter().skip(c).step_by(40).copied())).collect();
            let logits = maps.iter().zip(biases).map(|(m, b)| mean(&mut m.iter().copied()) + b).collect();
            let features = FaceFeatures { pooled, logits, ..Default::default() };
            let logit = learned.profile.read_face(&features).unwrap().logits[class];
            let borrowed: Vec<&[f32]> = maps.iter().map(Vec::as_slice).collect();
            let map = learned.profile.evidence(class, &attended, &borrowed).unwrap();
            let (low, high) = map.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
            assert!(high - low > 0.01, "{map:?}");
            assert_eq!(learned.profile.evidence(class, &attended[1..], &borrowed), None);
            assert_eq!(learned.profile.evidence(class, &attended, &borrowed[1..]), None);
            logit - mean(&mut map.into_iter())
        };
        for class in 0..4 {
            let first = rest(1, class);
            for seed in 2..6 {
                assert!((rest(seed, class) - first).abs() < 1e-3, "{class} {seed}");
            }
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_said() {
        // Without a place of their own only the takes differ.
        let learned = learn(&names(3), &examples(3, 4, 3, 0.0), &options()).unwrap();
        let review = learned.review.unwrap();
        assert!(review.personal.share() < 0.7, "{review:?}");
        assert!(!review.alike.is_empty());
        let rows: Vec<usize> = review.confusion.iter().map(|row| row.iter().sum()).collect();
        assert_eq!(rows, [4, 4, 4]);
    }

    #[test]
    fn one_take_each_is_enough_and_says_that_nothing_was_held_out() {
        let seen = examples(3, 1, 2, 3.0);
        let learned = learn(&names(3), &seen, &options()).unwrap();
        assert!(learned.review.is_none());
        for example in &seen {
            assert_eq!(learned.profile.read_face(&example.features).unwrap().class, Some(example.class));
        }
        // One expression with more takes: the others are not measured.
        let mut more = seen.clone();
        more.push(Example { take: 1, ..seen[0].clone() });
        let review = learn(&names(3), &more, &options()).unwrap().review.unwrap();
        assert_eq!(review.not_measured, [1, 2]);
        assert_eq!(review.personal.takes, 2);
    }

    #[test]
    fn examples_that_do_not_fit_are_named() {
        let fails = |names: &[String], examples: &[Example]| {
            learn(names, examples, &options()).unwrap_err().to_string()
        };
        let good = examples(3, 1, 1, 3.0);
        assert!(fails(&names(1), &good[..1]).contains("expected 2 to 12 expressions, found 1"));
        assert!(fails(&names(4), &good).starts_with("sad: no face to learn from"));
        let mut bad = good.clone();
        bad[2].features.pooled[3] = f32::NAN;
        assert!(
            fails(&names(3), &bad).contains("example 2, tongue out: Pooled: expected numbers, found NaN")
        );
        let mut bad = good.clone();
        bad[1].features.pooled.pop();
        assert!(fails(&names(3), &bad).contains("example 1, happy: Pooled: expected 40 values, found 39"));
        let mut bad = good;
        bad[0].class = 9;
        assert!(fails(&names(3), &bad).contains("expected one of 3 expressions"));
    }
}
