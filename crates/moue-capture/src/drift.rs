//! How a driver's clock runs beside this machine's.

use super::stamp::{DriverStamp, Stamp};

/// The clocks are compared at the start and then so often, in seconds,
const EVERY_S: f64 = 60.0;
/// each time over so many seconds: the frame that came soonest after its time says most.
const OVER_S: f64 = 5.0;
/// Offsets farther apart, in milliseconds, are no drift: the driver's clock was started again.
const RESTART_MS: f64 = 1000.0;
/// Above so many milliseconds a minute, rows of a long recording cannot be lined up with others without a correction.
pub const DRIFT_WARNING_MS: f64 = 5.0;

/// One comparison of the two clocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockComparison {
    /// When, on the monotonic clock in nanoseconds.
    pub at_ns: u64,
    /// How much later than by the driver's clock the soonest frame came, in milliseconds. Where both are the same clock, the way
    /// from the camera to this program.
    pub offset_ms: f64,
    /// How that changed since the comparison before, in milliseconds a minute; `None` at the first.
    pub drift_ms_a_minute: Option<f64>,
}

/// Compares the clocks from the frames' stamps.
#[derive(Debug, Clone, Default)]
pub struct DriftWatch {
    /// The comparison that is made: since when, and the smallest offset so far, in nanoseconds.
    open: Option<(u64, i128)>,
    last: Option<ClockComparison>,
}

impl DriftWatch {
    /// Takes a frame's stamp; a comparison where one is finished.
    pub fn update(&mut self, stamp: &Stamp) -> Option<ClockComparison> {
        let DriverStamp { time_ns, received_ns, .. } = stamp.driver?;
        let offset = i128::from(received_ns) - i128::from(time_ns);
        let seconds_since = |ns: u64| received_ns.saturating_sub(ns) as f64 / 1e9;
        let (since, least) = match self.open {
            Some((since, least)) => (since, least.min(offset)),
            None if self.last.is_none_or(|last| seconds_since(last.at_ns) >= EVERY_S) => {
                (received_ns, offset)
            }
            None => return None,
        };
        self.open = Some((since, least));
        if seconds_since(since) < OVER_S {
            return None;
        }
        self.open = None;
        let offset_ms = least as f64 / 1e6;
        let drift = |last: ClockComparison| {
            let minutes = since.saturating_sub(last.at_ns) as f64 / 60e9;
            let change = offset_ms - last.offset_ms;
            (minutes > 0.0 && change.abs() < RESTART_MS).then(|| change / minutes)
        };
        let comparison =
            ClockComparison { at_ns: since, offset_ms, drift_ms_a_minute: self.last.and_then(drift) };
        self.last = Some(comparison);
        Some(comparison)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::DriverClock;

    /// Frames of 30 a second whose driver's clock gains `gain_ms` a minute and that come 8 to 23 ms after their time.
    fn compare(gain_ms: f64, seconds: u32, start_s: f64) -> Vec<ClockComparison> {
        let mut watch = DriftWatch::default();
        let mut found = Vec::new();
        for i in 0..seconds * 30 {
            let real_s = f64::from(i) / 30.0;
            let late_ms = 8.0 + f64::from(i * 7 % 16);
            let driver_s = start_s + real_s + real_s / 60.0 * gain_ms / 1000.0;
            let received_ns = ((1000.0 + real_s) * 1e9 + late_ms * 1e6) as u64;
            let driver = DriverStamp {
                time_ns: (driver_s * 1e9) as i64,
                clock: DriverClock::Monotonic,
                sequence: i,
                dropped: Some(0),
                received_ns,
            };
            found.extend(watch.update(&Stamp { driver: Some(driver), ..Stamp::default() }));
        }
        found
    }

    #[test]
    fn equal_clocks_do_not_drift_and_others_by_what_they_gain() {
        let same = compare(0.0, 130, 1000.0);
        assert_eq!(same.len(), 3);
        assert!((same[0].offset_ms - 8.0).abs() < 0.5 && same[0].drift_ms_a_minute.is_none());
        assert!(same[1..].iter().all(|c| c.drift_ms_a_minute.unwrap().abs() < 0.1), "{same:?}");
        for gain_ms in [-12.0, 7.0] {
            for comparison in &compare(gain_ms, 200, 1000.0)[1..] {
                let drift = comparison.drift_ms_a_minute.unwrap();
                assert!((drift + gain_ms).abs() < 0.3, "{gain_ms}: {comparison:?}");
            }
        }
    }

    #[test]
    fn a_clock_of_another_age_is_compared_as_well() {
        // Seconds since 1970.
        let wall = compare(6.0, 130, 1.7e9);
        assert!(
            wall[0].offset_ms < -1e12 && (wall[1].drift_ms_a_minute.unwrap() + 6.0).abs() < 0.3,
            "{wall:?}"
        );
    }

    #[test]
    fn a_clock_that_starts_again_is_no_drift_and_files_are_not_compared() {
        let mut watch = DriftWatch::default();
        assert_eq!(watch.update(&Stamp::default()), None);
        let frame = |s: u64, driver_s: u64| Stamp {
            driver: Some(DriverStamp {
                time_ns: driver_s as i64 * 1_000_000_000,
                clock: DriverClock::Unknown,
                sequence: 0,
                dropped: None,
                received_ns: s * 1_000_000_000,
            }),
            ..Stamp::default()
        };
        let found: Vec<_> =
            (0..140).filter_map(|s| watch.update(&frame(s, if s < 50 { s } else { s - 50 }))).collect();
        assert_eq!(found.len(), 3);
        assert_eq!((found[1].drift_ms_a_minute, found[2].drift_ms_a_minute), (None, Some(0.0)));
    }
}
