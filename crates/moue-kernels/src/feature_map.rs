//! Where a pixel's channels lie in memory.

use super::{Cells, Pool};

/// A batch of feature maps: `[n, height, width, channels]` with a border of zeros around every map, which
/// is a convolution's padding. Channels lie together (NHWC), so that a kernel row is one run of floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureMap {
    /// Rows without the border.
    pub height: usize,
    /// Columns without the border.
    pub width: usize,
    /// Floats in a pixel.
    pub channels: usize,
    /// Pixels of zeros on every side.
    pub border: usize,
}

impl FeatureMap {
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

/// Copies planes, `[n, channels, height, width]` with 1 or 3 channels, into the bordered maps `to`, where channels lie together.
///
/// # Panics
/// When a slice is too short.
pub fn copy_planes(pool: &Pool, input: &[f32], n: usize, map: &FeatureMap, to: &mut [f32]) {
    let FeatureMap { height, width, channels, .. } = *map;
    let plane = height * width;
    let to = Cells::new(to);
    let parts = pool.threads();
    pool.run(n * parts, |task| {
        let (image, part) = (task / parts, task % parts);
        for y in share(height, parts, part) {
            // SAFETY: this map's row belongs to one task.
            let row = unsafe { to.slice_mut(map.at(image, y, 0), width * channels) };
            let from = |c: usize| &input[(image * channels + c) * plane + y * width..][..width];
            if channels == 3 {
                let (red, green, blue) = (from(0), from(1), from(2));
                for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                    pixel.copy_from_slice(&[red[x], green[x], blue[x]]);
                }
            } else {
                row.copy_from_slice(from(0));
            }
        }
    });
}

/// Splits `count` into the fewest parts of at most `most`, as equal as they can be: part `i` of `parts`.
#[must_use]
pub(super) fn share(count: usize, parts: usize, i: usize) -> std::ops::Range<usize> {
    i * count / parts..(i + 1) * count / parts
}
