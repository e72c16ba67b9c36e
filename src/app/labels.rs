//! How readings are written. Boxes, panel, tiles, timeline and recordings use the same words.

use moue_detect::Reason;
use moue_model::Expression;

use super::language::tr;
use super::names::Names;
use crate::pipeline::ShownReading;

/// The expression's name, within a sentence.
pub(super) fn expression_name(e: Expression) -> &'static str {
    match e {
        Expression::Angry => tr!("angry"),
        Expression::Disgust => tr!("disgust"),
        Expression::Fear => tr!("fear"),
        Expression::Happy => tr!("happy"),
        Expression::Neutral => tr!("neutral"),
        Expression::Sad => tr!("sad"),
        Expression::Surprise => tr!("surprise"),
    }
}

/// A name of an expression that a person taught, or one of the network's in the window's language.
pub(super) fn any_name(name: &str) -> &str {
    Expression::ALL.into_iter().find(|e| e.name() == name).map_or(name, |e| expression_name(e))
}

/// The label's name, within a sentence: an expression, or "unsure".
pub(super) fn label_name(label: Option<Expression>) -> &'static str {
    label.map_or_else(|| tr!("unsure"), expression_name)
}

/// What speaks against a face, in words.
pub(super) fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::TooSmall => tr!("quality-too-small"),
        Reason::TurnedAway => tr!("quality-turned-away"),
        Reason::Tilted => tr!("quality-tilted"),
        Reason::Dark => tr!("quality-dark"),
        Reason::OverExposed => tr!("quality-over-exposed"),
        Reason::Blurred => tr!("quality-blurred"),
        Reason::CutOff => tr!("quality-cut-off"),
        Reason::Covered => tr!("quality-covered"),
    }
}

/// "happy" as "Happy".
pub(super) fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// 0.934 as "93 %".
pub(super) fn percent(p: f32) -> String {
    format!("{:.0} %", p * 100.0)
}

/// "1:05.3", or "1:02:05.3".
pub(super) fn clock(seconds: f64) -> String {
    // Times of frames are rounded fractions. Without the small addition 3.0 could be shown as 2.9.
    let tenths = (seconds.max(0.0) * 10.0 + 1e-6).floor() as u64;
    let (s, tenth) = (tenths / 10, tenths % 10);
    match s / 3600 {
        0 => format!("{}:{:02}.{tenth}", s / 60, s % 60),
        h => format!("{h}:{:02}:{:02}.{tenth}", s / 60 % 60, s % 60),
    }
}

/// "1:05", or "1:02:05".
pub(super) fn clock_whole(seconds: f64) -> String {
    let text = clock(seconds + 0.05);
    text.rsplit_once('.').map_or_else(|| text.clone(), |(whole, _)| whole.to_owned())
}

/// "Happy 93 %", or "Unsure".
pub(super) fn label_text(shown: &ShownReading) -> String {
    match shown.label {
        Some(label) => {
            format!(
                "{} {}",
                capitalised(expression_name(label)),
                percent(shown.probabilities[shown.leading.index()])
            )
        }
        None => capitalised(label_name(None)),
    }
}

/// A text of at most so many letters; a cut one ends in an ellipsis.
pub(super) fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(letters.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// A face's label in the picture: with its name, and its number where there are `faces` of them, as the tiles have it.
pub(super) fn face_label(id: u64, faces: usize, names: &Names, shown: &ShownReading) -> String {
    let text = label_text(shown);
    match names.given(id) {
        Some(name) if faces > 1 => format!("{id} {name}: {text}"),
        Some(name) => format!("{name}: {text}"),
        None if faces > 1 => format!("{id}: {text}"),
        None => text,
    }
}

/// Two decimals; what rounds to nothing has no sign.
pub(super) fn decimals(value: f32) -> String {
    // Minus nothing plus nothing is nothing.
    format!("{:.2}", (value * 100.0).round() / 100.0 + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        assert_eq!(shortened("weights", 7), "weights");
        assert_eq!(shortened("weights moue-fer2013", 9), "weights…");
        assert_eq!(shortened("größenwahn", 5), "größ…");
    }

    #[test]
    fn what_rounds_to_nothing_has_no_sign() {
        assert_eq!(decimals(-0.001), "0.00");
        assert_eq!(decimals(-0.006), "-0.01");
        assert_eq!(decimals(2.346), "2.35");
    }

    #[test]
    fn times_are_read_at_a_glance() {
        assert_eq!(clock(65.37), "1:05.3");
        assert_eq!(clock(3725.0), "1:02:05.0");
        assert_eq!(clock(-1.0), "0:00.0");
        assert_eq!((clock_whole(65.37), clock_whole(59.98)), ("1:05".to_owned(), "1:00".to_owned()));
    }
}
