//! Depthwise 3x3 convolution and 2x2 maximum over maps whose channels are whole vectors.

use std::ops::Range;

use super::dense::padded_channels;
use super::simd::{Simd, dispatch};
use super::{AlignedVec, FeatureMap, Isa};

/// A 3x3 convolution of each channel by itself.
pub struct DepthwiseConvolution {
    isa: Isa,
    channels: usize,
    stride: usize,
    /// `[9][channels]`.
    weights: AlignedVec<f32>,
    bias: Vec<f32>,
}

impl DepthwiseConvolution {
    /// Pads `[3, 3, channels]` weights to whole vectors.
    ///
    /// # Panics
    /// When the lengths do not fit together, or the stride is neither 1 nor 2.
    #[must_use]
    pub fn new(isa: Isa, weights: &[f32], bias: &[f32], stride: usize) -> Self {
        assert_eq!(weights.len(), 9 * bias.len(), "weights");
        assert!(stride == 1 || stride == 2, "stride {stride}");
        let channels = padded_channels(isa, bias.len());
        let pad = |row: &[f32]| {
            let mut row = row.to_vec();
            row.resize(channels, 0.0);
            row
        };
        let weights: Vec<f32> = weights.chunks_exact(bias.len().max(1)).flat_map(pad).collect();
        Self { isa, channels, stride, weights: weights.into(), bias: pad(bias) }
    }

    /// Pixels from one output's view to the next.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Floats of a pixel.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The output rows `rows` of one map, as pixels one after the other, with TFLite's SAME padding: at stride 2 the
    /// border is seen below and to the right only. Sides of halved maps are even.
    ///
    /// # Panics
    /// When the map has other channels, no border, odd sides at stride 2, or a slice is too short.
    pub fn run(&self, input: &[f32], map: &FeatureMap, rows: Range<usize>, output: &mut [f32]) {
        let inset = if self.stride == 1 { 0 } else { 1 };
        assert!(map.border == 1 && map.channels == self.channels, "another map: {map:?}");
        assert!(
            self.stride == 1 || (map.height.is_multiple_of(2) && map.width.is_multiple_of(2)),
            "odd: {map:?}"
        );
        assert!(rows.end <= map.height / self.stride && input.len() >= map.len(), "the input is too short");
        let width = map.width / self.stride;
        assert!(output.len() >= rows.len() * width * self.channels, "the output is too short");
        let to = output.as_mut_ptr();
        let layer = self;
        // SAFETY (of the dispatched body): output pixel (y, x) reads the rows `y * stride + inset` to 2 below it, of
        // `map.height + 2` rows with the border, and likewise columns; both slices were checked.
        dispatch!(self.isa => convolve(layer: &DepthwiseConvolution, input: &[f32], map: &FeatureMap, inset: usize, rows: Range<usize>, to: *mut f32));
    }
}

#[inline(always)]
unsafe fn convolve<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    layer: &DepthwiseConvolution,
    input: &[f32],
    map: &FeatureMap,
    inset: usize,
    rows: Range<usize>,
    to: *mut f32,
) {
    let (channels, stride) = (layer.channels, layer.stride);
    let width = map.width / stride;
    for channel in (0..channels).step_by(V::LANES) {
        // SAFETY: see `run`.
        unsafe {
            let weight: [V; 9] =
                std::array::from_fn(|k| V::load(layer.weights.as_ptr().add(k * channels + channel)));
            let bias = V::load(layer.bias.as_ptr().add(channel));
            let mut to = to.add(channel);
            for y in rows.clone() {
                let mut from = input.as_ptr().add(map.outer(0, y * stride + inset, inset) + channel);
                for _ in 0..width {
                    // Three sums, so that no addition waits long for the one before it.
                    let mut sums = [bias, V::splat(0.0), V::splat(0.0)];
                    for ky in 0..3 {
                        for kx in 0..3 {
                            let value = V::load(from.add(ky * map.row() + kx * channels));
                            sums[ky] = value.mul_add(weight[ky * 3 + kx], sums[ky]);
                        }
                    }
                    sums[0].add(sums[1].add(sums[2])).store(to);
                    from = from.add(stride * channels);
                    to = to.add(channels);
                }
            }
        }
    }
}

/// The greatest of each 2x2 pixels, as pixels one after the other; rows of the halved map.
///
/// # Panics
/// When a side is odd, channels are not whole vectors, or a slice is too short.
pub fn halve_by_maximum(isa: Isa, input: &[f32], map: &FeatureMap, rows: Range<usize>, output: &mut [f32]) {
    assert!(map.height.is_multiple_of(2) && map.width.is_multiple_of(2), "odd: {map:?}");
    assert!(map.channels.is_multiple_of(isa.lanes()), "{} channels", map.channels);
    assert!(rows.end <= map.height / 2 && input.len() >= map.len(), "the input is too short");
    assert!(output.len() >= rows.len() * map.width / 2 * map.channels, "the output is too short");
    let to = output.as_mut_ptr();
    // SAFETY (of the dispatched body): rows and columns up to twice the halved map's are inside the map.
    dispatch!(isa => maximum(input: &[f32], map: &FeatureMap, rows: Range<usize>, to: *mut f32));
}

#[inline(always)]
unsafe fn maximum<V: Simd, const COLUMNS: usize, const ROWS: usize>(
    input: &[f32],
    map: &FeatureMap,
    rows: Range<usize>,
    mut to: *mut f32,
) {
    for y in rows {
        for x in 0..map.width / 2 {
            // SAFETY: see `halve_by_maximum`.
            unsafe {
                let from = input.as_ptr().add(map.at(0, 2 * y, 2 * x));
                for channel in (0..map.channels).step_by(V::LANES) {
                    let at = from.add(channel);
                    let above = V::load(at).max(V::load(at.add(map.channels)));
                    let below = V::load(at.add(map.row())).max(V::load(at.add(map.row() + map.channels)));
                    above.max(below).store(to.add(channel));
                }
                to = to.add(map.channels);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::reference::{most, values};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn depthwise_and_maximum_are_the_plain_loops(
            isa in prop::sample::select(Isa::available()),
            height in 1..most(8), width in 1..most(8), channels in 1..most(40), stride in 1_usize..3, seed in 0_u64..1000,
        ) {
            let (height, width) = (height * stride, width * stride);
            let map = FeatureMap { height, width, channels: padded_channels(isa, channels), border: 1 };
            let inside = values(height * width * channels, seed);
            let mut x = vec![0.0; map.len()];
            for (at, from) in map.pixels(1).into_iter().zip(inside.chunks_exact(channels)) {
                x[at..at + channels].copy_from_slice(from);
            }
            let (weights, bias) = (values(9 * channels, seed + 1), values(channels, seed + 2));
            let layer = DepthwiseConvolution::new(isa, &weights, &bias, stride);
            let (out_h, out_w) = (height / stride, width / stride);
            let value = |y: usize, x: usize, c: usize| {
                if y < height && x < width { f64::from(inside[(y * width + x) * channels + c]) } else { 0.0 }
            };
            // In two parts, as a block asks for them.
            for rows in [0..out_h / 2, out_h / 2..out_h] {
                let mut got = vec![7.0; rows.len() * out_w * map.channels];
                layer.run(&x, &map, rows.clone(), &mut got);
                let mut largest = vec![7.0; if stride == 2 { got.len() } else { 0 }];
                if stride == 2 {
                    halve_by_maximum(isa, &x, &map, rows.clone(), &mut largest);
                }
                for (i, pixel) in got.chunks_exact(map.channels).enumerate() {
                    let (oy, ox) = (rows.start + i / out_w, i % out_w);
                    for c in 0..map.channels {
                        let mut sum = 0.0;
                        let mut greatest = 0.0;
                        if c < channels {
                            sum = f64::from(bias[c]);
                            let before = if stride == 1 { 1 } else { 0 };
                            for k in 0..9 {
                                let at = |o: usize, k: usize| (o * stride + k).wrapping_sub(before);
                                sum += f64::from(weights[k * channels + c]) * value(at(oy, k / 3), at(ox, k % 3), c);
                            }
                            let four = (0..4).map(|k| value(2 * oy + k / 2, 2 * ox + k % 2, c));
                            greatest = four.fold(f64::NEG_INFINITY, f64::max);
                        }
                        prop_assert!((f64::from(pixel[c]) - sum).abs() < 1e-5, "{isa}: {} for {sum}", pixel[c]);
                        if stride == 2 {
                            prop_assert_eq!(f64::from(largest[i * map.channels + c]), greatest);
                        }
                    }
                }
            }
        }
    }
}
