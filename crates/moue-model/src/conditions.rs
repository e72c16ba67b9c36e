//! What a weights file says of its network under webcam conditions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use moue_files::excerpt;

/// The metadata's key.
const KEY: &str = "conditions";
/// Most rows; a longer table is ignored.
const MAX_ROWS: usize = 64;

/// One condition's figures; all are shares from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConditionFigures {
    /// A short name, for programs, such as `dark_noisy`.
    pub name: String,
    /// The same in plain words.
    pub words: String,
    /// Share of the pictures that is read as labelled.
    pub accuracy: f64,
    /// Mean F1 of the classes.
    pub macro_f1: f64,
    /// Mean highest probability: how sure the network is.
    pub confidence: f64,
    /// Expected calibration error.
    pub calibration_error: f64,
}

/// The table, as it is written into a weights file's metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConditionsTable {
    /// What was measured on.
    pub data: String,
    /// The conditions, the unchanged pictures first.
    pub rows: Vec<ConditionFigures>,
}

impl ConditionsTable {
    /// The table of a weights file, if it has one. The file may come from elsewhere: a damaged table is ignored.
    #[must_use]
    pub fn of(metadata: &BTreeMap<String, String>) -> Option<Self> {
        let mut table: Self = serde_json::from_str(metadata.get(KEY)?).ok()?;
        let share = |v: f64| (0.0..=1.0).contains(&v);
        let sound = |r: &ConditionFigures| {
            [r.accuracy, r.macro_f1, r.confidence, r.calibration_error].into_iter().all(share)
        };
        if table.rows.is_empty() || table.rows.len() > MAX_ROWS || !table.rows.iter().all(sound) {
            return None;
        }
        table.data = excerpt(&table.data, 200);
        for row in &mut table.rows {
            row.name = excerpt(&row.name, 40);
            row.words = excerpt(&row.words, 60);
        }
        Some(table)
    }

    /// Whether that key of the metadata is the table's.
    #[must_use]
    pub fn is_key(key: &str) -> bool {
        key == KEY
    }

    /// Puts the table into the metadata, in the place of another one.
    pub fn write_to(&self, metadata: &mut BTreeMap<String, String>) {
        // Strings and finite numbers: nothing in it can fail.
        if let Ok(text) = serde_json::to_string(self) {
            metadata.insert(KEY.to_owned(), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> ConditionFigures {
        ConditionFigures {
            name: "dark".into(),
            words: "Dark".into(),
            accuracy: 0.61,
            macro_f1: 0.5,
            confidence: 0.7,
            calibration_error: 0.09,
        }
    }

    #[test]
    fn a_table_comes_back_and_anything_else_is_none() {
        let table = ConditionsTable { data: "val, 10 pictures".into(), rows: vec![row()] };
        let mut metadata = BTreeMap::new();
        assert_eq!(ConditionsTable::of(&metadata), None);
        table.write_to(&mut metadata);
        assert_eq!(ConditionsTable::of(&metadata), Some(table.clone()));
        let wrong = [
            ConditionsTable { rows: vec![ConditionFigures { accuracy: 61.0, ..row() }], ..table.clone() },
            ConditionsTable { rows: vec![], ..table.clone() },
            ConditionsTable { rows: vec![row(); MAX_ROWS + 1], ..table.clone() },
        ];
        for table in wrong {
            table.write_to(&mut metadata);
            assert_eq!(ConditionsTable::of(&metadata), None);
        }
        for text in ["", "{}", "[1, 2]", "dark: 61 %", "{\"data\":\"\",\"rows\":[{\"name\":\"dark\"}]}"] {
            metadata.insert(KEY.into(), text.into());
            assert_eq!(ConditionsTable::of(&metadata), None, "{text}");
        }
        let long =
            ConditionsTable { rows: vec![ConditionFigures { words: "x".repeat(9000), ..row() }], ..table };
        long.write_to(&mut metadata);
        assert!(ConditionsTable::of(&metadata).unwrap().rows[0].words.len() < 100);
    }
}
