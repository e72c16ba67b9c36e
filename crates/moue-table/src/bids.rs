//! BIDS, the layout of brain and behaviour data: events and the seven probabilities as a "physio" recording at an even rate.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};
use serde_json::json;

use crate::error::TableError;
use crate::events::Event;
use crate::names::EXPRESSIONS;
use crate::rows::{Reading, Recording, Rows};

/// A reading stands until the face's next one, but not for longer, in seconds.
const STANDS_S: f64 = 1.0;

/// What the files are called: letters and digits only, as BIDS demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BidsNames {
    /// The person: `sub-…`.
    pub subject: String,
    /// The session, where there are several: `ses-…`.
    pub session: Option<String>,
    /// What was done: `task-…`.
    pub task: String,
}

impl BidsNames {
    /// The folder and the start of the files' names.
    fn stem(&self) -> (String, String) {
        let (subject, task) = (&self.subject, &self.task);
        match &self.session {
            Some(session) => (
                format!("sub-{subject}/ses-{session}/beh"),
                format!("sub-{subject}_ses-{session}_task-{task}"),
            ),
            None => (format!("sub-{subject}/beh"), format!("sub-{subject}_task-{task}")),
        }
    }
}

/// The files of a recording as paths below the data set's folder and their bytes: `_events.tsv`, and for the face with most rows `_physio.tsv.gz`,
/// each with its JSON; and `dataset_description.json`. `rate`: samples a second.
///
/// # Errors
/// [`TableError`] where the recording cannot be read or has no row.
pub fn bids_files(
    recording: &Recording,
    events: &[Event],
    names: &BidsNames,
    rate: f64,
) -> Result<Vec<(String, Vec<u8>)>, TableError> {
    let (folder, stem) = names.stem();
    let face = most_seen(recording)?;
    let (samples, start_s) = samples(recording, face, rate)?;
    let failed = |reason: std::io::Error| TableError::Write { what: "the BIDS files".into(), reason };
    let pretty = |value: &serde_json::Value| -> Result<Vec<u8>, TableError> {
        let mut text = serde_json::to_vec_pretty(value).map_err(|e| failed(e.into()))?;
        text.push(b'\n');
        Ok(text)
    };
    let mut gz = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    gz.write_all(samples.as_bytes()).map_err(failed)?;
    let describe = |name: &str| {
        let text = format!("Probability of the expression {name} as the network reads it");
        json!({ "Description": text, "Units": "arbitrary" })
    };
    let mut physio = json!({
        "SamplingFrequency": rate,
        "StartTime": start_s,
        "Columns": EXPRESSIONS,
        "Manufacturer": "moue",
        "Description": format!("Readings of face {face}, held until the next one; n/a where there was none for a second"),
    });
    if let Some(all) = physio.as_object_mut() {
        all.extend(EXPRESSIONS.iter().map(|e| ((*e).to_owned(), describe(e))));
    }
    let dataset = json!({
        "Name": "Facial expressions", "BIDSVersion": "1.9.0", "DatasetType": "raw",
        "GeneratedBy": [{ "Name": "moue" }],
    });
    let events_json = json!({
        "onset": { "Description": "Begin of the event, on the clock of time_s", "Units": "s" },
        "duration": { "Description": "Not known: markers are moments", "Units": "s" },
        "trial_type": { "Description": "Name of the marker" },
        "value": { "Description": "What else the marker says" },
    });
    let physio_stem = format!("{folder}/{stem}_recording-face{face}_physio");
    Ok(vec![
        ("dataset_description.json".into(), pretty(&dataset)?),
        (format!("{folder}/{stem}_events.tsv"), events_tsv(events).into_bytes()),
        (format!("{folder}/{stem}_events.json"), pretty(&events_json)?),
        (format!("{physio_stem}.tsv.gz"), gz.finish().map_err(failed)?),
        (format!("{physio_stem}.json"), pretty(&physio)?),
    ])
}

fn events_tsv(events: &[Event]) -> String {
    let plain = |text: &str| {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if text.is_empty() { "n/a".to_owned() } else { text }
    };
    let mut text = String::from("onset\tduration\ttrial_type\tvalue\n");
    for event in events {
        text.push_str(&format!(
            "{:.3}\tn/a\t{}\t{}\n",
            event.time_s,
            plain(&event.name),
            plain(&event.value)
        ));
    }
    text
}

/// The face with most rows; of several the lowest number.
fn most_seen(recording: &Recording) -> Result<u64, TableError> {
    let mut counts = std::collections::BTreeMap::<u64, u64>::new();
    let mut rows = Rows::open(&recording.faces)?;
    while let Some((row, _)) = rows.next_row()? {
        *counts.entry(row.id).or_default() += 1;
    }
    let most = counts.iter().max_by_key(|(id, count)| (**count, std::cmp::Reverse(**id)));
    most.map(|(id, _)| *id).ok_or_else(|| TableError::Recording {
        recording: recording.name.clone(),
        reason: "expected rows of a face, found none".into(),
    })
}

/// The face's probabilities at an even rate, and the time of the first sample in seconds.
fn samples(recording: &Recording, face: u64, rate: f64) -> Result<(String, f64), TableError> {
    let mut text = String::new();
    let (mut start_s, mut next) = (None, 0_u64);
    let mut last: Option<Reading> = None;
    let mut rows = Rows::open(&recording.faces)?;
    let put = |text: &mut String, reading: Option<&Reading>| {
        let values = match reading {
            Some(reading) => reading.raw.map(|v| format!("{v:.6}")),
            None => [const { String::new() }; 7].map(|_| "n/a".to_owned()),
        };
        text.push_str(&values.join("\t"));
        text.push('\n');
    };
    while let Some((row, _)) = rows.next_row()? {
        if row.id != face {
            continue;
        }
        let start_s = *start_s.get_or_insert(row.time_s);
        // Times are rounded to milliseconds.
        while start_s + next as f64 / rate < row.time_s - 5e-4 {
            let at_s = start_s + next as f64 / rate;
            put(&mut text, last.as_ref().filter(|l| at_s - l.time_s <= STANDS_S));
            next += 1;
        }
        last = Some(row);
    }
    if last.is_some() {
        put(&mut text, last.as_ref());
    }
    Ok((text, start_s.unwrap_or_default()))
}
