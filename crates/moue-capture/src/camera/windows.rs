//! Windows, through nokhwa and Media Foundation. COM belongs to a thread, and nokhwa starts and ends it for the whole
//! program with its first and last camera: so one thread, "camera-driver", makes every call. Linux's tests compile this
//! file, so that it goes on to fit nokhwa; it was never run.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nokhwa::utils::{ApiBackend, CameraFormat, FrameFormat, RequestedFormat, RequestedFormatType};
use nokhwa::{Buffer, Camera, NokhwaError};

use super::decode::{PixelFormat, decode};
use super::driver::{Answer, DriverThread};
use super::negotiation::{USABLE, choose_listed, explain, index_of, pixel_format, stride_of};
use super::{CameraInfo, CameraMode, CaptureError, device_text, guarded};
use crate::{Frame, FrameSource, NO_ANSWER, SourceInfo, SourceKind, SourceSpec, Stamp};

/// Longest wait for one frame in one call.
const FRAME_WAIT: Duration = Duration::from_millis(500);
/// A driver that answers no call for this long counts as hanging. Less than the watcher waits for a frame, so that it
/// is told why there is none.
const ANSWER_WAIT: Duration = Duration::from_secs(2);
/// Longest wait for an open camera.
const OPEN_WAIT: Duration = Duration::from_secs(5);
/// Longest wait for the first frame: cameras take a while to start.
const FIRST_FRAME_WAIT: Duration = Duration::from_secs(3);
/// Longest wait for the list of cameras.
const LIST_WAIT: Duration = Duration::from_secs(5);
/// The formats that [`pixel_format`] knows.
const DECODABLE: [FrameFormat; 4] =
    [FrameFormat::YUYV, FrameFormat::NV12, FrameFormat::MJPEG, FrameFormat::GRAY];

/// The one camera that is open, with the number of the source that it belongs to.
#[derive(Default)]
struct OpenCamera(Option<(u64, Camera)>);

/// The thread that makes all calls. It waits for work as long as the program runs.
fn driver() -> Result<&'static DriverThread<OpenCamera>, CaptureError> {
    static DRIVER: OnceLock<std::io::Result<DriverThread<OpenCamera>>> = OnceLock::new();
    DRIVER.get_or_init(|| DriverThread::start("camera-driver")).as_ref().map_err(|e| CaptureError::Camera {
        device: "cameras".into(),
        reason: format!("the system gives no thread for them: {e}"),
    })
}

fn no_answer(device: &str) -> CaptureError {
    CaptureError::Camera { device: device.to_owned(), reason: NO_ANSWER.to_owned() }
}

/// The devices in the system's list.
pub(super) fn query() -> Result<Vec<nokhwa::utils::CameraInfo>, CaptureError> {
    driver()?
        .ask(|_| nokhwa::query(ApiBackend::Auto))
        .within(LIST_WAIT)
        .ok_or_else(|| no_answer("cameras"))?
        .map_err(|e| explain("cameras", &e))
}

/// A device as the list shows it.
pub(super) fn identify(info: &nokhwa::utils::CameraInfo) -> CameraInfo {
    super::identify_by_system(info)
}

/// Adds nothing: asking a camera for its formats would switch it on.
pub(super) fn describe(camera: CameraInfo) -> Option<CameraInfo> {
    Some(camera)
}

/// Not told without switching the camera on.
pub(super) fn modes_of(_camera: &CameraInfo) -> Result<Vec<CameraMode>, CaptureError> {
    Ok(Vec::new())
}

/// A running camera. The device itself is with the thread "camera-driver".
pub(crate) struct CameraSource {
    info: SourceInfo,
    device_name: String,
    /// Tells the device from all others, also after it was plugged in again.
    id: String,
    number: u64,
    started: Instant,
    /// The first frame proves that the camera works; it is delivered first.
    waiting: Option<Frame>,
    /// The frame that the driver was asked for, and when.
    asked: Option<(Answer<Result<Buffer, NokhwaError>>, Instant)>,
    next_index: u64,
}

impl CameraSource {
    /// Opens the device and waits for its first frame.
    pub(crate) fn open(camera: &CameraInfo) -> Result<Self, CaptureError> {
        guarded(&device_text(camera), || Self::start(camera, None))
    }

    /// Opens the device in one mode and no other, and waits for its first frame.
    pub(super) fn open_as(camera: &CameraInfo, mode: &CameraMode) -> Result<Self, CaptureError> {
        guarded(&device_text(camera), || Self::start(camera, Some(mode.clone())))
    }

    fn start(camera: &CameraInfo, wanted: Option<CameraMode>) -> Result<Self, CaptureError> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let (number, device_name) = (NUMBERS.fetch_add(1, Ordering::Relaxed), device_text(camera));
        let opening = {
            let (camera, device) = (camera.clone(), device_name.clone());
            driver()?.ask(move |open: &mut OpenCamera| {
                // Released first: Windows gives a camera to one program, and nokhwa ends COM with its last camera.
                open.0 = None;
                let (camera, mode) = start_stream(&camera, &device, wanted.as_ref())?;
                open.0 = Some((number, camera));
                Ok::<_, CaptureError>(mode)
            })
        };
        let mode = opening.within(OPEN_WAIT).ok_or_else(|| no_answer(&device_name))??;
        let mut source = Self {
            info: SourceInfo {
                name: camera.name.clone(),
                kind: SourceKind::Camera,
                size_px: Some((mode.width(), mode.height())),
                frame_rate: Some(f64::from(mode.frame_rate())),
                frame_count: None,
                conversion: None,
            },
            device_name,
            id: camera.id.clone(),
            number,
            started: Instant::now(),
            waiting: None,
            asked: None,
            next_index: 0,
        };
        let deadline = Instant::now() + FIRST_FRAME_WAIT;
        source.waiting = Some(loop {
            match source.read() {
                Err(e) if e.is_transient() && Instant::now() < deadline => {}
                frame => break frame?,
            }
        });
        Ok(source)
    }

    fn read(&mut self) -> Result<Frame, CaptureError> {
        let (answer, since) = match self.asked.take() {
            Some(asked) => asked,
            None => {
                let number = self.number;
                let frame = driver()?.ask(move |open: &mut OpenCamera| match &mut open.0 {
                    Some((of, camera)) if *of == number => camera.frame(),
                    _ => Err(NokhwaError::ReadFrameError("another camera was opened".into())),
                });
                (frame, Instant::now())
            }
        };
        let Some(delivery) = answer.within(FRAME_WAIT) else {
            if since.elapsed() > ANSWER_WAIT {
                return Err(no_answer(&self.device_name));
            }
            self.asked = Some((answer, since));
            let waited_ms = FRAME_WAIT.as_millis() as u64;
            return Err(CaptureError::Timeout { source_name: self.device_name.clone(), waited_ms });
        };
        let buffer = delivery.map_err(|e| explain(&self.device_name, &e))?;
        let captured_at = Instant::now();
        let image = decode_buffer(&buffer).map_err(|reason| CaptureError::UnreadableFrame {
            path: self.device_name.clone().into(),
            reason,
        })?;
        let index = self.next_index;
        self.next_index += 1;
        let time_s = captured_at.saturating_duration_since(self.started).as_secs_f64();
        Ok(Frame {
            image: image.into(),
            index,
            time_s,
            position_s: None,
            captured_at,
            stamp: Stamp::at(captured_at),
        })
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
        guarded(&device, || self.read()).map(Some)
    }

    fn same_device(&self) -> Option<SourceSpec> {
        Some(SourceSpec::Camera(Some(self.id.clone())))
    }
}

impl Drop for CameraSource {
    fn drop(&mut self) {
        self.asked = None;
        let number = self.number;
        // Not waited for: a driver call that hangs must not hang the program.
        if let Ok(driver) = driver() {
            driver.tell(move |open| {
                if open.0.as_ref().is_some_and(|(of, _)| *of == number) {
                    open.0 = None;
                }
            });
        }
    }
}

/// Opens the device in the best mode that it lists. Only pairs of format, size and rate that it lists are asked for.
fn start_stream(
    camera: &CameraInfo,
    device: &str,
    wanted: Option<&CameraMode>,
) -> Result<(Camera, CameraFormat), CaptureError> {
    let failed = |e: NokhwaError| explain(device, &e);
    // A camera opens in some mode before it tells all: the first that can be decoded.
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &DECODABLE);
    let mut opened = Camera::new(index_of(camera), any).map_err(failed)?;
    let listed = opened.compatible_camera_formats().map_err(failed)?;
    let mode = choose_listed(&listed, wanted).ok_or_else(|| CaptureError::UnsupportedFormat {
        device: device.to_owned(),
        decodable: PixelFormat::names(),
        offered: match wanted {
            Some(mode) => format!("not {} in {}x{}", mode.format, mode.size.0, mode.size.1),
            None => format!("nothing that is {USABLE}"),
        },
    })?;
    let formats = [mode.format()];
    opened
        .set_camera_requset(RequestedFormat::with_formats(RequestedFormatType::Exact(mode), &formats))
        .map_err(failed)?;
    opened.open_stream().map_err(failed)?;
    Ok((opened, mode))
}

fn decode_buffer(buffer: &Buffer) -> Result<image::RgbImage, String> {
    let size = (buffer.resolution().width(), buffer.resolution().height());
    let format = buffer.source_frame_format();
    let format = pixel_format(format).ok_or_else(|| format!("a frame in the format {format}"))?;
    decode(format, size, stride_of(format, size, buffer.buffer().len())?, buffer.buffer())
}
