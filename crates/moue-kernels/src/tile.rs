//! The matrix kernel: a small tile of a product, kept in registers from the first addend to the last.
//!
//! `c[i][j] = start + sum over s, p of a[a_rows[i] + s * a_segment + p * a_step] * b[s * b_segment + p * b_step + j]`
//!
//! All of the network's convolutions are made of it, forward and backward, because the rows of `a` are
//! addressed by offsets: a convolution's rows are its output pixels, and the kernel's rows of the image
//! are the segments. Nothing is copied together as im2col does. The idea is that of XNNPACK's indirect
//! GEMM (Dukhan, "The Indirect Convolution Algorithm", 2019), with one pointer a pixel instead of one a
//! pixel and kernel position, because the image has a border of zeros and a kernel row is contiguous in
//! NHWC. Tile sizes follow Goto and van de Geijn, "Anatomy of High-Performance Matrix
//! Multiplication" (2008): as many sums as registers allow, so that loads stay below what the multipliers take.

use half::f16;

use super::simd::{Simd, dispatch, for_rows};
use super::{Cells, Isa};

/// What the sums start from.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// Zero.
    Zero,
    /// One value a column.
    Bias(&'a [f32]),
    /// Zero; when they are complete, each column's sum is multiplied by its factor and its addend is added.
    Scaled(&'a [f32], &'a [f32]),
    /// What `c` holds.
    Accumulate,
}

/// A number that the right factor can be stored as. Sums and the left factor are `f32` always.
pub trait Stored: Copy {
    /// Reads a vector of them.
    ///
    /// # Safety
    /// As the loads of [`Simd`].
    #[doc(hidden)]
    #[allow(private_bounds)]
    unsafe fn load<V: Simd>(from: *const Self) -> V;
    /// Computes a tile whose bounds are checked.
    ///
    /// # Safety
    /// As [`Tile::run`].
    #[doc(hidden)]
    unsafe fn product(tile: &Tile<'_, Self>, isa: Isa);
}

impl Stored for f32 {
    #[inline(always)]
    #[allow(private_bounds)]
    unsafe fn load<V: Simd>(from: *const Self) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load(from) }
    }

    unsafe fn product(tile: &Tile<'_, Self>, isa: Isa) {
        dispatch!(isa => single(tile: &Tile<'_, f32>))
    }
}

impl Stored for f16 {
    #[inline(always)]
    #[allow(private_bounds)]
    unsafe fn load<V: Simd>(from: *const Self) -> V {
        // SAFETY: the caller's promise; an `f16` is its bits.
        unsafe { V::load_half(from.cast()) }
    }

    unsafe fn product(tile: &Tile<'_, Self>, isa: Isa) {
        dispatch!(isa => halved(tile: &Tile<'_, f16>))
    }
}

/// What is added after the last product: `residual[rows[i] + j]`.
#[derive(Debug, Clone, Copy)]
pub struct Residual<'a> {
    /// The values.
    pub values: &'a [f32],
    /// Offset of each row.
    pub rows: &'a [usize],
}

/// One tile of a product; see the module.
#[derive(Clone, Copy)]
pub struct Tile<'a, B = f32> {
    /// The left factor.
    pub a: &'a [f32],
    /// Offset in `a` of each row of the tile; 1 to [`Isa::tile_rows`] of them.
    pub a_rows: &'a [usize],
    /// Floats from one addend of a segment to the next.
    pub a_step: usize,
    /// Floats from one segment to the next.
    pub a_segment: usize,
    /// The right factor. [`Isa::tile_columns`] numbers are read at every position, whatever
    /// `columns` says: packed weights are padded with zeros, other buffers need that much slack at the end.
    pub b: &'a [B],
    /// Numbers from one addend of a segment to the next.
    pub b_step: usize,
    /// Numbers from one segment to the next.
    pub b_segment: usize,
    /// Numbers from where the right factor is read to where it is asked for, a cache line at every step:
    /// weights stream from the third level of cache or from memory, and only a request that is early enough
    /// is there in time. 0 where nothing has to be asked for; it may lead out of the slice.
    pub ahead: usize,
    /// Addends in a segment.
    pub length: usize,
    /// Number of segments.
    pub segments: usize,
    /// The result.
    pub c: Cells<'a>,
    /// Offset in `c` of each row; as many as `a_rows`.
    pub c_rows: &'a [usize],
    /// Columns that are written, at most [`Isa::tile_columns`].
    pub columns: usize,
    /// What the sums start from.
    pub start: Start<'a>,
    /// Added to the sums.
    pub residual: Option<Residual<'a>>,
    /// Whether negative results become zero.
    pub relu: bool,
}

impl<B: Stored> Tile<'_, B> {
    /// Computes the tile.
    ///
    /// # Safety
    /// No other thread touches the elements of `c` that the tile writes, and `a`, `b` and the residual do
    /// not overlap with them.
    ///
    /// # Panics
    /// When an offset leads out of a slice, or a count is not as the fields say.
    pub unsafe fn run(&self, isa: Isa) {
        let rows = self.a_rows.len();
        assert!(rows >= 1 && rows <= isa.tile_rows() && self.c_rows.len() == rows, "{rows} rows");
        assert!(self.columns >= 1 && self.columns <= isa.tile_columns(), "{} columns", self.columns);
        if self.length > 0 && self.segments > 0 {
            let a_last = (self.segments - 1) * self.a_segment + (self.length - 1) * self.a_step;
            let b_last = (self.segments - 1) * self.b_segment + (self.length - 1) * self.b_step;
            let a_room = self.a.len().checked_sub(a_last + 1);
            assert!(a_room.is_some_and(|room| self.a_rows.iter().all(|&r| r <= room)), "a is too short");
            assert!(b_last + isa.tile_columns() <= self.b.len(), "b is too short");
        }
        let c_room = self.c.len().checked_sub(self.columns);
        assert!(c_room.is_some_and(|room| self.c_rows.iter().all(|&r| r <= room)), "c is too short");
        if let Some(residual) = &self.residual {
            let room = residual.values.len().checked_sub(self.columns);
            assert!(residual.rows.len() == rows, "{} residual rows", residual.rows.len());
            assert!(
                room.is_some_and(|room| residual.rows.iter().all(|&r| r <= room)),
                "residual is too short"
            );
        }
        if let Start::Bias(bias) | Start::Scaled(_, bias) = self.start {
            assert!(bias.len() >= self.columns, "{} biases", bias.len());
        }
        if let Start::Scaled(scale, _) = self.start {
            assert!(scale.len() >= self.columns, "{} factors", scale.len());
        }
        // SAFETY: the bounds are checked; the rest is the caller's promise.
        unsafe { B::product(self, isa) }
    }
}

#[inline(always)]
unsafe fn single<V: Simd, const COLUMNS: usize, const ROWS: usize>(tile: &Tile<'_, f32>) {
    // SAFETY: the caller's promise.
    unsafe { any_rows::<V, COLUMNS, ROWS, f32>(tile) }
}

#[inline(always)]
unsafe fn halved<V: Simd, const COLUMNS: usize, const ROWS: usize>(tile: &Tile<'_, f16>) {
    // SAFETY: the caller's promise.
    unsafe { any_rows::<V, COLUMNS, ROWS, f16>(tile) }
}

/// Picks the loop for the tile's number of rows: each has its own number of registers.
#[inline(always)]
unsafe fn any_rows<V: Simd, const COLUMNS: usize, const ROWS: usize, B: Stored>(tile: &Tile<'_, B>) {
    macro_rules! pick {
        ($($rows:literal)*) => {
            match tile.a_rows.len() {
                // SAFETY: the number of rows is checked; the rest is the caller's promise.
                $($rows if $rows <= ROWS => unsafe { product::<V, COLUMNS, $rows, B>(tile) },)*
                rows => unreachable!("{rows} rows were checked"),
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// The tile itself. Bounds are checked by [`Tile::run`].
#[inline(always)]
unsafe fn product<V: Simd, const COLUMNS: usize, const ROWS: usize, B: Stored>(tile: &Tile<'_, B>) {
    let whole = tile.columns == COLUMNS * V::LANES;
    // SAFETY: every pointer below is inside the slice that it was made from, as `Tile::run` checked.
    unsafe {
        let mut sums = [[V::splat(0.0); COLUMNS]; ROWS];
        match tile.start {
            Start::Zero | Start::Scaled(..) => {}
            Start::Bias(bias) => sums = [load_row::<V, COLUMNS>(bias.as_ptr(), tile.columns); ROWS],
            Start::Accumulate if whole => {
                for_rows!(ROWS, |i| {
                    let from = tile.c.start().add(*tile.c_rows.get_unchecked(i));
                    sums[i] = std::array::from_fn(|j| V::load(from.add(j * V::LANES)));
                });
            }
            Start::Accumulate => {
                for_rows!(ROWS, |i| {
                    let from = tile.c.start().add(*tile.c_rows.get_unchecked(i));
                    sums[i] = load_row::<V, COLUMNS>(from, tile.columns);
                });
            }
        }
        let mut rows = [tile.a.as_ptr(); ROWS];
        for_rows!(ROWS, |i| rows[i] = rows[i].add(*tile.a_rows.get_unchecked(i)));
        for segment in 0..tile.segments {
            let mut at = segment * tile.a_segment;
            let mut b = tile.b.as_ptr().wrapping_add(segment * tile.b_segment);
            for _ in 0..tile.length {
                let right: [V; COLUMNS] = std::array::from_fn(|j| B::load::<V>(b.add(j * V::LANES)));
                V::prefetch(b.wrapping_add(tile.ahead).cast());
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
        if let Start::Scaled(scale, bias) = tile.start {
            let scale = load_row::<V, COLUMNS>(scale.as_ptr(), tile.columns);
            let bias = load_row::<V, COLUMNS>(bias.as_ptr(), tile.columns);
            for_rows!(ROWS, |i| {
                for j in 0..COLUMNS {
                    sums[i][j] = sums[i][j].mul_add(scale[j], bias[j]);
                }
            });
        }
        if let Some(residual) = &tile.residual {
            for_rows!(ROWS, |i| {
                let from = residual.values.as_ptr().add(*residual.rows.get_unchecked(i));
                let row = load_row::<V, COLUMNS>(from, tile.columns);
                for j in 0..COLUMNS {
                    sums[i][j] = sums[i][j].add(row[j]);
                }
            });
        }
        // `floor` comes first: then a NaN stays one, on every instruction set.
        let floor = V::splat(if tile.relu { 0.0 } else { f32::NEG_INFINITY });
        if whole {
            for_rows!(ROWS, |i| {
                let to = tile.c.start().add(*tile.c_rows.get_unchecked(i));
                for (j, sum) in sums[i].into_iter().enumerate() {
                    floor.max(sum).store(to.add(j * V::LANES));
                }
            });
        } else {
            let mut row = [0.0_f32; 64];
            for_rows!(ROWS, |i| {
                for (j, sum) in sums[i].into_iter().enumerate() {
                    floor.max(sum).store(row.as_mut_ptr().add(j * V::LANES));
                }
                let to = tile.c.start().add(*tile.c_rows.get_unchecked(i));
                std::ptr::copy_nonoverlapping(row.as_ptr(), to, tile.columns);
            });
        }
    }
}

/// `columns` floats, the rest zeros.
#[inline(always)]
unsafe fn load_row<V: Simd, const COLUMNS: usize>(from: *const f32, columns: usize) -> [V; COLUMNS] {
    // SAFETY: the caller vouches for `columns` readable floats; the buffer holds every tile's width.
    unsafe {
        if columns == COLUMNS * V::LANES {
            std::array::from_fn(|j| V::load(from.add(j * V::LANES)))
        } else {
            let mut row = [0.0_f32; 64];
            std::ptr::copy_nonoverlapping(from, row.as_mut_ptr(), columns);
            std::array::from_fn(|j| V::load(row.as_ptr().add(j * V::LANES)))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::formula::hashed_uniform;
    use proptest::prelude::*;

    fn values(count: usize, seed: u64) -> Vec<f32> {
        hashed_uniform(count, seed).into_iter().map(|u| u as f32).collect()
    }

    proptest! {
        #[test]
        fn every_tile_is_the_plain_sum(
            isa in prop::sample::select(Isa::available()),
            rows in 1_usize..=14, columns in 1_usize..=32, length in 0_usize..40, segments in 0_usize..4,
            a_step in 1_usize..5, b_extra in 0_usize..3, start in 0_usize..4, half: bool, residual: bool, relu: bool, seed in 0_u64..1000,
        ) {
            let rows = rows.min(isa.tile_rows());
            let columns = columns.min(isa.tile_columns());
            let a_segment = length * a_step + 3;
            let b_step = isa.tile_columns() + b_extra;
            let b_segment = length * b_step + 5;
            let a_rows: Vec<usize> = (0..rows).map(|i| (i * 7 + seed as usize) % 23).collect();
            let c_rows: Vec<usize> = (0..rows).map(|i| (rows - 1 - i) * (columns + 2)).collect();
            let a = values(23 + segments.max(1) * a_segment, seed);
            let narrow: Vec<f16> =
                values(segments * b_segment + isa.tile_columns(), seed + 1).into_iter().map(f16::from_f32).collect();
            let b: Vec<f32> = narrow.iter().map(|b| b.to_f32()).collect();
            let scale = values(columns, seed + 5);
            let bias = values(columns, seed + 2);
            let added = values(rows * (columns + 2), seed + 3);
            let before = values(rows * (columns + 2), seed + 4);
            let mut c = before.clone();
            let start = [Start::Zero, Start::Bias(&bias), Start::Scaled(&scale, &bias), Start::Accumulate][start];
            let c_cells = Cells::new(&mut c);
            macro_rules! run {
                ($b:expr) => {{
                    let tile = Tile {
                        a: &a, a_rows: &a_rows, a_step, a_segment, b: $b, b_step, b_segment, ahead: 0, length, segments,
                        c: c_cells, c_rows: &c_rows, columns, start,
                        residual: residual.then_some(Residual { values: &added, rows: &c_rows }), relu,
                    };
                    // SAFETY: one thread, and `c` is a vector of its own.
                    unsafe { tile.run(isa) };
                }};
            }
            if half { run!(&narrow[..]) } else { run!(&b[..]) }
            let mut expected = before.clone();
            for i in 0..rows {
                for j in 0..columns {
                    let at = c_rows[i] + j;
                    let mut sum = match start {
                        Start::Zero | Start::Scaled(..) => 0.0,
                        Start::Bias(bias) => f64::from(bias[j]),
                        Start::Accumulate => f64::from(before[at]),
                    };
                    for s in 0..segments {
                        for p in 0..length {
                            sum += f64::from(a[a_rows[i] + s * a_segment + p * a_step])
                                * f64::from(b[s * b_segment + p * b_step + j]);
                        }
                    }
                    if let Start::Scaled(scale, bias) = start {
                        sum = sum * f64::from(scale[j]) + f64::from(bias[j]);
                    }
                    if residual {
                        sum += f64::from(added[at]);
                    }
                    expected[at] = if relu { sum.max(0.0) } else { sum } as f32;
                }
            }
            for (got, want) in c.iter().zip(&expected) {
                prop_assert!((got - want).abs() < 1e-5, "{isa}: {got} for {want}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "b is too short")]
    fn a_factor_that_is_too_short_is_refused() {
        let mut c = [0.0; 8];
        let tile = Tile {
            a: &[1.0; 4],
            a_rows: &[0],
            a_step: 1,
            a_segment: 0,
            b: &[1.0; 31],
            b_step: 8,
            b_segment: 0,
            ahead: 0,
            length: 4,
            segments: 1,
            c: Cells::new(&mut c),
            c_rows: &[0],
            columns: 8,
            start: Start::Zero,
            residual: None,
            relu: false,
        };
        // SAFETY: one thread, and `c` is an array of its own.
        unsafe { tile.run(Isa::Plain) };
    }
}
