//! Temporary memory for the tasks of a pool: one piece a thread, kept from frame to frame.

use parking_lot::{Mutex, MutexGuard};

use super::AlignedVec;

/// As many buffers as the pool has threads. A task takes one for itself.
pub struct Scratch(Vec<Mutex<AlignedVec<f32>>>);

impl Scratch {
    /// Empty buffers for a pool of `threads` threads.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self((0..threads.max(1)).map(|_| Mutex::default()).collect())
    }

    /// Makes sure that there are as many buffers as `threads`.
    pub fn fit(&mut self, threads: usize) {
        self.0.resize_with(self.0.len().max(threads), Mutex::default);
    }

    /// A buffer of at least `len` floats, with whatever the last user left in it. Waits only where
    /// more tasks run than the pool has threads.
    pub fn take(&self, len: usize) -> MutexGuard<'_, AlignedVec<f32>> {
        let mut guard = self.0.iter().find_map(Mutex::try_lock).unwrap_or_else(|| self.0[0].lock());
        if guard.len() < len {
            guard.resize(len);
        }
        guard
    }
}
