//! Where a pixel's channels lie in memory.

/// A batch of feature maps: `[n, height, width, channels]` with a border of zeros around every map, which
/// is a convolution's padding. Channels lie together (NHWC), so that a kernel row is one run of floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// Rows without the border.
    pub height: usize,
    /// Columns without the border.
    pub width: usize,
    /// Floats in a pixel.
    pub channels: usize,
    /// Pixels of zeros on every side.
    pub border: usize,
}

impl Picture {
    /// Floats from one row to the next.
    #[must_use]
    pub fn row(&self) -> usize {
        (self.width + 2 * self.border) * self.channels
    }

    /// Floats of one map, with its border.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.height + 2 * self.border) * self.row()
    }

    /// Whether there is no pixel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Offset of row `y` and column `x` of map `n`, counted from the border's corner.
    #[must_use]
    pub fn outer(&self, n: usize, y: usize, x: usize) -> usize {
        n * self.len() + y * self.row() + x * self.channels
    }

    /// Offset of row `y` and column `x` of map `n`, counted from the first pixel inside the border.
    #[must_use]
    pub fn at(&self, n: usize, y: usize, x: usize) -> usize {
        self.outer(n, y + self.border, x + self.border)
    }

    /// Offsets of all pixels of `n` maps, in order.
    #[must_use]
    pub fn pixels(&self, n: usize) -> Vec<usize> {
        let mut offsets = Vec::with_capacity(n * self.height * self.width);
        for image in 0..n {
            for y in 0..self.height {
                offsets.extend((0..self.width).map(|x| self.at(image, y, x)));
            }
        }
        offsets
    }
}

/// Splits `count` into the fewest parts of at most `most`, as equal as they can be: part `i` of `parts`.
#[must_use]
pub(super) fn share(count: usize, parts: usize, i: usize) -> std::ops::Range<usize> {
    i * count / parts..(i + 1) * count / parts
}
