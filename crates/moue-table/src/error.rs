//! Errors of tables.

use std::io;
use std::path::PathBuf;

/// Why no table can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system or the reader said.
        reason: String,
    },
    /// A file is no table of readings.
    #[error("{}: expected the column {column} in its first line, found none; is it a faces.csv?", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A recording does not have what was asked of it.
    #[error("{recording}: {reason}")]
    Recording {
        /// Its name.
        recording: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// A result cannot be written.
    #[error("{what}: cannot be written: {reason}")]
    Write {
        /// What was written.
        what: String,
        /// What the system said.
        reason: io::Error,
    },
}
