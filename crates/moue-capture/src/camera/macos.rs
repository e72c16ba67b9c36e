//! macOS, through the AVFoundation bindings that nokhwa itself uses. nokhwa's own stream waits for ever on a camera that
//! was unplugged and asks for modes that make AVFoundation throw (see [`choose_for_avfoundation`]), so only its list of
//! devices is used. Written from reading the bindings' code; never compiled for macOS, never run.

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use flume::{Receiver, RecvTimeoutError, Sender};
use nokhwa::NokhwaError;
use nokhwa::utils::{ApiBackend, CameraFormat, FrameFormat, Resolution};
use nokhwa_bindings_macos::{
    AVAuthorizationStatus, AVCaptureDevice, AVCaptureDeviceInput, AVCaptureSession, AVCaptureVideoCallback,
    AVCaptureVideoDataOutput, current_authorization_status,
};

use super::decode::{PixelFormat, decode};
use super::negotiation::{ListedFormat, USABLE, choose_for_avfoundation, explain, index_of, stride_of};
use super::{CameraInfo, CameraMode, CaptureError, device_text, guarded};
use crate::{Frame, FrameSource, SourceInfo, SourceKind, SourceSpec, Stamp};

/// Longest wait for one frame.
const FRAME_WAIT: Duration = Duration::from_millis(500);
/// Longest wait for the first frame: cameras take a while to start.
const FIRST_FRAME_WAIT: Duration = Duration::from_secs(4);

/// What the bindings' callback sends. Its format is always "grey", whatever the frame is.
type Delivery = (Vec<u8>, FrameFormat, Option<Duration>);

/// Where the callback sends frames. It keeps a bare pointer to the sender and frees what it points to when sending fails
/// (nokhwa-bindings-macos 0.2.4), so both ends live as long as the program: then neither can happen.
fn frames() -> &'static (Arc<Sender<Delivery>>, Receiver<Delivery>) {
    static FRAMES: OnceLock<(Arc<Sender<Delivery>>, Receiver<Delivery>)> = OnceLock::new();
    FRAMES.get_or_init(|| {
        let (sender, receiver) = flume::unbounded();
        (Arc::new(sender), receiver)
    })
}

/// The devices in the system's list.
pub(super) fn query() -> Result<Vec<nokhwa::utils::CameraInfo>, CaptureError> {
    nokhwa::query(ApiBackend::Auto).map_err(|e| explain("cameras", &e))
}

/// A device as the list shows it.
pub(super) fn identify(info: &nokhwa::utils::CameraInfo) -> CameraInfo {
    super::identify_by_system(info)
}

/// Adds nothing: see [`modes_of`].
pub(super) fn describe(camera: CameraInfo) -> Option<CameraInfo> {
    Some(camera)
}

/// Not told without permission to use the camera.
pub(super) fn modes_of(_camera: &CameraInfo) -> Result<Vec<CameraMode>, CaptureError> {
    Ok(Vec::new())
}

/// A running camera. One at a time: all send their frames to the same place.
pub(crate) struct CameraSource {
    info: SourceInfo,
    device_name: String,
    /// Tells the device from all others, also after it was plugged in again.
    id: String,
    device: AVCaptureDevice,
    session: AVCaptureSession,
    input: AVCaptureDeviceInput,
    output: AVCaptureVideoDataOutput,
    /// The session only borrows it.
    _callback: AVCaptureVideoCallback,
    size: (u32, u32),
    started: Instant,
    /// The first frame proves that the camera works; it is delivered first.
    waiting: Option<Frame>,
    next_index: u64,
}

impl CameraSource {
    /// Opens the device and waits for its first frame.
    pub(crate) fn open(camera: &CameraInfo) -> Result<Self, CaptureError> {
        guarded(&device_text(camera), || Self::start(camera, None))
    }

    /// Opens the device in one mode and no other, and waits for its first frame.
    pub(super) fn open_as(camera: &CameraInfo, mode: &CameraMode) -> Result<Self, CaptureError> {
        guarded(&device_text(camera), || Self::start(camera, Some(mode)))
    }

    fn start(camera: &CameraInfo, wanted: Option<&CameraMode>) -> Result<Self, CaptureError> {
        let device_name = device_text(camera);
        let failed = |e: NokhwaError| explain(&device_name, &e);
        ask_permission(&device_name)?;
        let mut device = AVCaptureDevice::new(&index_of(camera)).map_err(failed)?;
        let (size, rate) = choose(&device, &device_name, wanted)?;
        let mode = CameraFormat::new(Resolution::new(size.0, size.1), FrameFormat::YUYV, rate);
        let refused = |what: &str| CaptureError::Camera {
            device: device_name.clone(),
            reason: format!("the system makes no {what} for it"),
        };

        let input = AVCaptureDeviceInput::new(&device).map_err(failed)?;
        if input.inner().is_null() {
            return Err(refused("input"));
        }
        let session = AVCaptureSession::new();
        session.begin_configuration();
        session.add_input(&input).map_err(failed)?;
        // After the input was added, which may set another mode.
        device.set_all(mode).map_err(failed)?;
        let queue = CString::new("moue-camera").map_err(|_| refused("queue"))?;
        let callback = AVCaptureVideoCallback::new(&queue, &frames().0).map_err(failed)?;
        let output = AVCaptureVideoDataOutput::new();
        output.add_delegate(&callback).map_err(failed)?;
        output.set_frame_format(FrameFormat::YUYV).map_err(failed)?;
        session.add_output(&output).map_err(failed)?;
        session.commit_configuration();
        // Drops the frames that the previous camera left in the channel.
        frames().1.drain();
        session.start().map_err(failed)?;

        let mut source = Self {
            info: SourceInfo {
                name: camera.name.clone(),
                kind: SourceKind::Camera,
                size_px: Some(size),
                frame_rate: Some(f64::from(rate)),
                frame_count: None,
                conversion: None,
            },
            device_name,
            id: camera.id.clone(),
            device,
            session,
            input,
            output,
            _callback: callback,
            size,
            started: Instant::now(),
            waiting: None,
            next_index: 0,
        };
        source.waiting = Some(source.read(FIRST_FRAME_WAIT)?);
        source.info.size_px = Some(source.size);
        Ok(source)
    }

    fn read(&mut self, wait: Duration) -> Result<Frame, CaptureError> {
        let frames = &frames().1;
        let oldest = frames.recv_timeout(wait).map_err(|e| match e {
            RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected => CaptureError::Timeout {
                source_name: self.device_name.clone(),
                waited_ms: wait.as_millis() as u64,
            },
        })?;
        let (bytes, _, _) = frames.drain().last().unwrap_or(oldest);
        let captured_at = Instant::now();
        let image = self.decode(&bytes).map_err(|reason| CaptureError::UnreadableFrame {
            path: self.device_name.clone().into(),
            reason,
        })?;
        let index = self.next_index;
        self.next_index += 1;
        let time_s = captured_at.saturating_duration_since(self.started).as_secs_f64();
        Ok(Frame {
            image: Arc::new(image),
            index,
            time_s,
            position_s: None,
            captured_at,
            stamp: Stamp::at(captured_at),
        })
    }

    fn decode(&mut self, bytes: &[u8]) -> Result<image::RgbImage, String> {
        let stride = match stride_of(PixelFormat::Yuyv, self.size, bytes.len()) {
            Ok(stride) => stride,
            Err(reason) => {
                // Another program, or the session, may have set another mode.
                let mode = self.device.active_format().map_err(|e| format!("{reason} ({e})"))?;
                self.size = (mode.width(), mode.height());
                stride_of(PixelFormat::Yuyv, self.size, bytes.len())?
            }
        };
        decode(PixelFormat::Yuyv, self.size, stride, bytes)
    }
}

impl FrameSource for CameraSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        if let Some(first) = self.waiting.take() {
            return Ok(Some(first));
        }
        let device = self.device_name.clone();
        guarded(&device, || self.read(FRAME_WAIT)).map(Some)
    }

    fn same_device(&self) -> Option<SourceSpec> {
        Some(SourceSpec::Camera(Some(self.id.clone())))
    }
}

impl Drop for CameraSource {
    fn drop(&mut self) {
        // An exception of AVFoundation is a panic here. A second one during unwinding would abort the program.
        let released = guarded(&self.device_name, || {
            self.session.remove_output(&self.output);
            self.session.remove_input(&self.input);
            self.session.stop();
            self.device.unlock();
            Ok(())
        });
        if let Err(e) = released {
            tracing::warn!("the camera was not released: {e}");
        }
        frames().1.drain();
    }
}

/// Size and rate to ask for, of what the device lists.
fn choose(
    device: &AVCaptureDevice,
    name: &str,
    wanted: Option<&CameraMode>,
) -> Result<((u32, u32), u32), CaptureError> {
    let side = |pixels: i32| u32::try_from(pixels).unwrap_or(0);
    let listed: Vec<ListedFormat> = device
        .supported_formats_raw()
        .map_err(|e| explain(name, &e))?
        .into_iter()
        .map(|mode| ListedFormat {
            size: (side(mode.resolution.width), side(mode.resolution.height)),
            format: mode.fourcc,
            rates: mode.fps_list,
        })
        .collect();
    choose_for_avfoundation(&listed, wanted).ok_or_else(|| CaptureError::UnsupportedFormat {
        device: name.to_owned(),
        decodable: USABLE.to_owned(),
        offered: listed
            .iter()
            .map(|mode| format!("{} {}x{}", mode.format, mode.size.0, mode.size.1))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// Asks the user once, and does not wait: whoever opens the camera tries again until there is an answer.
fn ask_permission(device: &str) -> Result<(), CaptureError> {
    static ASKED: AtomicBool = AtomicBool::new(false);
    let device = device.to_owned();
    match current_authorization_status() {
        AVAuthorizationStatus::Authorized => Ok(()),
        AVAuthorizationStatus::NotDetermined => {
            if !ASKED.swap(true, Ordering::Relaxed) {
                nokhwa::nokhwa_initialize(|granted| {
                    tracing::info!(granted, "the user answered for the camera")
                });
            }
            Err(CaptureError::PermissionPending { device })
        }
        AVAuthorizationStatus::Denied | AVAuthorizationStatus::Restricted => {
            Err(CaptureError::CameraPermission {
                device,
                advice: "allow it under System Settings, Privacy & Security, Camera".into(),
            })
        }
    }
}
