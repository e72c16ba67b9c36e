//! Everything that can go wrong while frames are read.

use std::path::PathBuf;

/// Why a source could not be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A live source had no frame in time; it may have one later.
    #[error("{source_name}: no frame for {waited_ms} ms")]
    Timeout {
        /// The source's name.
        source_name: String,
        /// How long was waited, in milliseconds.
        waited_ms: u64,
    },
    /// One picture or frame could not be decoded; the source goes on.
    #[error("{}: {reason}", path.display())]
    UnreadableFrame {
        /// The file, or the device's path.
        path: PathBuf,
        /// What was wrong.
        reason: String,
    },
}
