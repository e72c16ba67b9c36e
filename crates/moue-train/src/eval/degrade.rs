//! What webcams do to a picture: bad light, defocus, few pixels, sensor noise, compression, something before the face.
//!
//! Each function changes one square grey picture in place, row by row, black 0 to white 1, as displays show it (gamma
//! encoded), and leaves every value in 0..=1. Strengths are the caller's; so are random numbers, which only
//! [`add_noise`] needs. Lengths in pixels are those of the picture, 48x48 for faces of the training data. The kinds of
//! change are those of Hendrycks and Dietterich 2019 (arXiv 1903.12261) that a webcam can cause.

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::{ExtendedColorType, ImageDecoder as _, ImageError};
use moue_model::{resize_area, resize_bilinear};
use rand::Rng;
use rand_distr::{Distribution as _, StandardNormal};

/// Width of a square picture.
///
/// # Panics
/// When the picture is not square.
fn side_of(picture: &[f32]) -> usize {
    let side = picture.len().isqrt();
    assert_eq!(side * side, picture.len(), "a square picture");
    side
}

/// Another exposure: `gain * value^gamma`, cut off at white. A `gain` below 1 is too little light, above 1 too much;
/// a `gamma` above 1 deepens the shadows, below 1 lifts them. Both are above 0.
pub fn expose(picture: &mut [f32], gain: f32, gamma: f32) {
    for v in picture {
        *v = (gain * v.max(0.0).powf(gamma)).clamp(0.0, 1.0);
    }
}

/// Light from one side: factors that fall smoothly from `lit` on that side to `shaded` on the other, in between along
/// `3t^2 - 2t^3`. The light comes from `degrees`, counter-clockwise as seen: 0 from the right, 90 from
/// above, 180 from the left. Equal factors are the same as a gain.
pub fn light_from_side(picture: &mut [f32], degrees: f32, lit: f32, shaded: f32) {
    let side = side_of(picture);
    let (sin, cos) = degrees.to_radians().sin_cos();
    // How far the picture's corners reach along the light, from the centre.
    let reach = (sin.abs() + cos.abs()) * 0.5;
    let from_centre = |i: usize| (i as f32 + 0.5) / side as f32 - 0.5;
    for (y, row) in picture.chunks_exact_mut(side).enumerate() {
        for (x, v) in row.iter_mut().enumerate() {
            let along = from_centre(x) * cos - from_centre(y) * sin;
            let t = (along / (2.0 * reach) + 0.5).clamp(0.0, 1.0);
            let factor = shaded + (lit - shaded) * t * t * (3.0 - 2.0 * t);
            *v = (*v * factor).clamp(0.0, 1.0);
        }
    }
}

/// Defocus: a Gaussian of standard deviation `sigma_px` pixels, sampled at pixel centres; 0 and below change nothing. The
/// edge is repeated.
///
/// imageproc's filter ends at two standard deviations, which blurs less than it says; this one ends at three.
pub fn blur(picture: &mut [f32], sigma_px: f32) {
    // Below this the neighbours' weights are under 1e-5.
    if sigma_px < 0.2 {
        return;
    }
    let side = side_of(picture);
    let radius = ((3.0 * sigma_px).ceil() as usize).min(side);
    let weight = |d: usize| (-0.5 * (d as f32 / sigma_px).powi(2)).exp();
    let whole: f32 = weight(0) + 2.0 * (1..=radius).map(weight).sum::<f32>();
    let kernel: Vec<f32> = (0..=2 * radius).map(|i| weight(i.abs_diff(radius)) / whole).collect();
    let mut padded = vec![0.0; side + 2 * radius];
    let mut line = |picture: &mut [f32], start: usize, stride: usize| {
        for (i, v) in padded.iter_mut().enumerate() {
            *v = picture[start + i.saturating_sub(radius).min(side - 1) * stride];
        }
        for i in 0..side {
            let sum: f32 = padded[i..].iter().zip(&kernel).map(|(v, w)| v * w).sum();
            picture[start + i * stride] = sum.clamp(0.0, 1.0);
        }
    };
    for i in 0..side {
        line(picture, i * side, 1);
    }
    for i in 0..side {
        line(picture, i, side);
    }
}

/// A face of few pixels: reduced to `px` x `px` by area and enlarged again bilinearly, as the live program does with a
/// face that is far away. `px` outside 1 to the picture's side less 1 changes nothing.
pub fn shrink(picture: &mut [f32], px: usize) {
    let side = side_of(picture);
    if px == 0 || px >= side {
        return;
    }
    let mut small = Vec::with_capacity(px * px);
    resize_area(picture, side, px, &mut small);
    let mut large = Vec::with_capacity(side * side);
    resize_bilinear(&small, px, side, &mut large);
    picture.copy_from_slice(&large);
}

/// Sensor noise: adds to each pixel a number from a normal distribution of standard deviation `sigma` (1 is the step
/// from black to white), cut off at black and white.
pub fn add_noise(picture: &mut [f32], sigma: f32, rng: &mut impl Rng) {
    for v in picture {
        let n: f32 = StandardNormal.sample(rng);
        *v = (*v + sigma * n).clamp(0.0, 1.0);
    }
}

/// Compression: a round trip through grey baseline JPEG of this quality (1 to 100, libjpeg's scale), in 8 bits.
///
/// # Errors
/// When the codec fails, which it has no reason to; the picture is then as it was.
pub fn compress(picture: &mut [f32], quality: u8) -> Result<(), ImageError> {
    let side = side_of(picture) as u32;
    let mut bytes: Vec<u8> = picture.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    let mut file = Vec::with_capacity(4096);
    JpegEncoder::new_with_quality(&mut file, quality.clamp(1, 100)).encode(
        &bytes,
        side,
        side,
        ExtendedColorType::L8,
    )?;
    JpegDecoder::new(std::io::Cursor::new(&file))?.read_image(&mut bytes)?;
    for (v, byte) in picture.iter_mut().zip(&bytes) {
        *v = f32::from(*byte) / 255.0;
    }
    Ok(())
}

/// Something before the face: fills a rectangle with one tone (0 black to 1 white). Left top corner and size are shares
/// of the side; what lies outside the picture is left out. A hand or a mask over the lower face is about
/// `[0.1, 0.6]` and `[0.8, 0.4]`.
pub fn cover(picture: &mut [f32], [left, top]: [f32; 2], [width, height]: [f32; 2], tone: f32) {
    let side = side_of(picture);
    let pixel = |share: f32| (share * side as f32).round().clamp(0.0, side as f32) as usize;
    let (from, to) = (pixel(left), pixel(left + width));
    for row in picture.chunks_exact_mut(side).take(pixel(top + height)).skip(pixel(top)) {
        if from < to {
            row[from..to].fill(tone.clamp(0.0, 1.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg64Mcg;

    use super::*;

    const SIDE: usize = 48;

    fn flat(value: f32) -> Vec<f32> {
        vec![value; SIDE * SIDE]
    }

    /// Smooth and detailed parts, from black to white.
    fn some() -> Vec<f32> {
        (0..SIDE * SIDE)
            .map(|i| {
                let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
                0.5 + 0.3 * (x / 9.0).sin() + 0.2 * (y * 1.3).cos() * (x / 48.0)
            })
            .collect()
    }

    fn mean(picture: &[f32]) -> f32 {
        picture.iter().sum::<f32>() / picture.len() as f32
    }

    fn deviation(picture: &[f32]) -> f32 {
        let m = mean(picture);
        (picture.iter().map(|v| (v - m).powi(2)).sum::<f32>() / picture.len() as f32).sqrt()
    }

    #[test]
    fn exposure_is_gain_after_gamma_and_ends_at_white() {
        let mut picture = vec![0.0, 0.25, 0.5, 1.0];
        expose(&mut picture, 2.0, 2.0);
        assert_eq!(picture, [0.0, 0.125, 0.5, 1.0]);
    }

    #[test]
    fn light_falls_from_its_side_to_the_other() {
        for (degrees, lit, shaded) in
            [(0.0, (24, 47), (24, 0)), (180.0, (24, 0), (24, 47)), (90.0, (0, 24), (47, 24))]
        {
            let mut picture = flat(0.5);
            light_from_side(&mut picture, degrees, 1.2, 0.4);
            let at = |(y, x): (usize, usize)| picture[y * SIDE + x];
            assert!((at(lit) - 0.6).abs() < 0.001, "{degrees}: {}", at(lit));
            assert!((at(shaded) - 0.2).abs() < 0.001, "{degrees}: {}", at(shaded));
            assert!((mean(&picture) - 0.4).abs() < 0.001, "{degrees}");
        }
    }

    #[test]
    fn a_point_becomes_a_gaussian_of_the_given_width() {
        for sigma in [0.4, 1.0, 2.5] {
            let mut picture = flat(0.0);
            picture[24 * SIDE + 24] = 1.0;
            blur(&mut picture, sigma);
            assert!((picture.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            let neighbour = picture[24 * SIDE + 25] / picture[24 * SIDE + 24];
            assert!((neighbour - (-0.5 / (sigma * sigma)).exp()).abs() < 1e-4, "{neighbour} for {sigma}");
            let across: f32 =
                picture.iter().enumerate().map(|(i, v)| v * ((i % SIDE) as f32 - 24.0).powi(2)).sum();
            // Ended at three standard deviations; below one pixel the samples are too few for this.
            assert!(
                sigma < 1.0 || (across.sqrt() - sigma).abs() < 0.03 * sigma,
                "{} for {sigma}",
                across.sqrt()
            );
        }
        let mut same = flat(0.7);
        blur(&mut same, 1.5);
        assert!(same.iter().all(|v| (v - 0.7).abs() < 1e-5), "also at the edges");
    }

    #[test]
    fn shrinking_loses_detail_and_keeps_the_mean() {
        let mut stripes: Vec<f32> = (0..SIDE * SIDE).map(|i| (i % 2) as f32).collect();
        shrink(&mut stripes, 24);
        assert!(stripes.iter().all(|v| (v - 0.5).abs() < 1e-6), "two stripes in each pixel");
        for px in [18, 31, 41] {
            let mut picture = some();
            shrink(&mut picture, px);
            assert!((mean(&picture) - mean(&some())).abs() < 0.003, "{px}");
            assert_ne!(picture, some());
        }
        for px in [0, 48, 60] {
            let mut picture = some();
            shrink(&mut picture, px);
            assert_eq!(picture, some(), "{px}");
        }
    }

    #[test]
    fn noise_has_the_given_deviation_and_comes_from_its_generator() {
        let noisy = |seed| {
            let mut picture = flat(0.5);
            add_noise(&mut picture, 0.1, &mut Pcg64Mcg::new(seed));
            picture
        };
        // 2,304 draws: the deviation's own standard error is 0.0015.
        assert!((deviation(&noisy(1)) - 0.1).abs() < 0.006, "{}", deviation(&noisy(1)));
        assert!((mean(&noisy(1)) - 0.5).abs() < 0.01);
        assert_eq!(noisy(1), noisy(1));
        assert_ne!(noisy(1), noisy(2));
    }

    #[test]
    fn lower_qualities_are_further_from_the_picture() {
        let off = |quality| {
            let mut picture = some();
            compress(&mut picture, quality).unwrap();
            let sum: f32 = picture.iter().zip(&some()).map(|(a, b)| (a - b).powi(2)).sum();
            (sum / picture.len() as f32).sqrt()
        };
        assert!(off(100) < 0.01, "{}", off(100));
        assert!(off(60) < off(20) && off(20) < off(5), "{} {} {}", off(60), off(20), off(5));
    }

    #[test]
    fn a_rectangle_is_covered_as_far_as_it_lies_in_the_picture() {
        let mut picture = flat(0.25);
        cover(&mut picture, [0.5, 0.75], [2.0, 2.0], 0.75);
        assert_eq!(picture.iter().filter(|v| **v == 0.75).count(), 24 * 12);
        assert_eq!(picture[36 * SIDE + 24], 0.75);
        assert_eq!(picture[36 * SIDE + 23], 0.25);
        let mut same = flat(0.25);
        cover(&mut same, [1.5, 0.0], [1.0, 1.0], 0.75);
        cover(&mut same, [-2.0, 0.0], [1.0, 1.0], 0.75);
        assert_eq!(same, flat(0.25));
    }

    #[test]
    fn every_change_stays_between_black_and_white() {
        type Change<'a> = &'a dyn Fn(&mut [f32]);
        let changes: [Change<'_>; 7] = [
            &|p| expose(p, 3.0, 0.4),
            &|p| light_from_side(p, 37.0, 2.0, 0.1),
            &|p| blur(p, 1.5),
            &|p| shrink(p, 19),
            &|p| add_noise(p, 0.5, &mut Pcg64Mcg::new(9)),
            &|p| compress(p, 8).unwrap(),
            &|p| cover(p, [0.1, 0.6], [0.8, 0.4], 7.0),
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut picture = some();
            change(&mut picture);
            assert!(picture.iter().all(|v| (0.0..=1.0).contains(v)), "{i}");
            assert_ne!(picture, some(), "{i}");
        }
    }
}
