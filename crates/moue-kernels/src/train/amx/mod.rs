//! Convolutions by Intel AMX, which multiplies tiles of bf16 numbers (Xeons since Sapphire Rapids, 2023): 16 times as many products
//! a cycle as AVX-512 in f32, so that packing the numbers into tiles becomes the bottleneck.
//!
//! - `tile`: the instructions, their permission, and the one microkernel.
//! - `matrix`: rounds and packs what a microkernel reads, straight from maps and weights.
//! - `product`: forward, and the gradient of the input: pixels times weights.
//! - `weights`: the gradient of the weights: a sum over pixels.
//!
//! Sums are in f32, in an order that depends on the shape only.

mod matrix;
mod product;
mod tile;
mod weights;

use std::sync::Arc;

use parking_lot::Mutex;

use self::matrix::Matrix;
use self::tile::{Factors, Permission, STEP, Sums};
use super::super::{PixelRows, Pool};
use super::ConvolutionShape;

/// AMX on this machine, and memory for packed factors.
#[derive(Debug, Clone)]
pub(super) struct Amx {
    permission: Permission,
    memory: Arc<Mutex<Vec<Vec<Factors>>>>,
}

impl std::fmt::Debug for Factors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Factors")
    }
}

impl Amx {
    /// None where the CPU has none, or the system does not permit it.
    pub(super) fn detect() -> Option<Self> {
        Some(Self { permission: Permission::ask()?, memory: Arc::default() })
    }

    /// `count` tiles with whatever their last user left in them.
    fn take(&self, count: usize) -> Lent<'_> {
        let mut tiles = self.memory.lock().pop().unwrap_or_default();
        if tiles.len() < count {
            tiles.resize(count, Factors::ZERO);
        }
        Lent { of: self, tiles, count }
    }
}

/// Tiles that go back to the others when they are dropped.
struct Lent<'a> {
    of: &'a Amx,
    tiles: Vec<Factors>,
    count: usize,
}

impl std::ops::Deref for Lent<'_> {
    type Target = [Factors];

    fn deref(&self) -> &[Factors] {
        &self.tiles[..self.count]
    }
}

impl std::ops::DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut [Factors] {
        &mut self.tiles[..self.count]
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.of.memory.lock().push(std::mem::take(&mut self.tiles));
    }
}

/// What one convolution keeps for its products.
pub(super) struct AmxConvolution {
    amx: Amx,
    /// Packed weights.
    packed: Vec<Factors>,
    /// Sums of the gradient of the weights.
    sums: Vec<Sums>,
}

/// What a gradient to the input goes through: the taps of a phase, in the order in which the gradient's pixels are seen.
pub(super) struct Taps<'a> {
    /// Rows and columns of the kernel.
    pub(super) y: &'a [usize],
    pub(super) x: &'a [usize],
    /// Pixels of the phase.
    pub(super) rows: &'a PixelRows,
}

impl AmxConvolution {
    pub(super) fn new(amx: Amx) -> Self {
        Self { amx, packed: Vec::new(), sums: Vec::new() }
    }

    /// See [`super::TrainConvolution::forward`].
    pub(super) fn forward(
        &mut self,
        pool: &Pool,
        shape: &ConvolutionShape,
        rows: &PixelRows,
        weights: &[f32],
        input: &[f32],
        output: &mut [f32],
    ) {
        let (c_out, length) = (shape.output.channels, shape.kernel * shape.input.channels);
        // A row of the kernel is filled up to whole steps, as what the pixels see is.
        let padded = length.next_multiple_of(STEP);
        let starts: Vec<usize> = (0..shape.kernel * padded)
            .map(|k| match (k / padded, k % padded) {
                (ky, inside) if inside < length => (ky * length + inside) * c_out,
                _ => Matrix::<f32>::MISSING,
            })
            .collect();
        let right = Matrix::new(self.amx.permission, weights, &starts, &[0], c_out);
        let panel_len = 2 * starts.len() / STEP;
        product::pack_panels(pool, &mut self.packed, panel_len, c_out, |panel, to| {
            right.pack_pairs(0..starts.len(), panel, to);
        });
        let segments: Vec<usize> = (0..shape.kernel).map(|ky| ky * rows.input_row).collect();
        let left = Matrix::new(self.amx.permission, input, &rows.input, &segments, length);
        product::product(pool, &self.amx, &left, &self.packed, c_out, (output, &rows.output), false);
    }

    /// One phase of [`super::TrainConvolution::backward_input`].
    #[allow(clippy::too_many_arguments)]
    pub(super) fn backward_input(
        &mut self,
        pool: &Pool,
        shape: &ConvolutionShape,
        taps: &Taps<'_>,
        weights: &[f32],
        gradient: &[f32],
        to: &mut [f32],
        accumulate: bool,
    ) {
        let (c_in, c_out) = (shape.input.channels, shape.output.channels);
        let starts: Vec<usize> = (0..c_in).map(|i| i * c_out).collect();
        let places = || (0..taps.y.len()).flat_map(|y| (0..taps.x.len()).map(move |x| (y, x)));
        let segments: Vec<usize> =
            places().map(|(y, x)| (taps.y[y] * shape.kernel + taps.x[x]) * c_in * c_out).collect();
        let right = Matrix::new(self.amx.permission, weights, &starts, &segments, c_out);
        let panel_len = 2 * right.steps();
        product::pack_panels(pool, &mut self.packed, panel_len, c_in, |panel, to| {
            right.pack_turned_pairs(panel * STEP, to);
        });
        let segments: Vec<usize> =
            places().map(|(y, x)| y * taps.rows.input_row + x * shape.gradient.channels).collect();
        let left = Matrix::new(self.amx.permission, gradient, &taps.rows.input, &segments, c_out);
        product::product(pool, &self.amx, &left, &self.packed, c_in, (to, &taps.rows.output), accumulate);
    }

    /// See [`super::TrainConvolution::backward_weights`].
    pub(super) fn backward_weights(
        &mut self,
        pool: &Pool,
        shape: &ConvolutionShape,
        rows: &PixelRows,
        input: &[f32],
        gradient: &[f32],
        to: &mut [f32],
    ) {
        assert_eq!(to.len(), shape.weights(), "weights");
        let segments: Vec<usize> = (0..shape.kernel).map(|ky| ky * rows.input_row).collect();
        let length = shape.kernel * shape.input.channels;
        let right = Matrix::new(self.amx.permission, input, &rows.input, &segments, length);
        let pixels = shape.gradient.pixels(shape.n);
        let left = Matrix::new(self.amx.permission, gradient, &pixels, &[0], shape.output.channels);
        weights::gradient(pool, &self.amx, &left, &right, shape, &mut self.sums, to);
    }
}
