//! Makes faces unrecognisable.

use image::RgbImage;
use image::imageops::{self, FilterType};

use moue_detect::FaceBox;

/// Cells across a face that are left: colours of skin and hair, no feature.
const CELLS: u32 = 6;
/// A detector's box leaves out chin, ears and hair, and lags behind a face that moves: this share of it is added on each
/// side.
const MARGIN: f32 = 0.35;

/// Replaces each face by a few smooth cells. What was there cannot be computed back: only 6 x 6
/// averages are left of it.
pub fn hide_faces<'a>(picture: &mut RgbImage, faces: impl IntoIterator<Item = &'a FaceBox>) {
    let (width, height) = picture.dimensions();
    for face in faces {
        let left = (face.x - MARGIN * face.width).floor().clamp(0.0, width as f32) as u32;
        let top = (face.y - MARGIN * face.height).floor().clamp(0.0, height as f32) as u32;
        let right = (face.x + (1.0 + MARGIN) * face.width).ceil().clamp(0.0, width as f32) as u32;
        let bottom = (face.y + (1.0 + MARGIN) * face.height).ceil().clamp(0.0, height as f32) as u32;
        if right <= left || bottom <= top {
            continue;
        }
        let (w, h) = (right - left, bottom - top);
        let part = imageops::crop_imm(picture, left, top, w, h).to_image();
        let cells = imageops::thumbnail(&part, CELLS.min(w), CELLS.min(h));
        let smooth = imageops::resize(&cells, w, h, FilterType::Triangle);
        imageops::replace(picture, &smooth, i64::from(left), i64::from(top));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn details_are_gone_inside_and_untouched_outside() {
        // Stripes one pixel wide: nothing but detail.
        let striped = RgbImage::from_fn(200, 200, |x, _| Rgb([if x % 2 == 0 { 0 } else { 255 }; 3]));
        let mut hidden = striped.clone();
        hide_faces(&mut hidden, [&FaceBox { x: 60.0, y: 60.0, width: 80.0, height: 80.0 }]);
        let step = |y: u32| {
            (41..159).map(|x| hidden.get_pixel(x, y)[0].abs_diff(hidden.get_pixel(x - 1, y)[0])).max()
        };
        assert!(step(100).unwrap() < 12, "{:?}", step(100));
        for (x, y) in [(10, 10), (30, 100), (190, 100), (100, 30), (100, 170)] {
            assert_eq!(hidden.get_pixel(x, y), striped.get_pixel(x, y));
        }
    }

    #[test]
    fn boxes_over_the_edge_and_wild_ones_do_no_harm() {
        let mut picture = RgbImage::new(50, 40);
        let wild = [
            FaceBox { x: -30.0, y: -30.0, width: 60.0, height: 60.0 },
            FaceBox { x: 49.0, y: 39.0, width: 1.0, height: 1.0 },
            FaceBox { x: 500.0, y: 500.0, width: 10.0, height: 10.0 },
            FaceBox { x: f32::NAN, y: 0.0, width: 10.0, height: 10.0 },
            FaceBox { x: 0.0, y: 0.0, width: f32::INFINITY, height: -1.0 },
        ];
        hide_faces(&mut picture, &wild);
        assert_eq!(picture.dimensions(), (50, 40));
    }
}
