//! One thread that makes all calls to a camera driver, because the driver's state belongs to the thread that made it
//! (Windows: COM). Callers choose how long they wait for an answer; a call that hangs blocks this thread only.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A thread with a state that never leaves it.
pub(super) struct DriverThread<S> {
    jobs: Sender<Job<S>>,
}

/// The pending answer of a job. Dropping it cancels a job that has not begun.
pub(super) struct Answer<R> {
    answer: Receiver<Result<R, Box<dyn Any + Send>>>,
    wanted: Arc<AtomicBool>,
}

impl<S: Default + 'static> DriverThread<S> {
    /// Starts the thread; the state is made there.
    pub(super) fn start(name: &str) -> io::Result<Self> {
        let (jobs, queue) = unbounded::<Job<S>>();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut state = S::default();
            for job in queue {
                job(&mut state);
            }
        })?;
        Ok(Self { jobs })
    }

    /// Queues `job`. A job whose answer was dropped before its turn is skipped. Where
    /// the answer is not taken, or the job panicked, the state is dropped and made anew: a camera that was opened too
    /// late is released.
    pub(super) fn ask<R: Send + 'static>(&self, job: impl FnOnce(&mut S) -> R + Send + 'static) -> Answer<R> {
        // The channel has no buffer: sending blocks until the answer is taken or dropped, so none is lost.
        let (sender, answer) = bounded(0);
        let wanted = Arc::new(AtomicBool::new(true));
        let still_wanted = Arc::clone(&wanted);
        // The thread lives as long as this sender, so the queue is there.
        let _ = self.jobs.send(Box::new(move |state| {
            if !still_wanted.load(Ordering::Acquire) {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(|| job(state)));
            let panicked = result.is_err();
            if sender.send(result).is_err() || panicked {
                // Dropping it calls the driver, which may panic as well.
                let _ = catch_unwind(AssertUnwindSafe(|| *state = S::default()));
            }
        }));
        Answer { answer, wanted }
    }

    /// Queues `job` without an answer.
    #[cfg_attr(test, allow(dead_code, reason = "the tests have no device to release"))]
    pub(super) fn tell(&self, job: impl FnOnce(&mut S) + Send + 'static) {
        let _ = self.jobs.send(Box::new(move |state| {
            let _ = catch_unwind(AssertUnwindSafe(|| job(state)));
        }));
    }
}

impl<R> Answer<R> {
    /// The answer, where it comes within `wait`; it may be asked for again. A panic of the job continues here.
    pub(super) fn within(&self, wait: Duration) -> Option<R> {
        match self.answer.recv_timeout(wait) {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => None,
        }
    }
}

impl<R> Drop for Answer<R> {
    fn drop(&mut self) {
        self.wanted.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn the_state_stays_on_one_thread_and_lives_from_job_to_job() {
        let driver = DriverThread::<Vec<std::thread::ThreadId>>::start("test-driver").unwrap();
        for _ in 0..3 {
            driver.ask(|seen| seen.push(std::thread::current().id())).within(LONG).unwrap();
        }
        let seen = driver.ask(|seen| seen.clone()).within(LONG).unwrap();
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|id| *id == seen[0] && *id != std::thread::current().id()));
    }

    #[test]
    fn a_call_that_hangs_is_waited_for_no_longer_than_wanted_and_what_it_opens_too_late_is_released() {
        let driver = DriverThread::<Option<Arc<()>>>::start("test-driver").unwrap();
        let (end, hangs) = bounded::<()>(1);
        let device = Arc::new(());
        let opened = Arc::clone(&device);
        let open = driver.ask(move |state| {
            let _ = hangs.recv();
            *state = Some(opened);
        });
        assert!(open.within(SHORT).is_none());
        drop(open);
        // Asked for behind the call that hangs, and given up: it is never done.
        let done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&done);
        let second = driver.ask(move |_| flag.store(true, Ordering::Relaxed));
        assert!(second.within(SHORT).is_none());
        drop(second);
        end.send(()).unwrap();
        assert!(driver.ask(|state| state.is_none()).within(LONG).unwrap());
        assert!(!done.load(Ordering::Relaxed));
        assert_eq!(Arc::strong_count(&device), 1, "the device is still open");
    }

    #[test]
    fn a_panic_reaches_who_asked_and_the_thread_goes_on() {
        let driver = DriverThread::<u32>::start("test-driver").unwrap();
        driver.ask(|state| *state = 7).within(LONG).unwrap();
        let broken = driver.ask(|_| -> () { panic!("an impossible mode") });
        let panic = catch_unwind(AssertUnwindSafe(|| broken.within(LONG))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"an impossible mode"));
        assert_eq!(driver.ask(|state| *state).within(LONG), Some(0), "the state is made anew");
    }
}
