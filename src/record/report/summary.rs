//! What a recording says about each person, in memory that does not grow with its length.

use std::collections::BTreeMap;
use std::path::Path;

use moue_model::{Expression, Probabilities};

use crate::record::error::RecordError;
use crate::record::row_file::{Counts, for_each_short_row};
use crate::record::rows::FaceRow;

/// The seven expressions and "unsure".
pub(super) const LABELS: usize = Expression::COUNT + 1;
/// A gap in a person's rows that is longer counts as absence, in seconds.
const ABSENT_AFTER_S: f64 = 1.0;
/// Cells of a timeline.
pub(super) const CELLS: usize = 480;
/// People with a timeline of their own.
const MAX_CHARTS: usize = 16;
/// Rows of more people are only counted.
const MAX_PEOPLE: usize = 1000;
/// Longer ages count as this one, in milliseconds.
const MAX_AGE_MS: usize = 10_000;

/// A whole recording.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    pub(super) counts: Counts,
    /// First and last time, in seconds.
    pub(super) span_s: (f64, f64),
    /// By time on screen, longest first.
    pub(super) people: Vec<Person>,
    /// Rows of people beyond those.
    pub(super) other_rows: u64,
    /// Median and 95th percentile of the results' age in milliseconds.
    pub(super) age_ms: (usize, usize),
}

/// One person.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: u64,
    pub(super) rows: u64,
    pub(super) span_s: (f64, f64),
    /// Time on screen in seconds.
    pub(super) present_s: f64,
    /// Time of each label in seconds, "unsure" last.
    label_s: [f64; LABELS],
    label_rows: [u64; LABELS],
    /// How often the label changed.
    pub(super) changes: u64,
    last: (f64, usize),
    /// The timeline; empty for people without one.
    pub(super) cells: Vec<Cell>,
}

/// A stretch of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Cell {
    pub(super) rows: u32,
    sums: [f64; Expression::COUNT],
    labels: [u32; LABELS],
}

impl Cell {
    fn add(&mut self, label: usize, probabilities: &Probabilities) {
        self.rows = self.rows.saturating_add(1);
        let label = &mut self.labels[label];
        *label = label.saturating_add(1);
        for (sum, p) in self.sums.iter_mut().zip(*probabilities) {
            *sum += f64::from(p);
        }
    }

    /// Mean of the smoothed probabilities; they sum to 1.
    pub(super) fn probabilities(&self) -> Probabilities {
        let sum: f64 = self.sums.iter().sum();
        self.sums.map(|v| if sum > 0.0 { (v / sum) as f32 } else { 0.0 })
    }

    /// The label that was shown most.
    pub(super) fn label(&self) -> usize {
        (0..LABELS).max_by_key(|&i| (self.labels[i], LABELS - i)).unwrap_or(0)
    }
}

/// Position of a label, "unsure" last.
fn label_index(label: Option<Expression>) -> usize {
    label.map_or(Expression::COUNT, Expression::index)
}

impl Person {
    fn new(row: &FaceRow) -> Self {
        Self {
            id: row.id,
            rows: 0,
            span_s: (row.time_s, row.time_s),
            present_s: 0.0,
            label_s: [0.0; LABELS],
            label_rows: [0; LABELS],
            changes: 0,
            last: (row.time_s, label_index(row.shown_label())),
            cells: Vec::new(),
        }
    }

    fn add(&mut self, row: &FaceRow) {
        let (last_s, last_label) = self.last;
        let label = label_index(row.shown_label());
        let elapsed_s = row.time_s - last_s;
        if (0.0..=ABSENT_AFTER_S).contains(&elapsed_s) {
            self.present_s += elapsed_s;
            self.label_s[last_label] += elapsed_s;
            self.changes += u64::from(label != last_label);
        }
        self.rows += 1;
        self.label_rows[label] += 1;
        self.span_s = (self.span_s.0.min(row.time_s), self.span_s.1.max(row.time_s));
        self.last = (row.time_s, label);
    }

    /// Share of the time of each label, "unsure" last; of the rows, where no time passed. They sum to 1.
    pub(super) fn shares(&self) -> [f64; LABELS] {
        let by_rows = self.label_rows.map(|n| n as f64);
        let values = if self.present_s > 0.0 { self.label_s } else { by_rows };
        let sum: f64 = values.iter().sum();
        values.map(|v| if sum > 0.0 { v / sum } else { 0.0 })
    }

    /// Changes of the label in a minute on screen.
    pub(super) fn changes_a_minute(&self) -> f64 {
        if self.present_s > 0.0 { self.changes as f64 / self.present_s * 60.0 } else { 0.0 }
    }
}

impl Summary {
    /// Reads the file twice: for the people, and for the timelines of those who are on screen longest.
    pub(super) fn read(path: &Path) -> Result<Self, RecordError> {
        let mut people: BTreeMap<u64, Person> = BTreeMap::new();
        let mut span_s = (f64::INFINITY, f64::NEG_INFINITY);
        let mut ages = vec![0u64; MAX_AGE_MS + 1];
        let mut other_rows = 0;
        let counts = for_each_short_row(path, |row| {
            span_s = (span_s.0.min(row.time_s), span_s.1.max(row.time_s));
            if let Some(age_ms) = row.age_ms {
                ages[(age_ms.max(0.0).round() as usize).min(MAX_AGE_MS)] += 1;
            }
            if people.len() >= MAX_PEOPLE && !people.contains_key(&row.id) {
                other_rows += 1;
                return;
            }
            people.entry(row.id).or_insert_with(|| Person::new(row)).add(row);
        })?;
        if counts.rows == 0 {
            span_s = (0.0, 0.0);
        }
        let mut people: Vec<Person> = people.into_values().collect();
        people.sort_by(|a, b| {
            b.present_s.total_cmp(&a.present_s).then(b.rows.cmp(&a.rows)).then(a.id.cmp(&b.id))
        });
        let mut charts: BTreeMap<u64, Vec<Cell>> =
            people.iter().take(MAX_CHARTS).map(|p| (p.id, vec![Cell::default(); CELLS])).collect();
        let length_s = (span_s.1 - span_s.0).max(1e-9);
        let cell_of = |time_s: f64| (((time_s - span_s.0) / length_s * CELLS as f64) as usize).min(CELLS - 1);
        let mut last: BTreeMap<u64, (f64, usize, Probabilities)> = BTreeMap::new();
        for_each_short_row(path, |row| {
            let Some(cells) = charts.get_mut(&row.id) else { return };
            let at = cell_of(row.time_s);
            // A reading stays on screen until the next one: it fills the cells between the two.
            let (label, probabilities) = (label_index(row.shown_label()), row.shown_probabilities());
            if let Some((before_s, before, shown)) = last.insert(row.id, (row.time_s, label, probabilities))
                && (0.0..=ABSENT_AFTER_S).contains(&(row.time_s - before_s))
            {
                for cell in &mut cells[(cell_of(before_s) + 1).min(at)..at] {
                    if cell.rows == 0 {
                        cell.add(before, &shown);
                    }
                }
            }
            cells[at].add(label, &probabilities);
        })?;
        for person in &mut people {
            person.cells = charts.remove(&person.id).unwrap_or_default();
        }
        let age_ms = (percentile(&ages, 0.5), percentile(&ages, 0.95));
        Ok(Self { counts, span_s, people, other_rows, age_ms })
    }
}

fn percentile(counts: &[u64], share: f64) -> usize {
    let wanted = (counts.iter().sum::<u64>() as f64 * share).ceil() as u64;
    let mut seen = 0;
    counts
        .iter()
        .position(|n| {
            seen += n;
            seen >= wanted
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::ShownReading;
    use crate::record::columns::CSV_HEADER;
    use crate::record::rows::ResultRows;
    use moue_detect::FaceBox;

    fn row(time_s: f64, id: u64, label: Option<Expression>) -> FaceRow {
        let mut smoothed = [0.0; 7];
        smoothed[label.map_or(4, Expression::index)] = 1.0;
        FaceRow {
            source: "camera".into(),
            time_s,
            frame: 0,
            size_px: (640, 480),
            id,
            face: FaceBox { x: 0.0, y: 0.0, width: 9.0, height: 9.0 },
            detection_score: 3.0,
            raw: smoothed,
            shown: Some(ShownReading {
                probabilities: smoothed,
                label,
                leading: label.unwrap_or(Expression::Neutral),
                baseline: false,
            }),
            quality: None,
            reasons: Vec::new(),
            measured: None,
            age_ms: Some(20.0 + id as f32),
            stamp: Default::default(),
            personal: None,
        }
    }

    fn write(rows: Vec<FaceRow>, rest: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces.csv");
        let mut text = CSV_HEADER.join(",").into_bytes();
        text.push(b'\n');
        ResultRows(rows).append_to(&mut text, 0).unwrap();
        text.extend_from_slice(rest);
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn time_counts_and_absence_does_not() {
        let mut rows: Vec<FaceRow> = Vec::new();
        // Three seconds happy, one sad, ten away, one second happy again.
        for i in 0..=140 {
            let t = f64::from(i) / 10.0;
            if t <= 3.0 || t >= 13.0 {
                rows.push(row(t, 1, Some(Expression::Happy)));
            } else if t <= 4.0 {
                rows.push(row(t, 1, Some(Expression::Sad)));
            }
        }
        rows.push(row(2.0, 7, None));
        let (_folder, path) = write(rows, b"");
        let summary = Summary::read(&path).unwrap();
        assert_eq!(summary.counts.unreadable, 0);
        let person = &summary.people[0];
        assert!((person.present_s - 5.0).abs() < 0.01, "{}", person.present_s);
        let shares = person.shares();
        assert!((shares[Expression::Happy.index()] - 4.1 / 5.0).abs() < 0.01, "{shares:?}");
        assert_eq!(person.changes, 1);
        assert_eq!(summary.people[1].shares()[Expression::COUNT], 1.0);
        assert_eq!(summary.age_ms, (21, 21));
        let happy =
            person.cells.iter().filter(|c| c.rows > 0 && c.label() == Expression::Happy.index()).count();
        assert!(happy > 100, "cells between results are filled: {happy}");
        // Nine of fourteen seconds away.
        let empty = person.cells.iter().filter(|c| c.rows == 0).count();
        assert!((CELLS * 8 / 14..CELLS * 10 / 14).contains(&empty), "{empty}");
    }

    #[test]
    fn a_cut_row_is_left_out_even_where_it_looks_whole() {
        let rows = vec![row(0.0, 1, None), row(1.0, 1, None)];
        let (_folder, path) =
            write(rows, b"1.1,2,1,4,5,6,7,640,480,8,sad,1,0,0,0,0,0,1,0,sad,1,false,0,0,0,0,0,1,0,9,a");
        let summary = Summary::read(&path).unwrap();
        assert_eq!((summary.counts.rows, summary.counts.unreadable), (2, 1));
    }

    #[test]
    fn rubbish_is_counted_and_endless_lines_are_refused() {
        let (_folder, path) = write(vec![row(0.0, 1, None)], b"\xff\xfe,,\nx,y\n\"open quote, no end\n");
        let summary = Summary::read(&path).unwrap();
        assert_eq!(summary.counts.rows, 1);
        assert!(summary.counts.unreadable >= 2);
        let (_folder, path) = write(Vec::new(), &vec![b'7'; 1 << 20]);
        assert!(Summary::read(&path).unwrap_err().to_string().contains("longer"));
        let (_folder, path) = write(Vec::new(), b"");
        assert_eq!(Summary::read(&path).unwrap().people.len(), 0);
        std::fs::write(&path, "time_s,frame\n1,2\n").unwrap();
        assert!(Summary::read(&path).unwrap_err().to_string().contains("column id"));
    }
}
