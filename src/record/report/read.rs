//! Reads `faces.csv` row by row, also one that broke off.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::Path;

use moue_files::plain_file;

use crate::record::columns::Columns;
use crate::record::error::RecordError;
use crate::record::rows::FaceRow;

/// Longest line. A row takes a few hundred bytes, and a longer line must not fill the memory.
const MAX_LINE: usize = 1 << 16;

/// What was found in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// Rows that were read.
    pub(super) rows: u64,
    /// Rows that cannot be read, such as the incomplete last row of a recording that broke off.
    pub(super) unreadable: u64,
}

/// Calls `take` for every readable row.
pub(super) fn for_each_row(path: &Path, mut take: impl FnMut(&FaceRow)) -> Result<Counts, RecordError> {
    let failed = |reason: String| RecordError::Read { path: path.to_owned(), reason };
    let (mut file, _) = plain_file::open(path).map_err(|e| failed(e.to_string()))?;
    let whole = ends_with_newline(&mut file).map_err(|e| failed(e.to_string()))?;
    // Only the name in the last column may be quoted. With quoting on, a stray quote would make the rest of the file one row.
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).quoting(false).from_reader(ShortLines { file, line: 0 });
    let header = reader.byte_headers().map_err(|e| failed(e.to_string()))?.clone();
    let columns = Columns::of(&header)
        .map_err(|name| failed(format!("expected the column {name}, found none of that name")))?;
    let mut counts = Counts::default();
    let mut waiting: Option<Option<FaceRow>> = None;
    let mut record = csv::ByteRecord::new();
    let mut settle = |row: Option<FaceRow>, counts: &mut Counts| match row {
        Some(row) => {
            counts.rows += 1;
            take(&row);
        }
        None => counts.unreadable += 1,
    };
    while reader.read_byte_record(&mut record).map_err(|e| failed(e.to_string()))? {
        if let Some(row) = waiting.replace(FaceRow::parse(&record, &columns)) {
            settle(row, &mut counts);
        }
    }
    if let Some(last) = waiting {
        // A last row without a line break may be cut within a number.
        settle(last.filter(|_| whole), &mut counts);
    }
    Ok(counts)
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
