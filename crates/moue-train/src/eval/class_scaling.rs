//! A scale and a bias for each class's logit, fitted by log loss: vector scaling (Guo et al. 2017, arXiv 1706.04599,
//! section 4.2). A temperature alone makes the network as sure as it ought to be; the biases also mend classes that it
//! says too seldom or too often.

use moue_model::{Expression, NetworkWeights, Probabilities, softmax};
use nalgebra::{SMatrix, SVector};
use serde::Serialize;

const N: usize = Expression::COUNT;
/// Parameters: the scales, then the biases.
const P: usize = 2 * N;

type Logits = [f32; N];
type Parameters = SVector<f64, P>;
type Curvature = SMatrix<f64, P, P>;

/// `scale[k] * logit[k] + bias[k]` takes the place of the logit of class `k`; the temperature is 1 from then on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassScaling {
    /// Of each class, above 0.
    pub scale: [f64; N],
    /// Of each class; their sum is 0.
    pub bias: [f64; N],
}

impl ClassScaling {
    /// Fits by the mean log loss, starting from this temperature's probabilities.
    ///
    /// The problem is convex; Newton's method with halved steps solves it. A standard normal prior on each bias, and on
    /// each scale's distance from the temperature's, decides what the pictures leave open (of biases only differences count) and
    /// keeps a set that is told apart without an error from driving the scales to infinity. It weighs as much as one picture
    /// or so. `None` where a scale is not above 0: then the class's logit says nothing about its class.
    #[must_use]
    pub fn fit(logits: &[Logits], labels: &[Expression], temperature: f32) -> Option<Self> {
        let temperature = f64::from(temperature);
        let tempered: Vec<[f64; N]> = logits.iter().map(|l| l.map(|v| f64::from(v) / temperature)).collect();
        let labels: Vec<usize> = labels.iter().map(|l| l.index()).collect();
        let mut x = Parameters::from_fn(|i, _| if i < N { 1.0 } else { 0.0 });
        let mut value = objective(&tempered, &labels, &x);
        for _ in 0..100 {
            let (gradient, curvature) = derivatives(&tempered, &labels, &x);
            // The prior makes the matrix positive definite.
            let step = curvature.cholesky()?.solve(&gradient);
            let expected = gradient.dot(&step);
            if expected < 1e-12 * value.max(1.0) {
                break;
            }
            let mut share = 1.0;
            loop {
                let next = x - step * share;
                let next_value = objective(&tempered, &labels, &next);
                if next_value <= value - 1e-4 * share * expected {
                    (x, value) = (next, next_value);
                    break;
                }
                share /= 2.0;
                if share < 1e-8 {
                    break;
                }
            }
            if share < 1e-8 {
                break;
            }
        }
        let mean_bias = x.rows(N, N).mean();
        let scaling = Self {
            scale: std::array::from_fn(|k| x[k] / temperature),
            bias: std::array::from_fn(|k| x[N + k] - mean_bias),
        };
        let usable = scaling.scale.iter().all(|s| s.is_finite() && *s > 0.0)
            && scaling.bias.iter().all(|b| b.is_finite());
        usable.then_some(scaling)
    }

    /// The probabilities of these logits.
    #[must_use]
    pub fn probabilities(&self, logits: &Logits) -> Probabilities {
        softmax(&std::array::from_fn(|k| (self.scale[k] * f64::from(logits[k]) + self.bias[k]) as f32), 1.0)
    }

    /// Multiplies the scale into each class's row of the last layer, and adds the bias: the network's logits, and with them its
    /// evidence maps, are from then on the calibrated ones. Its `temperature` becomes 1.
    pub fn fold_into(&self, weights: &mut NetworkWeights) {
        if let Some(tensor) = weights.tensors.get_mut("fc.weight") {
            let features = tensor.values.len() / N;
            for (row, scale) in tensor.values.chunks_exact_mut(features).zip(self.scale) {
                row.iter_mut().for_each(|v| *v = (f64::from(*v) * scale) as f32);
            }
        }
        if let Some(tensor) = weights.tensors.get_mut("fc.bias") {
            for ((v, scale), bias) in tensor.values.iter_mut().zip(self.scale).zip(self.bias) {
                *v = (f64::from(*v) * scale + bias) as f32;
            }
        }
        weights.metadata.insert("temperature".to_owned(), "1".to_owned());
    }
}

/// The scaled logits' log-sum-exp and the probabilities.
fn scaled(z: &[f64; N], x: &Parameters) -> (f64, [f64; N]) {
    let scaled: [f64; N] = std::array::from_fn(|k| x[k] * z[k] + x[N + k]);
    let largest = scaled.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scaled.iter().map(|v| (v - largest).exp()).sum();
    let log_sum = largest + sum.ln();
    (log_sum, scaled.map(|v| (v - log_sum).exp()))
}

/// How far the parameters are from a plain temperature's.
fn from_prior(x: &Parameters) -> Parameters {
    Parameters::from_fn(|i, _| if i < N { x[i] - 1.0 } else { x[i] })
}

/// The sum of the log losses, and the prior.
fn objective(tempered: &[[f64; N]], labels: &[usize], x: &Parameters) -> f64 {
    let loss = |(z, &label): (&[f64; N], &usize)| scaled(z, x).0 - (x[label] * z[label] + x[N + label]);
    tempered.iter().zip(labels).map(loss).sum::<f64>() + 0.5 * from_prior(x).norm_squared()
}

/// The objective's gradient and matrix of second derivatives.
fn derivatives(tempered: &[[f64; N]], labels: &[usize], x: &Parameters) -> (Parameters, Curvature) {
    let mut gradient = from_prior(x);
    let mut curvature = Curvature::identity();
    for (z, &label) in tempered.iter().zip(labels) {
        let p = scaled(z, x).1;
        for k in 0..N {
            let residual = p[k] - f64::from(u8::from(k == label));
            gradient[k] += residual * z[k];
            gradient[N + k] += residual;
            for l in 0..N {
                let w = p[k] * (f64::from(u8::from(k == l)) - p[l]);
                curvature[(k, l)] += w * z[k] * z[l];
                curvature[(k, N + l)] += w * z[k];
                curvature[(N + k, l)] += w * z[l];
                curvature[(N + k, N + l)] += w;
            }
        }
    }
    (gradient, curvature)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use rand::RngExt as _;
    use rand_distr::{Distribution as _, StandardNormal};
    use rand_pcg::Pcg64Mcg;

    use super::*;
    use moue_model::{FEATURE_CHANNELS, WeightTensor};

    /// Logits of a made-up network, and labels drawn from the probabilities that `truth` makes of them.
    pub(in crate::eval) fn drawn(
        pictures: usize,
        seed: u128,
        truth: &ClassScaling,
    ) -> (Vec<Logits>, Vec<Expression>) {
        let mut rng = Pcg64Mcg::new(seed);
        let normal = |rng: &mut Pcg64Mcg| -> f32 { StandardNormal.sample(rng) };
        (0..pictures)
            .map(|_| {
                let logits: Logits = std::array::from_fn(|_| 2.0 * normal(&mut rng));
                let mut left: f32 = rng.random();
                let p = truth.probabilities(&logits);
                let label = p.iter().position(|p| {
                    left -= p;
                    left < 0.0
                });
                (logits, Expression::ALL[label.unwrap_or(0)])
            })
            .unzip()
    }

    pub(in crate::eval) const BIASED: ClassScaling = ClassScaling {
        scale: [0.6, 0.9, 0.5, 0.8, 0.7, 0.6, 0.75],
        bias: [0.4, -0.8, 0.9, -0.3, -0.5, 0.1, 0.2],
    };

    #[test]
    fn derivatives_are_those_of_the_objective() {
        let (logits, labels) = drawn(40, 3, &BIASED);
        let z: Vec<[f64; N]> = logits.iter().map(|l| l.map(f64::from)).collect();
        let labels: Vec<usize> = labels.iter().map(|l| l.index()).collect();
        let x = Parameters::from_fn(|i, _| if i < N { 0.8 + 0.05 * i as f64 } else { 0.1 * i as f64 - 1.0 });
        let (gradient, curvature) = derivatives(&z, &labels, &x);
        let h = 1e-5;
        for i in 0..P {
            let mut moved = [x, x];
            moved[0][i] -= h;
            moved[1][i] += h;
            let [below, above] = moved.map(|x| objective(&z, &labels, &x));
            let slope = (above - below) / (2.0 * h);
            assert!((slope - gradient[i]).abs() < 1e-5 * gradient.amax(), "{i}: {slope} {}", gradient[i]);
            let [below, above] = moved.map(|x| derivatives(&z, &labels, &x).0);
            for j in 0..P {
                let bend = (above[j] - below[j]) / (2.0 * h);
                assert!((bend - curvature[(i, j)]).abs() < 1e-5 * curvature.amax(), "{i} {j}: {bend}");
            }
        }
    }

    #[test]
    fn the_scaling_that_the_labels_were_drawn_from_is_found() {
        let (logits, labels) = drawn(30_000, 1, &BIASED);
        let fitted = ClassScaling::fit(&logits, &labels, 1.4).unwrap();
        for k in 0..N {
            assert!((fitted.scale[k] - BIASED.scale[k]).abs() < 0.05, "{k}: {fitted:?}");
            assert!((fitted.bias[k] - BIASED.bias[k]).abs() < 0.08, "{k}: {fitted:?}");
        }
        assert!(fitted.bias.iter().sum::<f64>().abs() < 1e-9);
        // Where the fit started does not matter, but for the prior.
        let other = ClassScaling::fit(&logits, &labels, 0.8).unwrap();
        assert!(fitted.scale.iter().zip(other.scale).all(|(a, b)| (a - b).abs() < 0.001), "{other:?}");
    }

    #[test]
    fn sets_without_an_error_and_empty_ones_have_a_scaling_too() {
        let logits: Vec<Logits> =
            (0..70).map(|i| std::array::from_fn(|k| if k == i % 7 { 5.0 } else { 0.0 })).collect();
        let labels: Vec<Expression> = (0..70).map(|i| Expression::ALL[i % 7]).collect();
        let fitted = ClassScaling::fit(&logits, &labels, 1.0).unwrap();
        assert!(fitted.scale.iter().all(|s| (1.0..3.0).contains(s)), "{fitted:?}");
        let none = ClassScaling::fit(&[], &[], 2.0).unwrap();
        assert_eq!((none.scale, none.bias), ([0.5; N], [0.0; N]));
    }

    #[test]
    fn folded_into_the_last_layer_it_gives_the_same_probabilities() {
        let mut rng = Pcg64Mcg::new(5);
        let mut tensor = |shape: &[usize]| {
            let values = (0..shape.iter().product()).map(|_| rng.random_range(-0.1..0.1f32)).collect();
            WeightTensor { shape: shape.to_vec(), values }
        };
        let tensors = BTreeMap::from([
            ("fc.weight".to_owned(), tensor(&[N, FEATURE_CHANNELS])),
            ("fc.bias".to_owned(), tensor(&[N])),
        ]);
        let features = tensor(&[FEATURE_CHANNELS]).values;
        let logits = |w: &NetworkWeights| -> Logits {
            std::array::from_fn(|k| {
                let row = &w.tensors["fc.weight"].values[k * FEATURE_CHANNELS..][..FEATURE_CHANNELS];
                w.tensors["fc.bias"].values[k] + row.iter().zip(&features).map(|(a, b)| a * b).sum::<f32>()
            })
        };
        let metadata = BTreeMap::from([("temperature".to_owned(), "0.93".to_owned())]);
        let mut weights = NetworkWeights { blocks: 1, tensors, metadata };
        let expected = BIASED.probabilities(&logits(&weights));
        BIASED.fold_into(&mut weights);
        assert_eq!(weights.temperature(), 1.0);
        let found = softmax(&logits(&weights), 1.0);
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-6, "{found:?} {expected:?}");
        }
    }
}
