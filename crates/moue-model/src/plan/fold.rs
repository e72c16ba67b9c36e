//! Batch-norm that does not learn is a scale and a shift: folded into the convolution before it.

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

/// Folds batch-norm `norm` into convolution `convolution` (names without `.weight`), in f64.
pub(super) fn fold(weights: &NetworkWeights, convolution: &str, norm: &str) -> Folded {
    let part = |name: &str| tensor(weights, &format!("{norm}.{name}"));
    let (scale, shift) = (part("weight"), part("bias"));
    let (mean, variance) = (part("running_mean"), part("running_var"));
    let kernels = tensor(weights, &format!("{convolution}.weight"));
    let each = kernels.len() / scale.len().max(1);
    let mut folded =
        Folded { weights: Vec::with_capacity(kernels.len()), bias: Vec::with_capacity(scale.len()) };
    for (o, kernel) in kernels.chunks_exact(each.max(1)).enumerate() {
        let factor = f64::from(scale[o]) / (f64::from(variance[o]) + EPSILON).sqrt();
        folded.weights.extend(kernel.iter().map(|&w| (f64::from(w) * factor) as f32));
        folded.bias.push((f64::from(shift[o]) - f64::from(mean[o]) * factor) as f32);
    }
    folded
}
