//! The CPU's own kernels: what candle computes on a graphics card, these compute on the processor.
#![allow(unsafe_code)]

mod cells;
mod convolution;
mod fold;
mod head;
mod isa;
mod picture;
mod plan;
mod pool;
#[cfg(test)]
mod reference;
mod scratch;
mod simd;
mod stem;
mod tile;
pub mod train;
mod winograd;

pub use cells::Cells;
pub use convolution::{PackedConvolution, PixelRows};
pub use isa::{Isa, UnknownIsa};
pub use picture::Picture;
pub use plan::{CpuPlan, PlanOptions, PlanOutput};
pub use pool::Pool;
pub use tile::{Residual, Start, Tile};
pub use winograd::{Pictures, WinogradConvolution};
