//! A tile of a weight gradient: a sum over pixels that lie in many short runs.
//!
//! `c[i][j] += sum over runs r, p of a[r.0 + a_rows[i] + p * a_step] * b[r.1 + p * b_step + j]`
//!
//! It differs from [`Tile`](super::super::Tile) in the list of runs: the sums stay in registers over the
//! rows of an image and over several small images.

use super::super::simd::{Simd, dispatch, for_rows};
use super::super::{Cells, Isa};

/// One tile; see the module.
pub(super) struct SumTile<'a> {
    /// The left factor.
    pub(super) a: &'a [f32],
    /// Offset in `a` of each row; 1 to [`Isa::tile_rows`] of them.
    pub(super) a_rows: &'a [usize],
    /// Floats from one addend of a run to the next.
    pub(super) a_step: usize,
    /// The right factor. [`Isa::tile_columns`] floats are read at every position.
    pub(super) b: &'a [f32],
    /// Offset of the first column.
    pub(super) b_first: usize,
    /// Floats from one addend of a run to the next.
    pub(super) b_step: usize,
    /// Where each run begins in `a` and in `b`.
    pub(super) runs: &'a [(usize, usize)],
    /// Addends of a run, at least one.
    pub(super) length: usize,
    /// The result.
    pub(super) c: Cells<'a>,
    /// Offset in `c` of each row; as many as `a_rows`.
    pub(super) c_rows: &'a [usize],
    /// Columns that are written, at most [`Isa::tile_columns`].
    pub(super) columns: usize,
}

impl SumTile<'_> {
    /// Adds the tile to `c`.
    ///
    /// # Safety
    /// No other thread touches the elements of `c` that the tile writes, and `a` and `b` do not overlap with them.
    ///
    /// # Panics
    /// When an offset leads out of a slice, or a count is not as the fields say.
    pub(super) unsafe fn run(&self, isa: Isa) {
        let rows = self.a_rows.len();
        assert!(rows >= 1 && rows <= isa.tile_rows() && self.c_rows.len() == rows, "{rows} rows");
        assert!(self.columns >= 1 && self.columns <= isa.tile_columns(), "{} columns", self.columns);
        let most = |offsets: &[usize]| offsets.iter().copied().max().unwrap_or(0);
        let (a_run, b_run) = self.runs.iter().fold((0, 0), |(a, b), r| (a.max(r.0), b.max(r.1)));
        let last = self.length.saturating_sub(1);
        assert!(a_run + most(self.a_rows) + last * self.a_step < self.a.len(), "a is too short");
        assert!(
            b_run + self.b_first + last * self.b_step + isa.tile_columns() <= self.b.len(),
            "b is too short"
        );
        assert!(most(self.c_rows) + self.columns <= self.c.len(), "c is too short");
        let tile = self;
        dispatch!(isa => any_rows(tile: &SumTile<'_>))
    }
}

/// Picks the loop for the tile's number of rows: each has its own number of registers.
#[inline(always)]
unsafe fn any_rows<V: Simd, const COLUMNS: usize, const ROWS: usize>(tile: &SumTile<'_>) {
    macro_rules! pick {
        ($($rows:literal)*) => {
            match tile.a_rows.len() {
                // SAFETY: the number of rows is checked; the rest is the caller's promise.
                $($rows if $rows <= ROWS => unsafe { sum::<V, COLUMNS, $rows>(tile) },)*
                rows => unreachable!("{rows} rows were checked"),
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// The tile itself. Bounds are checked by [`SumTile::run`].
#[inline(always)]
unsafe fn sum<V: Simd, const COLUMNS: usize, const ROWS: usize>(tile: &SumTile<'_>) {
    // SAFETY: every pointer below is inside the slice that it was made from, as `SumTile::run` checked.
    unsafe {
        let mut sums = [[V::splat(0.0); COLUMNS]; ROWS];
        let mut rows = [tile.a.as_ptr(); ROWS];
        for_rows!(ROWS, |i| rows[i] = rows[i].add(*tile.a_rows.get_unchecked(i)));
        for (a_run, b_run) in tile.runs {
            let mut at = *a_run;
            let mut b = tile.b.as_ptr().add(b_run + tile.b_first);
            for _ in 0..tile.length {
                let right: [V; COLUMNS] = std::array::from_fn(|j| V::load(b.add(j * V::LANES)));
                for_rows!(ROWS, |i| {
                    let left = V::splat(*rows[i].wrapping_add(at));
                    for j in 0..COLUMNS {
                        sums[i][j] = left.mul_add(right[j], sums[i][j]);
                    }
                });
                at += tile.a_step;
                b = b.wrapping_add(tile.b_step);
            }
        }
        if tile.columns == COLUMNS * V::LANES {
            for_rows!(ROWS, |i| {
                let to = tile.c.start().add(*tile.c_rows.get_unchecked(i));
                for (j, sum) in sums[i].into_iter().enumerate() {
                    let to = to.add(j * V::LANES);
                    V::load(to).add(sum).store(to);
                }
            });
        } else {
            let mut row = [0.0_f32; 64];
            for_rows!(ROWS, |i| {
                for (j, sum) in sums[i].into_iter().enumerate() {
                    sum.store(row.as_mut_ptr().add(j * V::LANES));
                }
                let to = tile.c.start().add(*tile.c_rows.get_unchecked(i));
                for (j, value) in row[..tile.columns].iter().enumerate() {
                    *to.add(j) += value;
                }
            });
        }
    }
}
