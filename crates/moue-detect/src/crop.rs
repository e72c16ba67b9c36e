//! From a face's box to the network's input: framed and as sharp as the training data.

use image::RgbImage;
use moue_model::TRAINING_FACE_PX;
use moue_model::resample::{area_taps, bilinear_taps, resize_bilinear};

use crate::FaceBox;
use crate::mediapipe::TurnedSquare;

/// Side of FER-2013's pictures in widths of the box that the detector finds in them: the median over
/// 3,004 pictures of val/. Their centres are the boxes' (medians -0.002), see `docs/framing.md`.
pub(crate) const SIDE_IN_BOX_WIDTHS: f32 = 1.10;

/// Exact averages are for squares within so many pixels of the frame's corner: beyond, pixels are finer than the numbers.
const EXACT_PX: f32 = 32_768.0;
/// A square that is larger or farther away is none, in pixels.
const MOST_PX: f32 = 1e12;

/// Largest distance of two samples of a turned square, in pixels: a bilinear sample covers two pixels.
const SAMPLE_PX: f32 = 2.0;

/// The square of the frame that is classified, in pixels of the frame; may reach over its edges
/// (the edge pixels are repeated there).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CropRegion {
    /// Left edge in pixels, before it is turned.
    pub x: f32,
    /// Top edge in pixels, before it is turned.
    pub y: f32,
    /// Width and height in pixels.
    pub side: f32,
    /// How far the square is turned about its centre, clockwise, in radians: the angle of its upper edge.
    pub angle: f32,
}

impl CropRegion {
    /// The region for a face that the detector found, framed as FER-2013's pictures are.
    #[must_use]
    pub fn around(face: &FaceBox) -> Self {
        let side = face.width * SIDE_IN_BOX_WIDTHS;
        let centre_x = face.x + face.width * 0.5;
        let centre_y = face.y + face.height * 0.5;
        Self { x: centre_x - side / 2.0, y: centre_y - side / 2.0, side, angle: 0.0 }
    }

    /// A square that lies as a face does.
    #[must_use]
    pub fn turned(square: &TurnedSquare) -> Self {
        let TurnedSquare { centre: [x, y], side, angle } = *square;
        Self { x: x - side / 2.0, y: y - side / 2.0, side, angle }
    }

    /// The same square by its centre.
    #[must_use]
    pub fn square(&self) -> TurnedSquare {
        let half = self.side / 2.0;
        TurnedSquare { centre: [self.x + half, self.y + half], side: self.side, angle: self.angle }
    }

    /// The largest square in the middle of a picture that already is one face.
    #[must_use]
    pub fn whole_picture(width: u32, height: u32) -> Self {
        let side = width.min(height) as f32;
        Self { x: (width as f32 - side) / 2.0, y: (height as f32 - side) / 2.0, side, angle: 0.0 }
    }
}

/// A face as the network's training data show faces: a square grey picture of at most 48x48 pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceCrop {
    side: usize,
    values: Vec<f32>,
}

impl FaceCrop {
    /// Cuts the region out of the frame: Rec. 601 luma, reduced by area to the training data's 48x48 where it is larger.
    #[must_use]
    pub fn of(frame: &RgbImage, region: &CropRegion) -> Self {
        let values = training_face(frame, region);
        Self { side: values.len().isqrt(), values }
    }

    /// Width and height in pixels, 1..=48.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// `[side, side]` values, black 0 to white 1.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Appends the face as `[size, size]` values to `out`: enlarged bilinearly, pixel centres at half coordinates, as
    /// PyTorch's `align_corners=False`.
    pub fn append_to(&self, size: usize, out: &mut Vec<f32>) {
        resize_bilinear(&self.values, self.side, size, out);
    }
}

/// Appends the region as `[size, size]` grey values in 0..=1 to `out`, see [`FaceCrop`].
pub fn append_crop(frame: &RgbImage, region: &CropRegion, size: usize, out: &mut Vec<f32>) {
    FaceCrop::of(frame, region).append_to(size, out);
}

/// The region as a square grey picture in 0..=1, at most 48x48: an exact area average where
/// the region is larger, else its own pixels, bilinearly.
fn training_face(frame: &RgbImage, region: &CropRegion) -> Vec<f32> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    if width == 0 || height == 0 {
        return vec![0.0; 1];
    }
    let square = region.square();
    let reach = square.side.max(square.centre[0].abs()).max(square.centre[1].abs());
    if !square.is_valid() || reach > MOST_PX {
        return vec![0.0; 1];
    }
    if region.angle != 0.0 || reach > EXACT_PX {
        return turned_face(frame, &square);
    }
    let (across, down) = if region.side > TRAINING_FACE_PX as f32 {
        let taps = |from: f32, limit: usize| area_taps(from, region.side, TRAINING_FACE_PX, limit);
        (taps(region.x, width), taps(region.y, height))
    } else {
        let own = (region.side.round() as usize).clamp(1, TRAINING_FACE_PX);
        let taps = |from: f32, limit: usize| bilinear_taps(from, region.side, own, limit);
        (taps(region.x, width), taps(region.y, height))
    };
    let side = across.len();
    let raw = frame.as_raw();
    let first_row = down.iter().flat_map(|t| t.indices()).min().unwrap_or(0);
    let last_row = down.iter().flat_map(|t| t.indices()).max().unwrap_or(0);
    let mut rows = Vec::with_capacity((last_row - first_row + 1) * side);
    for y in first_row..=last_row {
        let line = &raw[y * width * 3..(y + 1) * width * 3];
        rows.extend(across.iter().map(|t| t.apply(|x| luma(&line[x * 3..x * 3 + 3]))));
    }
    let mut face = Vec::with_capacity(side * side);
    for t in &down {
        face.extend((0..side).map(|x| t.apply(|y| rows[(y - first_row) * side + x])));
    }
    face
}

/// The same for a turned square: each value is the mean of samples along the square's own axes, close enough together
/// that no pixel is left out.
fn turned_face(frame: &RgbImage, square: &TurnedSquare) -> Vec<f32> {
    let own = (square.side.round() as usize).clamp(1, TRAINING_FACE_PX);
    let step = square.side / own as f32;
    // The limit bounds the cost of a square of absurd size.
    let each = (step / SAMPLE_PX).ceil().clamp(1.0, 24.0) as usize;
    let count = own * each;
    let [down, across] = [[0.0, 1.0], [1.0, 0.0]].map(|at| {
        let (origin, end) = (square.point([0.0, 0.0]), square.point(at));
        [0, 1].map(|i| (end[i] - origin[i]) / count as f32)
    });
    let corner = square.point([0.0, 0.0]);
    let mut face = vec![0.0; own * own];
    let weight = 1.0 / (each * each) as f32;
    for (row, cells) in face.chunks_exact_mut(own).enumerate() {
        for v in row * each..(row + 1) * each {
            let v = v as f32 + 0.5;
            for (column, cell) in cells.iter_mut().enumerate() {
                for u in column * each..(column + 1) * each {
                    let u = u as f32 + 0.5;
                    // Pixel centres lie at halves.
                    let x = corner[0] + u * across[0] + v * down[0] - 0.5;
                    let y = corner[1] + u * across[1] + v * down[1] - 0.5;
                    *cell += bilinear_luma(frame, x, y) * weight;
                }
            }
        }
    }
    face
}

/// Luma between four pixels, whose centres are whole numbers; the edge is repeated.
fn bilinear_luma(frame: &RgbImage, x: f32, y: f32) -> f32 {
    let (last_x, last_y) = (frame.width() as f32 - 1.0, frame.height() as f32 - 1.0);
    let (x, y) = (x.clamp(0.0, last_x), y.clamp(0.0, last_y));
    let (left, top) = (x as u32, y as u32);
    let (right, low) = ((left + 1).min(frame.width() - 1), (top + 1).min(frame.height() - 1));
    let (raw, width) = (frame.as_raw(), frame.width() as usize);
    let at = |x: u32, y: u32| luma(&raw[(y as usize * width + x as usize) * 3..][..3]);
    let (u, v) = (x - left as f32, y - top as f32);
    let upper = at(left, top) * (1.0 - u) + at(right, top) * u;
    let lower = at(left, low) * (1.0 - u) + at(right, low) * u;
    upper * (1.0 - v) + lower * v
}

/// Rec. 601 luma of an 8-bit RGB pixel, 0..=1.
fn luma(rgb: &[u8]) -> f32 {
    (0.299 * f32::from(rgb[0]) + 0.587 * f32::from(rgb[1]) + 0.114 * f32::from(rgb[2])) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn crop(frame: &RgbImage, region: CropRegion, size: usize) -> Vec<f32> {
        let mut out = Vec::new();
        append_crop(frame, &region, size, &mut out);
        out
    }

    #[test]
    fn a_48_pixel_picture_comes_through_unchanged() {
        let frame = RgbImage::from_fn(48, 48, |x, y| Rgb([(x * 5) as u8; 3].map(|v| v ^ (y as u8))));
        let values = crop(&frame, CropRegion::whole_picture(48, 48), 48);
        for (value, pixel) in values.iter().zip(frame.pixels()) {
            assert!((value - f32::from(pixel[0]) / 255.0).abs() < 1e-5);
        }
    }

    #[test]
    fn a_large_face_is_averaged_by_area() {
        // Stripes 2 pixels wide over a region of 192 pixels: each of 48 cells holds 4, half of them white.
        let frame = RgbImage::from_fn(200, 200, |x, _| Rgb([if x / 2 % 2 == 0 { 255 } else { 0 }; 3]));
        for value in crop(&frame, CropRegion { x: 4.0, y: 4.0, side: 192.0, angle: 0.0 }, 48) {
            assert!((value - 0.5).abs() < 1e-5, "{value}");
        }
    }

    #[test]
    fn luma_weighs_the_channels() {
        let frame = RgbImage::from_pixel(60, 60, Rgb([255, 0, 0]));
        let values = crop(&frame, CropRegion { x: 0.0, y: 0.0, side: 60.0, angle: 0.0 }, 48);
        assert!(values.iter().all(|v| (v - 0.299).abs() < 1e-4));
    }

    #[test]
    fn beyond_the_edge_its_pixels_are_repeated() {
        let frame = RgbImage::from_fn(96, 96, |x, _| Rgb([if x < 48 { 51 } else { 204 }; 3]));
        let far_left = crop(&frame, CropRegion { x: -500.0, y: -500.0, side: 100.0, angle: 0.0 }, 64);
        assert!(far_left.iter().all(|v| (v - 0.2).abs() < 1e-4));
        let far_right = crop(&frame, CropRegion { x: 500.0, y: 20.5, side: 33.3, angle: 0.0 }, 64);
        assert!(far_right.iter().all(|v| (v - 0.8).abs() < 1e-4));
    }

    #[test]
    fn a_turned_face_comes_out_upright() {
        // A smooth picture, and the same one turned about its centre.
        let value = |x: f32, y: f32| (128.0 + 80.0 * (x / 30.0).sin() * (y / 25.0).cos() + 0.2 * x) as u8;
        let frame = RgbImage::from_fn(300, 300, |x, y| Rgb([value(x as f32, y as f32); 3]));
        let region = CropRegion { x: 90.0, y: 80.0, side: 120.0, angle: 0.0 };
        let upright = crop(&frame, region, 48);
        for degrees in [1.0_f32, 20.0, 90.0, -140.0] {
            let angle = degrees.to_radians();
            let (sin, cos) = angle.sin_cos();
            let turned = RgbImage::from_fn(300, 300, |x, y| {
                let (dx, dy) = (x as f32 + 0.5 - 150.0, y as f32 + 0.5 - 140.0);
                Rgb([value(150.0 + dx * cos + dy * sin - 0.5, 140.0 + dy * cos - dx * sin - 0.5); 3])
            });
            let got = crop(&turned, CropRegion { angle, ..region }, 48);
            for (a, b) in got.iter().zip(&upright) {
                assert!((a - b).abs() < 0.02, "{degrees}: {a} for {b}");
            }
        }
    }

    #[test]
    fn turned_squares_that_are_none_do_no_harm() {
        let frame = RgbImage::from_pixel(60, 60, Rgb([51; 3]));
        for (x, side, angle) in
            [(f32::NAN, 9.0, 0.1), (0.0, 0.0, 0.1), (0.0, f32::INFINITY, 0.1), (0.0, 9.0, f32::NAN)]
        {
            assert_eq!(crop(&frame, CropRegion { x, y: 0.0, side, angle }, 48).len(), 48 * 48);
        }
        let far = crop(&frame, CropRegion { x: 1e9, y: -1e9, side: 1e6, angle: 0.4 }, 48);
        assert!(far.iter().all(|v| (v - 0.2).abs() < 1e-3));
    }

    #[test]
    fn the_region_is_square_and_centred_on_the_face() {
        let face = FaceBox { x: 100.0, y: 50.0, width: 80.0, height: 80.0 };
        let region = CropRegion::around(&face);
        assert!((region.side - 80.0 * SIDE_IN_BOX_WIDTHS).abs() < 1e-3);
        assert!((region.x + region.side / 2.0 - 140.0).abs() < 80.0 * 0.2);
    }
}
