//! The input sizes that a run goes through, one after the other.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most stages of a run.
const MOST: usize = 16;

/// Some epochs at one input size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Input width and height in pixels.
    pub size: usize,
    /// Epochs at that size.
    pub epochs: usize,
}

/// All stages of a run, at least one. As text: `96:70,144:14`, size:epochs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Stages(Vec<Stage>);

/// Where an epoch lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The stage's number, from 0.
    pub index: usize,
    /// The stage.
    pub stage: Stage,
    /// The stage's first epoch, from 0.
    pub first_epoch: usize,
}

impl Stages {
    /// One size throughout.
    #[must_use]
    pub fn one(size: usize, epochs: usize) -> Self {
        Self(vec![Stage { size, epochs }])
    }

    /// The stages in order.
    #[must_use]
    pub fn all(&self) -> &[Stage] {
        &self.0
    }

    /// Epochs of all stages.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.0.iter().map(|s| s.epochs).sum()
    }

    /// The last stage, whose size is the finished network's.
    #[must_use]
    pub fn last(&self) -> Stage {
        self.at(usize::MAX).stage
    }

    /// The stage of an epoch (from 0); later ones count to the last stage.
    #[must_use]
    pub fn at(&self, epoch: usize) -> Place {
        let mut place = Place { index: 0, stage: Stage { size: 0, epochs: 0 }, first_epoch: 0 };
        for (index, stage) in self.0.iter().copied().enumerate() {
            place = Place { index, stage, first_epoch: place.first_epoch + place.stage.epochs };
            if epoch < place.first_epoch + stage.epochs {
                break;
            }
        }
        place
    }

    /// Whether an epoch (from 0) belongs to the last stage.
    #[must_use]
    pub fn is_last(&self, epoch: usize) -> bool {
        self.at(epoch).index + 1 == self.0.len()
    }

    /// These stages with other numbers of epochs.
    #[must_use]
    pub fn with_epochs(&self, epochs: impl Fn(Stage) -> usize) -> Self {
        Self(self.0.iter().map(|s| Stage { epochs: epochs(*s), ..*s }).collect())
    }

    /// Epochs of the size of epoch `epoch` that would take as long as all epochs behind it, by the pictures' area.
    #[must_use]
    pub fn area_left(&self, epoch: usize) -> f64 {
        let now = self.at(epoch);
        let area = |s: Stage| (s.size * s.size) as f64;
        let here = (now.first_epoch + now.stage.epochs).saturating_sub(epoch + 1) as f64;
        let later = self.0.iter().skip(now.index + 1).map(|s| s.epochs as f64 * area(*s) / area(now.stage));
        here + later.sum::<f64>()
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Stage { size, epochs }) in self.0.iter().enumerate() {
            write!(f, "{}{size}:{epochs}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl FromStr for Stages {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| text.trim().parse::<u32>().ok().map(|n| n as usize);
        let stage = |part: &str| {
            let (size, epochs) = part.split_once(':')?;
            Some(Stage { size: number(size)?, epochs: number(epochs)? })
        };
        text.split(',')
            .map(stage)
            .collect::<Option<Vec<_>>>()
            .filter(|stages| stages.len() <= MOST)
            .map(Self)
            .ok_or_else(|| {
                format!("expected at most {MOST} stages, size:epochs with a comma between, found {text:?}")
            })
    }
}

impl TryFrom<String> for Stages {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Stages> for String {
    fn from(stages: Stages) -> Self {
        stages.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_stages_and_text_again() {
        let stages: Stages = "64:30, 96:50,144:14".parse().unwrap();
        assert_eq!(stages.to_string(), "64:30,96:50,144:14");
        assert_eq!(stages.epochs(), 94);
        assert_eq!(stages.last(), Stage { size: 144, epochs: 14 });
        for bad in ["", "96", "96:", "96:70,", "96:70;144:14", "96:-1", "a:b", &"96:1,".repeat(20)] {
            assert!(bad.parse::<Stages>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_epoch_has_its_stage() {
        let stages: Stages = "64:3,96:2,144:1".parse().unwrap();
        let sizes: Vec<usize> = (0..8).map(|epoch| stages.at(epoch).stage.size).collect();
        assert_eq!(sizes, [64, 64, 64, 96, 96, 144, 144, 144]);
        let first: Vec<usize> = (0..6).map(|epoch| stages.at(epoch).first_epoch).collect();
        assert_eq!(first, [0, 0, 0, 3, 3, 5]);
        assert_eq!((0..6).filter(|e| stages.is_last(*e)).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn what_is_left_is_weighed_by_area() {
        let stages: Stages = "50:4,100:2".parse().unwrap();
        assert_eq!(stages.area_left(0), 3.0 + 2.0 * 4.0);
        assert_eq!(stages.area_left(3), 8.0);
        assert_eq!(stages.area_left(4), 1.0);
        assert_eq!(stages.area_left(5), 0.0);
        assert_eq!(Stages::one(96, 10).area_left(2), 7.0);
    }
}
