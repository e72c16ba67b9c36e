//! Frame sources: cameras, the demo, pictures, folders and video files.

mod error;
mod frame;
mod open;
mod spec;

pub use error::CaptureError;
pub use frame::{Frame, FrameSource, Pace, SourceInfo, SourceKind};
pub use open::{CameraInfo, OpenedSource, list_cameras, open_source};
pub use spec::SourceSpec;
