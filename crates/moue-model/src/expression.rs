//! The seven classes.

use std::fmt;

/// An expression that the network tells apart, in the order of its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Expression {
    /// Output 0.
    Angry,
    /// Output 1.
    Disgust,
    /// Output 2.
    Fear,
    /// Output 3.
    Happy,
    /// Output 4.
    Neutral,
    /// Output 5.
    Sad,
    /// Output 6.
    Surprise,
}

impl Expression {
    /// Number of classes.
    pub const COUNT: usize = 7;

    /// All classes in the order of the network's outputs.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Angry, Self::Disgust, Self::Fear, Self::Happy, Self::Neutral, Self::Sad, Self::Surprise];

    /// Position among the network's outputs, 0 to 6.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The class's name as data sets and files write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Angry => "angry",
            Self::Disgust => "disgust",
            Self::Fear => "fear",
            Self::Happy => "happy",
            Self::Neutral => "neutral",
            Self::Sad => "sad",
            Self::Surprise => "surprise",
        }
    }

    /// The class of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.name() == name)
    }

    /// The most probable class and its probability. The first one wins a tie.
    #[must_use]
    pub fn most_probable(probabilities: &[f32; Self::COUNT]) -> (Self, f32) {
        let mut best = Self::ALL[0];
        for e in Self::ALL {
            if probabilities[e.index()] > probabilities[best.index()] {
                best = e;
            }
        }
        (best, probabilities[best.index()])
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
