//! When a frame was taken, by the clocks of this machine and by the camera's driver.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// So long the clocks are taken to run side by side before they are compared again.
const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// A wall clock that moved by less, in microseconds, was not set: the comparison itself is not finer on a busy machine.
const STEP_US: u64 = 1000;

/// The times of a frame. What its source cannot say is `None`: files have no time of this machine's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// The system's monotonic clock in nanoseconds: on Unix `CLOCK_MONOTONIC`, which other programs read too
    /// (`time.monotonic_ns()` of Python on Linux, LSL's `local_clock`). The camera's own time of the frame where its driver keeps
    /// to that clock, else that of the frame's arrival.
    pub monotonic_ns: Option<u64>,
    /// The same moment as microseconds since 1970 in UTC, by the system's wall clock.
    pub utc_us: Option<i64>,
    /// What the driver says.
    pub driver: Option<DriverStamp>,
}

/// What a camera's driver says of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriverStamp {
    /// Its time of the frame in nanoseconds, of the clock that it names.
    pub time_ns: i64,
    /// The clock of that time.
    pub clock: DriverClock,
    /// Its number of the frame; it counts frames that nobody fetched, too.
    pub sequence: u32,
    /// Frames that it numbered and this program never got, since the camera was opened first. `None` where its numbers do not count.
    pub dropped: Option<u64>,
    /// When the frame came to this program, by the monotonic clock in nanoseconds.
    pub received_ns: u64,
}

/// The clock that a driver names for its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriverClock {
    /// The system's monotonic clock.
    Monotonic,
    /// Whatever the program used that feeds a virtual camera.
    Copied,
    /// It does not say, or its times cannot be of the clock that it names.
    Unknown,
}

impl DriverClock {
    /// Its name in `session.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Monotonic => "monotonic",
            Self::Copied => "copied",
            Self::Unknown => "unknown",
        }
    }
}

impl Stamp {
    /// The times of a moment, by this machine's clocks.
    #[must_use]
    pub fn at(moment: Instant) -> Self {
        let anchor = Anchor::current();
        let (ahead, span) = match moment.checked_duration_since(anchor.at) {
            Some(span) => (true, span),
            None => (false, anchor.at.duration_since(moment)),
        };
        let (ns, us) = (span.as_nanos() as u64, span.as_micros() as i64);
        let monotonic = |zero: u64| if ahead { zero.checked_add(ns) } else { zero.checked_sub(ns) };
        Self {
            monotonic_ns: anchor.monotonic_ns.and_then(monotonic),
            utc_us: Some(anchor.utc_us + if ahead { us } else { -us }),
            driver: None,
        }
    }
}

/// One moment on three clocks.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    at: Instant,
    monotonic_ns: Option<u64>,
    utc_us: i64,
}

/// Kept, so that the same moment always has the same times.
static ANCHOR: Mutex<Option<Anchor>> = Mutex::new(None);

impl Anchor {
    /// The last comparison of the clocks, or a new one where the wall clock may have been set since.
    fn current() -> Self {
        let mut kept = ANCHOR.lock();
        match &mut *kept {
            Some(anchor) if anchor.at.elapsed() < COMPARE_EVERY => *anchor,
            Some(anchor) => {
                let new = Self::compare();
                let expected = anchor.utc_us + new.at.duration_since(anchor.at).as_micros() as i64;
                // Both run alike; only a clock that was set makes them differ.
                let utc_us = if new.utc_us.abs_diff(expected) < STEP_US { expected } else { new.utc_us };
                *anchor = Self { utc_us, ..new };
                *anchor
            }
            none => *none.insert(Self::compare()),
        }
    }

    /// Reads the clocks one after the other, and takes the try in which that took least.
    fn compare() -> Self {
        let one = || {
            let before = Instant::now();
            let (monotonic_ns, utc) = (monotonic_now_ns(), SystemTime::now());
            let took = before.elapsed();
            let utc_us = utc.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64);
            (took, Self { at: before + took / 2, monotonic_ns, utc_us })
        };
        let mut best = one();
        for _ in 0..4 {
            let next = one();
            if next.0 < best.0 {
                best = next;
            }
        }
        best.1
    }
}

/// The system's monotonic clock now, in nanoseconds; `None` where there is none that other programs can read.
#[must_use]
pub fn monotonic_now_ns() -> Option<u64> {
    #[cfg(unix)]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let (s, ns) = (u64::try_from(now.tv_sec).ok()?, u64::try_from(now.tv_nsec).ok()?);
        s.checked_mul(1_000_000_000)?.checked_add(ns)
    }
    #[cfg(not(unix))]
    None
}

/// Counts the frames that a driver numbered and that did not come.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only V4L2 numbers its frames"))]
pub(crate) struct SequenceWatch {
    last: Option<u32>,
    dropped: u64,
    /// Its numbers stand still.
    stuck: bool,
}

#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only V4L2 numbers its frames"))]
impl SequenceWatch {
    /// Takes the number of a frame that came; how many did not so far. `None` where the numbers do not count.
    pub(crate) fn next(&mut self, sequence: u32) -> Option<u64> {
        if let Some(last) = self.last {
            let step = sequence.wrapping_sub(last);
            self.stuck |= step == 0;
            // Backwards: the stream was started again and counts from 0.
            if (1..=u32::MAX / 2).contains(&step) {
                self.dropped += u64::from(step - 1);
            }
        }
        self.last = Some(sequence);
        (!self.stuck).then_some(self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_one_time_on_each_clock() {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let stamp = Stamp::at(now);
        assert_eq!(stamp, Stamp::at(now));
        // Microseconds are rounded, and the clocks may be compared anew in between.
        let apart = |a: Stamp, b: Stamp, us: i64| (b.utc_us.unwrap() - a.utc_us.unwrap() - us).abs() <= 1000;
        let later = Stamp::at(now + Duration::from_millis(1500));
        assert!(apart(stamp, later, 1_500_000), "{stamp:?} {later:?}");
        let earlier = Stamp::at(now.checked_sub(Duration::from_millis(500)).unwrap());
        assert!(apart(earlier, stamp, 500_000), "{earlier:?} {stamp:?}");
        let utc = wall.duration_since(UNIX_EPOCH).unwrap().as_micros() as i64;
        assert!((stamp.utc_us.unwrap() - utc).abs() < 1_000_000);
        #[cfg(unix)]
        {
            let read = monotonic_now_ns().unwrap();
            let (stamped, later) = (stamp.monotonic_ns.unwrap(), later.monotonic_ns.unwrap());
            assert!((later - stamped).abs_diff(1_500_000_000) < 1_000_000, "{stamped} {later}");
            assert!(stamped <= read, "{stamped} {read}");
        }
    }

    #[test]
    fn gaps_in_a_drivers_numbers_are_frames_that_did_not_come() {
        let count = |numbers: &[u32]| {
            let mut watch = SequenceWatch::default();
            numbers.iter().map(|n| watch.next(*n)).collect::<Vec<_>>()
        };
        assert_eq!(count(&[7, 8, 9]), [Some(0); 3]);
        assert_eq!(count(&[0, 3, 4, 6]), [Some(0), Some(2), Some(2), Some(3)]);
        // Over the end of its numbers, and a stream that was started again.
        assert_eq!(count(&[u32::MAX, 1]), [Some(0), Some(1)]);
        assert_eq!(count(&[900, 0, 2]), [Some(0), Some(0), Some(1)]);
        // A driver that does not count.
        assert_eq!(count(&[0, 0, 0]), [Some(0), None, None]);
    }
}
