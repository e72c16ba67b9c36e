//! A face as it looks when camera, light and place differ a little: one picture teaches more than one view of it.

use image::RgbImage;
use moue_detect::{CropRegion, FaceCrop};

/// How a view differs from the crop that is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Moved right and down, in sides of the square.
    pub shift: [f32; 2],
    /// The square's side is multiplied by this.
    pub scale: f32,
    /// Turned clockwise, in radians.
    pub turn: f32,
    /// Left and right swapped.
    pub mirrored: bool,
    /// Values are multiplied by this.
    pub gain: f32,
}

const PLAIN: View = View { shift: [0.0; 2], scale: 1.0, turn: 0.0, mirrored: false, gain: 1.0 };

/// The crop itself first, then what a detector's jitter, a leaning head and another lamp make of it.
pub const VIEWS: [View; 8] = [
    PLAIN,
    View { mirrored: true, ..PLAIN },
    View { shift: [0.04, 0.02], scale: 1.06, ..PLAIN },
    View { shift: [-0.04, -0.02], scale: 0.95, mirrored: true, ..PLAIN },
    View { turn: 0.1, gain: 0.8, ..PLAIN },
    View { turn: -0.1, gain: 1.15, mirrored: true, ..PLAIN },
    View { shift: [0.0, 0.04], gain: 0.7, ..PLAIN },
    View { shift: [0.0, -0.04], scale: 1.1, mirrored: true, ..PLAIN },
];

impl View {
    /// Appends this view of a face as `[size, size]` grey values in 0..=1.
    pub(super) fn append_to(&self, image: &RgbImage, region: &CropRegion, size: usize, out: &mut Vec<f32>) {
        let side = region.side * self.scale;
        let [right, down] = self.shift.map(|s| s * region.side);
        let grown = (side - region.side) / 2.0;
        let seen = CropRegion {
            x: region.x - grown + right,
            y: region.y - grown + down,
            side,
            angle: region.angle + self.turn,
        };
        let start = out.len();
        FaceCrop::of(image, &seen).append_to(size, out);
        for row in out[start..].chunks_exact_mut(size.max(1)) {
            if self.mirrored {
                row.reverse();
            }
            if self.gain != 1.0 {
                row.iter_mut().for_each(|v| *v = (*v * self.gain).min(1.0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_view_is_the_crop_and_the_others_differ_as_they_say() {
        let image =
            RgbImage::from_fn(120, 120, |x, y| image::Rgb([(2 * x) as u8, (x + y) as u8, (y * 2) as u8]));
        let region = CropRegion { x: 20.0, y: 30.0, side: 60.0, angle: 0.0 };
        let size = 40;
        let view = |view: &View| {
            let mut out = Vec::new();
            view.append_to(&image, &region, size, &mut out);
            assert_eq!(out.len(), size * size);
            assert!(out.iter().all(|v| (0.0..=1.0).contains(v)));
            out
        };
        let mut plain = Vec::new();
        FaceCrop::of(&image, &region).append_to(size, &mut plain);
        assert_eq!(view(&VIEWS[0]), plain);
        let mirrored = view(&VIEWS[1]);
        for (a, b) in plain.chunks(size).zip(mirrored.chunks(size)) {
            assert!(a.iter().eq(b.iter().rev()));
        }
        for other in &VIEWS[2..] {
            assert_ne!(view(other), plain);
        }
        let dark = view(&View { gain: 0.5, ..PLAIN });
        assert!(dark.iter().zip(&plain).all(|(d, p)| (d - 0.5 * p).abs() < 1e-6));
    }
}
