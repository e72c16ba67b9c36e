//! The recording that runs and those whose files are still being closed.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use parking_lot::Mutex;

use super::labels::face_label;
use super::language::{self, Language, tr};
use super::names::Names;
use super::overlay::map_of;
use crate::fault;
use crate::pipeline::{LiveResult, Message, ResultTap, ShownReading, SmoothingSettings};
use crate::record::{
    AnnotatedFace, AnnotatedFrame, RecordError, RecordedSettings, Recorder, RecorderOptions, RecorderTap,
    ResultRows,
};
use crate::settings::{OverlayMode, Settings};

/// Hands each result to a recorder.
struct ResultRecorder {
    tap: RecorderTap,
    /// The map that the video shows.
    overlay_mode: OverlayMode,
    /// Faces are hidden in the video.
    blur: bool,
    /// The profile in use at the start.
    profile: Option<String>,
}

/// A recording that is being made on a thread of its own: its folder may be on a slow disk, and ffmpeg is asked what it
/// can do.
struct Starting {
    made: Receiver<Result<Recorder, StartError>>,
    overlay_mode: OverlayMode,
    blur: bool,
    profile: Option<String>,
    /// The user ended it before it began.
    given_up: bool,
}

enum StartError {
    /// The folder for recordings is not there any more.
    FolderGone(PathBuf),
    Other(String),
}

/// Shared with the analysis thread; `None` while nothing is recorded.
type SharedRecorder = Arc<Mutex<Option<ResultRecorder>>>;

/// All recordings of this window.
#[derive(Default)]
pub(super) struct Recordings {
    starting: Option<Starting>,
    running: Option<Recorder>,
    /// Faces are hidden in the video of the running one.
    blur: bool,
    /// That the folder is gone was not acted on yet.
    folder_gone: bool,
    closing: Vec<Recorder>,
    for_results: SharedRecorder,
    /// Whether the user was told that the running recording loses results.
    loss_reported: bool,
    /// Whether the user was told that the running recording has no video.
    video_error_reported: bool,
    /// Whether the user was told that the camera's clock drifts.
    drift_reported: bool,
    last: Option<PathBuf>,
}

impl Recordings {
    /// What the analysis thread calls with each result; `other` is called as well.
    pub(super) fn result_tap(&self, other: Option<Arc<ResultTap>>) -> Arc<ResultTap> {
        let recorder = Arc::clone(&self.for_results);
        Arc::new(move |result: &Arc<LiveResult>| {
            if let Some(recorder) = &*recorder.lock() {
                recorder.push(result);
            }
            if let Some(other) = &other {
                other(result);
            }
        })
    }

    /// The recording that runs.
    pub(super) fn running(&self) -> Option<&Recorder> {
        self.running.as_ref()
    }

    /// Whether one runs or is being made.
    pub(super) fn is_on(&self) -> bool {
        self.running.is_some() || self.starting.as_ref().is_some_and(|s| !s.given_up)
    }

    /// Whether faces are hidden in its video.
    pub(super) fn is_blurring(&self) -> bool {
        (self.running.is_some() && self.blur) || self.starting.as_ref().is_some_and(|s| s.blur && !s.given_up)
    }

    /// Whether the folder for recordings turned out to be gone since the last call.
    pub(super) fn take_folder_gone(&mut self) -> bool {
        std::mem::take(&mut self.folder_gone)
    }

    /// The session folder of the last recording of this window.
    pub(super) fn last_folder(&self) -> Option<&Path> {
        self.last.as_deref()
    }

    /// Another recording takes its place, for its page and its name.
    pub(super) fn set_last_folder(&mut self, folder: PathBuf) {
        self.last = Some(folder);
    }

    /// Starts a recording soon, on another thread. `wake` is called when its status changes.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        &mut self,
        options: RecorderOptions,
        overlay_mode: OverlayMode,
        wake: impl Fn() + Send + Sync + Clone + 'static,
    ) -> std::io::Result<()> {
        let blur = options.video.as_ref().is_some_and(|v| v.blur);
        let profile = options.profile.as_ref().map(|profile| profile.name.clone());
        let (sender, made) = bounded(1);
        std::thread::Builder::new().name("recorder-start".into()).spawn(move || {
            let status_wake = wake.clone();
            let parent = options.parent.clone();
            let start = AssertUnwindSafe(|| Recorder::start(options, status_wake));
            let started = match catch_unwind(start) {
                Ok(Ok(recorder)) => Ok(recorder),
                Ok(Err(RecordError::Folder { reason, .. })) if reason.kind() == ErrorKind::NotFound => {
                    Err(StartError::FolderGone(parent))
                }
                Ok(Err(e)) => Err(StartError::Other(e.to_string())),
                Err(panic) => Err(StartError::Other(fault::describe("recorder-start", &*panic))),
            };
            // Fails only when the window was closed in the meantime.
            let _ = sender.send(started);
            wake();
        })?;
        self.starting = Some(Starting { made, overlay_mode, blur, profile, given_up: false });
        Ok(())
    }

    /// Takes over the recording that was being made, once it is. What to tell.
    fn take_started(&mut self) -> Option<Message> {
        let starting = self.starting.as_ref()?;
        let made = match starting.made.try_recv() {
            Ok(made) => made,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(StartError::Other(tr!("said-not-started").into())),
        };
        let Starting { overlay_mode, blur, profile, given_up, .. } = self.starting.take()?;
        match made {
            Ok(recorder) => {
                self.last = Some(recorder.folder().to_owned());
                if given_up {
                    recorder.end();
                    self.closing.push(recorder);
                    return None;
                }
                *self.for_results.lock() =
                    Some(ResultRecorder { tap: recorder.tap(), overlay_mode, blur, profile });
                (self.loss_reported, self.video_error_reported, self.drift_reported) = (false, false, false);
                self.blur = blur;
                self.running = Some(recorder);
                None
            }
            Err(_) if given_up => None,
            Err(StartError::FolderGone(folder)) => {
                self.folder_gone = true;
                Some(folder_gone(&folder))
            }
            Err(StartError::Other(text)) => Some(Message::Error(text)),
        }
    }

    /// Ends the recording. Its threads close the files; nothing waits for them.
    pub(super) fn end(&mut self) {
        *self.for_results.lock() = None;
        if let Some(starting) = &mut self.starting {
            starting.given_up = true;
        }
        if let Some(recorder) = self.running.take() {
            recorder.end();
            self.closing.push(recorder);
        }
    }

    /// Notes the changed smoothing or baseline in the running recording.
    pub(super) fn settings_changed(&self, settings: &Settings, baseline: bool) {
        if let Some(recorder) = &self.running {
            recorder.set_settings(recorded_settings(settings, baseline));
        }
    }

    /// What the user should know since the last call, and the folder of a recording that is complete. Ends a recording that
    /// failed.
    pub(super) fn messages(&mut self) -> Vec<(Message, Option<PathBuf>)> {
        let mut messages = Vec::new();
        messages.extend(self.take_started().map(|message| (message, None)));
        if let Some(recorder) = &self.running {
            let status = recorder.status();
            if status.lost > 0 && !std::mem::replace(&mut self.loss_reported, true) {
                let text = tr!("said-disk-slow");
                messages.push((Message::Error(text.into()), None));
            }
            if let Some(text) = &status.video_failed
                && !std::mem::replace(&mut self.video_error_reported, true)
            {
                messages.push((Message::Error(format!("{text}\n({})", tr!("said-still-recorded"))), None));
            }
            if let Some(text) = status.clock_drift
                && !std::mem::replace(&mut self.drift_reported, true)
            {
                messages.push((Message::Error(text), None));
            }
            if status.failed.is_some() || status.finished {
                self.end();
            }
        }
        self.closing.retain(|recorder| {
            let status = recorder.status();
            if !status.finished {
                return true;
            }
            let folder = recorder.folder().display();
            let path = Some(recorder.folder().to_owned());
            messages.push((
                match status.failed {
                    Some(reason) => Message::Error(format!(
                        "{}\n({})",
                        tr!("said-stopped", reason = reason),
                        tr!("said-written-until", folder = folder.to_string()),
                    )),
                    None => {
                        let (faces, folder) = (status.faces, folder.to_string());
                        Message::Info(if status.lost > 0 {
                            tr!("said-recorded-lost", count = faces, folder = folder, lost = status.lost)
                        } else {
                            tr!("said-recorded", count = faces, folder = folder)
                        })
                    }
                },
                path,
            ));
            false
        });
        messages
    }
}

impl ResultRecorder {
    /// Called on the analysis thread: must not wait.
    fn push(&self, result: &LiveResult) {
        let analyzed = &result.analyzed;
        let captured = analyzed.frame.captured_at;
        let time_s = self.tap.time_s(captured);
        let age_ms = result.finished_at.saturating_duration_since(captured).as_secs_f32() * 1000.0;
        let rows = ResultRows::new(&result.source, analyzed, &result.shown, time_s, Some(age_ms));
        // Another profile than at the start has other columns.
        let personal = result.personal.as_ref().filter(|own| self.profile.as_deref() == Some(&*own.profile));
        let rows = match personal {
            Some(own) => rows.with_personal_of(own.id, own.to_face()),
            None => rows,
        };
        self.tap.see(&analyzed.frame.stamp);
        self.tap.push(rows, &result.model);
        // Who came in where nobody looked would not be hidden; the next frame is searched as a whole.
        let safe = !self.blur || analyzed.whole_frame;
        if safe && self.tap.wants_frames() {
            self.tap.push_frame(annotated_frame(result, self.overlay_mode, &Names::default()), time_s);
        }
    }
}

/// What to tell where the folder for recordings is not there any more.
pub(super) fn folder_gone(folder: &Path) -> Message {
    Message::Error(tr!("said-folder-gone", folder = folder.display().to_string()))
}

/// The frame of a result, with what the window writes beside each face.
pub(super) fn annotated_frame(result: &LiveResult, mode: OverlayMode, names: &Names) -> AnnotatedFrame {
    let count = result.analyzed.faces.len();
    // Recordings and pictures are read by others, too.
    let labelled = |id: u64, shown: &ShownReading| {
        language::within(Language::English, || face_label(id, count, names, shown))
    };
    let faces = result.analyzed.faces.iter().zip(&result.shown).map(|(face, shown)| {
        let map = map_of(mode, face, shown, result.personal.as_ref());
        AnnotatedFace::new(face, labelled(face.id, shown), map, &shown.probabilities)
    });
    AnnotatedFrame { image: Arc::clone(&result.analyzed.frame.image), faces: faces.collect() }
}

/// How readings are smoothed, as it is set.
pub(super) fn smoothing(settings: &Settings) -> SmoothingSettings {
    SmoothingSettings { time_constant_ms: settings.smoothing_ms, ..Default::default() }
}

/// What a recording notes of the settings. `baseline`: a personal baseline is applied.
pub(super) fn recorded_settings(settings: &Settings, baseline: bool) -> RecordedSettings {
    RecordedSettings { baseline, ..RecordedSettings::new(&smoothing(settings)) }
}
