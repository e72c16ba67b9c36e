//! What the captions of figures mean, for whoever points at them.

use super::language::tr;

/// What the caption with this key means.
pub(super) fn of_figure(key: &str) -> Option<&'static str> {
    Some(match key {
        "figure-frames" => tr!("figure-frames-hint"),
        "figure-readings" => tr!("figure-readings-hint"),
        "figure-latency" => tr!("figure-latency-hint"),
        "figure-detection" => tr!("figure-detection-hint"),
        "figure-classification" => tr!("figure-classification-hint"),
        "figure-faces" => tr!("figure-faces-hint"),
        "figure-turned" => tr!("figure-turned-hint"),
        "figure-nod" => tr!("figure-nod-hint"),
        "figure-lean" => tr!("figure-lean-hint"),
        "figure-eyes" => tr!("figure-eyes-hint"),
        "figure-mouth" => tr!("figure-mouth-hint"),
        "figure-blinks" => tr!("figure-blinks-hint"),
        _ => return None,
    })
}
