//! Frame sources: cameras, the demo, pictures, folders and video files.
#![forbid(unsafe_code)]

mod animation;
mod apng;
mod avif;
pub mod camera;
mod clock;
mod demo;
mod drift;
mod error;
pub mod ffmpeg;
mod ffmpeg_log;
mod formats;
mod frame;
mod hdr;
mod jpeg;
mod open;
pub mod picture;
mod playback;
mod probe;
mod schedule;
mod spec;
mod stamp;
mod still;
mod transport;
mod truncation;
mod video;
mod vp8l;
mod watch;
mod webp;

pub use drift::{ClockComparison, DRIFT_WARNING_MS, DriftWatch};
pub use error::CaptureError;
pub use formats::{FILE_KINDS, FileKind, SkippedFiles, Support, is_system_file, kind_by_name};
pub use frame::{Frame, FrameSource, Pace, SourceInfo, SourceKind};
pub use open::{CameraInfo, OpenedSource, list_cameras, open_source};
pub use spec::SourceSpec;
pub use stamp::{DriverClock, DriverStamp, Stamp, monotonic_now_ns};
pub use transport::{SPEEDS, Transport, TransportStatus};
pub use watch::{
    Action, Event, Failure, Limits, NO_ANSWER, OtherReaders, Report, SourceOpener, SourceWatcher,
    WatchedSource,
};
