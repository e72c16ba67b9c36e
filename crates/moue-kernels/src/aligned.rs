//! Memory that vectors are loaded from: it begins with a cache line, and much of it lies in large pages.
//!
//! The system's allocator puts a large buffer 16 bytes behind the start of a page, so that every 64-byte load of an AVX-512 kernel
//! would take from two cache lines. And it maps pages of 4 KiB, of which the weights of a network fill ten
//! thousand: more than the processor's table of addresses holds, while 2 MiB pages need thirty.

use std::ops::{Deref, DerefMut};

use aligned_vec::{AVec, RuntimeAlign};

/// Bytes of a cache line, and of the longest vector.
const LINE_BYTES: usize = 64;
/// Bytes of a large page on x86-64, and on ARM with pages of 4 KiB.
const LARGE_PAGE_BYTES: usize = 2 << 20;

/// Numbers whose first lies at the start of a cache line; from 2 MiB on, of a large page, where the system gives those.
#[derive(Debug, Clone)]
pub struct AlignedVec<T>(AVec<T, RuntimeAlign>);

impl<T: Copy + Default> AlignedVec<T> {
    /// `len` zeros.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        let mut zeros = Self::with_room(len);
        zeros.0.resize(len, T::default());
        zeros
    }

    /// Changes the length; what is new is zero.
    pub fn resize(&mut self, len: usize) {
        if len > self.0.capacity() {
            let mut longer = Self::with_room(len);
            longer.0.extend_from_slice(&self.0);
            *self = longer;
        }
        self.0.resize(len, T::default());
    }

    /// Nothing yet, with room for `len` numbers.
    fn with_room(len: usize) -> Self {
        let bytes = len.saturating_mul(size_of::<T>());
        let align = if bytes < LARGE_PAGE_BYTES { LINE_BYTES } else { LARGE_PAGE_BYTES };
        let mut room = AVec::<T, RuntimeAlign>::with_capacity(align, len);
        if align == LARGE_PAGE_BYTES {
            ask_for_large_pages(room.as_mut_ptr().cast(), bytes);
        }
        Self(room)
    }
}

/// Asks for large pages before the memory is touched first. Where the system refuses, small ones serve too.
#[cfg(all(target_os = "linux", not(miri)))]
fn ask_for_large_pages(start: *mut std::ffi::c_void, bytes: usize) {
    // SAFETY: the range belongs to one allocation, starts with a page, and the advice changes nothing of what it holds.
    let _ = unsafe { libc::madvise(start, bytes, libc::MADV_HUGEPAGE) };
}

/// Elsewhere the system decides.
#[cfg(not(all(target_os = "linux", not(miri))))]
fn ask_for_large_pages(_start: *mut std::ffi::c_void, _bytes: usize) {}

impl<T: Copy + Default> Default for AlignedVec<T> {
    fn default() -> Self {
        Self::zeros(0)
    }
}

impl<T: Copy + Default> From<Vec<T>> for AlignedVec<T> {
    fn from(values: Vec<T>) -> Self {
        let mut aligned = Self::with_room(values.len());
        aligned.0.extend_from_slice(&values);
        aligned
    }
}

impl<T> Deref for AlignedVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for AlignedVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset<T>(values: &AlignedVec<T>, step: usize) -> usize {
        values.as_ptr().addr() % step
    }

    #[test]
    fn numbers_begin_with_a_line_or_a_large_page_and_are_kept_when_there_are_more() {
        let large = [LARGE_PAGE_BYTES / 4 - 1, LARGE_PAGE_BYTES / 4, 1 << 20];
        // Miri would take minutes for millions of numbers.
        for len in [1, 17, 1000].into_iter().chain(large.into_iter().filter(|_| !cfg!(miri))) {
            let step = if 4 * len < LARGE_PAGE_BYTES { LINE_BYTES } else { LARGE_PAGE_BYTES };
            let zeros = AlignedVec::<f32>::zeros(len);
            assert!(zeros.len() == len && zeros.iter().all(|v| *v == 0.0));
            assert_eq!(offset(&zeros, step), 0, "{len}");
            let counted: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let mut taken = AlignedVec::from(counted.clone());
            assert_eq!(offset(&taken, step), 0, "{len}");
            assert!(taken[..] == counted);
            taken.resize(len + 9);
            assert_eq!(offset(&taken, LINE_BYTES), 0, "{len}");
            assert!(taken[..len] == counted && taken[len..] == [0.0; 9]);
            taken.resize(len / 2);
            assert!(taken[..] == counted[..len / 2]);
            taken.resize(len);
            assert!(taken[len / 2..].iter().all(|v| *v == 0.0), "what was cut off does not come back");
        }
        assert!(AlignedVec::<u16>::default().is_empty());
    }
}
