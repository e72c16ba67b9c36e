//! Threads that stay, for work that takes microseconds.
//!
//! A frame's forward pass is some thirty parallel steps of 50 to 500 microseconds; waking a thread through the
//! kernel for each would cost more than it brings. The workers therefore look for new work for a short
//! while before they sleep. (As the thread pools of OpenMP runtimes and of ONNX Runtime do.)

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How long a worker looks for new work before it sleeps.
const SPIN: Duration = Duration::from_micros(200);

/// A step's function, its lifetime left out: the pool forgets it before the step ends.
type Work = *const (dyn Fn(usize) + Sync);

/// What caller and workers share.
struct Shared {
    /// The step's number of tasks in the upper half, the next task in the lower half. A task belongs to
    /// whoever raises the lower half by compare-and-swap: that succeeds only while the step is open,
    /// and an open step's `work` is valid until all of its tasks are done.
    ticket: AtomicU64,
    work: UnsafeCell<Option<Work>>,
    done: AtomicUsize,
    sleepers: AtomicUsize,
    stop: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `work` is written only by the caller that holds `Pool::caller` while no step is open, and read only by
// threads that own a task of an open step; the ticket's release and acquire order the two. The function behind
// the pointer is `Sync`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Runs tasks until none is left to start.
    fn help(&self) {
        let mut ticket = self.ticket.load(Ordering::Acquire);
        loop {
            let (tasks, next) = ((ticket >> 32) as usize, (ticket & 0xFFFF_FFFF) as usize);
            if next >= tasks {
                return;
            }
            match self.ticket.compare_exchange_weak(ticket, ticket + 1, Ordering::AcqRel, Ordering::Acquire) {
                Err(now) => ticket = now,
                Ok(_) => {
                    // SAFETY: task `next` of the open step is ours, so the step cannot end and `work` stays.
                    let work = unsafe { *self.work.get() };
                    let outcome = catch_unwind(AssertUnwindSafe(|| {
                        if let Some(work) = work {
                            // SAFETY: as above: the closure outlives the step.
                            unsafe { (*work)(next) };
                        }
                    }));
                    if let Err(payload) = outcome {
                        self.panic.lock().get_or_insert(payload);
                    }
                    self.done.fetch_add(1, Ordering::AcqRel);
                    ticket = self.ticket.load(Ordering::Acquire);
                }
            }
        }
    }

    fn has_work(&self) -> bool {
        let ticket = self.ticket.load(Ordering::SeqCst);
        (ticket & 0xFFFF_FFFF) < (ticket >> 32)
    }

    /// The main loop of a worker thread.
    fn serve(&self) {
        loop {
            let idle_since = Instant::now();
            while !self.has_work() {
                if self.stop.load(Ordering::SeqCst) {
                    return;
                }
                if idle_since.elapsed() > SPIN {
                    let mut guard = self.lock.lock();
                    self.sleepers.fetch_add(1, Ordering::SeqCst);
                    // Looked at again after the count is up: either the caller sees the count, or we its work.
                    if !self.has_work() && !self.stop.load(Ordering::SeqCst) {
                        self.wake.wait(&mut guard);
                    }
                    self.sleepers.fetch_sub(1, Ordering::SeqCst);
                }
                for _ in 0..8 {
                    std::hint::spin_loop();
                }
            }
            self.help();
        }
    }

    fn wake_sleepers(&self) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            let _guard = self.lock.lock();
            self.wake.notify_all();
        }
    }
}

/// A fixed number of threads that share out the tasks of one step at a time. Dropping it ends them.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    caller: Mutex<()>,
}

impl Pool {
    /// `threads` threads, the calling one among them; 0 is one for each core that this process may use. Where the
    /// system gives fewer, those must do.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let shared = Arc::new(Shared {
            ticket: AtomicU64::new(0),
            work: UnsafeCell::new(None),
            done: AtomicUsize::new(0),
            sleepers: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            lock: Mutex::new(()),
            wake: Condvar::new(),
            panic: Mutex::new(None),
        });
        let workers = (1..threads)
            .map_while(|i| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new().name(format!("kernel-{i}")).spawn(move || shared.serve()).ok()
            })
            .collect();
        Self { shared, workers, caller: Mutex::new(()) }
    }

    /// Number of threads, the caller's among them.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `work(0)` to `work(tasks - 1)`, each once, on all threads, and returns when all are done. Called from
    /// within a task, or while another thread uses the pool, it does all of it on the calling thread.
    ///
    /// # Panics
    /// When a task panicked: with its payload, after the others have ended.
    pub fn run(&self, tasks: usize, work: impl Fn(usize) + Sync) {
        let guard = if tasks > 1 && !self.workers.is_empty() { self.caller.try_lock() } else { None };
        if guard.is_none() || tasks > 0xFFFF_FFFF {
            return (0..tasks).for_each(work);
        }
        let shared = &*self.shared;
        let work: *const (dyn Fn(usize) + Sync + '_) = &work;
        // SAFETY: only the lifetime changes. The pointer is used by tasks of this step alone, and this function
        // waits for all of them.
        let work: Work = unsafe { std::mem::transmute(work) };
        shared.done.store(0, Ordering::Relaxed);
        // SAFETY: `caller` is locked and no step is open, so that nobody reads it.
        unsafe { *shared.work.get() = Some(work) };
        shared.ticket.store((tasks as u64) << 32, Ordering::SeqCst);
        shared.wake_sleepers();
        shared.help();
        let mut looks = 0_u32;
        while shared.done.load(Ordering::Acquire) < tasks {
            looks += 1;
            if looks > 2000 {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
        let panic = shared.panic.lock().take();
        drop(guard);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        {
            let _guard = self.shared.lock.lock();
            self.shared.wake.notify_all();
        }
        for worker in self.workers.drain(..) {
            worker.join().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 3, 8] {
            let pool = Pool::new(threads);
            assert_eq!(pool.threads(), threads);
            for tasks in [0, 1, 2, 7, 100] {
                for round in 0..50 {
                    let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                    pool.run(tasks, |i| {
                        counts[i].fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1), "{tasks} tasks, {round}");
                }
            }
        }
    }

    #[test]
    fn workers_wake_after_they_slept() {
        let pool = Pool::new(2);
        let sum = AtomicUsize::new(0);
        for _ in 0..3 {
            std::thread::sleep(SPIN * 5);
            pool.run(10, |i| {
                sum.fetch_add(i, Ordering::Relaxed);
            });
        }
        assert_eq!(sum.into_inner(), 135);
    }

    #[test]
    fn a_step_within_a_task_runs_on_its_thread() {
        let pool = Pool::new(2);
        let count = AtomicUsize::new(0);
        pool.run(4, |_| {
            pool.run(5, |_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(count.into_inner(), 20);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let pool = Pool::new(2);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            pool.run(8, |i| assert!(i != 5, "task five"));
        }));
        let message = *caught.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(message, "task five");
        let count = AtomicUsize::new(0);
        pool.run(8, |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(count.into_inner(), 8);
    }
}
