//! The live pipeline: a capture and an analysis thread, and what they share with the window.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use moue_capture::{SourceSpec, Transport};
use moue_detect::DetectorKind;
use moue_model::DeviceChoice;
use moue_profile::Profile;
use parking_lot::Mutex;

use super::analysis_thread::analysis_loop;
use super::capture_thread::capture_loop;
use super::results::{LiveResult, ModelInfo};
use super::shared::{BaselineState, Hooks, Message, Origins, ResultTap, Shared, SourceState, Wanted, fault};
use super::weights::{WeightsChoice, load_in_turn, next_turn};
use super::{
    Baseline, FaceSearch, FrameAnalyzer, Mailbox, PersonalReader, ProfileInUse, ProfileState,
    SmoothingSettings,
};

/// Longest wait for the threads at the end. One that hangs in a driver call is not waited for.
const END_WITHIN: Duration = Duration::from_millis(900);
/// Messages that the window has not read yet; more are dropped (and logged).
const MESSAGES: usize = 64;

/// What the pipeline starts with.
pub struct LiveOptions {
    /// The first source.
    pub source: SourceSpec,
    /// The first weights; `None` takes the built-in network.
    pub weights: Option<WeightsChoice>,
    /// Where the network runs.
    pub device: DeviceChoice,
    /// CPU threads for the network; 0 takes all cores.
    pub threads: usize,
    /// How strongly the readings are smoothed.
    pub smoothing: SmoothingSettings,
    /// Which detectors look for faces.
    pub detector: DetectorKind,
}

/// The running pipeline. Dropping it ends the threads and releases the camera.
pub struct Live {
    shared: Arc<Shared>,
    messages: Receiver<Message>,
    threads: Vec<JoinHandle<()>>,
    device: DeviceChoice,
    threads_wanted: usize,
}

impl Live {
    /// Starts the threads; the source and the weights are opened on them.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(options: LiveOptions, hooks: Hooks) -> std::io::Result<Self> {
        Self::start_from(options, hooks, Origins::default())
    }

    /// As [`Self::start`], with other ways to open sources and read weights (tests, benchmarks).
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start_from(options: LiveOptions, hooks: Hooks, origins: Origins) -> std::io::Result<Self> {
        let (sender, messages) = bounded(MESSAGES);
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            wanted: Mutex::new(Wanted { source: options.source, choice: 1, generation: 1, paused: false }),
            work: Mailbox::default(),
            new_model: Mailbox::default(),
            weights: Mutex::default(),
            refused: Mutex::default(),
            state: Mutex::new(SourceState::Opening),
            result: Mutex::new(None),
            model: Mutex::new(None),
            smoothing: Mutex::new(options.smoothing),
            detector: Mutex::new(options.detector),
            every_frame: AtomicBool::new(false),
            resting: AtomicBool::new(false),
            baseline: Mutex::default(),
            profile: Mutex::default(),
            chosen: Mutex::default(),
            tap: Mutex::new(None),
            transport: Mutex::new(None),
            hooks,
            origins,
            messages: sender,
        });
        let mut live = Self {
            shared,
            messages,
            threads: Vec::new(),
            device: options.device,
            threads_wanted: options.threads,
        };
        live.spawn("capture", capture_loop)?;
        live.spawn("analysis", analysis_loop)?;
        live.load_weights_as(options.weights.unwrap_or_default())?;
        Ok(live)
    }

    fn spawn(
        &mut self,
        name: &'static str,
        body: impl Fn(&Arc<Shared>) + Send + 'static,
    ) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || guarded(&shared, name, || body(&shared)))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Changes the source while running.
    pub fn set_source(&self, source: SourceSpec) {
        let mut wanted = self.shared.wanted.lock();
        wanted.source = source;
        wanted.choice += 1;
        wanted.generation += 1;
        wanted.paused = false;
        // A key that is pressed before the new source is open must not seek in the old one.
        *self.shared.transport.lock() = None;
    }

    /// The source that was asked for last.
    #[must_use]
    pub fn wanted_source(&self) -> SourceSpec {
        self.shared.wanted.lock().source.clone()
    }

    /// Pausing releases a camera, and going on opens it again; anything else waits where it is. The result of that moment
    /// stays.
    pub fn set_paused(&self, paused: bool) {
        let mut wanted = self.shared.wanted.lock();
        if wanted.paused != paused {
            wanted.paused = paused;
            wanted.generation += 1;
        }
    }

    /// Whether the user paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.shared.wanted.lock().paused
    }

    /// Reads and checks a weights file (`None`: the built-in network) on a thread of its own. Only a network
    /// that is ready replaces the running one; a message says how it went.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn load_weights(&mut self, path: Option<PathBuf>) -> std::io::Result<()> {
        self.load_weights_as(path.map_or_else(WeightsChoice::default, WeightsChoice::from))
    }

    /// As [`Self::load_weights`], with what the user says of the file. Of several choices the last one that can be read
    /// wins, whichever is read first.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn load_weights_as(&mut self, choice: WeightsChoice) -> std::io::Result<()> {
        let (device, threads) = (self.device, self.threads_wanted);
        let turn = next_turn(&self.shared);
        self.threads.retain(|thread| !thread.is_finished());
        self.spawn("weights-loader", move |shared| load_in_turn(shared, turn, &choice, device, threads))
    }

    /// A handle that tells the threads to end, at once and from any thread: a window that draws slowly must not
    /// keep the camera.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.shared))
    }

    /// What makes a second analyzer with the network in use, on the thread that calls it: its own weights, and one CPU
    /// thread.
    pub fn second_analyzer(
        &self,
    ) -> impl FnOnce(FaceSearch) -> Result<FrameAnalyzer, String> + Send + 'static + use<> {
        let (read, device) = (Arc::clone(&self.shared.origins.read), self.device);
        let choice = self.model().map_or_else(WeightsChoice::default, |model| WeightsChoice {
            path: model.path.clone(),
            read_as: model.read_as,
        });
        move |search| {
            let loaded = read(&choice).map_err(|e| e.to_string())?;
            let classifier = loaded.classifier(device, 1).map_err(|e| e.to_string())?;
            Ok(FrameAnalyzer::new(classifier, search))
        }
    }

    /// What the source is doing.
    #[must_use]
    pub fn state(&self) -> SourceState {
        self.shared.state.lock().clone()
    }

    /// The newest result of the current source, as long as its faces are current.
    #[must_use]
    pub fn result(&self) -> Option<Arc<LiveResult>> {
        self.shared.result.lock().clone()
    }

    /// The network in use; `None` until the first one is loaded.
    #[must_use]
    pub fn model(&self) -> Option<Arc<ModelInfo>> {
        self.shared.model.lock().clone()
    }

    /// The next message for the user.
    #[must_use]
    pub fn next_message(&self) -> Option<Message> {
        self.messages.try_recv().ok()
    }

    /// Records the baseline of the person `id` for three seconds; a message says how it went.
    pub fn record_baseline(&self, id: u64) {
        *self.shared.baseline.lock() = BaselineState::Recording { id, left_s: None };
    }

    /// Sets or removes the baseline. One that is being recorded is discarded.
    pub fn set_baseline(&self, baseline: Option<Baseline>) {
        // Whether it fits is known with the next frame.
        *self.shared.baseline.lock() =
            baseline.map_or(BaselineState::Off, |baseline| BaselineState::On { baseline, fits: false });
    }

    /// The personal baseline.
    #[must_use]
    pub fn baseline(&self) -> BaselineState {
        self.shared.baseline.lock().clone()
    }

    /// Opens a profile on a thread of its own; a message says what is wrong with it. The one before stays until then.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn open_profile(&self, path: PathBuf) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let body = move || {
            let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
            match Profile::read(&path) {
                Ok(profile) => {
                    let reader = Arc::new(PersonalReader::new(profile));
                    // Whether it fits is known with the next frame.
                    let opened = ProfileInUse { name: name.into(), path, reader, fits: true };
                    *shared.profile.lock() = ProfileState::On(opened);
                    (shared.hooks.on_change)();
                }
                Err(e) => shared.say(Message::Error(e.to_string())),
            }
        };
        let shared = Arc::clone(&self.shared);
        let guarded_body = move || guarded(&shared, "profile", body);
        std::thread::Builder::new().name("profile".into()).spawn(guarded_body).map(drop)
    }

    /// Uses no profile any more.
    pub fn close_profile(&self) {
        *self.shared.profile.lock() = ProfileState::Off;
    }

    /// The profile in use.
    #[must_use]
    pub fn profile(&self) -> ProfileState {
        self.shared.profile.lock().clone()
    }

    /// The face that the user chose; a profile reads that one, else the one that is alone in view.
    pub fn set_chosen(&self, id: Option<u64>) {
        *self.shared.chosen.lock() = id;
    }

    /// How to play and seek in the running source, where it can.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.shared.transport.lock().clone()
    }

    /// Hands every result to `tap` from now on, also those that the window is too slow to show.
    pub fn set_result_tap(&self, tap: Option<Arc<ResultTap>>) {
        *self.shared.tap.lock() = tap;
    }

    /// Changes the detectors; the tracks so far are forgotten.
    pub fn set_detector(&self, detector: DetectorKind) {
        *self.shared.detector.lock() = detector;
    }

    /// Whether the whole of every frame is searched from now on, so that nobody who comes in is seen late: slower, for
    /// recordings in which faces are hidden.
    pub fn search_every_frame(&self, every_frame: bool) {
        self.shared.every_frame.store(every_frame, Ordering::Relaxed);
    }

    /// Whether nobody looks: frames are neither shown nor analysed then.
    pub fn set_resting(&self, resting: bool) {
        self.shared.resting.store(resting, Ordering::Relaxed);
    }

    /// Weights files that could not be used since the last call; messages said why.
    #[must_use]
    pub fn take_refused_weights(&self) -> Vec<PathBuf> {
        std::mem::take(&mut *self.shared.refused.lock())
    }

    /// Changes how strongly the readings are smoothed.
    pub fn set_smoothing(&self, settings: SmoothingSettings) {
        *self.shared.smoothing.lock() = settings;
    }
}

/// Ends a pipeline's threads.
#[derive(Clone)]
pub struct Stopper(Arc<Shared>);

impl Stopper {
    /// Tells them to end; does not wait.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + END_WITHIN;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            if thread.is_finished() {
                // Panics were caught and shown inside.
                let _ = thread.join();
            } else {
                tracing::warn!("the thread {:?} did not end in time", thread.thread().name());
            }
        }
    }
}

/// Runs a thread's body; a panic becomes a visible message.
fn guarded(shared: &Shared, name: &str, body: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
        shared.say(Message::Error(fault(name, &*panic)));
    }
}
