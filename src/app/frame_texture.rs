//! The texture of the newest frame. Its pixels are prepared on the capture thread, so that the window only uploads
//! them.

use std::sync::Arc;

use eframe::egui::{ColorImage, Context, TextureHandle, TextureOptions};
use image::{RgbImage, imageops};

/// Longest side of a texture in pixels. Every graphics card takes it, and few screens show more.
const MAX_SIDE_PX: u32 = 2048;

/// A frame as it is uploaded.
pub(super) struct TexturePixels {
    /// The pixels, reduced where the frame is very large.
    image: ColorImage,
    /// The frame itself; bounding boxes are in its pixels.
    frame: Arc<RgbImage>,
    /// The scene that it belongs to.
    scene: u64,
}

impl TexturePixels {
    /// Prepares a frame of this scene.
    pub(super) fn new(frame: &Arc<RgbImage>, scene: u64) -> Self {
        let size_px = frame.dimensions();
        let longest = size_px.0.max(size_px.1);
        let image = if longest <= MAX_SIDE_PX {
            color_image(frame)
        } else {
            let side = |px: u32| (u64::from(px) * u64::from(MAX_SIDE_PX) / u64::from(longest)).max(1) as u32;
            color_image(&imageops::thumbnail(&**frame, side(size_px.0), side(size_px.1)))
        };
        Self { image, frame: Arc::clone(frame), scene }
    }
}

fn color_image(frame: &RgbImage) -> ColorImage {
    ColorImage::from_rgb([frame.width() as usize, frame.height() as usize], frame.as_raw())
}

/// The newest frame, in a texture that is updated in place while the size stays.
#[derive(Default)]
pub(super) struct FrameTexture {
    texture: Option<TextureHandle>,
    frame: Option<Arc<RgbImage>>,
    scene: u64,
}

impl FrameTexture {
    /// Uploads a frame.
    pub(super) fn update(&mut self, ctx: &Context, pixels: TexturePixels) {
        self.frame = Some(pixels.frame);
        self.scene = pixels.scene;
        let image = pixels.image;
        match &mut self.texture {
            Some(texture) if texture.size() == image.size => {
                texture.set_partial([0, 0], image, TextureOptions::LINEAR);
            }
            texture => *texture = Some(ctx.load_texture("frame", image, TextureOptions::LINEAR)),
        }
    }

    /// The texture; `None` before the first frame.
    pub(super) fn handle(&self) -> Option<&TextureHandle> {
        self.texture.as_ref()
    }

    /// Whether exactly this frame is on screen.
    pub(super) fn shows(&self, frame: &Arc<RgbImage>) -> bool {
        self.frame.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, frame))
    }

    /// Whether a frame of this scene is on screen.
    pub(super) fn shows_scene(&self, scene: u64) -> bool {
        self.frame.is_some() && self.scene == scene
    }

    /// The frame on screen.
    pub(super) fn image(&self) -> Option<Arc<RgbImage>> {
        self.frame.clone()
    }

    /// Width and height of the frame in pixels.
    pub(super) fn size_px(&self) -> (u32, u32) {
        self.frame.as_ref().map_or((1, 1), |frame| frame.dimensions())
    }

    /// Removes the frame.
    pub(super) fn clear(&mut self) {
        self.frame = None;
        self.texture = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn very_large_frames_are_reduced_and_keep_their_shape() {
        for (frame, shown) in [((4096, 1024), [2048, 512]), ((640, 480), [640, 480]), ((9000, 2), [2048, 1])]
        {
            let pixels = TexturePixels::new(&Arc::new(RgbImage::new(frame.0, frame.1)), 0);
            assert_eq!((pixels.image.size, pixels.frame.dimensions()), (shown, frame));
        }
    }
}
