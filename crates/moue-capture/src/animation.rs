//! Animated GIF, WebP and PNG files, played as videos are: each frame for its own time. One frame is held at a time; as
//! each builds on those before it, going back decodes the file from its start again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::{ImageFormat, RgbImage};

use super::clock::FrameClock;
use super::picture::{Animation, animation, animation_frame};
use super::schedule::Schedule;
use super::{CaptureError, Frame, FrameSource, Pace, SourceInfo, SourceKind, Transport};

/// Longest time in one call.
const CALL: Duration = Duration::from_millis(400);
/// After a longer delay, in seconds, the clock is set back: no frame is skipped or shortened to catch up.
const TOO_LATE_S: f64 = 0.1;
/// A jump further than this, in seconds, is a cut: the frames before and after are not one motion.
const NEAR_S: f64 = 1.0;
/// How far frame times jump at a cut, in seconds: further than tracker and smoother remember.
const CUT_S: f64 = 10.0;

/// An animated GIF, WebP or PNG.
pub(super) struct AnimationSource {
    info: SourceInfo,
    path: PathBuf,
    format: ImageFormat,
    pace: Pace,
    schedule: Schedule,
    animation: Animation,
    /// Frames that were decoded since the start of the file.
    decoded: usize,
    /// Whether no further frame can be decoded: the file ends, or the next one is damaged.
    at_end: bool,
    /// Whether the end was reached once, so that the schedule is exact.
    end_known: bool,
    /// The file's frame that comes next.
    next: usize,
    /// That frame, once it is decoded.
    waiting: Option<RgbImage>,
    /// What is added to the file's time, see [`Frame::time_s`].
    offset_s: f64,
    transport: Transport,
    playback: Playback,
}

/// Playback at the file's own pace.
struct Playback {
    clock: FrameClock,
    /// The file's time when the clock started, in seconds; below 0 once it has come round.
    from_s: f64,
    playing: bool,
    speed: f64,
    /// Frames to show although it is paused.
    steps: u32,
}

/// The outcome of decoding.
enum Decoded {
    Ready,
    /// There is more to decode than fits into one call.
    NotYet,
    AtEnd,
}

impl AnimationSource {
    /// `None` where the file is a still picture.
    pub(super) fn open(path: &Path, format: ImageFormat, pace: Pace) -> Result<Option<Self>, CaptureError> {
        let unusable = |reason: String| CaptureError::Unusable { path: path.to_owned(), reason };
        let Some(animation) = animation(path, format).map_err(unusable)? else { return Ok(None) };
        let schedule = Schedule::read(path, format).map_err(unusable)?;
        if schedule.len() < 2 {
            return Ok(None);
        }
        let info = SourceInfo {
            name: path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
            kind: SourceKind::Video,
            size_px: Some(animation.size_px),
            frame_rate: None,
            frame_count: Some(schedule.len() as u64),
            conversion: None,
        };
        let transport = Transport::scheduled(schedule.clone());
        Ok(Some(Self {
            info,
            path: path.to_owned(),
            format,
            pace,
            schedule,
            animation,
            decoded: 0,
            at_end: false,
            end_known: false,
            next: 0,
            waiting: None,
            offset_s: 0.0,
            transport,
            playback: Playback { clock: FrameClock::new(), from_s: 0.0, playing: true, speed: 1.0, steps: 0 },
        }))
    }

    fn unusable(&self, reason: String) -> CaptureError {
        CaptureError::Unusable { path: self.path.clone(), reason }
    }

    fn timeout(&self) -> CaptureError {
        CaptureError::Timeout { source_name: self.info.name.clone(), waited_ms: CALL.as_millis() as u64 }
    }

    /// Carries out what the transport asks for. `false`: there is nothing to show now.
    fn apply_requests(&mut self) -> Result<bool, CaptureError> {
        let asked = self.transport.take();
        if let Some(to_s) = asked.seek_s {
            self.seek(self.schedule.frame_at(to_s))?;
            self.playback.steps = 1;
        }
        self.playback.steps += asked.steps;
        let playback = &mut self.playback;
        if (asked.playing && !playback.playing) || asked.speed != playback.speed {
            playback.clock = FrameClock::new();
            playback.from_s = self.schedule.start_s(self.next);
        }
        (playback.playing, playback.speed) = (asked.playing, asked.speed);
        Ok(playback.playing || playback.steps > 0)
    }

    /// Goes on at frame `index`.
    fn seek(&mut self, index: usize) -> Result<(), CaptureError> {
        // What was shown last.
        let last = self.next.saturating_sub(1);
        let (last_s, to_s) = (self.schedule.start_s(last), self.schedule.start_s(index));
        let way_s = (to_s - last_s).abs();
        let jump_s = if way_s <= NEAR_S { way_s.max(0.01) } else { CUT_S };
        self.offset_s += last_s + jump_s - to_s;
        self.go_to(index)
    }

    fn go_to(&mut self, index: usize) -> Result<(), CaptureError> {
        let waits = self.waiting.is_some() && index == self.next;
        self.next = index;
        if waits {
            return Ok(());
        }
        self.waiting = None;
        if index < self.decoded {
            self.animation = animation(&self.path, self.format)
                .map_err(|reason| self.unusable(reason))?
                .ok_or_else(|| self.unusable("the animation changed while it was shown".into()))?;
            self.decoded = 0;
            self.at_end = false;
        }
        Ok(())
    }

    /// Decodes on to the next frame.
    fn decode(&mut self, until: Instant) -> Result<Decoded, CaptureError> {
        while self.waiting.is_none() {
            if self.at_end || (self.end_known && self.decoded >= self.schedule.len()) {
                return Ok(Decoded::AtEnd);
            }
            match self.animation.frames.next() {
                Some(Ok(frame)) => {
                    if self.decoded == self.next {
                        self.waiting = Some(animation_frame(frame));
                    }
                    self.decoded += 1;
                }
                Some(Err(e)) => return Err(self.damaged(&e.to_string())),
                None => {
                    self.end()?;
                }
            }
            if self.waiting.is_none() && Instant::now() > until {
                return Ok(Decoded::NotYet);
            }
        }
        Ok(Decoded::Ready)
    }

    /// The error for a damaged frame. Shown live, the animation ends before that frame from now on.
    fn damaged(&mut self, why: &str) -> CaptureError {
        let reason = format!("frame {} cannot be decoded: {why}", self.decoded);
        if self.pace == Pace::Unpaced || self.decoded == 0 {
            return self.unusable(reason);
        }
        match self.end() {
            Ok(()) => CaptureError::UnreadableFrame { path: self.path.clone(), reason },
            Err(e) => e,
        }
    }

    /// The file has no more frames than were decoded: shortens the schedule, which listed more.
    fn end(&mut self) -> Result<(), CaptureError> {
        if self.decoded == 0 {
            return Err(self.unusable("the file holds no frame".into()));
        }
        (self.at_end, self.end_known) = (true, true);
        if self.decoded < self.schedule.len() {
            self.schedule = self.schedule.cut(self.decoded);
            self.transport.reschedule(self.schedule.clone());
        }
        Ok(())
    }

    /// Starts again after the last frame. `false`: the last frame stays.
    fn start_again(&mut self) -> Result<bool, CaptureError> {
        if !self.transport.status().looping {
            self.transport.ended();
            self.playback.steps = 0;
            // What is asked for next starts from the last frame.
            self.next = self.schedule.len();
            return Ok(false);
        }
        // Time goes on; the last frame is shown for its time too.
        self.offset_s += self.schedule.end_s();
        self.playback.from_s -= self.schedule.end_s();
        self.go_to(0)?;
        Ok(true)
    }

    /// Waits for the time of the next frame. `false`: something was asked for meanwhile.
    fn wait_until_due(&mut self) -> Result<bool, CaptureError> {
        let playback = &mut self.playback;
        let due_s = (self.schedule.start_s(self.next) - playback.from_s) / playback.speed;
        let left_s = due_s - playback.clock.now_s();
        if left_s > 0.0 {
            let left = Duration::from_secs_f64(left_s);
            if self.transport.wait(left.min(CALL)) {
                return Ok(false);
            }
            return if left > CALL { Err(self.timeout()) } else { Ok(true) };
        }
        if -left_s > TOO_LATE_S {
            playback.clock.set_back(-left_s);
        }
        Ok(true)
    }

    fn deliver(&mut self, image: RgbImage) -> Frame {
        let (index, start_s) = (self.next as u64, self.schedule.start_s(self.next));
        self.next += 1;
        self.transport.delivered(start_s);
        Frame { image: Arc::new(image), index, time_s: self.offset_s + start_s, captured_at: Instant::now() }
    }

    fn next_unpaced(&mut self) -> Result<Option<Frame>, CaptureError> {
        match self.decode(Instant::now() + CALL)? {
            Decoded::Ready => Ok(self.waiting.take().map(|image| self.deliver(image))),
            Decoded::NotYet => Err(self.timeout()),
            Decoded::AtEnd => Ok(None),
        }
    }
}

impl FrameSource for AnimationSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        if self.pace == Pace::Unpaced {
            return self.next_unpaced();
        }
        let until = Instant::now() + CALL;
        loop {
            if !self.apply_requests()? {
                self.transport.wait(CALL / 4);
                return Err(self.timeout());
            }
            match self.decode(until)? {
                Decoded::Ready => {}
                Decoded::NotYet => return Err(self.timeout()),
                Decoded::AtEnd => match self.start_again()? {
                    true => continue,
                    false => return Err(self.timeout()),
                },
            }
            if self.playback.steps > 0 {
                // Shown at once; time starts from here.
                self.playback.steps -= 1;
                self.playback.clock = FrameClock::new();
                self.playback.from_s = self.schedule.start_s(self.next);
            } else if !self.wait_until_due()? {
                continue;
            }
            let Some(image) = self.waiting.take() else { continue };
            return Ok(Some(self.deliver(image)));
        }
    }

    fn transport(&self) -> Option<Transport> {
        (self.pace == Pace::Live).then(|| self.transport.clone())
    }
}
