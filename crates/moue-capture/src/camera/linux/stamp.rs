//! When a frame was captured, as the driver says it.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use v4l::buffer::{Flags, Metadata};

use crate::stamp::{DriverClock, DriverStamp, Stamp};

/// A frame does not lie in the driver for longer; what says that it did is no time of this clock.
const MOST_AGE: Duration = Duration::from_secs(5);

/// The driver's time of the frame that was fetched just now, where it is one of the monotonic clock, else now; and all
/// that is known of its time, except how many frames were lost before it.
pub(super) fn captured_at(metadata: &Metadata) -> (Instant, Stamp) {
    let clock = clock_gettime(ClockId::Monotonic);
    let now = Instant::now();
    let clock = duration(clock.tv_sec, clock.tv_nsec).unwrap_or_default();
    let captured = age(metadata, clock).and_then(|age| now.checked_sub(age));
    let captured_at = captured.unwrap_or(now);
    (captured_at, Stamp { driver: driver(metadata, captured.is_some(), clock), ..Stamp::at(captured_at) })
}

/// What the driver says; `None` where its time is not filled in. `of_clock`: its time may be one of the monotonic clock.
fn driver(metadata: &Metadata, of_clock: bool, now: Duration) -> Option<DriverStamp> {
    let micros = metadata.timestamp.sec.checked_mul(1_000_000)?.checked_add(metadata.timestamp.usec)?;
    let clock = match metadata.flags & Flags::TIMESTAMP_MASK {
        Flags::TIMESTAMP_MONOTONIC if of_clock => DriverClock::Monotonic,
        Flags::TIMESTAMP_COPY => DriverClock::Copied,
        _ => DriverClock::Unknown,
    };
    (micros != 0).then_some(DriverStamp {
        time_ns: micros.checked_mul(1000)?,
        clock,
        sequence: metadata.sequence,
        dropped: None,
        received_ns: u64::try_from(now.as_nanos()).ok()?,
    })
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
        let age = before.duration_since(captured_at(&stamp).0);
        assert!(age > Duration::from_millis(900) && age <= Duration::from_millis(1001), "{age:?}");
        assert!(captured_at(&metadata(Flags::TIMESTAMP_COPY, 0, 0)).0 >= before);
    }

    #[test]
    fn what_the_driver_says_is_kept_with_the_clock_that_it_is_of() {
        let now = clock_gettime(ClockId::Monotonic);
        let stamp = |flags, sec| captured_at(&Metadata { sequence: 41, ..metadata(flags, sec, 5) }).1;
        let own = stamp(Flags::TIMESTAMP_MONOTONIC, now.tv_sec - 1);
        let driver = own.driver.unwrap();
        assert_eq!((driver.clock, driver.sequence), (DriverClock::Monotonic, 41));
        assert_eq!(driver.time_ns, (now.tv_sec - 1) * 1_000_000_000 + 5000);
        // The row's time is the driver's.
        assert!((own.monotonic_ns.unwrap() as i64 - driver.time_ns).abs() < 100_000_000, "{own:?}");
        for (flags, sec, clock) in [
            (Flags::TIMESTAMP_MONOTONIC, 1_700_000_000, DriverClock::Unknown),
            (Flags::TIMESTAMP_COPY, now.tv_sec, DriverClock::Copied),
            (Flags::TIMESTAMP_UNKNOWN, now.tv_sec, DriverClock::Unknown),
        ] {
            let stamp = stamp(flags, sec);
            assert_eq!(stamp.driver.unwrap().clock, clock);
            // It came now.
            let late = stamp.monotonic_ns.unwrap() as i64 - stamp.driver.unwrap().received_ns as i64;
            assert!(late.abs() < 100_000_000, "{late}");
        }
        assert_eq!(captured_at(&metadata(Flags::TIMESTAMP_MONOTONIC, 0, 0)).1.driver, None);
    }
}
