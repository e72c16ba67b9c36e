//! What webcams do to a face, drawn at random: little light, light from one side, defocus, few pixels, noise, compression, and
//! something before the mouth.

use rand::{Rng, RngExt as _};

use crate::eval::degrade::{add_noise, blur, compress, cover, expose, light_from_side, shrink};
use crate::random::{Purpose, generator};

/// How one picture is degraded; each part is absent for most pictures.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Degradation {
    /// Before the lower face: left top corner, size, tone.
    covered: Option<([f32; 2], [f32; 2], f32)>,
    /// Direction in degrees, factors on the lit and on the other side.
    side_light: Option<[f32; 3]>,
    /// Gain and gamma.
    exposure: Option<[f32; 2]>,
    sharpness: Option<Sharpness>,
    /// Deviation, and what its numbers come from.
    noise: Option<(f32, u64)>,
    /// JPEG quality.
    quality: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Sharpness {
    /// Deviation in pixels of 48x48.
    Blurred(f32),
    /// Pixels a side that are left.
    Shrunk(usize),
}

impl Degradation {
    /// From 5 % the lower face is hidden. Half of all pictures get, each with its own probability: gain .3 to 1 with gamma 1/2.3
    /// to 2.3 (30 %), light from one side (15 %), a blur of .4 to 1.5 px or 18 to 41 pixels a side (30 %), noise of .01 to .12
    /// (40 %), JPEG of quality 8 to 60 (30 %).
    pub(super) fn draw(rng: &mut impl Rng) -> Self {
        let covered = rng.random_bool(0.05).then(|| {
            let corner = [rng.random_range(-0.1..=0.2), rng.random_range(0.5..=0.7)];
            (corner, [rng.random_range(0.6..=1.1), 1.0 - corner[1]], rng.random_range(0.0..=1.0))
        });
        if rng.random_bool(0.5) {
            return Self { covered, ..Self::default() };
        }
        let exposure = rng
            .random_bool(0.3)
            .then(|| [rng.random_range(0.3..=1.0), rng.random_range(-1.2..=1.2f32).exp2()]);
        let side_light = rng.random_bool(0.15).then(|| {
            let from = if rng.random_bool(0.5) { 0.0 } else { 180.0 };
            let degrees = from + rng.random_range(-45.0..=45.0f32);
            [degrees, rng.random_range(0.9..=1.3), rng.random_range(0.1..=0.7)]
        });
        let sharpness = rng.random_bool(0.3).then(|| {
            if rng.random_bool(0.5) {
                Sharpness::Blurred(rng.random_range(0.4..=1.5))
            } else {
                Sharpness::Shrunk(rng.random_range(18..=41))
            }
        });
        let noise = rng.random_bool(0.4).then(|| (rng.random_range(0.01..=0.12), rng.random()));
        let quality = rng.random_bool(0.3).then(|| rng.random_range(8..=60));
        Self { covered, side_light, exposure, sharpness, noise, quality }
    }

    /// Degrades a 48x48 face (0 to 1), in the order in which it happens between face and file.
    pub(super) fn apply(&self, face: &mut [f32]) {
        if let Some((corner, size, tone)) = self.covered {
            cover(face, corner, size, tone);
        }
        if let Some([degrees, lit, shaded]) = self.side_light {
            light_from_side(face, degrees, lit, shaded);
        }
        if let Some([gain, gamma]) = self.exposure {
            expose(face, gain, gamma);
        }
        match self.sharpness {
            Some(Sharpness::Blurred(sigma)) => blur(face, sigma),
            Some(Sharpness::Shrunk(px)) => shrink(face, px),
            None => {}
        }
        if let Some((sigma, seed)) = self.noise {
            add_noise(face, sigma, &mut generator(seed, Purpose::Noise, 0, 0));
        }
        if let Some(quality) = self.quality {
            // Where the codec failed, the picture is as it was: one picture less is degraded.
            let _ = compress(face, quality);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws() -> Vec<Degradation> {
        (0..4000).map(|i| Degradation::draw(&mut generator(1, Purpose::Picture, 0, i))).collect()
    }

    #[test]
    fn each_kind_comes_as_often_as_it_should_and_within_its_bounds() {
        let draws = draws();
        let share =
            |has: &dyn Fn(&Degradation) -> bool| draws.iter().filter(|s| has(s)).count() as f64 / 4000.0;
        for (found, expected) in [
            (share(&|s| s.covered.is_some()), 0.05),
            (share(&|s| s.exposure.is_some()), 0.15),
            (share(&|s| s.side_light.is_some()), 0.075),
            (share(&|s| s.sharpness.is_some()), 0.15),
            (share(&|s| s.noise.is_some()), 0.2),
            (share(&|s| s.quality.is_some()), 0.15),
            // Without hidden mouths: 1 - (.7 * .85 * .7 * .6 * .7) of half of them.
            (share(&|s| Degradation { covered: None, ..*s } != Degradation::default()), 0.4125),
        ] {
            // Four standard errors of the largest share.
            assert!((found - expected).abs() < 0.031, "{found}, expected {expected}");
        }
        for [gain, gamma] in draws.iter().filter_map(|s| s.exposure) {
            assert!((0.3..=1.0).contains(&gain) && (0.43..=2.3).contains(&gamma), "{gain} {gamma}");
        }
        assert!(draws.iter().filter_map(|s| s.noise).all(|(sigma, _)| (0.01..=0.12).contains(&sigma)));
        assert!(draws.iter().filter_map(|s| s.quality).all(|q| (8..=60).contains(&q)));
    }

    #[test]
    fn a_spoilt_face_is_another_one_in_range_and_always_the_same() {
        let face: Vec<f32> = (0..48 * 48).map(|i| (i * 7 % 256) as f32 / 255.0).collect();
        for degradation in draws().into_iter().filter(|s| *s != Degradation::default()).take(200) {
            let run = || {
                let mut face = face.clone();
                degradation.apply(&mut face);
                face
            };
            let degraded = run();
            assert_ne!(degraded, face, "{degradation:?}");
            assert!(degraded.iter().all(|v| (0.0..=1.0).contains(v)), "{degradation:?}");
            assert_eq!(degraded, run());
        }
    }
}
