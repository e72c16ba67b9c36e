//! Frame sources: cameras, the demo, pictures, folders and video files.

mod error;
mod frame;
mod spec;

pub use error::CaptureError;
pub use frame::{Frame, FrameSource, Pace, SourceInfo, SourceKind};
pub use spec::SourceSpec;
