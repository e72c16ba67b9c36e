//! What is marked on the timeline.

use super::language::tr;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Happening {
    Lost,
    Found,
    Paused,
    Resumed,
    NoSignal,
    SignalRestored,
    SourceFailed,
    BaselineOn,
    BaselineOff,
    /// Other weights, by their name.
    Weights(String),
    /// Another source, by its name.
    Source(String),
    /// What the user, or another program, says that happened.
    Marker(String),
}

impl Happening {
    /// As the timeline names it.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Lost => tr!("event-lost").to_owned(),
            Self::Found => tr!("event-found").to_owned(),
            Self::Paused => tr!("event-paused").to_owned(),
            Self::Resumed => tr!("event-resumed").to_owned(),
            Self::NoSignal => tr!("event-no-signal").to_owned(),
            Self::SignalRestored => tr!("event-signal-restored").to_owned(),
            Self::SourceFailed => tr!("event-source-failed").to_owned(),
            Self::BaselineOn => tr!("event-baseline-on").to_owned(),
            Self::BaselineOff => tr!("event-baseline-off").to_owned(),
            Self::Weights(name) => tr!("event-weights", name = name.as_str()),
            Self::Source(text) | Self::Marker(text) => text.clone(),
        }
    }
}
