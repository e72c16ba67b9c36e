//! Regularised multinomial logistic regression.

use argmin::core::{CostFunction, Error, Executor, Gradient};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use nalgebra::{DMatrix, DVector, SymmetricEigen};

use crate::ProfileError;

/// Steps of the optimiser at most. The loss is convex: more only polish.
const MAX_STEPS: u64 = 200;
/// So many earlier steps the optimiser remembers.
const MEMORY: usize = 8;
/// The gradient's length at which it is done.
const TOLERANCE: f64 = 1e-5;
/// Share of the variance that the directions which are kept hold together.
const KEPT_VARIANCE: f64 = 0.9995;

/// A linear classifier of the vectors: logits `[classes]` are `weights [classes, dimension] x + bias`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linear {
    pub(crate) weights: Vec<f64>,
    pub(crate) bias: Vec<f64>,
}

impl Linear {
    pub(crate) fn logits(&self, vector: &[f64]) -> Vec<f64> {
        let rows = self.weights.chunks_exact(vector.len().max(1));
        rows.zip(&self.bias)
            .map(|(row, b)| b + row.iter().zip(vector).map(|(w, v)| w * v).sum::<f64>())
            .collect()
    }
}

/// Vectors with their classes and weights (in sum 1), in the few directions in which they differ.
pub(crate) struct Problem {
    /// Each vector in the kept directions: `[n, directions]`.
    reduced: Vec<f64>,
    directions: usize,
    /// `[dimension, directions]`, orthonormal columns.
    basis: DMatrix<f64>,
    targets: Vec<usize>,
    weights: Vec<f64>,
    classes: usize,
}

impl Problem {
    /// The penalty on a classifier's length only sees the span of the vectors, so that nothing is lost by solving there.
    pub(crate) fn new(vectors: &[Vec<f64>], targets: Vec<usize>, weights: Vec<f64>, classes: usize) -> Self {
        let n = vectors.len();
        let dimension = vectors.first().map_or(0, Vec::len);
        let all = DMatrix::from_fn(n, dimension, |i, j| vectors[i][j]);
        let SymmetricEigen { eigenvalues, eigenvectors } = (&all * all.transpose()).symmetric_eigen();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| eigenvalues[b].total_cmp(&eigenvalues[a]));
        let total: f64 = eigenvalues.iter().filter(|v| **v > 0.0).sum();
        let mut held = 0.0;
        let mut columns: Vec<DVector<f64>> = Vec::new();
        for i in order {
            let value = eigenvalues[i];
            if value <= 1e-9 * total || held >= KEPT_VARIANCE * total {
                break;
            }
            held += value;
            columns.push(all.transpose() * eigenvectors.column(i) / value.sqrt());
        }
        let basis =
            if columns.is_empty() { DMatrix::zeros(dimension, 0) } else { DMatrix::from_columns(&columns) };
        let scores = &all * &basis;
        let directions = basis.ncols();
        let reduced = (0..n).flat_map(|i| scores.row(i).iter().copied().collect::<Vec<_>>()).collect();
        Self { reduced, directions, basis, targets, weights, classes }
    }

    /// Minimises the mean cross entropy plus `strength / 2` times the squared length of the weights.
    pub(crate) fn solve(&self, strength: f64) -> Result<Linear, ProfileError> {
        let failed = |e: Error| ProfileError::Fit { reason: e.to_string() };
        let search = MoreThuenteLineSearch::new().with_c(1e-4, 0.9).map_err(failed)?;
        let solver = LBFGS::new(search, MEMORY).with_tolerance_grad(TOLERANCE).map_err(failed)?;
        let start = vec![0.0; self.classes * (self.directions + 1)];
        let mut found = Executor::new(Objective { problem: self, strength }, solver)
            .configure(|state| state.param(start).max_iters(MAX_STEPS))
            .run()
            .map_err(failed)?;
        let best = found.state.take_best_param();
        let best = best.ok_or_else(|| ProfileError::Fit { reason: "the optimiser found nothing".into() })?;
        let (weights, bias) = best.split_at(self.classes * self.directions);
        let reduced = DMatrix::from_row_slice(self.classes, self.directions, weights);
        let full = reduced * self.basis.transpose();
        let weights =
            (0..self.classes).flat_map(|k| full.row(k).iter().copied().collect::<Vec<_>>()).collect();
        Ok(Linear { weights, bias: bias.to_vec() })
    }
}

struct Objective<'a> {
    problem: &'a Problem,
    strength: f64,
}

impl Objective<'_> {
    /// The loss, and what each example adds to the gradient of its logits.
    fn walk(&self, parameters: &[f64], mut each: impl FnMut(&[f64], &[f64])) -> f64 {
        let p = self.problem;
        let (weights, bias) = parameters.split_at(p.classes * p.directions);
        let mut loss = 0.5 * self.strength * weights.iter().map(|w| w * w).sum::<f64>();
        let mut slope = vec![0.0; p.classes];
        for (i, (&target, &weight)) in p.targets.iter().zip(&p.weights).enumerate() {
            let x = &p.reduced[i * p.directions..][..p.directions];
            for (k, s) in slope.iter_mut().enumerate() {
                let row = &weights[k * p.directions..][..p.directions];
                *s = bias[k] + row.iter().zip(x).map(|(w, v)| w * v).sum::<f64>();
            }
            let largest = slope.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let own = slope[target] - largest;
            let mut sum = 0.0;
            for s in &mut slope {
                *s = (*s - largest).exp();
                sum += *s;
            }
            loss += weight * (sum.ln() - own);
            for (k, s) in slope.iter_mut().enumerate() {
                *s = weight * (*s / sum - if k == target { 1.0 } else { 0.0 });
            }
            each(x, &slope);
        }
        loss
    }
}

impl CostFunction for Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.walk(parameters, |_, _| {}))
    }
}

impl Gradient for Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Vec<f64>) -> Result<Vec<f64>, Error> {
        let p = self.problem;
        let at = p.classes * p.directions;
        let mut gradient: Vec<f64> = parameters[..at].iter().map(|w| self.strength * w).collect();
        gradient.resize(parameters.len(), 0.0);
        self.walk(parameters, |x, slope| {
            for (k, s) in slope.iter().enumerate() {
                for (g, v) in gradient[k * p.directions..][..p.directions].iter_mut().zip(x) {
                    *g += s * v;
                }
                gradient[at + k] += s;
            }
        });
        Ok(gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three corners of a plane in five dimensions.
    fn corners() -> (Vec<Vec<f64>>, Vec<usize>) {
        let points = [[1.0, 0.0], [1.1, 0.2], [-0.5, 0.8], [-0.6, 0.9], [-0.5, -0.8], [-0.4, -0.9]];
        let vectors = points.iter().map(|[x, y]| vec![*x, *y, x + y, 0.5, x - 2.0 * y]).collect();
        (vectors, vec![0, 0, 1, 1, 2, 2])
    }

    #[test]
    fn the_optimum_has_no_slope_in_any_direction() {
        let (vectors, targets) = corners();
        let problem = Problem::new(&vectors, targets.clone(), vec![1.0 / 6.0; 6], 3);
        let strength = 0.01;
        let found = problem.solve(strength).unwrap();
        let right = vectors.iter().zip(&targets).all(|(v, t)| {
            let logits = found.logits(v);
            logits.iter().all(|l| *l <= logits[*t])
        });
        assert!(right, "{found:?}");
        // The loss in the full space, computed plainly.
        let loss = |linear: &Linear| {
            let penalty = linear.weights.iter().map(|w| w * w).sum::<f64>();
            let cross: f64 = vectors
                .iter()
                .zip(&targets)
                .map(|(v, t)| {
                    let logits = linear.logits(v);
                    logits.iter().map(|l| l.exp()).sum::<f64>().ln() - logits[*t]
                })
                .sum();
            cross / 6.0 + 0.5 * strength * penalty
        };
        let least = loss(&found);
        for at in 0..found.weights.len() {
            for step in [-0.05, 0.05] {
                let mut moved = found.clone();
                moved.weights[at] += step;
                assert!(loss(&moved) > least - 1e-6, "weight {at}");
            }
        }
        for at in 0..3 {
            let mut moved = found.clone();
            moved.bias[at] += 0.05;
            assert!(loss(&moved) > least - 1e-6, "bias {at}");
        }
    }

    #[test]
    fn vectors_that_are_all_the_same_tell_nothing() {
        let problem = Problem::new(&vec![vec![0.0; 4]; 3], vec![0, 1, 2], vec![1.0 / 3.0; 3], 3);
        let found = problem.solve(0.01).unwrap();
        let logits = found.logits(&[0.0; 4]);
        assert!(logits.iter().all(|l| (l - logits[0]).abs() < 1e-4), "{logits:?}");
    }
}
