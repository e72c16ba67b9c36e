//! Video files, decoded by the `ffmpeg` program.

use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use image::RgbImage;
use moue_files::excerpt;
use serde::Deserialize;

use super::clock::FrameClock;
use super::{CaptureError, Frame, FrameSource, Pace, SourceInfo, SourceKind, Transport};

/// Longest wait for one frame.
const FRAME_WAIT: Duration = Duration::from_millis(400);
/// A frame later than this is left out when shown live, in seconds.
const TOO_LATE_S: f64 = 0.1;
/// Largest frame of a file, in pixels: those of 8K have 33 to 35 million. ffmpeg holds up to some twenty of them.
const MAX_FILE_PIXELS: u64 = 36_000_000;
/// Longest side of a frame that is handed over; larger ones are made smaller. A live source has half a dozen at a time.
const MAX_SIDE_PX: usize = 4096;

/// Containers that are files of their own. Playlists are left out: they lead to other files and to the
/// network, and ffmpeg reads a live one again and again for minutes.
const CONTAINERS: &str = "mov,matroska,avi,flv,mpegts,mpeg,mpegvideo,ogg,asf,gif,apng,mjpeg,mxf,h264,hevc,m4v,\
    nut,rm,dv,ivf,obu,av1,yuv4mpegpipe,wtv,swf,bmp_pipe,tiff_pipe";

/// Longest piece of a message of ffmpeg that is read at once.
const MAX_MESSAGE_BYTES: u64 = 4096;

/// What ffmpeg and ffprobe are told about every input.
const INPUT_LIMITS: [&str; 8] = [
    "-format_whitelist",
    CONTAINERS,
    "-protocol_whitelist",
    "file,crypto,data",
    // The same as `MAX_FILE_PIXELS`; a stream's frames may be larger than its header says.
    "-max_pixels",
    "36000000",
    // The largest piece of memory, in bytes: a frame of that size with 16 bits and transparency takes 288 MB.
    "-max_alloc",
    "301989888",
];

/// Moving further than this, in seconds, is a cut: nothing goes on there.
const NEAR_S: f64 = 1.0;
/// By how much the clock jumps at a cut, in seconds; longer than anything remembers.
const CUT_S: f64 = 10.0;

/// A video file.
pub(super) struct VideoSource {
    info: SourceInfo,
    path: PathBuf,
    pace: Pace,
    rate: f64,
    decoder: Decoder,
    waiting: Option<RgbImage>,
    /// Whether the running decoder has given a frame.
    delivered: bool,
    /// The file's frame that comes next.
    next_index: u64,
    /// What is added to the file's time, see [`Frame::time_s`].
    offset_s: f64,
    transport: Transport,
    playback: Playback,
}

/// Playback at the file's own pace.
struct Playback {
    clock: FrameClock,
    /// The frame that was due when the clock started.
    from_index: u64,
    playing: bool,
    speed: f64,
    /// Frames to show although it is paused.
    steps: u32,
}

/// What ffprobe says.
#[derive(Debug, Deserialize)]
struct Probe {
    #[serde(default)]
    streams: Vec<ProbeStream>,
    #[serde(default)]
    format: ProbeFormat,
}

/// Matroska knows the length of the file, not of its streams.
#[derive(Debug, Default, Deserialize)]
struct ProbeFormat {
    duration: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ProbeStream {
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    avg_frame_rate: Option<String>,
    r_frame_rate: Option<String>,
    nb_frames: Option<String>,
    duration: Option<String>,
}

impl VideoSource {
    pub(super) fn open(path: &Path, pace: Pace) -> Result<Self, CaptureError> {
        let (rate, count) = probe(path)?;
        let mut decoder = Decoder::start(path, rate, 0)?;
        // The first frame is decoded here, so that a bad file is refused when it is opened.
        let first = decoder.first_frame(path)?;
        let info = SourceInfo {
            name: path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
            kind: SourceKind::Video,
            size_px: Some(first.dimensions()),
            frame_rate: Some(rate),
            frame_count: count,
        };
        let transport = Transport::new(1.0 / rate, count.map(|n| n as f64 / rate));
        Ok(Self {
            info,
            path: path.to_owned(),
            pace,
            rate,
            decoder,
            waiting: Some(first),
            delivered: false,
            next_index: 0,
            offset_s: 0.0,
            transport,
            playback: Playback {
                clock: FrameClock::new(),
                from_index: 0,
                playing: true,
                speed: 1.0,
                steps: 0,
            },
        })
    }

    fn seconds(&self, index: u64) -> f64 {
        index as f64 / self.rate
    }

    /// Does what was asked for. `false`: there is nothing to show now.
    fn obey(&mut self) -> Result<bool, CaptureError> {
        let asked = self.transport.take();
        if let Some(to_s) = asked.seek_s {
            self.seek((to_s * self.rate).round() as u64)?;
            self.playback.steps = 1;
        }
        self.playback.steps += asked.steps;
        let playback = &mut self.playback;
        if (asked.playing && !playback.playing) || asked.speed != playback.speed || asked.seek_s.is_some() {
            playback.clock = FrameClock::new();
            playback.from_index = self.next_index;
        }
        (playback.playing, playback.speed) = (asked.playing, asked.speed);
        Ok(playback.playing || playback.steps > 0)
    }

    /// Goes on at frame `index`.
    fn seek(&mut self, index: u64) -> Result<(), CaptureError> {
        // What was shown last.
        let last = self.next_index.saturating_sub(1);
        let last_s = self.offset_s + self.seconds(last);
        let way_s = (self.seconds(index) - self.seconds(last)).abs();
        let jump_s = if way_s <= NEAR_S { way_s.max(1.0 / self.rate) } else { CUT_S };
        self.decoder = Decoder::start(&self.path, self.rate, index)?;
        self.waiting = None;
        self.delivered = true;
        self.offset_s = last_s + jump_s - self.seconds(index);
        self.next_index = index;
        Ok(())
    }

    /// The decoder has no further frame. `false`: the end is shown.
    fn start_again(&mut self) -> Result<bool, CaptureError> {
        self.decoder.finish(&self.path)?;
        if self.pace == Pace::Unpaced {
            return Ok(false);
        }
        if !self.transport.status().looping {
            self.transport.ended();
            self.playback.steps = 0;
            return Ok(false);
        }
        if !std::mem::take(&mut self.delivered) {
            let reason = "the file holds no video frame any more".into();
            return Err(CaptureError::Unusable { path: self.path.clone(), reason });
        }
        self.decoder = Decoder::start(&self.path, self.rate, 0)?;
        // Time goes on.
        self.offset_s += self.seconds(self.next_index);
        self.next_index = 0;
        self.playback.clock = FrameClock::new();
        self.playback.from_index = 0;
        Ok(true)
    }

    /// Waits for the time of the next frame. `false`: something was asked for meanwhile, or it is not due yet.
    fn wait_until_due(&mut self) -> Result<bool, CaptureError> {
        let playback = &self.playback;
        let due_s = (self.next_index - playback.from_index) as f64 / self.rate / playback.speed;
        let left_s = due_s - playback.clock.now_s();
        if left_s > 0.0 {
            let left = Duration::from_secs_f64(left_s);
            if self.transport.wait(left.min(FRAME_WAIT)) {
                return Ok(false);
            }
            return if left > FRAME_WAIT { Err(self.timeout()) } else { Ok(true) };
        }
        if -left_s > TOO_LATE_S {
            if let Ok(newer) = self.decoder.frames.try_recv() {
                self.waiting = Some(newer);
                self.next_index += 1;
                return Ok(false);
            }
            // ffmpeg is no faster, or has just started again: go on from here.
            self.playback.clock.set_back(-left_s);
        }
        Ok(true)
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
            if self.pace == Pace::Live && !self.obey()? {
                self.transport.wait(FRAME_WAIT / 4);
                return Err(self.timeout());
            }
            if self.waiting.is_none() {
                self.waiting = match self.decoder.frames.recv_timeout(FRAME_WAIT) {
                    Ok(frame) => Some(frame),
                    Err(RecvTimeoutError::Timeout) => return Err(self.timeout()),
                    Err(RecvTimeoutError::Disconnected) => match self.start_again()? {
                        true => continue,
                        false if self.pace == Pace::Unpaced => return Ok(None),
                        false => return Err(self.timeout()),
                    },
                };
            }
            if self.pace == Pace::Live {
                if self.playback.steps > 0 {
                    // Shown at once; time starts from here.
                    self.playback.steps -= 1;
                    self.playback.clock = FrameClock::new();
                    self.playback.from_index = self.next_index;
                } else if !self.wait_until_due()? {
                    continue;
                }
            }
            let Some(image) = self.waiting.take() else { continue };
            let index = self.next_index;
            self.next_index += 1;
            self.delivered = true;
            self.transport.delivered(self.seconds(index));
            return Ok(Some(Frame {
                image: Arc::new(image),
                index,
                time_s: self.offset_s + self.seconds(index),
                captured_at: Instant::now(),
            }));
        }
    }

    fn transport(&self) -> Option<Transport> {
        (self.pace == Pace::Live).then(|| self.transport.clone())
    }
}

/// A running ffmpeg and the thread that reads from it.
struct Decoder {
    child: Child,
    frames: Receiver<RgbImage>,
    reader: Option<JoinHandle<io::Result<()>>>,
    messages: Option<JoinHandle<String>>,
}

impl Decoder {
    /// Frames at a constant `rate` from the frame `from` on, turned upright, as a stream of PPM pictures.
    fn start(path: &Path, rate: f64, from: u64) -> Result<Self, CaptureError> {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-hide_banner", "-loglevel", "error"]).args(INPUT_LIMITS);
        if from > 0 {
            // A quarter of a frame early: times in files are rounded, and a frame just before this place is left out.
            // With half a frame the filter below would round some frames onto the next one, and drop them.
            command.arg("-ss").arg(format!("{:.6}", (from as f64 - 0.25) / rate));
        }
        let mut child = command
            .arg("-i")
            .arg(input_name(path))
            .args(["-an", "-sn", "-dn", "-vf"])
            .arg(format!(
                "fps={rate},scale=w='min(iw,{MAX_SIDE_PX})':h='min(ih,{MAX_SIDE_PX})':force_original_aspect_ratio=decrease"
            ))
            .args(["-f", "image2pipe", "-c:v", "ppm", "-"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| not_started(path, &e))?;
        let unusable = |what: &str| CaptureError::Unusable { path: path.to_owned(), reason: what.into() };
        let output = child.stdout.take().ok_or_else(|| unusable("ffmpeg gave no output pipe"))?;
        let errors = child.stderr.take().ok_or_else(|| unusable("ffmpeg gave no error pipe"))?;
        let (sender, frames) = bounded(2);
        let spawn_failed = |e: io::Error| unusable(&format!("no thread for reading ffmpeg's output: {e}"));
        let reader = std::thread::Builder::new()
            .name("video-reader".into())
            .spawn(move || read_frames(BufReader::with_capacity(1 << 20, output), &sender))
            .map_err(spawn_failed)?;
        let messages = std::thread::Builder::new()
            .name("video-messages".into())
            .spawn(move || last_line(errors))
            .map_err(spawn_failed)?;
        Ok(Self { child, frames, reader: Some(reader), messages: Some(messages) })
    }

    fn first_frame(&mut self, path: &Path) -> Result<RgbImage, CaptureError> {
        match self.frames.recv_timeout(Duration::from_secs(10)) {
            Ok(frame) => Ok(frame),
            Err(e) => {
                let _ = self.child.kill();
                self.finish(path)?;
                let reason = match e {
                    RecvTimeoutError::Timeout => "ffmpeg delivered no frame for 10 s",
                    RecvTimeoutError::Disconnected => "the file holds no video frame",
                };
                Err(CaptureError::Unusable { path: path.to_owned(), reason: reason.into() })
            }
        }
    }

    /// Collects the program at its end. An error where it failed, with what it said.
    fn finish(&mut self, path: &Path) -> Result<(), CaptureError> {
        let unusable = |reason: String| CaptureError::Unusable { path: path.to_owned(), reason };
        let read = self.reader.take().map(JoinHandle::join);
        let said = self.messages.take().and_then(|m| m.join().ok()).unwrap_or_default();
        let status = self.child.wait().map_err(|e| unusable(e.to_string()))?;
        if !status.success() && !said.is_empty() {
            return Err(unusable(format!("ffmpeg cannot decode it: {said}")));
        }
        match read {
            Some(Ok(Err(e))) => Err(unusable(format!("ffmpeg's output broke off: {e}"))),
            Some(Err(_)) => Err(unusable("the thread that reads ffmpeg's output panicked".into())),
            _ => Ok(()),
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // Both fail only where the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A full channel would keep the reader waiting.
        let (_, nothing) = bounded(0);
        drop(std::mem::replace(&mut self.frames, nothing));
        if let Some(thread) = self.reader.take() {
            let _ = thread.join();
        }
        if let Some(thread) = self.messages.take() {
            let _ = thread.join();
        }
    }
}

/// ffmpeg takes names such as `-x` or `concat:x` for something else than a file.
fn input_name(path: &Path) -> std::ffi::OsString {
    let mut name = std::ffi::OsString::from("file:");
    name.push(path);
    name
}

fn not_started(path: &Path, error: &io::Error) -> CaptureError {
    if error.kind() == io::ErrorKind::NotFound {
        CaptureError::NoFfmpeg { path: path.to_owned() }
    } else {
        CaptureError::Unusable { path: path.to_owned(), reason: format!("ffmpeg cannot be started: {error}") }
    }
}

fn last_line(errors: impl Read) -> String {
    let mut last = String::new();
    // Lines of any length, and bytes of any kind: the file has a say in them.
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    while errors.by_ref().take(MAX_MESSAGE_BYTES).read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            last = excerpt(text.trim(), 500);
        }
        line.clear();
    }
    last
}

/// Frames a second and, where the file says so, the number of frames.
fn probe(path: &Path) -> Result<(f64, Option<u64>), CaptureError> {
    let output = Command::new("ffprobe")
        .args(["-v", "error"])
        .args(INPUT_LIMITS)
        .args(["-select_streams", "v:0", "-of", "json", "-show_entries"])
        .arg("stream=width,height,avg_frame_rate,r_frame_rate,nb_frames,duration:format=duration")
        .arg(input_name(path))
        .stdin(Stdio::null())
        .output()
        .map_err(|e| not_started(path, &e))?;
    let unusable = |reason: String| CaptureError::Unusable { path: path.to_owned(), reason };
    if !output.status.success() {
        return Err(unusable(format!("no picture and no video: {}", last_line(&output.stderr[..]))));
    }
    let probe: Probe = serde_json::from_slice(&output.stdout)
        .map_err(|e| unusable(format!("ffprobe's answer cannot be read: {e}")))?;
    // ffprobe takes a file's ending for its format: whatever is called .png is a picture without a size.
    let stream = probe
        .streams
        .first()
        .filter(|s| s.width > 0 && s.height > 0)
        .ok_or_else(|| unusable("no picture and no video".into()))?;
    if u64::from(stream.width) * u64::from(stream.height) > MAX_FILE_PIXELS {
        return Err(unusable(format!(
            "expected a video of at most {} megapixels, found {}x{}",
            MAX_FILE_PIXELS / 1_000_000,
            stream.width,
            stream.height
        )));
    }
    let rate = [&stream.avg_frame_rate, &stream.r_frame_rate]
        .into_iter()
        .flatten()
        .filter_map(|text| rate_of(text))
        .find(|rate| (0.1..=240.0).contains(rate))
        .unwrap_or(25.0);
    let count = stream.nb_frames.as_deref().and_then(|n| n.parse().ok()).or_else(|| {
        let durations = [&stream.duration, &probe.format.duration];
        let mut seconds = durations.into_iter().flatten().filter_map(|d| d.parse::<f64>().ok());
        let seconds = seconds.find(|s| s.is_finite() && *s > 0.0)?;
        Some((seconds * rate).round() as u64)
    });
    Ok((rate, count))
}

/// "30000/1001" in frames a second.
fn rate_of(text: &str) -> Option<f64> {
    let (n, d) = text.split_once('/')?;
    let (n, d): (f64, f64) = (n.parse().ok()?, d.parse().ok()?);
    (d > 0.0).then(|| n / d)
}

fn read_frames(mut output: impl io::BufRead, sender: &Sender<RgbImage>) -> io::Result<()> {
    while let Some(frame) = read_ppm(&mut output)? {
        // The receiver is gone: the source was closed.
        if sender.send(frame).is_err() {
            break;
        }
    }
    Ok(())
}

/// One binary PPM picture (`P6 width height 255`), as ffmpeg writes them; `None` at the end.
fn read_ppm(input: &mut impl io::BufRead) -> io::Result<Option<RgbImage>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut header = Vec::new();
    for expected in ["magic", "width and height", "maximum"] {
        let mut line = Vec::new();
        if input.by_ref().take(64).read_until(b'\n', &mut line)? == 0 && expected == "magic" {
            return Ok(None);
        }
        header.push(String::from_utf8_lossy(&line).trim().to_owned());
    }
    let (width, height) = header[1]
        .split_once(' ')
        .and_then(|(w, h)| Some((w.parse::<u32>().ok()?, h.parse::<u32>().ok()?)))
        .filter(|_| header[0] == "P6" && header[2] == "255")
        .ok_or_else(|| invalid("no PPM header"))?;
    let (columns, rows) = (width as usize, height as usize);
    if [columns, rows].into_iter().any(|side| !(1..=MAX_SIDE_PX).contains(&side)) {
        return Err(invalid(&format!(
            "expected at most {MAX_SIDE_PX} pixels a side, found {width}x{height}"
        )));
    }
    let mut raw = vec![0; columns * rows * 3];
    input.read_exact(&mut raw)?;
    Ok(RgbImage::from_raw(width, height, raw))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ppm_pictures_are_read_one_after_the_other() {
        let mut stream = Vec::new();
        for v in [1u8, 2] {
            stream.extend_from_slice(b"P6\n2 1\n255\n");
            stream.extend_from_slice(&[v; 6]);
        }
        let mut input = &stream[..];
        assert_eq!(read_ppm(&mut input).unwrap().unwrap().as_raw(), &[1; 6]);
        assert_eq!(read_ppm(&mut input).unwrap().unwrap().as_raw(), &[2; 6]);
        assert!(read_ppm(&mut input).unwrap().is_none());
    }

    #[test]
    fn broken_ppm_streams_are_errors() {
        for bad in [
            &b"P6\n2 1\n255\n123"[..],
            b"P5\n2 1\n255\n123456",
            b"P6\n99999 99999\n255\n",
            b"P6\n-1 1\n255\n",
        ] {
            assert!(read_ppm(&mut &bad[..]).is_err());
        }
    }

    #[test]
    fn frame_rates_are_fractions() {
        assert!((rate_of("30000/1001").unwrap() - 29.97).abs() < 0.001);
        assert_eq!(rate_of("25/1"), Some(25.0));
        assert_eq!(rate_of("0/0"), None);
    }
}
