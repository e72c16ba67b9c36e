//! From the network's readings to those that are shown: first the baseline, then the smoothing.

use super::{AnalyzedFace, Baseline, ShownReading, Smoother, SmoothingSettings};

/// Turns raw readings into shown ones, face by face.
#[derive(Debug, Default)]
pub struct ReadingStage {
    smoother: Smoother,
    /// Whose baseline it is, and when that face was last seen.
    owner: Option<(u64, f64)>,
}

/// After this absence, in seconds, the next face that appears alone is taken for the owner of the baseline.
const OWNER_GONE_S: f64 = 1.5;

impl ReadingStage {
    /// What is shown of each of `faces` at `time_s`, in their order. `baseline` is applied to one person: see
    /// [`Self::set_owner`].
    pub fn show(
        &mut self,
        faces: &[AnalyzedFace],
        time_s: f64,
        settings: &SmoothingSettings,
        baseline: Option<&Baseline>,
    ) -> Vec<ShownReading> {
        let owner = baseline.and_then(|_| self.owner_at(faces, time_s));
        let shown = faces
            .iter()
            .map(|face| {
                let raw = &face.reading.probabilities;
                match baseline.filter(|_| owner == Some(face.id)) {
                    Some(baseline) => {
                        let unbiased = baseline.apply(raw);
                        let shown = self.smoother.update(face.id, &unbiased, time_s, settings);
                        ShownReading { baseline: true, ..shown }
                    }
                    None => self.smoother.update(face.id, raw, time_s, settings),
                }
            })
            .collect();
        self.smoother.forget_before(time_s);
        shown
    }

    /// Sets whose baseline is applied from now on. With `None`, or when that person is gone, it is applied to
    /// the one face that comes into view alone.
    pub fn set_owner(&mut self, id: Option<u64>, time_s: f64) {
        self.owner = id.map(|id| (id, time_s));
    }

    /// Forgets the averages, so that a change shows at once.
    pub fn clear(&mut self) {
        self.smoother.clear();
    }

    fn owner_at(&mut self, faces: &[AnalyzedFace], time_s: f64) -> Option<u64> {
        if let Some((id, seen_s)) = &mut self.owner {
            if faces.iter().any(|f| f.id == *id) {
                *seen_s = time_s;
                return Some(*id);
            }
            if (0.0..OWNER_GONE_S).contains(&(time_s - *seen_s)) {
                return None;
            }
        }
        let [only] = faces else { return None };
        self.owner = Some((only.id, time_s));
        Some(only.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_detect::CropRegion;
    use moue_detect::{Detection, FaceBox, Quality};
    use moue_model::{Expression, HeatMap, Reading};

    fn faces(ids: &[u64]) -> Vec<AnalyzedFace> {
        let face_box = FaceBox { x: 0.0, y: 0.0, width: 90.0, height: 90.0 };
        let map = HeatMap { width: 1, height: 1, values: vec![0.5] };
        let mut probabilities = [0.02; Expression::COUNT];
        probabilities[Expression::Neutral.index()] = 0.3;
        probabilities[Expression::Sad.index()] = 0.6;
        let reading = Reading {
            logits: [0.0; Expression::COUNT],
            probabilities,
            attention: map.clone(),
            evidence: std::array::from_fn(|_| map.clone()),
            attended: Vec::new(),
            pooled: Vec::new(),
        };
        let face = |&id: &u64| AnalyzedFace {
            id,
            detection: Detection { face: face_box, score: 5.0 },
            region: CropRegion::around(&face_box),
            mesh: None,
            measurements: None,
            quality: Quality::BEST,
            reading: reading.clone(),
        };
        ids.iter().map(face).collect()
    }

    #[test]
    fn the_baseline_is_one_persons_and_follows_who_comes_back_alone() {
        let mut bias = [0.0; Expression::COUNT];
        bias[Expression::Sad.index()] = 3.0;
        let baseline = Baseline { source: String::new(), network: String::new(), bias };
        let settings = SmoothingSettings { time_constant_ms: 0.0, ..Default::default() };
        let mut stage = ReadingStage::default();
        let mut unbiased = |ids: &[u64], time_s: f64| -> Vec<u64> {
            let faces = faces(ids);
            let shown = stage.show(&faces, time_s, &settings, Some(&baseline));
            for s in &shown {
                let expected = if s.baseline { Expression::Neutral } else { Expression::Sad };
                assert_eq!(s.label, Some(expected));
            }
            faces.iter().zip(shown).filter(|(_, s)| s.baseline).map(|(f, _)| f.id).collect()
        };
        assert_eq!(unbiased(&[1, 2], 0.0), [0; 0], "of two nobody knows whose it is");
        assert_eq!(unbiased(&[2], 0.1), [2]);
        assert_eq!(unbiased(&[1, 2, 3], 0.2), [2]);
        assert_eq!(unbiased(&[1], 0.5), [0; 0], "2 may come back");
        assert_eq!(unbiased(&[1, 3], 3.0), [0; 0]);
        assert_eq!(unbiased(&[4], 3.1), [4]);
        assert_eq!(unbiased(&[5], 0.0), [5], "the source started again");
        stage.set_owner(Some(7), 1.0);
        let shown = stage.show(&faces(&[6, 7]), 1.1, &settings, Some(&baseline));
        assert_eq!(shown.iter().map(|s| s.baseline).collect::<Vec<_>>(), [false, true]);
        let without = stage.show(&faces(&[6, 7]), 1.2, &settings, None);
        assert!(without.iter().all(|s| !s.baseline && s.label == Some(Expression::Sad)));
    }
}
