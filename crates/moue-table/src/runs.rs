//! Stretches of one label, for programs that show annotations.

use std::collections::BTreeMap;

use crate::error::TableError;
use crate::rows::{Recording, Rows};

/// A face that is not seen for longer, in seconds, was away.
const AWAY_S: f64 = 1.0;

/// A stretch in which a face had one label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelRun {
    /// The face.
    pub id: u64,
    /// Place in [`crate::LABELS`].
    pub label: u8,
    /// Begin and end in seconds.
    pub from_s: f64,
    /// End in seconds.
    pub to_s: f64,
}

/// The stretches of a recording, of at least `least_s` seconds; by begin, then by face. A stretch lasts until the face's next row with another
/// label, or its last one.
///
/// # Errors
/// [`TableError`] where it cannot be read.
pub fn label_runs(recording: &Recording, least_s: f64) -> Result<Vec<LabelRun>, TableError> {
    let mut open: BTreeMap<u64, LabelRun> = BTreeMap::new();
    let mut runs = Vec::new();
    let mut keep = |run: LabelRun| {
        if run.to_s > run.from_s && run.to_s - run.from_s >= least_s {
            runs.push(run);
        }
    };
    let mut rows = Rows::open(&recording.faces)?;
    while let Some((row, _)) = rows.next_row()? {
        let new = LabelRun { id: row.id, label: row.label, from_s: row.time_s, to_s: row.time_s };
        match open.get_mut(&row.id) {
            Some(run) if (0.0..=AWAY_S).contains(&(row.time_s - run.to_s)) => {
                run.to_s = row.time_s;
                if run.label != row.label {
                    keep(std::mem::replace(run, new));
                }
            }
            Some(run) => keep(std::mem::replace(run, new)),
            None => {
                open.insert(row.id, new);
            }
        }
    }
    open.into_values().for_each(&mut keep);
    runs.sort_by(|a, b| a.from_s.total_cmp(&b.from_s).then(a.id.cmp(&b.id)));
    Ok(runs)
}
