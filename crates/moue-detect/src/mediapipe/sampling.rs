//! From a frame to a network's input: a square of the frame, turned where it must be.

use image::RgbImage;

use moue_kernels::FeatureMap;

/// A square of the frame, in pixels of the frame; may reach over its edges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TurnedSquare {
    /// Centre, in pixels from the frame's top left corner.
    pub centre: [f32; 2],
    /// Width and height in pixels.
    pub side: f32,
    /// How far the square is turned clockwise, in radians: the angle of its upper edge.
    pub angle: f32,
}

impl TurnedSquare {
    /// Whether it is a square at all: all numbers finite, and a side.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.centre.iter().all(|v| v.is_finite())
            && self.angle.is_finite()
            && self.side.is_finite()
            && self.side > 0.0
    }

    /// The frame's point for `at`, given in fractions of the square from its own top left corner.
    #[must_use]
    pub fn point(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (sin, cos) = self.angle.sin_cos();
        let (x, y) = ((x - 0.5) * self.side, (y - 0.5) * self.side);
        [self.centre[0] + x * cos - y * sin, self.centre[1] + x * sin + y * cos]
    }
}

/// What lies beyond the frame's edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// Black.
    Black,
    /// The edge's pixels, repeated.
    Repeated,
}

/// The input of a network: `[side, side, 3]` with a border of zeros.
pub(super) struct InputPicture {
    picture: FeatureMap,
    values: Vec<f32>,
    /// What black and white become.
    range: [f32; 2],
}

impl InputPicture {
    pub(super) fn new(side: usize, border: usize, range: [f32; 2]) -> Self {
        let picture = FeatureMap { height: side, width: side, channels: 3, border };
        Self { picture, values: vec![0.0; picture.len()], range }
    }

    pub(super) fn picture(&self) -> FeatureMap {
        self.picture
    }

    /// All values, with the border.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Sets `[side, side, 3]` values.
    #[cfg(test)]
    pub(super) fn set(&mut self, values: &[f32]) {
        let side = self.picture.width;
        for (y, row) in values.chunks_exact(side * 3).enumerate() {
            let at = self.picture.at(0, y, 0);
            self.values[at..at + side * 3].copy_from_slice(row);
        }
    }

    /// Samples the square bilinearly. The picture's first pixel lies on the square's corner, and a frame's pixel at
    /// its index, as MediaPipe's OpenCV path has it (`image_to_tensor_converter_opencv.cc`): half a pixel beside
    /// what is usual, and what the networks' results are compared with.
    pub(super) fn sample(&mut self, frame: &RgbImage, square: &TurnedSquare, beyond: Beyond) {
        let side = self.picture.width;
        let scale = (self.range[1] - self.range[0]) / 255.0;
        let step = square.side / side as f32;
        let (sin, cos) = square.angle.sin_cos();
        let (across, down) = ([cos * step, sin * step], [-sin * step, cos * step]);
        let corner = square.point([0.0, 0.0]);
        let sampler = Sampler::new(frame, beyond);
        // Four numbers a pixel make one vector; three of them are kept.
        let mut line = vec![[0.0; 4]; side];
        for y in 0..side {
            let start = [corner[0] + y as f32 * down[0], corner[1] + y as f32 * down[1]];
            for (x, pixel) in line.iter_mut().enumerate() {
                let colour = sampler.at(start[0] + x as f32 * across[0], start[1] + x as f32 * across[1]);
                *pixel = colour.map(|c| c * scale + self.range[0]);
            }
            let at = self.picture.at(0, y, 0);
            for (row, pixel) in self.values[at..at + side * 3].chunks_exact_mut(3).zip(&line) {
                row.copy_from_slice(&pixel[..3]);
            }
        }
    }
}

/// Reads a frame between its pixels.
struct Sampler<'a> {
    raw: &'a [u8],
    width: usize,
    height: usize,
    beyond: Beyond,
}

impl<'a> Sampler<'a> {
    fn new(frame: &'a RgbImage, beyond: Beyond) -> Self {
        Self { raw: frame.as_raw(), width: frame.width() as usize, height: frame.height() as usize, beyond }
    }

    /// Red, green and blue at a place where whole numbers are pixels, 0..=255, and a fourth number that means nothing.
    #[inline]
    fn at(&self, x: f32, y: f32) -> [f32; 4] {
        let (left, top) = (floor(x), floor(y));
        let (right_share, low_share) = (x - left as f32, y - top as f32);
        let (left, top) = (i64::from(left), i64::from(top));
        // The last pixel's fourth byte lies beyond the picture.
        let inside = left >= 0 && top >= 0 && left + 2 < self.width as i64 && top + 1 < self.height as i64;
        let [a, b, c, d] = if inside {
            let at = (top as usize * self.width + left as usize) * 3;
            let below = at + self.width * 3;
            [self.colour(at), self.colour(at + 3), self.colour(below), self.colour(below + 3)]
        } else {
            [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| self.edge(left + dx, top + dy))
        };
        std::array::from_fn(|i| {
            let upper = a[i] + (b[i] - a[i]) * right_share;
            let lower = c[i] + (d[i] - c[i]) * right_share;
            upper + (lower - upper) * low_share
        })
    }

    /// Red, green, blue, and the byte after them.
    #[inline]
    fn colour(&self, at: usize) -> [f32; 4] {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.raw[at..at + 4]);
        bytes.map(f32::from)
    }

    #[cold]
    fn edge(&self, x: i64, y: i64) -> [f32; 4] {
        let (last_x, last_y) = (self.width as i64 - 1, self.height as i64 - 1);
        if last_x < 0 || last_y < 0 {
            return [0.0; 4];
        }
        let (within_x, within_y) = (x.clamp(0, last_x), y.clamp(0, last_y));
        if self.beyond == Beyond::Black && (within_x, within_y) != (x, y) {
            return [0.0; 4];
        }
        let at = (within_y as usize * self.width + within_x as usize) * 3;
        let pixel = &self.raw[at..at + 3];
        [f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2]), 0.0]
    }
}

/// The whole number at or below `x`, within the integer's range. Without SSE4.1, `f32::floor` is a call.
#[inline]
fn floor(x: f32) -> i32 {
    let towards_zero = x as i32;
    towards_zero.saturating_sub(i32::from(towards_zero as f32 > x))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use image::Rgb;

    fn sampled(frame: &RgbImage, square: &TurnedSquare, side: usize, beyond: Beyond) -> Vec<f32> {
        let mut input = InputPicture::new(side, 1, [0.0, 1.0]);
        input.sample(frame, square, beyond);
        let picture = input.picture();
        let at = picture.pixels(1);
        at.into_iter().map(|at| (input.values()[at] * 255.0).round()).collect()
    }

    #[test]
    fn a_turned_square_reads_the_frame_along_its_own_axes() {
        let frame = RgbImage::from_fn(20, 20, |x, y| Rgb([(x * 10 + y) as u8; 3]));
        let square = |angle: f32| TurnedSquare { centre: [10.0, 10.0], side: 4.0, angle };
        let level = sampled(&frame, &square(0.0), 4, Beyond::Black);
        assert_eq!(level[..5], [88.0, 98.0, 108.0, 118.0, 89.0]);
        // A quarter turn clockwise: its upper edge runs down the frame, from the upper right corner.
        let turned = sampled(&frame, &square(std::f32::consts::FRAC_PI_2), 4, Beyond::Black);
        assert_eq!(turned[..5], [128.0, 129.0, 130.0, 131.0, 118.0]);
    }

    #[test]
    fn beyond_the_edge_is_what_was_asked_for() {
        let frame = RgbImage::from_pixel(4, 4, Rgb([200; 3]));
        let square = TurnedSquare { centre: [-50.0, 2.0], side: 8.0, angle: 0.3 };
        assert!(sampled(&frame, &square, 8, Beyond::Black).iter().all(|&v| v == 0.0));
        assert!(sampled(&frame, &square, 8, Beyond::Repeated).iter().all(|&v| v == 200.0));
        // Huge places are far away, and nothing worse.
        let far = TurnedSquare { centre: [1e30, -1e30], side: 1e20, angle: 1.0 };
        assert!(sampled(&frame, &far, 8, Beyond::Black).iter().all(|&v| v == 0.0));
        let none = RgbImage::new(0, 0);
        assert!(sampled(&none, &square, 8, Beyond::Repeated).iter().all(|&v| v == 0.0));
    }
}
