//! Plays what has frames with times: the same for videos and animations.

use std::time::Duration;

use super::clock::FrameClock;
use super::transport::{Asked, Transport};

/// Longest wait for a frame's time in one call, so that the thread that reads can stop soon.
const LONGEST_WAIT: Duration = Duration::from_millis(400);
/// A frame later than this, in seconds, is late.
const TOO_LATE_S: f64 = 0.1;
/// A jump further than this, in seconds, is a cut: the frames before and after are not one motion.
const NEAR_S: f64 = 1.0;
/// How far frame times jump at a cut, in seconds: further than tracker and smoother remember.
const CUT_S: f64 = 10.0;

/// How far the times of delivered frames go on after a jump of this length in the file, both in seconds; at least by
/// `shortest_s`, so that two frames never have one time.
pub(super) fn jump_s(way_s: f64, shortest_s: f64) -> f64 {
    if way_s <= NEAR_S { way_s.max(shortest_s.min(NEAR_S)) } else { CUT_S }
}

/// Whether a frame is due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Due {
    /// It is to be shown.
    Now,
    /// It should have been shown this many seconds ago.
    Late(f64),
    /// Not within the longest wait.
    NotYet,
    /// Something was asked for meanwhile.
    Asked,
}

/// Playback at the file's own pace.
pub(super) struct Playback {
    clock: FrameClock,
    /// The file's time when the clock started, in seconds; below 0 once an animation has come round.
    from_s: f64,
    playing: bool,
    speed: f64,
    /// Frames to show although it is paused.
    pub(super) steps: u32,
}

impl Playback {
    /// Plays from this time of the file on.
    pub(super) fn from(from_s: f64) -> Self {
        Self { clock: FrameClock::new(), from_s, playing: true, speed: 1.0, steps: 0 }
    }

    /// Takes what was asked for; `next_s` is the time of the next frame. `false`: there is nothing to show now.
    pub(super) fn apply(&mut self, asked: &Asked, next_s: f64) -> bool {
        self.steps += asked.steps;
        if (asked.playing && !self.playing) || asked.speed != self.speed {
            self.start_at(next_s);
        }
        (self.playing, self.speed) = (asked.playing, asked.speed);
        self.playing || self.steps > 0
    }

    /// Time goes on from here.
    pub(super) fn start_at(&mut self, from_s: f64) {
        self.clock = FrameClock::new();
        self.from_s = from_s;
    }

    /// The file begins again without a pause, this many seconds after its start.
    pub(super) fn come_round(&mut self, length_s: f64) {
        self.from_s -= length_s;
    }

    /// Shows the next frame, at `next_s`, at once where a step was asked for. `false`: none was.
    pub(super) fn step(&mut self, next_s: f64) -> bool {
        if self.steps == 0 {
            return false;
        }
        self.steps -= 1;
        self.start_at(next_s);
        true
    }

    /// Waits for the frame at `next_s`.
    pub(super) fn wait(&self, next_s: f64, transport: &Transport) -> Due {
        let left_s = (next_s - self.from_s) / self.speed - self.clock.now_s();
        if left_s > 0.0 {
            let left = Duration::from_secs_f64(left_s);
            if transport.wait(left.min(LONGEST_WAIT)) {
                return Due::Asked;
            }
            return if left > LONGEST_WAIT { Due::NotYet } else { Due::Now };
        }
        if -left_s > TOO_LATE_S { Due::Late(-left_s) } else { Due::Now }
    }

    /// The source cannot keep up: goes on as if it were in time.
    pub(super) fn forgive(&mut self, late_s: f64) {
        self.clock.set_back(late_s);
    }
}
