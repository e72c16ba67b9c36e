//! V4L2 through the `v4l` crate. nokhwa's own stream waits for ever on a camera that hangs, leaves out
//! some formats and the padding of lines, so only its list of devices is used.

mod device;
mod modes;
mod stamp;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use device::{EACCES, EIO, EPERM, explain};
use modes::{Mode, code_text, decodable, in_order, modes, offered};
use nokhwa::utils::{ApiBackend, CameraIndex};
use v4l::buffer::{Flags, Type};
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream as _, Stream as _};
use v4l::video::Capture as _;
use v4l::video::capture::Parameters;
use v4l::{Device, Format};

use super::decode::{PixelFormat, decode};
use super::{CameraInfo, CameraMode, CaptureError, WANTED_RATE, device_text, guarded};
use crate::stamp::SequenceWatch;
use crate::{Frame, FrameSource, SourceInfo, SourceKind, SourceSpec, Stamp};

/// Longest wait for one frame.
const FRAME_WAIT: Duration = Duration::from_millis(500);
/// Longest wait for the first frame: cameras take a while to start.
const FIRST_FRAME_WAIT: Duration = Duration::from_secs(4);
/// Longest wait for a first frame in any of the formats.
const OPEN_WAIT: Duration = Duration::from_secs(8);
/// Buffers that the driver fills in turn.
const BUFFERS: u32 = 4;

/// The devices in the system's list.
pub(super) fn query() -> Result<Vec<nokhwa::utils::CameraInfo>, CaptureError> {
    nokhwa::query(ApiBackend::Auto)
        .map_err(|e| CaptureError::Camera { device: "cameras".into(), reason: e.to_string() })
}

/// The device of an entry in nokhwa's list: its name, and where it is. It is not opened.
pub(super) fn identify(info: &nokhwa::utils::CameraInfo) -> CameraInfo {
    let path = match info.index() {
        CameraIndex::Index(i) => format!("/dev/video{i}"),
        CameraIndex::String(s) => s.clone(),
    };
    let name = info.human_name();
    CameraInfo { id: format!("{name}@{}", device::place(&path)), name, path, formats: Vec::new() }
}

/// Adds what the device offers; `None` for nodes that never deliver pictures (metadata, encoders).
pub(super) fn describe(mut camera: CameraInfo) -> Option<CameraInfo> {
    let offered = guarded(&device_text(&camera), || {
        let device = match Device::with_path(&camera.path) {
            Ok(device) => device,
            Err(e) if matches!(e.raw_os_error(), Some(EACCES | EPERM)) => {
                return Ok(vec!["(no permission to open it)".to_owned()]);
            }
            Err(e) => return Ok(vec![format!("(it cannot be opened: {e})")]),
        };
        let lines: Vec<String> = modes(&device).iter().map(describe_mode).collect();
        Ok(if lines.is_empty() && is_loopback(&device) {
            vec!["(virtual camera: no program feeds it)".to_owned()]
        } else {
            lines
        })
    });
    camera.formats = offered.unwrap_or_else(|e| vec![format!("({e})")]);
    (!camera.formats.is_empty()).then_some(camera)
}

fn describe_mode(mode: &Mode) -> String {
    let known = if mode.format.is_some() { "" } else { " (cannot be decoded)" };
    let rate = mode.rate.map_or_else(String::new, |r| format!(" {r:.0} fps"));
    format!("{} {}x{}{rate}{known}", code_text(mode.code), mode.size.0, mode.size.1)
}

/// Whether it is a virtual camera that delivers what another program writes, such as OBS.
fn is_loopback(device: &Device) -> bool {
    device.query_caps().is_ok_and(|c| c.driver.contains("loopback"))
}

/// Every way to run the camera.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn modes_of(camera: &CameraInfo) -> Result<Vec<CameraMode>, CaptureError> {
    let name = device_text(camera);
    guarded(&name, || {
        let device = Device::with_path(&camera.path).map_err(|e| explain(&name, &camera.path, &e))?;
        let mode =
            |m: Mode| CameraMode { format: code_text(m.code), size: m.size, decodable: m.format.is_some() };
        Ok(modes(&device).into_iter().map(mode).collect())
    })
}

/// A running camera.
pub(crate) struct CameraSource {
    info: SourceInfo,
    device_name: String,
    /// Tells the device from all others, also after it was plugged in again.
    id: String,
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
    numbers: SequenceWatch,
}

impl CameraSource {
    /// Opens the device and waits for its first frame.
    pub(crate) fn open(camera: &CameraInfo) -> Result<Self, CaptureError> {
        guarded(&device_text(camera), || Self::open_any(camera))
    }

    /// Opens the device in one mode and no other, and waits for its first frame.
    pub(super) fn open_as(camera: &CameraInfo, wanted: &CameraMode) -> Result<Self, CaptureError> {
        let name = device_text(camera);
        guarded(&name, || {
            let device = Device::with_path(&camera.path).map_err(|e| explain(&name, &camera.path, &e))?;
            let modes = modes(&device);
            let of_format = || modes.iter().filter(|m| code_text(m.code) == wanted.format);
            let mode = of_format().find(|m| m.size == wanted.size).or_else(|| of_format().next());
            match mode {
                Some(mode) if mode.format.is_some() => {
                    let mode = Mode { size: wanted.size, ..mode.clone() };
                    Self::start(camera, &device, &mode, FIRST_FRAME_WAIT)
                }
                _ => Err(unsupported(&name, offered(&modes))),
            }
        })
    }

    /// The wanted format, then any that can be decoded.
    fn open_any(camera: &CameraInfo) -> Result<Self, CaptureError> {
        let name = device_text(camera);
        let device = Device::with_path(&camera.path).map_err(|e| explain(&name, &camera.path, &e))?;
        let modes = modes(&device);
        if modes.is_empty() && is_loopback(&device) {
            let reason =
                "no program feeds this virtual camera; start it there (in OBS: Start Virtual Camera)";
            return Err(CaptureError::Camera { device: name, reason: reason.into() });
        }
        let start = Instant::now();
        let mut first_error = None;
        for mode in in_order(&modes) {
            let left = OPEN_WAIT.saturating_sub(start.elapsed());
            if left.is_zero() {
                break;
            }
            match Self::start(camera, &device, mode, left.min(FIRST_FRAME_WAIT)) {
                Ok(source) => return Ok(source),
                // These errors do not depend on the format, so no other one is tried.
                Err(
                    e @ (CaptureError::CameraBusy { .. }
                    | CaptureError::CameraPermission { .. }
                    | CaptureError::CameraUnplugged { .. }),
                ) => return Err(e),
                Err(e) => {
                    tracing::debug!("{} {:?}: {e}", code_text(mode.code), mode.size);
                    first_error.get_or_insert(e);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| unsupported(&name, offered(&modes))))
    }

    /// Runs the device in this mode; the first frame proves that it works.
    fn start(
        camera: &CameraInfo,
        device: &Device,
        mode: &Mode,
        wait: Duration,
    ) -> Result<Self, CaptureError> {
        let device_name = device_text(camera);
        let failed = |e: io::Error| explain(&device_name, &camera.path, &e);
        let wanted = Format::new(mode.size.0, mode.size.1, mode.code);
        let actual = device.set_format(&wanted).map_err(failed)?;
        let format = decodable(actual.fourcc).ok_or_else(|| {
            let given = format!("{} when asked for {}", code_text(actual.fourcc), code_text(mode.code));
            unsupported(&device_name, given)
        })?;
        // Some drivers have a fixed rate and refuse to be asked.
        let rate = device
            .set_params(&Parameters::with_fps(mode.rate.map_or(WANTED_RATE, |r| r.round() as u32).max(1)))
            .ok()
            .map(|p| f64::from(p.interval.denominator) / f64::from(p.interval.numerator.max(1)));
        let mut stream = Stream::with_buffers(device, Type::VideoCapture, BUFFERS).map_err(failed)?;
        stream.set_timeout(FRAME_WAIT);
        // A stride below a line's length means that the driver does not fill the field in.
        let stride = actual.stride as usize;
        let unpadded = format.line_bytes(actual.width as usize).is_none_or(|line| stride < line);
        let mut source = Self {
            info: SourceInfo {
                name: camera.name.clone(),
                kind: SourceKind::Camera,
                size_px: Some((actual.width, actual.height)),
                frame_rate: rate.or(mode.rate),
                frame_count: None,
                conversion: None,
            },
            id: camera.id.clone(),
            device_name,
            path: camera.path.clone(),
            format,
            size: (actual.width, actual.height),
            stride: if unpadded { 0 } else { stride },
            stream: Some(stream),
            streaming: false,
            started: Instant::now(),
            waiting: None,
            next_index: 0,
            numbers: SequenceWatch::default(),
        };
        let start = Instant::now();
        loop {
            match source.read_frame() {
                Ok(frame) => {
                    source.waiting = Some(frame);
                    return Ok(source);
                }
                Err(e) if e.is_transient() && start.elapsed() < wait => {}
                Err(e) if e.is_transient() => {
                    let last = match e {
                        CaptureError::UnreadableFrame { reason, .. } => format!(" (last: {reason})"),
                        _ => String::new(),
                    };
                    let reason = format!(
                        "it opened, but gave no picture for {} s in the format {}{last}; close what else may use \
                         it, or plug it in again",
                        wait.as_secs(),
                        code_text(mode.code)
                    );
                    return Err(CaptureError::Camera { device: source.device_name.clone(), reason });
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
                Err(e) if e.kind() == io::ErrorKind::Interrupted => return Err(timeout),
                Err(e) => return Err(explain(&self.device_name, &self.path, &e)),
            }
        }
        let unreadable =
            |reason: String| CaptureError::UnreadableFrame { path: self.path.clone().into(), reason };
        let (mut captured_at, mut stamp) = (Instant::now(), Stamp::default());
        let decoded = match stream.next() {
            Ok((bytes, meta)) => {
                self.streaming = true;
                // Before it is decoded, which takes a while.
                (captured_at, stamp) = stamp::captured_at(meta);
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
        // Damaged frames are no frames: what follows them says that they are missing.
        if let Some(driver) = &mut stamp.driver {
            driver.dropped = self.numbers.next(driver.sequence);
        }
        let index = self.next_index;
        self.next_index += 1;
        if index == 0 {
            self.started = captured_at;
        }
        Ok(Frame {
            image: Arc::new(image),
            index,
            time_s: captured_at.duration_since(self.started).as_secs_f64(),
            position_s: None,
            captured_at,
            stamp,
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

    fn same_device(&self) -> Option<SourceSpec> {
        Some(SourceSpec::Camera(Some(self.id.clone())))
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

fn unsupported(device: &str, offered: String) -> CaptureError {
    CaptureError::UnsupportedFormat { device: device.to_owned(), decodable: PixelFormat::names(), offered }
}
