//! Kaggle's CSV files: `fer2013.csv` and `icml_face_data.csv`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use moue_files::excerpt;
use moue_model::{Expression, FER_ORDER, Label};

use super::labels::{SAY, some};
use super::table::Table;
use super::{ClassNames, DataOptions, DataSet, FACE_BYTES, Sample, SplitName, Votes};
use crate::TrainError;

/// Largest file; Kaggle's have 300 MB.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// A file with more bad rows is no such file, and naming them all would take more memory than the file.
const MAX_BAD_ROWS: usize = 10_000;

/// Most different names of classes that are told apart in messages.
const MAX_NAMES: usize = 50;

/// Kaggle's file in a folder, if it is there.
pub(super) fn csv_in(folder: &Path) -> Option<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    ["fer2013.csv", "icml_face_data.csv"].into_iter().find_map(|name| {
        let called = |p: &&PathBuf| p.file_name().is_some_and(|n| n.eq_ignore_ascii_case(name));
        files.iter().find(|p| called(p) && p.is_file()).cloned()
    })
}

/// The columns, found by name, since the files order them differently.
struct Columns {
    emotion: usize,
    /// Where there is none, all rows are of one part.
    usage: Option<usize>,
    pixels: usize,
}

impl Columns {
    fn find(headers: &csv::StringRecord) -> Result<Self, String> {
        let column = |names: &[&str]| {
            headers.iter().position(|h| {
                names.iter().any(|name| h.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name))
            })
        };
        let found = || headers.iter().collect::<Vec<_>>().join(",").chars().take(80).collect::<String>();
        let missing = || format!("expected the columns emotion, Usage and pixels, found {:?}", found());
        Ok(Self {
            emotion: column(&["emotion", "label", "class", "expression"]).ok_or_else(missing)?,
            usage: column(&["usage", "split", "set"]),
            pixels: column(&["pixels", "pixel"]).ok_or_else(missing)?,
        })
    }
}

/// The part that a row is of; upper and lower case are the same.
fn split_of(usage: &str) -> Option<SplitName> {
    match usage.to_lowercase().as_str() {
        "training" | "train" => Some(SplitName::Train),
        "publictest" | "public" | "validation" | "valid" | "val" | "dev" => Some(SplitName::Val),
        "privatetest" | "private" | "testing" | "test" => Some(SplitName::Test),
        _ => None,
    }
}

/// The classes of a table's numbers, as the user says.
type Said = BTreeMap<u32, Option<Expression>>;

/// The number of a class; spreadsheets write 3.0.
fn number(text: &str) -> Option<u32> {
    let number = text.parse::<f64>().ok().filter(|n| n.fract() == 0.0 && (0.0..=99.0).contains(n));
    number.map(|n| n as u32)
}

/// What the numbers of the whole table stand for: which one is the first depends on all of them.
fn as_said(path: &Path, emotion: usize, names: &ClassNames) -> Result<Said, String> {
    let mut table = Table::open(path, MAX_FILE_BYTES, true, true)?;
    table.headers()?;
    let mut numbers = BTreeSet::new();
    for record in std::iter::from_fn(|| table.next_row()) {
        match record {
            Ok(record) => numbers.extend(record.get(emotion).and_then(number)),
            Err(e) if e.is_io_error() => return Err(e.to_string()),
            // Named when the rows are read.
            Err(_) => {}
        }
    }
    names.by_number(&numbers).ok_or_else(|| {
        let listed: Vec<String> = numbers.iter().map(u32::to_string).collect();
        format!("expected a name for each of the numbers {}, found {}", some(&listed), names.len())
    })
}

/// What the rows call the classes, and what became of it.
#[derive(Default)]
struct Emotions {
    numbers: BTreeSet<u32>,
    synonyms: BTreeMap<String, Expression>,
    left_out: BTreeMap<String, usize>,
}

impl Emotions {
    /// The class; `Ok(None)` is one that is left out.
    fn read(&mut self, text: &str, said: Option<&Said>) -> Result<Option<Expression>, String> {
        let wrong = || format!("expected an emotion from 0 to 6, found {}", short(text));
        if let Some(number) = number(text) {
            self.numbers.insert(number);
            return match said {
                Some(said) => said.get(&number).copied().ok_or_else(wrong),
                None => FER_ORDER.get(number as usize).map(|class| Some(*class)).ok_or_else(wrong),
            };
        }
        match Label::read(text) {
            Label::Class(class) => {
                if text != class.name() && self.synonyms.len() < MAX_NAMES {
                    self.synonyms.insert(text.to_owned(), class);
                }
                Ok(Some(class))
            }
            Label::Other if text.chars().any(char::is_alphabetic) => {
                let name = if self.left_out.len() < MAX_NAMES { excerpt(text, 40) } else { "others".into() };
                *self.left_out.entry(name).or_default() += 1;
                Ok(None)
            }
            _ => Err(wrong()),
        }
    }

    /// Whether the numbers are not FER-2013's: from 1 to 7, or from 0 to 7.
    fn unknown_order(&self) -> Option<String> {
        let all = |range: std::ops::RangeInclusive<u32>| range.into_iter().all(|n| self.numbers.contains(&n));
        let seven = self.numbers.contains(&7) && (!self.numbers.contains(&0) || all(0..=7));
        let listed: Vec<String> = self.numbers.iter().take(10).map(u32::to_string).collect();
        seven.then(|| {
            format!("expected emotions from 0 to 6 as FER-2013 numbers them, found {}; name them in their order with {SAY}", listed.join(", "))
        })
    }

    fn notices(&self, said: bool) -> Vec<String> {
        let mut notices = Vec::new();
        if said && !self.numbers.is_empty() {
            notices.push("numbers read as they were named".to_owned());
        }
        if !self.synonyms.is_empty() {
            let pairs: Vec<String> = self
                .synonyms
                .iter()
                .map(|(name, class)| format!("{} = {class}", excerpt(name, 40)))
                .collect();
            notices.push(format!("emotions read by their names: {}", some(&pairs)));
        }
        if !self.left_out.is_empty() {
            let named: Vec<String> =
                self.left_out.iter().map(|(name, rows)| format!("{name} ({rows} rows)")).collect();
            notices.push(format!("left out, since they are none of the seven classes: {}", some(&named)));
        }
        notices
    }
}

/// Reads the wanted splits.
pub(super) fn read(
    path: &Path,
    wanted: &[SplitName],
    options: &DataOptions,
    votes: Option<&Votes>,
) -> Result<DataSet, TrainError> {
    let unreadable = |reason: String| TrainError::Unreadable { path: path.to_owned(), reason };
    let mut table = Table::open(path, MAX_FILE_BYTES, true, true).map_err(unreadable)?;
    let headers = table.headers().map_err(unreadable)?;
    let columns = Columns::find(&headers).map_err(unreadable)?;
    // A table without parts is the one that is wanted, or else what is learned from.
    let only = match wanted {
        [single] => *single,
        _ => SplitName::Train,
    };
    let mut emotions = Emotions::default();
    let said = options.classes.as_ref().map(|names| as_said(path, columns.emotion, names)).transpose();
    let said = said.map_err(unreadable)?;
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
        let usage = columns.usage.map(field);
        let Some(split) = usage.map_or(Some(only), split_of) else {
            let found = short(usage.unwrap_or_default());
            data.skip(name(), format!("expected Training, PublicTest or PrivateTest, found {found}"));
            continue;
        };
        if !wanted.contains(&split) {
            continue;
        }
        let label = match emotions.read(field(columns.emotion), said.as_ref()) {
            Ok(Some(label)) => label,
            Ok(None) => continue,
            Err(reason) => {
                data.skip(name(), reason);
                continue;
            }
        };
        if let Err(reason) = parse_pixels(field(columns.pixels), &mut face) {
            data.skip(name(), reason);
            continue;
        }
        let votes_of_row = votes.and_then(|v| v.of_row(row));
        let name = votes.and_then(|v| v.path_of_row(row)).map_or_else(name, str::to_owned);
        data.split_mut(split).push(Sample { name, label, votes: votes_of_row }, &face);
    }
    if said.is_none()
        && let Some(reason) = emotions.unknown_order()
    {
        return Err(unreadable(reason));
    }
    if columns.usage.is_none() {
        data.notices.push(format!("no column Usage: all rows are taken as {only}"));
    }
    data.notices.extend(emotions.notices(said.is_some()));
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
