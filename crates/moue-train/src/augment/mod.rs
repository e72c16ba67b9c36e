//! What is done to a picture each time it is learned from.

mod affine;
mod mix;

use rand::{Rng, RngExt as _};

pub(crate) use affine::{Affine, Outside};
pub use mix::Mixup;

use moue_model::{TRAINING_FACE_PX, resize_bilinear};

/// How pictures are varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Augmentation {
    /// Nothing: only enlarged to the input size.
    None,
    /// Half are mirrored; turned by up to 12 degrees, scaled by up to 15 %, moved by up to 8 % in one resampling from
    /// 48x48 to the input size; brightness and contrast vary by up to 20 %; from 40 % a rectangle is erased.
    Ours,
    /// The reference recipe's: enlarged to 256/224 of the input size, a random crop of the input size, half are
    /// mirrored, turned by up to 15 degrees and moved by up to 10 % (black where nothing is), brightness and contrast vary
    /// by up to 20 %.
    Reference,
}

impl Augmentation {
    /// Fills `out` (`[size, size]`, 0 to 1) from a 48x48 face.
    ///
    /// # Panics
    /// When `face` is not 48x48 or `out` not `size` x `size`.
    pub fn apply(self, face: &[u8], size: usize, rng: &mut impl Rng, out: &mut [f32]) {
        let face: Vec<f32> = face.iter().map(|v| f32::from(*v) / 255.0).collect();
        match self {
            Self::None => {
                let mut resized = Vec::with_capacity(size * size);
                resize_bilinear(&face, TRAINING_FACE_PX, size, &mut resized);
                out.copy_from_slice(&resized);
            }
            Self::Ours => ours(&face, size, rng, out),
            Self::Reference => reference(&face, size, rng, out),
        }
    }
}

fn ours(face: &[f32], size: usize, rng: &mut impl Rng, out: &mut [f32]) {
    let mirror = rng.random_bool(0.5);
    let degrees = rng.random_range(-12.0..=12.0);
    let scale = rng.random_range(0.85..=1.15);
    let shift = [rng.random_range(-0.08..=0.08), rng.random_range(-0.08..=0.08)];
    Affine::new(degrees, scale, mirror, shift).resample(face, TRAINING_FACE_PX, size, Outside::Edge, out);
    jitter(rng, out);
    if rng.random_bool(0.4) {
        // As Zhong et al. 2017, arXiv 1708.04896: 2 to 20 % of the area, sides up to 1 : 3.3.
        let area = rng.random_range(0.02..=0.2) * (size * size) as f32;
        let ratio = rng.random_range(-1.2..=1.2f32).exp();
        let side = |v: f32| (v.sqrt().round() as usize).clamp(1, size);
        let (width, height) = (side(area * ratio), side(area / ratio));
        let grey = rng.random_range(0.0..=1.0f32);
        erase(
            out,
            size,
            [rng.random_range(0..=size - width), rng.random_range(0..=size - height)],
            [width, height],
            grey,
        );
    }
}

fn reference(face: &[f32], size: usize, rng: &mut impl Rng, out: &mut [f32]) {
    let larger = size * 256 / 224;
    let mut enlarged = Vec::with_capacity(larger * larger);
    resize_bilinear(face, TRAINING_FACE_PX, larger, &mut enlarged);
    let (left, top) = (rng.random_range(0..=larger - size), rng.random_range(0..=larger - size));
    let mut crop = Vec::with_capacity(size * size);
    for row in enlarged.chunks_exact(larger).skip(top).take(size) {
        crop.extend_from_slice(&row[left..left + size]);
    }
    let mirror = rng.random_bool(0.5);
    let degrees = rng.random_range(-15.0..=15.0);
    let shift = [rng.random_range(-0.1..=0.1), rng.random_range(-0.1..=0.1)];
    Affine::new(degrees, 1.0, mirror, shift).resample(&crop, size, size, Outside::Black, out);
    jitter(rng, out);
}

/// Brightness, then contrast around the picture's mean, each times 0.8 to 1.2, as torchvision's `ColorJitter`.
fn jitter(rng: &mut impl Rng, picture: &mut [f32]) {
    let brightness = rng.random_range(0.8..=1.2f32);
    let contrast = rng.random_range(0.8..=1.2f32);
    for v in picture.iter_mut() {
        *v = (*v * brightness).min(1.0);
    }
    let mean = picture.iter().sum::<f32>() / picture.len() as f32;
    for v in picture.iter_mut() {
        *v = ((*v - mean) * contrast + mean).clamp(0.0, 1.0);
    }
}

/// Fills a rectangle, given by its left top corner, and width and height.
pub(crate) fn erase<T: Copy>(
    picture: &mut [T],
    side: usize,
    [left, top]: [usize; 2],
    [width, height]: [usize; 2],
    value: T,
) {
    for row in picture.chunks_exact_mut(side).skip(top).take(height) {
        row[left..left + width].fill(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};

    #[test]
    fn every_variant_stays_in_range_and_depends_only_on_its_generator() {
        let face: Vec<u8> = (0..48 * 48).map(|i| (i * 7 % 256) as u8).collect();
        for augmentation in [Augmentation::None, Augmentation::Ours, Augmentation::Reference] {
            let run = |index| {
                let mut out = vec![-1.0; 96 * 96];
                augmentation.apply(&face, 96, &mut generator(3, Purpose::Picture, 1, index), &mut out);
                assert!(out.iter().all(|v| (0.0..=1.0).contains(v)), "{augmentation:?}");
                out
            };
            for index in 0..20 {
                assert_eq!(run(index), run(index));
            }
            assert_eq!(run(0) == run(1), augmentation == Augmentation::None);
        }
    }

    #[test]
    fn an_erased_rectangle_is_where_it_was_asked_for() {
        let mut picture = vec![0; 16];
        erase(&mut picture, 4, [1, 2], [3, 1], 9);
        assert_eq!(picture, [0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 0, 0, 0, 0]);
    }
}
