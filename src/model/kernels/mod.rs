//! The CPU's own kernels: what candle computes on a graphics card, these compute on the processor.
#![allow(unsafe_code)]

mod cells;
mod isa;
mod pool;
mod simd;
mod tile;

pub use cells::Cells;
pub use isa::{Isa, UnknownIsa};
pub use pool::Pool;
pub use tile::{Residual, Start, Tile};
