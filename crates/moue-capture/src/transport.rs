//! Play, pause, seek and step: asked for by a window, done by the source on its own thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::schedule::Schedule;

/// Slowest and fastest playback.
pub const SPEEDS: (f64, f64) = (0.1, 16.0);

/// Where a video is and how it plays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransportStatus {
    /// Whether time goes on.
    pub playing: bool,
    /// Time of the frame that was delivered last, in seconds from the start of the file.
    pub position_s: f64,
    /// Length in seconds, where it is known.
    pub duration_s: Option<f64>,
    /// Length of a frame in seconds; the mean, where each has its own.
    pub frame_s: f64,
    /// How many times faster than real time.
    pub speed: f64,
    /// Whether the end is followed by the start.
    pub looping: bool,
    /// Whether it stopped at its end.
    pub at_end: bool,
}

/// A handle on a playing file; all copies are of the same one.
#[derive(Debug, Clone)]
pub struct Transport(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    asked: Condvar,
}

#[derive(Debug)]
struct State {
    status: TransportStatus,
    /// Where each frame has its own time.
    schedule: Option<Schedule>,
    /// The last place that was asked for; earlier ones are passed over.
    seek_s: Option<f64>,
    /// Frames to show while it is paused.
    steps: u32,
    /// Frames to go back, where no schedule tells their times.
    back: u32,
}

/// What the source should do next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Asked {
    pub(super) playing: bool,
    pub(super) speed: f64,
    pub(super) looping: bool,
    pub(super) seek_s: Option<f64>,
    pub(super) steps: u32,
    /// How many frames before the place that is asked for, or else before the frame that is shown.
    pub(super) back: u32,
}

impl Transport {
    /// A file that plays from its start, again and again.
    pub(super) fn new(frame_s: f64, duration_s: Option<f64>) -> Self {
        let status = TransportStatus {
            playing: true,
            position_s: 0.0,
            duration_s,
            frame_s,
            speed: 1.0,
            looping: true,
            at_end: false,
        };
        let state = Mutex::new(State { status, schedule: None, seek_s: None, steps: 0, back: 0 });
        Self(Arc::new(Inner { state, asked: Condvar::new() }))
    }

    /// As [`Self::new`], of frames that each have their own time.
    pub(super) fn scheduled(schedule: Schedule) -> Self {
        let transport = Self::new(0.0, None);
        transport.reschedule(schedule);
        transport
    }

    /// The file turned out to have other frames.
    pub(super) fn reschedule(&self, schedule: Schedule) {
        let mut state = self.0.state.lock();
        state.status.frame_s = schedule.end_s() / schedule.len().max(1) as f64;
        state.status.duration_s = Some(schedule.end_s());
        state.schedule = Some(schedule);
    }

    /// Whether both are of one source.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn ask(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.state.lock());
        self.0.asked.notify_all();
    }

    /// Where it is.
    #[must_use]
    pub fn status(&self) -> TransportStatus {
        self.0.state.lock().status
    }

    /// Plays on; from the start, where it stopped at the end.
    pub fn play(&self) {
        self.ask(|state| {
            if state.status.at_end {
                state.seek(0.0);
            }
            state.status.playing = true;
        });
    }

    /// Holds the frame that is shown.
    pub fn pause(&self) {
        self.ask(|state| state.status.playing = false);
    }

    /// Plays or pauses.
    pub fn toggle(&self) {
        if self.status().playing { self.pause() } else { self.play() }
    }

    /// Goes to a time, in seconds from the start.
    pub fn seek_to(&self, position_s: f64) {
        self.ask(|state| state.seek(position_s));
    }

    /// Goes forward or back by some seconds.
    pub fn seek_by(&self, seconds: f64) {
        self.ask(|state| {
            let now_s = state.seek_s.unwrap_or(state.status.position_s);
            let to_s = match &state.schedule {
                // A frame that lasts longer than the skip must not hold it up: go to the next frame at least.
                Some(schedule) if seconds > 0.0 => {
                    (now_s + seconds).max(schedule.start_s(schedule.frame_at(now_s) + 1))
                }
                _ => now_s + seconds,
            };
            state.seek(to_s);
        });
    }

    /// Pauses, and shows the next frame or the one before.
    pub fn step(&self, forward: bool) {
        self.ask(|state| {
            state.status.playing = false;
            match (&state.schedule, forward) {
                (_, true) if state.back > 0 => state.back -= 1,
                (_, true) => state.steps += 1,
                (Some(schedule), false) => {
                    let now_s = state.seek_s.unwrap_or(state.status.position_s);
                    let before_s = schedule.start_s(schedule.frame_at(now_s).saturating_sub(1));
                    state.seek(before_s);
                }
                (None, false) if state.steps > 0 => state.steps -= 1,
                // Without a schedule only the source can find the time of the previous frame.
                (None, false) => state.back += 1,
            }
        });
    }

    /// Plays faster or slower; within [`SPEEDS`].
    pub fn set_speed(&self, speed: f64) {
        if speed.is_finite() {
            self.ask(|state| state.status.speed = speed.clamp(SPEEDS.0, SPEEDS.1));
        }
    }

    /// Whether the end is followed by the start.
    pub fn set_looping(&self, looping: bool) {
        self.ask(|state| state.status.looping = looping);
    }

    /// What was asked for since the last time.
    pub(super) fn take(&self) -> Asked {
        let mut state = self.0.state.lock();
        Asked {
            playing: state.status.playing,
            speed: state.status.speed,
            looping: state.status.looping,
            seek_s: state.seek_s.take(),
            steps: std::mem::take(&mut state.steps),
            back: std::mem::take(&mut state.back),
        }
    }

    /// Waits until something is asked, at most `longest`. `true` where something was.
    pub(super) fn wait(&self, longest: Duration) -> bool {
        let mut state = self.0.state.lock();
        let before = (state.status.playing, state.status.speed);
        let deadline = Instant::now() + longest;
        loop {
            let now = (state.status.playing, state.status.speed);
            if state.seek_s.is_some() || state.steps + state.back > 0 || now != before {
                return true;
            }
            if self.0.asked.wait_until(&mut state, deadline).timed_out() {
                return false;
            }
        }
    }

    /// A frame was delivered. A place that was asked for meanwhile is shown already.
    pub(super) fn delivered(&self, position_s: f64) {
        let mut state = self.0.state.lock();
        state.status.at_end = false;
        if state.seek_s.is_none() {
            state.status.position_s = position_s;
        }
    }

    /// There is no further frame.
    pub(super) fn ended(&self) {
        let mut state = self.0.state.lock();
        if state.seek_s.is_none() {
            state.status.playing = false;
            state.status.at_end = true;
        }
    }
}

impl State {
    fn seek(&mut self, position_s: f64) {
        let last_s = match &self.schedule {
            Some(schedule) => schedule.start_s(schedule.len().saturating_sub(1)),
            // The last frame may last for any time: the source finds it.
            None => self.status.duration_s.unwrap_or(f64::MAX),
        };
        let to = if position_s.is_finite() { position_s.clamp(0.0, last_s) } else { 0.0 };
        self.seek_s = Some(to);
        (self.steps, self.back) = (0, 0);
        self.status.position_s = to;
        self.status.at_end = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_place_is_sought_and_it_lies_in_the_file() {
        let transport = Transport::new(0.1, Some(10.0));
        transport.seek_to(3.0);
        transport.seek_to(99.0);
        assert_eq!(transport.take().seek_s, Some(10.0));
        assert_eq!(transport.take().seek_s, None);
        transport.seek_by(-100.0);
        assert_eq!((transport.status().position_s, transport.take().seek_s), (0.0, Some(0.0)));
        transport.seek_to(f64::NAN);
        assert_eq!(transport.take().seek_s, Some(0.0));
    }

    #[test]
    fn steps_pause_and_go_by_frames() {
        let transport = Transport::new(0.1, Some(10.0));
        transport.delivered(5.0);
        transport.step(true);
        transport.step(true);
        let asked = transport.take();
        assert_eq!((asked.playing, asked.steps, asked.back), (false, 2, 0));
        transport.step(false);
        transport.step(false);
        transport.step(true);
        let asked = transport.take();
        assert_eq!((asked.steps, asked.back, asked.seek_s), (0, 1, None));
        transport.step(false);
        transport.seek_to(2.0);
        transport.step(false);
        let asked = transport.take();
        assert_eq!((asked.back, asked.seek_s), (1, Some(2.0)));
    }

    #[test]
    fn steps_go_by_frames_of_any_length() {
        let transport = Transport::scheduled(Schedule::of(&[40, 200, 3000, 50]));
        assert_eq!(transport.status().duration_s, Some(3.29));
        transport.delivered(0.24);
        transport.step(false);
        assert_eq!(transport.take().seek_s, Some(0.04));
        transport.step(false);
        transport.step(false);
        assert_eq!(transport.take().seek_s, Some(0.0));
        transport.seek_to(99.0);
        assert_eq!(transport.take().seek_s, Some(3.24));
        transport.delivered(0.24);
        transport.seek_by(1.0);
        assert_eq!(transport.take().seek_s, Some(3.24), "past a frame that lasts for three seconds");
    }

    #[test]
    fn playing_at_the_end_starts_again() {
        let transport = Transport::new(0.1, None);
        transport.ended();
        assert!(transport.status().at_end && !transport.status().playing);
        transport.toggle();
        let asked = transport.take();
        assert_eq!((asked.playing, asked.seek_s), (true, Some(0.0)));
    }

    #[test]
    fn whoever_waits_is_woken() {
        let transport = Transport::new(0.1, None);
        let other = transport.clone();
        let waiting = std::thread::spawn(move || other.wait(Duration::from_secs(30)));
        transport.pause();
        std::thread::sleep(Duration::from_millis(20));
        transport.play();
        transport.seek_to(1.0);
        assert!(waiting.join().unwrap());
    }
}
