//! CSV files from anywhere: their size and that of each row are limited before memory is asked for.

use std::fs::File;
use std::io::{self, Read, Take};
use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use moue_files::plain_file;

/// Longest row in bytes, quoted line breaks included; a face takes about 9,000. The reader's own buffer of
/// 8 KiB comes on top.
const MAX_ROW_BYTES: u64 = 256 * 1024;

/// Rows of a CSV file. Space around fields is left out.
pub(super) struct Table {
    reader: csv::Reader<Take<File>>,
    row: u64,
}

impl Table {
    /// Opens a file of at most `max_bytes`. Rows may have any number of fields where `flexible` is set.
    pub(super) fn open(path: &Path, max_bytes: u64, headers: bool, flexible: bool) -> Result<Self, String> {
        let (file, size) = plain_file::open(path).map_err(|e| e.to_string())?;
        if size > max_bytes {
            return Err(format!("expected at most {max_bytes} bytes, found {size}"));
        }
        let reader = ReaderBuilder::new()
            .has_headers(headers)
            .flexible(flexible)
            .trim(csv::Trim::All)
            .from_reader(file.take(MAX_ROW_BYTES));
        Ok(Self { reader, row: 0 })
    }

    /// The first row, where the file has one for the names of its columns.
    pub(super) fn headers(&mut self) -> Result<StringRecord, String> {
        let headers = self.reader.headers().cloned();
        self.check_length().map_err(|e| e.to_string())?;
        headers.map_err(|e| e.to_string())
    }

    /// The next row; `None` at the end. An input error ([`csv::Error::is_io_error`]) is the last thing that
    /// comes, anything else is one bad row.
    pub(super) fn next_row(&mut self) -> Option<Result<StringRecord, csv::Error>> {
        self.reader.get_mut().set_limit(MAX_ROW_BYTES);
        self.row += 1;
        let mut record = StringRecord::new();
        let read = self.reader.read_record(&mut record);
        if let Err(e) = self.check_length() {
            return Some(Err(e.into()));
        }
        match read {
            Ok(true) => Some(Ok(record)),
            Ok(false) => None,
            Err(e) => Some(Err(e)),
        }
    }

    /// A row that used up its bytes was cut.
    fn check_length(&self) -> io::Result<()> {
        if self.reader.get_ref().limit() > 0 {
            return Ok(());
        }
        let row = self.row;
        Err(io::Error::other(format!("row {row}: expected at most {MAX_ROW_BYTES} bytes, found more")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Result<Vec<StringRecord>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        let mut table = Table::open(&path, 2 << 20, false, true)?;
        std::iter::from_fn(|| table.next_row()).map(|row| row.map_err(|e| e.to_string())).collect()
    }

    #[test]
    fn rows_are_read_to_the_last_and_long_ones_refused() {
        let many = "1, 2\n".repeat(200_000);
        let read = rows(many.as_bytes()).unwrap();
        assert_eq!((read.len(), &read[199_999][1]), (200_000, "2"));
        // One line, one quoted field over all lines, and one that begins late.
        let long = "x".repeat(400_000);
        for text in [long.clone(), format!("\"{many}"), format!("1,2\n1,{long}\n3,4\n")] {
            let error = rows(text.as_bytes()).unwrap_err();
            assert!(error.contains("expected at most 262144 bytes, found more"), "{error}");
        }
        let error = rows("1\n".repeat(2 << 20).as_bytes()).unwrap_err();
        assert_eq!(error, "expected at most 2097152 bytes, found 4194304");
    }
}
