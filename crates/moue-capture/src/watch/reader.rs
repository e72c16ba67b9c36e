//! Reads one source on a thread of its own. A driver call that hangs then hangs nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::watcher::{Event, OtherReaders};
use crate::{CaptureError, OpenedSource, SourceSpec};

/// Opens a source, on the thread that will read it.
pub type SourceOpener = dyn Fn(&SourceSpec) -> Result<OpenedSource, CaptureError> + Send + Sync;

/// How often a thread that waits for another one looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A source is released within this time unless its driver hangs or it is still being opened.
const RELEASE_SOON: Duration = Duration::from_millis(700);
/// Opening a camera gives up by itself within this time, and releases it.
const RELEASE_LATE: Duration = Duration::from_secs(9);
/// Drivers that may hang at once; each keeps a thread.
const MAX_HUNG: usize = 4;

/// A source that is being opened and read. [`EndingReaders::add`] ends it.
pub(super) struct Reader {
    events: Receiver<Event>,
    thread: JoinHandle<()>,
}

impl Reader {
    /// Opens `source` on a new thread.
    pub(super) fn start(open: &Arc<SourceOpener>, source: &SourceSpec) -> std::io::Result<Self> {
        // The one frame that waits here keeps the thread from reading on.
        let (sender, events) = bounded(1);
        let (open, source) = (Arc::clone(open), source.clone());
        let thread = std::thread::Builder::new().name("capture-reader".into()).spawn(move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| read(&*open, &source, &sender))) {
                // The receiver is gone when the source is not wanted any more.
                let _ = sender.send(Event::Panicked(panic));
            }
        })?;
        Ok(Self { events, thread })
    }

    /// What happened next, if something did within `wait`. A thread that is gone has failed.
    pub(super) fn next_within(&self, wait: Duration) -> Option<Event> {
        use crossbeam_channel::RecvTimeoutError::{Disconnected, Timeout};
        match self.events.recv_timeout(wait) {
            Ok(event) => Some(event),
            Err(Timeout) => None,
            Err(Disconnected) => Some(Event::Panicked(Box::new("the thread is gone"))),
        }
    }

    /// Ends the reading and waits until the source is released, at most `within`. Returns the thread where it does
    /// not end: it is still opening the source, or a driver call hangs.
    fn release(self, within: Duration) -> Option<JoinHandle<()>> {
        let Self { events, thread } = self;
        drop(events);
        let deadline = Instant::now() + within;
        while !thread.is_finished() {
            if Instant::now() > deadline {
                return Some(thread);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        // Its panics were caught inside.
        let _ = thread.join();
        None
    }
}

/// Threads that were told to end and have not ended yet; some never do.
#[derive(Default)]
pub(super) struct EndingReaders(Vec<(JoinHandle<()>, Instant)>);

impl EndingReaders {
    /// Tells a thread to end and waits a little.
    pub(super) fn add(&mut self, reader: Reader) {
        if let Some(thread) = reader.release(RELEASE_SOON) {
            self.0.push((thread, Instant::now()));
        }
    }

    /// What is left of them.
    pub(super) fn state(&mut self) -> OtherReaders {
        self.0.retain(|(thread, _)| !thread.is_finished());
        OtherReaders {
            settled: self.0.iter().all(|(_, since)| since.elapsed() > RELEASE_LATE),
            any: !self.0.is_empty(),
            too_many: self.0.len() >= MAX_HUNG,
        }
    }
}

/// Ends when the receiver is gone; the source is released then.
fn read(open: &SourceOpener, source: &SourceSpec, sender: &Sender<Event>) {
    let opened = match open(source) {
        Ok(opened) => opened,
        Err(e) => return drop(sender.send(Event::Failed(e))),
    };
    let mut source = opened.source;
    let info = source.info().clone();
    let (same, transport) = (source.same_device(), source.transport());
    let mut event = Event::Opened { info, note: opened.note, same, transport };
    loop {
        let last = matches!(event, Event::Ended | Event::Failed(_));
        if sender.send(event).is_err() || last {
            return;
        }
        event = match source.next_frame() {
            Ok(Some(frame)) => Event::Frame(frame),
            Ok(None) => Event::Ended,
            Err(e) if e.is_transient() => Event::Nothing(e),
            Err(e) => Event::Failed(e),
        };
    }
}
