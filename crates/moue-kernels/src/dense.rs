//! Dense convolutions of maps with few channels, with what follows them done while the sums are in registers.
//!
//! The face finder's networks (BlazeFace, face mesh) have 16 to 128 channels, where the panels of
//! [`super::PackedConvolution`] would be half empty. Here channels are padded to one vector, panels are as wide as
//! the registers allow and the last ones one vector. Bias, shortcut and PReLU follow the last product at once.

use super::simd::{Simd, dispatch, for_rows};
use super::{AlignedVec, FeatureMap, Isa};

/// `channels` rounded up to whole vectors: how wide a pixel of such a map is.
#[must_use]
pub fn padded_channels(isa: Isa, channels: usize) -> usize {
    channels.next_multiple_of(isa.lanes())
}

/// Where a convolution's output pixels find their input and their place.
#[derive(Debug, Clone, Default)]
pub struct PixelTable {
    /// Offset of the first input value that each output pixel sees.
    pub input: Vec<usize>,
    /// Offset of each output pixel.
    pub output: Vec<usize>,
}

/// What is added to a convolution's result before the activation: `values[rows[i] + c]` for the first
/// `channels` channels `c` of pixel `i`.
#[derive(Debug, Clone, Copy)]
pub struct Shortcut<'a> {
    /// The values.
    pub values: &'a [f32],
    /// Offset of each pixel.
    pub rows: &'a [usize],
    /// Whole vectors of channels, at most the output's.
    pub channels: usize,
}

/// A convolution's weights, packed for one instruction set.
pub struct DenseConvolution {
    isa: Isa,
    c_in: usize,
    c_out: usize,
    height: usize,
    width: usize,
    /// Panels of `columns` vectors, then panels of one vector: `[height * width * c_in][panel]` each.
    weights: AlignedVec<f32>,
    bias: Vec<f32>,
    slopes: Option<Vec<f32>>,
}

/// Vectors in a wide panel.
fn wide(isa: Isa) -> usize {
    isa.tile_columns() / isa.lanes()
}

impl DenseConvolution {
    /// Packs `[c_out, height, width, c_in]` weights. `slopes` are those of a PReLU (zeros: a ReLU); without them the
    /// result stays as it is.
    ///
    /// # Panics
    /// When the lengths do not fit together.
    #[must_use]
    pub fn new(
        isa: Isa,
        weights: &[f32],
        bias: &[f32],
        slopes: Option<&[f32]>,
        [height, width, c_in]: [usize; 3],
    ) -> Self {
        let c_out = bias.len();
        let depth = height * width * c_in;
        assert_eq!(weights.len(), c_out * depth, "weights");
        assert!(slopes.is_none_or(|s| s.len() == c_out), "slopes");
        let padded = padded_channels(isa, c_out);
        let lanes = isa.lanes();
        let mut packed = Vec::with_capacity(padded * depth);
        let mut first = 0;
        while first < padded {
            let vectors = if padded - first >= wide(isa) * lanes { wide(isa) } else { 1 };
            for p in 0..depth {
                let panel = first..first + vectors * lanes;
                packed.extend(panel.map(|o| if o < c_out { weights[o * depth + p] } else { 0.0 }));
            }
            first += vectors * lanes;
        }
        let pad = |values: &[f32]| {
            let mut values = values.to_vec();
            values.resize(padded, 0.0);
            values
        };
        Self {
            isa,
            c_in,
            c_out,
            height,
            width,
            weights: packed.into(),
            bias: pad(bias),
            slopes: slopes.map(pad),
        }
    }

    /// Output channels, without the padding.
    #[must_use]
    pub fn c_out(&self) -> usize {
        self.c_out
    }

    /// Floats of an output pixel.
    #[must_use]
    pub fn pixel(&self) -> usize {
        self.bias.len()
    }

    /// Convolves the pixels `table` lists. Runs of `width * c_in` input values, `input_row` floats apart, meet the
    /// weights' rows.
    ///
    /// # Panics
    /// When an offset leads out of a slice.
    pub fn run(
        &self,
        input: &[f32],
        input_row: usize,
        table: (&[usize], &[usize]),
        output: &mut [f32],
        shortcut: Option<Shortcut<'_>>,
    ) {
        let (from, to) = table;
        assert_eq!(from.len(), to.len(), "pixels");
        let length = self.width * self.c_in;
        if length == 0 || from.is_empty() {
            return;
        }
        let last = (self.height - 1) * input_row + length;
        let fits = |rows: &[usize], room: Option<usize>| room.is_some_and(|r| rows.iter().all(|&at| at <= r));
        assert!(fits(from, input.len().checked_sub(last)), "the input is too short");
        assert!(fits(to, output.len().checked_sub(self.pixel())), "the output is too short");
        if let Some(s) = &shortcut {
            assert_eq!(s.rows.len(), from.len(), "shortcut pixels");
            assert!(s.channels <= self.pixel() && s.channels.is_multiple_of(self.isa.lanes()), "shortcut");
            assert!(fits(s.rows, s.values.len().checked_sub(s.channels)), "the shortcut is too short");
        }
        let work =
            Work { convolution: self, input, input_row, from, to, output: output.as_mut_ptr(), shortcut };
        let work = &work;
        // SAFETY (of the dispatched body): all offsets were checked above, and `output` is borrowed mutably.
        dispatch!(self.isa => panels(work: &Work<'_>));
    }
}

impl PixelTable {
    /// For one map and a kernel of `[height, width]` with TFLite's SAME padding: what is odd of it lies below and
    /// to the right.
    ///
    /// # Panics
    /// When the input's border is narrower than the padding.
    #[must_use]
    pub fn same(input: &FeatureMap, output: &FeatureMap, kernel: usize, stride: usize) -> Self {
        let inset = |side: usize, out: usize| {
            let padding = ((out.max(1) - 1) * stride + kernel).saturating_sub(side);
            assert!(padding.div_ceil(2) <= input.border, "a border of {} for {padding}", input.border);
            input.border - padding / 2
        };
        let (top, left) = (inset(input.height, output.height), inset(input.width, output.width));
        let mut table = Self { input: Vec::new(), output: output.pixels(1) };
        for y in 0..output.height {
            table
                .input
                .extend((0..output.width).map(|x| input.outer(0, top + y * stride, left + x * stride)));
        }
        table
    }

    /// Both columns of the table.
    #[must_use]
    pub fn columns(&self) -> (&[usize], &[usize]) {
        (&self.input, &self.output)
    }
}

/// One call, checked.
struct Work<'a> {
    convolution: &'a DenseConvolution,
    input: &'a [f32],
    input_row: usize,
    from: &'a [usize],
    to: &'a [usize],
    output: *mut f32,
    shortcut: Option<Shortcut<'a>>,
}

/// All panels over all pixels.
#[inline(always)]
unsafe fn panels<V: Simd, const COLUMNS: usize, const ROWS: usize>(work: &Work<'_>) {
    let convolution = work.convolution;
    let depth = convolution.height * convolution.width * convolution.c_in;
    let pixels = work.from.len();
    let tiles = pixels.div_ceil(ROWS);
    let mut first = 0;
    while first < convolution.pixel() {
        let whole = convolution.pixel() - first >= COLUMNS * V::LANES;
        let mut start = 0;
        for tile in 0..tiles {
            let end = (tile + 1) * pixels / tiles;
            // SAFETY: `DenseConvolution::run` checked every offset; a panel has `depth` rows of its width, and all
            // panels before it take `first * depth` floats.
            unsafe {
                if whole {
                    any_rows::<V, COLUMNS, ROWS>(work, first, first * depth, start..end);
                } else {
                    any_rows::<V, 1, ROWS>(work, first, first * depth, start..end);
                }
            }
            start = end;
        }
        first += if whole { COLUMNS * V::LANES } else { V::LANES };
    }
}

/// Picks the loop for the number of pixels: each has its own number of registers.
#[inline(always)]
unsafe fn any_rows<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    work: &Work<'_>,
    first: usize,
    weights: usize,
    pixels: std::ops::Range<usize>,
) {
    macro_rules! pick {
        ($($rows:literal)*) => {
            match pixels.len() {
                // SAFETY: the number of rows is this; the rest is the caller's promise.
                $($rows if $rows <= ROWS => unsafe { product::<V, COLUMNS, $rows>(work, first, weights, pixels.start) },)*
                rows => unreachable!("{rows} rows"),
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// `ROWS` pixels of one panel.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "a column of several arrays of registers at once")]
unsafe fn product<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    work: &Work<'_>,
    first: usize,
    weights: usize,
    pixel: usize,
) {
    let convolution = work.convolution;
    let length = convolution.width * convolution.c_in;
    // SAFETY: every pointer is inside the slice that it was made from, as `DenseConvolution::run` checked.
    unsafe {
        let bias = convolution.bias.as_ptr().add(first);
        let mut sums: [[V; COLUMNS]; ROWS] = [std::array::from_fn(|j| V::load(bias.add(j * V::LANES))); ROWS];
        let mut rows = [work.input.as_ptr(); ROWS];
        for_rows!(ROWS, |i| rows[i] = rows[i].add(*work.from.get_unchecked(pixel + i)));
        let mut b = convolution.weights.as_ptr().add(weights);
        for segment in 0..convolution.height {
            let start = segment * work.input_row;
            for p in start..start + length {
                let right: [V; COLUMNS] = std::array::from_fn(|j| V::load(b.add(j * V::LANES)));
                for_rows!(ROWS, |i| {
                    let left = V::splat(*rows[i].add(p));
                    for j in 0..COLUMNS {
                        sums[i][j] = left.mul_add(right[j], sums[i][j]);
                    }
                });
                b = b.add(COLUMNS * V::LANES);
            }
        }
        if let Some(shortcut) = &work.shortcut {
            for j in 0..COLUMNS {
                let channel = first + j * V::LANES;
                if channel < shortcut.channels {
                    for_rows!(ROWS, |i| {
                        let at = *shortcut.rows.get_unchecked(pixel + i) + channel;
                        sums[i][j] = sums[i][j].add(V::load(shortcut.values.as_ptr().add(at)));
                    });
                }
            }
        }
        if let Some(slopes) = &convolution.slopes {
            let zero = V::splat(0.0);
            for j in 0..COLUMNS {
                let slope = V::load(slopes.as_ptr().add(first + j * V::LANES));
                for_rows!(ROWS, |i| {
                    sums[i][j] = sums[i][j].if_greater(zero, sums[i][j], sums[i][j].mul(slope));
                });
            }
        }
        for_rows!(ROWS, |i| {
            let to = work.output.add(*work.to.get_unchecked(pixel + i) + first);
            for j in 0..COLUMNS {
                sums[i][j].store(to.add(j * V::LANES));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::reference::{most, values};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_dense_convolution_is_the_plain_loop(
            isa in prop::sample::select(Isa::available()),
            height in 1..most(9), width in 1..most(9), c_in in 1..most(20), c_out in 1..most(70),
            kernel in prop::sample::select(vec![1_usize, 2, 3, 5]), stride in 1_usize..3,
            prelu: bool, shortcut: bool, seed in 0_u64..1000,
        ) {
            let input = FeatureMap { height, width, channels: c_in, border: 2 };
            let pixel = padded_channels(isa, c_out);
            let output = FeatureMap {
                height: height.div_ceil(stride), width: width.div_ceil(stride), channels: pixel, border: 1,
            };
            let mut x = vec![0.0; input.len()];
            let inside = values(height * width * c_in, seed);
            for (at, from) in input.pixels(1).into_iter().zip(inside.chunks_exact(c_in)) {
                x[at..at + c_in].copy_from_slice(from);
            }
            let weights = values(c_out * kernel * kernel * c_in, seed + 1);
            let bias = values(c_out, seed + 2);
            let slopes = values(c_out, seed + 3);
            // Half of the channels, in whole vectors.
            let channels = padded_channels(isa, c_out.div_ceil(2));
            let table = PixelTable::same(&input, &output, kernel, stride);
            let added = values(table.input.len() * channels, seed + 4);
            let rows: Vec<usize> = (0..table.input.len()).map(|i| i * channels).collect();
            let convolution = DenseConvolution::new(isa, &weights, &bias, prelu.then_some(&slopes[..]), [kernel, kernel, c_in]);
            let mut got = vec![7.0; output.len()];
            convolution.run(
                &x, input.row(), table.columns(), &mut got,
                shortcut.then_some(Shortcut { values: &added, rows: &rows, channels }),
            );
            let before = |side: usize, out: usize| ((out - 1) * stride + kernel).saturating_sub(side) / 2;
            let (top, left) = (before(height, output.height), before(width, output.width));
            for (i, &at) in table.output.iter().enumerate() {
                let (oy, ox) = (i / output.width, i % output.width);
                for o in 0..pixel {
                    let mut sum = 0.0;
                    if o < c_out {
                        sum = f64::from(bias[o]);
                        for ky in 0..kernel {
                            for kx in 0..kernel {
                                let (y, x) = ((oy * stride + ky).wrapping_sub(top), (ox * stride + kx).wrapping_sub(left));
                                if y < height && x < width {
                                    for c in 0..c_in {
                                        let w = weights[((o * kernel + ky) * kernel + kx) * c_in + c];
                                        sum += f64::from(w) * f64::from(inside[(y * width + x) * c_in + c]);
                                    }
                                }
                            }
                        }
                    }
                    if shortcut && o < channels {
                        sum += f64::from(added[rows[i] + o]);
                    }
                    if prelu && sum < 0.0 {
                        sum *= slopes.get(o).copied().map_or(0.0, f64::from);
                    }
                    prop_assert!((f64::from(got[at + o]) - sum).abs() < 1e-4, "{isa}: {} for {sum}", got[at + o]);
                }
            }
            prop_assert!(got[0] == 7.0, "the border is not touched");
        }
    }

    #[test]
    #[should_panic(expected = "the input is too short")]
    fn an_input_that_is_too_short_is_refused() {
        let convolution = DenseConvolution::new(Isa::Plain, &[1.0; 8], &[0.0], None, [1, 1, 8]);
        convolution.run(&[0.0; 7], 8, (&[0], &[0]), &mut [0.0; 8], None);
    }
}
