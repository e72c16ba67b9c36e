//! What the window's words mean, for whoever points at them.

/// The map of where the network looked.
pub(super) const ATTENTION: &str = "Attention: where in the face the network looked, from its own attention map. Dark is little, \
    bright is much; the numbers are the map's lowest and highest value.";
/// The map of what speaks for an expression.
pub(super) const EVIDENCE: &str = "Evidence: which parts of the face speak for the shown expression (class activation map). Higher \
    speaks more for it; the numbers are the map's lowest and highest value.";
/// No clear label.
pub(super) const UNSURE: &str =
    "Unsure: no expression leads clearly, the most probable one has less than 40 %.";
/// The headline.
pub(super) const LABEL: &str = "The expression that the network gives most for this face. It is not a feeling: the network sees a \
    face, not what a person thinks.";
/// The personal baseline.
pub(super) const BASELINE: &str = "Neutral baseline: what the network sees in this person's neutral face is taken out of the \
    readings.";
/// The average over time.
pub(super) const SMOOTHING: &str = "Smoothing: readings are averaged over this time, so that they do not flicker. 0 shows raw \
    readings; longer times are steadier, and lag by about as much.";

/// What the caption of a figure means.
pub(super) fn of_figure(caption: &str) -> Option<&'static str> {
    Some(match caption {
        "Frames/s" => "Frames a second that are shown",
        "Readings/s" => "Frames a second in which faces are found and read",
        "Latency" => "Age of the shown reading: from the frame's arrival to the screen",
        "Detection" => "Time for finding and following the faces of a frame",
        "Classification" => "Time for reading the expressions of all faces of a frame",
        "Faces" => "Faces in the frame that was read last",
        "Head turned" => "How far the head is turned to the person's left or right, in degrees",
        "Nod" => "How far the head is nodded up or down, in degrees",
        "Lean" => "How far the head leans to the person's left or right shoulder, in degrees",
        "Eyes open" => "Height of the opened eyes in eye widths, the mean of both",
        "Mouth open" => "Height of the opened mouth in mouth widths",
        "Blinks/min" => "Blinks in the last minute, after 20 seconds",
        _ => return None,
    })
}
