//! macOS and Windows, through nokhwa. Its `frame()` may wait for ever, so it runs on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use image::RgbImage;
use nokhwa::Camera;
use nokhwa::pixel_format::RgbFormat;
use nokhwa::utils::{
    CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType, Resolution,
};

use super::decode::{PixelFormat, decode};
use super::{CameraInfo, CameraMode, CaptureError, WANTED_RATE, WANTED_SIZE, device_text};
use crate::{Frame, FrameSource, SourceInfo, SourceKind, SourceSpec};

/// Longest wait for one frame.
const FRAME_WAIT: Duration = Duration::from_millis(500);
/// Longest wait for the first frame; the system may ask the user for permission meanwhile.
const FIRST_FRAME_WAIT: Duration = Duration::from_secs(20);

/// A device as the list shows it.
pub(super) fn identify(info: &nokhwa::utils::CameraInfo) -> CameraInfo {
    let (name, path) = (info.human_name(), info.index().as_string());
    // The system's own identifier (macOS: the unique id, Windows: the device's link), where it gives one.
    let misc = info.misc();
    let place = if misc.is_empty() { path.clone() } else { misc };
    // Asking a camera for its formats would switch it on.
    CameraInfo { id: format!("{name}@{place}"), name, path, formats: vec![info.description().to_owned()] }
}

/// Adds nothing: see [`identify`].
pub(super) fn describe(camera: CameraInfo) -> Option<CameraInfo> {
    Some(camera)
}

/// Not told without switching the camera on.
pub(super) fn modes_of(_camera: &CameraInfo) -> Result<Vec<CameraMode>, CaptureError> {
    Ok(Vec::new())
}

fn index_of(path: &str) -> CameraIndex {
    path.parse().map_or_else(|_| CameraIndex::String(path.to_owned()), CameraIndex::Index)
}

fn pixel_format(format: FrameFormat) -> Option<PixelFormat> {
    Some(match format {
        FrameFormat::YUYV => PixelFormat::Yuyv,
        FrameFormat::NV12 => PixelFormat::Nv12,
        FrameFormat::MJPEG => PixelFormat::Mjpeg,
        FrameFormat::RAWRGB => PixelFormat::Rgb,
        FrameFormat::RAWBGR => PixelFormat::Bgr,
        FrameFormat::GRAY => PixelFormat::Grey,
    })
}

/// What the camera's thread sends.
type Delivery = Result<(RgbImage, Instant), CaptureError>;

/// A running camera.
pub(crate) struct CameraSource {
    info: SourceInfo,
    device_name: String,
    /// Tells the device from all others, also after it was plugged in again.
    id: String,
    frames: Receiver<Delivery>,
    stop: Arc<AtomicBool>,
    started: Instant,
    waiting: Option<(RgbImage, Instant)>,
    next_index: u64,
}

impl CameraSource {
    /// Opens the device and waits for its first frame.
    pub(crate) fn open(camera: &CameraInfo) -> Result<Self, CaptureError> {
        let device_name = device_text(camera);
        let (sender, frames) = bounded(1);
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (index, name, stop) = (index_of(&camera.path), device_name.clone(), Arc::clone(&stop));
            std::thread::Builder::new()
                .name("camera-reader".into())
                .spawn(move || read_frames(index, &name, &sender, &stop))
        };
        thread.map_err(|e| CaptureError::Camera { device: device_name.clone(), reason: e.to_string() })?;
        let mut source = Self {
            info: SourceInfo {
                name: camera.name.clone(),
                kind: SourceKind::Camera,
                size_px: None,
                frame_rate: None,
                frame_count: None,
                conversion: None,
            },
            device_name,
            id: camera.id.clone(),
            frames,
            stop,
            started: Instant::now(),
            waiting: None,
            next_index: 0,
        };
        let first = source.receive(FIRST_FRAME_WAIT)?;
        source.info.size_px = Some(first.0.dimensions());
        source.waiting = Some(first);
        source.started = Instant::now();
        Ok(source)
    }

    /// nokhwa chooses among the formats itself.
    pub(super) fn open_as(camera: &CameraInfo, _mode: &CameraMode) -> Result<Self, CaptureError> {
        Self::open(camera)
    }

    fn receive(&self, wait: Duration) -> Delivery {
        match self.frames.recv_timeout(wait) {
            Ok(delivery) => delivery,
            Err(RecvTimeoutError::Timeout) => Err(CaptureError::Timeout {
                source_name: self.device_name.clone(),
                waited_ms: wait.as_millis() as u64,
            }),
            Err(RecvTimeoutError::Disconnected) => {
                Err(CaptureError::CameraUnplugged { device: self.device_name.clone() })
            }
        }
    }
}

impl FrameSource for CameraSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        let (image, captured_at) = match self.waiting.take() {
            Some(first) => first,
            None => self.receive(FRAME_WAIT)?,
        };
        let index = self.next_index;
        self.next_index += 1;
        let time_s = captured_at.saturating_duration_since(self.started).as_secs_f64();
        Ok(Some(Frame { image: Arc::new(image), index, time_s, captured_at }))
    }

    fn same_device(&self) -> Option<SourceSpec> {
        Some(SourceSpec::Camera(Some(self.id.clone())))
    }
}

impl Drop for CameraSource {
    fn drop(&mut self) {
        // The thread is not joined: a driver call that hangs must not hang the program.
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn read_frames(index: CameraIndex, device: &str, sender: &Sender<Delivery>, stop: &AtomicBool) {
    let failed = |reason: String| CaptureError::Camera { device: device.to_owned(), reason };
    let mut camera = match start(index, device) {
        Ok(camera) => camera,
        Err(e) => {
            // Nobody listens any more where the source was given up.
            let _ = sender.send(Err(e));
            return;
        }
    };
    while !stop.load(Ordering::Relaxed) {
        let delivery = camera.frame().map_err(|e| failed(e.to_string())).and_then(|buffer| {
            let size = (buffer.resolution().width_x, buffer.resolution().height_y);
            let format = pixel_format(buffer.source_frame_format())
                .ok_or_else(|| failed(format!("unknown format {}", buffer.source_frame_format())))?;
            decode(format, size, 0, buffer.buffer())
                .map(|image| (image, Instant::now()))
                .map_err(|reason| CaptureError::UnreadableFrame { path: device.into(), reason })
        });
        let fatal = matches!(&delivery, Err(e) if !e.is_transient());
        if sender.send(delivery).is_err() || fatal {
            break;
        }
    }
    if let Err(e) = camera.stop_stream() {
        tracing::warn!("{device}: the driver refused to stop the stream: {e}");
    }
}

fn start(index: CameraIndex, device: &str) -> Result<Camera, CaptureError> {
    #[cfg(target_os = "macos")]
    ask_permission(device)?;
    let failed = |reason: String| CaptureError::Camera { device: device.to_owned(), reason };
    let resolution = Resolution::new(WANTED_SIZE.0, WANTED_SIZE.1);
    let mut wishes: Vec<RequestedFormatType> = [FrameFormat::YUYV, FrameFormat::NV12, FrameFormat::MJPEG]
        .map(|f| RequestedFormatType::Closest(CameraFormat::new(resolution, f, WANTED_RATE)))
        .into();
    wishes.push(RequestedFormatType::AbsoluteHighestFrameRate);
    let mut last = String::new();
    for wish in wishes {
        match Camera::new(index.clone(), RequestedFormat::new::<RgbFormat>(wish)) {
            Ok(mut camera) => {
                camera.open_stream().map_err(|e| failed(e.to_string()))?;
                return Ok(camera);
            }
            Err(e) => last = e.to_string(),
        }
    }
    Err(failed(last))
}

#[cfg(target_os = "macos")]
fn ask_permission(device: &str) -> Result<(), CaptureError> {
    let (sender, answer) = bounded(1);
    nokhwa::nokhwa_initialize(move |granted| {
        // Only the first answer counts.
        let _ = sender.try_send(granted);
    });
    if answer.recv_timeout(FIRST_FRAME_WAIT).unwrap_or(false) {
        return Ok(());
    }
    Err(CaptureError::CameraPermission {
        device: device.to_owned(),
        advice: "allow it under System Settings, Privacy & Security, Camera".into(),
    })
}
