//! FER+: ten people's votes on every picture of FER-2013 (Barsoum et al. 2016, arXiv 1608.01041).

use std::collections::HashMap;
use std::path::Path;

use moue_files::excerpt;
use moue_model::Expression;

use super::table::Table;
use crate::TrainError;

/// Largest file; FER+'s own has 2 MB.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// FER+'s columns that are one of the seven classes; contempt, unknown and NF ("no face") are none.
const COLUMNS: [(&str, Expression); Expression::COUNT] = [
    ("neutral", Expression::Neutral),
    ("happiness", Expression::Happy),
    ("surprise", Expression::Surprise),
    ("sadness", Expression::Sad),
    ("anger", Expression::Angry),
    ("disgust", Expression::Disgust),
    ("fear", Expression::Fear),
];

/// Votes by file and by row of `fer2013.csv`.
#[derive(Debug, Clone, Default)]
pub struct Votes {
    by_path: HashMap<String, [f32; Expression::COUNT]>,
    by_row: HashMap<usize, [f32; Expression::COUNT]>,
    paths: HashMap<usize, String>,
}

impl Votes {
    /// Reads `fer2013new.csv` (rows in the order of `fer2013.csv`), or a table with the same ten columns of votes and
    /// `path` (of the picture, relative to the data set) or `csv_row` (from 0) beside them.
    ///
    /// # Errors
    /// [`TrainError`], naming the row or column that is missing or no number.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let unreadable = |reason: String| TrainError::Unreadable { path: path.to_owned(), reason };
        let mut table = Table::open(path, MAX_FILE_BYTES, true, false).map_err(unreadable)?;
        let headers = table.headers().map_err(unreadable)?;
        let column = |name: &str| headers.iter().position(|h| h == name);
        let mut columns = [(0, 0); Expression::COUNT];
        for (slot, (name, class)) in columns.iter_mut().zip(COLUMNS) {
            let at =
                column(name).ok_or_else(|| unreadable(format!("expected a column {name}, found none")))?;
            *slot = (at, class.index());
        }
        let (path_column, row_column) = (column("path"), column("csv_row"));
        let mut votes = Self::default();
        for (i, record) in std::iter::from_fn(|| table.next_row()).enumerate() {
            let record = record.map_err(|e| unreadable(e.to_string()))?;
            let number = |at: usize| -> Result<f32, TrainError> {
                let text = record.get(at).unwrap_or_default();
                text.parse::<f32>().ok().filter(|v| v.is_finite() && *v >= 0.0).ok_or_else(|| {
                    let found = excerpt(text, 24);
                    unreadable(format!("row {}: expected a number of votes, found {found:?}", i + 2))
                })
            };
            let mut shares = [0.0; Expression::COUNT];
            for (at, class) in columns {
                shares[class] = number(at)?;
            }
            let sum: f32 = shares.iter().sum();
            let row = match row_column {
                Some(at) => number(at)? as usize,
                None => i,
            };
            let file = path_column.and_then(|at| record.get(at)).map(str::to_owned);
            if let Some(file) = &file {
                votes.paths.insert(row, file.clone());
            }
            // Some pictures have no vote for any of the seven classes.
            if sum > 0.0 {
                let shares = shares.map(|v| v / sum);
                if let Some(file) = file {
                    votes.by_path.insert(file, shares);
                }
                votes.by_row.insert(row, shares);
            }
        }
        Ok(votes)
    }

    /// The shares of votes for a picture, by its path relative to the data set.
    #[must_use]
    pub fn of_path(&self, path: &str) -> Option<[f32; Expression::COUNT]> {
        self.by_path.get(path).copied()
    }

    /// The shares of votes for a row of `fer2013.csv`, from 0.
    #[must_use]
    pub fn of_row(&self, row: usize) -> Option<[f32; Expression::COUNT]> {
        self.by_row.get(&row).copied()
    }

    /// What the table calls the picture in that row of `fer2013.csv`.
    #[must_use]
    pub fn path_of_row(&self, row: usize) -> Option<&str> {
        self.paths.get(&row).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "path,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF,csv_row";

    fn read(text: &str) -> Result<Votes, TrainError> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ferplus.csv");
        std::fs::write(&file, text).unwrap();
        Votes::read(&file)
    }

    #[test]
    fn votes_become_shares_of_the_seven_classes() {
        let votes = read(&format!(
            "{HEADER}\ntrain/angry/a.png,4,0,0,1,3,2,0,0,0,0,5\ntrain/angry/b.png,0,0,0,0,0,0,0,4,6,0,6\n"
        ))
        .unwrap();
        let expected = [0.3, 0.2, 0.0, 0.0, 0.4, 0.1, 0.0];
        assert_eq!(votes.of_path("train/angry/a.png"), Some(expected));
        assert_eq!(votes.of_row(5), Some(expected));
        assert_eq!(votes.of_path("train/angry/b.png"), None);
        assert_eq!(votes.path_of_row(6), Some("train/angry/b.png"));
    }

    #[test]
    fn bad_tables_are_named() {
        assert!(read("path,neutral\n").unwrap_err().to_string().contains("column happiness"));
        let bad = read(&format!("{HEADER}\na,x,0,0,0,0,0,0,0,0,0,0\n")).unwrap_err().to_string();
        assert!(bad.contains("row 2") && bad.contains("\"x\""), "{bad}");
    }
}
