//! Enlarging and reducing grey pictures as the training data were.

/// Width and height of FER-2013's pictures, in pixels: what the network learned from.
pub const TRAINING_FACE_PX: usize = 48;

/// Appends a square grey picture of `side`x`side` values, enlarged or reduced bilinearly to `[size, size]`.
pub fn resize_bilinear(picture: &[f32], side: usize, size: usize, out: &mut Vec<f32>) {
    resample(picture, side, &bilinear_taps(0.0, side as f32, size, side), out);
}

/// Appends a square grey picture of `side`x`side` values, reduced to `[size, size]` by an exact average over each
/// output pixel's area.
pub fn resize_area(picture: &[f32], side: usize, size: usize, out: &mut Vec<f32>) {
    resample(picture, side, &area_taps(0.0, side as f32, size, side), out);
}

/// Across, then down, with the same taps.
fn resample(picture: &[f32], side: usize, taps: &[Taps], out: &mut Vec<f32>) {
    let size = taps.len();
    let mut rows = vec![0.0; side * size];
    for (source, row) in picture.chunks_exact(side).zip(rows.chunks_exact_mut(size)) {
        for (value, t) in row.iter_mut().zip(taps) {
            *value = t.apply(|i| source[i]);
        }
    }
    for t in taps {
        out.extend((0..size).map(|x| t.apply(|i| rows[i * size + x])));
    }
}

/// Source samples of one output sample: index and weight; the weights sum to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Taps(Vec<(usize, f32)>);

impl Taps {
    /// The weighted sum of what `value` gives for each index.
    pub fn apply(&self, value: impl Fn(usize) -> f32) -> f32 {
        self.0.iter().map(|&(i, w)| w * value(i)).sum()
    }

    /// The indices, in order.
    pub fn indices(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|t| t.0)
    }
}

/// Index of a pixel that may lie outside: the edge is repeated.
fn clamped(index: f32, limit: usize) -> usize {
    (index.max(0.0) as usize).min(limit - 1)
}

/// Samples of `count` outputs that each average their share of the span of pixels that begins at `from`; pixels beyond
/// 0..`limit` repeat the edge.
#[must_use]
pub fn area_taps(from: f32, span: f32, count: usize, limit: usize) -> Vec<Taps> {
    let step = span / count as f32;
    (0..count)
        .map(|i| {
            let (a, b) = (from + i as f32 * step, from + (i + 1) as f32 * step);
            let mut taps: Vec<(usize, f32)> = Vec::new();
            let mut cell = a.floor();
            while cell < b {
                let weight = ((cell + 1.0).min(b) - cell.max(a)) / step;
                let index = clamped(cell, limit);
                match taps.last_mut() {
                    Some(last) if last.0 == index => last.1 += weight,
                    _ => taps.push((index, weight)),
                }
                cell += 1.0;
            }
            Taps(taps)
        })
        .collect()
}

/// Samples of `count` outputs that are each interpolated between the two pixels around their centre; else as
/// [`area_taps`].
#[must_use]
pub fn bilinear_taps(from: f32, span: f32, count: usize, limit: usize) -> Vec<Taps> {
    let step = span / count as f32;
    (0..count)
        .map(|i| {
            let centre = from + (i as f32 + 0.5) * step - 0.5;
            let left = centre.floor();
            let right_weight = centre - left;
            Taps(vec![(clamped(left, limit), 1.0 - right_weight), (clamped(left + 1.0, limit), right_weight)])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enlarging_keeps_half_pixel_centres() {
        // PyTorch: interpolate([0, 1], size=4, mode="bilinear", align_corners=False) = 0, .25, .75, 1.
        let mut out = Vec::new();
        resize_bilinear(&[0.0, 1.0, 0.0, 1.0], 2, 4, &mut out);
        assert_eq!(out[..4], [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(out.len(), 16);
    }
}
