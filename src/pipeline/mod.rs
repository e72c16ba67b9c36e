//! Threads, latest-value mailboxes and timings between the camera and the window.

mod analysis;
mod analyzer;
mod capturing;
mod live;
mod mailbox;
mod reader;
mod smoothing;

pub use analysis::{LiveResult, ModelInfo};
pub use analyzer::{AnalyzedFace, AnalyzedFrame, FaceSearch, FrameAnalyzer};
pub use capturing::SourceState;
pub use live::{Hooks, Live, LiveOptions, Message, Origins, ResultTap, SourceOpener, Stopper, WeightsReader};
pub use mailbox::Mailbox;
pub use smoothing::{Probabilities, ShownReading, Smoother, SmoothingSettings};
