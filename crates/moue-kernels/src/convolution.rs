//! Direct convolution: the matrix kernel over packed weights, straight from the bordered map.

use super::feature_map::share;
use super::{Cells, FeatureMap, Isa, Pool, Residual, Start, Tile};

/// A convolution's weights with the batch-norm folded in, packed for one instruction set as
/// `[c_out / columns][k * k * c_in][columns]`: what a tile reads lies in the order in which it is read.
pub struct PackedConvolution {
    isa: Isa,
    c_in: usize,
    c_out: usize,
    kernel: usize,
    stride: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// Where the output pixels of a convolution find their input, their result and their residual.
pub struct PixelRows {
    /// Offset of the first input pixel that is seen.
    pub input: Vec<usize>,
    /// Offset of the output pixel.
    pub output: Vec<usize>,
    /// Offset of what is added, where something is.
    pub residual: Vec<usize>,
    /// Floats from one row of the input to the next.
    pub input_row: usize,
}

impl PixelRows {
    /// For `n` maps, a square kernel padded by `padding` (at most the input's border), and `stride`.
    ///
    /// # Panics
    /// When the border is narrower than the padding.
    #[must_use]
    pub fn new(
        n: usize,
        input: &FeatureMap,
        output: &FeatureMap,
        residual: Option<&FeatureMap>,
        padding: usize,
        stride: usize,
    ) -> Self {
        assert!(padding <= input.border, "a border of {} for a padding of {padding}", input.border);
        let mut rows = Vec::with_capacity(n * output.height * output.width);
        let inset = input.border - padding;
        for image in 0..n {
            for y in 0..output.height {
                rows.extend(
                    (0..output.width).map(|x| input.outer(image, inset + y * stride, inset + x * stride)),
                );
            }
        }
        Self {
            input: rows,
            output: output.pixels(n),
            residual: residual.map(|r| r.pixels(n)).unwrap_or_default(),
            input_row: input.row(),
        }
    }
}

/// Packs `[c_out][kernel][kernel][c_in]` weights, given by a function, as panels of `columns` outputs.
pub(super) fn pack_panels(
    c_out: usize,
    depth: usize,
    columns: usize,
    weight: impl Fn(usize, usize) -> f32,
) -> Vec<f32> {
    let mut packed = Vec::with_capacity(c_out.div_ceil(columns) * depth * columns);
    for panel in 0..c_out.div_ceil(columns) {
        for p in 0..depth {
            packed.extend(
                (panel * columns..(panel + 1) * columns).map(|o| if o < c_out { weight(o, p) } else { 0.0 }),
            );
        }
    }
    packed
}

impl PackedConvolution {
    /// Packs PyTorch's `[c_out, c_in, kernel, kernel]` weights; `bias` is one value an output channel.
    ///
    /// # Panics
    /// When the lengths do not fit together.
    #[must_use]
    pub fn new(isa: Isa, weights: &[f32], bias: Vec<f32>, c_in: usize, kernel: usize, stride: usize) -> Self {
        let c_out = bias.len();
        assert_eq!(weights.len(), c_out * c_in * kernel * kernel, "weights");
        let packed = pack_panels(c_out, kernel * kernel * c_in, isa.tile_columns(), |o, p| {
            let (tap, i) = (p / c_in, p % c_in);
            weights[(o * c_in + i) * kernel * kernel + tap]
        });
        Self { isa, c_in, c_out, kernel, stride, weights: packed, bias }
    }

    /// Pixels from one output's view to the next.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Output channels.
    #[must_use]
    pub fn c_out(&self) -> usize {
        self.c_out
    }

    /// Convolves the first `pixels` that `rows` lists: adds the bias, the residual where there is one, and
    /// makes negative results zero where `relu` is set.
    ///
    /// # Panics
    /// When an offset leads out of a slice.
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &self,
        pool: &Pool,
        input: &[f32],
        rows: &PixelRows,
        pixels: usize,
        output: &mut [f32],
        residual: Option<&[f32]>,
        relu: bool,
    ) {
        let (columns, depth) = (self.isa.tile_columns(), self.kernel * self.kernel * self.c_in);
        let panels = self.c_out.div_ceil(columns);
        let tiles = pixels.div_ceil(self.isa.tile_rows());
        // A task reads its panel of weights once and stays with it; more tasks only where threads want them.
        let groups = (4 * pool.threads()).div_ceil(panels).min(tiles.div_ceil(2)).max(1);
        let groups = if pool.threads() == 1 { 1 } else { groups };
        let output = Cells::new(output);
        // While a panel is used, the next one is prefetched: threads take them in turn.
        let next_panel = pool.threads() * depth * columns;
        pool.run(panels * groups, |task| {
            let (panel, group) = (task / groups, task % groups);
            let first = panel * columns;
            let count = columns.min(self.c_out - first);
            let mut to = [0; MOST_ROWS];
            let mut from = [0; MOST_ROWS];
            let own = share(tiles, groups, group);
            for tile in own.clone() {
                let ahead = match (groups, tile - own.start) {
                    (1, 0) => next_panel,
                    (1, 1) => next_panel + LINE,
                    _ => 0,
                };
                let pixels = share(pixels, tiles, tile);
                for (to, from) in to.iter_mut().zip(&rows.output[pixels.clone()]) {
                    *to = from + first;
                }
                let added = residual.map(|values| {
                    for (to, at) in from.iter_mut().zip(&rows.residual[pixels.clone()]) {
                        *to = at + first;
                    }
                    Residual { values, rows: &from[..pixels.len()] }
                });
                let tile = Tile {
                    a: input,
                    a_rows: &rows.input[pixels.clone()],
                    a_step: 1,
                    a_segment: rows.input_row,
                    b: &self.weights[panel * depth * columns..(panel + 1) * depth * columns],
                    b_step: columns,
                    b_segment: self.kernel * self.c_in * columns,
                    ahead,
                    length: self.kernel * self.c_in,
                    segments: self.kernel,
                    c: output,
                    c_rows: &to[..pixels.len()],
                    columns: count,
                    start: Start::Bias(&self.bias[first..]),
                    residual: added,
                    relu,
                };
                // SAFETY: a tile writes its own pixels' channels `first..first + count`; no two tasks share
                // both, and `output` is borrowed mutably, so nothing else overlaps.
                unsafe { tile.run(self.isa) };
            }
        });
    }
}

/// Floats in a cache line.
pub(super) const LINE: usize = 16;

/// The most rows that a tile of any instruction set has.
pub(super) const MOST_ROWS: usize = 14;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::reference::{bordered, convolve, most, values};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_convolution_is_the_plain_loop(
            isa in prop::sample::select(Isa::available()), threads in 1_usize..4,
            n in 1_usize..3, height in 1..most(12), width in 1..most(12), c_in in 1..most(20), c_out in 1..most(50),
            kernel in prop::sample::select(vec![1_usize, 3, 5, 7]), stride in 1_usize..3, padded: bool,
            residual: bool, relu: bool, seed in 0_u64..1000,
        ) {
            let padding = if padded { kernel / 2 } else { 0 };
            prop_assume!(height + 2 * padding >= kernel && width + 2 * padding >= kernel);
            let input = FeatureMap { height, width, channels: c_in, border: padding };
            let output = FeatureMap {
                height: (height + 2 * padding - kernel) / stride + 1,
                width: (width + 2 * padding - kernel) / stride + 1,
                channels: c_out,
                border: 1,
            };
            let x = values(n * c_in * height * width, seed);
            let weights = values(c_out * c_in * kernel * kernel, seed + 1);
            let bias = values(c_out, seed + 2);
            let added = residual.then(|| values(n * output.len(), seed + 3));
            let convolution = PackedConvolution::new(isa, &weights, bias.clone(), c_in, kernel, stride);
            let rows = PixelRows::new(n, &input, &output, Some(&output), padding, stride);
            let pixels = rows.output.len();
            let mut got = vec![7.0; n * output.len()];
            convolution.run(&Pool::new(threads), &bordered(&x, n, &input), &rows, pixels, &mut got, added.as_deref(), relu);
            let plain = convolve(&x, &weights, &bias, n, (c_in, height, width), kernel, padding, stride);
            for image in 0..n {
                for y in 0..output.height {
                    for x in 0..output.width {
                        for c in 0..c_out {
                            let at = output.at(image, y, x) + c;
                            let mut want = plain[((image * c_out + c) * output.height + y) * output.width + x];
                            want += added.as_ref().map_or(0.0, |a| f64::from(a[at]));
                            want = if relu { want.max(0.0) } else { want };
                            prop_assert!((f64::from(got[at]) - want).abs() < 1e-4, "{} for {want}", got[at]);
                        }
                    }
                }
                prop_assert!(got[image * output.len()] == 7.0, "the border is not touched");
            }
        }
    }
}
