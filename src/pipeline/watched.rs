//! A camera for callers that want a plain [`FrameSource`], such as `moue analyze`: opened again when it was lost, and given
//! up after a while.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use moue_capture::{
    CaptureError, Failure, Frame, FrameSource, Limits, OpenedSource, Report, SourceInfo, SourceKind,
    SourceOpener, SourceSpec, WatchedSource,
};

use super::shared::fault;

/// Longest wait in one call.
const WAIT: Duration = Duration::from_millis(500);
/// How often a call looks whether it should end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A camera that is opened again when its signal is lost.
pub struct WatchedCamera {
    source: WatchedSource,
    /// What happened and was not returned yet.
    pending: VecDeque<Report>,
    limits: Limits,
    stopped: Arc<AtomicBool>,
    info: SourceInfo,
}

impl WatchedCamera {
    /// Opens `source` with `open` on a new thread and waits for it. `limits` should end at some time
    /// ([`Limits::give_up_after`]): no user is there to stop it. `Ok(None)`: `stopped` was set meanwhile.
    ///
    /// # Errors
    /// What `open` says, or that the driver does not answer.
    pub fn open(
        open: Arc<SourceOpener>,
        source: &SourceSpec,
        limits: Limits,
        stopped: Arc<AtomicBool>,
    ) -> Result<Option<OpenedSource>, CaptureError> {
        let mut watched = WatchedSource::new(open, limits);
        watched.watch(source.clone());
        while !stopped.load(Ordering::Relaxed) {
            for report in watched.poll(LOOK_EVERY) {
                match report {
                    Report::Opened { info, note, .. } => {
                        let camera =
                            Self { source: watched, pending: VecDeque::new(), limits, stopped, info };
                        return Ok(Some(OpenedSource { source: Box::new(camera), note }));
                    }
                    Report::Failed(failure) => return Err(error(&source.to_string(), failure)),
                    _ => {}
                }
            }
        }
        Ok(None)
    }
}

fn error(device: &str, failure: Failure) -> CaptureError {
    let reason = match failure {
        Failure::Error(error) => return error,
        Failure::Watcher(text) => text,
        Failure::Panicked(panic) => fault("capture-reader", &*panic),
    };
    CaptureError::Camera { device: device.to_owned(), reason }
}

impl FrameSource for WatchedCamera {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// As the trait says. [`CaptureError::NoSignal`] tells once that a camera was lost; frames or the end follow.
    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        let start = Instant::now();
        let device = &self.info.name;
        let no_picture = || "it gives no picture".to_owned();
        let limit_s = self.limits.give_up_after.map_or(0, |limit| limit.as_secs());
        self.source.receiver_waits();
        while start.elapsed() < WAIT && !self.stopped.load(Ordering::Relaxed) {
            if self.pending.is_empty() {
                if self.source.is_over() {
                    return Ok(None);
                }
                self.pending.extend(self.source.poll(LOOK_EVERY));
            }
            while let Some(report) = self.pending.pop_front() {
                match report {
                    Report::Frame { frame, .. } => return Ok(Some(frame)),
                    Report::Damaged(error) => return Err(error),
                    Report::NoSignal { reason, lost_now: true, .. } => {
                        let reason = reason.unwrap_or_else(no_picture);
                        return Err(CaptureError::NoSignal {
                            device: device.clone(),
                            reason,
                            wait_s: limit_s,
                        });
                    }
                    Report::NoSignal { reason, .. } => tracing::debug!("{}", reason.unwrap_or_default()),
                    Report::GivenUp { reason } => {
                        let reason = reason.unwrap_or_else(no_picture);
                        let reason = format!("no signal for {limit_s} s, given up ({reason})");
                        return Err(CaptureError::Camera { device: device.clone(), reason });
                    }
                    Report::Failed(failure) => return Err(error(device, failure)),
                    Report::Ended => return Ok(None),
                    Report::Opened { .. } => {}
                }
            }
        }
        let waited_ms = start.elapsed().as_millis() as u64;
        Err(CaptureError::Timeout { source_name: device.clone(), waited_ms })
    }

    fn same_device(&self) -> Option<SourceSpec> {
        self.source.same_device().filter(|_| self.info.kind == SourceKind::Camera).cloned()
    }
}
