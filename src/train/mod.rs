//! Trains the network on the CPU, from labelled pictures to a weights file.

pub mod data;
mod error;

pub use error::TrainError;
