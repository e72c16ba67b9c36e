//! From a face's box to the network's input: framed and as sharp as the training data.

use image::RgbImage;

use crate::detect::FaceBox;

/// The square of the frame that is classified, in pixels of the frame; may reach over its edges
/// (the edge pixels are repeated there).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CropRegion {
    /// Left edge in pixels.
    pub x: f32,
    /// Top edge in pixels.
    pub y: f32,
    /// Width and height in pixels.
    pub side: f32,
}

impl CropRegion {
    /// The region for a face that the detector found, framed as FER-2013's pictures are.
    #[must_use]
    pub fn around(_face: &FaceBox) -> Self {
        todo!()
    }
}

/// Appends the region as `[size, size]` grey values in 0..=1 to `out`: Rec. 601 luma, reduced by
/// area to the training data's 48x48 where it is larger, then enlarged bilinearly.
pub fn append_crop(_frame: &RgbImage, _region: &CropRegion, _size: usize, _out: &mut Vec<f32>) {
    todo!()
}
