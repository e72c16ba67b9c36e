//! What the columns of the wide table mean: `columns.json`.

use serde::Serialize;

use crate::names::{EXPRESSIONS, LABELS, REASONS};

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Unit, or empty.
    pub unit: String,
    /// Which values there may be.
    pub range: String,
    /// What it means.
    pub meaning: String,
    /// Why it is empty in this table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// The columns of the wide table, in order.
pub(crate) fn columns() -> Vec<Column> {
    let mut all = Vec::new();
    let mut add = |name: &str, unit: &str, range: &str, meaning: &str| {
        all.push(Column {
            name: name.into(),
            unit: unit.into(),
            range: range.into(),
            meaning: meaning.into(),
            missing: None,
        });
    };
    add("session", "", "text", "Name of the recording's folder, or of the source in a file of several");
    add(
        "face",
        "",
        "1 and up",
        "Number of the face; the same person who leaves and comes back may get another",
    );
    add("interval", "", "0 and up", "Number of the interval in the recording");
    add("marker", "", "text", "Marker that the interval begins with; empty before the first");
    add("marker_value", "", "text", "What else the marker says");
    add("from_s", "s", "0 and up", "Begin of the interval, as time_s in faces.csv");
    add("to_s", "s", "0 and up", "End of the interval, without it; of the last one the recording's last row");
    add(
        "monotonic_ns",
        "ns",
        "0 and up",
        "The system's monotonic clock at the face's first row of the interval",
    );
    add("rows", "", "0 and up", "Rows of the face in the interval");
    add("rows_trusted", "", "0 and up", "Those against which nothing speaks");
    add(
        "seconds",
        "s",
        "0 and up",
        "Time that is in the means: each reading stands until the face's next one, if that comes within a second",
    );
    add("coverage", "", "0 to 1", "Share of the interval's time with a trusted reading");
    for reason in REASONS {
        let meaning =
            format!("Share of the interval's time with a reading that most of all {reason} speaks against");
        add(&format!("untrusted_{reason}"), "", "0 to 1", &meaning);
    }
    add(
        "absent",
        "",
        "0 to 1",
        "Share of the interval's time without a reading; with the shares before it makes 1",
    );
    const BAND: &str =
        "end of the 95 % confidence interval by a block bootstrap; empty with fewer than 5 blocks";
    for e in EXPRESSIONS {
        add(&format!("mean_{e}"), "", "0 to 1", &format!("Mean over time of the probability of {e}"));
        add(&format!("mean_{e}_low"), "", "0 to 1", &format!("Lower {BAND}"));
        add(&format!("mean_{e}_high"), "", "0 to 1", &format!("Upper {BAND}"));
        add(&format!("peak_{e}"), "", "0 to 1", &format!("Highest probability of {e} in a row"));
        add(
            &format!("time_to_peak_{e}"),
            "s",
            "0 and up",
            "From the interval's begin to the first row with that value",
        );
        add(
            &format!("change_{e}"),
            "",
            "-1 to 1",
            &format!("mean_{e} less the same face's mean in the baseline"),
        );
    }
    for label in LABELS {
        add(
            &format!("share_{label}"),
            "",
            "0 to 1",
            &format!("Share of the time in the means with the label {label}"),
        );
        add(&format!("share_{label}_low"), "", "0 to 1", &format!("Lower {BAND}"));
        add(&format!("share_{label}_high"), "", "0 to 1", &format!("Upper {BAND}"));
    }
    add(
        "blinks",
        "",
        "0 and up",
        "Short dips of both eyes' opening (0.03 to 0.6 s) below 78 % of its median over four seconds, at ten rows a second or more",
    );
    add("blinks_watched_s", "s", "0 and up", "Time in which they would have been seen");
    all
}

/// The columns, with the reasons why some are empty. `missing`: a column's name or a pattern as `change_*`, and the reason.
#[must_use]
pub fn dictionary(missing: &[(String, String)]) -> Vec<Column> {
    let fits = |name: &str, patterns: &str| {
        patterns.split(", ").any(|p| match (p.strip_suffix('*'), p.strip_prefix('*')) {
            (Some(start), _) => name.starts_with(start),
            (_, Some(end)) => name.ends_with(end),
            _ => name == p,
        })
    };
    let mut all = columns();
    for column in &mut all {
        column.missing =
            missing.iter().find(|(p, _)| fits(&column.name, p)).map(|(_, reason)| reason.clone());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_name_of_its_own_and_a_meaning() {
        let all =
            dictionary(&[("change_*".into(), "why".into()), ("*_low, *_high".into(), "as well".into())]);
        let mut names: Vec<&str> = all.iter().map(|c| c.name.as_str()).collect();
        assert!(all.iter().all(|c| !c.meaning.is_empty() && !c.range.is_empty()));
        let missing = |name: &str| all.iter().find(|c| c.name == name).unwrap().missing.as_deref();
        assert_eq!(
            (missing("change_sad"), missing("share_sad_low"), missing("rows")),
            (Some("why"), Some("as well"), None)
        );
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), count), (count, 21 + 42 + 24 + 2));
    }
}
