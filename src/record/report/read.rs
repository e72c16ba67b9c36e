//! Reads `events.csv` for the page.

use std::io::Read as _;
use std::path::Path;

use moue_files::plain_file;

/// Markers that a page shows, and the longest file of them that is read.
const MAX_MARKERS: usize = 500;
const MAX_EVENTS_BYTES: u64 = 16 << 20;

/// A marker on the page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PageMarker {
    pub(super) time_s: f64,
    pub(super) name: String,
    pub(super) value: String,
}

/// The markers of a recording, and how many more there are than a page shows. Lines that are none are left out.
pub(super) fn read_markers(path: &Path) -> (Vec<PageMarker>, u64) {
    let Ok((file, _)) = plain_file::open(path) else { return (Vec::new(), 0) };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file.take(MAX_EVENTS_BYTES));
    let Ok(header) = reader.headers().cloned() else { return (Vec::new(), 0) };
    let place = |name: &str| header.iter().position(|h| h == name);
    let (Some(time), Some(name)) = (place("time_s"), place("name")) else { return (Vec::new(), 0) };
    let value = place("value");
    let (mut markers, mut more) = (Vec::new(), 0);
    for record in reader.records().map_while(Result::ok) {
        let text = |i: usize| record.get(i).unwrap_or_default();
        let Some(time_s) = text(time).parse::<f64>().ok().filter(|t| (0.0..1e9).contains(t)) else {
            continue;
        };
        if markers.len() >= MAX_MARKERS {
            more += 1;
            continue;
        }
        let value = value.map(text).unwrap_or_default().to_owned();
        markers.push(PageMarker { time_s, name: text(name).to_owned(), value });
    }
    (markers, more)
}
