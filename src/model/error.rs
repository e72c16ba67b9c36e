//! Everything that can go wrong with a weights file.

use std::path::PathBuf;

/// Why a weights file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file could not be read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is no safetensors file, or a damaged one.
    #[error("{}: not a readable safetensors file: {reason}", path.display())]
    NotWeights {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        reason: String,
    },
    /// The file holds tensors, but not those of this network.
    #[error("{}: tensor {tensor}: expected {expected}, found {found}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The first tensor that does not fit, in state-dict order.
        tensor: String,
        /// What the network needs.
        expected: String,
        /// What the file has.
        found: String,
    },
}
