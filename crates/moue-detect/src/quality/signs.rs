//! The signs of a face and the curves that judge them.

use super::{CropLook, Reason};
use crate::{CropRegion, HeadPose};

/// What was measured on a face to judge it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signs {
    /// Side of the square that the network sees, in pixels of the frame.
    pub side_px: f32,
    /// Turn to either side, in degrees, 0..=90; `None` without a mesh.
    pub turn: Option<f32>,
    /// Nod up (above 0) or down, in degrees; `None` without a mesh.
    pub nod: Option<f32>,
    /// Lean in the picture's plane to either side, in degrees, 0..=180; the crop is turned with it. `None` without a mesh.
    pub lean: Option<f32>,
    /// Share of the square beyond the frame's edges, 0..=1.
    pub outside: f32,
    /// Light, focus and coverings.
    pub look: CropLook,
}

/// Points of a grid in the square, in each direction, that say how much of it lies outside.
const GRID: usize = 16;

/// Share of the readings kept, at signs in ascending order; between them in a straight line, beyond them as at the last.
type Curve = &'static [(f32, f32)];

/// By the side of the square in pixels: faces reduced to it.
const SIZE: Curve = &[
    (8.0, 0.38),
    (12.0, 0.49),
    (16.0, 0.64),
    (19.0, 0.71),
    (22.0, 0.8),
    (26.0, 0.87),
    (30.0, 0.907),
    (34.0, 0.936),
    (40.0, 0.958),
    (48.0, 1.0),
];
/// By the turn to a side, of faces that are seen from the front; FER-2013's pictures turn by 36 degrees at most, but for few.
const TURN: Curve = &[(7.0, 1.0), (14.0, 0.93), (24.0, 0.91), (36.0, 0.72)];
/// By the nod. Up to 35 degrees up or down, as far as FER-2013's pictures go, it made no difference; what the network does
/// beyond is not known, which is counted as a loss.
const NOD: Curve = &[(-45.0, 0.75), (-35.0, 0.95), (-30.0, 1.0), (30.0, 1.0), (35.0, 0.95), (45.0, 0.75)];
/// By the lean, which the crop is turned with: pictures turned by 90 degrees read nearly as well as upright ones, and
/// beyond that faces are hardly found.
const LEAN: Curve = &[(60.0, 1.0), (90.0, 0.97)];
/// By mean brightness: faces in less light, without the noise that real cameras add then.
const LIGHT: Curve = &[
    (0.02, 0.19),
    (0.036, 0.2),
    (0.05, 0.3),
    (0.07, 0.56),
    (0.097, 0.81),
    (0.13, 0.92),
    (0.17, 0.955),
    (0.23, 0.986),
    (0.3, 1.0),
];
/// By the share of white: faces in too much light.
const WHITE: Curve = &[
    (0.0, 1.0),
    (0.18, 0.987),
    (0.4, 0.953),
    (0.58, 0.834),
    (0.71, 0.739),
    (0.8, 0.625),
    (0.87, 0.55),
    (0.92, 0.49),
    (0.95, 0.39),
    (0.98, 0.33),
    (1.0, 0.29),
];
/// By softness: the mean of faces out of focus and of faces that move sideways.
const SOFTNESS: Curve = &[
    (2.7, 1.0),
    (3.0, 0.98),
    (3.25, 0.96),
    (3.43, 0.92),
    (3.55, 0.88),
    (3.65, 0.83),
    (3.7, 0.77),
    (3.75, 0.71),
    (3.8, 0.66),
    (3.85, 0.58),
    (3.9, 0.5),
    (3.96, 0.42),
];
/// By the share outside: the mean of faces cut off at a side (which cost a tenth at 0.40) and below (at 0.23).
const OUTSIDE: Curve = &[
    (0.0, 1.0),
    (0.1, 0.993),
    (0.15, 0.985),
    (0.2, 0.962),
    (0.25, 0.932),
    (0.3, 0.898),
    (0.35, 0.813),
    (0.4, 0.77),
    (0.5, 0.717),
];
/// By detail: the mean of faces whose mouth and of faces whose eyes are covered by something plain.
const DETAIL: Curve = &[(0.01, 0.85), (0.06, 0.86), (0.12, 0.91), (0.25, 0.96), (0.4, 1.0)];

impl Signs {
    /// Measures a face of a frame of `frame_px` pixels (width, height): the square that is classified, its pose where it is
    /// known, and what the crop looks like.
    #[must_use]
    pub fn new(frame_px: (u32, u32), region: &CropRegion, pose: Option<&HeadPose>, look: CropLook) -> Self {
        Self {
            side_px: region.side,
            turn: pose.map(|p| p.yaw.abs()),
            nod: pose.map(|p| p.pitch),
            lean: pose.map(|p| p.roll.abs()),
            outside: outside(frame_px, region),
            look,
        }
    }

    /// The share of readings that each of [`Reason::ALL`] leaves.
    pub(super) fn kept(&self) -> [f32; Reason::COUNT] {
        let of = |curve: Curve, sign: Option<f32>| sign.map_or(1.0, |sign| share(curve, sign));
        let look = &self.look;
        let mut kept = [1.0; Reason::COUNT];
        for (reason, share) in [
            (Reason::TooSmall, of(SIZE, Some(self.side_px))),
            (Reason::TurnedAway, of(TURN, self.turn)),
            (Reason::Tilted, of(NOD, self.nod).min(of(LEAN, self.lean))),
            (Reason::Dark, of(LIGHT, Some(look.light))),
            (Reason::OverExposed, of(WHITE, Some(look.white))),
            (Reason::Blurred, of(SOFTNESS, Some(look.softness))),
            (Reason::CutOff, of(OUTSIDE, Some(self.outside))),
            (Reason::Covered, of(DETAIL, Some(look.detail))),
        ] {
            kept[reason as usize] = share;
        }
        kept
    }
}

/// The curve's value; the least where the sign is no number.
fn share(curve: Curve, sign: f32) -> f32 {
    if sign.is_nan() {
        return curve.iter().fold(1.0, |least, (_, share)| share.min(least));
    }
    let after = curve.partition_point(|(at, _)| *at <= sign);
    match (after.checked_sub(1).and_then(|i| curve.get(i)), curve.get(after)) {
        (Some(&(a, low)), Some(&(b, high))) => low + (high - low) * (sign - a) / (b - a),
        (Some(&(_, last)), None) => last,
        (None, Some(&(_, first))) => first,
        (None, None) => 1.0,
    }
}

fn outside((width, height): (u32, u32), region: &CropRegion) -> f32 {
    let square = region.square();
    if !square.is_valid() {
        return 1.0;
    }
    let at = |i: usize| (i as f32 + 0.5) / GRID as f32;
    let inside = (0..GRID * GRID)
        .filter(|i| {
            let [x, y] = square.point([at(i % GRID), at(i / GRID)]);
            (0.0..=width as f32).contains(&x) && (0.0..=height as f32).contains(&y)
        })
        .count();
    1.0 - inside as f32 / (GRID * GRID) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_in_order_and_read_between_and_beyond_their_points() {
        for curve in [SIZE, TURN, NOD, LEAN, LIGHT, WHITE, SOFTNESS, OUTSIDE, DETAIL] {
            assert!(curve.windows(2).all(|pair| pair[0].0 < pair[1].0), "{curve:?}");
            assert!(curve.iter().all(|(_, kept)| (0.0..=1.0).contains(kept)), "{curve:?}");
        }
        let curve = &[(1.0, 0.5), (2.0, 1.0)];
        for (sign, kept) in [(-5.0, 0.5), (1.0, 0.5), (1.5, 0.75), (2.0, 1.0), (9.0, 1.0), (f32::NAN, 0.5)] {
            assert!((share(curve, sign) - kept).abs() < 1e-6, "{sign}");
        }
    }

    #[test]
    fn what_lies_outside_is_counted_by_area() {
        let region = |x: f32, y: f32, angle: f32| CropRegion { x, y, side: 100.0, angle };
        for (region, expected) in [
            (region(10.0, 10.0, 0.0), 0.0),
            (region(-25.0, 10.0, 0.0), 0.25),
            (region(10.0, 190.0, 0.0), 0.5),
            (region(-50.0, -50.0, 0.7), 0.75),
            (region(-500.0, 0.0, 0.0), 1.0),
            (region(f32::NAN, 0.0, 0.0), 1.0),
        ] {
            let found = outside((320, 240), &region);
            assert!((found - expected).abs() < 0.07, "{region:?}: {found} for {expected}");
        }
    }
}
