//! The columns of a row that say when its frame was taken.

use chrono::{DateTime, SecondsFormat};

use crate::pipeline::AnalyzedFrame;

/// When a row's frame was taken, by clocks that other programs read too; what nobody knows is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowStamp {
    /// The system's monotonic clock in nanoseconds.
    pub monotonic_ns: Option<u64>,
    /// Microseconds since 1970, UTC.
    pub utc_us: Option<i64>,
    /// Frames that the camera took since the result before and that never came.
    pub dropped_before: Option<u64>,
    /// The driver's own time of the frame, in nanoseconds of its clock.
    pub driver_ns: Option<i64>,
    /// The driver's number of the frame.
    pub sequence: Option<u32>,
}

impl RowStamp {
    /// Of a result.
    #[must_use]
    pub fn new(analyzed: &AnalyzedFrame) -> Self {
        let stamp = &analyzed.frame.stamp;
        Self {
            monotonic_ns: stamp.monotonic_ns,
            utc_us: stamp.utc_us,
            dropped_before: analyzed.dropped_before,
            driver_ns: stamp.driver.map(|driver| driver.time_ns),
            sequence: stamp.driver.map(|driver| driver.sequence),
        }
    }

    /// In the order of the columns.
    pub(super) fn fields(&self) -> [String; 5] {
        let text = |value: Option<String>| value.unwrap_or_default();
        [
            text(self.monotonic_ns.map(|v| v.to_string())),
            text(self.utc_us.and_then(utc_text)),
            text(self.dropped_before.map(|v| v.to_string())),
            text(self.driver_ns.map(|v| v.to_string())),
            text(self.sequence.map(|v| v.to_string())),
        ]
    }

    /// Reads the columns back. `None` where one is no text or holds no such value.
    pub(super) fn parse(fields: [Option<&str>; 5]) -> Option<Self> {
        fn number<T: std::str::FromStr>(text: &str) -> Option<Option<T>> {
            if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
        }
        let [monotonic_ns, utc, dropped_before, driver_ns, sequence] = fields;
        let utc_us = match utc? {
            "" => None,
            text => Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros()),
        };
        Some(Self {
            monotonic_ns: number(monotonic_ns?)?,
            utc_us,
            dropped_before: number(dropped_before?)?,
            driver_ns: number(driver_ns?)?,
            sequence: number(sequence?)?,
        })
    }
}

/// Microseconds since 1970 as RFC 3339 has them, in UTC: `2026-03-01T13:05:09.123456Z`. `None` beyond its years.
#[must_use]
pub fn utc_text(micros: i64) -> Option<String> {
    DateTime::from_timestamp_micros(micros).map(|utc| utc.to_rfc3339_opts(SecondsFormat::Micros, true))
}
