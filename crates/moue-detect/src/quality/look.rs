//! What a face's own pixels tell of light, focus and coverings.

use crate::FaceCrop;

/// From this value on a pixel is white, of 1.
const WHITE: f32 = 0.97;
/// The face without its surroundings: this share of the crop is left out at each side.
const RIM: f32 = 0.15;
/// What contrast is measured against in the dark, of 1: below it there is mostly noise.
const DARK_FLOOR: f32 = 0.04;
/// Windows over the right eye, the left eye and the mouth: left, top, right and lower edge in shares of the crop, around
/// the places where `mediapipe/mesh.rs` frames them.
const WINDOWS: [[f32; 4]; 3] = [[0.19, 0.30, 0.45, 0.48], [0.55, 0.30, 0.81, 0.48], [0.31, 0.66, 0.69, 0.88]];

/// What the crop looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CropLook {
    /// Mean brightness of the face, 0..=1.
    pub light: f32,
    /// Share of the face's pixels that are white, 0..=1.
    pub white: f32,
    /// How much smoother the crop is than its few pixels would allow: squared differences of pixels two apart, in those of
    /// neighbours. About 1 for noise, 4 for a slope without any detail; the larger of the two directions, because motion
    /// blurs one.
    pub softness: f32,
    /// Contrast of the mouth, or of the eye that has more, whichever is less, in that of the richest of the three, 0..=1:
    /// small where something plain covers the mouth or both eyes. One eye alone hardly matters to the network.
    pub detail: f32,
}

impl CropLook {
    /// Measures a crop. The cost is that of going through its 48x48 pixels a few times.
    #[must_use]
    pub fn of(crop: &FaceCrop) -> Self {
        let (side, values) = (crop.side(), crop.values());
        let inner = window(side, [RIM, RIM, 1.0 - RIM, 1.0 - RIM]);
        let (mut sum, mut white, mut count) = (0.0, 0.0, 0.0_f32);
        for v in pixels(values, side, inner) {
            sum += v;
            white += f32::from(u8::from(v >= WHITE));
            count += 1.0;
        }
        let contrasts = WINDOWS.map(|w| contrast(values, side, window(side, w)));
        let [right_eye, left_eye, mouth] = contrasts;
        let eyes = right_eye.max(left_eye);
        let (poorest, richest) = (eyes.min(mouth), eyes.max(mouth));
        Self {
            light: sum / count.max(1.0),
            white: white / count.max(1.0),
            softness: softness(values, side),
            detail: if richest > 0.0 { poorest / richest } else { 0.0 },
        }
    }
}

/// Rows and columns from left, top to right, lower edge.
fn window(side: usize, shares: [f32; 4]) -> [usize; 4] {
    shares.map(|s| ((s * side as f32).round() as usize).min(side))
}

fn pixels(values: &[f32], side: usize, [left, top, right, low]: [usize; 4]) -> impl Iterator<Item = f32> {
    (top..low).flat_map(move |y| values[y * side + left..y * side + right].iter().copied())
}

/// Standard deviation in means.
fn contrast(values: &[f32], side: usize, window: [usize; 4]) -> f32 {
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0_f32);
    for v in pixels(values, side, window) {
        sum += v;
        squares += v * v;
        count += 1.0;
    }
    let count = count.max(1.0);
    let mean = sum / count;
    (squares / count - mean * mean).max(0.0).sqrt() / (mean + DARK_FLOOR)
}

fn softness(values: &[f32], side: usize) -> f32 {
    if side < 4 {
        return 1.0;
    }
    let along = |stride: usize, line: usize| {
        let (mut near, mut far) = (0.0_f32, 0.0_f32);
        for i in 0..side {
            for k in 2..side {
                let at = |k: usize| values[i * line + k * stride];
                near += (at(k) - at(k - 1)).powi(2);
                far += (at(k) - at(k - 2)).powi(2);
            }
        }
        // A surface without any difference is neither sharp nor soft.
        if near > 1e-9 { far / near } else { 1.0 }
    };
    along(1, side).max(along(side, 1))
}
