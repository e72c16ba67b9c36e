//! Keeps sources that are not cameras to their own clock.

use std::time::{Duration, Instant};

/// Longest single wait, so that a thread that reads a source can stop soon.
const LONGEST_WAIT: Duration = Duration::from_millis(400);

/// Says when a frame is due.
#[derive(Debug)]
pub(super) struct FrameClock {
    start: Instant,
}

impl FrameClock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// Seconds since the clock started.
    pub(super) fn now_s(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Puts the clock back, for a source that cannot keep up with it.
    pub(super) fn set_back(&mut self, by_s: f64) {
        self.start += Duration::from_secs_f64(by_s.max(0.0));
    }

    /// Sleeps until `due_s`, at most 400 ms. `false`: it is not due yet, ask again.
    pub(super) fn wait_until(&self, due_s: f64) -> bool {
        let left = due_s - self.now_s();
        if left <= 0.0 {
            return true;
        }
        let left = Duration::from_secs_f64(left);
        std::thread::sleep(left.min(LONGEST_WAIT));
        left <= LONGEST_WAIT
    }
}
