//! Factors as they lie in memory, and their packing into tiles.
//!
//! A row of a [`Matrix`] is what one output pixel sees (im2col, a tile's worth at a time), or a row of weights. Rounding to bf16
//! happens on the way into the tile. Four forms are packed: rows (a left factor), pairs of rows (a right factor), and both turned
//! about, by a transposition of 16x16 words of 32 bits.

use std::arch::x86_64::*;
use std::ops::Range;

use super::tile::{Factors, Permission, ROWS, SIDE, STEP};

/// A number that becomes bf16.
pub(super) trait Number: Copy + Sync + 'static {
    /// What a missing row is made of.
    const ZEROS: &[Self; STEP];

    /// The numbers from `from` on whose bits are set in `mask`, as bf16; zeros for the others.
    ///
    /// # Safety
    /// The CPU has AVX512-BW and -BF16; the numbers may be read.
    unsafe fn load(from: *const Self, mask: u32) -> __m512i;
}

impl Number for f32 {
    const ZEROS: &[Self; STEP] = &[0.0; STEP];

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

/// Rows of numbers: row `r` is `length` numbers from `rows[r] + segment` on for every segment, one behind the other, each filled up with
/// zeros to whole steps of 32.
pub(super) struct Matrix<'a, N> {
    _permission: Permission,
    data: &'a [N],
    rows: &'a [usize],
    segments: &'a [usize],
    length: usize,
}

impl<'a, N: Number> Matrix<'a, N> {
    /// A row of zeros.
    pub(super) const MISSING: usize = usize::MAX;

    /// `rows` are offsets or [`Self::MISSING`].
    ///
    /// # Panics
    /// When a row leads out of `data`, or is empty.
    pub(super) fn new(
        permission: Permission,
        data: &'a [N],
        rows: &'a [usize],
        segments: &'a [usize],
        length: usize,
    ) -> Self {
        assert!(length > 0 && !segments.is_empty(), "an empty row");
        let far = rows.iter().copied().filter(|row| *row != Self::MISSING).max().unwrap_or(0);
        let end = segments.iter().max().and_then(|s| s.checked_add(far)?.checked_add(length));
        assert!(end.is_some_and(|end| end <= data.len()), "a row leads out of the factor");
        Self { _permission: permission, data, rows, segments, length }
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Steps along a row.
    pub(super) fn steps(&self) -> usize {
        self.segments.len() * self.length.div_ceil(STEP)
    }

    /// Where a step begins in every row, and how many numbers it has.
    pub(super) fn place(&self, step: usize) -> (usize, usize) {
        let (segment, inside) = (step / self.length.div_ceil(STEP), step % self.length.div_ceil(STEP) * STEP);
        (self.segments[segment] + inside, STEP.min(self.length - inside))
    }

    /// Where the step's numbers lie in 16 rows from `first` on; zeros behind the last row.
    #[inline(always)]
    fn pointers(&self, rows: &[usize], first: usize, offset: usize) -> [*const N; ROWS] {
        let mut all = [N::ZEROS.as_ptr(); ROWS];
        let end = rows.len().min(first + ROWS);
        for (to, &row) in all.iter_mut().zip(&rows[first.min(end)..end]) {
            if row != Self::MISSING {
                *to = self.data.as_ptr().wrapping_add(row + offset);
            }
        }
        all
    }

    /// The left factor's form: rows `first..first + 16`, a tile `[16 rows][32 numbers]` a step.
    ///
    /// # Panics
    /// When `to` has not as many tiles as there are steps.
    pub(super) fn pack_rows(&self, first: usize, to: &mut [Factors]) {
        assert_eq!(to.len(), self.steps(), "tiles of a row");
        // SAFETY: a `Permission` proves the instructions; `new` checked that all numbers of all rows are inside.
        unsafe { self.rows_body(first, to) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn rows_body(&self, first: usize, to: &mut [Factors]) {
        let rows = self.pointers(self.rows, first, 0);
        // A missing row's zeros stay where they are.
        let mut there = [0; ROWS];
        for (there, row) in there.iter_mut().zip(&self.rows[first.min(self.rows.len())..]) {
            *there = if *row == Self::MISSING { 0 } else { !0 };
        }
        for (step, to) in to.iter_mut().enumerate() {
            let (offset, count) = self.place(step);
            let mask = mask(count);
            for i in 0..ROWS {
                // SAFETY: the caller's promise.
                unsafe {
                    let row = N::load(rows[i].wrapping_add(offset & there[i]), mask);
                    store(row, &mut to.0[i * STEP..(i + 1) * STEP]);
                }
            }
        }
    }

    /// The right factor's form for the numbers of a step: two tiles `[16 pairs of rows][16 columns][2]` for every 32 rows of `rows`.
    ///
    /// # Panics
    /// When `to` has not two tiles for every 32 rows.
    pub(super) fn pack_pairs(&self, rows: Range<usize>, step: usize, to: &mut [Factors]) {
        assert_eq!(to.len(), 2 * rows.len().div_ceil(SIDE), "tiles of pairs");
        // SAFETY: as above.
        unsafe { self.pairs_body(&self.rows[rows], step, to) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn pairs_body(&self, rows: &[usize], step: usize, to: &mut [Factors]) {
        let (offset, count) = self.place(step);
        let (mask, tables) = (mask(count), interleaving());
        for (i, to) in to.chunks_exact_mut(2).enumerate() {
            for half in 0..2 {
                let rows = self.pointers(rows, i * SIDE + half * ROWS, offset);
                for j in 0..ROWS / 2 {
                    // SAFETY: the caller's promise.
                    unsafe {
                        let [low, high] = pair(rows[2 * j], rows[2 * j + 1], mask, tables);
                        let at = (half * ROWS / 2 + j) * STEP;
                        store(low, &mut to[0].0[at..at + STEP]);
                        store(high, &mut to[1].0[at..at + STEP]);
                    }
                }
            }
        }
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
    unsafe fn turned_pairs_body(&self, first: usize, to: &mut [Factors]) {
        for (i, to) in to.iter_mut().enumerate() {
            let (offset, count) = self.place(i / 2);
            let rows = self.pointers(self.rows, first + i % 2 * ROWS, offset);
            let mask = mask(count);
            let mut all = [_mm512_setzero_si512(); ROWS];
            for j in 0..ROWS {
                // SAFETY: the caller's promise.
                all[j] = unsafe { N::load(rows[j], mask) };
            }
            // SAFETY: the CPU has the instructions.
            unsafe { store_turned(all, to) };
        }
    }

    /// As [`Self::pack_rows`] of the matrix turned about: the numbers of a step are its rows, two tiles (the lower and the upper
    /// 16) for every 32 rows of `rows`, first all of the lower ones.
    ///
    /// # Panics
    /// When `to` has not two tiles for every 32 rows.
    pub(super) fn pack_turned_rows(&self, rows: Range<usize>, step: usize, to: &mut [Factors]) {
        assert_eq!(to.len(), 2 * rows.len().div_ceil(SIDE), "tiles of turned rows");
        // SAFETY: as above.
        unsafe { self.turned_rows_body(&self.rows[rows], step, to) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn turned_rows_body(&self, rows: &[usize], step: usize, to: &mut [Factors]) {
        let (offset, count) = self.place(step);
        let (mask, tables) = (mask(count), interleaving());
        let (lower, upper) = to.split_at_mut(to.len() / 2);
        for (i, (lower, upper)) in lower.iter_mut().zip(upper).enumerate() {
            let (mut low, mut high) = ([_mm512_setzero_si512(); ROWS], [_mm512_setzero_si512(); ROWS]);
            for half in 0..2 {
                let rows = self.pointers(rows, i * SIDE + half * ROWS, offset);
                for j in 0..ROWS / 2 {
                    let at = half * ROWS / 2 + j;
                    // SAFETY: the caller's promise.
                    [low[at], high[at]] = unsafe { pair(rows[2 * j], rows[2 * j + 1], mask, tables) };
                }
            }
            // SAFETY: the CPU has the instructions.
            unsafe {
                store_turned(low, lower);
                store_turned(high, upper);
            }
        }
    }
}

/// The lowest `count` bits.
fn mask(count: usize) -> u32 {
    if count >= STEP { !0 } else { (1 << count) - 1 }
}

/// Tables that interleave the lower and the upper halves of two registers.
#[inline(always)]
fn interleaving() -> [__m512i; 2] {
    const fn table(from: usize) -> [u16; STEP] {
        let mut table = [0; STEP];
        let mut j = 0;
        while j < STEP / 2 {
            table[2 * j] = (from + j) as u16;
            table[2 * j + 1] = (STEP + from + j) as u16;
            j += 1;
        }
        table
    }
    const LOW: [u16; STEP] = table(0);
    const HIGH: [u16; STEP] = table(STEP / 2);
    // SAFETY: both are 64 bytes, which a register is too.
    unsafe {
        [std::mem::transmute::<[u16; STEP], __m512i>(LOW), std::mem::transmute::<[u16; STEP], __m512i>(HIGH)]
    }
}

/// Numbers of two rows in turn, the lower and the upper 16 columns.
///
/// # Safety
/// As [`Number::load`].
#[inline(always)]
unsafe fn pair<N: Number>(
    first: *const N,
    second: *const N,
    mask: u32,
    tables: [__m512i; 2],
) -> [__m512i; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let (first, second) = (N::load(first, mask), N::load(second, mask));
        [
            _mm512_permutex2var_epi16(first, tables[0], second),
            _mm512_permutex2var_epi16(first, tables[1], second),
        ]
    }
}

/// # Safety
/// The CPU has AVX-512.
#[inline(always)]
unsafe fn store(row: __m512i, to: &mut [u16]) {
    assert!(to.len() == STEP);
    // SAFETY: the row has 64 bytes; the caller promises the instruction.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), row) };
}

/// # Safety
/// The CPU has AVX-512.
#[inline(always)]
unsafe fn store_turned(rows: [__m512i; ROWS], to: &mut Factors) {
    // SAFETY: the caller's promise.
    let turned = unsafe { transpose(rows) };
    for (row, to) in turned.into_iter().zip(to.0.chunks_exact_mut(STEP)) {
        // SAFETY: the caller's promise.
        unsafe { store(row, to) };
    }
}

/// 16x16 words of 32 bits turned about: within quarters of the registers, then the quarters.
///
/// # Safety
/// The CPU has AVX-512.
#[inline(always)]
pub(super) unsafe fn transpose(rows: [__m512i; ROWS]) -> [__m512i; ROWS] {
    let (mut pairs, mut fours, mut turned) = (rows, rows, rows);
    // SAFETY: the caller promises the instructions.
    unsafe {
        for i in 0..8 {
            pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
            pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
        }
        // Register 4 i + k gets column 4 q + k of rows 4 i to 4 i + 3 in quarter q.
        for i in 0..4 {
            let [a, b, c, d] = [pairs[4 * i], pairs[4 * i + 1], pairs[4 * i + 2], pairs[4 * i + 3]];
            fours[4 * i] = _mm512_unpacklo_epi64(a, c);
            fours[4 * i + 1] = _mm512_unpackhi_epi64(a, c);
            fours[4 * i + 2] = _mm512_unpacklo_epi64(b, d);
            fours[4 * i + 3] = _mm512_unpackhi_epi64(b, d);
        }
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
    }
    turned
}
