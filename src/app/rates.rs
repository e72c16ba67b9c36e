//! The figures of the status list: frames a second, latency, and what the stages cost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::pipeline::LiveResult;

/// Frames a second are counted over this time.
const COUNTED_OVER: Duration = Duration::from_secs(1);
/// Weight of a new time. Figures that change thirty times a second cannot be read.
const NEW_SHARE: f32 = 0.1;

/// Frames on screen, and averaged times.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// When the last frames came on screen.
    frames: VecDeque<Instant>,
    /// Age of the shown result in milliseconds.
    pub(super) latency_ms: f32,
    /// Finding and tracking the faces, in milliseconds.
    pub(super) detect_ms: f32,
    /// Cropping and classifying them, in milliseconds.
    pub(super) classify_ms: f32,
    /// Number of the last result that was counted.
    counted: u64,
}

impl Rates {
    /// Counts a frame that came on screen.
    pub(super) fn frame_shown(&mut self) {
        self.frames.push_back(Instant::now());
    }

    /// Forgets frames that are too old to count.
    pub(super) fn expire(&mut self) {
        while self.frames.front().is_some_and(|t| t.elapsed() > COUNTED_OVER) {
            self.frames.pop_front();
        }
    }

    /// New frames on screen a second.
    pub(super) fn frames_per_s(&self) -> f32 {
        self.frames.len() as f32 / COUNTED_OVER.as_secs_f32()
    }

    /// Takes the times of the shown result in, once.
    pub(super) fn result_shown(&mut self, result: &LiveResult) {
        if std::mem::replace(&mut self.counted, result.number) == result.number {
            return;
        }
        let analyzed = &result.analyzed;
        let latency_ms = analyzed.frame.captured_at.elapsed().as_secs_f32() * 1000.0;
        for (shown, new) in [
            (&mut self.latency_ms, latency_ms),
            (&mut self.detect_ms, analyzed.detect_ms),
            (&mut self.classify_ms, analyzed.classify_ms),
        ] {
            *shown = if *shown == 0.0 { new } else { *shown + (new - *shown) * NEW_SHARE };
        }
    }
}
