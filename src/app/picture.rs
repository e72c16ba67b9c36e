//! Frames, prepared on the capture thread so that the window only uploads them.

use std::sync::Arc;

use eframe::egui::ColorImage;
use image::{RgbImage, imageops};

/// Longest side that is shown, in pixels: every graphics card takes it, and a screen shows hardly more.
const MAX_SIDE_PX: u32 = 2048;

/// A frame as it goes to the graphics card.
pub(super) struct Picture {
    /// The pixels, reduced where the frame is very large.
    pub(super) image: ColorImage,
    /// The frame itself; boxes are in its pixels.
    pub(super) frame: Arc<RgbImage>,
}

impl Picture {
    /// Prepares a frame.
    pub(super) fn new(frame: &Arc<RgbImage>) -> Self {
        let size_px = frame.dimensions();
        let longest = size_px.0.max(size_px.1);
        let image = if longest <= MAX_SIDE_PX {
            color_image(frame)
        } else {
            let side = |px: u32| (u64::from(px) * u64::from(MAX_SIDE_PX) / u64::from(longest)).max(1) as u32;
            color_image(&imageops::thumbnail(&**frame, side(size_px.0), side(size_px.1)))
        };
        Self { image, frame: Arc::clone(frame) }
    }
}

fn color_image(frame: &RgbImage) -> ColorImage {
    ColorImage::from_rgb([frame.width() as usize, frame.height() as usize], frame.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn very_large_frames_are_reduced_and_keep_their_shape() {
        for (frame, shown) in [((4096, 1024), [2048, 512]), ((640, 480), [640, 480]), ((9000, 2), [2048, 1])]
        {
            let picture = Picture::new(&Arc::new(RgbImage::new(frame.0, frame.1)));
            assert_eq!((picture.image.size, picture.frame.dimensions()), (shown, frame));
        }
    }
}
