//! Readings of pictures as one CSV file.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::Local;

use super::columns::CSV_HEADER;
use super::error::RecordError;
use super::folder::first_free;
use super::rows::ResultRows;

/// Writes the rows as `moue analyze --csv` does into `folder`, named by the local time; never over another file. Returns the
/// file.
///
/// # Errors
/// [`RecordError`] when the folder is gone or the file cannot be written.
pub fn save_table(folder: &Path, rows: &[ResultRows]) -> Result<PathBuf, RecordError> {
    let make = |path: &Path| File::options().write(true).create_new(true).open(path).map(drop);
    let path = first_free(folder, Local::now(), ".csv", make)
        .map_err(|reason| RecordError::Folder { path: folder.to_owned(), reason })?;
    let write = || {
        let mut lines = CSV_HEADER.join(",").into_bytes();
        lines.push(b'\n');
        rows.iter().try_for_each(|rows| rows.append_to(&mut lines, 0))?;
        let mut file = File::create(&path)?;
        file.write_all(&lines)?;
        file.sync_all()
    };
    write().map_err(|reason| {
        // An incomplete file is of no use.
        let _ = std::fs::remove_file(&path);
        RecordError::Write { path: path.clone(), reason }
    })?;
    Ok(path)
}
