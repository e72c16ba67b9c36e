//! Lists of files to leave out.

use std::collections::HashSet;
use std::path::Path;

use super::table::Table;
use super::{Sample, SplitName};
use crate::TrainError;

/// Largest list.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Files to leave out of a data set: a CSV file with a column `path`, or one path a line.
#[derive(Debug, Clone, Default)]
pub struct Exclusions {
    paths: HashSet<String>,
}

impl Exclusions {
    /// Reads a list.
    ///
    /// # Errors
    /// [`TrainError`] when the file cannot be read or holds no paths.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let unreadable = |reason: String| TrainError::Unreadable { path: path.to_owned(), reason };
        let mut table = Table::open(path, MAX_FILE_BYTES, false, true).map_err(unreadable)?;
        let mut paths = HashSet::new();
        let mut column = 0;
        for (i, record) in std::iter::from_fn(|| table.next_row()).enumerate() {
            let record = record.map_err(|e| unreadable(e.to_string()))?;
            if i == 0
                && let Some(at) = record.iter().position(|field| field == "path")
            {
                column = at;
                continue;
            }
            if i == 0 && record.len() > 1 {
                // Taking the first of several columns for paths would silently leave nothing out.
                let found: Vec<&str> = record.iter().take(8).collect();
                return Err(unreadable(format!(
                    "expected one path a line or a column named path in row 1, found the columns {}",
                    found.join(", ")
                )));
            }
            let Some(listed) = record.get(column).filter(|p| !p.is_empty()) else {
                return Err(unreadable(format!("row {}: expected a path in column {}", i + 1, column + 1)));
            };
            let listed = listed.replace('\\', "/");
            paths.insert(without_ending(listed.trim_start_matches("./")).to_owned());
        }
        if paths.is_empty() {
            return Err(unreadable("expected paths, found none".into()));
        }
        Ok(Self { paths })
    }

    /// Whether nothing is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Whether the sample is listed: by its name, or as `split/class/file` whatever folder it lies in, since
    /// Kaggle's copy of FER-2013 keeps validation pictures under `test/`. Endings (.png, .jpg) do not count.
    #[must_use]
    pub fn contains(&self, split: SplitName, sample: &Sample) -> bool {
        let name = without_ending(&sample.name);
        if self.paths.contains(name) {
            return true;
        }
        let file = name.rsplit('/').next().unwrap_or(name);
        self.paths.contains(&format!("{split}/{}/{file}", sample.label.name()))
    }

    /// Whether a file is listed by its path relative to the data set.
    #[must_use]
    pub(super) fn contains_path(&self, relative: &str) -> bool {
        self.paths.contains(without_ending(relative))
    }
}

fn without_ending(path: &str) -> &str {
    match path.rfind('.') {
        Some(dot) if !path[dot..].contains('/') => &path[..dot],
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_model::Expression;

    fn sample(name: &str) -> Sample {
        Sample { name: name.into(), label: Expression::Angry, votes: None }
    }

    #[test]
    fn it_finds_files_by_path_and_by_split_and_class() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("leaks.csv");
        std::fs::write(&file, "kind,path\nexact,val/angry/PublicTest_1.png\nnear,test\\sad\\x.y.png\n")
            .unwrap();
        let list = Exclusions::read(&file).unwrap();
        assert!(list.contains(SplitName::Val, &sample("val/angry/PublicTest_1.png")));
        assert!(list.contains(SplitName::Val, &sample("test/angry/PublicTest_1.jpg")));
        assert!(!list.contains(SplitName::Train, &sample("train/angry/PublicTest_1.png")));
        assert!(list.contains(SplitName::Test, &sample("test/sad/x.y.png")));
        assert!(!list.contains(SplitName::Test, &sample("test/sad/x.png")));
    }

    #[test]
    fn plain_lines_are_fine_and_an_empty_list_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("list.txt");
        std::fs::write(&file, "train/angry/1.png\n").unwrap();
        assert!(Exclusions::read(&file).unwrap().contains(SplitName::Train, &sample("train/angry/1.png")));
        std::fs::write(&file, "kind,path_a,path_b\nexact,train/angry/1.png,train/angry/2.png\n").unwrap();
        let refused = Exclusions::read(&file).unwrap_err().to_string();
        assert!(
            refused.contains("expected one path a line") && refused.contains("kind, path_a, path_b"),
            "{refused}"
        );
        std::fs::write(&file, "path\n").unwrap();
        assert!(Exclusions::read(&file).unwrap_err().to_string().contains("found none"));
    }
}
