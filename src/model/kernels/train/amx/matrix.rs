//! Factors as they lie in memory, and their packing into tiles.
//!
//! A row of a [`Matrix`] is what one output pixel sees (im2col, a tile's worth at a time), or a row of weights. Rounding to bf16
//! happens on the way into the tile. Four forms are packed: rows (a left factor), pairs of rows (a right factor), and both turned
//! about, by a transposition of 16x16 words of 32 bits.

use std::arch::x86_64::*;
use std::ops::Range;

use super::tile::{Factors, Permission, ROWS, SIDE, STEP};

/// A number that becomes bf16.
pub(super) trait Number: Copy + Sync {
    /// The numbers from `from` on whose bits are set in `mask`, as bf16; zeros for the others.
    ///
    /// # Safety
    /// The CPU has AVX512-BW and -BF16; the numbers may be read.
    unsafe fn load(from: *const Self, mask: u32) -> __m512i;
}

impl Number for f32 {
    #[inline(always)]
    unsafe fn load(from: *const Self, mask: u32) -> __m512i {
        // SAFETY: lanes that are masked off are not read; the rest is the caller's promise.
        unsafe {
            let low = _mm512_maskz_loadu_ps(mask as u16, from);
            let high = _mm512_maskz_loadu_ps((mask >> 16) as u16, from.wrapping_add(STEP / 2));
            std::mem::transmute(_mm512_cvtne2ps_pbh(high, low))
        }
    }
}

/// Rows of numbers: row `r` is `length` numbers from `rows[r] + segment` on for every segment, one behind the other.
pub(super) struct Matrix<'a, N> {
    permission: Permission,
    data: &'a [N],
    rows: &'a [usize],
    segments: &'a [usize],
    length: usize,
}

/// Where a step's numbers lie in every row: up to 32 pieces of `(offset, count)`.
struct Pieces {
    of: [(usize, usize); STEP],
    count: usize,
}

fn mask(count: usize) -> u32 {
    if count >= STEP { !0 } else { (1 << count) - 1 }
}

impl<'a, N: Number> Matrix<'a, N> {
    /// # Panics
    /// When a row leads out of `data`, or is empty.
    pub(super) fn new(
        permission: Permission,
        data: &'a [N],
        rows: &'a [usize],
        segments: &'a [usize],
        length: usize,
    ) -> Self {
        let last = |offsets: &[usize]| offsets.iter().copied().max().unwrap_or(0);
        assert!(length > 0 && !segments.is_empty(), "an empty row");
        assert!(last(rows) + last(segments) + length <= data.len(), "a row leads out of the factor");
        Self { permission, data, rows, segments, length }
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Steps along a row; zeros fill up the last one.
    pub(super) fn steps(&self) -> usize {
        (self.segments.len() * self.length).div_ceil(STEP)
    }

    fn pieces(&self, step: usize) -> Pieces {
        let mut pieces = Pieces { of: [(0, 0); STEP], count: 0 };
        let (mut at, end) = (step * STEP, ((step + 1) * STEP).min(self.segments.len() * self.length));
        while at < end {
            let (segment, inside) = (at / self.length, at % self.length);
            let count = (self.length - inside).min(end - at);
            pieces.of[pieces.count] = (self.segments[segment] + inside, count);
            pieces.count += 1;
            at += count;
        }
        pieces
    }

    /// A step of 16 rows from `first` on; zeros where there are fewer.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn load(&self, first: usize, pieces: &Pieces) -> [__m512i; ROWS] {
        let mut all = [_mm512_setzero_si512(); ROWS];
        let rows = &self.rows[first.min(self.rows.len())..(first + ROWS).min(self.rows.len())];
        let (offset, count) = pieces.of[0];
        if pieces.count == 1 {
            for (to, row) in all.iter_mut().zip(rows) {
                // SAFETY: `new` checked that every row has all numbers of its pieces, and the mask leaves out the others.
                *to = unsafe { N::load(self.data.as_ptr().add(row + offset), mask(count)) };
            }
            return all;
        }
        for (to, row) in all.iter_mut().zip(rows) {
            let mut words = [0_u16; 2 * STEP];
            let mut at = 0;
            for &(offset, count) in &pieces.of[..pieces.count] {
                // SAFETY: as above; pieces have 32 numbers together, so that 32 words from `at` on are inside the buffer.
                unsafe {
                    let piece = N::load(self.data.as_ptr().add(row + offset), mask(count));
                    _mm512_storeu_si512(words.as_mut_ptr().add(at).cast(), piece);
                }
                at += count;
            }
            // SAFETY: the buffer has 64 words.
            *to = unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
        }
        all
    }

    /// The left factor's form: rows `first..first + 16`, a tile `[16 rows][32 numbers]` a step.
    ///
    /// # Panics
    /// When `to` has not as many tiles as there are steps.
    pub(super) fn pack_rows(&self, first: usize, to: &mut [Factors]) {
        assert_eq!(to.len(), self.steps(), "tiles of a row");
        // SAFETY: a `Permission` proves the instructions.
        unsafe { self.rows_body(first, to) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn rows_body(&self, first: usize, to: &mut [Factors]) {
        for (step, to) in to.iter_mut().enumerate() {
            store(&self.load(first, &self.pieces(step)), to);
        }
    }

    /// The right factor's form for columns `32 step..32 step + 32`: two tiles `[16 pairs of rows][16 columns][2]` for every 32 rows of
    /// `rows`.
    ///
    /// # Panics
    /// When `to` has not two tiles for every 32 rows.
    pub(super) fn pack_pairs(&self, rows: Range<usize>, step: usize, to: &mut [Factors]) {
        assert_eq!(to.len(), 2 * rows.len().div_ceil(SIDE), "tiles of pairs");
        // SAFETY: as above.
        unsafe { self.pairs_body(rows, step, to) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn pairs_body(&self, rows: Range<usize>, step: usize, to: &mut [Factors]) {
        let pieces = self.pieces(step);
        let part = Self { rows: &self.rows[rows], ..*self };
        for (i, to) in to.chunks_exact_mut(2).enumerate() {
            let [low, high] = part.pairs(i * SIDE, &pieces);
            store(&low, &mut to[0]);
            store(&high, &mut to[1]);
        }
    }

    /// Numbers of 32 rows in pairs, the lower and the upper 16 columns.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn pairs(&self, first: usize, pieces: &Pieces) -> [[__m512i; ROWS]; 2] {
        const LOW: [u16; STEP] = interleaving(0);
        const HIGH: [u16; STEP] = interleaving(STEP / 2);
        // SAFETY: both tables have 64 bytes.
        let (low, high) =
            unsafe { (_mm512_loadu_si512(LOW.as_ptr().cast()), _mm512_loadu_si512(HIGH.as_ptr().cast())) };
        let (upper, lower) = (self.load(first, pieces), self.load(first + ROWS, pieces));
        let row = |i: usize| if i < ROWS { upper[i] } else { lower[i - ROWS] };
        let pair = |table| std::array::from_fn(|i| interleave(row(2 * i), table, row(2 * i + 1)));
        [pair(low), pair(high)]
    }

    /// As [`Self::pack_pairs`] of the matrix turned about: rows `first..first + 32` are its columns, two tiles a step.
    ///
    /// # Panics
    /// When `to` has not two tiles a step.
    pub(super) fn pack_turned_pairs(&self, first: usize, to: &mut [Factors]) {
        assert_eq!(to.len(), 2 * self.steps(), "tiles of pairs");
        // SAFETY: as above.
        unsafe { self.turned_pairs_body(first, to) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn turned_pairs_body(&self, first: usize, to: &mut [Factors]) {
        for (step, to) in to.chunks_exact_mut(2).enumerate() {
            let pieces = self.pieces(step);
            store(&transpose(self.load(first, &pieces)), &mut to[0]);
            store(&transpose(self.load(first + ROWS, &pieces)), &mut to[1]);
        }
    }

    /// As [`Self::pack_rows`] of the matrix turned about: columns `32 step..32 step + 32` are its rows, two tiles (the lower and the upper
    /// 16) for every 32 rows of `rows`, first all of the lower ones.
    ///
    /// # Panics
    /// When `to` has not two tiles for every 32 rows.
    pub(super) fn pack_turned_rows(&self, rows: Range<usize>, step: usize, to: &mut [Factors]) {
        assert_eq!(to.len(), 2 * rows.len().div_ceil(SIDE), "tiles of turned rows");
        // SAFETY: as above.
        unsafe { self.turned_rows_body(rows, step, to) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn turned_rows_body(&self, rows: Range<usize>, step: usize, to: &mut [Factors]) {
        let pieces = self.pieces(step);
        let part = Self { rows: &self.rows[rows], ..*self };
        let (lower, upper) = to.split_at_mut(to.len() / 2);
        for (i, (lower, upper)) in lower.iter_mut().zip(upper).enumerate() {
            let [low, high] = part.pairs(i * SIDE, &pieces);
            store(&transpose(low), lower);
            store(&transpose(high), upper);
        }
    }
}

/// Word `2 j` is word `from + j` of the first register, word `2 j + 1` that of the second.
const fn interleaving(from: usize) -> [u16; STEP] {
    let mut table = [0; STEP];
    let mut j = 0;
    while j < STEP / 2 {
        table[2 * j] = (from + j) as u16;
        table[2 * j + 1] = (STEP + from + j) as u16;
        j += 1;
    }
    table
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn interleave(first: __m512i, table: __m512i, second: __m512i) -> __m512i {
    _mm512_permutex2var_epi16(first, table, second)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(rows: &[__m512i; ROWS], to: &mut Factors) {
    for (row, to) in rows.iter().zip(to.0.chunks_exact_mut(STEP)) {
        // SAFETY: the chunk has 64 bytes, and a tile is aligned to as many.
        unsafe { _mm512_store_si512(to.as_mut_ptr().cast(), *row) };
    }
}

/// 16x16 words of 32 bits turned about: within quarters of the registers, then the quarters.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transpose(rows: [__m512i; ROWS]) -> [__m512i; ROWS] {
    let mut pairs = rows;
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    // Register 4 i + k has column 4 q + k of rows 4 i to 4 i + 3 in quarter q.
    let mut fours = rows;
    for i in 0..4 {
        let [a, b, c, d] = [pairs[4 * i], pairs[4 * i + 1], pairs[4 * i + 2], pairs[4 * i + 3]];
        fours[4 * i] = _mm512_unpacklo_epi64(a, c);
        fours[4 * i + 1] = _mm512_unpackhi_epi64(a, c);
        fours[4 * i + 2] = _mm512_unpacklo_epi64(b, d);
        fours[4 * i + 3] = _mm512_unpackhi_epi64(b, d);
    }
    let mut turned = rows;
    for k in 0..4 {
        let [a, b, c, d] = [fours[k], fours[4 + k], fours[8 + k], fours[12 + k]];
        // Quarters 0 and 2, and 1 and 3, of two registers each.
        let (even_ab, odd_ab) = (_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0xDD>(a, b));
        let (even_cd, odd_cd) = (_mm512_shuffle_i32x4::<0x88>(c, d), _mm512_shuffle_i32x4::<0xDD>(c, d));
        turned[k] = _mm512_shuffle_i32x4::<0x88>(even_ab, even_cd);
        turned[8 + k] = _mm512_shuffle_i32x4::<0xDD>(even_ab, even_cd);
        turned[4 + k] = _mm512_shuffle_i32x4::<0x88>(odd_ab, odd_cd);
        turned[12 + k] = _mm512_shuffle_i32x4::<0xDD>(odd_ab, odd_cd);
    }
    turned
}
