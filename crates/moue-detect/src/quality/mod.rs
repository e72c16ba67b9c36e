//! How well a face can be read, and what speaks against it.
//!
//! Each [`Reason`] has a sign that is measured on the face (its size, its turn, how dark it is), and a curve that says
//! which share of its readings the network keeps right at that sign, measured on FER-2013's pictures changed step by step
//! (`examples/quality.rs`, figures in `docs/faces.md`). The quality is the product of the shares; a reason is named where
//! its share is below 0.9: a tenth of what was read right is lost.

mod look;
mod signs;

pub use look::CropLook;
pub use signs::Signs;

/// Why a face may be misread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Too few pixels.
    TooSmall,
    /// Turned to a side.
    TurnedAway,
    /// The head nods far up or down, or leans far in the picture's plane.
    Tilted,
    /// Too little light.
    Dark,
    /// Large parts are white.
    OverExposed,
    /// Out of focus, or moved.
    Blurred,
    /// Partly beyond the frame's edge.
    CutOff,
    /// Eyes or mouth are hidden by something plain, as a mask or a hand.
    Covered,
}

impl Reason {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// All of them.
    pub const ALL: [Self; Self::COUNT] = [
        Self::TooSmall,
        Self::TurnedAway,
        Self::Tilted,
        Self::Dark,
        Self::OverExposed,
        Self::Blurred,
        Self::CutOff,
        Self::Covered,
    ];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooSmall => "too_small",
            Self::TurnedAway => "turned_away",
            Self::Tilted => "tilted",
            Self::Dark => "dark",
            Self::OverExposed => "over_exposed",
            Self::Blurred => "blurred",
            Self::CutOff => "cut_off",
            Self::Covered => "covered",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }

    /// The same for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::TooSmall => "Too small",
            Self::TurnedAway => "Turned away",
            Self::Tilted => "Tilted",
            Self::Dark => "Dark",
            Self::OverExposed => "Over-exposed",
            Self::Blurred => "Blurred",
            Self::CutOff => "Cut off",
            Self::Covered => "Covered",
        }
    }
}

/// A reason is named where the network keeps less than this share of what it read right.
const NAMED_BELOW: f32 = 0.9;

/// How well a face can be read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// The share that each of [`Reason::ALL`] leaves, 0..=1.
    kept: [f32; Reason::COUNT],
}

impl Quality {
    /// Nothing speaks against the face.
    pub const BEST: Self = Self { kept: [1.0; Reason::COUNT] };

    /// From what was measured on a face.
    #[must_use]
    pub fn of(signs: &Signs) -> Self {
        Self { kept: signs.kept() }
    }

    /// About which share of the readings that would be right on a good picture are right on this one, 0..=1.
    #[must_use]
    pub fn value(&self) -> f32 {
        self.kept.iter().product()
    }

    /// What speaks against the face, the worst first.
    #[must_use]
    pub fn reasons(&self) -> Vec<Reason> {
        let share = |r: Reason| self.kept[r as usize];
        let mut reasons: Vec<Reason> = Reason::ALL.into_iter().filter(|&r| share(r) < NAMED_BELOW).collect();
        reasons.sort_by(|&a, &b| share(a).total_cmp(&share(b)));
        reasons
    }

    /// The worst of them.
    #[must_use]
    pub fn first_reason(&self) -> Option<Reason> {
        self.reasons().first().copied()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use image::{Rgb, RgbImage, imageops};

    use super::*;
    use crate::{CropRegion, FaceCrop, HeadPose};

    /// A portrait's face as it is cut out: 150 pixels wide, in a frame of 300.
    fn portrait() -> RgbImage {
        let bytes = include_bytes!("../../../../assets/demo/astronaut.jpg");
        let picture = image::load_from_memory(bytes).unwrap().to_rgb8();
        let part = imageops::crop_imm(&picture, 129, 25, 192, 192).to_image();
        imageops::resize(&part, 300, 300, imageops::FilterType::Triangle)
    }

    const REGION: CropRegion = CropRegion { x: 75.0, y: 75.0, side: 150.0, angle: 0.0 };
    const AHEAD: HeadPose = HeadPose { yaw: 5.0, pitch: 5.0, roll: 5.0 };

    fn judged(frame: &RgbImage, region: &CropRegion, pose: HeadPose) -> Quality {
        let look = CropLook::of(&FaceCrop::of(frame, region));
        Quality::of(&Signs::new(frame.dimensions(), region, Some(&pose), look))
    }

    #[test]
    fn a_good_picture_has_no_reason_and_each_fault_has_its_own() {
        let good = portrait();
        let best = judged(&good, &REGION, AHEAD);
        assert!(best.reasons().is_empty() && best.value() > 0.9, "{best:?}");
        let mut dark = good.clone();
        dark.iter_mut().for_each(|v| *v /= 7);
        let mut white = good.clone();
        white.iter_mut().for_each(|v| *v = v.saturating_mul(4));
        let blurred = imageops::blur(&good, 7.0);
        let mut masked = good.clone();
        for (_, _, pixel) in masked.enumerate_pixels_mut().filter(|(_, y, _)| (165..220).contains(y)) {
            *pixel = Rgb([150, 170, 190]);
        }
        for (reason, frame) in [
            (Reason::Dark, &dark),
            (Reason::OverExposed, &white),
            (Reason::Blurred, &blurred),
            (Reason::Covered, &masked),
        ] {
            let found = judged(frame, &REGION, AHEAD);
            assert_eq!(found.first_reason(), Some(reason), "{found:?}");
            assert!(found.value() < best.value());
        }
        let small = imageops::thumbnail(&good, 40, 40);
        let region = CropRegion { x: 10.0, y: 10.0, side: 20.0, angle: 0.0 };
        assert_eq!(judged(&small, &region, AHEAD).first_reason(), Some(Reason::TooSmall));
        for angle in [0.0, 0.6] {
            let beyond = CropRegion { x: -75.0, angle, ..REGION };
            let reasons = judged(&good, &beyond, AHEAD).reasons();
            assert!(reasons.contains(&Reason::CutOff), "{angle}: {reasons:?}");
        }
        for (reason, pose) in [
            (Reason::TurnedAway, HeadPose { yaw: -40.0, ..AHEAD }),
            (Reason::TurnedAway, HeadPose { yaw: 40.0, ..AHEAD }),
            (Reason::Tilted, HeadPose { pitch: 50.0, ..AHEAD }),
            (Reason::Tilted, HeadPose { pitch: -50.0, ..AHEAD }),
        ] {
            assert_eq!(judged(&good, &REGION, pose).reasons(), [reason], "{pose:?}");
        }
    }

    #[test]
    fn the_worst_reason_comes_first_and_the_quality_is_the_product() {
        let mut kept = [1.0; Reason::COUNT];
        kept[Reason::Dark as usize] = 0.8;
        kept[Reason::TooSmall as usize] = 0.5;
        kept[Reason::Blurred as usize] = 0.95;
        let quality = Quality { kept };
        assert_eq!(quality.reasons(), [Reason::TooSmall, Reason::Dark]);
        assert!((quality.value() - 0.38).abs() < 1e-6);
        assert_eq!((Quality::BEST.value(), Quality::BEST.first_reason()), (1.0, None));
    }

    #[test]
    fn names_are_read_back_and_are_in_their_place() {
        for (i, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!((Reason::from_name(reason.name()), reason as usize), (Some(reason), i));
        }
        assert_eq!(Reason::from_name("happy"), None);
    }

    #[test]
    fn judging_a_face_costs_little() {
        let (frame, start) = (portrait(), std::time::Instant::now());
        let crop = FaceCrop::of(&frame, &REGION);
        let each = 200;
        for _ in 0..each {
            let signs = Signs::new(
                frame.dimensions(),
                &REGION,
                Some(&AHEAD),
                CropLook::of(std::hint::black_box(&crop)),
            );
            std::hint::black_box(Quality::of(&signs).value());
        }
        let ms = start.elapsed().as_secs_f64() * 1e3 / f64::from(each);
        // 0.2 ms is the aim; a busy machine may take several times as long.
        assert!(ms < 2.0, "{ms}");
    }
}
