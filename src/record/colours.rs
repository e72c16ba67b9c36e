//! The colours of expressions and people, the same on screen, in pictures and on pages.

use moue_model::Expression;

/// Each expression's own colour.
#[must_use]
pub fn expression_rgb(e: Expression) -> [u8; 3] {
    match e {
        Expression::Angry => [229, 72, 77],
        Expression::Disgust => [92, 160, 68],
        Expression::Fear => [150, 92, 214],
        Expression::Happy => [243, 176, 32],
        Expression::Neutral => [139, 147, 160],
        Expression::Sad => [72, 118, 235],
        Expression::Surprise => [22, 170, 160],
    }
}

/// A person's colour: neighbours in number are far apart in hue.
#[must_use]
pub fn person_rgb(id: u64) -> [u8; 3] {
    const COLOURS: [[u8; 3]; 8] = [
        [94, 196, 255],
        [255, 196, 84],
        [140, 224, 130],
        [255, 138, 170],
        [190, 162, 255],
        [255, 150, 92],
        [110, 226, 208],
        [226, 226, 120],
    ];
    COLOURS[(id % COLOURS.len() as u64) as usize]
}
