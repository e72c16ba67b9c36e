//! The offline expansion: more training pictures, each made from one by exactly one transformation.

use std::fmt;

use moue_model::TRAINING_FACE_PX;
use rand::seq::SliceRandom as _;
use rand::{Rng, RngExt as _};

use super::augment::erase;
use super::data::{Sample, Split};
use super::random::{Purpose, generator};
use crate::eval::{Affine, Outside};

const SIDE: usize = TRAINING_FACE_PX;

/// What was done to a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Transformation {
    /// Turned by so many degrees, -15 to 15.
    Rotation {
        /// Counter-clockwise.
        degrees: f32,
    },
    /// Moved by so many pixels, at most a tenth of the side either way.
    Shift {
        /// Right.
        x: i32,
        /// Down.
        y: i32,
    },
    /// Left and right exchanged.
    Flip,
    /// A patch of 5 to 10 pixels a side made black.
    Erase {
        /// Left edge.
        left: usize,
        /// Top edge.
        top: usize,
        /// Width.
        width: usize,
        /// Height.
        height: usize,
    },
}

impl Transformation {
    /// Names of all transformations.
    pub const NAMES: [&'static str; 4] = ["rotation", "shift", "flip", "erase"];

    fn draw(rng: &mut impl Rng) -> Self {
        let most = SIDE as i32 / 10;
        match rng.random_range(0..4) {
            0 => Self::Rotation { degrees: rng.random_range(-15.0..=15.0) },
            1 => Self::Shift { x: rng.random_range(-most..=most), y: rng.random_range(-most..=most) },
            2 => Self::Flip,
            _ => {
                let (width, height) = (rng.random_range(5..=10), rng.random_range(5..=10));
                let (left, top) = (rng.random_range(0..=SIDE - width), rng.random_range(0..=SIDE - height));
                Self::Erase { left, top, width, height }
            }
        }
    }

    /// Its name, for a table.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rotation { .. } => Self::NAMES[0],
            Self::Shift { .. } => Self::NAMES[1],
            Self::Flip => Self::NAMES[2],
            Self::Erase { .. } => Self::NAMES[3],
        }
    }

    /// The transformed 48x48 picture. What comes in from outside repeats the edge.
    #[must_use]
    pub fn apply(&self, face: &[u8]) -> Vec<u8> {
        let affine = match *self {
            Self::Rotation { degrees } => Affine::new(degrees, 1.0, false, [0.0; 2]),
            Self::Shift { x, y } => {
                Affine::new(0.0, 1.0, false, [x as f32 / SIDE as f32, y as f32 / SIDE as f32])
            }
            Self::Flip => Affine::new(0.0, 1.0, true, [0.0; 2]),
            Self::Erase { left, top, width, height } => {
                let mut erased = face.to_vec();
                erase(&mut erased, SIDE, [left, top], [width, height], 0);
                return erased;
            }
        };
        let source: Vec<f32> = face.iter().map(|v| f32::from(*v)).collect();
        let mut out = vec![0.0; SIDE * SIDE];
        affine.resample(&source, SIDE, SIDE, Outside::Edge, &mut out);
        out.into_iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect()
    }
}

/// Its parameters, for a table.
impl fmt::Display for Transformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rotation { degrees } => write!(f, "degrees={degrees:.2}"),
            Self::Shift { x, y } => write!(f, "x={x} y={y}"),
            Self::Flip => Ok(()),
            Self::Erase { left, top, width, height } => {
                write!(f, "left={left} top={top} width={width} height={height}")
            }
        }
    }
}

/// One added picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Addition {
    /// The picture it is made from, as an index of the split.
    pub source: usize,
    /// How.
    pub transformation: Transformation,
}

/// What to add to a split of `count` pictures: `fraction` of that number, no source twice before all were used once.
#[must_use]
pub fn plan_expansion(count: usize, fraction: f64, seed: u64) -> Vec<Addition> {
    let wanted = (count as f64 * fraction).round() as usize;
    let mut rng = generator(seed, Purpose::Expand, 0, 0);
    let mut sources = Vec::with_capacity(wanted + count);
    while count > 0 && sources.len() < wanted {
        let mut round: Vec<usize> = (0..count).collect();
        round.shuffle(&mut rng);
        sources.append(&mut round);
    }
    sources.truncate(wanted);
    sources
        .into_iter()
        .enumerate()
        .map(|(i, source)| {
            let mut rng = generator(seed, Purpose::Expand, 1, i);
            Addition { source, transformation: Transformation::draw(&mut rng) }
        })
        .collect()
}

/// Adds pictures to a training split in memory; what was there stays in front.
pub fn expand_split(split: &mut Split, fraction: f64, seed: u64) {
    for (i, addition) in plan_expansion(split.len(), fraction, seed).into_iter().enumerate() {
        let face = addition.transformation.apply(split.face(addition.source));
        let source = &split.samples[addition.source];
        let name = format!("{}#{}{i}", source.name, addition.transformation.name());
        let sample = Sample { name, ..source.clone() };
        split.push(sample, &face);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tests::patterns;

    #[test]
    fn the_plan_has_the_wanted_size_and_every_transformation() {
        let plan = plan_expansion(1000, 0.3, 5);
        assert_eq!(plan.len(), 300);
        assert_eq!(plan, plan_expansion(1000, 0.3, 5));
        assert_ne!(plan, plan_expansion(1000, 0.3, 6));
        let mut sources: Vec<usize> = plan.iter().map(|a| a.source).collect();
        sources.sort_unstable();
        sources.dedup();
        assert_eq!(sources.len(), 300);
        for name in Transformation::NAMES {
            let count = plan.iter().filter(|a| a.transformation.name() == name).count();
            assert!((50..=100).contains(&count), "{count} of {name}");
        }
        for addition in &plan {
            match addition.transformation {
                Transformation::Rotation { degrees } => assert!(degrees.abs() <= 15.0),
                Transformation::Shift { x, y } => assert!(x.abs() <= 4 && y.abs() <= 4),
                Transformation::Flip => {}
                Transformation::Erase { left, top, width, height } => {
                    assert!((5..=10).contains(&width) && (5..=10).contains(&height));
                    assert!(left + width <= SIDE && top + height <= SIDE);
                }
            }
        }
        assert_eq!(plan_expansion(10, 2.5, 1).len(), 25);
        assert!(plan_expansion(0, 0.3, 1).is_empty());
    }

    #[test]
    fn transformations_do_what_they_say() {
        let face: Vec<u8> = (0..SIDE * SIDE).map(|i| (i % SIDE) as u8 * 2 + (i / SIDE) as u8).collect();
        let flipped = Transformation::Flip.apply(&face);
        assert_eq!(flipped[0], face[SIDE - 1]);
        assert_eq!(Transformation::Flip.apply(&flipped), face);
        let moved = Transformation::Shift { x: 3, y: -2 }.apply(&face);
        assert_eq!(moved[10 * SIDE + 10], face[12 * SIDE + 7]);
        let erased = Transformation::Erase { left: 1, top: 2, width: 5, height: 6 }.apply(&face);
        assert_eq!(erased.iter().zip(&face).filter(|(a, b)| a != b).count(), 30);
        let turned = Transformation::Rotation { degrees: 10.0 }.apply(&face);
        assert_ne!(turned, face);
        assert!(turned[24 * SIDE + 24].abs_diff(face[24 * SIDE + 24]) <= 2);
    }

    #[test]
    fn a_split_keeps_its_pictures_and_gains_some_with_their_labels() {
        let original = patterns(10, 1);
        let mut split = original.clone();
        expand_split(&mut split, 0.3, 1);
        assert_eq!(split.len(), 91);
        assert_eq!(split.samples[..70], original.samples[..]);
        assert_eq!(split.pixels[..original.pixels.len()], original.pixels[..]);
        for added in &split.samples[70..] {
            let source =
                original.samples.iter().find(|s| added.name.starts_with(&format!("{}#", s.name))).unwrap();
            assert_eq!(source.label, added.label);
        }
    }
}
