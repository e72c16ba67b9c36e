//! The recording that runs and those whose files are still being closed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::labels::label_text;
use super::overlay::map_of;
use crate::pipeline::{LiveResult, Message, ResultTap, SmoothingSettings};
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
}

/// Shared with the analysis thread; `None` while nothing is recorded.
type SharedRecorder = Arc<Mutex<Option<ResultRecorder>>>;

/// All recordings of this window.
#[derive(Default)]
pub(super) struct Recordings {
    running: Option<Recorder>,
    closing: Vec<Recorder>,
    for_results: SharedRecorder,
    /// Whether the user was told that the running recording loses results.
    loss_reported: bool,
    /// Whether the user was told that the running recording has no video.
    video_error_reported: bool,
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

    /// The session folder of the last recording of this window.
    pub(super) fn last_folder(&self) -> Option<&Path> {
        self.last.as_deref()
    }

    /// Starts a recording. `wake` is called when its status changes.
    ///
    /// # Errors
    /// [`RecordError`] when its folder or files cannot be made.
    pub(super) fn start(
        &mut self,
        options: RecorderOptions,
        overlay_mode: OverlayMode,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<(), RecordError> {
        let recorder = Recorder::start(options, wake)?;
        *self.for_results.lock() = Some(ResultRecorder { tap: recorder.tap(), overlay_mode });
        self.last = Some(recorder.folder().to_owned());
        (self.loss_reported, self.video_error_reported) = (false, false);
        self.running = Some(recorder);
        Ok(())
    }

    /// Ends the recording. Its threads close the files; nothing waits for them.
    pub(super) fn end(&mut self) {
        *self.for_results.lock() = None;
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

    /// What the user should know since the last call. Ends a recording that failed.
    pub(super) fn messages(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        if let Some(recorder) = &self.running {
            let status = recorder.status();
            if status.lost > 0 && !std::mem::replace(&mut self.loss_reported, true) {
                messages.push(Message::Error(
                    "The disk is too slow for the recording: results are being lost, and counted".into(),
                ));
            }
            if let Some(text) = &status.video_failed
                && !std::mem::replace(&mut self.video_error_reported, true)
            {
                messages.push(Message::Error(format!("{text}\n(the readings are still recorded)")));
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
            messages.push(match status.failed {
                Some(reason) => Message::Error(format!(
                    "Recording stopped: {reason}\n(what was written until then is in {folder})"
                )),
                None => {
                    let lost = if status.lost > 0 {
                        format!(", {} results lost", status.lost)
                    } else {
                        String::new()
                    };
                    Message::Info(format!("Recorded {} readings to {folder}{lost}", status.faces))
                }
            });
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
        self.tap.push(rows, &result.model);
        if self.tap.wants_frames() {
            self.tap.push_frame(annotated_frame(result, self.overlay_mode), time_s);
        }
    }
}

/// The frame of a result, with what the window writes beside each face.
pub(super) fn annotated_frame(result: &LiveResult, mode: OverlayMode) -> AnnotatedFrame {
    let faces = result.analyzed.faces.iter().zip(&result.shown).map(|(face, shown)| {
        AnnotatedFace::new(face, label_text(shown), map_of(mode, face, shown), &shown.probabilities)
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
