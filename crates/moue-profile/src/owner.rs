//! Whether the face before the camera has the proportions of the one that was taught. It compares with one face only, so it can say
//! "somebody else seems to be there", and never who.

use std::collections::BTreeMap;

use crate::Example;

/// Two means over some seconds of one face differ by less than this, in spreads within one person: measured on clips of six people,
/// see docs/teaching.md.
const LEAST: f32 = 1.3;
/// A face is another one beyond so many times the largest distance of a taught take from the others.
const MARGIN: f32 = 1.25;

/// Proportions of the taught face.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Owner {
    /// Mean over the takes, each counting the same.
    pub(crate) mean: Vec<f32>,
    /// Distance beyond which a face is somebody else's.
    pub(crate) beyond: f32,
}

impl Owner {
    /// `None` where fewer than two takes tell the face's proportions.
    pub(crate) fn learn(examples: &[Example]) -> Option<Self> {
        let mut takes = BTreeMap::<(usize, usize), (Vec<f32>, f32)>::new();
        for example in examples {
            let Some(proportions) = &example.features.proportions else { continue };
            let (sum, count) = takes
                .entry((example.class, example.take))
                .or_insert_with(|| (vec![0.0; proportions.len()], 0.0));
            sum.iter_mut().zip(proportions).for_each(|(s, v)| *s += v);
            *count += 1.0;
        }
        let takes: Vec<Vec<f32>> =
            takes.into_values().map(|(sum, count)| sum.iter().map(|s| s / count).collect()).collect();
        if takes.len() < 2 {
            return None;
        }
        let all = mean(&takes, None);
        let others = |i: usize| distance(&takes[i], &mean(&takes, Some(i)));
        let furthest = (0..takes.len()).map(others).fold(0.0, f32::max);
        Some(Self { mean: all, beyond: LEAST.max(MARGIN * furthest) })
    }

    /// Distance of a face in units of the limit: above 1 it is somebody else's. `None` of another number of values.
    pub(crate) fn unlike(&self, proportions: &[f32]) -> Option<f32> {
        (proportions.len() == self.mean.len()).then(|| distance(proportions, &self.mean) / self.beyond)
    }
}

/// Mean over the takes, without one.
fn mean(takes: &[Vec<f32>], without: Option<usize>) -> Vec<f32> {
    let kept = || takes.iter().enumerate().filter(|(i, _)| Some(*i) != without).map(|(_, take)| take);
    let count = kept().count().max(1) as f32;
    let dimension = takes.first().map_or(0, Vec::len);
    (0..dimension).map(|i| kept().map(|take| take[i]).sum::<f32>() / count).collect()
}

/// Root mean square of the differences.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    let squares: f32 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (squares / a.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FaceFeatures;

    fn example(take: usize, proportions: Option<[f32; 4]>) -> Example {
        let proportions = proportions.map(|p| p.to_vec());
        Example {
            class: take % 2,
            take: take / 2,
            features: FaceFeatures { proportions, ..FaceFeatures::default() },
        }
    }

    #[test]
    fn another_face_is_told_from_the_taught_one_as_far_as_its_takes_differ() {
        let steady: Vec<Example> =
            (0..4).map(|take| example(take, Some([10.0 + 0.1 * take as f32; 4]))).collect();
        let owner = Owner::learn(&steady).unwrap();
        assert_eq!(owner.beyond, LEAST);
        assert!(owner.unlike(&[10.9; 4]).unwrap() < 1.0 && owner.unlike(&[12.0; 4]).unwrap() > 1.0);
        assert_eq!(owner.unlike(&[1.0; 3]), None);
        // A face whose takes differ more needs more.
        let wide: Vec<Example> = (0..4).map(|take| example(take, Some([10.0 + take as f32; 4]))).collect();
        let owner = Owner::learn(&wide).unwrap();
        assert!((owner.beyond - 2.5).abs() < 1e-5, "{}", owner.beyond);
        assert_eq!(Owner::learn(&[example(0, Some([1.0; 4])), example(1, None)]), None);
    }
}
