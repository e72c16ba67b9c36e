//! Holds recorded rows against rows that were read anew, and a recording against itself.

use std::path::Path;

use moue_model::Expression;

use super::error::RecordError;
use super::folder::{EVENTS_FILE, FACES_FILE};
use super::proof::hash_file;
use super::row_file::for_each_row;
use super::rows::FaceRow;
use super::session::{Session, SessionStatus};

/// How far a value may lie from the recorded one. On the machine that recorded, rows are the same to the last digit; other processors round
/// sums differently, and a box or a crop may move by a rounding step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerances {
    /// Of a probability.
    pub probability: f32,
    /// Of a box, in pixels.
    pub box_px: f32,
    /// Of the quality.
    pub quality: f32,
    /// Of a time, in seconds.
    pub time_s: f64,
}

impl Tolerances {
    /// Those of `moue verify`; `docs/recording.md` has the same.
    pub const DEFAULT: Self = Self { probability: 0.01, box_px: 1.5, quality: 0.02, time_s: 0.0015 };
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Comparison {
    /// Rows that were held against each other.
    pub rows: u64,
    /// Those that are the same in every column that is compared.
    pub same: u64,
    /// Largest differences.
    pub probability: f32,
    /// In pixels.
    pub box_px: f32,
    /// Rows that lie beyond a tolerance.
    pub beyond: u64,
    /// Recorded rows that were not read again, and rows that were read and are not recorded.
    pub missing: u64,
    /// Rows that are there only now.
    pub added: u64,
    /// The first few differences, in words.
    pub examples: Vec<String>,
}

/// Differences that are told one by one.
const MOST_EXAMPLES: usize = 5;

impl Comparison {
    /// Whether the recording holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.beyond == 0 && self.missing == 0 && self.added == 0
    }

    fn example(&mut self, text: impl FnOnce() -> String) {
        if self.examples.len() < MOST_EXAMPLES {
            self.examples.push(text());
        }
    }

    /// Takes the recorded and the new rows of one frame.
    pub fn frame(&mut self, recorded: &[FaceRow], read: &[FaceRow], allowed: &Tolerances) {
        for (i, old) in recorded.iter().enumerate() {
            let Some(new) = read.get(i) else {
                self.missing += 1;
                self.example(|| format!("frame {}, face {}: it is not found again", old.frame, old.id));
                continue;
            };
            self.rows += 1;
            self.same += u64::from(is_same(old, new));
            let probability = largest(&old.raw, &new.raw).max(shown_difference(old, new));
            let of_box = |r: &FaceRow| [r.face.x, r.face.y, r.face.width, r.face.height];
            let box_px = largest(&of_box(old), &of_box(new));
            let quality = (old.quality.unwrap_or_default() - new.quality.unwrap_or_default()).abs();
            self.probability = self.probability.max(probability);
            self.box_px = self.box_px.max(box_px);
            let fits = probability <= allowed.probability
                && box_px <= allowed.box_px
                && (old.quality.is_none() || quality <= allowed.quality)
                && (old.time_s - new.time_s).abs() <= allowed.time_s
                && old.id == new.id
                && label_holds(old, new, allowed.probability);
            if !fits {
                self.beyond += 1;
                self.example(|| difference(old, new));
            }
        }
        for new in read.iter().skip(recorded.len()) {
            self.added += 1;
            self.example(|| format!("frame {}, face {}: it is not in the recording", new.frame, new.id));
        }
    }
}

fn largest(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn shown_difference(old: &FaceRow, new: &FaceRow) -> f32 {
    match (&old.shown, &new.shown) {
        (Some(a), Some(b)) => largest(&a.probabilities, &b.probabilities),
        (None, _) => 0.0,
        (Some(_), None) => 1.0,
    }
}

/// Where two expressions are nearly level, rounding may decide.
fn label_holds(old: &FaceRow, new: &FaceRow, allowed: f32) -> bool {
    let (a, b) = (old.top().0, new.top().0);
    a == b || (old.raw[a.index()] - old.raw[b.index()]).abs() <= 2.0 * allowed
}

/// In all that depends on the source and the network alone.
fn is_same(old: &FaceRow, new: &FaceRow) -> bool {
    old.frame == new.frame
        && old.id == new.id
        && old.time_s == new.time_s
        && old.face == new.face
        && old.raw == new.raw
        && old.shown == new.shown
        && old.quality == new.quality
        && old.reasons == new.reasons
}

fn difference(old: &FaceRow, new: &FaceRow) -> String {
    let say = |r: &FaceRow| {
        let (label, p) = r.top();
        format!(
            "face {} at {:.1},{:.1} {:.1}x{:.1}, {label} {p:.4}, {:.3} s",
            r.id, r.face.x, r.face.y, r.face.width, r.face.height, r.time_s
        )
    };
    format!("frame {}: recorded {}; now {}", old.frame, say(old), say(new))
}

/// What a recording says of itself that does not hold; empty where all does. Notes are what cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelfCheck {
    /// What was checked and holds.
    pub holds: Vec<String>,
    /// What does not hold.
    pub faults: Vec<String>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
}

/// Checks a session folder's files by their hashes, and its rows for what must hold of any recording.
///
/// # Errors
/// [`RecordError`] where `faces.csv` cannot be read.
pub fn check_session(folder: &Path, session: &Session) -> Result<SelfCheck, RecordError> {
    let mut check = SelfCheck::default();
    if session.files.is_empty() {
        let reason = match session.status {
            SessionStatus::Recording => "the recording was not finished",
            _ => "it was recorded by a version that did not keep them",
        };
        check.notes.push(format!("the files' hashes: {reason}"));
    }
    for recorded in &session.files {
        // The name is the recording's own word: nothing outside of the folder is read.
        if ![FACES_FILE, EVENTS_FILE].contains(&recorded.name.as_str()) {
            check.faults.push(format!("session.json names a file {} that no recording has", recorded.name));
            continue;
        }
        match hash_file(&folder.join(&recorded.name)) {
            Ok(found) if found == *recorded => {
                check.holds.push(format!("{}: SHA-256 {} as recorded", recorded.name, found.sha256));
            }
            Ok(found) => check.faults.push(format!(
                "{}: expected {} bytes with SHA-256 {}, found {} bytes with {}: it was changed after the recording",
                recorded.name, recorded.bytes, recorded.sha256, found.bytes, found.sha256
            )),
            Err(e) => check.faults.push(format!("{}: it cannot be read: {e}", recorded.name)),
        }
    }
    let mut last = (f64::NEG_INFINITY, None::<u64>);
    let (mut backwards, mut sums, mut clock_backwards) = (0u64, 0u64, 0u64);
    let counts = for_each_row(&folder.join(FACES_FILE), |row| {
        backwards += u64::from(row.time_s < last.0);
        let clock = row.stamp.monotonic_ns.or(last.1);
        clock_backwards += u64::from(clock < last.1);
        last = (row.time_s, clock);
        sums += u64::from((row.raw.iter().sum::<f32>() - 1.0).abs() > 1e-3);
    })?;
    let mut rule = |broken: u64, holds: &str, fault: &str| {
        if broken == 0 {
            check.holds.push(format!("{} rows: {holds}", counts.rows));
        } else {
            check.faults.push(format!("{broken} of {} rows: {fault}", counts.rows));
        }
    };
    rule(counts.unreadable, "all can be read", "cannot be read");
    rule(
        sums,
        &format!("the {} probabilities sum to 1", Expression::COUNT),
        "the probabilities do not sum to 1",
    );
    rule(backwards, "times never go back", "time_s goes back");
    if last.1.is_some() {
        rule(clock_backwards, "the monotonic clock never goes back", "monotonic_ns goes back");
    }
    match session.faces {
        Some(faces) if faces == counts.rows => check.holds.push("as many rows as session.json says".into()),
        Some(faces) => {
            check.faults.push(format!("session.json says {faces} rows, faces.csv has {}", counts.rows))
        }
        None => check.notes.push("the number of rows: the recording was not finished".into()),
    }
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_detect::FaceBox;

    fn row(id: u64, x: f32, happy: f32) -> FaceRow {
        FaceRow {
            source: "a".into(),
            frame: 4,
            time_s: 0.5,
            size_px: (64, 48),
            id,
            face: FaceBox { x, y: 1.0, width: 9.0, height: 9.0 },
            detection_score: 1.0,
            raw: [0.0, 0.0, 0.0, happy, 1.0 - happy, 0.0, 0.0],
            shown: None,
            quality: Some(0.9),
            reasons: Vec::new(),
            measured: None,
            age_ms: None,
            stamp: Default::default(),
            personal: None,
        }
    }

    #[test]
    fn rounding_is_allowed_and_another_face_is_not() {
        let compare = |old: &[FaceRow], new: &[FaceRow]| {
            let mut found = Comparison::default();
            found.frame(old, new, &Tolerances::DEFAULT);
            found
        };
        let old = [row(1, 5.0, 0.8)];
        let same = compare(&old, &old);
        assert!(same.holds() && same.same == 1);
        let rounded = compare(&old, &[row(1, 5.25, 0.805)]);
        assert!(rounded.holds() && rounded.same == 0 && rounded.box_px == 0.25);
        for other in [row(1, 9.0, 0.8), row(1, 5.0, 0.7), row(2, 5.0, 0.8)] {
            let found = compare(&old, &[other]);
            assert!(!found.holds() && found.beyond == 1 && found.examples.len() == 1, "{found:?}");
        }
        let lost = compare(&old, &[]);
        assert_eq!((lost.holds(), lost.missing), (false, 1));
        assert_eq!(compare(&[], &old).added, 1);
        // Nearly level: either may be the label.
        assert!(compare(&[row(1, 5.0, 0.502)], &[row(1, 5.0, 0.497)]).holds());
    }
}
