//! Reads one source on a thread of its own. A driver call that hangs then hangs nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use moue_capture::{CaptureError, Frame, SourceInfo, SourceSpec, Transport};

use super::live::{SourceOpener, fault};

/// How often a thread that waits for another one looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A source is released within this time unless its driver hangs or it is still being opened.
const RELEASE_SOON: Duration = Duration::from_millis(700);
/// Opening a camera gives up by itself within this time, and releases it.
const RELEASE_LATE: Duration = Duration::from_secs(9);
/// Drivers that may hang at once; each keeps a thread.
const MAX_HUNG: usize = 4;

/// What a source did.
pub(super) enum Event {
    /// It is open.
    Opened {
        info: SourceInfo,
        /// What the user should know about the choice.
        note: Option<String>,
        /// What opens the same device again and no other.
        same: Option<SourceSpec>,
        /// How to play and seek in it.
        transport: Option<Transport>,
    },
    /// The next frame.
    Frame(Frame),
    /// No frame, or a damaged one; it goes on.
    Nothing(CaptureError),
    /// A finite source is at its end.
    Ended,
    /// It could not be opened, or ended with an error.
    Failed(CaptureError),
    /// The source's own code panicked.
    Panicked(String),
}

/// A source that is being opened and read. [`Leaving::add`] ends it.
pub(super) struct Reader {
    events: Receiver<Event>,
    thread: JoinHandle<()>,
}

impl Reader {
    /// Opens `source` on a new thread.
    pub(super) fn start(open: &Arc<SourceOpener>, source: &SourceSpec) -> std::io::Result<Self> {
        // The frame that nobody has taken yet keeps the thread from reading on.
        let (sender, events) = bounded(1);
        let (open, source) = (Arc::clone(open), source.clone());
        let thread = std::thread::Builder::new().name("capture-reader".into()).spawn(move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| read(&*open, &source, &sender))) {
                // Where nobody listens any more, nobody cares.
                let _ = sender.send(Event::Panicked(fault("capture-reader", &*panic)));
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
            Err(Disconnected) => Some(Event::Panicked("the thread \"capture-reader\" is gone".into())),
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
pub(super) struct Leaving(Vec<(JoinHandle<()>, Instant)>);

impl Leaving {
    /// Tells a thread to end and waits a little.
    pub(super) fn add(&mut self, reader: Reader) {
        if let Some(thread) = reader.release(RELEASE_SOON) {
            self.0.push((thread, Instant::now()));
        }
        self.0.retain(|(thread, _)| !thread.is_finished());
    }

    /// Whether every source is released, except those whose driver hangs.
    pub(super) fn settled(&mut self) -> bool {
        self.0.retain(|(thread, _)| !thread.is_finished());
        self.0.iter().all(|(_, since)| since.elapsed() > RELEASE_LATE)
    }

    /// Whether a thread of this program keeps a source, against its will.
    pub(super) fn any(&self) -> bool {
        self.0.iter().any(|(thread, _)| !thread.is_finished())
    }

    /// Whether so many hang that another one would only be one more.
    pub(super) fn too_many(&self) -> bool {
        self.0.len() >= MAX_HUNG
    }
}

/// Numbers and times the frames of a camera that is opened again and again as one stream.
#[derive(Default)]
pub(super) struct OneStream {
    first: Option<Instant>,
    next: u64,
}

impl OneStream {
    /// The frame at its place in the whole stream.
    pub(super) fn place(&mut self, mut frame: Frame) -> Frame {
        let first = *self.first.get_or_insert(frame.captured_at);
        frame.time_s = frame.captured_at.duration_since(first).as_secs_f64();
        frame.index = self.next;
        self.next += 1;
        frame
    }
}

/// Ends when nobody listens any more; the source is released then.
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
