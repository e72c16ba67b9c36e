//! Pictures that repeat photos of another split. FER-2013 has hundreds: the same photo again, mirrored, with a watermark, or cut out
//! a little differently. A network has learned those by heart, so they say nothing about how sure it may be of new faces.

use std::collections::HashMap;

use moue_model::TRAINING_FACE_PX;
use rayon::prelude::*;

use super::{FACE_BYTES, Split};

const SIDE: usize = TRAINING_FACE_PX;
/// Side of the small copies that are compared first.
const SMALL: usize = 8;
/// How many of the most similar pictures, by the small copies, are compared in detail.
const CANDIDATES: usize = 3;
/// Small copies that are less alike than this are not compared in detail.
const SMALL_CORRELATION: f32 = 0.9;
/// Correlation of the pixels from which on two pictures count as the same photo. Of FER-2013's validation pictures that are no
/// listed repeats, those between 0.90 and 0.92 were looked at: all 24 that were shown repeat their photo; from 0.88 down most do not.
const MIN_CORRELATION: f32 = 0.9;
/// How far two cuts of one photo may lie apart, in pixels.
const SHIFT: usize = 3;
/// Side of the middle of a picture that is compared.
const WINDOW: usize = SIDE - 2 * SHIFT;
/// Pictures that share one pass over the other split.
const BLOCK: usize = 8;

type Small = [f32; SMALL * SMALL];

/// A photo that is there a second time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repeat {
    /// Its place in the other split.
    pub of: usize,
    /// Whether all pixels are the same.
    pub exact: bool,
}

/// For each picture of `split`, whether `other` holds the same photo: the same pixels, or, also mirrored or up to 3 pixels
/// aside, pixels that correlate by 0.9 or more. Pictures without any contrast repeat only their equals.
#[must_use]
pub fn repeats(split: &Split, other: &Split) -> Vec<Option<Repeat>> {
    let mut exact: HashMap<&[u8], usize> = HashMap::new();
    for i in (0..other.len()).rev() {
        exact.insert(other.face(i), i);
    }
    let small: Vec<Small> = (0..other.len()).into_par_iter().map(|i| small_copy(other.face(i))).collect();
    let indices: Vec<usize> = (0..split.len()).collect();
    let blocks = indices.par_chunks(BLOCK).map(|block| {
        let faces: Vec<[Vec<u8>; 2]> =
            block.iter().map(|i| [split.face(*i).to_vec(), mirrored(split.face(*i))]).collect();
        let wanted: Vec<Small> = faces.iter().flatten().map(|f| small_copy(f)).collect();
        let most_similar = most_similar(&wanted, &small);
        let found = |(n, pair): (usize, &[Vec<u8>; 2])| {
            if let Some(&of) = exact.get(pair[0].as_slice()) {
                return Some(Repeat { of, exact: true });
            }
            let candidates = (0..2).flat_map(|m| most_similar[2 * n + m].iter().map(move |c| (m, c)));
            candidates
                .filter(|(_, candidate)| candidate.0 >= SMALL_CORRELATION)
                .map(|(m, &(_, of))| (correlation(&pair[m], other.face(of)), of))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|best| best.0 >= MIN_CORRELATION)
                .map(|(_, of)| Repeat { of, exact: false })
        };
        faces.iter().enumerate().map(found).collect::<Vec<_>>()
    });
    blocks.flatten().collect()
}

fn mirrored(face: &[u8]) -> Vec<u8> {
    let mut face = face.to_vec();
    face.chunks_exact_mut(SIDE).for_each(<[u8]>::reverse);
    face
}

/// Means of cells, less their mean, of length 1 (0 where there is no contrast): products of two are correlations.
fn small_copy(face: &[u8]) -> Small {
    const CELL: usize = SIDE / SMALL;
    let mut small = [0.0; SMALL * SMALL];
    for (i, v) in face.iter().take(FACE_BYTES).enumerate() {
        small[i / SIDE / CELL * SMALL + i % SIDE / CELL] += f32::from(*v);
    }
    normalise(&mut small);
    small
}

fn normalise(values: &mut [f32]) {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    values.iter_mut().for_each(|v| *v -= mean);
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    let factor = if length > 1e-3 { length.recip() } else { 0.0 };
    values.iter_mut().for_each(|v| *v *= factor);
}

/// For each of `wanted` the most similar of `all`, with their correlations.
fn most_similar(wanted: &[Small], all: &[Small]) -> Vec<[(f32, usize); CANDIDATES]> {
    let mut best = vec![[(f32::NEG_INFINITY, 0); CANDIDATES]; wanted.len()];
    for (i, other) in all.iter().enumerate() {
        for (small, best) in wanted.iter().zip(&mut best) {
            let found = product(small, other);
            if found > best[CANDIDATES - 1].0 {
                let at = best.iter().position(|b| found > b.0).unwrap_or(CANDIDATES - 1);
                best[at..].rotate_right(1);
                best[at] = (found, i);
            }
        }
    }
    best
}

fn product(a: &Small, b: &Small) -> f32 {
    // Sums side by side, which the compiler makes one vector of.
    let mut sums = [0.0; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// The highest correlation of the middle of `face` with a window of `other`.
fn correlation(face: &[u8], other: &[u8]) -> f32 {
    let window = |picture: &[u8], left: usize, top: usize| {
        let rows = picture.chunks_exact(SIDE).skip(top).take(WINDOW);
        let mut values: Vec<f32> =
            rows.flat_map(|r| &r[left..left + WINDOW]).map(|v| f32::from(*v)).collect();
        normalise(&mut values);
        values
    };
    let middle = window(face, SHIFT, SHIFT);
    let mut best = f32::NEG_INFINITY;
    for top in 0..=2 * SHIFT {
        for left in 0..=2 * SHIFT {
            let correlation = middle.iter().zip(window(other, left, top)).map(|(a, b)| a * b).sum::<f32>();
            best = best.max(correlation);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Sample;
    use moue_model::{Expression, formula::hashed_uniform};

    /// A picture of soft blobs, wider than a face, to cut faces from.
    fn photo(seed: u64) -> Vec<Vec<f32>> {
        let r: Vec<f32> = hashed_uniform(40, seed).iter().map(|v| *v as f32 + 0.5).collect();
        let at = |x: f32, y: f32| -> f32 {
            let blob = |b: &[f32]| {
                let d = ((x - 60.0 * b[0]).powi(2) + (y - 60.0 * b[1]).powi(2)) / (6.0 + 14.0 * b[2]).powi(2);
                (b[3] - 0.5) * 400.0 * (-d).exp()
            };
            (128.0 + r.chunks_exact(4).map(blob).sum::<f32>()).clamp(0.0, 255.0)
        };
        (0..60).map(|y| (0..60).map(|x| at(x as f32, y as f32)).collect()).collect()
    }

    fn cut(photo: &[Vec<f32>], left: usize, top: usize, change: impl Fn(f32) -> f32) -> Vec<u8> {
        let rows = photo.iter().skip(top).take(SIDE);
        rows.flat_map(|row| row[left..left + SIDE].iter().map(|v| change(*v) as u8)).collect()
    }

    fn split(faces: &[Vec<u8>]) -> Split {
        let mut split = Split::default();
        for (i, face) in faces.iter().enumerate() {
            split.push(Sample { name: format!("{i}.png"), label: Expression::Happy, votes: None }, face);
        }
        split
    }

    #[test]
    fn the_same_photo_is_found_however_it_was_changed_and_others_are_not() {
        let train: Vec<Vec<u8>> = (0..60).map(|seed| cut(&photo(seed), 6, 6, |v| v)).collect();
        let noise = hashed_uniform(FACE_BYTES, 99);
        let noisy: Vec<u8> = train[8]
            .iter()
            .zip(noise)
            .map(|(v, n)| (f64::from(*v) + 24.0 * n).clamp(0.0, 255.0) as u8)
            .collect();
        let mut marked = train[9].clone();
        for row in marked.chunks_exact_mut(SIDE).skip(20).take(4) {
            row[10..38].iter_mut().for_each(|v| *v = v.saturating_add(40));
        }
        let asked = [
            train[7].clone(),
            mirrored(&train[7]),
            noisy,
            marked,
            cut(&photo(10), 8, 4, |v| v),
            cut(&photo(11), 6, 6, |v| 0.6 * v + 30.0),
            mirrored(&cut(&photo(12), 5, 8, |v| v)),
            cut(&photo(200), 6, 6, |v| v),
            cut(&photo(201), 6, 6, |v| v),
            vec![90; FACE_BYTES],
        ];
        let found = repeats(&split(&asked), &split(&train));
        let near = |of| Some(Repeat { of, exact: false });
        let exact = Some(Repeat { of: 7, exact: true });
        assert_eq!(found, [exact, near(7), near(8), near(9), near(10), near(11), near(12), None, None, None]);
    }

    #[test]
    fn pictures_without_contrast_repeat_their_equals_only() {
        let flat = |v: u8| vec![v; FACE_BYTES];
        let found = repeats(&split(&[flat(0), flat(5)]), &split(&[flat(9), flat(0), flat(0)]));
        assert_eq!(found, [Some(Repeat { of: 1, exact: true }), None]);
        assert_eq!(repeats(&split(&[flat(0)]), &Split::default()), [None]);
        assert_eq!(repeats(&Split::default(), &split(&[flat(0)])), []);
    }
}
