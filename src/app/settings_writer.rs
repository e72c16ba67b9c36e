//! Writes the settings on a thread of its own: a slow disk must not hold up the window.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::settings::{Settings, SettingsFile};
use crate::fault;

/// The end of the program waits this long for the last state to be written; a disk that hangs is left behind.
const END_WITHIN: Duration = Duration::from_secs(2);
/// How often the end looks whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The thread that writes. Dropping it writes what it was given last.
pub(super) struct SettingsWriter {
    /// `None` at the end.
    states: Option<Sender<Settings>>,
    troubles: Receiver<String>,
    thread: Option<JoinHandle<()>>,
}

impl SettingsWriter {
    /// Starts the thread. `wake` is called when [`Self::trouble`] has something to say.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(file: SettingsFile, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (states, wanted) = unbounded::<Settings>();
        // What was not read yet need not be said again.
        let (tell, troubles) = bounded(1);
        let thread = std::thread::Builder::new().name("settings".into()).spawn(move || {
            let mut works = true;
            while let Ok(mut newest) = wanted.recv() {
                while let Ok(newer) = wanted.try_recv() {
                    newest = newer;
                }
                let trouble = match catch_unwind(AssertUnwindSafe(|| file.write(&newest))) {
                    Ok(Ok(())) => None,
                    Ok(Err(e)) => Some(format!("the settings cannot be kept: {e}")),
                    Err(panic) => Some(fault::describe("settings", &*panic)),
                };
                // Once, not with every change, until it works again.
                if let Some(text) = &trouble
                    && works
                {
                    tracing::warn!("{text}");
                    let _ = tell.try_send(text.clone());
                    wake();
                }
                works = trouble.is_none();
            }
        })?;
        Ok(Self { states: Some(states), troubles, thread: Some(thread) })
    }

    /// Has this state written, soon; of several the last.
    pub(super) fn keep(&self, settings: &Settings) {
        if let Some(states) = &self.states {
            // Fails only where the thread is gone, which it is not before the end.
            let _ = states.send(settings.clone());
        }
    }

    /// What went wrong, once.
    pub(super) fn trouble(&self) -> Option<String> {
        self.troubles.try_recv().ok()
    }
}

impl Drop for SettingsWriter {
    fn drop(&mut self) {
        // The thread writes what is waiting, and ends.
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
        // Its panics were caught inside.
        let _ = thread.join();
    }
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
            writer.keep(&Settings { smoothing_ms: step as f32, ..Settings::default() });
        }
        drop(writer);
        assert_eq!(file.read().0.smoothing_ms, 49.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn what_goes_wrong_is_told_once_until_it_works_again() {
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
        writer.keep(&Settings::default());
        wait_for(&|| woken.load(Ordering::SeqCst) == 1);
        assert!(writer.trouble().unwrap().contains("the settings cannot be kept"));
        writer.keep(&Settings::default());
        std::fs::remove_file(&in_the_way).unwrap();
        writer.keep(&Settings { mirror: false, ..Settings::default() });
        wait_for(&|| file.read().0 == Settings { mirror: false, ..Settings::default() });
        assert_eq!((writer.trouble(), woken.load(Ordering::SeqCst)), (None, 1));
    }
}
