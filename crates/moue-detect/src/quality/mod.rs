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
    /// The head nods up or down, or leans in the picture's plane further than the crop is turned with it.
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
