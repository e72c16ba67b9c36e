//! When a source is opened, counts as silent, is tried again and is given up: a state machine without I/O.

use std::any::Any;
use std::time::{Duration, Instant};

use crate::{CaptureError, Frame, SourceInfo, SourceKind, SourceSpec, Transport};

/// What is said of a driver call that does not return.
pub const NO_ANSWER: &str = "the driver does not answer; unplug the camera and plug it in again";
/// What is said when no more threads are spent on drivers that hang.
const TOO_MANY_HUNG: &str =
    "the drivers of several cameras do not answer; unplug them, or start the program again";

/// How long a watcher waits for what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Longest time to open a source. The wait for the user's permission does not count.
    pub open_within: Duration,
    /// A camera without a frame for this long has no signal, and is opened again.
    pub no_signal_after: Duration,
    /// First and longest pause before a camera is opened again; each is twice the one before.
    pub retry_pauses: (Duration, Duration),
    /// A camera that ran this long works again: the pauses start anew.
    pub works_after: Duration,
    /// A camera without a frame for this long is given up; `None`: never.
    pub give_up_after: Option<Duration>,
}

impl Limits {
    /// For a window: it shows that there is no signal, and the user decides when to give up.
    pub const LIVE: Self = Self {
        open_within: Duration::from_secs(30),
        no_signal_after: Duration::from_secs(3),
        retry_pauses: (Duration::from_secs(1), Duration::from_secs(10)),
        works_after: Duration::from_secs(10),
        give_up_after: None,
    };
    /// For commands that run without a user watching, such as `moue analyze`.
    pub const UNATTENDED: Self = Self { give_up_after: Some(Duration::from_secs(30)), ..Self::LIVE };
}

/// What happened at the thread that opens and reads the source.
#[derive(Debug)]
pub enum Event {
    /// The source is open.
    Opened {
        /// What is known about it.
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
    /// No frame, or a damaged one; the source goes on.
    Nothing(CaptureError),
    /// A finite source is at its end.
    Ended,
    /// It could not be opened, or ended with an error.
    Failed(CaptureError),
    /// The source's own code panicked.
    Panicked(Box<dyn Any + Send>),
}

/// What to do next.
#[derive(Debug)]
pub enum Action {
    /// Open this source on a new thread, and tell the watcher what happens there.
    Open(SourceSpec),
    /// End that thread, which releases the device.
    Close,
    /// Pass this report to the receiver of the frames.
    Tell(Report),
}

/// What the receiver of the frames should know.
#[derive(Debug)]
pub enum Report {
    /// The source is open for the first time.
    Opened {
        /// What is known about it.
        info: SourceInfo,
        /// What the user should know about the choice.
        note: Option<String>,
        /// How to play and seek in it.
        transport: Option<Transport>,
    },
    /// A frame. Those of a camera that was opened again are numbered and timed as one stream.
    Frame {
        /// The frame.
        frame: Frame,
        /// Whether it is the first one after a silence.
        after_silence: bool,
    },
    /// A frame or file that could not be read; the source goes on.
    Damaged(CaptureError),
    /// A camera delivers nothing; it will be opened again.
    NoSignal {
        /// When the last frame came.
        since: Instant,
        /// Why, where that is known.
        reason: Option<String>,
        /// Whether it was running until now; else it is one more attempt that failed.
        lost_now: bool,
    },
    /// It does not work, and is not tried again.
    Failed(Failure),
    /// A camera stayed silent too long, and is not tried again.
    GivenUp {
        /// Why it was silent, where that is known.
        reason: Option<String>,
    },
    /// A finite source is at its end.
    Ended,
}

/// Why a source does not work.
#[derive(Debug)]
pub enum Failure {
    /// The source said so.
    Error(CaptureError),
    /// The watcher said so, in words for the user.
    Watcher(String),
    /// The source's own code panicked.
    Panicked(Box<dyn Any + Send>),
}

/// The threads that read sources before and have not ended yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherReaders {
    /// Every source is released, except those whose driver hangs.
    pub settled: bool,
    /// A thread of this program still keeps a source, because its driver hangs.
    pub any: bool,
    /// So many hang that no further thread is started.
    pub too_many: bool,
}

impl OtherReaders {
    /// There are none.
    pub const NONE: Self = Self { settled: true, any: false, too_many: false };
}

/// Where the watcher stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// The source is to be opened, not before `at`.
    Closed { at: Instant },
    /// A thread opens it.
    Opening { since: Instant },
    /// A thread reads it; `answered` is when it said something last.
    Reading { since: Instant, answered: Instant },
    /// Nothing more will happen.
    Over,
}

/// What is known of a source that was open once.
#[derive(Debug, Clone, PartialEq)]
struct Device {
    info: SourceInfo,
    /// What opens the same device again.
    same: SourceSpec,
}

/// Watches one source from its opening to its end.
#[derive(Debug)]
pub struct SourceWatcher {
    source: SourceSpec,
    limits: Limits,
    phase: Phase,
    device: Option<Device>,
    /// When the last frame came, or the receiver began to wait for one.
    waiting_since: Instant,
    delivered: bool,
    silent: bool,
    /// What was wrong last.
    reason: Option<String>,
    pause: Duration,
    stream: Stream,
}

impl SourceWatcher {
    /// Watches `source` from `now` on.
    #[must_use]
    pub fn new(source: SourceSpec, limits: Limits, now: Instant) -> Self {
        Self {
            source,
            limits,
            phase: Phase::Closed { at: now },
            device: None,
            waiting_since: now,
            delivered: false,
            silent: false,
            reason: None,
            pause: limits.retry_pauses.0,
            stream: Stream::default(),
        }
    }

    /// What opens the same device again, once it was open.
    #[must_use]
    pub fn same_device(&self) -> Option<&SourceSpec> {
        self.device.as_ref().map(|device| &device.same)
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The receiver waits for a frame from `now` on: the time that it needed for its own work is not the camera's.
    pub fn receiver_waits(&mut self, now: Instant) {
        if std::mem::take(&mut self.delivered) {
            self.waiting_since = now;
        }
    }

    /// Goes on at the time `now` with what happened since the last call, if anything did. The actions are to be done in
    /// their order.
    pub fn step(&mut self, now: Instant, event: Option<Event>, others: OtherReaders) -> Vec<Action> {
        let mut actions = Vec::new();
        match self.phase {
            Phase::Closed { at } => self.closed(now, at, others, &mut actions),
            Phase::Opening { since } => self.opening(now, since, event, others, &mut actions),
            Phase::Reading { since, .. } => self.reading(now, since, event, &mut actions),
            Phase::Over => {}
        }
        self.give_up(now, &mut actions);
        actions
    }

    fn closed(&mut self, now: Instant, at: Instant, others: OtherReaders, actions: &mut Vec<Action>) {
        let is_device = matches!(self.source, SourceSpec::Auto | SourceSpec::Camera(_));
        // A device that another thread of this program still releases would seem to be in use.
        if now < at || (is_device && !others.settled) {
            return;
        }
        if others.too_many {
            match self.device {
                None => self.fail(Failure::Watcher(TOO_MANY_HUNG.to_owned()), actions),
                Some(_) => self.try_later(now, NO_ANSWER.to_owned(), actions),
            }
            return;
        }
        let source = self.same_device().unwrap_or(&self.source).clone();
        self.phase = Phase::Opening { since: now };
        actions.push(Action::Open(source));
    }

    fn opening(
        &mut self,
        now: Instant,
        since: Instant,
        event: Option<Event>,
        others: OtherReaders,
        actions: &mut Vec<Action>,
    ) {
        let failure = match event {
            Some(Event::Opened { info, note, same, transport }) => {
                self.phase = Phase::Reading { since: now, answered: now };
                if self.device.is_none() {
                    let same = same.unwrap_or_else(|| match info.kind {
                        SourceKind::Camera => SourceSpec::Camera(Some(info.name.clone())),
                        _ => self.source.clone(),
                    });
                    self.device = Some(Device { info: info.clone(), same });
                    self.waiting_since = now;
                    actions.push(Action::Tell(Report::Opened { info, note, transport }));
                }
                return;
            }
            // The user may take any time to answer, so this counts as no failure.
            Some(Event::Failed(CaptureError::PermissionPending { .. })) => {
                actions.push(Action::Close);
                self.phase = Phase::Closed { at: now + self.limits.retry_pauses.0 };
                return;
            }
            Some(Event::Failed(error)) => Failure::Error(error),
            Some(Event::Panicked(panic)) => Failure::Panicked(panic),
            _ if now.duration_since(since) > self.limits.open_within => {
                Failure::Watcher(format!("{}: {NO_ANSWER}", self.source))
            }
            _ => return,
        };
        actions.push(Action::Close);
        match (&self.device, failure) {
            (None, failure) => self.fail(failure, actions),
            // This program's own hung call keeps the camera then, whatever the system says.
            (Some(_), _) if others.any => self.try_later(now, NO_ANSWER.to_owned(), actions),
            (Some(device), Failure::Error(CaptureError::NoCamera { .. })) => {
                let unplugged = CaptureError::CameraUnplugged { device: device.info.name.clone() };
                self.try_later(now, unplugged.to_string(), actions);
            }
            (Some(_), Failure::Error(error)) => self.try_later(now, error.to_string(), actions),
            (Some(_), Failure::Watcher(text)) => self.try_later(now, text, actions),
            (Some(_), failure @ Failure::Panicked(_)) => self.fail(failure, actions),
        }
    }

    fn reading(&mut self, now: Instant, since: Instant, event: Option<Event>, actions: &mut Vec<Action>) {
        let camera = self.device.as_ref().is_some_and(|d| d.info.kind == SourceKind::Camera);
        if event.is_some() {
            self.phase = Phase::Reading { since, answered: now };
        }
        match event {
            Some(Event::Frame(frame)) => {
                self.waiting_since = now;
                self.delivered = true;
                self.reason = None;
                let after_silence = std::mem::take(&mut self.silent);
                let frame = if camera { self.stream.place(frame) } else { frame };
                actions.push(Action::Tell(Report::Frame { frame, after_silence }));
            }
            Some(Event::Nothing(CaptureError::Timeout { .. }) | Event::Opened { .. }) | None => {}
            Some(Event::Nothing(error)) => {
                self.reason = Some(error.to_string());
                actions.push(Action::Tell(Report::Damaged(error)));
            }
            Some(Event::Ended) => {
                self.phase = Phase::Over;
                actions.push(Action::Tell(Report::Ended));
            }
            Some(Event::Failed(error)) if camera => {
                self.reason = Some(error.to_string());
                self.lose(now, since, actions);
            }
            Some(Event::Failed(error)) => {
                actions.push(Action::Close);
                self.fail(Failure::Error(error), actions);
            }
            Some(Event::Panicked(panic)) => {
                actions.push(Action::Close);
                self.fail(Failure::Panicked(panic), actions);
            }
        }
        let Phase::Reading { since, answered } = self.phase else { return };
        let limit = self.limits.no_signal_after;
        if camera && now.duration_since(self.waiting_since.max(since)) > limit {
            if now.duration_since(answered) > limit / 2 {
                self.reason = Some(NO_ANSWER.to_owned());
            }
            self.lose(now, since, actions);
        }
    }

    /// Closes the running camera, to open it again after a pause.
    fn lose(&mut self, now: Instant, running_since: Instant, actions: &mut Vec<Action>) {
        if now.duration_since(running_since) > self.limits.works_after {
            self.pause = self.limits.retry_pauses.0;
        }
        self.silent = true;
        actions.push(Action::Close);
        let (since, reason) = (self.waiting_since, self.reason.clone());
        actions.push(Action::Tell(Report::NoSignal { since, reason, lost_now: true }));
        self.wait(now);
    }

    /// An attempt to open the lost camera again failed.
    fn try_later(&mut self, now: Instant, reason: String, actions: &mut Vec<Action>) {
        self.silent = true;
        self.reason = Some(reason.clone());
        let since = self.waiting_since;
        actions.push(Action::Tell(Report::NoSignal { since, reason: Some(reason), lost_now: false }));
        self.wait(now);
    }

    fn wait(&mut self, now: Instant) {
        self.phase = Phase::Closed { at: now + self.pause };
        self.pause = (self.pause * 2).min(self.limits.retry_pauses.1);
    }

    fn fail(&mut self, failure: Failure, actions: &mut Vec<Action>) {
        self.phase = Phase::Over;
        actions.push(Action::Tell(Report::Failed(failure)));
    }

    fn give_up(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let Some(limit) = self.limits.give_up_after else { return };
        if self.silent && self.phase != Phase::Over && now.duration_since(self.waiting_since) > limit {
            if !matches!(self.phase, Phase::Closed { .. }) {
                actions.push(Action::Close);
            }
            self.phase = Phase::Over;
            actions.push(Action::Tell(Report::GivenUp { reason: self.reason.take() }));
        }
    }
}

/// Numbers and times the frames of a camera that is opened again and again as one stream.
#[derive(Debug, Default)]
struct Stream {
    first: Option<Instant>,
    next: u64,
    /// Frames that drivers lost before the camera was opened this time, and since.
    lost: (u64, u64),
}

impl Stream {
    /// The frame at its place in the whole stream.
    fn place(&mut self, mut frame: Frame) -> Frame {
        let first = *self.first.get_or_insert(frame.captured_at);
        frame.time_s = frame.captured_at.duration_since(first).as_secs_f64();
        frame.index = self.next;
        self.next += 1;
        if let Some(dropped) = frame.stamp.driver.as_mut().and_then(|driver| driver.dropped.as_mut()) {
            let (before, since) = &mut self.lost;
            if *dropped < *since {
                *before += *since;
            }
            *since = *dropped;
            *dropped += *before;
        }
        frame
    }
}

#[cfg(test)]
#[path = "watcher_tests.rs"]
mod tests;
