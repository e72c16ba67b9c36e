//! V4L2 through the `v4l` crate. nokhwa's own stream waits for ever on a camera that hangs, leaves out
//! some formats and the padding of lines, so only its list of devices is used.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nokhwa::utils::CameraIndex;
use v4l::buffer::{Flags, Type};
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream as _, Stream as _};
use v4l::video::Capture as _;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC};

use super::decode::{PixelFormat, decode};
use super::{CameraInfo, CaptureError, WANTED_RATE, WANTED_SIZE, device_text};
use crate::capture::{Frame, FrameSource, SourceInfo, SourceKind};

/// Longest wait for one frame.
const FRAME_WAIT: Duration = Duration::from_millis(500);
/// Longest wait for the first frame: cameras take a while to start.
const FIRST_FRAME_WAIT: Duration = Duration::from_secs(4);
/// Buffers that the driver fills in turn.
const BUFFERS: u32 = 4;

// errno values, the same on every Linux architecture.
const EIO: i32 = 5;
const EACCES: i32 = 13;
const EBUSY: i32 = 16;
const ENODEV: i32 = 19;

fn fourcc(format: PixelFormat) -> &'static [&'static [u8; 4]] {
    match format {
        PixelFormat::Yuyv => &[b"YUYV"],
        PixelFormat::Uyvy => &[b"UYVY"],
        PixelFormat::Nv12 => &[b"NV12"],
        PixelFormat::Rgb => &[b"RGB3"],
        PixelFormat::Bgr => &[b"BGR3"],
        PixelFormat::Mjpeg => &[b"MJPG", b"JPEG"],
        PixelFormat::Grey => &[b"GREY"],
    }
}

fn decodable(code: FourCC) -> Option<PixelFormat> {
    PixelFormat::ALL.into_iter().find(|f| fourcc(*f).contains(&&code.repr))
}

/// A device as the list shows it; `None` for nodes that deliver no pictures (metadata, encoders).
pub(super) fn describe(info: &nokhwa::utils::CameraInfo) -> Option<CameraInfo> {
    let path = match info.index() {
        CameraIndex::Index(i) => format!("/dev/video{i}"),
        CameraIndex::String(s) => s.clone(),
    };
    let formats = match Device::with_path(&path) {
        Ok(device) => {
            let formats = describe_formats(&device);
            if formats.is_empty() {
                return None;
            }
            formats
        }
        Err(e) if e.raw_os_error() == Some(EACCES) => vec!["(no permission to open it)".to_owned()],
        Err(_) => return None,
    };
    Some(CameraInfo { name: info.human_name(), path, formats })
}

fn describe_formats(device: &Device) -> Vec<String> {
    let mut lines = Vec::new();
    for mode in modes(device) {
        let known = if mode.format.is_some() { "" } else { " (cannot be decoded)" };
        let rate = mode.rate.map_or_else(String::new, |r| format!(" {r:.0} fps"));
        lines.push(format!("{} {}x{}{rate}{known}", code_text(mode.code), mode.size.0, mode.size.1));
    }
    lines
}

/// A pixel format's four characters; the highest bit marks big-endian variants.
fn code_text(code: FourCC) -> String {
    let [a, b, c, d] = code.repr;
    let text: String =
        [a, b, c, d & 0x7f].iter().map(|&v| char::from(v).escape_default().to_string()).collect();
    if d & 0x80 == 0 { text } else { format!("{text}-BE") }
}

/// The pixel formats of `modes`, each once.
fn offered(modes: &[Mode]) -> String {
    let mut codes: Vec<String> = Vec::new();
    for mode in modes {
        let code = code_text(mode.code);
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    if codes.is_empty() { "nothing".into() } else { codes.join(", ") }
}

/// One way to run the camera.
struct Mode {
    code: FourCC,
    format: Option<PixelFormat>,
    size: (u32, u32),
    /// The rate nearest to the wanted one, in frames a second.
    rate: Option<f64>,
}

impl Mode {
    /// Lower is better: the size counts most, then the rate, then the cost of decoding.
    fn cost(&self) -> f64 {
        let area = |(w, h): (u32, u32)| f64::from(w) * f64::from(h);
        let size = (area(self.size) / area(WANTED_SIZE)).ln().abs();
        let wanted = f64::from(WANTED_RATE);
        let rate = self.rate.map_or(0.0, |r| (wanted - r.min(wanted)) / wanted);
        let order = PixelFormat::ALL.iter().position(|f| Some(*f) == self.format).unwrap_or(99);
        10.0 * size + 5.0 * rate + 0.01 * order as f64
    }
}

fn modes(device: &Device) -> Vec<Mode> {
    let mut modes = Vec::new();
    for description in device.enum_formats().unwrap_or_default() {
        let code = description.fourcc;
        let format = decodable(code);
        let mut sizes: Vec<(u32, u32)> = Vec::new();
        for size in device.enum_framesizes(code).unwrap_or_default() {
            match size.size {
                FrameSizeEnum::Discrete(d) => sizes.push((d.width, d.height)),
                FrameSizeEnum::Stepwise(s) => sizes.push((
                    WANTED_SIZE.0.clamp(s.min_width, s.max_width),
                    WANTED_SIZE.1.clamp(s.min_height, s.max_height),
                )),
            }
        }
        if sizes.is_empty() {
            sizes.push(WANTED_SIZE);
        }
        for size in sizes {
            modes.push(Mode { code, format, size, rate: nearest_rate(device, code, size) });
        }
    }
    modes
}

fn nearest_rate(device: &Device, code: FourCC, (width, height): (u32, u32)) -> Option<f64> {
    let rate = |numerator: u32, denominator: u32| f64::from(denominator) / f64::from(numerator.max(1));
    let wanted = f64::from(WANTED_RATE);
    device
        .enum_frameintervals(code, width, height)
        .ok()?
        .into_iter()
        .map(|interval| match interval.interval {
            FrameIntervalEnum::Discrete(f) => rate(f.numerator, f.denominator),
            FrameIntervalEnum::Stepwise(s) => {
                let fastest = rate(s.min.numerator, s.min.denominator);
                let slowest = rate(s.max.numerator, s.max.denominator);
                wanted.clamp(slowest.min(fastest), fastest.max(slowest))
            }
        })
        .min_by(|a, b| (a - wanted).abs().total_cmp(&(b - wanted).abs()))
}

/// A running camera.
pub(in crate::capture) struct CameraSource {
    info: SourceInfo,
    device_name: String,
    path: String,
    format: PixelFormat,
    size: (u32, u32),
    stride: usize,
    /// Taken out only when it is dropped.
    stream: Option<Stream<'static>>,
    streaming: bool,
    started: Instant,
    /// The first frame proves that the camera works; it is delivered first.
    waiting: Option<Frame>,
    next_index: u64,
}

impl CameraSource {
    /// Opens the device and waits for its first frame.
    pub(in crate::capture) fn open(camera: &CameraInfo) -> Result<Self, CaptureError> {
        let device_name = device_text(camera);
        let failed = |e: io::Error| explain(&device_name, &camera.path, &e);
        let device = Device::with_path(&camera.path).map_err(failed)?;
        let modes = modes(&device);
        let mode = modes
            .iter()
            .filter(|m| m.format.is_some())
            .min_by(|a, b| a.cost().total_cmp(&b.cost()))
            .ok_or_else(|| CaptureError::UnsupportedFormat {
            device: device_name.clone(),
            decodable: PixelFormat::names(),
            offered: offered(&modes),
        })?;
        let wanted = Format::new(mode.size.0, mode.size.1, mode.code);
        let actual = device.set_format(&wanted).map_err(failed)?;
        let format = decodable(actual.fourcc).ok_or_else(|| CaptureError::UnsupportedFormat {
            device: device_name.clone(),
            decodable: PixelFormat::names(),
            offered: format!("{} when asked for {}", code_text(actual.fourcc), code_text(mode.code)),
        })?;
        // Some drivers have a fixed rate and refuse to be asked.
        let rate = device
            .set_params(&Parameters::with_fps(mode.rate.map_or(WANTED_RATE, |r| r.round() as u32).max(1)))
            .ok()
            .map(|p| f64::from(p.interval.denominator) / f64::from(p.interval.numerator.max(1)));
        let mut stream = Stream::with_buffers(&device, Type::VideoCapture, BUFFERS).map_err(failed)?;
        stream.set_timeout(FRAME_WAIT);
        let mut source = Self {
            info: SourceInfo {
                name: camera.name.clone(),
                kind: SourceKind::Camera,
                size_px: Some((actual.width, actual.height)),
                frame_rate: rate.or(mode.rate),
                frame_count: None,
            },
            device_name: device_name.clone(),
            path: camera.path.clone(),
            format,
            size: (actual.width, actual.height),
            stride: if format == PixelFormat::Mjpeg { 0 } else { actual.stride as usize },
            stream: Some(stream),
            streaming: false,
            started: Instant::now(),
            waiting: None,
            next_index: 0,
        };
        let start = Instant::now();
        loop {
            match source.read_frame() {
                Ok(frame) => {
                    source.waiting = Some(frame);
                    return Ok(source);
                }
                Err(e) if e.is_transient() && start.elapsed() < FIRST_FRAME_WAIT => {}
                Err(e) if e.is_transient() => {
                    let seconds = FIRST_FRAME_WAIT.as_secs();
                    let last = match e {
                        CaptureError::UnreadableFrame { reason, .. } => format!(" (last: {reason})"),
                        _ => String::new(),
                    };
                    let reason = format!("it opened, but gave no picture for {seconds} s{last}");
                    return Err(CaptureError::Camera { device: device_name, reason });
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn timeout(&self) -> CaptureError {
        CaptureError::Timeout {
            source_name: self.device_name.clone(),
            waited_ms: FRAME_WAIT.as_millis() as u64,
        }
    }

    fn read_frame(&mut self) -> Result<Frame, CaptureError> {
        let timeout = self.timeout();
        let Some(stream) = self.stream.as_mut() else { return Err(timeout) };
        // Waiting happens here and not in `next`, which would queue the same buffer twice after
        // a wait that was in vain.
        if self.streaming {
            const POLLIN: i16 = 1;
            match stream.handle().poll(POLLIN, FRAME_WAIT.as_millis() as i32) {
                Ok(0) => return Err(timeout),
                Ok(_) => {}
                Err(e) => return Err(explain(&self.device_name, &self.path, &e)),
            }
        }
        let unreadable =
            |reason: String| CaptureError::UnreadableFrame { path: self.path.clone().into(), reason };
        let decoded = match stream.next() {
            Ok((bytes, meta)) => {
                self.streaming = true;
                let used = match meta.bytesused as usize {
                    0 => bytes.len(),
                    used => used.min(bytes.len()),
                };
                if meta.flags.contains(Flags::ERROR) {
                    Err("the camera marked the frame as damaged".to_owned())
                } else {
                    decode(self.format, self.size, self.stride, &bytes[..used])
                }
            }
            Err(e) if e.kind() == io::ErrorKind::TimedOut => {
                // Nothing came after the start: stop, so that the next call starts afresh.
                let stopped = stream.stop();
                self.streaming = false;
                return Err(match stopped {
                    Ok(()) => timeout,
                    Err(e) => explain(&self.device_name, &self.path, &e),
                });
            }
            Err(e) if e.raw_os_error() == Some(EIO) => {
                // Which buffer it was is not known: queue all of them again.
                let stopped = stream.stop();
                self.streaming = false;
                match stopped {
                    Ok(()) => Err(format!("the driver could not read it: {e}")),
                    Err(e) => return Err(explain(&self.device_name, &self.path, &e)),
                }
            }
            Err(e) => return Err(explain(&self.device_name, &self.path, &e)),
        };
        let image = decoded.map_err(unreadable)?;
        let captured_at = Instant::now();
        let index = self.next_index;
        self.next_index += 1;
        if index == 0 {
            self.started = captured_at;
        }
        Ok(Frame {
            image: Arc::new(image),
            index,
            time_s: captured_at.duration_since(self.started).as_secs_f64(),
            captured_at,
        })
    }
}

impl FrameSource for CameraSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        match self.waiting.take() {
            Some(frame) => Ok(Some(frame)),
            None => self.read_frame().map(Some),
        }
    }
}

impl Drop for CameraSource {
    fn drop(&mut self) {
        // v4l panics when the driver refuses to stop; the device is closed all the same.
        let stream = self.stream.take();
        if catch_unwind(AssertUnwindSafe(|| drop(stream))).is_err() {
            tracing::warn!("{}: the driver refused to stop the stream", self.device_name);
        }
    }
}

/// The driver's error as a message that says what to do.
fn explain(device: &str, path: &str, error: &io::Error) -> CaptureError {
    let device = device.to_owned();
    match error.raw_os_error() {
        Some(EBUSY) => CaptureError::CameraBusy { holder: holder_of(path), device },
        Some(EACCES) => CaptureError::CameraPermission {
            device,
            advice: "add yourself to the group `video` (sudo usermod -aG video $USER) and log in again"
                .into(),
        },
        Some(ENODEV) => CaptureError::CameraUnplugged { device },
        _ if !Path::new(path).exists() => CaptureError::CameraUnplugged { device },
        _ => CaptureError::Camera { device, reason: error.to_string() },
    }
}

/// The program that has the device open, where /proc tells.
fn holder_of(path: &str) -> String {
    let unknown = || "another program".to_owned();
    let Ok(processes) = std::fs::read_dir("/proc") else { return unknown() };
    for process in processes.flatten() {
        // `self` and `thread-self` are this program.
        let Ok(id) = process.file_name().to_string_lossy().parse::<u32>() else { continue };
        let own = id == std::process::id();
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        if !own && files.flatten().any(|f| std::fs::read_link(f.path()).is_ok_and(|t| t == Path::new(path))) {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return format!("{} (process {id})", name.trim());
        }
    }
    unknown()
}
