//! What every frame source delivers.

use std::sync::Arc;
use std::time::Instant;

use image::RgbImage;

use super::{CaptureError, SourceSpec, Stamp, Transport};

/// One picture of a source, upright, not mirrored.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The pixels, 8-bit sRGB. Shared, so that passing a frame between threads copies nothing.
    pub image: Arc<RgbImage>,
    /// Position in the source, from 0; in a video, the frame of the file, which after a jump to another place is
    /// computed from its mean rate. Live sources count the frames that they delivered.
    pub index: u64,
    /// Seconds since the source's start: the time that the file gives the frame for videos and animations (a film may
    /// begin after its sound), the arrival time for cameras, 0.0 for a picture. It never goes back: a video that starts again goes on, and one
    /// that was moved to another place jumps ahead, so that nothing takes the two places for one motion.
    pub time_s: f64,
    /// Where it stands in its file, in seconds from the start, for videos and animations: unlike `time_s` the same each time
    /// that the file is played. `None` for sources without such a place.
    pub position_s: Option<f64>,
    /// When the frame arrived in this program; the base of every age and latency.
    pub captured_at: Instant,
    /// When it was taken, by clocks that other programs read too; empty for files.
    pub stamp: Stamp,
}

/// What kind of thing a source is; decides the marks on screen and the detector's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A camera: live.
    Camera,
    /// The built-in demo: portraits, panned and zoomed.
    Demo,
    /// Pictures without a clock (one file, or a folder of them).
    Still,
    /// A video or an animated GIF.
    Video,
}

/// What is known about a source once it is open.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceInfo {
    /// Name to show: the device's name, the file's name, or "Demo".
    pub name: String,
    /// What kind of thing it is.
    pub kind: SourceKind,
    /// Width and height of the frames in pixels, where all have the same.
    pub size_px: Option<(u32, u32)>,
    /// Nominal frames a second, where the source has a clock; the mean, where frames have times of their own.
    pub frame_rate: Option<f64>,
    /// Number of frames, where it is known beforehand (for progress bars).
    pub frame_count: Option<u64>,
    /// What was done to the colours, in words, where it was more than reading them: high dynamic range.
    pub conversion: Option<String>,
}

/// Whether a source that is not live keeps to its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As a camera would: frames arrive at their time, files and the demo start again at the end.
    Live,
    /// As fast as they are asked for, every frame once.
    Unpaced,
}

/// A place that frames come from. It is opened, used and dropped on one thread; dropping it
/// releases the device.
pub trait FrameSource {
    /// What is known about the source.
    fn info(&self) -> &SourceInfo;

    /// The next frame; waits for it, at most about half a second, so that a thread that reads
    /// it can stop. `Ok(None)` is the end of a finite source.
    ///
    /// # Errors
    /// [`CaptureError::Timeout`] when a live source had no frame in that time (asking again is
    /// fine); [`CaptureError::UnreadableFrame`] where one frame or file is bad but later ones
    /// may be read; any other error ends the source.
    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError>;

    /// What opens the same device again and no other, wherever the system puts it then; `None` for what is no
    /// device.
    fn same_device(&self) -> Option<SourceSpec> {
        None
    }

    /// How to play, pause and seek, where the source can.
    fn transport(&self) -> Option<Transport> {
        None
    }
}
