//! Products of bf16 numbers with sums in f32, by AVX512-BF16 (Intel since Cooper Lake, AMD since Zen 4).
//!
//! `vdpbf16ps` multiplies pairs: every 32-bit lane of a sum gets the products of two neighbours in each factor. So both
//! factors lie in pairs along the direction that is summed over. The right factor is packed that way; a map is
//! so by itself, as its channels are summed over and lie together. (oneDNN calls the same layout `OIhw16i16o2i`.)
//! Numbers are rounded to nearest, ties to even; those below 2^-126 become zero.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::super::{Cells, Isa, Pool};
use super::amx::Amx;

/// Sums in a row of a tile, [`Isa::tile_columns`] of AVX-512.
pub(super) const COLUMNS: usize = Isa::Avx512.tile_columns();
/// Numbers that one thread rounds at a time.
const PIECE: usize = 1 << 15;

/// Proof that this CPU has the instructions, and memory for one rounded map.
#[derive(Debug, Clone)]
pub struct Bf16 {
    /// Where the CPU has it, products go by its tiles.
    pub(super) amx: Option<Amx>,
    rounded: Arc<Mutex<Vec<u16>>>,
    #[cfg(not(target_arch = "x86_64"))]
    never: std::convert::Infallible,
}

/// This CPU, or the instruction set that was asked for, cannot multiply bf16 numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("products in bf16 need a CPU with AVX512-BF16, and this {0}; train in f32")]
pub struct NoBf16(String);

impl Bf16 {
    /// Looks for the instructions.
    ///
    /// # Errors
    /// [`NoBf16`] where the CPU has none, or where `isa` is another than [`Isa::Avx512`].
    pub fn detect(isa: Isa) -> Result<Self, NoBf16> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16") {
            return match isa {
                Isa::Avx512 => Ok(Self { amx: Amx::detect(), rounded: Arc::default() }),
                _ => Err(NoBf16(format!("run uses {isa} (MOUE_ISA)"))),
            };
        }
        Err(NoBf16(format!("one has none (its best is {isa})")))
    }

    /// The same by AVX512-BF16 alone, for tests and comparisons.
    #[must_use]
    pub fn without_amx(self) -> Self {
        Self { amx: None, ..self }
    }

    /// Whether products go by the tiles of AMX.
    #[must_use]
    pub fn has_amx(&self) -> bool {
        self.amx.is_some()
    }

    /// `from` rounded. The memory is free again when the result is dropped.
    pub(super) fn round(&self, pool: &Pool, from: &[f32]) -> MutexGuard<'_, Vec<u16>> {
        let mut rounded = self.rounded.lock();
        if rounded.len() < from.len() {
            rounded.resize(from.len(), 0);
        }
        let parts: Vec<_> = rounded.chunks_mut(PIECE).zip(from.chunks(PIECE)).map(Mutex::new).collect();
        pool.run(parts.len(), |part| {
            let (to, from) = &mut *parts[part].lock();
            self.round_piece(from, to);
        });
        drop(parts);
        rounded
    }
}

/// Two rows of numbers, again and again, to pairs of one from each.
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "other processors have no such instructions")
)]
pub(super) struct Interleave<'a> {
    /// The first of each pair.
    pub(super) first: &'a [f32],
    /// The second of each pair; empty for zeros.
    pub(super) second: &'a [f32],
    /// Numbers that are read at once; the row's other pairs are zeros.
    pub(super) count: usize,
    /// Pairs of a row of the result.
    pub(super) pairs: usize,
    /// Rows.
    pub(super) times: usize,
    /// Numbers from one row to the next.
    pub(super) step: usize,
}

/// A tile of a product: `c[i][j] (+)= sum over s, p, k < 2 of a[a_rows[i] + s a_segment + p a_step + k] b[s][p][j][k]`.
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "other processors have no such instructions")
)]
pub(super) struct PairTile<'a> {
    /// The left factor.
    pub(super) a: &'a [u16],
    /// Offset of each row, at most [`Isa::tile_rows`].
    pub(super) a_rows: &'a [usize],
    /// Numbers from one pair to the next.
    pub(super) a_step: usize,
    /// Numbers from one segment to the next.
    pub(super) a_segment: usize,
    /// The right factor, `[segments][pairs][COLUMNS][2]`.
    pub(super) b: &'a [u16],
    /// Pairs of a segment.
    pub(super) pairs: usize,
    /// Segments.
    pub(super) segments: usize,
    /// The result.
    pub(super) c: Cells<'a>,
    /// Offset in `c` of each row; as many as `a_rows`.
    pub(super) c_rows: &'a [usize],
    /// Columns that are written.
    pub(super) columns: usize,
    /// Whether the result is added to what `c` holds.
    pub(super) accumulate: bool,
}

#[cfg(not(target_arch = "x86_64"))]
impl Bf16 {
    fn round_piece(&self, _from: &[f32], _to: &mut [u16]) {
        match self.never {}
    }

    pub(super) fn interleave(&self, _rows: &Interleave<'_>, _to: &mut [u16]) {
        match self.never {}
    }

    #[allow(clippy::missing_safety_doc)]
    pub(super) unsafe fn run(&self, _tile: &PairTile<'_>) {
        match self.never {}
    }
}

#[cfg(target_arch = "x86_64")]
impl Bf16 {
    fn round_piece(&self, from: &[f32], to: &mut [u16]) {
        // SAFETY: that a `Bf16` exists proves the instructions.
        unsafe { x86::round(from, &mut to[..from.len()]) }
    }

    /// Rounds and interleaves.
    ///
    /// # Panics
    /// When a slice is too short.
    pub(super) fn interleave(&self, rows: &Interleave<'_>, to: &mut [u16]) {
        let Interleave { first, second, count, pairs, times, step } = *rows;
        let Some(last) = times.checked_sub(1) else { return };
        assert!(count <= pairs && to.len() >= times * pairs * 2, "{count} of {pairs} pairs");
        assert!(last * step + count <= first.len(), "the first row is too short");
        assert!(second.is_empty() || last * step + count <= second.len(), "the second row is too short");
        // SAFETY: the lengths were checked; that a `Bf16` exists proves the instructions.
        unsafe { x86::interleave(rows, to) }
    }

    /// Computes the tile.
    ///
    /// # Safety
    /// No other thread touches the elements of `c` that the tile writes, and `a` and `b` do not overlap with them.
    ///
    /// # Panics
    /// When an offset leads out of a slice, or a count is not as the fields say.
    pub(super) unsafe fn run(&self, tile: &PairTile<'_>) {
        let rows = tile.a_rows.len();
        assert!(rows >= 1 && rows <= Isa::Avx512.tile_rows() && tile.c_rows.len() == rows, "{rows} rows");
        assert!(tile.columns >= 1 && tile.columns <= COLUMNS, "{} columns", tile.columns);
        assert!(tile.pairs >= 1 && tile.segments >= 1, "an empty sum");
        let last = (tile.segments - 1) * tile.a_segment + (tile.pairs - 1) * tile.a_step;
        let inside = |offsets: &[usize], len: usize, count: usize| {
            len.checked_sub(count).is_some_and(|room| offsets.iter().all(|&at| at <= room))
        };
        assert!(inside(tile.a_rows, tile.a.len(), last + 2), "a is too short");
        assert!(tile.b.len() >= tile.segments * tile.pairs * COLUMNS * 2, "b is too short");
        assert!(inside(tile.c_rows, tile.c.len(), tile.columns), "c is too short");
        // SAFETY: offsets were checked, the caller promises that `c` is its own; that a `Bf16` exists proves the
        // instructions.
        unsafe { x86::tile(tile) }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::super::super::simd::for_rows;
    use super::{COLUMNS, Interleave, PairTile};

    /// Numbers in a register of f32.
    const LANES: usize = 16;

    /// The first `count` lanes.
    fn first_lanes(count: usize) -> __mmask16 {
        if count >= LANES { !0 } else { (1 << count) - 1 }
    }

    /// # Safety
    /// The CPU has the instructions, and the slices are equally long.
    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) unsafe fn round(from: &[f32], to: &mut [u16]) {
        for (from, to) in from.chunks(LANES).zip(to.chunks_mut(LANES)) {
            let mut buffer = [0_u16; LANES];
            // SAFETY: only the chunk's lanes are read, and the buffer has room for all.
            unsafe {
                let values = _mm512_maskz_loadu_ps(first_lanes(from.len()), from.as_ptr());
                let half: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(values));
                _mm256_storeu_si256(buffer.as_mut_ptr().cast(), half);
            }
            to.copy_from_slice(&buffer[..to.len()]);
        }
    }

    /// # Safety
    /// The CPU has the instructions; lengths are as [`super::Bf16::interleave`] checks.
    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) unsafe fn interleave(rows: &Interleave<'_>, to: &mut [u16]) {
        // SAFETY: only lanes inside the slices are read and written; what is masked off does not count, wherever its
        // address lies.
        unsafe {
            let word = |from: &[f32], at: usize, mask| {
                let values = _mm512_maskz_loadu_ps(mask, from.as_ptr().wrapping_add(at));
                let half: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(values));
                _mm512_cvtepu16_epi32(half)
            };
            for row in 0..rows.times {
                for at in (0..rows.pairs).step_by(LANES) {
                    let mask = first_lanes(rows.count.saturating_sub(at));
                    let mut pair = word(rows.first, row * rows.step + at, mask);
                    if !rows.second.is_empty() {
                        let second = word(rows.second, row * rows.step + at, mask);
                        pair = _mm512_or_si512(pair, _mm512_slli_epi32::<16>(second));
                    }
                    let to = to.as_mut_ptr().add(2 * (row * rows.pairs + at));
                    _mm512_mask_storeu_epi32(to.cast(), first_lanes(rows.pairs - at), pair);
                }
            }
        }
    }

    /// # Safety
    /// As [`super::Bf16::run`], whose checks were made, on a CPU with the instructions.
    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) unsafe fn tile(tile: &PairTile<'_>) {
        macro_rules! pick {
            ($($rows:literal)*) => {
                match tile.a_rows.len() {
                    // SAFETY: the number of rows is right; the rest is the caller's promise.
                    $($rows => unsafe { product::<$rows>(tile) },)*
                    rows => unreachable!("{rows} rows were checked"),
                }
            };
        }
        pick!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn product<const ROWS: usize>(tile: &PairTile<'_>) {
        let masks = [first_lanes(tile.columns), first_lanes(tile.columns.saturating_sub(LANES))];
        // SAFETY: every pointer that is read or written through is inside its slice, as was checked; masked lanes are not
        // touched.
        unsafe {
            let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
            if tile.accumulate {
                for_rows!(ROWS, |i| {
                    let from = tile.c.start().add(*tile.c_rows.get_unchecked(i));
                    for j in 0..2 {
                        sums[i][j] = _mm512_maskz_loadu_ps(masks[j], from.wrapping_add(j * LANES));
                    }
                });
            }
            let mut rows = [tile.a.as_ptr(); ROWS];
            for_rows!(ROWS, |i| rows[i] = rows[i].add(*tile.a_rows.get_unchecked(i)));
            let mut b = tile.b.as_ptr();
            for segment in 0..tile.segments {
                let mut at = segment * tile.a_segment;
                for _ in 0..tile.pairs {
                    let right: [__m512bh; 2] = std::array::from_fn(|j| {
                        std::mem::transmute(_mm512_loadu_si512(b.add(j * 2 * LANES).cast()))
                    });
                    for_rows!(ROWS, |i| {
                        let pair = rows[i].wrapping_add(at).cast::<i32>().read_unaligned();
                        let left: __m512bh = std::mem::transmute(_mm512_set1_epi32(pair));
                        for j in 0..2 {
                            sums[i][j] = _mm512_dpbf16_ps(sums[i][j], left, right[j]);
                        }
                    });
                    at += tile.a_step;
                    b = b.wrapping_add(2 * COLUMNS);
                }
            }
            for_rows!(ROWS, |i| {
                let to = tile.c.start().add(*tile.c_rows.get_unchecked(i));
                for j in 0..2 {
                    _mm512_mask_storeu_ps(to.wrapping_add(j * LANES), masks[j], sums[i][j]);
                }
            });
        }
    }
}
