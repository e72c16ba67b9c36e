//! Reads `faces.csv` row by row, also one that broke off.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use moue_files::plain_file;

use super::columns::Columns;
use super::error::RecordError;
use super::rows::FaceRow;

/// Longest line. A row takes a few hundred bytes, and a longer line must not fill the memory.
const MAX_LINE: usize = 1 << 16;

/// What was found in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::record) struct Counts {
    /// Rows that were read.
    pub(in crate::record) rows: u64,
    /// Rows that cannot be read, such as the incomplete last row of a recording that broke off.
    pub(in crate::record) unreadable: u64,
}

/// The readable rows of a file, one by one.
pub struct RowFile {
    path: PathBuf,
    reader: csv::Reader<ShortLines>,
    columns: Columns,
    record: csv::ByteRecord,
    /// Whether the file ends with a line break.
    whole: bool,
    waiting: Option<Option<FaceRow>>,
    counts: Counts,
}

/// Opens a file of rows; rows that cannot be read are passed over.
///
/// # Errors
/// [`RecordError::Read`] where it cannot be read or lacks a column. Each item is an error where reading fails later.
pub fn rows_of(path: &Path) -> Result<RowFile, RecordError> {
    let failed = |reason: String| RecordError::Read { path: path.to_owned(), reason };
    let (mut file, _) = plain_file::open(path).map_err(|e| failed(e.to_string()))?;
    let whole = ends_with_newline(&mut file).map_err(|e| failed(e.to_string()))?;
    // Only the name in the last column may be quoted. With quoting on, a stray quote would make the rest of the file one row.
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .quoting(false)
        .buffer_capacity(1 << 16)
        .from_reader(ShortLines { file, line: 0 });
    let header = reader.byte_headers().map_err(|e| failed(e.to_string()))?.clone();
    let columns = Columns::of(&header)
        .map_err(|name| failed(format!("expected the column {name}, found none of that name")))?;
    Ok(RowFile {
        path: path.to_owned(),
        reader,
        columns,
        record: csv::ByteRecord::new(),
        whole,
        waiting: None,
        counts: Counts::default(),
    })
}

impl RowFile {
    /// A row, readable or not; `None` at the end.
    fn step(&mut self) -> Result<Option<Option<FaceRow>>, RecordError> {
        loop {
            let more = self.reader.read_byte_record(&mut self.record);
            let more =
                more.map_err(|e| RecordError::Read { path: self.path.clone(), reason: e.to_string() })?;
            if !more {
                // A last row without a line break may be cut within a number.
                return Ok(self.waiting.take().map(|last| last.filter(|_| self.whole)));
            }
            if let Some(row) = self.waiting.replace(FaceRow::parse(&self.record, &self.columns)) {
                return Ok(Some(row));
            }
        }
    }
}

impl Iterator for RowFile {
    type Item = Result<FaceRow, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(Some(Some(row))) => {
                    self.counts.rows += 1;
                    return Some(Ok(row));
                }
                Ok(Some(None)) => self.counts.unreadable += 1,
                Ok(None) => return None,
                Err(e) => return Some(Err(e)),
            }
        }
    }
}

/// Calls `take` for every row that can be read as far as a report needs it: without measurements, clocks and source.
pub(in crate::record) fn for_each_short_row(
    path: &Path,
    take: impl FnMut(&FaceRow),
) -> Result<Counts, RecordError> {
    let mut rows = rows_of(path)?;
    rows.columns = rows.columns.for_report();
    each(rows, take)
}

/// Calls `take` for every readable row.
pub(in crate::record) fn for_each_row(
    path: &Path,
    take: impl FnMut(&FaceRow),
) -> Result<Counts, RecordError> {
    each(rows_of(path)?, take)
}

fn each(mut rows: RowFile, mut take: impl FnMut(&FaceRow)) -> Result<Counts, RecordError> {
    for row in rows.by_ref() {
        take(&row?);
    }
    Ok(rows.counts)
}

fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut last = [b'\n'];
    if size > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(last == [b'\n'])
}

/// Refuses lines that are longer than any row.
struct ShortLines {
    file: File,
    /// Bytes since the last line break.
    line: usize,
}

impl Read for ShortLines {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(out)?;
        match out[..bytes].iter().rposition(|b| *b == b'\n') {
            Some(at) => self.line = bytes - at,
            None => self.line += bytes,
        }
        if self.line > MAX_LINE {
            let text = format!("expected rows of at most {MAX_LINE} bytes, found a longer one");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(bytes)
    }
}
