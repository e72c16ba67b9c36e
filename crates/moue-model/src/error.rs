//! Everything that can go wrong with a weights file.

use std::path::PathBuf;

/// Why a weights file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file could not be read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is neither safetensors nor a PyTorch state dict, or it is damaged.
    #[error("{}: not a readable weights file: {reason}", path.display())]
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
    /// The file's metadata says something that this program cannot do.
    #[error("{}: metadata {field}: expected {expected}, found {found}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The metadata's key.
        field: String,
        /// What could be used.
        expected: String,
        /// What the file says.
        found: String,
    },
    /// The network does not run on that device.
    #[error("device {device}: {reason}")]
    Device {
        /// The device.
        device: String,
        /// What the system said.
        reason: String,
    },
    /// The input does not fit the network.
    #[error("the network's input: expected {expected}, found {found}")]
    Input {
        /// What fits.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The network computed something that is no number.
    #[error("the network's value for {class} is {value}: its weights or the picture are broken")]
    NotFinite {
        /// The first class concerned.
        class: String,
        /// Its logit.
        value: f32,
    },
    /// The file's tensors fit, but the network they make computes something that is no number.
    #[error("{}: the network's value for {class} is {value} on a plain grey picture: its weights are broken", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The first class concerned.
        class: String,
        /// Its logit.
        value: f32,
    },
    /// The file could not be written; what was there before is as it was.
    #[error("{}: cannot be written: {reason}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}
