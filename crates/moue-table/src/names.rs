//! The names in the columns. `tests/table.rs` holds them against the program's own.

/// The seven expressions, in the columns' order.
pub const EXPRESSIONS: [&str; 7] = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"];
/// The labels: the expressions, and where the network was not sure enough.
pub const LABELS: [&str; 8] = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise", "unsure"];
/// What speaks against a face.
pub const REASONS: [&str; 8] =
    ["too_small", "turned_away", "tilted", "dark", "over_exposed", "blurred", "cut_off", "covered"];
