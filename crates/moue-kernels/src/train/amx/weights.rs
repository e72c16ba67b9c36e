//! The gradient of the weights: for every output channel and every number that a pixel sees, a sum over pixels.
//!
//! The left factor is the output's gradient turned about, `[c_out][pixels]`, the right one what the pixels see, in pairs of
//! pixels. So only the former is transposed, which each kernel tap would need of the latter. The sums, `[c_out][k k c_in]`,
//! are turned about at the end. Tasks have some columns, and groups of pixels where the sums are few: the groups' sums
//! are added in order.

use std::arch::x86_64::*;

use parking_lot::Mutex;

use super::super::super::feature_map::share;
use super::super::super::{Cells, Pool};
use super::super::ConvolutionShape;
use super::Amx;
use super::matrix::{Matrix, Number, transpose};
use super::product::first_lanes;
use super::tile::{ROWS, SIDE, Sums};

/// Pixels that are packed at once.
const BLOCK_PIXELS: usize = 512;
/// Sums of all groups together have at most about so many floats.
const PARTIAL_FLOATS: usize = 1 << 20;
/// The most groups.
const MOST_GROUPS: usize = 16;

/// `to[k][o] = sum over pixels of left[pixel][o] right[pixel][k]`; `sums` is memory that is kept from call to call.
pub(super) fn gradient<N: Number, M: Number>(
    pool: &Pool,
    amx: &Amx,
    left: &Matrix<'_, N>,
    right: &Matrix<'_, M>,
    shape: &ConvolutionShape,
    sums: &mut Vec<Sums>,
    to: &mut [f32],
) {
    assert_eq!(left.rows(), right.rows(), "pixels");
    let (panels, sides) = (right.steps(), left.steps());
    let groups = (PARTIAL_FLOATS / to.len()).clamp(1, MOST_GROUPS).min(shape.n);
    let parts = (2 * pool.threads()).div_ceil(groups).clamp(1, panels);
    let own = panels * sides;
    sums.resize(groups * own, Sums::ZERO);
    let mut tasks = Vec::with_capacity(groups * parts);
    let mut rest = &mut sums[..];
    for task in 0..groups * parts {
        let (own, others) = rest.split_at_mut(share(panels, parts, task % parts).len() * sides);
        tasks.push(Mutex::new(own));
        rest = others;
    }
    pool.run(groups * parts, |task| {
        let (group, part) = (task / parts, task % parts);
        let pixels = share(left.rows(), groups, group);
        let panels = share(panels, parts, part);
        let sums = &mut *tasks[task].lock();
        let blocks = pixels.len().div_ceil(BLOCK_PIXELS);
        if blocks == 0 {
            sums.fill(Sums::ZERO);
        }
        let most = 2 * pixels.len().div_ceil(blocks.max(1)).div_ceil(SIDE);
        let (mut lefts, mut rights) = (amx.take(sides * most), amx.take(most));
        let tiles = amx.permission.configure();
        for block in 0..blocks {
            let own = share(pixels.len(), blocks, block);
            let rows = pixels.start + own.start..pixels.start + own.end;
            let count = 2 * rows.len().div_ceil(SIDE);
            for (side, to) in lefts.chunks_exact_mut(most).enumerate() {
                left.pack_turned_rows(rows.clone(), side, &mut to[..count]);
            }
            for (panel, sums) in panels.clone().zip(sums.chunks_exact_mut(sides)) {
                right.pack_pairs(rows.clone(), panel, &mut rights[..count]);
                for (left, sums) in lefts.chunks_exact(most).zip(sums) {
                    let (lower, upper) = left[..count].split_at(count / 2);
                    tiles.multiply([lower, upper], &rights[..count], sums, block > 0);
                }
            }
        }
    });
    drop(tasks);
    let c_out = shape.output.channels;
    let length = shape.kernel * shape.input.channels;
    let panels_of_segment = length.div_ceil(SIDE);
    let to = Cells::new(to);
    pool.run(panels, |panel| {
        let (segment, inside) = (panel / panels_of_segment, panel % panels_of_segment * SIDE);
        for side in 0..sides {
            let parts = |group: usize| &sums[group * own + panel * sides + side];
            for tile in 0..4 {
                // Halves of the tile's rows, which are output channels, and of its columns.
                let (first_o, first_k) = (side * SIDE + tile / 2 * ROWS, inside + tile % 2 * ROWS);
                if first_o < c_out && first_k < length {
                    let (rows, columns) = (ROWS.min(length - first_k), ROWS.min(c_out - first_o));
                    let first = (segment * length + first_k) * c_out + first_o;
                    let at = to.pointer(first, (rows - 1) * c_out + columns);
                    let tiles = (0..groups).map(|group| &parts(group).0[tile]);
                    // SAFETY: a `Permission` proves the instructions; `pointer` checked the room; each task writes the rows of its
                    // own panel.
                    unsafe { add_turned(tiles, at, c_out, rows, columns) };
                }
            }
        }
    });
}

/// Adds tiles, and writes `rows` rows of `columns` floats of their sum turned about, `step` floats from row to row.
///
/// # Safety
/// The CPU has AVX-512; the places that are written are the caller's own.
#[target_feature(enable = "avx512f")]
unsafe fn add_turned<'a>(
    tiles: impl Iterator<Item = &'a [f32; ROWS * ROWS]>,
    to: *mut f32,
    step: usize,
    rows: usize,
    columns: usize,
) {
    let mut all = [_mm512_setzero_ps(); ROWS];
    for tile in tiles {
        for (sum, row) in all.iter_mut().zip(tile.chunks_exact(ROWS)) {
            // SAFETY: the row has 16 floats.
            *sum = _mm512_add_ps(*sum, unsafe { _mm512_loadu_ps(row.as_ptr()) });
        }
    }
    let mut words = [_mm512_setzero_si512(); ROWS];
    for (to, row) in words.iter_mut().zip(all) {
        *to = _mm512_castps_si512(row);
    }
    // SAFETY: the CPU has the instructions.
    let turned = unsafe { transpose(words) };
    for (i, row) in turned.into_iter().take(rows).enumerate() {
        // SAFETY: what is masked off is not touched; the rest is the caller's promise.
        unsafe {
            _mm512_mask_storeu_ps(to.add(i * step), first_lanes(columns), _mm512_castsi512_ps(row));
        }
    }
}
