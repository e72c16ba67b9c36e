//! The gradient of a convolution's weights: a product over pixels.
//!
//! Its left factor are the input's pixels as each kernel position sees them, its right factor the output's
//! gradient, and its result is small, but the pixels are many. So a block of pixels that stays in the first
//! levels of cache goes through all tiles of the result before the next one comes. Where the result is small, groups
//! of images have a result each, to be added in order; where it is large, panels of it are shared out. Either
//! way every sum has one order, whatever the number of threads.

use super::super::convolution::MOST_ROWS;
use super::super::picture::share;
use super::super::{Cells, Isa, Pool};
use super::ConvolutionShape;
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
pub(super) fn weight_gradient(
    pool: &Pool,
    isa: Isa,
    shape: &ConvolutionShape,
    input: &[f32],
    gradient: &[f32],
    partial: &mut Vec<f32>,
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
    let packed = panels >= 4 && panels / parts >= FEWEST_PANELS;
    // The result's rows. Those of one row of the kernel see input that lies side by side, which is what
    // packing needs; where nothing is packed, tiles may go over such ends.
    let side = k * from.channels;
    let rows: Vec<usize> = (0..k).flat_map(|ky| (0..side).map(move |j| ky * from.row() + j)).collect();
    let side = if packed { side } else { rows.len() };
    let tiles = side.div_ceil(isa.tile_rows());
    let run_floats = width * (shape.stride * shape.stride * from.channels + columns);
    let fewest = FEWEST_PIXELS.div_ceil(width);
    let block = if packed { fewest } else { (BLOCK_FLOATS / run_floats).max(fewest) };
    partial.resize((groups - 1) * len, 0.0);
    partial.fill(0.0);
    to.fill(0.0);
    let (first, others) = (Cells::new(to), Cells::new(partial));
    pool.run(groups * parts, |task| {
        let (group, part) = (task / parts, task % parts);
        let (c, base) = if group == 0 { (first, 0) } else { (others, (group - 1) * len) };
        let images = share(shape.n, groups, group);
        let panels = share(panels, parts, part);
        let (mut a_packed, mut b_packed) = (Vec::new(), Vec::new());
        for runs in runs[images.start * height..images.end * height].chunks(block) {
            let pixels = runs.len() * width;
            if packed {
                b_packed.resize(panels.len() * pixels * columns, 0.0);
                for (panel, to) in panels.clone().zip(b_packed.chunks_exact_mut(pixels * columns)) {
                    let count = columns.min(c_out - panel * columns);
                    for ((_, run), to) in runs.iter().zip(to.chunks_exact_mut(width * columns)) {
                        let from = gradient[run + panel * columns..].chunks(out.channels);
                        for (to, from) in to.chunks_exact_mut(columns).zip(from) {
                            to[..count].copy_from_slice(&from[..count]);
                        }
                    }
                }
            }
            for tile in 0..rows.len() / side * tiles {
                let own = share(side, tiles, tile % tiles);
                let own = tile / tiles * side + own.start..tile / tiles * side + own.end;
                if packed {
                    a_packed.resize(pixels * own.len(), 0.0);
                    let step = shape.stride * from.channels;
                    for ((run, _), to) in runs.iter().zip(a_packed.chunks_exact_mut(width * own.len())) {
                        pack(&input[run + rows[own.start]..], step, own.len(), to);
                    }
                }
                for (i, panel) in panels.clone().enumerate() {
                    let mut c_rows = [0; MOST_ROWS];
                    for (to, row) in c_rows.iter_mut().zip(own.clone()) {
                        *to = base + row * c_out + panel * columns;
                    }
                    let c_rows = &c_rows[..own.len()];
                    let columns_here = columns.min(c_out - panel * columns);
                    let tile = if packed {
                        SumTile {
                            a: &a_packed,
                            a_rows: &COUNTING[..own.len()],
                            a_step: own.len(),
                            b: &b_packed,
                            b_first: i * pixels * columns,
                            b_step: columns,
                            runs: &[(0, 0)],
                            length: pixels,
                            c,
                            c_rows,
                            columns: columns_here,
                        }
                    } else {
                        SumTile {
                            a: input,
                            a_rows: &rows[own.clone()],
                            a_step: shape.stride * from.channels,
                            b: gradient,
                            b_first: panel * columns,
                            b_step: out.channels,
                            runs,
                            length: width,
                            c,
                            c_rows,
                            columns: columns_here,
                        }
                    };
                    // SAFETY: a tile writes its own rows' columns of its group's result; no two tasks share
                    // them, and the results are borrowed mutably, so nothing else overlaps.
                    unsafe { tile.run(isa) };
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

/// 0, 1, 2 ..
const COUNTING: [usize; MOST_ROWS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];

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
