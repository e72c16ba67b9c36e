//! Pixels times weights: a block of pixels is packed into the second-level cache and goes through all panels of weights.

use std::arch::x86_64::*;

use parking_lot::Mutex;

use super::super::super::feature_map::share;
use super::super::super::{Cells, Pool};
use super::Amx;
use super::matrix::{Matrix, Number};
use super::tile::{Factors, ROWS, SIDE, Sums};

/// Tiles of packed pixels that a task has at most, a kilobyte each: they stay in the second-level cache beside a panel of weights.
const MOST_TILES: usize = 1024;
/// Pixels that a task has at most, for the tasks to be many.
const MOST_PIXELS: usize = 1024;

/// Packs the right factor, `[panels][steps][2]` tiles: `pack` fills one panel of 32 columns.
pub(super) fn pack_panels(
    pool: &Pool,
    packed: &mut Vec<Factors>,
    panel_len: usize,
    columns: usize,
    pack: impl Fn(usize, &mut [Factors]) + Sync,
) {
    let panels = columns.div_ceil(SIDE);
    packed.resize(panels * panel_len, Factors::ZERO);
    let parts: Vec<_> = packed.chunks_exact_mut(panel_len).map(Mutex::new).collect();
    pool.run(panels, |panel| pack(panel, &mut parts[panel].lock()));
}

/// `output[rows[pixel] + column] (+)= left * right` for all pixels, the rows of `left`, and `columns` columns.
///
/// # Panics
/// When an offset leads out of the output, or lengths do not fit.
pub(super) fn product<N: Number>(
    pool: &Pool,
    amx: &Amx,
    left: &Matrix<'_, N>,
    right: &[Factors],
    columns: usize,
    (output, rows): (&mut [f32], &[usize]),
    accumulate: bool,
) {
    let (pixels, steps) = (left.rows(), left.steps());
    assert_eq!(rows.len(), pixels, "output pixels");
    assert_eq!(right.len(), columns.div_ceil(SIDE) * 2 * steps, "weights");
    let last = rows.iter().copied().max().unwrap_or(0);
    assert!(last + columns <= output.len(), "the output is too short");
    let groups = pixels.div_ceil(SIDE);
    let most = (MOST_TILES / (2 * steps)).clamp(1, MOST_PIXELS / SIDE);
    let blocks = groups.div_ceil(most).next_multiple_of(pool.threads()).min(groups);
    let output = Cells::new(output);
    pool.run(blocks, |block| {
        let block = share(groups, blocks, block);
        let mut packed = amx.take(2 * steps * block.len());
        for (half, to) in packed.chunks_exact_mut(steps).enumerate() {
            left.pack_rows(block.start * SIDE + half * ROWS, to);
        }
        let tiles = amx.permission.configure();
        let mut sums = Sums::ZERO;
        for (panel, right) in right.chunks_exact(2 * steps).enumerate() {
            let first = panel * SIDE;
            for (group, left) in block.clone().zip(packed.chunks_exact(2 * steps)) {
                let (upper, lower) = left.split_at(steps);
                tiles.multiply([upper, lower], right, &mut sums, false);
                let rows = &rows[group * SIDE..pixels.min((group + 1) * SIDE)];
                // SAFETY: a `Permission` proves the instructions; all columns of all rows are inside the output, as was checked; a
                // task writes its own pixels, and `output` is borrowed mutably.
                unsafe { put(&sums, output.start().add(first), rows, SIDE.min(columns - first), accumulate) };
            }
        }
    });
}

/// Writes or adds the first `columns` columns of the sums to rows at `to + rows[i]`.
///
/// # Safety
/// The CPU has AVX-512; so many floats at each of these places are the caller's own.
#[target_feature(enable = "avx512f")]
unsafe fn put(sums: &Sums, to: *mut f32, rows: &[usize], columns: usize, accumulate: bool) {
    let masks = [first_lanes(columns), first_lanes(columns.saturating_sub(ROWS))];
    for (i, row) in rows.iter().enumerate() {
        for (half, mask) in masks.into_iter().enumerate() {
            let from = &sums.0[i / ROWS * 2 + half][i % ROWS * ROWS..][..ROWS];
            // SAFETY: 16 sums are read; what is masked off of the output is not touched, the rest is the caller's promise.
            unsafe {
                let to = to.add(*row).wrapping_add(half * ROWS);
                let mut values = _mm512_loadu_ps(from.as_ptr());
                if accumulate {
                    values = _mm512_add_ps(values, _mm512_maskz_loadu_ps(mask, to));
                }
                _mm512_mask_storeu_ps(to, mask, values);
            }
        }
    }
}

/// The first `count` lanes.
pub(super) fn first_lanes(count: usize) -> __mmask16 {
    if count >= ROWS { !0 } else { (1 << count) - 1 }
}
