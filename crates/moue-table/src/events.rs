//! Reads the markers of a recording.

use std::path::Path;

use moue_files::plain_file;

use crate::error::TableError;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// A marker.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Seconds, as the rows have them.
    pub time_s: f64,
    /// The system's monotonic clock in nanoseconds, where it is known.
    pub monotonic_ns: Option<u64>,
    /// What happened.
    pub name: String,
    /// More of it; may be empty.
    pub value: String,
}

/// Reads `events.csv`, in the order of time. Lines that are no markers are left out.
///
/// # Errors
/// [`TableError`] where it cannot be read or has not its columns.
pub fn read_events(path: &Path) -> Result<Vec<Event>, TableError> {
    let failed = |reason: String| TableError::Read { path: path.to_owned(), reason };
    let bytes = plain_file::read(path, MAX_BYTES).map_err(|e| failed(e.to_string()))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(&bytes[..]);
    let header = reader.headers().map_err(|e| failed(e.to_string()))?.clone();
    let place = |name: &str| header.iter().position(|h| h.trim() == name);
    let needed = |name: &str| {
        place(name).ok_or_else(|| TableError::NoColumn { path: path.to_owned(), column: name.to_owned() })
    };
    let (time, name) = (needed("time_s")?, needed("name")?);
    let (value, clock) = (place("value"), place("monotonic_ns"));
    let mut events = Vec::new();
    for record in reader.records() {
        let Ok(record) = record else { continue };
        let text = |place: Option<usize>| place.and_then(|i| record.get(i)).unwrap_or_default();
        let time_s = text(Some(time)).parse::<f64>().ok().filter(|t| (0.0..1e9).contains(t));
        let (Some(time_s), Some(name)) = (time_s, record.get(name)) else { continue };
        let monotonic_ns = text(clock).parse().ok();
        events.push(Event { time_s, monotonic_ns, name: name.to_owned(), value: text(value).to_owned() });
    }
    events.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    Ok(events)
}
