//! Cameras: streamed through `v4l` on Linux, through `nokhwa` elsewhere; `nokhwa` lists them everywhere.

mod decode;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "portable.rs"]
mod platform;

use nokhwa::utils::{ApiBackend, CameraIndex};

use super::{CameraInfo, CaptureError};
pub(super) use platform::CameraSource;

/// Frame size that is asked for, in pixels.
const WANTED_SIZE: (u32, u32) = (640, 480);
/// Frame rate that is asked for, in frames a second.
const WANTED_RATE: u32 = 30;

/// The cameras of this machine with their formats, by their place in the system.
pub(super) fn list() -> Result<Vec<CameraInfo>, CaptureError> {
    let mut found = nokhwa::query(ApiBackend::Auto)
        .map_err(|e| CaptureError::Camera { device: "cameras".into(), reason: e.to_string() })?;
    found.sort_by_key(|info| match info.index() {
        CameraIndex::Index(i) => (*i, String::new()),
        CameraIndex::String(s) => (u32::MAX, s.clone()),
    });
    Ok(found.iter().filter_map(platform::describe).collect())
}

/// Opens the first working camera, or the one of that name or path.
pub(super) fn open(wanted: Option<&str>) -> Result<CameraSource, CaptureError> {
    let cameras = list()?;
    let names = || match &cameras[..] {
        [] => "none".to_owned(),
        some => some.iter().map(device_text).collect::<Vec<_>>().join(", "),
    };
    if let Some(wanted) = wanted {
        let camera = cameras
            .iter()
            .find(|c| c.path == wanted || device_text(c) == wanted)
            .or_else(|| cameras.iter().find(|c| c.name == wanted))
            .or_else(|| cameras.iter().find(|c| c.name.to_lowercase().contains(&wanted.to_lowercase())))
            .ok_or_else(|| CaptureError::NoCamera { wanted: wanted.to_owned(), found: names() })?;
        return CameraSource::open(camera);
    }
    let mut first_error = None;
    for camera in &cameras {
        match CameraSource::open(camera) {
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
