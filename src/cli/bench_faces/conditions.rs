//! Webcam frames made of portraits: turned, dark, noisy, covered, half out of the picture, small, blurred.

use image::{Rgb, RgbImage, imageops};

use moue_kernels::hashed_uniform;

/// Width and height of the frames, in pixels.
pub const FRAME: (u32, u32) = (640, 480);
/// Width of a near face, in pixels.
const NEAR_PX: f32 = 130.0;
/// Noise of a camera in good light, as standard deviation in levels of 255.
const GOOD_LIGHT_NOISE: f32 = 2.0;

/// A picture with one face whose place is known.
pub struct Portrait {
    /// The picture.
    pub picture: RgbImage,
    /// Centre of the face, in pixels of the picture.
    pub centre: [f32; 2],
    /// Width of the face there.
    pub width: f32,
}

/// How a frame differs from a good one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// For the table.
    pub name: &'static str,
    /// Width of the face, in pixels.
    pub face_px: f32,
    /// Turned clockwise in the plane, in degrees.
    pub roll: f32,
    /// Share of the face's width beyond the frame's left edge.
    pub out_left: f32,
    /// Share of the face's height beyond the lower edge.
    pub out_below: f32,
    /// What the pixels' values are multiplied with.
    pub light: f32,
    /// Standard deviation of the noise, in levels of 255.
    pub noise: f32,
    /// Whether a plain surface covers the face from the nose down.
    pub covered: bool,
    /// Length of the horizontal motion blur, in pixels.
    pub motion_px: u32,
}

/// The good frame.
const CLEAN: Condition = Condition {
    name: "clean",
    face_px: NEAR_PX,
    roll: 0.0,
    out_left: 0.0,
    out_below: 0.0,
    light: 1.0,
    noise: GOOD_LIGHT_NOISE,
    covered: false,
    motion_px: 0,
};

/// Every condition, the good one first.
pub const CONDITIONS: [Condition; 17] = [
    CLEAN,
    Condition { name: "turned 20", roll: 20.0, ..CLEAN },
    Condition { name: "turned 30", roll: 30.0, ..CLEAN },
    Condition { name: "turned 45", roll: 45.0, ..CLEAN },
    Condition { name: "turned 60", roll: 60.0, ..CLEAN },
    Condition { name: "turned 90", roll: 90.0, ..CLEAN },
    Condition { name: "light 18 %", light: 0.18, ..CLEAN },
    Condition { name: "light 10 %", light: 0.10, ..CLEAN },
    Condition { name: "dark, noisy", light: 0.25, noise: 8.0, ..CLEAN },
    Condition { name: "lower face covered", covered: true, ..CLEAN },
    Condition { name: "25 % out", out_left: 0.25, ..CLEAN },
    Condition { name: "40 % out at a side", out_left: 0.4, ..CLEAN },
    Condition { name: "40 % out below", out_below: 0.4, ..CLEAN },
    Condition { name: "48 px wide", face_px: 48.0, ..CLEAN },
    Condition { name: "40 px wide", face_px: 40.0, ..CLEAN },
    Condition { name: "32 px wide", face_px: 32.0, ..CLEAN },
    Condition { name: "motion", motion_px: 16, ..CLEAN },
];

/// A portrait under a condition: frames of a short clip.
pub struct Scene<'a> {
    condition: &'a Condition,
    /// The portrait at its size in the frame.
    picture: RgbImage,
    /// The face's centre in it.
    from: [f32; 2],
}

impl<'a> Scene<'a> {
    /// Brings the portrait to its size.
    #[must_use]
    pub fn new(portrait: &Portrait, condition: &'a Condition) -> Self {
        let scale = condition.face_px / portrait.width;
        let scaled = |v: u32| (v as f32 * scale).round().max(1.0) as u32;
        let (width, height) = (scaled(portrait.picture.width()), scaled(portrait.picture.height()));
        let picture = imageops::resize(&portrait.picture, width, height, imageops::FilterType::Triangle);
        Self { condition, picture, from: portrait.centre.map(|v| v * scale) }
    }

    /// Where the face's centre is in frame `index`: it moves a little, as a person does.
    #[must_use]
    pub fn centre(&self, index: u32) -> [f32; 2] {
        let Condition { face_px, out_left, out_below, .. } = *self.condition;
        let phase = index as f32 * 0.4;
        let x = if out_left > 0.0 { face_px * (0.5 - out_left) } else { FRAME.0 as f32 * 0.47 };
        let y = if out_below > 0.0 {
            FRAME.1 as f32 - face_px * (0.5 - out_below)
        } else {
            FRAME.1 as f32 * 0.48
        };
        [x + 1.5 * phase.sin(), y + 1.5 * phase.cos()]
    }

    /// Frame `index` of the clip.
    #[must_use]
    pub fn frame(&self, index: u32) -> RgbImage {
        let condition = self.condition;
        let centre = self.centre(index);
        let (sin, cos) = condition.roll.to_radians().sin_cos();
        let (width, height) = (self.picture.width() as f32, self.picture.height() as f32);
        let mut frame = RgbImage::from_fn(FRAME.0, FRAME.1, |x, y| {
            let (dx, dy) = (x as f32 - centre[0], y as f32 - centre[1]);
            let (u, v) = (dx * cos + dy * sin, dy * cos - dx * sin);
            // From the nose's tip down, as wide as the face and a bit more.
            if condition.covered
                && v > condition.face_px * 0.05
                && v < condition.face_px * 0.7
                && u.abs() < condition.face_px * 0.55
            {
                return Rgb([150, 175, 190]);
            }
            let x = (self.from[0] + u).clamp(0.0, width - 1.0);
            let y = (self.from[1] + v).clamp(0.0, height - 1.0);
            imageops::interpolate_bilinear(&self.picture, x, y).unwrap_or(Rgb([0; 3]))
        });
        if condition.motion_px > 1 {
            frame = moved(&frame, condition.motion_px);
        }
        let noise = gaussian(frame.as_raw().len(), u64::from(index));
        for (value, noise) in frame.iter_mut().zip(noise) {
            *value = (f32::from(*value) * condition.light + noise * condition.noise).round() as u8;
        }
        frame
    }
}

/// Horizontal motion blur: the mean over `length` pixels.
fn moved(frame: &RgbImage, length: u32) -> RgbImage {
    let (width, height) = frame.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        let mut sum = [0_u32; 3];
        for i in 0..length {
            let at = (x + i).saturating_sub(length / 2).min(width - 1);
            for (sum, value) in sum.iter_mut().zip(frame.get_pixel(at, y).0) {
                *sum += u32::from(value);
            }
        }
        Rgb(sum.map(|s| (s / length) as u8))
    })
}

/// Nearly normal numbers: the sum of four uniform ones, with variance 1.
fn gaussian(count: usize, seed: u64) -> impl Iterator<Item = f32> {
    let uniform = hashed_uniform(count + 3, seed * 7919 + 1);
    (0..count).map(move |i| (uniform[i..i + 4].iter().sum::<f64>() * 3.0_f64.sqrt()) as f32)
}
