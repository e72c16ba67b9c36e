//! From a picture or clip to what a profile learns from it.

use std::path::Path;

use anyhow::bail;
use moue_capture::{Pace, SourceKind, SourceSpec, open_source};
use moue_detect::DetectorKind;
use moue_model::Classifier;
use moue_profile::FaceFeatures;

use crate::pipeline::{AnalyzedFace, AnalyzedFrame, FaceSearch, FrameAnalyzer, VIEWS, View, face_features};

/// Frames that are learned from of one clip.
const FRAMES_OF_A_CLIP: usize = 12;
/// So many frames a second of a clip are looked at.
const FRAMES_A_SECOND: f64 = 5.0;
/// The longest clip that is read, in seconds.
const LONGEST_S: f64 = 60.0;
/// Below this quality a frame of a clip is passed over where others are better.
const GOOD: f32 = 0.5;

/// What one take gave.
#[derive(Debug)]
pub(super) struct Take {
    pub(super) faces: Vec<FaceFeatures>,
    /// What the user should know.
    pub(super) note: Option<String>,
}

/// Reads takes with one network and detector.
pub(super) struct TakeReader {
    analyzer: FrameAnalyzer,
    detector: DetectorKind,
    cropped: bool,
}

impl TakeReader {
    pub(super) fn new(classifier: Classifier, detector: DetectorKind, cropped: bool) -> Self {
        let search = search(SourceKind::Still, detector, cropped);
        Self { analyzer: FrameAnalyzer::new(classifier, search), detector, cropped }
    }

    /// The largest face of a picture in several views, or of a clip in several frames.
    pub(super) fn read(&mut self, path: &Path) -> anyhow::Result<Take> {
        let mut source = open_source(&SourceSpec::Path(path.to_owned()), Pace::Unpaced)?.source;
        let kind = source.info().kind;
        self.analyzer.set_search(search(kind, self.detector, self.cropped));
        let mut seen: Vec<(f32, Vec<FaceFeatures>)> = Vec::new();
        let (mut frames, mut others, mut next_s) = (0usize, false, f64::NEG_INFINITY);
        while let Some(frame) = source.next_frame()? {
            if frame.time_s < next_s {
                continue;
            }
            if frame.time_s > LONGEST_S {
                break;
            }
            next_s = frame.time_s + 1.0 / FRAMES_A_SECOND;
            frames += 1;
            let result = self.analyzer.analyze(frame)?;
            others |= result.faces.len() > 1;
            if let Some(face) = result.faces.first() {
                let views = if kind == SourceKind::Still { &VIEWS[..] } else { &VIEWS[..2] };
                let faces = views_of(&mut self.analyzer, &result, face, views)?;
                seen.push((face.quality.value(), faces));
            }
        }
        if seen.is_empty() {
            bail!(
                "{}: no face found; frames looked at: {frames}; a picture is needed in which the face is seen whole, from the front, \
                 in good light",
                path.display()
            );
        }
        let good = seen.iter().filter(|(quality, _)| *quality >= GOOD).count();
        let mut notes = Vec::new();
        if others {
            notes.push("several faces: the largest is learned from".to_owned());
        }
        if good == 0 {
            notes.push("the face is hard to read (moue analyze --json names the reasons)".to_owned());
        } else {
            seen.retain(|(quality, _)| *quality >= GOOD);
        }
        let kept = FRAMES_OF_A_CLIP.min(seen.len());
        let count = seen.len();
        let faces = (0..kept).flat_map(|i| std::mem::take(&mut seen[i * count / kept].1)).collect();
        Ok(Take { faces, note: (!notes.is_empty()).then(|| notes.join("; ")) })
    }
}

fn views_of(
    analyzer: &mut FrameAnalyzer,
    result: &AnalyzedFrame,
    face: &AnalyzedFace,
    views: &[View],
) -> anyhow::Result<Vec<FaceFeatures>> {
    let readings = analyzer.read_views(&result.frame.image, &face.region, views)?;
    Ok(readings.iter().map(|reading| face_features(face, reading)).collect())
}

fn search(kind: SourceKind, detector: DetectorKind, cropped: bool) -> FaceSearch {
    if cropped { FaceSearch::WholePicture } else { FaceSearch::for_source(kind, detector) }
}
