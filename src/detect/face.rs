//! Where a face is.

/// A rectangle in pixels of the frame; may reach over its edges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaceBox {
    /// Left edge, in pixels from the frame's left.
    pub x: f32,
    /// Top edge, in pixels from the frame's top.
    pub y: f32,
    /// Width in pixels.
    pub width: f32,
    /// Height in pixels.
    pub height: f32,
}

impl FaceBox {
    /// Area in square pixels.
    #[must_use]
    pub fn area(&self) -> f32 {
        self.width.max(0.0) * self.height.max(0.0)
    }
}

/// A face that the detector found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Where it is.
    pub face: FaceBox,
    /// The detector's score: higher is surer, without an upper bound; rustface keeps 2.0 and more.
    pub score: f32,
}
