//! Errors of recordings, snapshots and reports.

use std::io;
use std::path::PathBuf;

/// Why something could not be recorded or read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// No session folder could be made.
    #[error("{}: no session folder can be made in it: {reason}", path.display())]
    Folder {
        /// The folder for recordings.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A file could not be written.
    #[error("{}: cannot be written: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A file or its folder was removed while it was written.
    #[error("{}: the file is gone; was the folder moved or its disk unplugged?", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read back.
    #[error("{}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// The system gave no thread.
    #[error("no thread for recording: {0}")]
    Thread(io::Error),
    /// Videos are written by the ffmpeg program, which is not installed.
    #[error(
        "no video is recorded: it is written by the program ffmpeg, which was not found; install it (Debian, Ubuntu: \
         apt install ffmpeg; macOS: brew install ffmpeg; Windows: winget install ffmpeg)"
    )]
    NoFfmpeg,
    /// The ffmpeg program does not write the video.
    #[error("{}: the video cannot be written: {reason}", path.display())]
    Video {
        /// The video.
        path: PathBuf,
        /// What ffmpeg said.
        reason: String,
    },
    /// A picture could not be drawn or encoded.
    #[error("{}: the picture cannot be written: {reason}", path.display())]
    Picture {
        /// The picture.
        path: PathBuf,
        /// What was wrong.
        reason: String,
    },
}
