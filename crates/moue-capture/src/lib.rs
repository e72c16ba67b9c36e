//! Frame sources: cameras, the demo, pictures, folders and video files.
#![forbid(unsafe_code)]

mod animation;
pub mod camera;
mod clock;
mod demo;
mod error;
mod frame;
mod jpeg;
mod open;
pub mod picture;
mod schedule;
mod spec;
mod still;
mod transport;
mod video;
mod vp8l;
mod watch;
mod webp;

pub use error::CaptureError;
pub use frame::{Frame, FrameSource, Pace, SourceInfo, SourceKind};
pub use open::{CameraInfo, OpenedSource, list_cameras, open_source};
pub use spec::SourceSpec;
pub use transport::{SPEEDS, Transport, TransportStatus};
pub use watch::{
    Action, Event, Failure, Limits, NO_ANSWER, OtherReaders, Report, SourceOpener, SourceWatcher,
    WatchedSource,
};
