//! Everything that can go wrong in training.

use std::path::PathBuf;

use moue_model::ModelError;

/// Why a data set could not be used or a network could not be trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A file or folder of the data set could not be read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The data set as a whole cannot be used.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Data {
        /// The data set's folder or file.
        path: PathBuf,
        /// What could be used.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A setting does not make sense.
    #[error("{setting}: expected {expected}, found {found}")]
    Setting {
        /// The flag.
        setting: &'static str,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The run's folder cannot hold the run.
    #[error("{}: cannot write: {reason}", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is no checkpoint, or belongs to another run.
    #[error("{}: checkpoint: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The loss or a weight is no number any more.
    #[error(
        "epoch {epoch}, batch {batch}: {what}, training cannot go on; the last good checkpoint is kept. \
         The batch begins with {first_files}. Try a lower --lr"
    )]
    NotFinite {
        /// Epoch, from 1.
        epoch: usize,
        /// Batch in the epoch, from 1.
        batch: usize,
        /// What is no number.
        what: String,
        /// The names of the batch's first pictures.
        first_files: String,
    },
    /// A teacher network cannot be asked.
    #[error("the teacher {name}: {reason}")]
    Teacher {
        /// Its file's name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A worker thread stopped.
    #[error("the thread {thread} stopped: {reason}")]
    Worker {
        /// Its name.
        thread: String,
        /// What it said.
        reason: String,
    },
    /// The network could not be built, read or written.
    #[error(transparent)]
    Model(#[from] ModelError),
}
