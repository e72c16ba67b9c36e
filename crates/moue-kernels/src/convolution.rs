//! Direct convolution: the matrix kernel over packed weights, straight from the bordered map.

use half::f16;

use super::feature_map::share;
use super::tile::Stored;
use super::{AlignedVec, Cells, FeatureMap, Isa, Pool, Residual, Start, Tile};

/// A convolution's weights with the batch-norm folded in, packed for one instruction set as
/// `[c_out / columns][k * k * c_in][columns]`: what a tile reads lies in the order in which it is read.
pub struct PackedConvolution {
    isa: Isa,
    c_in: usize,
    c_out: usize,
    kernel: usize,
    stride: usize,
    weights: Weights,
    bias: Vec<f32>,
}

/// How the weights are stored.
enum Weights {
    /// With the outputs' factors multiplied in.
    Single(AlignedVec<f32>),
    /// 16 bits each, and each output's factor: half the memory to stream, where that is what a small map waits for.
    Half(AlignedVec<f16>, Vec<f32>),
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
pub(super) fn pack_panels<B: Copy + Default>(
    c_out: usize,
    depth: usize,
    columns: usize,
    weight: impl Fn(usize, usize) -> B,
) -> AlignedVec<B> {
    let mut packed = Vec::with_capacity(c_out.div_ceil(columns) * depth * columns);
    for panel in 0..c_out.div_ceil(columns) {
        for p in 0..depth {
            packed.extend(
                (panel * columns..(panel + 1) * columns)
                    .map(|o| if o < c_out { weight(o, p) } else { B::default() }),
            );
        }
    }
    packed.into()
}

/// Packs `[c_out, c_in, kernel, kernel]` weights; `store` gets the output channel and the weight.
fn packed<B: Copy + Default>(
    isa: Isa,
    weights: &[f32],
    c_out: usize,
    c_in: usize,
    kernel: usize,
    store: impl Fn(usize, f32) -> B,
) -> AlignedVec<B> {
    assert_eq!(weights.len(), c_out * c_in * kernel * kernel, "weights");
    pack_panels(c_out, kernel * kernel * c_in, isa.tile_columns(), |o, p| {
        let (tap, i) = (p / c_in, p % c_in);
        store(o, weights[(o * c_in + i) * kernel * kernel + tap])
    })
}

/// What a batch-norm that does not learn does to each output channel: times `scale`, plus `bias`.
#[derive(Debug, Clone, PartialEq)]
pub struct Norm {
    /// Factors, one an output channel.
    pub scale: Vec<f32>,
    /// Addends, one an output channel.
    pub bias: Vec<f32>,
}

impl PackedConvolution {
    /// Packs PyTorch's `[c_out, c_in, kernel, kernel]` weights, with the batch-norm that follows. With `halve`, weights that 16-bit
    /// floats hold exactly, as those of a 16-bit file are, are kept so: the sums are the same, to rounding, from
    /// half the memory. A map of few pixels waits for that memory; a large one would gain nothing.
    ///
    /// # Panics
    /// When the lengths do not fit together.
    #[must_use]
    pub fn new(
        isa: Isa,
        weights: &[f32],
        norm: Norm,
        c_in: usize,
        kernel: usize,
        stride: usize,
        halve: bool,
    ) -> Self {
        let Norm { scale, bias } = norm;
        let c_out = bias.len();
        assert_eq!(scale.len(), c_out, "factors");
        let weights = if halve && weights.iter().all(|&weight| f16::from_f32(weight).to_f32() == weight) {
            Weights::Half(packed(isa, weights, c_out, c_in, kernel, |_, weight| f16::from_f32(weight)), scale)
        } else {
            Weights::Single(packed(isa, weights, c_out, c_in, kernel, |o, weight| weight * scale[o]))
        };
        Self { isa, c_in, c_out, kernel, stride, weights, bias }
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
        let job = Job { input, rows, pixels, output: Cells::new(output), residual, relu };
        match &self.weights {
            Weights::Single(weights) => {
                self.panels(pool, &job, weights, 2, |first| Start::Bias(&self.bias[first..]))
            }
            Weights::Half(weights, scale) => {
                self.panels(pool, &job, weights, 1, |first| {
                    Start::Scaled(&scale[first..], &self.bias[first..])
                });
            }
        }
    }

    /// Shares out the panels of `weights`; `start` gets a panel's first output channel. An addend's weights fill at most
    /// `lines` cache lines.
    fn panels<'a, B: Stored + Sync>(
        &self,
        pool: &Pool,
        job: &Job<'_>,
        weights: &[B],
        lines: usize,
        start: impl Fn(usize) -> Start<'a> + Sync,
    ) {
        let &Job { input, rows, pixels, output, residual, relu } = job;
        let (columns, depth) = (self.isa.tile_columns(), self.kernel * self.kernel * self.c_in);
        let panels = self.c_out.div_ceil(columns);
        let tiles = pixels.div_ceil(self.isa.tile_rows());
        // A task reads its panel of weights once and stays with it; more tasks only where threads want them.
        let groups = (4 * pool.threads()).div_ceil(panels).min(tiles.div_ceil(2)).max(1);
        let groups = if pool.threads() == 1 { 1 } else { groups };
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
                // Each tile of a panel can ask for one line an addend.
                let line = tile - own.start;
                let ahead = if groups == 1 && line < lines { next_panel + line * LINE } else { 0 };
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
                    b: &weights[panel * depth * columns..(panel + 1) * depth * columns],
                    b_step: columns,
                    b_segment: self.kernel * self.c_in * columns,
                    ahead,
                    length: self.kernel * self.c_in,
                    segments: self.kernel,
                    c: output,
                    c_rows: &to[..pixels.len()],
                    columns: count,
                    start: start(first),
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

/// One call of a convolution; the fields are its arguments.
struct Job<'a> {
    input: &'a [f32],
    rows: &'a PixelRows,
    pixels: usize,
    output: Cells<'a>,
    residual: Option<&'a [f32]>,
    relu: bool,
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
            residual: bool, relu: bool, halve: bool, seed in 0_u64..1000,
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
            let narrow = |weight: f32| f16::from_f32(weight).to_f32();
            let raw: Vec<f32> =
                values(c_out * c_in * kernel * kernel, seed + 1).into_iter().map(narrow).collect();
            let scale: Vec<f32> = values(c_out, seed + 4).into_iter().map(|s| s + 0.7).collect();
            let each = c_in * kernel * kernel;
            let weights: Vec<f32> = raw.iter().enumerate().map(|(i, w)| w * scale[i / each]).collect();
            let bias = values(c_out, seed + 2);
            let added = residual.then(|| values(n * output.len(), seed + 3));
            let norm = Norm { scale, bias: bias.clone() };
            let convolution = PackedConvolution::new(isa, &raw, norm, c_in, kernel, stride, halve);
            prop_assert_eq!(matches!(convolution.weights, Weights::Half(..)), halve);
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

    #[test]
    fn weights_that_16_bits_cannot_hold_stay_as_they_are() {
        for weight in [0.1_f32, 1e-9, 70_000.0, f32::NAN] {
            let norm = Norm { scale: vec![2.0], bias: vec![0.0] };
            let convolution = PackedConvolution::new(Isa::Plain, &[weight], norm, 1, 1, 1, true);
            assert!(
                matches!(&convolution.weights, Weights::Single(w) if w[0].to_bits() == (2.0 * weight).to_bits())
            );
        }
    }
}
