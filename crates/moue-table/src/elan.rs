//! ELAN's annotation files (EAF 3.0): a tier a face with its labels, and one with the markers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::events::Event;
use crate::names::LABELS;
use crate::runs::LabelRun;

/// ELAN's annotations have a length; a marker's, in milliseconds.
const MARKER_MS: u64 = 100;

/// The file. `video`: name of the video that the times belong to, where there is one.
#[must_use]
pub fn eaf(runs: &[LabelRun], events: &[Event], video: Option<&str>) -> String {
    let ms = |seconds: f64| (seconds.max(0.0) * 1000.0).round() as u64;
    // Annotations of a tier must not overlap: a marker ends where the next begins at the latest.
    let mut markers: Vec<(u64, u64, String)> = Vec::new();
    for event in events {
        let from = ms(event.time_s);
        let said = if event.value.is_empty() {
            event.name.clone()
        } else {
            format!("{}: {}", event.name, event.value)
        };
        match markers.last_mut() {
            Some(last) if last.0 == from => last.2 = format!("{}; {said}", last.2),
            _ => {
                if let Some(last) = markers.last_mut() {
                    last.1 = last.1.min(from);
                }
                markers.push((from, from + MARKER_MS, said));
            }
        }
    }
    let mut tiers: BTreeMap<String, Vec<(u64, u64, String)>> = BTreeMap::new();
    for run in runs.iter().filter(|run| ms(run.to_s) > ms(run.from_s)) {
        let label = LABELS[usize::from(run.label)].to_owned();
        tiers.entry(format!("face {}", run.id)).or_default().push((ms(run.from_s), ms(run.to_s), label));
    }
    if !markers.is_empty() {
        tiers.insert("markers".into(), markers);
    }
    let times: BTreeSet<u64> = tiers.values().flatten().flat_map(|(from, to, _)| [*from, *to]).collect();
    let slots: BTreeMap<u64, usize> = times.into_iter().zip(1..).collect();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to text in memory cannot fail.
    let mut put = |line: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{line}");
    };
    put(format_args!(
        "<ANNOTATION_DOCUMENT AUTHOR=\"moue\" DATE=\"1970-01-01T00:00:00+00:00\" FORMAT=\"3.0\" VERSION=\"3.0\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:noNamespaceSchemaLocation=\"http://www.mpi.nl/tools/elan/EAFv3.0.xsd\">"
    ));
    put(format_args!("<HEADER MEDIA_FILE=\"\" TIME_UNITS=\"milliseconds\">"));
    if let Some(video) = video {
        put(format_args!(
            "<MEDIA_DESCRIPTOR MEDIA_URL=\"./{0}\" MIME_TYPE=\"video/*\" RELATIVE_MEDIA_URL=\"./{0}\"/>",
            escaped(video)
        ));
    }
    put(format_args!("</HEADER>\n<TIME_ORDER>"));
    for (at, slot) in &slots {
        put(format_args!("<TIME_SLOT TIME_SLOT_ID=\"ts{slot}\" TIME_VALUE=\"{at}\"/>"));
    }
    put(format_args!("</TIME_ORDER>"));
    let mut number = 0;
    for (tier, annotations) in &tiers {
        put(format_args!("<TIER LINGUISTIC_TYPE_REF=\"default-lt\" TIER_ID=\"{}\">", escaped(tier)));
        for (from, to, said) in annotations {
            number += 1;
            put(format_args!(
                "<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID=\"a{number}\" TIME_SLOT_REF1=\"ts{}\" TIME_SLOT_REF2=\"ts{}\">\
                 <ANNOTATION_VALUE>{}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>",
                slots.get(from).copied().unwrap_or_default(),
                slots.get(to).copied().unwrap_or_default(),
                escaped(said)
            ));
        }
        put(format_args!("</TIER>"));
    }
    put(format_args!(
        "<LINGUISTIC_TYPE GRAPHIC_REFERENCES=\"false\" LINGUISTIC_TYPE_ID=\"default-lt\" TIME_ALIGNABLE=\"true\"/>\n</ANNOTATION_DOCUMENT>"
    ));
    text
}

/// Text for XML; what XML cannot hold becomes a space.
fn escaped(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
