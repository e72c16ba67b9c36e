//! How readings are written. Boxes, panel, tiles, timeline and recordings use the same words.

use crate::pipeline::ShownReading;

/// "happy" as "Happy".
pub(super) fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// 0.934 as "93 %".
pub(super) fn percent(p: f32) -> String {
    format!("{:.0} %", p * 100.0)
}

/// "Happy 93 %", or "Unsure".
pub(super) fn label_text(shown: &ShownReading) -> String {
    match shown.label {
        Some(label) => {
            format!("{} {}", capitalised(label.name()), percent(shown.probabilities[shown.leading.index()]))
        }
        None => "Unsure".to_owned(),
    }
}
