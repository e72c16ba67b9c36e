//! Opens the source that the user named.

use std::io::Read as _;
use std::path::Path;

use image::ImageFormat;

use super::animation::AnimationSource;
use super::camera;
use super::demo::DemoSource;
use super::formats::{self, has_picture_name};
use super::picture::{is_motion_jpeg, not_a_picture, picture_format, png_moves};
use super::still::StillSource;
use super::video::VideoSource;
use super::{CaptureError, FrameSource, Pace, SourceSpec};

/// A camera of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraInfo {
    /// The device's name, for people.
    pub name: String,
    /// The device's path or system identifier; tells two cameras of one name apart.
    pub path: String,
    /// Its name and where it is plugged in, for example "C920@usb/1-2:1.0": stays the same when the device comes
    /// back with another number.
    pub id: String,
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
pub fn open_source(spec: &SourceSpec, pace: Pace) -> Result<OpenedSource, CaptureError> {
    let plain = |source: Box<dyn FrameSource>| OpenedSource { source, note: None };
    Ok(match spec {
        SourceSpec::Auto => match camera::open(None) {
            Ok(source) => plain(Box::new(source)),
            // Whether there is a camera to show depends on the user's answer.
            Err(e @ CaptureError::PermissionPending { .. }) => return Err(e),
            Err(CaptureError::NoCamera { .. }) => OpenedSource {
                source: Box::new(DemoSource::new(pace)?),
                note: Some("no camera found: showing the demo".into()),
            },
            Err(e) => OpenedSource {
                source: Box::new(DemoSource::new(pace)?),
                note: Some(format!("no working camera: showing the demo ({e})")),
            },
        },
        SourceSpec::Camera(name) => plain(Box::new(camera::open(name.as_deref())?)),
        SourceSpec::Demo => plain(Box::new(DemoSource::new(pace)?)),
        SourceSpec::Path(path) => plain(open_path(path, pace)?),
        SourceSpec::Files(files) => plain(Box::new(StillSource::list(files, pace)?)),
    })
}

fn open_path(path: &Path, pace: Pace) -> Result<Box<dyn FrameSource>, CaptureError> {
    let unusable = |reason: String| CaptureError::Unusable { path: path.to_owned(), reason };
    let metadata = std::fs::metadata(path).map_err(|e| unusable(e.to_string()))?;
    if metadata.is_dir() {
        return Ok(Box::new(StillSource::folder(path, pace)?));
    }
    if !metadata.is_file() {
        return Err(unusable("expected a file or a folder, found a device or a pipe".into()));
    }
    let Some(format) = picture_format(path) else {
        if let Some(what) = formats::unreadable(path) {
            return Err(unusable(what));
        }
        // Videos are often called .gif.
        if has_picture_name(path) && !formats::begins_as_video(path) {
            return Err(unusable(not_a_picture(path)));
        }
        return Ok(Box::new(VideoSource::open(path, None, pace)?));
    };
    match format {
        ImageFormat::Jpeg if is_motion_jpeg(path) => {
            return Ok(Box::new(VideoSource::open(path, Some("mjpeg"), pace)?));
        }
        // 16 bits a channel, which the decoder of animations does not know.
        ImageFormat::Png if png_moves(path) && is_deep_png(path) => {
            return Ok(Box::new(VideoSource::open(path, Some("apng"), pace)?));
        }
        ImageFormat::Gif | ImageFormat::WebP | ImageFormat::Png => {
            if let Some(animation) = AnimationSource::open(path, format, pace)? {
                return Ok(Box::new(animation));
            }
        }
        _ => {}
    }
    Ok(Box::new(StillSource::picture(path, pace)?))
}

/// Whether a PNG has 16 bits a channel: the 25th byte of its file.
fn is_deep_png(path: &Path) -> bool {
    let mut head = [0; 25];
    std::fs::File::open(path).is_ok_and(|mut file| file.read_exact(&mut head).is_ok() && head[24] == 16)
}

/// The cameras of this machine with their formats.
///
/// # Errors
/// [`CaptureError`] when the system cannot be asked.
pub fn list_cameras() -> Result<Vec<CameraInfo>, CaptureError> {
    camera::list()
}
