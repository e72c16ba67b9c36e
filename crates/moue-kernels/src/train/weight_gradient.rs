//! The gradient of a convolution's weights: a product over pixels.
//!
//! Its left factor are the input's pixels as each kernel position sees them, its right factor the output's
//! gradient, and its result is small, but the pixels are many. So a block of pixels that stays in the first
//! levels of cache goes through all tiles of the result before the next one comes. Where the result is small, groups
//! of images have a result each, to be added in order; where it is large, panels of it are shared out. Either
//! way every sum has one order, whatever the number of threads.

use std::ops::Range;

use super::super::convolution::MOST_ROWS;
use super::super::feature_map::share;
use super::super::{AlignedVec, Cells, Isa, Pool};
use super::ConvolutionShape;
use super::bf16::{Bf16, Interleave, PairTile};
use super::sum_tile::SumTile;

/// Results of groups of images together have at most about so many floats.
const PARTIAL_FLOATS: usize = 1 << 20;
/// The most groups.
const MOST_GROUPS: usize = 16;
/// Floats of both factors that a block of pixels may have: what the first-level cache holds.
const BLOCK_FLOATS: usize = 9_000;
/// Addends that a tile has at least, where there are as many: below, loading and storing its sums shows.
const FEWEST_PIXELS: usize = 190;

/// Panels that a task must have for both factors to be copied together first: then loops are long and
/// read memory in its order.
const FEWEST_PANELS: usize = 2;

/// See [`super::TrainConvolution::backward_weights`]. `partial` is memory that is kept from call to call.
#[allow(clippy::too_many_arguments)]
pub(super) fn weight_gradient(
    pool: &Pool,
    isa: Isa,
    bf16: Option<&Bf16>,
    shape: &ConvolutionShape,
    input: &[f32],
    gradient: &[f32],
    partial: &mut AlignedVec<f32>,
    to: &mut [f32],
) {
    assert_eq!(to.len(), shape.weights(), "weights");
    let (from, out, k) = (&shape.input, &shape.gradient, shape.kernel);
    let (c_out, columns, width) = (shape.output.channels, isa.tile_columns(), shape.output.width);
    let inset = from.border - shape.padding();
    // One run a row of the output.
    let run =
        |image: usize, y: usize| (from.outer(image, inset + y * shape.stride, inset), out.at(image, y, 0));
    let height = shape.output.height;
    let runs: Vec<(usize, usize)> =
        (0..shape.n).flat_map(|image| (0..height).map(move |y| run(image, y))).collect();
    let panels = c_out.div_ceil(columns);
    let len = to.len();
    let groups = (PARTIAL_FLOATS / len).clamp(1, MOST_GROUPS).min(shape.n);
    let parts = (2 * pool.threads()).div_ceil(groups).clamp(1, panels);
    let packed = bf16.is_some() || (panels >= 4 && panels / parts >= FEWEST_PANELS);
    // The result's rows. Those of one row of the kernel see input that lies side by side, which is what
    // packing needs; where nothing is packed, tiles may go over such ends.
    let side = k * from.channels;
    let rows: Vec<usize> = (0..k).flat_map(|ky| (0..side).map(move |j| ky * from.row() + j)).collect();
    let side = if packed { side } else { rows.len() };
    let tiles = side.div_ceil(isa.tile_rows());
    let run_floats = width * (shape.stride * shape.stride * from.channels + columns);
    let fewest = FEWEST_PIXELS.div_ceil(width);
    let block = if packed { fewest.next_multiple_of(2) } else { (BLOCK_FLOATS / run_floats).max(fewest) };
    partial.resize((groups - 1) * len);
    partial.fill(0.0);
    to.fill(0.0);
    let (first, others) = (Cells::new(to), Cells::new(partial));
    pool.run(groups * parts, |task| {
        let (group, part) = (task / parts, task % parts);
        let (c, base) = if group == 0 { (first, 0) } else { (others, (group - 1) * len) };
        let images = share(shape.n, groups, group);
        let panels = share(panels, parts, part);
        let mut factors = Factors { shape, input, gradient, columns, memory: Default::default() };
        for runs in runs[images.start * height..images.end * height].chunks(block) {
            match bf16 {
                Some(bf16) => factors.pair_gradient(bf16, runs, &panels),
                None if packed => factors.copy_gradient(runs, &panels),
                None => {}
            }
            for tile in 0..rows.len() / side * tiles {
                let own = share(side, tiles, tile % tiles);
                let own = tile / tiles * side + own.start..tile / tiles * side + own.end;
                let a_rows = &rows[own.clone()];
                match bf16 {
                    Some(bf16) => factors.pair_input(bf16, runs, a_rows),
                    None if packed => factors.copy_input(runs, a_rows),
                    None => {}
                }
                for (i, panel) in panels.clone().enumerate() {
                    let mut c_rows = [0; MOST_ROWS];
                    for (to, row) in c_rows.iter_mut().zip(own.clone()) {
                        *to = base + row * c_out + panel * columns;
                    }
                    let c_rows = &c_rows[..own.len()];
                    let columns = columns.min(c_out - panel * columns);
                    // SAFETY: a tile writes its own rows' columns of its group's result; no two tasks share
                    // them, and the results are borrowed mutably, so nothing else overlaps.
                    unsafe {
                        match bf16 {
                            Some(bf16) => bf16.run(&factors.pair_tile(runs, i, c, c_rows, columns)),
                            None if packed => factors.copied_tile(runs, i, c, c_rows, columns).run(isa),
                            None => {
                                let b_first = panel * isa.tile_columns();
                                factors.direct_tile(runs, a_rows, b_first, c, c_rows, columns).run(isa);
                            }
                        }
                    }
                }
            }
        }
    });
    if groups > 1 {
        const PIECE: usize = 4096;
        pool.run(len.div_ceil(PIECE), |piece| {
            let piece = piece * PIECE..len.min((piece + 1) * PIECE);
            // SAFETY: each task adds up its own piece, and the groups' results are only read now.
            let sum = unsafe { first.slice_mut(piece.start, piece.len()) };
            for group in 0..groups - 1 {
                // SAFETY: as above.
                let part = unsafe { others.slice(group * len + piece.start, piece.len()) };
                sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            }
        });
    }
}

/// Both factors, and a task's copies of what it needs of them, in the order in which tiles read it.
struct Factors<'a> {
    shape: &'a ConvolutionShape,
    input: &'a [f32],
    gradient: &'a [f32],
    columns: usize,
    memory: Memory,
}

#[derive(Default)]
struct Memory {
    /// `[pixels][rows]`.
    a: AlignedVec<f32>,
    /// `[panels][pixels][columns]`.
    b: AlignedVec<f32>,
    /// `[pairs][rows][2]`. A pair is the same column of two runs.
    a_pairs: AlignedVec<u16>,
    /// `[panels][pairs][columns][2]`.
    b_pairs: AlignedVec<u16>,
}

impl Factors<'_> {
    /// Floats of the input from one output pixel's view to the next one's.
    fn step(&self) -> usize {
        self.shape.stride * self.shape.input.channels
    }

    fn copy_gradient(&mut self, runs: &[(usize, usize)], panels: &Range<usize>) {
        let (columns, width, out) = (self.columns, self.shape.output.width, &self.shape.gradient);
        let pixels = runs.len() * width;
        self.memory.b.resize(panels.len() * pixels * columns);
        for (panel, to) in panels.clone().zip(self.memory.b.chunks_exact_mut(pixels * columns)) {
            let count = columns.min(out.channels - panel * columns);
            for ((_, run), to) in runs.iter().zip(to.chunks_exact_mut(width * columns)) {
                let from = self.gradient[run + panel * columns..].chunks(out.channels);
                for (to, from) in to.chunks_exact_mut(columns).zip(from) {
                    to[..count].copy_from_slice(&from[..count]);
                }
            }
        }
    }

    fn copy_input(&mut self, runs: &[(usize, usize)], rows: &[usize]) {
        let (width, step) = (self.shape.output.width, self.step());
        self.memory.a.resize(runs.len() * width * rows.len());
        for ((run, _), to) in runs.iter().zip(self.memory.a.chunks_exact_mut(width * rows.len())) {
            pack(&self.input[run + rows[0]..], step, rows.len(), to);
        }
    }

    fn pair_gradient(&mut self, bf16: &Bf16, runs: &[(usize, usize)], panels: &Range<usize>) {
        let (columns, width, out) = (self.columns, self.shape.output.width, &self.shape.gradient);
        let pairs = runs.len().div_ceil(2) * width;
        self.memory.b_pairs.resize(panels.len() * pairs * columns * 2);
        for (panel, to) in panels.clone().zip(self.memory.b_pairs.chunks_exact_mut(pairs * columns * 2)) {
            for (two, to) in runs.chunks(2).zip(to.chunks_exact_mut(width * columns * 2)) {
                let from = |run: &(usize, usize)| &self.gradient[run.1 + panel * columns..];
                let rows = Interleave {
                    first: from(&two[0]),
                    second: two.get(1).map_or(&[], from),
                    count: columns.min(out.channels - panel * columns),
                    pairs: columns,
                    times: width,
                    step: out.channels,
                };
                bf16.interleave(&rows, to);
            }
        }
    }

    fn pair_input(&mut self, bf16: &Bf16, runs: &[(usize, usize)], rows: &[usize]) {
        let (width, step, count) = (self.shape.output.width, self.step(), rows.len());
        self.memory.a_pairs.resize(runs.len().div_ceil(2) * width * count * 2);
        for (two, to) in runs.chunks(2).zip(self.memory.a_pairs.chunks_exact_mut(width * count * 2)) {
            let from = |run: &(usize, usize)| &self.input[run.0 + rows[0]..];
            let (first, second) = (from(&two[0]), two.get(1).map_or(&[][..], from));
            bf16.interleave(&Interleave { first, second, count, pairs: count, times: width, step }, to);
        }
    }

    /// Of what [`Self::pair_input`] and [`Self::pair_gradient`] prepared.
    fn pair_tile<'a>(
        &'a self,
        runs: &[(usize, usize)],
        panel: usize,
        c: Cells<'a>,
        c_rows: &'a [usize],
        columns: usize,
    ) -> PairTile<'a> {
        let pairs = runs.len().div_ceil(2) * self.shape.output.width;
        PairTile {
            a: &self.memory.a_pairs,
            a_rows: &EVEN[..c_rows.len()],
            a_step: 2 * c_rows.len(),
            a_segment: 0,
            b: &self.memory.b_pairs[panel * pairs * self.columns * 2..],
            pairs,
            segments: 1,
            c,
            c_rows,
            columns,
            accumulate: true,
        }
    }

    /// Of what [`Self::copy_input`] and [`Self::copy_gradient`] prepared.
    fn copied_tile<'a>(
        &'a self,
        runs: &[(usize, usize)],
        panel: usize,
        c: Cells<'a>,
        c_rows: &'a [usize],
        columns: usize,
    ) -> SumTile<'a> {
        let pixels = runs.len() * self.shape.output.width;
        SumTile {
            a: &self.memory.a,
            a_rows: &COUNTING[..c_rows.len()],
            a_step: c_rows.len(),
            b: &self.memory.b,
            b_first: panel * pixels * self.columns,
            b_step: self.columns,
            runs: &[(0, 0)],
            length: pixels,
            c,
            c_rows,
            columns,
        }
    }

    /// Straight from the maps.
    fn direct_tile<'a>(
        &'a self,
        runs: &'a [(usize, usize)],
        a_rows: &'a [usize],
        b_first: usize,
        c: Cells<'a>,
        c_rows: &'a [usize],
        columns: usize,
    ) -> SumTile<'a> {
        SumTile {
            a: self.input,
            a_rows,
            a_step: self.step(),
            b: self.gradient,
            b_first,
            b_step: self.shape.gradient.channels,
            runs,
            length: self.shape.output.width,
            c,
            c_rows,
            columns,
        }
    }
}

/// 0, 1, 2 ..
const COUNTING: [usize; MOST_ROWS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];
/// 0, 2, 4 ..
const EVEN: [usize; MOST_ROWS] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26];

/// Copies `rows` floats from every `step`th on, one behind the other, until `to` is full. With few channels
/// `rows` reaches into the next step: a kernel sees the same pixels again.
fn pack(from: &[f32], step: usize, rows: usize, to: &mut [f32]) {
    // Most tiles have the most rows or one less; a known length is a few moves and no call.
    match rows {
        14 => copy_all::<14>(from, step, to),
        13 => copy_all::<13>(from, step, to),
        _ => {
            for (i, to) in to.chunks_exact_mut(rows).enumerate() {
                to.copy_from_slice(&from[i * step..][..rows]);
            }
        }
    }
}

fn copy_all<const ROWS: usize>(from: &[f32], step: usize, to: &mut [f32]) {
    let (to, _) = to.as_chunks_mut::<ROWS>();
    for (i, to) in to.iter_mut().enumerate() {
        to.copy_from_slice(&from[i * step..][..ROWS]);
    }
}
