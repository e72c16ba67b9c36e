//! Cameras: streamed through `v4l` on Linux, through `nokhwa` elsewhere; `nokhwa` lists them everywhere.

pub mod check;
mod decode;
#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "portable.rs"]
mod platform;

use std::panic::catch_unwind;

use nokhwa::utils::{ApiBackend, CameraIndex};

use super::{CameraInfo, CaptureError};
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
/// not matter to who wants this one.
fn devices() -> Result<Vec<CameraInfo>, CaptureError> {
    let failed = |reason: String| CaptureError::Camera { device: "cameras".into(), reason };
    // It panics where a device has a name that it does not expect.
    let mut found = catch_unwind(|| nokhwa::query(ApiBackend::Auto))
        .map_err(|_| failed("the system's list of cameras cannot be read".into()))?
        .map_err(|e| failed(e.to_string()))?;
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
            Err(e) => {
                tracing::debug!("{e}");
                first_error.get_or_insert(e);
            }
        }
    }
    Err(first_error.unwrap_or(CaptureError::NoCamera { wanted: "camera".into(), found: "none".into() }))
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
