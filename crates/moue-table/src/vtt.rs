//! WebVTT: labels and markers as subtitles.

use std::fmt::Write as _;

use crate::events::Event;
use crate::names::LABELS;
use crate::runs::LabelRun;

/// A marker is shown so long, in seconds.
const MARKER_S: f64 = 1.0;

/// The labels and markers as a WebVTT file.
#[must_use]
pub fn vtt(runs: &[LabelRun], events: &[Event]) -> String {
    let labels = runs
        .iter()
        .map(|run| (run.from_s, run.to_s, format!("Face {}: {}", run.id, LABELS[usize::from(run.label)])));
    let markers = events.iter().map(|event| {
        let value = if event.value.is_empty() { String::new() } else { format!(" ({})", event.value) };
        (event.time_s, event.time_s + MARKER_S, format!("[{}{value}]", event.name))
    });
    let mut cues: Vec<(f64, f64, String)> = labels.chain(markers).collect();
    cues.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut text = String::from("WEBVTT\n");
    for (from_s, to_s, said) in cues {
        let said = said.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        // Writing to text in memory cannot fail.
        let _ = write!(text, "\n{} --> {}\n{said}\n", clock(from_s), clock(to_s));
    }
    text
}

/// Hours, minutes, seconds and milliseconds.
fn clock(seconds: f64) -> String {
    let ms = (seconds.max(0.0) * 1000.0).round() as u64;
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_are_in_order_and_harmless() {
        let runs = [LabelRun { id: 3, label: 7, from_s: 3661.5, to_s: 3662.25 }];
        let event = Event { time_s: 1.0, monotonic_ns: None, name: "a --> <b>".into(), value: "2".into() };
        let text = vtt(&runs, &[event]);
        assert_eq!(
            text,
            "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n[a --&gt; &lt;b&gt; (2)]\n\n01:01:01.500 --> 01:01:02.250\nFace 3: unsure\n"
        );
    }
}
