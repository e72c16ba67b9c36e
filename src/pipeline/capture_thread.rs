//! The capture thread: passes the wanted source's frames on and says what the source is doing. The source is opened and
//! read on another thread (see [`WatchedSource`]), so that a driver that hangs stops neither this thread nor the window.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use moue_capture::{Failure, Report, SourceInfo, SourceKind, SourceSpec, WatchedSource};

use super::SceneWatch;

use super::shared::{Message, Shared, SourceState, Wanted, Work, fault};

/// How often the thread checks for another source or a pause.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) fn capture_loop(shared: &Arc<Shared>) {
    let mut capture = Capture {
        shared,
        source: WatchedSource::new(Arc::clone(&shared.origins.open), shared.origins.limits),
        paused_device: None,
        scenes: SceneWatch::default(),
    };
    while !shared.stopped() {
        let wanted = shared.wanted.lock().clone();
        if wanted.paused {
            capture.pause(&wanted);
        } else {
            capture.serve(&wanted);
        }
    }
}

struct Capture<'a> {
    shared: &'a Shared,
    source: WatchedSource,
    /// The source that was wanted before a pause, and what opens the same device again.
    paused_device: Option<(SourceSpec, SourceSpec)>,
    scenes: SceneWatch,
}

impl Capture<'_> {
    /// The state becomes `Paused` only once the camera is released, because the window then says so.
    fn pause(&mut self, wanted: &Wanted) {
        while !self.changed(wanted) && !self.source.is_released() {
            std::thread::sleep(LOOK_EVERY);
        }
        self.shared.set_state(SourceState::Paused);
        while !self.changed(wanted) {
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Reads the wanted source until something else is wanted.
    fn serve(&mut self, wanted: &Wanted) {
        self.shared.clear_result();
        self.shared.set_state(SourceState::Opening);
        // After a pause the same device is opened again, even where its number has changed.
        let source = match self.paused_device.take() {
            Some((source, same)) if source == wanted.source => same,
            _ => wanted.source.clone(),
        };
        self.source.watch(source);
        let mut opened = None;
        let mut wanted = wanted.clone();
        loop {
            if self.changed(&wanted) {
                match self.hold(&wanted, opened.as_ref()) {
                    Some(going_on) => wanted = going_on,
                    None => break,
                }
            }
            for report in self.source.poll(LOOK_EVERY) {
                self.take(report, &wanted, &mut opened);
            }
        }
        if self.shared.wanted.lock().paused {
            let same = self.source.same_device().cloned();
            self.paused_device = same.map(|same| (wanted.source.clone(), same));
        }
        *self.shared.transport.lock() = None;
        self.source.close();
    }

    /// A pause of what is no camera: it waits where it is. What is wanted when it goes on; `None`: it does not.
    fn hold(&mut self, wanted: &Wanted, opened: Option<&Opened>) -> Option<Wanted> {
        let info = &opened.filter(|opened| opened.info.kind != SourceKind::Camera)?.info;
        let before = self.shared.state.lock().clone();
        if self.shared.stopped() || !matches!(before, SourceState::Running(_)) {
            return None;
        }
        let mut now = self.shared.wanted.lock().clone();
        if now.paused && now.choice == wanted.choice {
            self.shared.set_state(SourceState::Paused);
            while !self.changed(&now) {
                std::thread::sleep(LOOK_EVERY);
            }
            now = self.shared.wanted.lock().clone();
        }
        if self.shared.stopped() || now.paused || now.choice != wanted.choice {
            return None;
        }
        self.scenes.restart();
        self.shared.clear_result();
        self.shared.set_state(SourceState::Running(info.clone()));
        Some(now)
    }

    fn take(&mut self, report: Report, wanted: &Wanted, opened: &mut Option<Opened>) {
        let shared = self.shared;
        match report {
            Report::Opened { info, note, transport } => {
                *shared.transport.lock() = transport;
                self.scenes.restart();
                if let Some(note) = note {
                    shared.say(Message::Info(note));
                }
                shared.set_state(SourceState::Running(info.clone()));
                *opened = Some(Opened { name: info.name.as_str().into(), info, last_complaint: None });
            }
            Report::Frame { frame, after_silence } => {
                let Some(Opened { info, name, .. }) = opened else { return };
                if after_silence {
                    shared.set_state(SourceState::Running(info.clone()));
                }
                // Every frame is looked at, those too that the analysis has no time for.
                let scene = self.scenes.scene_of(&frame, info.kind != SourceKind::Still);
                if shared.resting.load(Ordering::Relaxed) {
                    return;
                }
                (shared.hooks.on_frame)(&frame, scene);
                let (kind, source, generation) = (info.kind, Arc::clone(name), wanted.generation);
                shared.work.put(Work { frame, scene, kind, source, generation });
            }
            Report::Damaged(error) => {
                let text = error.to_string();
                tracing::debug!("{text}");
                // A folder's unreadable picture is named once, a camera's damaged frames are only logged.
                if let Some(opened) = opened
                    && opened.info.kind != SourceKind::Camera
                    && opened.last_complaint.as_ref() != Some(&text)
                {
                    shared.say(Message::Error(text.clone()));
                    opened.last_complaint = Some(text);
                }
            }
            Report::NoSignal { since, reason, lost_now } => {
                let Some(Opened { info, .. }) = opened else { return };
                if lost_now {
                    // A frame that still waits must not be analysed after its camera was lost.
                    shared.work.take();
                }
                let state = SourceState::NoSignal { info: info.clone(), since, reason: reason.clone() };
                shared.set_state(state);
                shared.clear_result();
                if let Some(text) = reason.filter(|_| lost_now) {
                    shared.say(Message::SourceError(text));
                }
            }
            Report::Failed(failure) => self.fail(match failure {
                Failure::Error(error) => error.to_string(),
                Failure::Watcher(text) => text,
                Failure::Panicked(panic) => fault("capture-reader", &*panic),
            }),
            Report::GivenUp { reason } => {
                self.fail(reason.unwrap_or_else(|| "the camera gives no picture".to_owned()));
            }
            Report::Ended => shared.set_state(SourceState::Ended),
        }
    }

    fn fail(&self, text: String) {
        *self.shared.transport.lock() = None;
        self.shared.set_state(SourceState::Failed(text.clone()));
        self.shared.clear_result();
        self.shared.say(Message::SourceError(text));
    }

    fn changed(&self, wanted: &Wanted) -> bool {
        self.shared.stopped() || self.shared.wanted.lock().generation != wanted.generation
    }
}

/// A source that is open, or was.
struct Opened {
    info: SourceInfo,
    name: Arc<str>,
    last_complaint: Option<String>,
}
