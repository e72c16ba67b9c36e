//! Markers: what happened while it was recorded, in `events.csv` beside `faces.csv`, with the same clocks.

use std::time::Instant;

use moue_capture::Stamp;

use super::row_stamp::utc_text;

/// The columns of `events.csv`, in order.
///
/// - `time_s`: as in `faces.csv`
/// - `monotonic_ns`, `utc`: the same moment by the clocks that other programs read; empty where the marker is of a file's time
/// - `name`: what happened; `value`: more of it, may be empty
/// - `origin`: how it came: [`MarkerOrigin::name`]
pub const EVENTS_HEADER: [&str; 6] = ["time_s", "monotonic_ns", "utc", "name", "value", "origin"];

/// Longest name and value, in characters; what is longer is cut.
const MAX_NAME: usize = 200;
const MAX_VALUE: usize = 2000;

/// How a marker came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerOrigin {
    /// By a key in the window.
    Window,
    /// As a line of a pipe, a growing file or standard input.
    Line,
    /// As an OSC message.
    Osc,
    /// From a file with times.
    File,
}

impl MarkerOrigin {
    /// Its name in `events.csv`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Line => "line",
            Self::Osc => "osc",
            Self::File => "file",
        }
    }
}

/// What a marker says: a name, and a value that may be empty. Neither has line breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkerText {
    /// What happened.
    pub name: String,
    /// More of it.
    pub value: String,
}

/// A marker that came in, before it has a place in a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingMarker {
    /// When it came.
    pub at: Instant,
    /// What it says.
    pub text: MarkerText,
    /// How it came.
    pub origin: MarkerOrigin,
}

/// A row of `events.csv`.
#[derive(Debug, Clone, PartialEq)]
pub struct Marker {
    /// As in `faces.csv`.
    pub time_s: f64,
    /// When it came, by this machine's clocks; empty where its time is a file's.
    pub stamp: Stamp,
    /// What it says.
    pub text: MarkerText,
    /// How it came.
    pub origin: MarkerOrigin,
}

impl MarkerText {
    /// A marker's text; `None` where the name is empty. Control characters become spaces.
    #[must_use]
    pub fn new(name: &str, value: &str) -> Option<Self> {
        let plain = |text: &str, most: usize| -> String {
            let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            spaced.trim().chars().take(most).collect()
        };
        let name = plain(name, MAX_NAME);
        (!name.is_empty()).then(|| Self { name, value: plain(value, MAX_VALUE) })
    }

    /// A line `name[,value]`. `None` for empty lines and those that begin with `#`.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.starts_with('#') {
            return None;
        }
        let (name, value) = line.split_once(',').unwrap_or((line, ""));
        Self::new(name, value)
    }
}

impl Marker {
    /// A line `seconds,name[,value]` of a file with times. `None` for empty lines and remarks.
    ///
    /// # Errors
    /// What was expected and found.
    pub fn of_timed_line(line: &str) -> Result<Option<Self>, String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let wrong = || {
            let shown: String = line.chars().take(60).collect();
            format!(
                "expected a line such as 12.5,name or 12.5,name,value with the time in seconds, found {shown:?}"
            )
        };
        let (time, rest) = line.split_once(',').ok_or_else(wrong)?;
        let time_s = time.trim().parse::<f64>().ok().filter(|t| (0.0..1e9).contains(t)).ok_or_else(wrong)?;
        let text = MarkerText::of_line(rest).ok_or_else(wrong)?;
        Ok(Some(Self { time_s, stamp: Stamp::default(), text, origin: MarkerOrigin::File }))
    }

    /// The values of [`EVENTS_HEADER`], in its order.
    pub(super) fn fields(&self) -> [String; 6] {
        [
            format!("{:.3}", self.time_s),
            self.stamp.monotonic_ns.map_or_else(String::new, |ns| ns.to_string()),
            self.stamp.utc_us.and_then(utc_text).unwrap_or_default(),
            self.text.name.clone(),
            self.text.value.clone(),
            self.origin.name().to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_a_name_and_perhaps_a_value() {
        let of = |line: &str| MarkerText::of_line(line).map(|t| (t.name, t.value));
        let is = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(of("flash\n"), is("flash", ""));
        assert_eq!(of(" picture , cat.png, left\r\n"), is("picture", "cat.png, left"));
        assert_eq!(of("a\tb,c\u{7}"), is("a b", "c"));
        assert_eq!((of(""), of("# remark"), of(",value"), of("  \u{7}")), (None, None, None, None));
        assert_eq!(of(&"x".repeat(5000)).unwrap().0.len(), MAX_NAME);
    }

    #[test]
    fn timed_lines_need_a_time() {
        let marker = Marker::of_timed_line("12.5,film,two").unwrap().unwrap();
        assert_eq!(
            (marker.time_s, marker.text.name.as_str(), marker.text.value.as_str()),
            (12.5, "film", "two")
        );
        assert_eq!(marker.fields()[1], "");
        assert_eq!(Marker::of_timed_line("# all").unwrap(), None);
        for bad in ["film", "film,12", "-1,film", "nan,film", "3,", "3"] {
            assert!(Marker::of_timed_line(bad).unwrap_err().contains("12.5,name"), "{bad}");
        }
    }
}
