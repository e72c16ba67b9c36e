//! Tries a camera's formats one by one, for `moue cameras --check`.

use std::sync::Arc;
use std::time::Instant;

use image::RgbImage;

use super::{CameraInfo, CameraMode, CameraSource, CaptureError, find, platform};
use crate::FrameSource as _;

/// The camera of that name, path or id, and every way to run it. The list is empty where the system does not tell
/// without switching the camera on.
///
/// # Errors
/// When there is no such camera or it cannot be opened.
pub fn modes(wanted: &str) -> Result<(CameraInfo, Vec<CameraMode>), CaptureError> {
    let camera = find(wanted)?;
    let modes = platform::modes_of(&camera)?;
    Ok((camera, modes))
}

/// What a camera delivered.
pub struct Trial {
    /// Frames that were decoded.
    pub good: u64,
    /// Frames that were damaged, and what was wrong with the last of them.
    pub damaged: u64,
    /// What was wrong with the last damaged frame.
    pub last_damage: Option<String>,
    /// Waits for a frame that timed out.
    pub timeouts: u64,
    /// Good frames a second.
    pub rate: f64,
    /// The last good frame.
    pub last: Option<Arc<RgbImage>>,
}

/// Reads until `frames` good frames came, or as many damaged ones and empty waits together. `mode`: that one and
/// no other; without one, the mode that the program would choose.
///
/// # Errors
/// When the camera cannot be opened, or ends.
pub fn try_out(camera: &CameraInfo, mode: Option<&CameraMode>, frames: u64) -> Result<Trial, CaptureError> {
    let mut source = match mode {
        Some(mode) => CameraSource::open_as(camera, mode)?,
        None => CameraSource::open(camera)?,
    };
    let mut trial = Trial { good: 0, damaged: 0, last_damage: None, timeouts: 0, rate: 0.0, last: None };
    let mut first = None;
    while trial.good < frames && trial.damaged + trial.timeouts < frames.max(4) {
        match source.next_frame() {
            Ok(Some(frame)) => {
                trial.good += 1;
                trial.last = Some(frame.image);
                let first = *first.get_or_insert(frame.captured_at);
                let seconds = Instant::now().duration_since(first).as_secs_f64();
                trial.rate = if seconds > 0.0 { (trial.good - 1) as f64 / seconds } else { 0.0 };
            }
            Ok(None) => break,
            Err(CaptureError::UnreadableFrame { reason, .. }) => {
                trial.damaged += 1;
                trial.last_damage = Some(reason);
            }
            Err(CaptureError::Timeout { .. }) => trial.timeouts += 1,
            Err(e) => return Err(e),
        }
    }
    Ok(trial)
}
