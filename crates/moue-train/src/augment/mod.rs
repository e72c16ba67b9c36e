//! What is done to a picture each time it is learned from.

mod mix;
mod view;
mod webcam;

use rand::Rng;

pub use mix::Mixup;
pub(crate) use view::{View, erase};

/// How pictures are varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Augmentation {
    /// Nothing: only enlarged to the input size.
    None,
    /// Half are mirrored; turned by up to 12 degrees, scaled by up to 15 %, moved by up to 8 % in one resampling from
    /// 48x48 to the input size; brightness and contrast vary by up to 20 %; from 40 % a rectangle is erased.
    Standard,
    /// For live faces: half are mirrored; turned by up to 25 degrees, scaled by up to 25 %, moved by up to 8 %, brightness, contrast
    /// and rectangle as in [`Self::Standard`]. Before that half of the 48x48 pictures are degraded as by webcams, each with its
    /// own probability: gain .3 to 1 with gamma 2^-1.2 to 2^1.2 (30 % of those), light from one side (15 %), a blur of .4 to 1.5
    /// px or reduction to 18 to 41 px (30 %), noise of deviation .01 to .12 (40 %), JPEG of quality 8 to 60 (30 %); from 5 % of all
    /// the lower face is hidden.
    Webcam,
    /// The reference recipe's: enlarged to 256/224 of the input size, a random crop of the input size, half are
    /// mirrored, turned by up to 15 degrees and moved by up to 10 % (black where nothing is), brightness and contrast vary
    /// by up to 20 %.
    Reference,
}

impl Augmentation {
    /// Draws what is done to one picture.
    pub(crate) fn draw(self, rng: &mut impl Rng) -> View {
        match self {
            Self::None => View::whole(),
            Self::Standard => View::standard(rng),
            Self::Webcam => View::webcam(rng),
            Self::Reference => View::reference(rng),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};

    fn face() -> Vec<u8> {
        (0..48 * 48).map(|i| (i * 7 % 256) as u8).collect()
    }

    #[test]
    fn every_variant_stays_in_range_and_depends_only_on_its_generator() {
        use Augmentation::{None, Reference, Standard, Webcam};
        for augmentation in [None, Standard, Webcam, Reference] {
            let run = |index| {
                let mut out = vec![-1.0; 96 * 96];
                let view = augmentation.draw(&mut generator(3, Purpose::Picture, 1, index));
                view.render(&face(), 96, &mut out);
                assert!(out.iter().all(|v| (0.0..=1.0).contains(v)), "{augmentation:?}");
                out
            };
            for index in 0..20 {
                assert_eq!(run(index), run(index));
            }
            assert_eq!(run(0) == run(1), augmentation == None);
        }
    }

    #[test]
    fn another_size_shows_the_same_view() {
        // Smooth, so that two sizes can be compared.
        let face: Vec<u8> = (0..48 * 48).map(|i| (i % 48 * 3 + i / 48 * 2) as u8).collect();
        for augmentation in [Augmentation::Standard, Augmentation::Webcam, Augmentation::Reference] {
            for index in 0..10 {
                let view = augmentation.draw(&mut generator(5, Purpose::Picture, 0, index)).clean();
                let (mut small, mut large) = (vec![0.0; 64 * 64], vec![0.0; 128 * 128]);
                view.render(&face, 64, &mut small);
                view.render(&face, 128, &mut large);
                let halved = |i: usize| {
                    let at = i / 64 * 2 * 128 + i % 64 * 2;
                    (large[at] + large[at + 1] + large[at + 128] + large[at + 129]) / 4.0
                };
                let off = (0..64 * 64).map(|i| (small[i] - halved(i)).abs()).sum::<f32>() / 4096.0;
                assert!(off < 0.02, "{augmentation:?} {index}: {off}");
            }
        }
    }
}
