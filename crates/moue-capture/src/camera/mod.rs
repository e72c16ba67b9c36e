//! Cameras: streamed through `v4l` on Linux, through nokhwa on Windows, through nokhwa's bindings on macOS; nokhwa lists
//! them everywhere.

pub mod check;
mod decode;
// Linux's tests compile the Windows code too, so that a change of nokhwa is noticed.
#[cfg(any(test, not(any(target_os = "linux", target_os = "macos"))))]
mod driver;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(any(test, not(target_os = "linux")))]
mod negotiation;
#[cfg(any(test, not(any(target_os = "linux", target_os = "macos"))))]
#[cfg_attr(any(target_os = "linux", target_os = "macos"), allow(dead_code, reason = "only compiled here"))]
mod windows;

use std::panic::{AssertUnwindSafe, catch_unwind};

use nokhwa::utils::CameraIndex;

use super::{CameraInfo, CaptureError};
use decode::PixelFormat;
#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(target_os = "macos")]
use macos as platform;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
use windows as platform;

pub(super) use platform::CameraSource;

/// Frame size that is asked for, in pixels.
const WANTED_SIZE: (u32, u32) = (640, 480);
/// Frame rate that is asked for, in frames a second.
const WANTED_RATE: u32 = 30;

/// One way to run a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraMode {
    /// The pixel format's four characters.
    pub format: String,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Whether this program can decode the format.
    pub decodable: bool,
}

/// The cameras of this machine with their formats, by their place in the system.
pub(super) fn list() -> Result<Vec<CameraInfo>, CaptureError> {
    Ok(devices()?.into_iter().filter_map(platform::describe).collect())
}

/// The devices in the system's list, without their formats. None of them is opened: another one that hangs does
/// not delay opening this one.
fn devices() -> Result<Vec<CameraInfo>, CaptureError> {
    let failed = |reason: String| CaptureError::Camera { device: "cameras".into(), reason };
    // It panics where a device has a name that it does not expect.
    let mut found = catch_unwind(platform::query)
        .map_err(|_| failed("the system's list of cameras cannot be read".into()))??;
    found.sort_by_key(|info| match info.index() {
        CameraIndex::Index(i) => (*i, String::new()),
        CameraIndex::String(s) => (u32::MAX, s.clone()),
    });
    Ok(found.iter().map(platform::identify).collect())
}

/// The devices that `wanted` may mean: exactly named ones, else those of this name, else of a name with this in
/// it. A camera may have several nodes of one name, of which one delivers pictures.
fn matching<'a>(devices: &'a [CameraInfo], wanted: &str) -> Vec<&'a CameraInfo> {
    let part = wanted.to_lowercase();
    let tests: [&dyn Fn(&CameraInfo) -> bool; 3] =
        [&|c| c.id == wanted || c.path == wanted || device_text(c) == wanted, &|c| c.name == wanted, &|c| {
            c.name.to_lowercase().contains(&part)
        }];
    tests
        .iter()
        .map(|test| devices.iter().filter(|c| test(c)).collect())
        .find(|f: &Vec<_>| !f.is_empty())
        .unwrap_or_default()
}

/// The camera of that name, path or id.
fn find(wanted: &str) -> Result<CameraInfo, CaptureError> {
    let devices = devices()?;
    matching(&devices, wanted).into_iter().cloned().find_map(platform::describe).ok_or_else(|| {
        let found: Vec<String> =
            devices.into_iter().filter_map(platform::describe).map(|c| device_text(&c)).collect();
        let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
        CaptureError::NoCamera { wanted: wanted.to_owned(), found }
    })
}

/// Opens the first working camera, or the one of that name, path or id.
pub(super) fn open(wanted: Option<&str>) -> Result<CameraSource, CaptureError> {
    if let Some(wanted) = wanted {
        return CameraSource::open(&find(wanted)?);
    }
    let mut first_error = None;
    for camera in list()? {
        match CameraSource::open(&camera) {
            Ok(source) => return Ok(source),
            // The user's permission is the same for all cameras, so no other one is tried.
            Err(e @ CaptureError::PermissionPending { .. }) => return Err(e),
            Err(e) => {
                tracing::debug!("{e}");
                first_error.get_or_insert(e);
            }
        }
    }
    Err(first_error.unwrap_or(CaptureError::NoCamera { wanted: "camera".into(), found: "none".into() }))
}

/// A device as the system's list shows it, where the system gives an identifier of its own (macOS: the unique id,
/// Windows: the device's link). It is not opened.
#[cfg(any(test, not(target_os = "linux")))]
fn identify_by_system(info: &nokhwa::utils::CameraInfo) -> CameraInfo {
    let (name, path, place) = (info.human_name(), info.index().as_string(), info.misc());
    let place = if place.is_empty() { path.clone() } else { place };
    CameraInfo { id: format!("{name}@{place}"), name, path, formats: vec![info.description().to_owned()] }
}

/// How far a mode is from what is wanted; lower is better. The size counts most, then the rate, then what decoding costs.
fn mode_cost(size: (u32, u32), rate: Option<f64>, format: Option<PixelFormat>) -> f64 {
    let area = |(w, h): (u32, u32)| f64::from(w) * f64::from(h);
    let size = (area(size).max(1.0) / area(WANTED_SIZE)).ln().abs();
    let wanted = f64::from(WANTED_RATE);
    let rate = rate.map_or(0.0, |r| (wanted - r.min(wanted)) / wanted);
    let order = PixelFormat::ALL.iter().position(|f| Some(*f) == format).unwrap_or(99);
    10.0 * size + 5.0 * rate + 0.01 * order as f64
}

/// The libraries below panic on values that they do not know (on macOS: where the system throws); here they are an error
/// like any other.
fn guarded<T>(device: &str, work: impl FnOnce() -> Result<T, CaptureError>) -> Result<T, CaptureError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("unknown reason");
        let reason = format!("the driver's answer cannot be understood ({text})");
        Err(CaptureError::Camera { device: device.to_owned(), reason })
    })
}

/// "Name (path)".
fn device_text(camera: &CameraInfo) -> String {
    format!("{} ({})", camera.name, camera.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(name: &str, path: &str, place: &str) -> CameraInfo {
        CameraInfo {
            name: name.into(),
            path: path.into(),
            id: format!("{name}@{place}"),
            formats: Vec::new(),
        }
    }

    #[test]
    fn a_camera_is_found_by_name_path_or_id_and_never_by_its_old_number() {
        let devices = [
            camera("C920", "/dev/video0", "usb/1-2:1.0"),
            camera("C920", "/dev/video1", "usb/1-2:1.0#1"),
            camera("C920", "/dev/video2", "usb/1-4:1.0"),
            camera("C920 Pro", "/dev/video4", "usb/1-3:1.0"),
        ];
        let found = |wanted| matching(&devices, wanted).iter().map(|c| c.path.as_str()).collect::<Vec<_>>();
        assert_eq!(found("/dev/video2"), ["/dev/video2"]);
        assert_eq!(found("C920 (/dev/video2)"), ["/dev/video2"]);
        assert_eq!(found("C920@usb/1-4:1.0"), ["/dev/video2"]);
        assert_eq!(found("C920"), ["/dev/video0", "/dev/video1", "/dev/video2"]);
        assert_eq!(found("pro"), ["/dev/video4"]);
        // The device that was there before is gone: no other one of its name or number takes its place.
        assert!(found("C920@usb/1-5:1.0").is_empty());
    }
}
