//! How examples are read by classifiers that did not learn from their take.

use std::collections::BTreeMap;

use crate::features::{Example, Scaling, balanced};
use crate::fit::Problem;
use crate::profile::{class_means, nearest};
use crate::{FaceFeatures, ProfileError};

/// Most rounds of holding out.
const MAX_FOLDS: usize = 5;

/// An example that was held out, as each strength reads it.
#[derive(Debug, Clone)]
pub(crate) struct HeldOut<'a> {
    pub(crate) class: usize,
    pub(crate) take: usize,
    pub(crate) features: &'a FaceFeatures,
    /// Logits, one list a strength.
    pub(crate) logits: Vec<Vec<f64>>,
    /// Distance from the nearest expression's mean, in the common scale.
    pub(crate) distance: f64,
}

/// Leaves takes out in turn: the first of every expression, then the second, and so on. An expression with one take is always
/// learned from, and never held out.
pub(crate) fn hold_out<'a>(
    examples: &'a [Example],
    classes: usize,
    strengths: &[f64],
) -> Result<Vec<HeldOut<'a>>, ProfileError> {
    let mut takes = vec![Vec::new(); classes];
    for example in examples {
        let known: &mut Vec<usize> = &mut takes[example.class];
        if !known.contains(&example.take) {
            known.push(example.take);
        }
    }
    let most = takes.iter().map(Vec::len).max().unwrap_or(0);
    let folds = most.min(MAX_FOLDS);
    let fold_of: BTreeMap<(usize, usize), usize> = takes
        .iter()
        .enumerate()
        .filter(|(_, takes)| takes.len() > 1)
        .flat_map(|(class, takes)| takes.iter().enumerate().map(move |(i, take)| ((class, *take), i % folds)))
        .collect();
    let mut held = Vec::new();
    for fold in 0..folds {
        let is_held = |e: &&Example| fold_of.get(&(e.class, e.take)) == Some(&fold);
        let (out, learned): (Vec<&Example>, Vec<&Example>) = examples.iter().partition(is_held);
        if out.is_empty() {
            continue;
        }
        let scaling = Scaling::fit(&learned, classes);
        let vectors: Vec<Vec<f64>> = learned.iter().map(|e| scaling.apply(&e.features)).collect();
        let targets: Vec<usize> = learned.iter().map(|e| e.class).collect();
        let weights = balanced(&learned, classes);
        let means = class_means(&vectors, &targets, &weights, classes);
        let problem = Problem::new(&vectors, targets, weights, classes);
        let linears = strengths.iter().map(|s| problem.solve(*s)).collect::<Result<Vec<_>, _>>()?;
        for example in out {
            let vector = scaling.apply(&example.features);
            held.push(HeldOut {
                class: example.class,
                take: example.take,
                features: &example.features,
                logits: linears.iter().map(|linear| linear.logits(&vector)).collect(),
                distance: nearest(&scaling, &means, &vector),
            });
        }
    }
    Ok(held)
}
