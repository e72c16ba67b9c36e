//! A camera for callers that want a plain [`FrameSource`], such as `moue analyze`. It is opened and read on a thread of
//! its own: a driver call that hangs hangs neither the caller nor the end of the program. A camera that was lost is
//! opened again, the same device only, and given up after a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use moue_capture::{CaptureError, Frame, FrameSource, OpenedSource, SourceInfo, SourceKind, SourceSpec};

use super::capturing::{
    LOOK_EVERY, NO_ANSWER, NO_SIGNAL_AFTER, OPEN_WITHIN, RETRY_PAUSES, WORKS_AFTER, told,
};
use super::live::SourceOpener;
use super::reader::{Event, Leaving, OneStream, Reader};

/// A camera without a frame for this long is given up.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(30);
/// Longest wait in one call.
const WAIT: Duration = Duration::from_millis(500);

/// What there is of the camera just now.
enum Link {
    Reading(Reader),
    /// It is opened again then.
    Pausing(Instant),
    Opening(Reader, Instant),
    /// It was given up, or is at its end.
    Over,
}

/// A camera that is watched.
pub struct WatchedCamera {
    open: Arc<SourceOpener>,
    stopped: Arc<AtomicBool>,
    info: SourceInfo,
    /// What opens the same device again.
    same: SourceSpec,
    link: Link,
    /// Since when it runs.
    running_since: Instant,
    leaving: Leaving,
    stream: OneStream,
    /// When the reading thread said something last.
    answered: Instant,
    /// Since when the caller waits for a frame: the time that it needs for its own work is not the camera's.
    waiting_since: Option<Instant>,
    /// What was wrong last.
    reason: Option<String>,
    pause: Duration,
}

impl WatchedCamera {
    /// Opens `source` with `open` on a new thread and waits for it. `Ok(None)`: `stopped` was set meanwhile.
    ///
    /// # Errors
    /// What `open` says, or that the driver does not answer.
    pub fn open(
        open: Arc<SourceOpener>,
        source: &SourceSpec,
        stopped: Arc<AtomicBool>,
    ) -> Result<Option<OpenedSource>, CaptureError> {
        let failed = |reason: String| CaptureError::Camera { device: source.to_string(), reason };
        let reader = Reader::start(&open, source)
            .map_err(|e| failed(format!("the system gives no thread to read it: {e}")))?;
        let start = Instant::now();
        while !stopped.load(Ordering::Relaxed) {
            match reader.next_within(LOOK_EVERY) {
                Some(Event::Opened { info, note, same, .. }) => {
                    let same = same.unwrap_or_else(|| SourceSpec::Camera(Some(info.name.clone())));
                    let camera = Self {
                        open,
                        stopped,
                        info,
                        same,
                        link: Link::Reading(reader),
                        running_since: Instant::now(),
                        leaving: Leaving::default(),
                        stream: OneStream::default(),
                        answered: Instant::now(),
                        waiting_since: None,
                        reason: None,
                        pause: RETRY_PAUSES.0,
                    };
                    return Ok(Some(OpenedSource { source: Box::new(camera), note }));
                }
                Some(Event::Failed(e)) => return Err(e),
                Some(Event::Panicked(text)) => return Err(failed(text)),
                _ if start.elapsed() > OPEN_WITHIN => return Err(failed(NO_ANSWER.into())),
                _ => {}
            }
        }
        Ok(None)
    }

    fn error(&self, reason: String) -> CaptureError {
        CaptureError::Camera { device: self.info.name.clone(), reason }
    }

    /// Closes the camera, to open it again after a pause.
    fn lose(&mut self, reason: Option<String>) -> CaptureError {
        if self.running_since.elapsed() > WORKS_AFTER {
            self.pause = RETRY_PAUSES.0;
        }
        self.reason = reason;
        self.close();
        self.pause();
        CaptureError::NoSignal {
            device: self.info.name.clone(),
            reason: self.reason.clone().unwrap_or_else(|| "it gives no picture".into()),
            wait_s: GIVE_UP_AFTER.as_secs(),
        }
    }

    fn close(&mut self) {
        if let Link::Reading(reader) | Link::Opening(reader, _) =
            std::mem::replace(&mut self.link, Link::Over)
        {
            self.leaving.add(reader);
        }
    }

    fn pause(&mut self) {
        self.link = Link::Pausing(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(RETRY_PAUSES.1);
    }

    /// Looks once at what the running camera does.
    fn look(
        &mut self,
        event: Option<Event>,
        waited: Duration,
    ) -> Option<Result<Option<Frame>, CaptureError>> {
        if event.is_some() {
            self.answered = Instant::now();
        }
        let camera = self.info.kind == SourceKind::Camera;
        match event {
            Some(Event::Frame(frame)) => {
                self.waiting_since = None;
                self.reason = None;
                return Some(Ok(Some(if camera { self.stream.place(frame) } else { frame })));
            }
            Some(Event::Nothing(CaptureError::Timeout { .. }) | Event::Opened { .. }) | None => {}
            Some(Event::Nothing(e)) => {
                self.reason = Some(e.to_string());
                return Some(Err(e));
            }
            Some(Event::Ended) => {
                self.close();
                return Some(Ok(None));
            }
            Some(Event::Failed(e)) if camera => return Some(Err(self.lose(Some(e.to_string())))),
            Some(Event::Failed(e)) => {
                self.close();
                return Some(Err(e));
            }
            Some(Event::Panicked(text)) => {
                self.close();
                return Some(Err(self.error(text)));
            }
        }
        if camera && waited > NO_SIGNAL_AFTER {
            let hung = self.answered.elapsed() > NO_SIGNAL_AFTER / 2;
            let reason = if hung { Some(NO_ANSWER.into()) } else { self.reason.take() };
            return Some(Err(self.lose(reason)));
        }
        None
    }

    /// Looks once whether the lost camera is open again.
    fn reopen(&mut self, event: Option<Event>, since: Instant) {
        let failed = match event {
            Some(Event::Opened { .. }) => {
                if let Link::Opening(reader, _) = std::mem::replace(&mut self.link, Link::Over) {
                    self.link = Link::Reading(reader);
                    (self.running_since, self.answered) = (Instant::now(), Instant::now());
                }
                return;
            }
            Some(Event::Failed(e)) => told(e, Some(&self.info)),
            Some(Event::Panicked(text)) => text,
            _ if since.elapsed() > OPEN_WITHIN => NO_ANSWER.to_owned(),
            _ => return,
        };
        tracing::debug!("{failed}");
        // It is this program's own hung call that keeps the camera then.
        self.reason = Some(if self.leaving.any() { NO_ANSWER.to_owned() } else { failed });
        self.close();
        self.pause();
    }

    /// Starts to open it again, once everything else is released that can be.
    fn try_again(&mut self, at: Instant) -> Result<(), CaptureError> {
        if Instant::now() < at || !self.leaving.settled() || self.leaving.too_many() {
            std::thread::sleep(LOOK_EVERY);
            return Ok(());
        }
        let reader = Reader::start(&self.open, &self.same)
            .map_err(|e| self.error(format!("the system gives no thread to read it: {e}")))?;
        self.link = Link::Opening(reader, Instant::now());
        Ok(())
    }
}

impl FrameSource for WatchedCamera {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// As the trait says. [`CaptureError::NoSignal`] tells once that a camera was lost; frames or the end follow.
    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        let start = Instant::now();
        let waiting_since = *self.waiting_since.get_or_insert(start);
        while start.elapsed() < WAIT && !self.stopped.load(Ordering::Relaxed) {
            match &self.link {
                Link::Reading(reader) => {
                    let event = reader.next_within(LOOK_EVERY);
                    let silent_since = waiting_since.max(self.running_since);
                    if let Some(answer) = self.look(event, silent_since.elapsed()) {
                        return answer;
                    }
                    continue;
                }
                Link::Pausing(at) => {
                    let at = *at;
                    self.try_again(at)?;
                }
                Link::Opening(reader, since) => {
                    let (event, since) = (reader.next_within(LOOK_EVERY), *since);
                    self.reopen(event, since);
                }
                Link::Over => return Ok(None),
            }
            if waiting_since.elapsed() > GIVE_UP_AFTER {
                self.close();
                let reason = self.reason.take().unwrap_or_else(|| "it gives no picture".into());
                let waited = GIVE_UP_AFTER.as_secs();
                return Err(self.error(format!("no signal for {waited} s, given up ({reason})")));
            }
        }
        let waited_ms = start.elapsed().as_millis() as u64;
        Err(CaptureError::Timeout { source_name: self.info.name.clone(), waited_ms })
    }

    fn same_device(&self) -> Option<SourceSpec> {
        (self.info.kind == SourceKind::Camera).then(|| self.same.clone())
    }
}

impl Drop for WatchedCamera {
    /// Others can open the camera at once, unless its driver hangs.
    fn drop(&mut self) {
        self.close();
    }
}
