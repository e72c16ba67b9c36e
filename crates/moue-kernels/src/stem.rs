//! The network's first step: the 7x7 convolution with stride 2 and the 3x3 max-pool behind it, in one go.
//!
//! The convolution's output is the largest map of the network (3 MB at 224x224) and is needed only by
//! the pool, so three of its rows at a time are kept, in the cache, and reduced at once (the idea of
//! oneDNN's post-op fusion). After the ReLU nothing is negative, so that a border of zeros is as good as none to
//! the maximum.

use super::convolution::{MOST_ROWS, pack_panels};
use super::feature_map::share;
use super::scratch::Scratch;
use super::simd::{Simd, dispatch};
use super::{AlignedVec, Cells, FeatureMap, Isa, Pool, Residual, Start, Tile};

/// Side of the kernel.
const KERNEL: usize = 7;
/// Zeros on each side of the input.
pub const PADDING: usize = 3;

/// The stem's weights for images of `c_in` channels.
pub struct Stem {
    isa: Isa,
    c_in: usize,
    c_out: usize,
    weights: AlignedVec<f32>,
    bias: Vec<f32>,
    /// What each tap adds where it is inside the image, whatever that holds: `[7, 7, c_out]`, or empty.
    taps: Vec<f32>,
}

/// The stem's tables for one input size.
pub struct StemRows {
    input: FeatureMap,
    /// Size of the convolution's output.
    height: usize,
    width: usize,
    /// Offsets in the bias table for every output row and column, to be added up.
    row_class: Vec<usize>,
    column_class: Vec<usize>,
    bias: Vec<f32>,
}

/// Which kernel rows (or columns) of output `at` see the image of side `side`.
fn seen(at: usize, side: usize) -> std::ops::Range<usize> {
    let low = PADDING.saturating_sub(2 * at);
    let high = (side + PADDING).saturating_sub(2 * at).min(KERNEL);
    low..high.max(low)
}

/// The distinct ranges of all outputs, and which of them each output has.
fn classes(outputs: usize, side: usize) -> (Vec<std::ops::Range<usize>>, Vec<usize>) {
    let mut distinct: Vec<std::ops::Range<usize>> = Vec::new();
    let of = (0..outputs)
        .map(|at| {
            let range = seen(at, side);
            distinct.iter().position(|r| *r == range).unwrap_or_else(|| {
                distinct.push(range);
                distinct.len() - 1
            })
        })
        .collect();
    (distinct, of)
}

/// Size of the convolution's output.
pub fn convolved(side: usize) -> usize {
    (side - 1) / 2 + 1
}

/// Size of the pool's output.
pub fn pooled(side: usize) -> usize {
    (side - 1) / 2 + 1
}

impl Stem {
    /// Packs `[c_out, c_in, 7, 7]` weights.
    pub fn new(isa: Isa, weights: &[f32], bias: Vec<f32>, c_in: usize) -> Self {
        let c_out = bias.len();
        let packed = pack_panels(c_out, KERNEL * KERNEL * c_in, isa.tile_columns(), |o, p| {
            let (tap, i) = (p / c_in, p % c_in);
            weights[(o * c_in + i) * KERNEL * KERNEL + tap]
        });
        Self { isa, c_in, c_out, weights: packed, bias, taps: Vec::new() }
    }

    /// For one grey channel in place of three normalised copies of it: a tap's weight is
    /// sum_c w_c / std_c, and inside the image it also adds -sum_c w_c mean_c / std_c; outside, where the
    /// normalised image is padded with zeros, it adds nothing.
    pub fn grey(isa: Isa, weights: &[f32], bias: Vec<f32>, mean: [f32; 3], std: [f32; 3]) -> Self {
        let taps = KERNEL * KERNEL;
        let c_out = bias.len();
        let sum = |o: usize, tap: usize, f: &dyn Fn(usize) -> f64| -> f32 {
            (0..3).map(|c| f64::from(weights[(o * 3 + c) * taps + tap]) * f(c)).sum::<f64>() as f32
        };
        let grey: Vec<f32> = (0..c_out)
            .flat_map(|o| (0..taps).map(move |tap| (o, tap)))
            .map(|(o, tap)| sum(o, tap, &|c| 1.0 / f64::from(std[c])))
            .collect();
        let constant = (0..taps)
            .flat_map(|tap| (0..c_out).map(move |o| (o, tap)))
            .map(|(o, tap)| sum(o, tap, &|c| -f64::from(mean[c]) / f64::from(std[c])))
            .collect();
        let mut stem = Self::new(isa, &grey, bias, 1);
        stem.taps = constant;
        stem
    }

    /// Tables for images of `height` x `width`.
    pub fn rows(&self, height: usize, width: usize) -> StemRows {
        let (out_h, out_w) = (convolved(height), convolved(width));
        let (rows, row_of) = classes(out_h, height);
        let (columns, column_of) = classes(out_w, width);
        let mut bias = Vec::new();
        for row in &rows {
            for column in &columns {
                bias.extend((0..self.c_out).map(|o| {
                    let mut sum = f64::from(self.bias[o]);
                    if !self.taps.is_empty() {
                        for ky in row.clone() {
                            for kx in column.clone() {
                                sum += f64::from(self.taps[(ky * KERNEL + kx) * self.c_out + o]);
                            }
                        }
                    }
                    sum as f32
                }));
            }
        }
        StemRows {
            input: FeatureMap { height, width, channels: self.c_in, border: PADDING },
            height: out_h,
            width: out_w,
            row_class: row_of.into_iter().map(|i| i * columns.len() * self.c_out).collect(),
            column_class: column_of.into_iter().map(|i| i * self.c_out).collect(),
            bias,
        }
    }

    /// Convolves, adds the bias, makes negative values zero and pools. `input` is bordered by [`PADDING`].
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &self,
        pool: &Pool,
        scratch: &Scratch,
        rows: &StemRows,
        n: usize,
        input: &[f32],
        map: &FeatureMap,
        output: &mut [f32],
    ) {
        // Strips recompute one row of the convolution each, so there are only as many as balance the threads.
        let strips = (2 * pool.threads()).div_ceil(n).min(map.height);
        let strips = if pool.threads() == 1 { 1 } else { strips };
        let output = Cells::new(output);
        pool.run(n * strips, |task| {
            let (image, strip) = (task / strips, task % strips);
            // Three rows with a pixel of zeros on each side, and one row of zeros.
            let row = (rows.width + 2) * self.c_out;
            let mut ring = scratch.take(4 * row);
            let ring = &mut ring[..4 * row];
            ring[3 * row..].fill(0.0);
            for i in 0..3 {
                ring[i * row..i * row + self.c_out].fill(0.0);
                ring[(i + 1) * row - self.c_out..(i + 1) * row].fill(0.0);
            }
            let strip = share(map.height, strips, strip);
            let mut next = (2 * strip.start).saturating_sub(1);
            for y in strip {
                while next <= (2 * y + 1).min(rows.height - 1) {
                    self.convolve_row(rows, image, next, input, &mut ring[next % 3 * row..][..row]);
                    next += 1;
                }
                let source = |offset: usize| match (2 * y + offset).checked_sub(1) {
                    Some(at) if at < rows.height => &ring[at % 3 * row..][..row],
                    _ => &ring[3 * row..],
                };
                let at = map.at(image, y, 0);
                // SAFETY: the row of this map belongs to this task, as only one strip has it.
                let to = unsafe { output.slice_mut(at, map.width * self.c_out) };
                pool_row(self.isa, [source(0), source(1), source(2)], self.c_out, to);
            }
        });
    }

    /// One row of the convolution's output, written behind the first pixel of `to`.
    fn convolve_row(&self, rows: &StemRows, image: usize, y: usize, input: &[f32], to: &mut [f32]) {
        let columns = self.isa.tile_columns();
        let depth = KERNEL * KERNEL * self.c_in;
        let tiles = rows.width.div_ceil(self.isa.tile_rows());
        let to = Cells::new(to);
        for tile in 0..tiles {
            let pixels = share(rows.width, tiles, tile);
            let count = pixels.len();
            let (mut a_rows, mut c_rows, mut bias_rows) = ([0; MOST_ROWS], [0; MOST_ROWS], [0; MOST_ROWS]);
            for first in (0..self.c_out).step_by(columns) {
                for (i, x) in pixels.clone().enumerate() {
                    a_rows[i] = rows.input.outer(image, 2 * y, 2 * x);
                    c_rows[i] = (x + 1) * self.c_out + first;
                    bias_rows[i] = rows.row_class[y] + rows.column_class[x] + first;
                }
                let tile = Tile {
                    a: input,
                    a_rows: &a_rows[..count],
                    a_step: 1,
                    a_segment: rows.input.row(),
                    b: &self.weights[first / columns * depth * columns..][..depth * columns],
                    b_step: columns,
                    b_segment: KERNEL * self.c_in * columns,
                    ahead: 0,
                    length: KERNEL * self.c_in,
                    segments: KERNEL,
                    c: to,
                    c_rows: &c_rows[..count],
                    columns: columns.min(self.c_out - first),
                    start: Start::Zero,
                    residual: Some(Residual { values: &rows.bias, rows: &bias_rows[..count] }),
                    relu: true,
                };
                // SAFETY: `to` is borrowed mutably by this call, and nothing else lies in it.
                unsafe { tile.run(self.isa) };
            }
        }
    }
}

/// The maximum of three by three pixels, every second column: `rows` start at the column before the first.
fn pool_row(isa: Isa, rows: [&[f32]; 3], channels: usize, to: &mut [f32]) {
    let pixels = to.len() / channels;
    assert!(rows.iter().all(|r| r.len() >= (2 * pixels + 1) * channels), "rows are too short");
    let (rows, to) = (&rows, to);
    // SAFETY: the assertion above is what `pool_body` asks for.
    dispatch!(isa => pool_body(rows: &[&[f32]; 3], channels: usize, to: &mut [f32]))
}

#[inline(always)]
unsafe fn pool_body<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    rows: &[&[f32]; 3],
    channels: usize,
    to: &mut [f32],
) {
    for (x, pixel) in to.chunks_exact_mut(channels).enumerate() {
        let at = 2 * x * channels;
        let mut c = 0;
        while c + V::LANES <= channels {
            // SAFETY: the caller checked that each row holds 2 * pixels + 1 pixels; c stays inside a pixel.
            unsafe {
                let mut most = V::load(rows[0].as_ptr().add(at + c));
                for row in rows {
                    for i in 0..3 {
                        most = most.max(V::load(row.as_ptr().add(at + i * channels + c)));
                    }
                }
                most.store(pixel.as_mut_ptr().add(c));
            }
            c += V::LANES;
        }
        for c in c..channels {
            pixel[c] =
                (0..9).map(|i| rows[i / 3][at + i % 3 * channels + c]).fold(f32::NEG_INFINITY, f32::max);
        }
    }
}
