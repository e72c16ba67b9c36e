//! The CPU's own kernels: what candle computes on a graphics card, these compute on the processor.
//!
//! `moue_model::CpuPlan` is the whole network, compiled once from its weights, and runs on these. The parts from the bottom
//! up, each in its own file, with the idea that was taken and where it comes from (ideas only; the code is this
//! project's own):
//!
//! - [`Isa`] is found when the program runs, and `simd` writes every kernel once for all of them: one generic body,
//!   compiled inside a function that has the instructions on, as the crates `memchr` and `pulp` do it.
//! - [`Tile`] is the one matrix kernel. Its size follows Goto and van de Geijn (2008) and oneDNN's AVX-512
//!   kernels: 14 x 32 sums fill 28 of 32 registers. Its rows are addressed by offsets, as in XNNPACK's indirect
//!   GEMM (Dukhan 2019), so that forward and backward convolutions need no im2col. Weights are packed in
//!   panels in the order of their use, and asked for one panel ahead, because the deep layers' weights
//!   stream from the third level of cache.
//! - [`FeatureMap`] is NHWC with a border of zeros: a kernel row over all input channels is one run of floats, and the
//!   inner loop knows no edges. (libfacedetection keeps its maps the same way.)
//! - [`AlignedVec`] is what all of them read from: it begins with a cache line, and lies in large pages.
//! - [`PackedConvolution`] runs batch norm, residual and ReLU while the sums are still in registers, as oneDNN's
//!   post-operations do. For small maps it keeps a 16-bit file's weights in 16 bits: there the time goes
//!   into fetching them.
//! - [`WinogradConvolution`] is F(4x4, 3x3) of Lavin and Gray (2015), transformed over vectors of channels as in
//!   ncnn and NNPACK; for the layers whose maps are large enough.
//! - `stem` fuses the 7x7 convolution with the max-pool, and folds three equal colour channels into one.
//! - [`SeparableBlock`] is the block of the face finder's networks, a few rows at a time through all of it.
//! - `train::amx` multiplies tiles of bf16 numbers in training, where the CPU has Intel's AMX; weights and pixels
//!   are packed as oneDNN's kernels for it want them.
//! - [`Pool`] shares out steps of microseconds. Every sum is computed by one thread in one order, so results are
//!   the same to the bit whatever the number of threads.
//!
//! This is the only crate with `unsafe`: raw vectors in `simd`, `tile`, `winograd`, `transform`, `stem`, `dense`,
//! `depthwise` and `train`, slices that threads share in [`Cells`], the pool's borrowed closure, and the call that asks for
//! large pages. Sizes are checked with
//! assertions before every unchecked access, once for a whole tile. `scripts/sanitize.sh` runs the tests under
//! AddressSanitizer, under Miri, and on an emulated ARM.
#![allow(unsafe_code)]

mod aligned;
mod cells;
mod convolution;
mod dense;
mod depthwise;
mod feature_map;
mod formula;
mod isa;
mod pool;
#[cfg(test)]
mod reference;
mod scratch;
mod separable;
mod simd;
pub mod stem;
mod tile;
pub mod train;
mod transform;
mod winograd;

pub use aligned::AlignedVec;
pub use cells::Cells;
pub use convolution::{Norm, PackedConvolution, PixelRows};
pub use dense::{DenseConvolution, PixelTable, Shortcut, padded_channels};
pub use depthwise::{DepthwiseConvolution, halve_by_maximum};
pub use feature_map::{FeatureMap, copy_planes};
pub use formula::hashed_uniform;
pub use isa::{Isa, UnknownIsa};
pub use pool::Pool;
pub use scratch::Scratch;
pub use separable::{SeparableBlock, SeparableWeights, packed_table};
pub use tile::{Residual, Start, Tile};
pub use winograd::{FeatureMaps, WinogradConvolution};
