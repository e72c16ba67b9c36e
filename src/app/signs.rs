//! What tells the expressions apart besides their colours: short signs in the timeline, its legend and the tiles, and
//! strokes of the curves. Elsewhere each expression's name stands beside its colour.

use eframe::egui::{CornerRadius, FontId, Painter, Rect, Shape, Stroke};
use egui_plot::LineStyle;
use moue_model::Expression;

use super::language::tr;
use super::theme;

/// Size of a sign's letters, and of the chip in a legend, in points.
const LETTERS: f32 = 9.5;
const CHIP_LETTERS: f32 = 8.5;
/// Between a sign and the edge of what it stands on, in points.
const ROOM: f32 = 2.0;

/// The gap between two dashes of a plot, in lengths of a dash.
const GAP: f32 = std::f32::consts::GOLDEN_RATIO - 1.0;

/// A few letters that no other expression has; `None`: unsure.
pub(super) fn sign(label: Option<Expression>) -> &'static str {
    match label {
        Some(Expression::Angry) => tr!("sign-angry"),
        Some(Expression::Disgust) => tr!("sign-disgust"),
        Some(Expression::Fear) => tr!("sign-fear"),
        Some(Expression::Happy) => tr!("sign-happy"),
        Some(Expression::Neutral) => tr!("sign-neutral"),
        Some(Expression::Sad) => tr!("sign-sad"),
        Some(Expression::Surprise) => tr!("sign-surprise"),
        None => "?",
    }
}

/// How an expression's curve is drawn, and its width in points.
pub(super) fn stroke(e: Expression) -> (LineStyle, f32) {
    match e {
        Expression::Angry => (LineStyle::Dashed { length: 8.0 }, 1.8),
        Expression::Disgust => (LineStyle::Dotted { spacing: 7.0 }, 1.6),
        Expression::Fear => (LineStyle::Dashed { length: 2.5 }, 1.8),
        Expression::Happy => (LineStyle::Solid, 2.2),
        Expression::Neutral => (LineStyle::Solid, 1.0),
        Expression::Sad => (LineStyle::Dashed { length: 4.5 }, 1.8),
        Expression::Surprise => (LineStyle::Dotted { spacing: 4.0 }, 1.1),
    }
}

/// Writes a sign into the middle of a place that has its colour, where there is room for it.
pub(super) fn write(painter: &Painter, place: Rect, label: Option<Expression>) {
    write_sized(painter, place, label, LETTERS);
}

fn write_sized(painter: &Painter, place: Rect, label: Option<Expression>, letters: f32) {
    let ink = theme::ink_on(theme::label_colour(label));
    let galley = painter.layout_no_wrap(sign(label).to_owned(), FontId::proportional(letters), ink);
    if galley.size().x + 2.0 * ROOM <= place.width() {
        painter.galley(place.center() - galley.size() / 2.0, galley, ink);
    }
}

/// A legend's chip: the colour with the sign in it.
pub(super) fn chip(painter: &Painter, place: Rect, label: Option<Expression>) {
    painter.rect_filled(place, CornerRadius::same(3), theme::label_colour(label));
    write_sized(painter, place.expand2(eframe::egui::vec2(ROOM, 0.0)), label, CHIP_LETTERS);
}

/// A legend's piece of a curve.
pub(super) fn sample(painter: &Painter, place: Rect, e: Expression) {
    let (style, width) = stroke(e);
    let colour = theme::expression_colour(e);
    let ends = [place.left_center(), place.right_center()];
    match style {
        LineStyle::Solid => {
            painter.line_segment(ends, Stroke::new(width, colour));
        }
        LineStyle::Dashed { length } => {
            painter.extend(Shape::dashed_line(&ends, Stroke::new(width, colour), length, length * GAP));
        }
        LineStyle::Dotted { spacing } => painter.extend(Shape::dotted_line(&ends, colour, spacing, width)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::language::{Language, within};
    use super::*;

    #[test]
    fn no_two_expressions_have_one_sign_in_any_language() {
        for language in Language::ALL {
            let mut signs: Vec<&str> =
                within(language, || Expression::ALL.into_iter().map(Some).chain([None]).map(sign).collect());
            signs.sort_unstable();
            signs.dedup();
            assert_eq!(signs.len(), Expression::COUNT + 1, "{language:?}");
        }
    }

    #[test]
    fn no_two_curves_have_one_stroke() {
        let strokes: Vec<_> = Expression::ALL.into_iter().map(stroke).collect();
        for (i, one) in strokes.iter().enumerate() {
            assert!(!strokes[..i].contains(one), "{one:?}");
        }
    }
}
