//! When a frame was captured, as the driver says it.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use v4l::buffer::{Flags, Metadata};

/// A frame does not lie in the driver for longer; what says that it did is no time of this clock.
const MOST_AGE: Duration = Duration::from_secs(5);

/// The driver's time of the frame, where it gives one, else now.
pub(super) fn captured_at(metadata: &Metadata) -> Instant {
    let clock = clock_gettime(ClockId::Monotonic);
    let now = Instant::now();
    let age = duration(clock.tv_sec, clock.tv_nsec).and_then(|clock| age(metadata, clock));
    age.and_then(|age| now.checked_sub(age)).unwrap_or(now)
}

/// How long ago the frame was captured, when the monotonic clock shows `clock`; `None` where the driver's time is not of
/// that clock (a virtual camera may copy that of its feeder).
fn age(metadata: &Metadata, clock: Duration) -> Option<Duration> {
    if metadata.flags & Flags::TIMESTAMP_MASK != Flags::TIMESTAMP_MONOTONIC {
        return None;
    }
    let stamp = duration(metadata.timestamp.sec, metadata.timestamp.usec.checked_mul(1000)?)?;
    clock.checked_sub(stamp).filter(|age| *age <= MOST_AGE)
}

/// `None` for what is no time.
fn duration(seconds: i64, nanoseconds: i64) -> Option<Duration> {
    let nanoseconds = u32::try_from(nanoseconds).ok().filter(|n| *n < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(seconds).ok()?, nanoseconds))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use v4l::timestamp::Timestamp;

    fn metadata(flags: Flags, sec: i64, usec: i64) -> Metadata {
        Metadata { flags, timestamp: Timestamp::new(sec, usec), ..Metadata::default() }
    }

    #[test]
    fn the_drivers_time_is_taken_where_it_is_one_of_the_monotonic_clock() {
        let clock = Duration::from_millis(100_250);
        let of = |flags, sec, usec| age(&metadata(flags, sec, usec), clock);
        let monotonic = Flags::TIMESTAMP_MONOTONIC | Flags::DONE | Flags::TSTAMP_SRC_SOE;
        assert_eq!(of(monotonic, 100, 180_000), Some(Duration::from_millis(70)));
        assert_eq!(of(monotonic, 100, 250_000), Some(Duration::ZERO));
        for (flags, sec, usec) in [
            (Flags::TIMESTAMP_COPY, 100, 180_000),
            (Flags::TIMESTAMP_UNKNOWN, 100, 180_000),
            // Of the wall clock, in the future, nothing filled in, and no times at all.
            (monotonic, 1_700_000_000, 0),
            (monotonic, 100, 250_001),
            (monotonic, 0, 0),
            (monotonic, -1, 0),
            (monotonic, 100, -1),
            (monotonic, 100, i64::MAX),
        ] {
            assert_eq!(of(flags, sec, usec), None, "{sec} s {usec} us");
        }
    }

    #[test]
    fn a_time_becomes_one_of_this_program() {
        let clock = clock_gettime(ClockId::Monotonic);
        let stamp = metadata(Flags::TIMESTAMP_MONOTONIC, clock.tv_sec - 1, clock.tv_nsec / 1000);
        let before = Instant::now();
        let age = before.duration_since(captured_at(&stamp));
        assert!(age > Duration::from_millis(900) && age <= Duration::from_millis(1001), "{age:?}");
        assert!(captured_at(&metadata(Flags::TIMESTAMP_COPY, 0, 0)) >= before);
    }
}
