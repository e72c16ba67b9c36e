//! A small map of values over the face crop.

/// Values over the crop that was classified, one a cell of the network's last feature map
/// (7x7 at input 224, 5x5 at 144, 3x3 at 96).
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// Cells in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row by row from the top left, `width * height` values.
    pub values: Vec<f32>,
}

impl HeatMap {
    /// The map enlarged to `[size, size]` values, row by row, by cubic convolution (Catmull-Rom; Keys 1981),
    /// which passes through the cells' own values at their centres.
    #[must_use]
    pub fn enlarged(&self, size: usize) -> Vec<f32> {
        let across = cubic_taps(self.width, size);
        let down = cubic_taps(self.height, size);
        let mut rows = Vec::with_capacity(self.height * size);
        for row in self.values.chunks_exact(self.width.max(1)) {
            rows.extend(across.iter().map(|taps| taps.iter().map(|&(i, w)| w * row[i]).sum::<f32>()));
        }
        let mut out = Vec::with_capacity(size * size);
        for taps in &down {
            out.extend((0..size).map(|x| taps.iter().map(|&(i, w)| w * rows[i * size + x]).sum::<f32>()));
        }
        out
    }

    /// Smallest and largest value.
    #[must_use]
    pub fn range(&self) -> (f32, f32) {
        self.values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)))
    }

    /// The map with its smallest value at 0 and its largest at 1. A map without differences becomes 0.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let (low, high) = self.range();
        let span = high - low;
        let scale = if span > f32::EPSILON { 1.0 / span } else { 0.0 };
        Self { values: self.values.iter().map(|v| (v - low) * scale).collect(), ..*self }
    }
}

/// Source cells and weights of each of `size` samples; beyond the edge its cell is repeated.
fn cubic_taps(cells: usize, size: usize) -> Vec<[(usize, f32); 4]> {
    let last = cells.saturating_sub(1) as f32;
    (0..size)
        .map(|i| {
            let at = (i as f32 + 0.5) * cells as f32 / size as f32 - 0.5;
            let base = at.floor();
            let t = at - base;
            let weights = [
                ((-0.5 * t + 1.0) * t - 0.5) * t,
                (1.5 * t - 2.5) * t * t + 1.0,
                ((-1.5 * t + 2.0) * t + 0.5) * t,
                (0.5 * t - 0.5) * t * t,
            ];
            std::array::from_fn(|k| ((base + k as f32 - 1.0).clamp(0.0, last) as usize, weights[k]))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enlarging_keeps_the_values_at_the_centres() {
        let map = HeatMap { width: 3, height: 2, values: vec![0.1, 0.9, 0.4, 0.7, 0.2, 0.3] };
        // 9 x 9 samples: every third one across lies at a centre; down, none does for 2 cells in 9, so use 6.
        let large = map.enlarged(18);
        for (row, y) in [(0, 4), (1, 13)] {
            for (column, x) in [(0, 2), (1, 8), (2, 14)] {
                // The centre lies between two samples.
                let mean = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| large[y * 18 + x]);
                let mean = mean.iter().sum::<f32>() / 4.0;
                assert!((mean - map.values[row * 3 + column]).abs() < 0.06, "{row},{column}: {mean}");
            }
        }
    }

    #[test]
    fn the_hottest_point_lies_over_the_hottest_cell() {
        for hot in 0..25 {
            let values = (0..25).map(|i| if i == hot { 0.9 } else { 0.1 }).collect();
            let large = HeatMap { width: 5, height: 5, values }.enlarged(100);
            let hottest = (0..large.len()).max_by(|&a, &b| large[a].total_cmp(&large[b])).unwrap();
            assert_eq!((hottest / 100 / 20, hottest % 100 / 20), (hot / 5, hot % 5));
        }
    }

    #[test]
    fn normalising_spans_zero_to_one() {
        let map = HeatMap { width: 2, height: 1, values: vec![-3.0, 5.0] };
        assert_eq!(map.normalised().values, [0.0, 1.0]);
        let flat = HeatMap { width: 2, height: 1, values: vec![4.0, 4.0] };
        assert_eq!(flat.normalised().values, [0.0, 0.0]);
    }
}
