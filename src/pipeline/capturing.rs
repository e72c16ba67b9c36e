//! The capture thread: opens the wanted source, reads it, and starts again when a camera fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::live::{Message, Shared, Wanted, Work, fault};
use crate::capture::{CaptureError, FrameSource, OpenedSource, SourceInfo, SourceKind, SourceSpec};

/// Without a frame for this long the picture is marked.
const NO_SIGNAL_AFTER: Duration = Duration::from_secs(3);
/// First and longest pause before a camera is opened again.
const RETRY_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// How often a sleeping thread looks whether it should do something else.
const LOOK_EVERY: Duration = Duration::from_millis(50);

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
    while !shared.stopped() {
        let wanted = shared.wanted.lock().clone();
        shared.clear_result();
        if wanted.paused {
            shared.set_state(SourceState::Paused);
            wait_for_change(shared, &wanted);
            continue;
        }
        shared.set_state(SourceState::Opening);
        let failed = match catch_unwind(AssertUnwindSafe(|| open_and_run(shared, &wanted))) {
            Ok(Ok(())) => continue,
            Ok(Err(e)) => e.to_string(),
            // A driver's or decoder's fault ends this source, not the thread: another one can be chosen.
            Err(panic) => fault("capture", &*panic),
        };
        shared.clear_result();
        shared.set_state(SourceState::Failed(failed.clone()));
        shared.say(Message::Error(failed));
        wait_for_change(shared, &wanted);
    }
}

/// Returns when something else is wanted; the source is dropped then: the camera is free before the next
/// one is opened.
fn open_and_run(shared: &Shared, wanted: &Wanted) -> Result<(), CaptureError> {
    run(shared, wanted, (shared.origins.open)(&wanted.source)?);
    Ok(())
}

fn changed(shared: &Shared, wanted: &Wanted) -> bool {
    shared.stopped() || shared.wanted.lock().generation != wanted.generation
}

fn wait_for_change(shared: &Shared, wanted: &Wanted) {
    while !changed(shared, wanted) {
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Reads a source until another one is wanted.
fn run(shared: &Shared, wanted: &Wanted, opened: OpenedSource) {
    if let Some(note) = opened.note {
        shared.say(Message::Info(note));
    }
    let mut source = opened.source;
    let info = source.info().clone();
    let name: Arc<str> = info.name.as_str().into();
    shared.set_state(SourceState::Running(info.clone()));
    let mut last_frame = Instant::now();
    let mut silent = false;
    let mut last_complaint = None;
    while !changed(shared, wanted) {
        match source.next_frame() {
            Ok(Some(frame)) => {
                if silent {
                    silent = false;
                    shared.set_state(SourceState::Running(info.clone()));
                }
                last_frame = frame.captured_at;
                (shared.hooks.on_frame)(&frame);
                let source = Arc::clone(&name);
                shared.work.put(Work { frame, kind: info.kind, source, generation: wanted.generation });
            }
            Ok(None) => {
                shared.set_state(SourceState::Ended);
                wait_for_change(shared, wanted);
            }
            Err(e) if e.is_transient() => {
                // A folder's unreadable picture is named once, a camera's damaged frames are only logged.
                if matches!(e, CaptureError::UnreadableFrame { .. }) {
                    let text = e.to_string();
                    tracing::debug!("{text}");
                    if info.kind != SourceKind::Camera && last_complaint.as_ref() != Some(&text) {
                        shared.say(Message::Error(text.clone()));
                        last_complaint = Some(text);
                    }
                }
                if !silent && info.kind == SourceKind::Camera && last_frame.elapsed() > NO_SIGNAL_AFTER {
                    silent = true;
                    shared.clear_result();
                    shared.set_state(SourceState::NoSignal {
                        info: info.clone(),
                        since: last_frame,
                        reason: None,
                    });
                }
            }
            Err(e) => {
                shared.clear_result();
                shared.say(Message::Error(e.to_string()));
                if info.kind != SourceKind::Camera {
                    shared.set_state(SourceState::Failed(e.to_string()));
                    wait_for_change(shared, wanted);
                    return;
                }
                shared.set_state(SourceState::NoSignal {
                    info: info.clone(),
                    since: last_frame,
                    reason: Some(e.to_string()),
                });
                drop(source);
                match reopen(shared, wanted, &info) {
                    Some(again) => source = again,
                    None => return,
                }
                shared.set_state(SourceState::Running(info.clone()));
                last_frame = Instant::now();
            }
        }
    }
}

/// Opens the same camera again, with growing pauses. `None`: something else is wanted.
fn reopen(shared: &Shared, wanted: &Wanted, info: &SourceInfo) -> Option<Box<dyn FrameSource>> {
    let same = SourceSpec::Camera(Some(info.name.clone()));
    let (mut pause, longest) = RETRY_PAUSES;
    loop {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            if changed(shared, wanted) {
                return None;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        match (shared.origins.open)(&same) {
            Ok(opened) => return Some(opened.source),
            Err(e) => tracing::debug!("{e}"),
        }
        pause = (pause * 2).min(longest);
    }
}
