//! One picture's view, drawn before a pixel is computed: so a teacher can be shown the same view at its own size, and without
//! the degradation.

use moue_model::{TRAINING_FACE_PX, resize_bilinear};
use rand::{Rng, RngExt as _};

use super::webcam::Degradation;
use crate::eval::{Affine, Outside};

/// What is done to one picture. Places and lengths are shares of the picture's side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    degradation: Option<Degradation>,
    geometry: Geometry,
    /// Factors of brightness and contrast.
    jitter: Option<[f32; 2]>,
    erased: Option<Rectangle>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Geometry {
    /// Enlarged to the input size.
    Whole,
    /// One resampling from 48x48, the edge's pixels outside.
    Affine(Affine),
    /// Enlarged to 256/224, cut out at these shares of the margin, then resampled with black outside.
    CutOut { at: [f32; 2], affine: Affine },
}

/// A grey rectangle; left top corner as a share of the room that is left beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rectangle {
    at: [f32; 2],
    sides: [f32; 2],
    grey: f32,
}

impl View {
    /// The picture as it is.
    pub(crate) fn whole() -> Self {
        Self { degradation: None, geometry: Geometry::Whole, jitter: None, erased: None }
    }

    pub(super) fn standard(rng: &mut impl Rng) -> Self {
        Self::within(rng, 12.0, 0.15)
    }

    pub(super) fn webcam(rng: &mut impl Rng) -> Self {
        let degradation = Some(Degradation::draw(rng));
        Self { degradation, ..Self::within(rng, 25.0, 0.25) }
    }

    /// Mirrored or not, turned by up to so many degrees, scaled by up to a share, moved by up to 8 %.
    fn within(rng: &mut impl Rng, degrees: f32, scale: f32) -> Self {
        let mirror = rng.random_bool(0.5);
        let degrees = rng.random_range(-degrees..=degrees);
        let scale = rng.random_range(1.0 - scale..=1.0 + scale);
        let shift = [rng.random_range(-0.08..=0.08), rng.random_range(-0.08..=0.08)];
        let geometry = Geometry::Affine(Affine::new(degrees, scale, mirror, shift));
        let jitter = Some(jitter(rng));
        let erased = rng.random_bool(0.4).then(|| Rectangle::random(rng));
        Self { degradation: None, geometry, jitter, erased }
    }

    pub(super) fn reference(rng: &mut impl Rng) -> Self {
        let at = [rng.random_range(0.0..=1.0), rng.random_range(0.0..=1.0)];
        let mirror = rng.random_bool(0.5);
        let degrees = rng.random_range(-15.0..=15.0);
        let shift = [rng.random_range(-0.1..=0.1), rng.random_range(-0.1..=0.1)];
        let affine = Affine::new(degrees, 1.0, mirror, shift);
        let geometry = Geometry::CutOut { at, affine };
        Self { degradation: None, geometry, jitter: Some(jitter(rng)), erased: None }
    }

    /// The same view of the undegraded picture: what a teacher is shown.
    pub(crate) fn clean(&self) -> Self {
        Self { degradation: None, erased: None, ..self.clone() }
    }

    /// Fills `out` (`[size, size]`, 0 to 1) from a 48x48 face.
    ///
    /// # Panics
    /// When `face` is not 48x48 or `out` not `size` x `size`.
    pub(crate) fn render(&self, face: &[u8], size: usize, out: &mut [f32]) {
        let mut face: Vec<f32> = face.iter().map(|v| f32::from(*v) / 255.0).collect();
        if let Some(degradation) = &self.degradation {
            degradation.apply(&mut face);
        }
        self.place(&face, size, out);
        if let Some([brightness, contrast]) = self.jitter {
            for v in out.iter_mut() {
                *v = (*v * brightness).min(1.0);
            }
            let mean = out.iter().sum::<f32>() / out.len() as f32;
            for v in out.iter_mut() {
                *v = ((*v - mean) * contrast + mean).clamp(0.0, 1.0);
            }
        }
        if let Some(rectangle) = self.erased {
            rectangle.fill(size, out);
        }
    }

    fn place(&self, face: &[f32], size: usize, out: &mut [f32]) {
        match self.geometry {
            Geometry::Whole => {
                let mut resized = Vec::with_capacity(size * size);
                resize_bilinear(face, TRAINING_FACE_PX, size, &mut resized);
                out.copy_from_slice(&resized);
            }
            Geometry::Affine(affine) => affine.resample(face, TRAINING_FACE_PX, size, Outside::Edge, out),
            Geometry::CutOut { at, affine } => {
                let larger = size * 256 / 224;
                let mut enlarged = Vec::with_capacity(larger * larger);
                resize_bilinear(face, TRAINING_FACE_PX, larger, &mut enlarged);
                let [left, top] = at.map(|share| (share * (larger - size) as f32).round() as usize);
                let mut crop = Vec::with_capacity(size * size);
                for row in enlarged.chunks_exact(larger).skip(top).take(size) {
                    crop.extend_from_slice(&row[left..left + size]);
                }
                affine.resample(&crop, size, size, Outside::Black, out);
            }
        }
    }
}

/// Brightness, then contrast around the picture's mean, each times 0.8 to 1.2, as torchvision's `ColorJitter`.
fn jitter(rng: &mut impl Rng) -> [f32; 2] {
    [rng.random_range(0.8..=1.2f32), rng.random_range(0.8..=1.2f32)]
}

impl Rectangle {
    /// As Zhong et al. 2017, arXiv 1708.04896: 2 to 20 % of the area, sides up to 1 : 3.3.
    fn random(rng: &mut impl Rng) -> Self {
        let area = rng.random_range(0.02..=0.2f32);
        let ratio = rng.random_range(-1.2..=1.2f32).exp();
        let grey = rng.random_range(0.0..=1.0f32);
        let at = [rng.random_range(0.0..=1.0), rng.random_range(0.0..=1.0)];
        Self { at, sides: [(area * ratio).sqrt(), (area / ratio).sqrt()], grey }
    }

    fn fill(&self, size: usize, out: &mut [f32]) {
        let sides = self.sides.map(|s| ((s * size as f32).round() as usize).clamp(1, size));
        let corner = [0, 1].map(|i| (self.at[i] * (size - sides[i]) as f32).round() as usize);
        erase(out, size, corner, sides, self.grey);
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
    fn an_erased_rectangle_is_where_it_was_asked_for() {
        let mut picture = vec![0; 16];
        erase(&mut picture, 4, [1, 2], [3, 1], 9);
        assert_eq!(picture, [0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 0, 0, 0, 0]);
    }

    #[test]
    fn a_rectangle_stays_inside_and_has_its_area_at_every_size() {
        for index in 0..200 {
            let rectangle = Rectangle::random(&mut generator(1, Purpose::Picture, 0, index));
            for size in [32, 97] {
                let mut out = vec![-1.0; size * size];
                rectangle.fill(size, &mut out);
                let share = out.iter().filter(|v| **v >= 0.0).count() as f32 / out.len() as f32;
                assert!((0.01..=0.25).contains(&share), "{size}: {share}");
            }
        }
    }
}
