//! Trains the network on the CPU, from labelled pictures to a weights file.

pub mod augment;
pub mod data;
mod error;
pub mod random;

pub use error::TrainError;
