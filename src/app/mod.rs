//! The egui window. Nothing outside this module knows egui.

use std::path::PathBuf;

use crate::capture::SourceSpec;
use crate::model::DeviceChoice;

/// What the command line asks of the window.
#[derive(Debug, Clone)]
pub struct AppOptions {
    /// Where frames come from.
    pub source: SourceSpec,
    /// Weights file; `None` takes the built-in network.
    pub weights: Option<PathBuf>,
    /// Where the network runs.
    pub device: DeviceChoice,
    /// CPU threads for the network; 0 takes all cores.
    pub threads: usize,
    /// Whether the settings file is read and written.
    pub settings: bool,
}

/// Why the window could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AppError {}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// [`AppError`]
pub fn run(_options: AppOptions) -> Result<(), AppError> {
    todo!()
}
