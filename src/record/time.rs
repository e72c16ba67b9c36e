//! What `session.json` says of the recording's clocks.

use moue_capture::{ClockComparison, DRIFT_WARNING_MS, DriftWatch, DriverClock, Stamp};
use serde::{Deserialize, Serialize};

use super::row_stamp::utc_text;

/// Comparisons of the clocks that are kept: more than ten hours.
const MAX_CHECKS: usize = 640;

/// Whose time `time_s` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeBase {
    /// It counts from the recording's start, by this machine's clock.
    #[default]
    Clock,
    /// It is the time that the file (or the demo) gives its frames.
    Source,
}

/// The clocks of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedTime {
    /// `clock`: `time_s` counts from the recording's start; `source`: it is the file's own time.
    pub time_s_is: String,
    /// The monotonic clock in nanoseconds where `time_s` is 0; `None` where `time_s` is the file's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zero_monotonic_ns: Option<u64>,
    /// The same moment in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zero_utc: Option<String>,
    /// Of which moment the rows' times are: `driver` (the camera's own time of the frame) or `arrival` (when the frame came to
    /// this program); `None` before the first frame, and of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames_stamped_by: Option<String>,
    /// The clock that the driver names: `monotonic`, `copied` or `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_clock: Option<String>,
    /// Columns of `faces.csv` that are empty, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The driver's clock beside ours: at the start, and every minute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<RecordedClockCheck>,
}

/// One comparison of the driver's clock with ours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecordedClockCheck {
    /// When, on the monotonic clock in nanoseconds.
    pub monotonic_ns: u64,
    /// How much later than by the driver's clock the soonest frame came, in milliseconds.
    pub offset_ms: f64,
    /// Its change since the comparison before, in milliseconds a minute.
    pub drift_ms_a_minute: Option<f64>,
}

impl From<ClockComparison> for RecordedClockCheck {
    fn from(c: ClockComparison) -> Self {
        let rounded = |v: f64| (v * 1000.0).round() / 1000.0;
        Self {
            monotonic_ns: c.at_ns,
            offset_ms: rounded(c.offset_ms),
            drift_ms_a_minute: c.drift_ms_a_minute.map(rounded),
        }
    }
}

/// Watches the clocks while it is recorded.
#[derive(Debug)]
pub(super) struct ClockNotes {
    time: RecordedTime,
    watch: DriftWatch,
    /// What was seen of the frames so far, so that `missing` says it once.
    seen: Option<Seen>,
    /// `session.json` does not say it yet.
    changed: bool,
    drift: Option<String>,
}

/// What there is of a frame's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    clock: bool,
    driver: Option<DriverClock>,
    numbered: bool,
}

impl ClockNotes {
    /// `zero`: the moment where `time_s` is 0.
    pub(super) fn new(base: TimeBase, zero: Stamp) -> Self {
        let by_clock = base == TimeBase::Clock;
        let time = RecordedTime {
            time_s_is: if by_clock { "clock" } else { "source" }.into(),
            zero_monotonic_ns: zero.monotonic_ns.filter(|_| by_clock),
            zero_utc: zero.utc_us.filter(|_| by_clock).and_then(utc_text),
            frames_stamped_by: None,
            driver_clock: None,
            missing: Vec::new(),
            checks: Vec::new(),
        };
        Self { time, watch: DriftWatch::default(), seen: None, changed: false, drift: None }
    }

    /// What it says at the start.
    pub(super) fn time(&self) -> RecordedTime {
        self.time.clone()
    }

    /// Takes a frame's times. Whether the user should be told something new.
    pub(super) fn see(&mut self, stamp: &Stamp) -> bool {
        let seen = Seen {
            clock: stamp.monotonic_ns.is_some() || stamp.utc_us.is_some(),
            driver: stamp.driver.map(|d| d.clock),
            numbered: stamp.driver.is_some_and(|d| d.dropped.is_some()),
        };
        if self.seen != Some(seen) {
            self.seen = Some(seen);
            self.changed = true;
            self.time.driver_clock = seen.driver.map(|clock| clock.name().to_owned());
            self.time.frames_stamped_by = seen.clock.then(|| {
                if seen.driver == Some(DriverClock::Monotonic) { "driver" } else { "arrival" }.to_owned()
            });
            let by_source = self.time.zero_utc.is_none();
            self.time.missing = missing(&seen, stamp.monotonic_ns.is_some(), by_source);
        }
        let Some(comparison) = self.watch.update(stamp) else { return false };
        if self.time.checks.len() < MAX_CHECKS {
            self.time.checks.push(comparison.into());
            self.changed = true;
        }
        let drift = comparison.drift_ms_a_minute.filter(|drift| drift.abs() > DRIFT_WARNING_MS);
        match drift {
            Some(drift) if self.drift.is_none() => {
                self.drift = Some(format!(
                    "The camera's clock runs {:.1} ms a minute {} than this machine's: its times cannot be lined up with \
                     other recordings without a correction (session.json has it minute by minute; see docs/time.md)",
                    drift.abs(),
                    if drift > 0.0 { "slower" } else { "faster" }
                ));
                true
            }
            _ => false,
        }
    }

    /// That the driver's clock drifts, in words.
    pub(super) fn drift(&self) -> Option<String> {
        self.drift.clone()
    }

    /// What `session.json` should say, where it does not yet.
    pub(super) fn take_changed(&mut self) -> Option<RecordedTime> {
        std::mem::take(&mut self.changed).then(|| self.time.clone())
    }
}

/// Which columns are empty, and why.
fn missing(seen: &Seen, has_monotonic: bool, by_source: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    if !seen.clock {
        reasons.push(
            "monotonic_ns, utc, dropped_before, driver_ns, sequence: a file's frames have no time of this machine's clocks",
        );
        if by_source {
            reasons.push("(not empty, but) time_s is the time that the file gives its frames; of pictures it is their place");
        }
        return reasons.into_iter().map(str::to_owned).collect();
    }
    if !has_monotonic {
        reasons.push("monotonic_ns: this system has no monotonic clock that other programs can read");
    }
    match seen.driver {
        None => reasons.push(
            "dropped_before, driver_ns, sequence: the source gives its frames neither a time nor a number (only V4L2 cameras on \
             Linux do); monotonic_ns and utc are those of the frame's arrival",
        ),
        Some(DriverClock::Monotonic) => {}
        Some(_) => reasons.push(
            "(not empty, but) driver_ns is of a clock that the driver does not name; monotonic_ns and utc are those of the frame's \
             arrival",
        ),
    }
    if seen.driver.is_some() && !seen.numbered {
        reasons.push("dropped_before: the driver does not number its frames");
    }
    reasons.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_capture::DriverStamp;

    /// A frame of second `s`, of a camera whose clock gains `gain_ms` a minute.
    fn frame(s: f64, gain_ms: f64) -> Stamp {
        let real_ns = 5e9 + s * 1e9;
        let driver = DriverStamp {
            time_ns: (real_ns + s / 60.0 * gain_ms * 1e6) as i64,
            clock: DriverClock::Monotonic,
            sequence: 1,
            dropped: Some(0),
            received_ns: (real_ns + 9e6) as u64,
        };
        Stamp { monotonic_ns: Some(real_ns as u64), utc_us: Some(7), driver: Some(driver) }
    }

    #[test]
    fn a_drifting_camera_is_told_once_and_written_minute_by_minute() {
        let zero = Stamp { monotonic_ns: Some(4_000_000_000), utc_us: Some(0), driver: None };
        for (gain_ms, told) in [(0.5, 0), (-8.0, 1), (8.0, 1)] {
            let mut notes = ClockNotes::new(TimeBase::Clock, zero);
            let news = (0..2000).filter(|i| notes.see(&frame(f64::from(*i) / 10.0, gain_ms))).count();
            assert_eq!((news, notes.drift().is_some()), (told, told == 1), "{gain_ms}");
            let time = notes.take_changed().unwrap();
            assert_eq!(time.checks.len(), 4);
            assert_eq!(time.checks[0].drift_ms_a_minute, None);
            let drift = time.checks[3].drift_ms_a_minute.unwrap();
            assert!((drift + gain_ms).abs() < 0.3, "{drift}");
            assert_eq!(time.frames_stamped_by.as_deref(), Some("driver"));
            assert_eq!(time.zero_utc.as_deref(), Some("1970-01-01T00:00:00.000000Z"));
            assert!(time.missing.is_empty() && notes.take_changed().is_none());
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let mut notes = ClockNotes::new(TimeBase::Source, Stamp::default());
        notes.see(&Stamp::default());
        let time = notes.take_changed().unwrap();
        assert_eq!((time.time_s_is.as_str(), time.zero_monotonic_ns), ("source", None));
        assert!(time.missing[0].contains("file") && time.frames_stamped_by.is_none());
        notes.see(&Stamp { monotonic_ns: Some(1), utc_us: Some(1), driver: None });
        let time = notes.take_changed().unwrap();
        assert!(time.missing[0].starts_with("dropped_before"), "{:?}", time.missing);
        assert_eq!(time.frames_stamped_by.as_deref(), Some("arrival"));
    }
}
