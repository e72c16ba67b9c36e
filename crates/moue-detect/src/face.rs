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

    /// Intersection over union with another box, 0..=1.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> f32 {
        let width = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let height = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let both = width * height;
        both / (self.area() + other.area() - both)
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
