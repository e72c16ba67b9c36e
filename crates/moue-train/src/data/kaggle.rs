//! Kaggle's CSV files: `fer2013.csv` and `icml_face_data.csv`.

use std::path::{Path, PathBuf};

use moue_files::excerpt;
use moue_model::Expression;

use super::table::Table;
use super::{DataSet, FACE_BYTES, Sample, SplitName, Votes};
use crate::TrainError;

/// Largest file; Kaggle's have 300 MB.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// A file with more bad rows is no such file, and naming them all would take more memory than the file.
const MAX_BAD_ROWS: usize = 10_000;

/// FER-2013's numbers of the classes.
const CODES: [Expression; Expression::COUNT] = [
    Expression::Angry,
    Expression::Disgust,
    Expression::Fear,
    Expression::Happy,
    Expression::Sad,
    Expression::Surprise,
    Expression::Neutral,
];

/// Kaggle's file in a folder, if it is there.
pub(super) fn csv_in(folder: &Path) -> Option<PathBuf> {
    ["fer2013.csv", "icml_face_data.csv"].into_iter().map(|name| folder.join(name)).find(|p| p.is_file())
}

/// Reads the wanted splits. Columns are found by name, since the two files order them differently.
pub(super) fn read(path: &Path, wanted: &[SplitName], votes: Option<&Votes>) -> Result<DataSet, TrainError> {
    let unreadable = |reason: String| TrainError::Unreadable { path: path.to_owned(), reason };
    let mut table = Table::open(path, MAX_FILE_BYTES, true, true).map_err(unreadable)?;
    let headers = table.headers().map_err(unreadable)?;
    let column = |name: &str| {
        headers.iter().position(|h| h.eq_ignore_ascii_case(name)).ok_or_else(|| {
            let found: String = headers.iter().collect::<Vec<_>>().join(",").chars().take(80).collect();
            unreadable(format!("expected the columns emotion, Usage and pixels, found {found:?}"))
        })
    };
    let (emotion, usage, pixels) = (column("emotion")?, column("Usage")?, column("pixels")?);
    let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut data = DataSet::default();
    let mut face = Vec::with_capacity(FACE_BYTES);
    for (row, record) in std::iter::from_fn(|| table.next_row()).enumerate() {
        let name = || format!("{file}:row {row}");
        if data.skipped.len() > MAX_BAD_ROWS {
            let first = &data.skipped[0];
            let reason = format!(
                "more than {MAX_BAD_ROWS} rows are bad; the first is {}: {}",
                first.name, first.reason
            );
            return Err(unreadable(reason));
        }
        // A row that is no UTF-8 is one bad row; a disk that fails is an error.
        let record = match record {
            Ok(record) => record,
            Err(e) if e.is_io_error() => return Err(unreadable(e.to_string())),
            Err(e) => {
                data.skip(name(), e.to_string());
                continue;
            }
        };
        let field = |at: usize| record.get(at).unwrap_or_default();
        let split = match field(usage) {
            "Training" => SplitName::Train,
            "PublicTest" => SplitName::Val,
            "PrivateTest" => SplitName::Test,
            other => {
                data.skip(
                    name(),
                    format!("expected Training, PublicTest or PrivateTest, found {}", short(other)),
                );
                continue;
            }
        };
        if !wanted.contains(&split) {
            continue;
        }
        let Some(&label) = field(emotion).parse::<usize>().ok().and_then(|code| CODES.get(code)) else {
            data.skip(name(), format!("expected an emotion from 0 to 6, found {}", short(field(emotion))));
            continue;
        };
        if let Err(reason) = parse_pixels(field(pixels), &mut face) {
            data.skip(name(), reason);
            continue;
        }
        let votes_of_row = votes.and_then(|v| v.of_row(row));
        let name = votes.and_then(|v| v.path_of_row(row)).map_or_else(name, str::to_owned);
        data.split_mut(split).push(Sample { name, label, votes: votes_of_row }, &face);
    }
    Ok(data)
}

fn parse_pixels(text: &str, face: &mut Vec<u8>) -> Result<(), String> {
    face.clear();
    for (i, value) in text.split_ascii_whitespace().enumerate() {
        let value: u8 =
            value.parse().map_err(|_| format!("pixel {i}: expected 0 to 255, found {}", short(value)))?;
        if face.len() == FACE_BYTES {
            return Err(format!("expected {FACE_BYTES} pixels, found more"));
        }
        face.push(value);
    }
    if face.len() == FACE_BYTES {
        Ok(())
    } else {
        Err(format!("expected {FACE_BYTES} pixels, found {}", face.len()))
    }
}

/// A field for a message: the file may hold anything.
fn short(text: &str) -> String {
    format!("{:?}", excerpt(text, 24))
}

#[cfg(test)]
mod tests {
    use super::super::{DataOptions, DataSet};
    use super::*;

    fn pixels(value: u8, count: usize) -> String {
        vec![value.to_string(); count].join(" ")
    }

    #[test]
    fn bad_rows_are_named_counted_and_skipped() {
        let good = pixels(7, FACE_BYTES);
        let text = [
            "emotion, Usage, pixels".to_owned(),
            format!("3,Training,{good}"),
            format!("9,Training,{good}"),
            format!("4,PublicTest,{}", pixels(7, 100)),
            format!("4,PublicTest,{} 256", pixels(7, FACE_BYTES - 1)),
            format!("4,PublicTest,{good} 1"),
            format!("4,Holiday,{good}"),
            "4".to_owned(),
            format!("4,PublicTest,{good}"),
            format!("6,PrivateTest,{good}"),
        ]
        .join("\n");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("icml_face_data.csv");
        std::fs::write(&path, text).unwrap();
        let data = DataSet::read(dir.path(), &SplitName::ALL, &DataOptions::default()).unwrap();
        let reasons: Vec<String> = data.skipped.iter().map(|s| format!("{}: {}", s.name, s.reason)).collect();
        assert_eq!(
            reasons,
            [
                "icml_face_data.csv:row 1: expected an emotion from 0 to 6, found \"9\"",
                "icml_face_data.csv:row 2: expected 2304 pixels, found 100",
                "icml_face_data.csv:row 3: pixel 2303: expected 0 to 255, found \"256\"",
                "icml_face_data.csv:row 4: expected 2304 pixels, found more",
                "icml_face_data.csv:row 5: expected Training, PublicTest or PrivateTest, found \"Holiday\"",
                "icml_face_data.csv:row 6: expected Training, PublicTest or PrivateTest, found \"\"",
            ]
        );
        let labels: Vec<Expression> =
            SplitName::ALL.iter().flat_map(|s| data.split(*s).samples.iter().map(|s| s.label)).collect();
        assert_eq!(labels, [Expression::Happy, Expression::Sad, Expression::Neutral]);
        assert!(data.split(SplitName::Val).face(0).iter().all(|v| *v == 7));
    }

    #[test]
    fn another_table_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fer2013.csv");
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        let e = DataSet::read(&path, &[SplitName::Train], &DataOptions::default()).unwrap_err();
        assert!(
            e.to_string().contains("expected the columns emotion, Usage and pixels, found \"a,b\""),
            "{e}"
        );
    }
}
