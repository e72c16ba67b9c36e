//! What the command line asks of the window.

use moue_capture::SourceSpec;
use moue_detect::DetectorKind;
use moue_model::DeviceChoice;

use crate::pipeline::WeightsChoice;

/// What the command line asks of the window.
#[derive(Debug, Clone)]
pub struct AppOptions {
    /// Where frames come from.
    pub source: SourceSpec,
    /// The weights; `None` takes the built-in network.
    pub weights: Option<WeightsChoice>,
    /// Where the network runs.
    pub device: DeviceChoice,
    /// CPU threads for the network; 0 takes all cores.
    pub threads: usize,
    /// Which detectors look for faces; `None`: those of the settings.
    pub detector: Option<DetectorKind>,
    /// Whether the settings file is read and written.
    pub settings: bool,
}
