//! What the timeline shows of one face at one moment, and stretches of one label.

use std::sync::Arc;

use crate::pipeline::ShownReading;

/// What a profile read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PersonalLabel {
    pub(super) name: Arc<str>,
    /// The expression's place in the profile; `None`: "other".
    pub(super) place: Option<usize>,
}

/// One reading.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// In seconds: of a live source since the window was opened, of a video from its start.
    pub(super) at_s: f64,
    pub(super) reading: ShownReading,
    /// Where a profile reads this face.
    pub(super) personal: Option<PersonalLabel>,
}

/// Consecutive samples of one label: from, to (in seconds), and the label.
pub(super) fn bands_of<L: PartialEq>(stretch: &[Sample], label: impl Fn(&Sample) -> L) -> Vec<(f64, f64, L)> {
    let mut bands: Vec<(f64, f64, L)> = Vec::new();
    for sample in stretch {
        let label = label(sample);
        match bands.last_mut() {
            Some(band) => {
                band.1 = sample.at_s;
                if band.2 != label {
                    bands.push((sample.at_s, sample.at_s, label));
                }
            }
            None => bands.push((sample.at_s, sample.at_s, label)),
        }
    }
    bands
}
