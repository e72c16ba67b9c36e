//! A slice that several threads write to at once, each its own part.

use std::marker::PhantomData;

/// A mutable slice that may be shared between threads. Whoever writes through it promises that no other
/// thread touches the same elements at the same time; bounds are always checked.
#[derive(Clone, Copy)]
pub struct Cells<'a> {
    start: *mut f32,
    len: usize,
    _slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is a `&mut [f32]`, which is `Send`; what several threads do with one is limited by the promises
// of its unsafe methods.
unsafe impl Send for Cells<'_> {}
// SAFETY: as above; the safe methods only read the length.
unsafe impl Sync for Cells<'_> {}

impl<'a> Cells<'a> {
    /// Takes the slice for as long as the cells live.
    #[must_use]
    pub fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), _slice: PhantomData }
    }

    /// Number of floats.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first element's address; the kernels check their offsets once for a whole tile.
    #[must_use]
    pub(super) fn start(&self) -> *mut f32 {
        self.start
    }

    /// A pointer to `count` elements from `at` on.
    ///
    /// # Panics
    /// When they are not all inside.
    #[must_use]
    pub(super) fn pointer(&self, at: usize, count: usize) -> *mut f32 {
        assert!(
            at.checked_add(count).is_some_and(|end| end <= self.len),
            "{count} floats at {at} of {}",
            self.len
        );
        // SAFETY: `at` is inside, or one past the end.
        unsafe { self.start.add(at) }
    }

    /// `count` elements from `at` on.
    ///
    /// # Safety
    /// Nobody else reads or writes them while the slice lives.
    ///
    /// # Panics
    /// When they are not all inside.
    #[must_use]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn slice_mut(&self, at: usize, count: usize) -> &'a mut [f32] {
        // SAFETY: `pointer` checks the bounds, the caller promises that the part is its own, and 'a is the
        // lifetime of the borrowed slice.
        unsafe { std::slice::from_raw_parts_mut(self.pointer(at, count), count) }
    }

    /// `count` elements from `at` on, to read.
    ///
    /// # Safety
    /// Nobody writes them while the slice lives.
    ///
    /// # Panics
    /// When they are not all inside.
    #[must_use]
    pub unsafe fn slice(&self, at: usize, count: usize) -> &'a [f32] {
        // SAFETY: as `slice_mut`, without writing.
        unsafe { std::slice::from_raw_parts(self.pointer(at, count), count) }
    }
}
