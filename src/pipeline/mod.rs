//! Threads, latest-value mailboxes and timings between the camera and the window.

mod analysis;
mod analyzer;
mod baseline;
mod capturing;
mod live;
mod mailbox;
mod reader;
mod shown;
mod smoothing;
mod watched;

pub use analysis::{LiveResult, ModelInfo};
pub use analyzer::{AnalyzedFace, AnalyzedFrame, FaceSearch, FrameAnalyzer};
pub use baseline::{BASELINE_S, Baseline, BaselineMean, BaselineRecorder, RecordingStep};
pub use capturing::SourceState;
pub use live::{
    BaselineState, Hooks, Live, LiveOptions, Message, Origins, ResultTap, SourceOpener, Stopper,
    WeightsReader,
};
pub use mailbox::Mailbox;
pub use shown::ReadingStage;
pub use smoothing::{Probabilities, ShownReading, Smoother, SmoothingSettings};
pub use watched::{GIVE_UP_AFTER, WatchedCamera};
