//! What the pipeline's threads share with each other and with the window.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::Sender;
use moue_capture::{
    Frame, Limits, Pace, SourceInfo, SourceKind, SourceOpener, SourceSpec, Transport, open_source,
};
use moue_detect::DetectorKind;
use moue_files::plain_words;
use moue_model::{Classifier, LoadedWeights, ModelError};
use parking_lot::Mutex;

use super::results::{LiveResult, ModelInfo};
use super::weights::{WeightsChoice, WeightsOrder};
use super::{Baseline, Mailbox, ProfileState, SmoothingSettings};

/// Something that the user should see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// For information.
    Info(String),
    /// Something does not work.
    Error(String),
    /// The source does not work. [`SourceState`] says the same, so that it need not be shown twice.
    SourceError(String),
}

impl Message {
    /// The same without the numbers of the system's errors.
    #[must_use]
    pub fn in_plain_words(self) -> Self {
        let plain = |text: String| plain_words(&text).into_owned();
        match self {
            Self::Info(text) => Self::Info(plain(text)),
            Self::Error(text) => Self::Error(plain(text)),
            Self::SourceError(text) => Self::SourceError(plain(text)),
        }
    }
}

/// What the source is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceState {
    /// It is being opened.
    Opening,
    /// Frames arrive.
    Running(SourceInfo),
    /// The user paused: a camera is released, anything else waits where it is.
    Paused,
    /// A source that was running delivers nothing.
    NoSignal {
        /// The source.
        info: SourceInfo,
        /// When the last frame came.
        since: Instant,
        /// Why, where that is known.
        reason: Option<String>,
    },
    /// It could not be opened.
    Failed(String),
    /// A finite source is at its end.
    Ended,
}

/// The personal baseline.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum BaselineState {
    /// Nothing is taken out.
    #[default]
    Off,
    /// It is being recorded.
    Recording {
        /// The person.
        id: u64,
        /// Seconds that are left; `None` before the first frame.
        left_s: Option<f64>,
    },
    /// It is applied, unless it was recorded with another source or network.
    On {
        /// What is taken out.
        baseline: Baseline,
        /// Whether it fits the source and network in use.
        fits: bool,
    },
}

/// Reads the chosen weights, on a thread of its own.
pub type WeightsReader = dyn Fn(&WeightsChoice) -> Result<LoadedWeights, ModelError> + Send + Sync;

/// How sources are opened and weights are read. Tests replace both.
#[derive(Clone)]
pub struct Origins {
    /// Opens sources.
    pub open: Arc<SourceOpener>,
    /// Reads weights.
    pub read: Arc<WeightsReader>,
    /// How long cameras are waited for.
    pub limits: Limits,
}

impl Default for Origins {
    /// Real cameras and files at their own pace, real weights files.
    fn default() -> Self {
        Self {
            limits: Limits::LIVE,
            open: Arc::new(|spec| open_source(spec, Pace::Live)),
            read: Arc::new(WeightsChoice::read),
        }
    }
}

/// Takes each new frame and the number of its scene ([`super::SceneWatch`]), on the capture thread.
pub type FrameHook = dyn Fn(&Frame, u64) + Send + Sync;

/// What is called on the pipeline's threads; must return at once.
pub struct Hooks {
    /// With each new frame and the number of its scene ([`super::SceneWatch`]), on the capture thread.
    pub on_frame: Box<FrameHook>,
    /// When anything else changed.
    pub on_change: Box<dyn Fn() + Send + Sync>,
}

/// Takes every result on the analysis thread, in order; must return at once.
pub type ResultTap = dyn Fn(&Arc<LiveResult>) + Send + Sync;

/// A frame on its way to the analysis.
pub(super) struct Work {
    pub(super) frame: Frame,
    /// No two sources share a scene.
    pub(super) scene: u64,
    pub(super) kind: SourceKind,
    /// Name of the source.
    pub(super) source: Arc<str>,
    /// Counts changes of source, pauses and resumes. Results of an earlier generation are dropped.
    pub(super) generation: u64,
}

/// The source that the user wants.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) source: SourceSpec,
    /// Counts the choices of a source; a pause is none.
    pub(super) choice: u64,
    /// Counts choices, pauses and resumes.
    pub(super) generation: u64,
    pub(super) paused: bool,
}

/// A network that is ready to run.
pub(super) struct NewModel {
    pub(super) classifier: Classifier,
    pub(super) info: Arc<ModelInfo>,
}

/// What the threads share.
pub(super) struct Shared {
    pub(super) stop: AtomicBool,
    pub(super) wanted: Mutex<Wanted>,
    pub(super) work: Mailbox<Work>,
    pub(super) new_model: Mailbox<NewModel>,
    pub(super) weights: Mutex<WeightsOrder>,
    /// Weights files that could not be used, until somebody asks.
    pub(super) refused: Mutex<Vec<PathBuf>>,
    pub(super) state: Mutex<SourceState>,
    pub(super) result: Mutex<Option<Arc<LiveResult>>>,
    pub(super) model: Mutex<Option<Arc<ModelInfo>>>,
    pub(super) smoothing: Mutex<SmoothingSettings>,
    pub(super) detector: Mutex<DetectorKind>,
    pub(super) every_frame: AtomicBool,
    pub(super) resting: AtomicBool,
    pub(super) baseline: Mutex<BaselineState>,
    pub(super) profile: Mutex<ProfileState>,
    /// The face that the user chose.
    pub(super) chosen: Mutex<Option<u64>>,
    pub(super) tap: Mutex<Option<Arc<ResultTap>>>,
    pub(super) transport: Mutex<Option<Transport>>,
    pub(super) hooks: Hooks,
    pub(super) origins: Origins,
    pub(super) messages: Sender<Message>,
}

impl Shared {
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn say(&self, message: Message) {
        if let Err(e) = self.messages.try_send(message) {
            tracing::warn!("not shown: {:?}", e.into_inner());
        }
        (self.hooks.on_change)();
    }

    pub(super) fn set_state(&self, state: SourceState) {
        let plain = |text: String| plain_words(&text).into_owned();
        let state = match state {
            SourceState::Failed(reason) => SourceState::Failed(plain(reason)),
            SourceState::NoSignal { info, since, reason } => {
                SourceState::NoSignal { info, since, reason: reason.map(plain) }
            }
            other => other,
        };
        *self.state.lock() = state;
        (self.hooks.on_change)();
    }

    /// Calls the tap with no lock held, because the tap may call any method of the pipeline.
    pub(super) fn tap(&self, result: &Arc<LiveResult>) {
        let tap = self.tap.lock().clone();
        if let Some(tap) = tap {
            tap(result);
        }
    }

    /// Removes the result, so that no outdated face stays on screen.
    pub(super) fn clear_result(&self) {
        *self.result.lock() = None;
    }
}

/// The message about a panic in the thread `name`.
pub(super) fn fault(name: &str, panic: &(dyn Any + Send)) -> String {
    crate::fault::describe(name, panic)
}
