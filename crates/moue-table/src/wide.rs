//! The wide table: a row a face and interval.

use std::collections::BTreeMap;

use moue_detect::geometry::EyeWatch;

use crate::bootstrap;
use crate::dictionary::{Column, columns};
use crate::error::TableError;
use crate::events::{Event, read_events};
use crate::intervals::{Interval, Intervals, Split};
use crate::names::{EXPRESSIONS, LABELS};
use crate::rows::{Reading, Recording, Rows};
use crate::sums::Sums;

/// A reading stands until the face's next one, but not for longer, in seconds: then the face was away.
const STANDS_S: f64 = 1.0;
/// Rows of more faces are left out, and counted.
const MAX_FACES: usize = 10_000;

/// How the wide table is made.
#[derive(Debug, Clone, PartialEq)]
pub struct WideOptions {
    /// The intervals.
    pub split: Split,
    /// Sum up the averaged probabilities that were shown, and not the network's own of each frame.
    pub shown: bool,
    /// Use readings too that something speaks against.
    pub untrusted: bool,
    /// Where a face is at rest: from and to in seconds.
    pub baseline_s: Option<(f64, f64)>,
    /// The same as the interval that begins with the first marker of this name.
    pub baseline_marker: Option<String>,
    /// Length of the blocks of the bootstrap, in seconds.
    pub block_s: f64,
    /// Draws of the bootstrap; 0: no confidence intervals.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for WideOptions {
    fn default() -> Self {
        Self {
            split: Split::Markers,
            shown: false,
            untrusted: false,
            baseline_s: None,
            baseline_marker: None,
            block_s: 2.0,
            resamples: 1000,
            seed: 1,
        }
    }
}

/// The rows of one recording, and what is missing in them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WideTable {
    /// Lines of CSV in the columns of [`crate::dictionary`]; a value that there is not is empty.
    pub lines: Vec<u8>,
    /// How many lines there are.
    pub rows: u64,
    /// Columns that are empty throughout, with the reason.
    pub missing: Vec<(String, String)>,
    /// Blinks would have been seen somewhere.
    pub saw_eyes: bool,
    /// Rows of the recording that could not be read.
    pub unreadable: u64,
    /// Rows of faces beyond the most that are summed up.
    pub left_out: u64,
}

/// Sums up a recording: a table a source, which are several in a file of `moue analyze --csv`.
///
/// # Errors
/// [`TableError`] where it cannot be read or has no such marker.
pub fn wide_tables(recording: &Recording, options: &WideOptions) -> Result<WideTable, TableError> {
    let events = recording.events.as_deref().map(read_events).transpose()?.unwrap_or_default();
    let mut rows = Rows::open(&recording.faces)?;
    let mut table = WideTable { missing: missing(&rows, options), ..WideTable::default() };
    let mut sums = Summing::new(options, &events, recording)?;
    let mut name = recording.name.clone();
    while let Some((row, other)) = rows.next_row()? {
        if other && recording.many {
            sums.finish(&name, options, &mut table)?;
            sums = Summing::new(options, &events, recording)?;
        }
        if recording.many {
            name = Some(rows.source()).filter(|s| !s.is_empty()).unwrap_or_else(|| recording.name.clone());
        }
        sums.add(&row, options);
    }
    sums.finish(&name, options, &mut table)?;
    if !table.saw_eyes {
        let reason =
            "no face has a mesh that tells how far the eyes are open for two seconds at ten rows a second";
        table.missing.push(("blinks".into(), reason.into()));
    }
    table.unreadable = rows.unreadable;
    Ok(table)
}

/// Columns that have no values, and why.
fn missing(rows: &Rows, options: &WideOptions) -> Vec<(String, String)> {
    let mut missing = Vec::new();
    let mut note = |column: &str, reason: &str| missing.push((column.to_owned(), reason.to_owned()));
    if !rows.has_reasons() {
        note(
            "untrusted_*",
            "the recording does not say what speaks against a face: every reading counts as trusted",
        );
    }
    if !rows.has_monotonic() {
        note("monotonic_ns", "the recording does not say when frames were taken");
    }
    if options.baseline_s.is_none() && options.baseline_marker.is_none() {
        note("change_*", "no baseline was named (--baseline FROM-TO or --baseline-marker NAME)");
    }
    if options.resamples == 0 {
        note("*_low, *_high", "no resampling was asked for");
    }
    missing
}

/// The sums of one source.
struct Summing {
    intervals: Intervals,
    faces: BTreeMap<u64, Face>,
    baseline: Option<(f64, f64)>,
    left_out: u64,
    end_s: f64,
}

/// One face.
#[derive(Default)]
struct Face {
    last: Option<Reading>,
    eyes: EyeWatch,
    sums: BTreeMap<usize, Sums>,
    baseline: Sums,
}

impl Summing {
    fn new(options: &WideOptions, events: &[Event], recording: &Recording) -> Result<Self, TableError> {
        let mut baseline = options.baseline_s;
        if let Some(name) = &options.baseline_marker {
            let between = Intervals::new(Split::Markers, events);
            let number = between.named(name).ok_or_else(|| TableError::Recording {
                recording: recording.name.clone(),
                reason: format!(
                    "expected a marker named {name}, which begins the baseline; found none in events.csv"
                ),
            })?;
            let interval = between.get(number);
            baseline = Some((interval.from_s, interval.to_s));
        }
        let intervals = Intervals::new(options.split, events);
        Ok(Self { intervals, faces: BTreeMap::new(), baseline, left_out: 0, end_s: 0.0 })
    }

    fn add(&mut self, row: &Reading, options: &WideOptions) {
        if self.faces.len() >= MAX_FACES && !self.faces.contains_key(&row.id) {
            self.left_out += 1;
            return;
        }
        self.end_s = self.end_s.max(row.time_s);
        let face = self.faces.entry(row.id).or_default();
        if let Some(last) = face.last.replace(*row) {
            let stands_s = row.time_s - last.time_s;
            if stands_s > 0.0 && stands_s <= STANDS_S {
                let to_s = row.time_s;
                stand(&self.intervals, face, &last, to_s, self.baseline, options);
            }
        }
        let used = options.untrusted || row.reason.is_none();
        let values = if options.shown { &row.shown } else { &row.raw };
        if self.baseline.is_some_and(|(from, to)| (from..to).contains(&row.time_s)) {
            face.baseline.add_row(row, values, used);
        }
        let sums = face.sums.entry(self.intervals.at(row.time_s)).or_default();
        sums.add_row(row, values, used);
        if let Some(seen) = row.eyes_open.and_then(|opening| face.eyes.see(opening, row.time_s)) {
            sums.blinks += u64::from(seen.blinked);
            sums.watched_s += seen.seconds;
        }
    }

    /// Appends the rows of a source that is over.
    fn finish(self, name: &str, options: &WideOptions, table: &mut WideTable) -> Result<(), TableError> {
        let failed = |reason: std::io::Error| TableError::Write { what: "the table".into(), reason };
        table.left_out += self.left_out;
        table.saw_eyes |= self.faces.values().any(|face| face.sums.values().any(|s| s.watched_s > 0.0));
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(&mut table.lines);
        for (id, face) in &self.faces {
            let (Some(first), Some(last)) = (face.sums.keys().next(), face.sums.keys().next_back()) else {
                continue;
            };
            let baseline = face.baseline.means();
            let none = Sums::default();
            // A face that comes back was absent in between, which is worth a row.
            for number in *first..=*last {
                let sums = face.sums.get(&number).unwrap_or(&none);
                let mut interval = self.intervals.get(number);
                interval.to_s = interval.to_s.min(self.end_s);
                let fields = line(name, *id, &interval, sums, baseline.as_ref(), options);
                writer.write_record(&fields).map_err(|e| failed(e.into()))?;
                table.rows += 1;
            }
        }
        writer.flush().map_err(failed)
    }
}

/// Adds the time for which a reading stands to the intervals and blocks over which it goes.
fn stand(
    intervals: &Intervals,
    face: &mut Face,
    row: &Reading,
    to_s: f64,
    baseline: Option<(f64, f64)>,
    options: &WideOptions,
) {
    let used = options.untrusted || row.reason.is_none();
    let values = if options.shown { &row.shown } else { &row.raw };
    let mut from_s = row.time_s;
    let mut number = intervals.at(from_s);
    while from_s < to_s {
        let interval = intervals.get(number);
        let block = ((from_s - interval.from_s) / options.block_s).max(0.0) as usize;
        let block_end_s = interval.from_s + (block + 1) as f64 * options.block_s;
        let until_s = to_s.min(interval.to_s).min(block_end_s);
        if until_s > from_s {
            let sums = face.sums.entry(number).or_default();
            sums.add_time(row, values, used, until_s - from_s, block);
            from_s = until_s;
        } else {
            // Rounding: nothing of a block is left.
            from_s = from_s.next_up();
        }
        if from_s >= interval.to_s {
            number += 1;
        }
    }
    if let Some((from, to)) = baseline {
        let seconds = to_s.min(to) - row.time_s.max(from);
        if seconds > 0.0 {
            face.baseline.add_time(row, values, used, seconds, 0);
        }
    }
}

/// A row of the table, in the columns of [`columns`].
fn line(
    name: &str,
    id: u64,
    interval: &Interval,
    sums: &Sums,
    baseline: Option<&[f64; crate::sums::MEANS]>,
    options: &WideOptions,
) -> Vec<String> {
    let number = |v: f64| format!("{v:.6}");
    let optional = |v: Option<f64>| v.map_or_else(String::new, number);
    let length_s = interval.to_s - interval.from_s;
    let share =
        |seconds: f64| if length_s > 0.0 { number((seconds / length_s).min(1.0)) } else { String::new() };
    let (marker, value) = interval.marker.clone().unwrap_or_default();
    let mut fields = vec![name.to_owned(), id.to_string(), interval.number.to_string(), marker, value];
    fields.extend([interval.from_s, interval.to_s].map(|s| format!("{s:.3}")));
    fields.push(sums.monotonic_ns.map_or_else(String::new, |ns| ns.to_string()));
    fields.extend([sums.rows, sums.trusted_rows].map(|n| n.to_string()));
    fields.push(number(sums.used_s()));
    let untrusted_s: f64 = sums.untrusted_s.iter().sum();
    fields.push(share(sums.trusted_s));
    fields.extend(sums.untrusted_s.map(share));
    fields.push(share((length_s - sums.trusted_s - untrusted_s).max(0.0)));
    let means = sums.means();
    // The same whatever else is in the table, and in whatever order.
    let seed = options.seed ^ (id << 32) ^ interval.number as u64;
    let bands = bootstrap::intervals(&sums.blocks, options.resamples, seed);
    let at_s = |i: usize| sums.peaks.get(i).copied().flatten();
    for (i, _) in EXPRESSIONS.iter().enumerate() {
        fields.push(optional(means.map(|m| m[i])));
        fields.push(optional(bands.map(|b| b[i].0)));
        fields.push(optional(bands.map(|b| b[i].1)));
        fields.push(optional(at_s(i).map(|(value, _)| value)));
        fields.push(optional(at_s(i).map(|(_, at)| at - interval.from_s)));
        fields.push(optional(means.zip(baseline).map(|(m, b)| m[i] - b[i])));
    }
    for (i, _) in LABELS.iter().enumerate() {
        let i = EXPRESSIONS.len() + i;
        fields.push(optional(means.map(|m| m[i])));
        fields.push(optional(bands.map(|b| b[i].0)));
        fields.push(optional(bands.map(|b| b[i].1)));
    }
    if sums.watched_s > 0.0 {
        fields.extend([sums.blinks.to_string(), number(sums.watched_s)]);
    } else {
        fields.extend([String::new(), String::new()]);
    }
    fields
}

impl WideTable {
    /// The table as CSV, its header first.
    ///
    /// # Errors
    /// [`TableError::Write`]; none is expected in memory.
    pub fn write(tables: &[Self], mut out: impl std::io::Write) -> Result<(), TableError> {
        let failed = |reason: std::io::Error| TableError::Write { what: "the table".into(), reason };
        let header: Vec<String> = columns().into_iter().map(|c: Column| c.name).collect();
        // Names of columns need no quotes.
        out.write_all((header.join(",") + "\n").as_bytes()).map_err(failed)?;
        for table in tables {
            out.write_all(&table.lines).map_err(failed)?;
        }
        out.flush().map_err(failed)
    }
}
