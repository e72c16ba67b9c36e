//! A watched source: the watcher's decisions, carried out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::reader::{EndingReaders, Reader, SourceOpener};
use super::watcher::{Action, Event, Limits, Report, SourceWatcher};
use crate::{CaptureError, SourceSpec};

/// A source that is opened, read and, where it is a camera, opened again. Dropping it releases the device, unless its
/// driver hangs. It never calls a driver on the caller's thread.
pub struct WatchedSource {
    open: Arc<SourceOpener>,
    limits: Limits,
    watcher: Option<SourceWatcher>,
    reader: Option<Reader>,
    ending: EndingReaders,
}

impl WatchedSource {
    /// Nothing is watched yet; sources will be opened with `open`.
    #[must_use]
    pub fn new(open: Arc<SourceOpener>, limits: Limits) -> Self {
        Self { open, limits, watcher: None, reader: None, ending: EndingReaders::default() }
    }

    /// Watches this source from now on, and no other.
    pub fn watch(&mut self, source: SourceSpec) {
        self.close();
        self.watcher = Some(SourceWatcher::new(source, self.limits, Instant::now()));
    }

    /// Ends what is watched and waits a little until it is released.
    pub fn close(&mut self) {
        self.watcher = None;
        self.end_reader();
    }

    /// Whether every source that was watched before is released, except those whose driver hangs.
    pub fn is_released(&mut self) -> bool {
        self.reader.is_none() && self.ending.state().settled
    }

    /// What opens the watched device again, once it was open.
    #[must_use]
    pub fn same_device(&self) -> Option<&SourceSpec> {
        self.watcher.as_ref().and_then(SourceWatcher::same_device)
    }

    /// Whether nothing more will be reported.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.watcher.as_ref().is_none_or(SourceWatcher::is_over)
    }

    /// The receiver begins to wait for a frame: see [`SourceWatcher::receiver_waits`].
    pub fn receiver_waits(&mut self) {
        if let Some(watcher) = &mut self.watcher {
            watcher.receiver_waits(Instant::now());
        }
    }

    /// What happened, waiting for it at most `wait`; often nothing.
    pub fn poll(&mut self, wait: Duration) -> Vec<Report> {
        let Some(watcher) = &mut self.watcher else {
            std::thread::sleep(wait);
            return Vec::new();
        };
        let had_reader = self.reader.is_some();
        let mut event = self.reader.as_ref().and_then(|reader| reader.next_within(wait));
        let mut reports = Vec::new();
        loop {
            let mut failed = None;
            for action in watcher.step(Instant::now(), event.take(), self.ending.state()) {
                match action {
                    Action::Open(source) => match Reader::start(&self.open, &source) {
                        Ok(reader) => self.reader = Some(reader),
                        Err(e) => {
                            let reason = format!("the system gives no thread to read it: {e}");
                            failed = Some(CaptureError::Camera { device: source.to_string(), reason });
                        }
                    },
                    Action::Close => {
                        if let Some(reader) = self.reader.take() {
                            self.ending.add(reader);
                        }
                    }
                    Action::Tell(report) => reports.push(report),
                }
            }
            match failed {
                Some(error) => event = Some(Event::Failed(error)),
                None => break,
            }
        }
        if !had_reader && self.reader.is_none() && reports.is_empty() {
            std::thread::sleep(wait);
        }
        reports
    }

    fn end_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            self.ending.add(reader);
        }
    }
}

impl Drop for WatchedSource {
    fn drop(&mut self) {
        self.end_reader();
    }
}
