//! Video files, decoded by the `ffmpeg` program: each stored frame once, at its own time.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use image::{RgbImage, imageops};

use super::ffmpeg::{Decoded, Decoder, Ending, From, Job};
use super::playback::{Due, Playback, jump_s};
use super::probe::{self, VideoStream};
use super::truncation::Steps;
use super::{
    CaptureError, Frame, FrameSource, Pace, SourceInfo, SourceKind, Stamp, Transport, hdr, truncation,
};

/// Longest wait for one frame.
const FRAME_WAIT: Duration = Duration::from_millis(400);
/// Times that differ by less, in seconds, are the same.
const SAME_S: f64 = 1e-5;
/// Times in files are rounded, to milliseconds in Matroska: a frame that is this much later is the one that is sought.
const ROUNDED_S: f64 = 1e-3;
/// Most frames that are kept while the one before the last is looked for.
const MAX_BACK: usize = 8;

/// A video file.
pub(super) struct VideoSource {
    info: SourceInfo,
    path: PathBuf,
    format: Option<&'static str>,
    pace: Pace,
    stream: VideoStream,
    colours: &'static str,
    decoder: Decoder,
    /// Frames that were decoded and not delivered yet.
    waiting: VecDeque<Timed>,
    /// Where the frame to show is being looked for.
    looking: Option<Looking>,
    /// Whether the running decoder began with the file's first frame, and none of its frames was left out.
    from_start: bool,
    /// Whether the running decoder has given a frame.
    delivered: bool,
    /// Whether it was said that the file is damaged.
    said: bool,
    /// Whether the running decoder was started because the frames changed their shape.
    reshaped: bool,
    /// Time of the file's first frame, in seconds from its start.
    first_s: f64,
    /// Number and time of the frame that was delivered last.
    last: Option<(u64, f64)>,
    /// The time before which the next frame cannot be.
    after_s: Option<f64>,
    /// How far apart the running decoder's frames are.
    steps: Steps,
    /// What is added to the file's time, see [`Frame::time_s`].
    offset_s: f64,
    transport: Transport,
    playback: Playback,
}

/// A frame, and its time in seconds from the start of the file.
struct Timed {
    image: RgbImage,
    time_s: f64,
}

/// A frame is looked for by its time.
struct Looking {
    /// The wanted frame is the last one that is not after this time, in seconds,
    until_s: f64,
    /// or one so many frames before that.
    before: u32,
    /// How long before it decoding began, in seconds.
    lead_s: f64,
    /// The last ones that were found, as many as are needed.
    found: VecDeque<Timed>,
    /// Its number, where that is known.
    index: Option<u64>,
}

impl Looking {
    /// How many of the last frames are kept.
    fn kept(&self) -> usize {
        (self.before as usize + 1).min(MAX_BACK)
    }
}

/// What came from the decoder.
#[derive(PartialEq, Eq)]
enum Received {
    Frame,
    Nothing,
    End,
}

impl VideoSource {
    /// Opens a file; of this format, where ffmpeg could take it for something else.
    pub(super) fn open(path: &Path, format: Option<&'static str>, pace: Pace) -> Result<Self, CaptureError> {
        let stream = probe::probe(path, format)?;
        let (colours, conversion) = stream.hdr.map(hdr::conversion).unzip();
        let colours = colours.unwrap_or_default();
        // The first frame is decoded here, so that a bad file is refused when it is opened.
        let job = Job { path, format, stream: stream.index, from: From::Start, colours, turned: true };
        let (decoder, first) = Decoder::with_first_frame(&job)?;
        let first = Timed { time_s: first.time_s.unwrap_or(0.0).max(0.0), image: first.image };
        let info = SourceInfo {
            name: path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
            kind: SourceKind::Video,
            size_px: Some(first.image.dimensions()),
            frame_rate: stream.rate,
            frame_count: stream.claimed.map(|claim| claim.frames),
            conversion,
        };
        let transport = Transport::new(stream.frame_s(), stream.end_s);
        let first_s = first.time_s;
        Ok(Self {
            info,
            path: path.to_owned(),
            format,
            pace,
            stream,
            colours,
            decoder,
            waiting: VecDeque::from([first]),
            looking: None,
            from_start: true,
            delivered: false,
            said: false,
            reshaped: false,
            first_s,
            last: None,
            after_s: Some(first_s),
            steps: Steps::default(),
            offset_s: 0.0,
            transport,
            playback: Playback::from(first_s),
        })
    }

    fn start(&self, from: From) -> Result<Decoder, CaptureError> {
        Decoder::start(&Job {
            path: &self.path,
            format: self.format,
            stream: self.stream.index,
            from,
            colours: self.colours,
            turned: true,
        })
    }

    /// Starts decoding at this time, or a little before; with the first frame, where nothing is earlier.
    fn start_at(&mut self, from_s: f64) -> Result<(), CaptureError> {
        let from = match from_s {
            s if s <= self.first_s => From::Start,
            s if self.stream.is_bare() => From::Decoded(s),
            s => From::Indexed(s),
        };
        self.waiting.clear();
        self.decoder = self.start(from)?;
        self.from_start = from == From::Start;
        self.reshaped = false;
        self.after_s = None;
        self.steps = Steps::default();
        Ok(())
    }

    /// Number of the frame at this time, if all have the same length.
    fn estimate(&self, time_s: f64) -> u64 {
        self.stream.rate.map_or(0, |rate| ((time_s - self.first_s) * rate).round().max(0.0) as u64)
    }

    /// Carries out what the transport asks for. `false`: there is nothing to show now.
    fn apply_requests(&mut self) -> Result<bool, CaptureError> {
        let asked = self.transport.take();
        if let Some(to_s) = asked.seek_s {
            let slack_s = ROUNDED_S.min(self.stream.frame_s() / 4.0);
            self.look_for(to_s.max(self.first_s) + slack_s, asked.back, None)?;
        } else if asked.back > 0 {
            let (until_s, before, index) = match self.looking.take() {
                Some(now) => (now.until_s, now.before + asked.back, now.index),
                None => {
                    let (last, last_s) = self.last.unwrap_or((0, self.first_s));
                    (last_s - SAME_S, asked.back - 1, Some(last))
                }
            };
            self.look_for(until_s, before, index.map(|i| i.saturating_sub(u64::from(asked.back))))?;
        }
        let next_s = self.waiting.front().map_or(self.after_s.unwrap_or(self.first_s), |f| f.time_s);
        Ok(self.playback.apply(&asked, next_s))
    }

    /// Goes on at the last frame that is not after `until_s`, or at one `before` that. `index`: its number, where that
    /// is known.
    fn look_for(&mut self, until_s: f64, before: u32, index: Option<u64>) -> Result<(), CaptureError> {
        let lead_s = self.stream.frame_s() * (f64::from(before) + 1.5);
        self.looking = Some(Looking { until_s, before, lead_s, found: VecDeque::new(), index });
        self.playback.steps = 1;
        self.start_at(until_s - lead_s)
    }

    /// Looks on. `false`: it is not found yet.
    fn look(&mut self) -> Result<bool, CaptureError> {
        let deadline = Instant::now() + FRAME_WAIT;
        while let Some(mut looking) = self.looking.take() {
            let next = match self.decoder.frames.recv_deadline(deadline) {
                Ok(decoded) => Some(self.timed(decoded)),
                Err(RecvTimeoutError::Timeout) => {
                    self.looking = Some(looking);
                    return Ok(false);
                }
                Err(RecvTimeoutError::Disconnected) => None,
            };
            match next {
                Some(frame) if frame.time_s <= looking.until_s => {
                    if looking.found.len() == looking.kept() {
                        looking.found.pop_front();
                    }
                    looking.found.push_back(frame);
                    self.looking = Some(looking);
                }
                // Decoding began too late: a frame may last for minutes, and some containers are found a place in
                // only roughly.
                _ if looking.found.len() < looking.kept() && !self.from_start => {
                    looking.lead_s *= 8.0;
                    looking.found.clear();
                    self.start_at(looking.until_s - looking.lead_s)?;
                    self.looking = Some(looking);
                }
                next => self.found(looking, next)?,
            }
        }
        Ok(true)
    }

    /// The frame is `looking.found`'s first one, or `next`.
    fn found(&mut self, looking: Looking, next: Option<Timed>) -> Result<(), CaptureError> {
        let kept = looking.kept() as u32;
        let mut found = looking.found;
        found.extend(next);
        let Some(time_s) = found.front().map(|f| f.time_s) else { return Ok(()) };
        if kept <= looking.before && time_s > self.first_s {
            return self.look_for(time_s - SAME_S, looking.before - kept, looking.index);
        }
        // What was shown last.
        let last_s = self.last.map_or(self.first_s, |(_, s)| s);
        let way_s = (time_s - last_s).abs();
        self.offset_s += last_s + jump_s(way_s, self.stream.frame_s()) - time_s;
        let index =
            if time_s <= self.first_s { 0 } else { looking.index.unwrap_or_else(|| self.estimate(time_s)) };
        self.last = index.checked_sub(1).map(|before| (before, time_s));
        self.from_start = false;
        self.delivered = true;
        self.waiting = found;
        Ok(())
    }

    /// Gives a frame a time after the one before, where the file gives it none, or none that makes sense.
    fn timed(&mut self, decoded: Decoded) -> Timed {
        let frame_s = self.stream.frame_s();
        let time_s = match (decoded.time_s, self.after_s) {
            (Some(time_s), Some(after_s)) if time_s > after_s => time_s,
            (_, Some(after_s)) => after_s + frame_s,
            (time_s, None) => time_s.unwrap_or(self.first_s),
        };
        let time_s = time_s.max(0.0);
        if let Some(after_s) = self.after_s.replace(time_s) {
            self.steps.add(time_s - after_s);
        }
        let image = match decoded.own_size {
            Some((w, h)) => imageops::resize(&decoded.image, w, h, imageops::FilterType::Triangle),
            None => decoded.image,
        };
        Timed { image, time_s }
    }

    /// ffmpeg stretches all frames to the size of the first one it decodes. Where they change their shape, it starts
    /// again there, if the place can be found.
    fn reshape(&mut self, decoded: Decoded) -> Result<Decoded, CaptureError> {
        let Some(time_s) = decoded.time_s.filter(|_| decoded.own_size.is_some()) else { return Ok(decoded) };
        if std::mem::replace(&mut self.reshaped, true) || self.stream.is_bare() {
            return Ok(decoded);
        }
        let decoder = self.start(From::Indexed(time_s - SAME_S))?;
        match decoder.frames.recv_timeout(FRAME_WAIT * 5) {
            Ok(again)
                if again.own_size.is_none() && again.time_s.is_some_and(|s| (s - time_s).abs() < 1e-3) =>
            {
                // What was wrong before this place is not forgotten.
                let before = std::mem::replace(&mut self.decoder, decoder);
                drop(before);
                self.reshaped = false;
                Ok(again)
            }
            _ => Ok(decoded),
        }
    }

    /// The decoder has no further frame. `false`: the end is shown.
    fn start_again(&mut self) -> Result<bool, CaptureError> {
        let ending = self.decoder.finish().map_err(|e| self.unusable(e.to_string()))?;
        self.check_end(ending)?;
        if self.pace == Pace::Unpaced {
            return Ok(false);
        }
        if !self.transport.status().looping {
            self.transport.ended();
            self.playback.steps = 0;
            return Ok(false);
        }
        if !std::mem::take(&mut self.delivered) {
            return Err(self.unusable("the file holds no video frame any more".into()));
        }
        // Time goes on; the last frame is shown for its time too.
        let last_s = self.last.map_or(self.first_s, |(_, s)| s);
        let end_s =
            self.stream.end_s.filter(|end_s| *end_s > last_s).unwrap_or(last_s + self.stream.frame_s());
        self.start_at(self.first_s)?;
        self.offset_s += end_s - self.first_s;
        self.last = None;
        self.playback.start_at(self.first_s);
        Ok(true)
    }

    /// Says once where the file ends too early, or is damaged.
    fn check_end(&mut self, ending: Ending) -> Result<(), CaptureError> {
        if !self.path.exists() {
            return Err(
                self.unusable("the file is gone: it was deleted, moved or renamed while it was read".into())
            );
        }
        if !self.from_start || self.said {
            return Ok(());
        }
        let frames = self.last.map_or(0, |(index, _)| index + 1);
        let last_s = self.last.map_or(0.0, |(_, s)| s);
        let why = match (&ending.log.first_error, ending.broken) {
            (Some(said), _) => Some(format!("ffmpeg says: {said}")),
            (None, Some(broken)) => Some(broken),
            (None, None) if !ending.success => Some("ffmpeg gave up and did not say why".into()),
            (None, None) if self.ends_early(frames, last_s) => {
                Some("it ends before the length it claims".into())
            }
            (None, None) => truncation::ends_early(&self.path, &self.stream, &self.steps).map(str::to_owned),
        };
        let Some(why) = why else { return Ok(()) };
        self.said = true;
        let of = self.stream.claimed.map(|c| c.frames).filter(|claimed| *claimed > frames);
        let count = match of {
            Some(claimed) => format!("{frames} of {claimed} frames could be read"),
            None => format!("{frames} frames could be read"),
        };
        let reason =
            format!("{count}: the file is cut or damaged ({why}); copy or download it again if you can");
        Err(match self.pace {
            Pace::Unpaced => self.unusable(reason),
            Pace::Live => CaptureError::UnreadableFrame { path: self.path.clone(), reason },
        })
    }

    /// Whether clearly fewer frames came than the container says that it has, and the last ones are missing.
    fn ends_early(&self, frames: u64, last_s: f64) -> bool {
        let counted = self.stream.claimed.filter(|claim| claim.counted || self.stream.container == "flv");
        counted.zip(self.stream.end_s).is_some_and(|(claim, end_s)| {
            let frame_s = self.stream.frame_s();
            frames + 2 + claim.frames / 50 < claim.frames && last_s + 4.0 * frame_s < end_s
        })
    }

    /// Waits for the time of the next frame. `false`: something was asked for meanwhile.
    fn wait_until_due(&mut self) -> Result<bool, CaptureError> {
        let Some(next) = self.waiting.front() else { return Ok(false) };
        match self.playback.wait(next.time_s, &self.transport) {
            Due::Now => Ok(true),
            Due::Asked => Ok(false),
            Due::NotYet => Err(self.timeout()),
            Due::Late(late_s) => {
                if self.receive(Duration::ZERO)? == Received::Frame {
                    // A newer frame is there already, so the late one is left out.
                    if let Some(late) = self.waiting.pop_front() {
                        self.passed(&late);
                    }
                    return Ok(false);
                }
                // ffmpeg is no faster, or has just started again: go on from here.
                self.playback.forgive(late_s);
                Ok(true)
            }
        }
    }

    /// Takes a frame from the decoder, if there is one within `wait`.
    fn receive(&mut self, wait: Duration) -> Result<Received, CaptureError> {
        let decoded = match self.decoder.frames.recv_timeout(wait) {
            Ok(decoded) => self.reshape(decoded)?,
            Err(RecvTimeoutError::Timeout) => return Ok(Received::Nothing),
            Err(RecvTimeoutError::Disconnected) => return Ok(Received::End),
        };
        let frame = self.timed(decoded);
        self.waiting.push_back(frame);
        Ok(Received::Frame)
    }

    /// Notes that `frame` was shown or left out; returns its number.
    fn passed(&mut self, frame: &Timed) -> u64 {
        let index = self.last.map_or(0, |(index, _)| index + 1);
        self.last = Some((index, frame.time_s));
        index
    }

    fn unusable(&self, reason: String) -> CaptureError {
        CaptureError::Unusable { path: self.path.clone(), reason }
    }

    fn timeout(&self) -> CaptureError {
        CaptureError::Timeout {
            source_name: self.info.name.clone(),
            waited_ms: FRAME_WAIT.as_millis() as u64,
        }
    }
}

impl FrameSource for VideoSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        loop {
            if self.pace == Pace::Live && !self.apply_requests()? {
                self.transport.wait(FRAME_WAIT / 4);
                return Err(self.timeout());
            }
            if !self.look()? {
                return Err(self.timeout());
            }
            if self.waiting.is_empty() {
                match self.receive(FRAME_WAIT)? {
                    Received::Frame => {}
                    Received::Nothing => return Err(self.timeout()),
                    Received::End => match self.start_again()? {
                        true => continue,
                        false if self.pace == Pace::Unpaced => return Ok(None),
                        false => return Err(self.timeout()),
                    },
                }
            }
            if self.pace == Pace::Live {
                let next_s = self.waiting.front().map_or(0.0, |frame| frame.time_s);
                if !self.playback.step(next_s) && !self.wait_until_due()? {
                    continue;
                }
            }
            let Some(frame) = self.waiting.pop_front() else { continue };
            let index = self.passed(&frame);
            self.delivered = true;
            self.transport.delivered(frame.time_s);
            return Ok(Some(Frame {
                image: Arc::new(frame.image),
                index,
                time_s: self.offset_s + frame.time_s,
                position_s: Some(frame.time_s),
                captured_at: Instant::now(),
                stamp: Stamp::default(),
            }));
        }
    }

    fn transport(&self) -> Option<Transport> {
        (self.pace == Pace::Live).then(|| self.transport.clone())
    }
}
