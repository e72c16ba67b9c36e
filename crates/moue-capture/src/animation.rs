//! Animated GIF, WebP and PNG files, played as videos are: each frame for its own time. One frame is held at a time; as
//! each builds on those before it, going back decodes the file from its start again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::{ImageFormat, RgbImage};

use super::picture::{Animation, animation, animation_frame};
use super::playback::{Due, Playback, jump_s};
use super::schedule::Schedule;
use super::{CaptureError, Frame, FrameSource, Pace, SourceInfo, SourceKind, Stamp, Transport};

/// Longest time in one call.
const CALL: Duration = Duration::from_millis(400);
/// The least time from one delivered frame to the next, in seconds: that of the fastest animations.
const SHORTEST_S: f64 = 0.01;

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
            playback: Playback::from(0.0),
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
        Ok(self.playback.apply(&asked, self.schedule.start_s(self.next)))
    }

    /// Goes on at frame `index`.
    fn seek(&mut self, index: usize) -> Result<(), CaptureError> {
        // What was shown last.
        let last = self.next.saturating_sub(1);
        let (last_s, to_s) = (self.schedule.start_s(last), self.schedule.start_s(index));
        let way_s = (to_s - last_s).abs();
        self.offset_s += last_s + jump_s(way_s, SHORTEST_S) - to_s;
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
        self.playback.come_round(self.schedule.end_s());
        self.go_to(0)?;
        Ok(true)
    }

    /// Waits for the time of the next frame. `false`: something was asked for meanwhile.
    fn wait_until_due(&mut self) -> Result<bool, CaptureError> {
        match self.playback.wait(self.schedule.start_s(self.next), &self.transport) {
            Due::Now => Ok(true),
            Due::Asked => Ok(false),
            Due::NotYet => Err(self.timeout()),
            // Each frame is shown, for its own time: none is skipped or shortened to catch up.
            Due::Late(late_s) => {
                self.playback.forgive(late_s);
                Ok(true)
            }
        }
    }

    fn deliver(&mut self, image: RgbImage) -> Frame {
        let (index, start_s) = (self.next as u64, self.schedule.start_s(self.next));
        self.next += 1;
        self.transport.delivered(start_s);
        Frame {
            image: Arc::new(image),
            index,
            time_s: self.offset_s + start_s,
            position_s: Some(start_s),
            captured_at: Instant::now(),
            stamp: Stamp::default(),
        }
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
            if !self.playback.step(self.schedule.start_s(self.next)) && !self.wait_until_due()? {
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
