//! Stands in for `amx` on other processors, and on systems whose way to ask for AMX is not implemented.

use super::super::{PixelRows, Pool};
use super::ConvolutionShape;

/// Never there.
#[derive(Debug, Clone)]
pub(super) enum Amx {}

impl Amx {
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only processors with AVX512-BF16 are asked")
    )]
    pub(super) fn detect() -> Option<Self> {
        None
    }
}

/// Never there.
pub(super) enum AmxConvolution {}

#[allow(dead_code, reason = "nothing reads it without AMX")]
pub(super) struct Taps<'a> {
    pub(super) y: &'a [usize],
    pub(super) x: &'a [usize],
    pub(super) rows: &'a PixelRows,
}

impl AmxConvolution {
    pub(super) fn new(amx: Amx) -> Self {
        match amx {}
    }

    pub(super) fn forward(
        &mut self,
        _pool: &Pool,
        _shape: &ConvolutionShape,
        _rows: &PixelRows,
        _weights: &[f32],
        _input: &[f32],
        _output: &mut [f32],
    ) {
        match *self {}
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn backward_input(
        &mut self,
        _pool: &Pool,
        _shape: &ConvolutionShape,
        _taps: &Taps<'_>,
        _weights: &[f32],
        _gradient: &[f32],
        _to: &mut [f32],
        _accumulate: bool,
    ) {
        match *self {}
    }

    pub(super) fn backward_weights(
        &mut self,
        _pool: &Pool,
        _shape: &ConvolutionShape,
        _rows: &PixelRows,
        _input: &[f32],
        _gradient: &[f32],
        _to: &mut [f32],
    ) {
        match *self {}
    }
}
