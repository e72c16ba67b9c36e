//! Batch-norm that does not learn is a scale and a shift: folded into the convolution before it.

use moue_kernels::Norm;

use crate::NetworkWeights;

/// Added to the variance, as PyTorch does.
const EPSILON: f64 = 1e-5;

/// A convolution's weights times each output's batch-norm scale, and the shift that remains as its bias.
pub(super) struct Folded {
    /// `[c_out, c_in, k, k]`.
    pub(super) weights: Vec<f32>,
    /// One value an output channel.
    pub(super) bias: Vec<f32>,
}

/// A tensor that the layout promises.
pub(super) fn tensor<'a>(weights: &'a NetworkWeights, name: &str) -> &'a [f32] {
    weights.tensors.get(name).map_or(&[], |tensor| &tensor.values)
}

/// Batch-norm `name` as a factor and an addend for each output channel.
pub(super) fn norm(weights: &NetworkWeights, name: &str) -> Norm {
    let (scale, bias) = factors(weights, name).map(|(scale, bias)| (scale as f32, bias as f32)).unzip();
    Norm { scale, bias }
}

/// Folds batch-norm `norm` into convolution `convolution` (names without `.weight`), in f64.
pub(super) fn fold(weights: &NetworkWeights, convolution: &str, norm: &str) -> Folded {
    let kernels = tensor(weights, &format!("{convolution}.weight"));
    let (scale, bias): (Vec<f64>, Vec<f32>) =
        factors(weights, norm).map(|(scale, bias)| (scale, bias as f32)).unzip();
    let each = (kernels.len() / scale.len().max(1)).max(1);
    let scaled = kernels.chunks_exact(each).zip(scale);
    let weights =
        scaled.flat_map(|(kernel, scale)| kernel.iter().map(move |&w| (f64::from(w) * scale) as f32));
    Folded { weights: weights.collect(), bias }
}

/// What batch-norm `name` multiplies each channel with, and what it adds.
fn factors(weights: &NetworkWeights, name: &str) -> impl Iterator<Item = (f64, f64)> {
    let part = |part: &str| tensor(weights, &format!("{name}.{part}")).iter().map(|&value| f64::from(value));
    let statistics = part("running_mean").zip(part("running_var"));
    part("weight").zip(part("bias")).zip(statistics).map(|((scale, shift), (mean, variance))| {
        let factor = scale / (variance + EPSILON).sqrt();
        (factor, shift - mean * factor)
    })
}
