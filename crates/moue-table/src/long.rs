//! The long table: a row a reading and measure.

use std::io::Write;

use crate::error::TableError;
use crate::events::read_events;
use crate::intervals::{Intervals, Split};
use crate::names::{EXPRESSIONS, LABELS, REASONS};
use crate::rows::{Recording, Rows};

/// The columns of the long table.
pub const LONG_HEADER: [&str; 11] = [
    "session",
    "face",
    "time_s",
    "monotonic_ns",
    "interval",
    "marker",
    "label",
    "reason",
    "measure",
    "value",
    "shown_value",
];

/// Writes a recording's rows, seven a reading: `measure` is the expression, `value` the network's probability, `shown_value` the averaged
/// one, `reason` what most speaks against the face. Rows that cannot be read are left out and counted.
///
/// # Errors
/// [`TableError`].
pub fn write_long<W: Write>(
    recording: &Recording,
    split: Split,
    out: &mut csv::Writer<W>,
) -> Result<u64, TableError> {
    let failed = |e: csv::Error| TableError::Write { what: "the long table".into(), reason: e.into() };
    let events = recording.events.as_deref().map(read_events).transpose()?.unwrap_or_default();
    let intervals = Intervals::new(split, &events);
    let mut rows = Rows::open(&recording.faces)?;
    while let Some((row, _)) = rows.next_row()? {
        let name = if recording.many { rows.source() } else { recording.name.clone() };
        let number = intervals.at(row.time_s);
        let marker = intervals.get(number).marker.map_or_else(String::new, |(name, _)| name);
        let reason = row.reason.map_or("", |r| REASONS[usize::from(r)]);
        let common = [
            name,
            row.id.to_string(),
            format!("{:.3}", row.time_s),
            row.monotonic_ns.map_or_else(String::new, |ns| ns.to_string()),
            number.to_string(),
            marker,
            LABELS[usize::from(row.label)].to_owned(),
            reason.to_owned(),
        ];
        for (i, e) in EXPRESSIONS.iter().enumerate() {
            let own = [(*e).to_owned(), format!("{:.6}", row.raw[i]), format!("{:.6}", row.shown[i])];
            out.write_record(common.iter().chain(&own)).map_err(failed)?;
        }
    }
    Ok(rows.unreadable)
}
