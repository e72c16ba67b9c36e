//! What the window reads from and writes to the disk: settings, the source of the last session, and
//! jobs that write a snapshot or a report. Writing happens on threads of their own, because a slow disk must not block
//! the window.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use eframe::egui::Context;
use moue_capture::SourceSpec;

use super::language::{self, tr};
use crate::fault;
use crate::record::{RecordError, SessionWords};
use crate::settings::{Settings, SettingsFile};

/// The program waits this long at its end for the settings to be written. A disk that hangs must not keep it open.
const END_WITHIN: Duration = Duration::from_secs(2);
/// How often it looks whether they are.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Writes the settings on the thread "settings". Dropping it waits for the last write.
pub(super) struct SettingsWriter {
    /// `None` once it is being dropped, which ends the thread.
    states: Option<Sender<Settings>>,
    errors: Receiver<String>,
    thread: Option<JoinHandle<()>>,
}

impl SettingsWriter {
    /// Starts the thread. `wake` is called when [`Self::error`] has one.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(file: SettingsFile, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (states, wanted) = unbounded::<Settings>();
        // Room for one message: a second error would say the same.
        let (report, errors) = bounded(1);
        let thread = std::thread::Builder::new().name("settings".into()).spawn(move || {
            let mut works = true;
            while let Ok(mut newest) = wanted.recv() {
                while let Ok(newer) = wanted.try_recv() {
                    newest = newer;
                }
                let error = match catch_unwind(AssertUnwindSafe(|| file.write(&newest))) {
                    Ok(Ok(())) => None,
                    Ok(Err(e)) => Some(tr!("settings-not-saved", error = e.to_string())),
                    Err(panic) => Some(fault::describe("settings", &*panic)),
                };
                // Reported once, not with every change, until it works again.
                if let Some(text) = &error
                    && works
                {
                    tracing::warn!("{text}");
                    let _ = report.try_send(text.clone());
                    wake();
                }
                works = error.is_none();
            }
        })?;
        Ok(Self { states: Some(states), errors, thread: Some(thread) })
    }

    /// Writes these settings soon. Of several in a row only the last are written.
    pub(super) fn save(&self, settings: &Settings) {
        if let Some(states) = &self.states {
            // Cannot fail: the thread ends only when the sender is dropped.
            let _ = states.send(settings.clone());
        }
    }

    /// Why the settings could not be written; each reason once.
    pub(super) fn error(&self) -> Option<String> {
        self.errors.try_recv().ok()
    }
}

impl Drop for SettingsWriter {
    fn drop(&mut self) {
        // The thread writes what is waiting and ends.
        self.states = None;
        let Some(thread) = self.thread.take() else { return };
        let deadline = Instant::now() + END_WITHIN;
        while !thread.is_finished() {
            if Instant::now() > deadline {
                tracing::warn!("the settings were not written in time");
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        // Panics are caught inside the thread.
        let _ = thread.join();
    }
}

/// What came of a job.
pub(super) enum Outcome {
    /// Something was saved; what to tell, and where it is.
    Done {
        text: String,
        path: Option<PathBuf>,
    },
    /// A profile was written here.
    Profile(PathBuf),
    /// What a recording says of itself.
    Words {
        folder: PathBuf,
        words: SessionWords,
    },
    Failed(String),
    /// The folder for recordings is not there any more.
    FolderGone(PathBuf),
}

/// Jobs that write one file each, on threads of their own.
pub(super) struct FileJobs {
    done: Sender<Outcome>,
    outcomes: Receiver<Outcome>,
}

impl Default for FileJobs {
    fn default() -> Self {
        let (done, outcomes) = unbounded();
        Self { done, outcomes }
    }
}

impl FileJobs {
    /// Starts a job. `name` is the thread's name, and the job's name in messages.
    pub(super) fn start(
        &self,
        ctx: &Context,
        name: &'static str,
        job: impl FnOnce() -> Result<Outcome, RecordError> + Send + 'static,
    ) {
        let (done, wake) = (self.done.clone(), ctx.clone());
        let language = language::current();
        let body = move || {
            // Fails only when the window was closed in the meantime.
            let _ = done.send(match catch_unwind(AssertUnwindSafe(|| language::within(language, job))) {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(RecordError::Folder { path, reason })) if reason.kind() == io::ErrorKind::NotFound => {
                    Outcome::FolderGone(path)
                }
                Ok(Err(e)) => Outcome::Failed(e.to_string()),
                Err(panic) => Outcome::Failed(fault::describe(name, &*panic)),
            });
            wake.request_repaint();
        };
        if let Err(e) = std::thread::Builder::new().name(name.into()).spawn(body) {
            // The receiver is in this struct.
            let _ = self.done.send(Outcome::Failed(tr!("no-thread-job", job = name, error = e.to_string())));
        }
    }

    /// What came of jobs since the last call.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes.try_iter().collect()
    }
}

/// The source of the last session. Whether it still is there turns out when it is opened, on another thread.
pub(super) fn remembered_source(settings: &Settings) -> Option<SourceSpec> {
    let Ok(source) = settings.source.as_ref()?.parse::<SourceSpec>();
    Some(source)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn the_last_state_is_in_the_file_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = SettingsFile::at(folder.path().join("settings.json"));
        let writer = SettingsWriter::start(file.clone(), || {}).unwrap();
        for step in 0..50 {
            writer.save(&Settings { smoothing_ms: step as f32, ..Settings::default() });
        }
        drop(writer);
        assert_eq!(file.read().0.smoothing_ms, 49.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn an_error_is_reported_once_until_it_works_again() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join("moue");
        std::fs::write(&in_the_way, "a file where the folder should be").unwrap();
        let woken = Arc::new(AtomicUsize::new(0));
        let wake = Arc::clone(&woken);
        let file = SettingsFile::at(in_the_way.join("settings.json"));
        let writer = SettingsWriter::start(file.clone(), move || {
            wake.fetch_add(1, Ordering::SeqCst);
        })
        .unwrap();
        let wait_for = |what: &dyn Fn() -> bool| {
            let start = Instant::now();
            while !what() {
                assert!(start.elapsed() < Duration::from_secs(60));
                std::thread::sleep(LOOK_EVERY);
            }
        };
        writer.save(&Settings::default());
        wait_for(&|| woken.load(Ordering::SeqCst) == 1);
        assert!(writer.error().unwrap().contains("The settings cannot be saved"));
        writer.save(&Settings::default());
        std::fs::remove_file(&in_the_way).unwrap();
        writer.save(&Settings { mirror: false, ..Settings::default() });
        wait_for(&|| file.read().0 == Settings { mirror: false, ..Settings::default() });
        assert_eq!((writer.error(), woken.load(Ordering::SeqCst)), (None, 1));
    }

    #[test]
    fn the_last_source_is_remembered_without_a_look_at_the_disk() {
        let with = |source: &str| Settings { source: Some(source.to_owned()), ..Settings::default() };
        assert_eq!(remembered_source(&Settings::default()), None);
        assert_eq!(remembered_source(&with("demo")), Some(SourceSpec::Demo));
        let gone = "/no/such/file.mp4";
        assert_eq!(remembered_source(&with(gone)), Some(SourceSpec::Path(gone.into())));
    }
}
