//! Everything that is done with one frame: find the faces, follow them, read them.

use crate::capture::Frame;
use crate::detect::{Detection, DetectorSettings};
use crate::model::{Classifier, CropRegion, ModelError, Reading};

/// A face of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalyzedFace {
    /// Identity within the source, from 1; stays the same from frame to frame.
    pub id: u64,
    /// Where it is, and how sure the detector was.
    pub detection: Detection,
    /// The square that was classified.
    pub region: CropRegion,
    /// What the network says.
    pub reading: Reading,
}

/// A frame with everything that was found in it.
#[derive(Debug, Clone)]
pub struct AnalyzedFrame {
    /// The frame itself; its boxes and maps belong to no other.
    pub frame: Frame,
    /// The faces, largest first.
    pub faces: Vec<AnalyzedFace>,
    /// Time for finding and following the faces, in milliseconds.
    pub detect_ms: f32,
    /// Time for cropping and classifying all faces, in milliseconds.
    pub classify_ms: f32,
}

/// What counts as a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaceSearch {
    /// Search with these settings, and follow faces from frame to frame where the flag says so.
    Detect {
        /// The detector's settings.
        settings: DetectorSettings,
        /// Whether consecutive frames belong together.
        track: bool,
    },
    /// Each picture already is one face: no detection, the box is the whole picture.
    WholePicture,
}

/// Detector, tracker and classifier. Belongs to one thread.
pub struct FrameAnalyzer {
    classifier: Classifier,
}

impl FrameAnalyzer {
    /// Makes the detector on the calling thread (it cannot move to another).
    #[must_use]
    pub fn new(_classifier: Classifier, _search: FaceSearch) -> Self {
        todo!()
    }

    /// Replaces the network; the old one is returned.
    pub fn replace_classifier(&mut self, new: Classifier) -> Classifier {
        std::mem::replace(&mut self.classifier, new)
    }

    /// The network in use.
    #[must_use]
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// Finds and reads all faces of `frame`.
    ///
    /// # Errors
    /// [`ModelError`] when the device fails.
    pub fn analyze(&mut self, _frame: Frame) -> Result<AnalyzedFrame, ModelError> {
        todo!()
    }
}
