//! Threads, latest-value mailboxes and timings between the camera and the window.

mod analysis;
mod analyzer;
mod baseline;
mod capturing;
mod live;
mod mailbox;
mod results;
mod shared;
mod shown;
mod smoothing;
mod watched;
mod weights;

pub use analyzer::{AnalyzedFace, AnalyzedFrame, FaceSearch, FrameAnalyzer};
pub use baseline::{BASELINE_S, Baseline, BaselineMean, BaselineRecorder, RecordingStep};
pub use live::{Live, LiveOptions, Stopper};
pub use mailbox::Mailbox;
pub use results::{LiveResult, ModelInfo};
pub use shared::{BaselineState, Hooks, Message, Origins, ResultTap, SourceState, WeightsReader};
pub use shown::ReadingStage;
pub use smoothing::{ShownReading, Smoother, SmoothingSettings};
pub use watched::WatchedCamera;
pub use weights::WeightsChoice;
