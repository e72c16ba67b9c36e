//! Threads, latest-value mailboxes and timings between the camera and the window.
//!
//! A frame leaves the capture thread twice: to the window (`Hooks::on_frame`) and to the analysis (`Shared::work`). A result
//! leaves the analysis thread twice: the newest for the window (`Shared::result`), every one for a recording
//! (`Shared::tap`).

mod analysis_thread;
mod analyzer;
mod baseline;
mod capture_thread;
mod live;
mod mailbox;
mod owner_watch;
mod personal;
mod profile_stage;
mod results;
mod scenes;
mod shared;
mod shown;
mod smoothing;
mod triggers;
mod views;
mod watched;
mod weights;

pub use analyzer::{AnalyzedFace, AnalyzedFrame, FaceSearch, FrameAnalyzer};
pub use baseline::{BASELINE_S, Baseline, BaselineMean, BaselineRecorder, BaselineStep};
pub use live::{Live, LiveOptions, Stopper};
pub use mailbox::Mailbox;
pub use personal::{PersonalFace, PersonalReader, face_features, network_class};
pub use profile_stage::{ProfileInUse, ProfileState, ShownPersonal};
pub use results::{LiveResult, ModelInfo};
pub use scenes::SceneWatch;
pub use shared::{BaselineState, Hooks, Message, Origins, ResultTap, SourceState, WeightsReader};
pub use shown::ReadingStage;
pub use smoothing::{ShownReading, Smoother, SmoothingSettings};
pub use triggers::{
    ABOVE, HOLD_MS, HYSTERESIS, REST_MS, Trigger, TriggerAction, TriggerBank, TriggerEvent, TriggerLevel,
};
pub use views::{VIEWS, View};
pub use watched::WatchedCamera;
pub use weights::WeightsChoice;
