//! What training needs beyond a forward pass: gradients of convolutions, batch-norm over a batch, max-pool.
//!
//! Weights of a convolution lie as `[kernel][kernel][c_in][c_out]` here: then a panel of the matrix kernel is a copy
//! of runs, and the gradient comes out in the same order. Optimisers work element by element and do not
//! mind. Every sum has one order, whatever the number of threads: tasks own their results, or
//! leave partial sums that are added in order.
//!
//! Large maps go through Winograd's transforms as in inference: forward, to the input (a convolution with the weights
//! turned about), and to the weights, `G^T (B^T d B * A g A^T) G` summed over the tiles. In runs with products in bf16 too: so few
//! are left that f32 takes less time. Where the CPU has AMX, which multiplies bf16 numbers 16 times as fast, those runs take
//! every convolution by its tiles (`amx`).
//!
//! Sources: the gradients of a convolution are those of Dumoulin and Visin, "A guide to convolution
//! arithmetic for deep learning" (2016); batch-norm's are those of Ioffe and Szegedy (2015), section 3.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[path = "amx/absent.rs"]
mod amx;
mod bf16;
mod convolution;
mod norm;
mod stem;
mod sum_tile;
#[cfg(test)]
mod tests;
mod weight_gradient;
mod winograd_gradient;

pub use bf16::{Bf16, NoBf16};
pub use convolution::{ConvolutionShape, TrainConvolution};
pub use norm::{
    NormGradient, NormInput, NormStatistics, Shortcut, norm_backward, norm_forward, norm_statistics,
};
pub use stem::{pool_backward, pool_forward};

use super::{AlignedVec, FeatureMap, Isa};

/// A zeroed buffer for `n` maps, with the room behind it that the matrix kernel may read.
#[must_use]
pub fn maps(n: usize, map: &FeatureMap) -> AlignedVec<f32> {
    let slack = Isa::ALL.iter().map(|isa| isa.tile_columns()).max().unwrap_or(0);
    AlignedVec::zeros(n * map.len() + slack)
}
