//! The capture thread: watches the thread that reads the wanted source, passes its frames on, says when there are
//! none, and starts again when a camera fails. It never calls a driver itself, so that it always goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moue_capture::{CaptureError, SourceInfo, SourceKind, SourceSpec};

use super::live::{Message, Shared, Wanted, Work};
use super::reader::{Event, Leaving, OneStream, Reader};

/// Without a frame for this long the picture is marked and the camera opened again.
pub(super) const NO_SIGNAL_AFTER: Duration = Duration::from_secs(3);
/// First and longest pause before a camera is opened again.
pub(super) const RETRY_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// A camera that ran this long works again; the pauses start anew.
pub(super) const WORKS_AFTER: Duration = Duration::from_secs(10);
/// Longest time to open a source; macOS may ask the user for permission meanwhile.
pub(super) const OPEN_WITHIN: Duration = Duration::from_secs(30);
/// How often the thread looks whether it should do something else.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A driver call that does not return.
pub(super) const NO_ANSWER: &str = "the driver does not answer; unplug the camera and plug it in again";

/// What the source is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceState {
    /// It is being opened.
    Opening,
    /// Frames arrive.
    Running(SourceInfo),
    /// The user paused; the camera is released.
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

pub(super) fn capture_loop(shared: &Arc<Shared>) {
    let mut supervisor = Supervisor { shared, leaving: Leaving::default(), paused_device: None };
    while !shared.stopped() {
        let wanted = shared.wanted.lock().clone();
        shared.clear_result();
        if wanted.paused {
            supervisor.wait_for_releases(&wanted);
            shared.set_state(SourceState::Paused);
            supervisor.wait_for_change(&wanted);
            continue;
        }
        shared.set_state(SourceState::Opening);
        if let Err(failed) = supervisor.serve(&wanted) {
            shared.set_state(SourceState::Failed(failed.clone()));
            shared.clear_result();
            shared.say(Message::SourceError(failed));
            supervisor.wait_for_change(&wanted);
        }
    }
}

/// An open source.
struct Running {
    reader: Reader,
    info: SourceInfo,
    /// What opens the same device again.
    same: SourceSpec,
}

/// Why no source was opened.
enum NotOpen {
    /// Something else is wanted.
    Changed,
    /// The message says what to do.
    Failed(String),
}

/// Why a source is not read any more.
enum End {
    /// Something else is wanted.
    Changed,
    /// A camera delivers nothing; it may come back.
    Lost(Option<String>),
    /// It does not work.
    Failed(String),
}

struct Supervisor<'a> {
    shared: &'a Shared,
    leaving: Leaving,
    /// The source that was wanted before a pause, and what opens the same device again.
    paused_device: Option<(SourceSpec, SourceSpec)>,
}

impl Supervisor<'_> {
    /// Reads the wanted source until something else is wanted.
    fn serve(&mut self, wanted: &Wanted) -> Result<(), String> {
        // After a pause the same device goes on, whatever has its number now.
        let source = match self.paused_device.take() {
            Some((source, same)) if source == wanted.source => same,
            _ => wanted.source.clone(),
        };
        let mut running = match self.open(&source, wanted, None) {
            Ok(running) => running,
            Err(NotOpen::Changed) => return Ok(()),
            Err(NotOpen::Failed(text)) => return Err(text),
        };
        self.shared.set_state(SourceState::Running(running.info.clone()));
        let mut last_frame = Instant::now();
        let mut stream = OneStream::default();
        let mut pause = RETRY_PAUSES.0;
        loop {
            let start = Instant::now();
            let end = self.run(&running, wanted, &mut last_frame, &mut stream);
            let Running { reader, info, same } = running;
            let (shared, since) = (self.shared, last_frame);
            let silence = |reason: Option<String>| {
                shared.set_state(SourceState::NoSignal { info: info.clone(), since, reason });
                shared.clear_result();
            };
            match &end {
                End::Changed => {
                    let paused = self.shared.wanted.lock().paused;
                    self.paused_device = paused.then(|| (wanted.source.clone(), same));
                    self.leave(reader);
                    return Ok(());
                }
                End::Failed(text) => {
                    self.leave(reader);
                    return Err(text.clone());
                }
                End::Lost(reason) => {
                    self.shared.work.take();
                    silence(reason.clone());
                    if let Some(text) = reason {
                        self.shared.say(Message::SourceError(text.clone()));
                    }
                }
            }
            self.leave(reader);
            if start.elapsed() > WORKS_AFTER {
                pause = RETRY_PAUSES.0;
            }
            running = loop {
                if self.pause(pause, wanted) {
                    return Ok(());
                }
                pause = (pause * 2).min(RETRY_PAUSES.1);
                match self.open(&same, wanted, Some(&info)) {
                    Ok(again) => break again,
                    Err(NotOpen::Changed) => return Ok(()),
                    Err(NotOpen::Failed(text)) => {
                        tracing::debug!("{text}");
                        // It is this program's own hung call that keeps the camera then.
                        let hung = self.leaving.any();
                        silence(Some(if hung { NO_ANSWER.to_owned() } else { text }));
                    }
                }
            };
        }
    }

    /// Opens a source. `again`: the camera that was lost.
    fn open(
        &mut self,
        source: &SourceSpec,
        wanted: &Wanted,
        again: Option<&SourceInfo>,
    ) -> Result<Running, NotOpen> {
        if matches!(source, SourceSpec::Auto | SourceSpec::Camera(_)) {
            // What is only now being released would be busy.
            self.wait_for_releases(wanted);
        }
        if self.leaving.too_many() {
            let text =
                "the drivers of several cameras do not answer; unplug them, or start the program again";
            return Err(NotOpen::Failed(text.into()));
        }
        let reader = Reader::start(&self.shared.origins.open, source)
            .map_err(|e| NotOpen::Failed(format!("{source}: the system gives no thread to read it: {e}")))?;
        let start = Instant::now();
        let failed = loop {
            match reader.next_within(LOOK_EVERY) {
                Some(Event::Opened { info, note, same, transport }) => {
                    *self.shared.transport.lock() = transport;
                    if let Some(note) = note {
                        self.shared.say(Message::Info(note));
                    }
                    let same = same.unwrap_or_else(|| match info.kind {
                        SourceKind::Camera => SourceSpec::Camera(Some(info.name.clone())),
                        _ => source.clone(),
                    });
                    return Ok(Running { reader, info, same });
                }
                Some(Event::Failed(e)) => break told(e, again),
                Some(Event::Panicked(text)) => break text,
                _ => {}
            }
            if self.changed(wanted) {
                self.leave(reader);
                return Err(NotOpen::Changed);
            }
            if start.elapsed() > OPEN_WITHIN {
                break format!("{source}: {NO_ANSWER}");
            }
        };
        self.leave(reader);
        Err(NotOpen::Failed(failed))
    }

    /// Passes frames on as long as they come.
    fn run(
        &self,
        running: &Running,
        wanted: &Wanted,
        last_frame: &mut Instant,
        stream: &mut OneStream,
    ) -> End {
        let Running { reader, info, .. } = running;
        let start = Instant::now();
        let camera = info.kind == SourceKind::Camera;
        let name: Arc<str> = info.name.as_str().into();
        let mut answered = Instant::now();
        let mut last_complaint = None;
        while !self.changed(wanted) {
            let event = reader.next_within(LOOK_EVERY);
            if event.is_some() {
                answered = Instant::now();
            }
            match event {
                Some(Event::Frame(frame)) => {
                    if matches!(*self.shared.state.lock(), SourceState::NoSignal { .. }) {
                        self.shared.set_state(SourceState::Running(info.clone()));
                    }
                    *last_frame = frame.captured_at;
                    let frame = if camera {
                        last_complaint = None;
                        stream.place(frame)
                    } else {
                        frame
                    };
                    (self.shared.hooks.on_frame)(&frame);
                    let source = Arc::clone(&name);
                    self.shared.work.put(Work {
                        frame,
                        kind: info.kind,
                        source,
                        generation: wanted.generation,
                    });
                }
                Some(Event::Nothing(CaptureError::Timeout { .. })) => {}
                // A folder's unreadable picture is named once, a camera's damaged frames are only logged.
                Some(Event::Nothing(e)) => {
                    let text = e.to_string();
                    tracing::debug!("{text}");
                    if !camera && last_complaint.as_ref() != Some(&text) {
                        self.shared.say(Message::Error(text.clone()));
                    }
                    last_complaint = Some(text);
                }
                Some(Event::Ended) => {
                    self.shared.set_state(SourceState::Ended);
                    self.wait_for_change(wanted);
                }
                Some(Event::Failed(e)) => {
                    let text = e.to_string();
                    return if camera { End::Lost(Some(text)) } else { End::Failed(text) };
                }
                Some(Event::Panicked(text)) => return End::Failed(text),
                Some(Event::Opened { .. }) | None => {}
            }
            if camera && (*last_frame).max(start).elapsed() > NO_SIGNAL_AFTER {
                let hung = answered.elapsed() > NO_SIGNAL_AFTER / 2;
                return End::Lost(if hung { Some(NO_ANSWER.into()) } else { last_complaint });
            }
        }
        End::Changed
    }

    /// Tells a thread to end and waits a little.
    fn leave(&mut self, reader: Reader) {
        *self.shared.transport.lock() = None;
        self.leaving.add(reader);
    }

    /// Waits until every source is released, except those whose driver hangs.
    fn wait_for_releases(&mut self, wanted: &Wanted) {
        while !self.changed(wanted) && !self.leaving.settled() {
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn changed(&self, wanted: &Wanted) -> bool {
        self.shared.stopped() || self.shared.wanted.lock().generation != wanted.generation
    }

    fn wait_for_change(&self, wanted: &Wanted) {
        while !self.changed(wanted) {
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Whether something else is wanted, before the pause is over.
    fn pause(&self, pause: Duration, wanted: &Wanted) -> bool {
        let start = Instant::now();
        while !self.changed(wanted) {
            if start.elapsed() > pause {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        true
    }
}

/// An error of opening, told of a camera that was there before.
pub(super) fn told(error: CaptureError, again: Option<&SourceInfo>) -> String {
    match (error, again) {
        (CaptureError::NoCamera { .. }, Some(info)) => {
            CaptureError::CameraUnplugged { device: info.name.clone() }.to_string()
        }
        (error, _) => error.to_string(),
    }
}
