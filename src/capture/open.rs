//! Opens whatever the user named.

use super::{CaptureError, FrameSource, Pace, SourceSpec};

/// A camera of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraInfo {
    /// The device's name, for people.
    pub name: String,
    /// The device's path or system identifier; tells two cameras of one name apart.
    pub path: String,
    /// Formats that it offers, for example "YUYV 640x480 30 fps".
    pub formats: Vec<String>,
}

/// An open source, and why it is not the one that was asked for, where that is so (for example
/// "no camera found: showing the demo").
pub struct OpenedSource {
    /// The source, ready to deliver.
    pub source: Box<dyn FrameSource>,
    /// What the user should know about the choice.
    pub note: Option<String>,
}

/// Opens the source on the calling thread.
///
/// # Errors
/// [`CaptureError`] when it cannot be opened; it says what to do.
pub fn open_source(_spec: &SourceSpec, _pace: Pace) -> Result<OpenedSource, CaptureError> {
    todo!()
}

/// The cameras of this machine with their formats.
///
/// # Errors
/// [`CaptureError`] when the system cannot be asked.
pub fn list_cameras() -> Result<Vec<CameraInfo>, CaptureError> {
    todo!()
}
