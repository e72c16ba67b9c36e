//! Finds faces with rustface (SeetaFace's frontal detector).

use image::RgbImage;

use super::Detection;

/// How fine the search is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectorSettings {
    /// The frame is searched in a grey copy at most this wide, in pixels.
    pub search_width_px: u32,
    /// Smallest face in that copy, in pixels (rustface takes 20 and more).
    pub min_face_px: u32,
}

impl DetectorSettings {
    /// For live sources: a 320 wide copy, faces from 40 px.
    pub const LIVE: Self = Self { search_width_px: 320, min_face_px: 40 };
    /// For stills and files without a clock: a 1280 wide copy, faces from 20 px.
    pub const STILL: Self = Self { search_width_px: 1280, min_face_px: 20 };
}

/// The face detector. Not `Send`: make it on the thread that uses it.
pub struct FaceDetector {}

impl FaceDetector {
    /// The detector with its built-in model.
    #[must_use]
    pub fn new(_settings: DetectorSettings) -> Self {
        todo!()
    }

    /// All faces of the frame, boxes in the frame's pixels, largest first.
    pub fn detect(&mut self, _frame: &RgbImage) -> Vec<Detection> {
        todo!()
    }
}
