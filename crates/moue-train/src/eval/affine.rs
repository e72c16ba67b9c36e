//! Resampling a square picture through an affine map.

/// What lies outside the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outside {
    /// The nearest pixel of the edge.
    Edge,
    /// Black.
    Black,
}

/// From a place in the output to one in the source, both measured from their centres in shares of their
/// side (-0.5 to 0.5): `source = matrix * (output - shift)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Affine {
    matrix: [[f32; 2]; 2],
    shift: [f32; 2],
}

impl Affine {
    /// Turns by `degrees` (counter-clockwise, as seen), enlarges `scale` times, mirrors first if wanted, then moves right
    /// and down by shares of the side.
    pub(crate) fn new(degrees: f32, scale: f32, mirror: bool, shift: [f32; 2]) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (sin, cos) = (sin / scale, cos / scale);
        let sign = if mirror { -1.0 } else { 1.0 };
        Self { matrix: [[cos * sign, -sin * sign], [sin, cos]], shift }
    }

    /// Fills `out` (`[size, size]`) from `source` (`[side, side]`), bilinearly, pixel centres at half coordinates.
    pub(crate) fn resample(
        &self,
        source: &[f32],
        side: usize,
        size: usize,
        outside: Outside,
        out: &mut [f32],
    ) {
        let last = side as i32 - 1;
        let at = |x: i32, y: i32| -> f32 {
            match outside {
                Outside::Edge => source[y.clamp(0, last) as usize * side + x.clamp(0, last) as usize],
                Outside::Black if (0..=last).contains(&x) && (0..=last).contains(&y) => {
                    source[y as usize * side + x as usize]
                }
                Outside::Black => 0.0,
            }
        };
        let (side_f, size_f) = (side as f32, size as f32);
        for (row, line) in out.chunks_exact_mut(size).enumerate() {
            let v = (row as f32 + 0.5) / size_f - 0.5 - self.shift[1];
            for (column, value) in line.iter_mut().enumerate() {
                let u = (column as f32 + 0.5) / size_f - 0.5 - self.shift[0];
                let x = (self.matrix[0][0] * u + self.matrix[0][1] * v + 0.5) * side_f - 0.5;
                let y = (self.matrix[1][0] * u + self.matrix[1][1] * v + 0.5) * side_f - 0.5;
                let (x0, y0) = (x.floor(), y.floor());
                let (fx, fy) = (x - x0, y - y0);
                let (x0, y0) = (x0 as i32, y0 as i32);
                let top = at(x0, y0) * (1.0 - fx) + at(x0 + 1, y0) * fx;
                let bottom = at(x0, y0 + 1) * (1.0 - fx) + at(x0 + 1, y0 + 1) * fx;
                *value = top * (1.0 - fy) + bottom * fy;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_model::resize_bilinear;

    fn ramp(side: usize) -> Vec<f32> {
        (0..side * side).map(|i| (i % side) as f32 + 100.0 * (i / side) as f32).collect()
    }

    #[test]
    fn the_identity_is_a_bilinear_resize() {
        let source = ramp(48);
        let mut out = vec![0.0; 112 * 112];
        Affine::new(0.0, 1.0, false, [0.0; 2]).resample(&source, 48, 112, Outside::Edge, &mut out);
        let mut expected = Vec::new();
        resize_bilinear(&source, 48, 112, &mut expected);
        let worst = out.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.02, "{worst}");
    }

    #[test]
    fn mirror_shift_quarter_turn_and_scale_move_pixels_where_they_should() {
        let source = ramp(4);
        let run = |affine: Affine, outside| {
            let mut out = vec![0.0; 16];
            affine.resample(&source, 4, 4, outside, &mut out);
            out.iter().map(|v| v.round()).collect::<Vec<f32>>()
        };
        let mirrored = run(Affine::new(0.0, 1.0, true, [0.0; 2]), Outside::Edge);
        assert_eq!(mirrored[..4], [3.0, 2.0, 1.0, 0.0]);
        let right = run(Affine::new(0.0, 1.0, false, [0.25, 0.0]), Outside::Black);
        assert_eq!(right[4..8], [0.0, 100.0, 101.0, 102.0]);
        // Counter-clockwise: the right column becomes the top row.
        let turned = run(Affine::new(90.0, 1.0, false, [0.0; 2]), Outside::Edge);
        assert_eq!(turned[..4], [3.0, 103.0, 203.0, 303.0]);
        let doubled = run(Affine::new(0.0, 2.0, false, [0.0; 2]), Outside::Edge);
        assert!(doubled[0] > source[0] && doubled[15] < source[15]);
    }
}
