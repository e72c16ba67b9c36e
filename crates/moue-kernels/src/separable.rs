//! A block of BlazeFace and of the face mesh: depthwise 3x3, pointwise, shortcut, activation.
//!
//! A few rows go through all of it before the next ones begin, so that what lies between the two convolutions stays in
//! the first level of cache. (Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs",
//! 2019, has the block; ncnn and XNNPACK run the two convolutions one after the other over the whole map.)

use super::dense::{DenseConvolution, PixelTable, Shortcut, padded_channels};
use super::depthwise::{DepthwiseConvolution, halve_by_maximum};
use super::{AlignedVec, FeatureMap, Isa};

/// Fewest pixels that are worth a step: several tiles of the matrix kernel.
const STEP_PIXELS: usize = 48;

/// Weights of a block, as the networks' files have them.
#[derive(Debug, Clone, Copy)]
pub struct SeparableWeights<'a> {
    /// `[3, 3, c_in]`.
    pub depthwise: &'a [f32],
    /// `[c_in]`.
    pub depthwise_bias: &'a [f32],
    /// `[c_out, c_in]`.
    pub pointwise: &'a [f32],
    /// `[c_out]`.
    pub pointwise_bias: &'a [f32],
    /// `[c_out]`, the slopes for negative values.
    pub slopes: &'a [f32],
}

/// `PReLU(pointwise(depthwise(x)) + shortcut(x))`: the shortcut is `x`, at stride 2 the maximum of each 2x2 pixels;
/// where there are more output channels, it has zeros there.
pub struct SeparableBlock {
    isa: Isa,
    depthwise: DepthwiseConvolution,
    pointwise: DenseConvolution,
    from: FeatureMap,
    to: FeatureMap,
    /// Output rows of a step.
    step: usize,
    /// Offsets of the pixels of a step's buffers.
    packed: Vec<usize>,
    output: Vec<usize>,
    shortcut: Vec<usize>,
    /// Depthwise result and halved shortcut of a step.
    buffers: [AlignedVec<f32>; 2],
}

impl SeparableBlock {
    /// For maps like `from`, whose channels are whole vectors.
    ///
    /// # Panics
    /// When lengths and map do not fit together, or the block would lose channels.
    #[must_use]
    pub fn new(isa: Isa, weights: SeparableWeights<'_>, from: FeatureMap, stride: usize) -> Self {
        let depthwise = DepthwiseConvolution::new(isa, weights.depthwise, weights.depthwise_bias, stride);
        let c_in = weights.depthwise_bias.len();
        let pointwise = DenseConvolution::new(
            isa,
            weights.pointwise,
            weights.pointwise_bias,
            Some(weights.slopes),
            [1, 1, c_in],
        );
        assert_eq!(padded_channels(isa, c_in), from.channels, "channels");
        assert!(pointwise.pixel() >= from.channels, "a block does not lose channels");
        let to = FeatureMap {
            height: from.height / stride,
            width: from.width / stride,
            channels: pointwise.pixel(),
            border: 1,
        };
        let step = STEP_PIXELS.div_ceil(to.width.max(1)).clamp(1, to.height.max(1));
        let pixels = step * to.width;
        Self {
            isa,
            packed: (0..pixels).map(|i| i * from.channels).collect(),
            output: to.pixels(1),
            shortcut: if stride == 1 { from.pixels(1) } else { Vec::new() },
            buffers: [
                AlignedVec::zeros(pixels * from.channels),
                AlignedVec::zeros(if stride == 1 { 0 } else { pixels * from.channels }),
            ],
            depthwise,
            pointwise,
            from,
            to,
            step,
        }
    }

    /// The map that comes out.
    #[must_use]
    pub fn output(&self) -> FeatureMap {
        self.to
    }

    /// Runs the block on one map. The border of `output` is left as it is.
    ///
    /// # Panics
    /// When a slice is shorter than its map.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) {
        let channels = self.from.channels;
        let [spread, halved] = &mut self.buffers;
        for first in (0..self.to.height).step_by(self.step) {
            let rows = first..(first + self.step).min(self.to.height);
            let pixels = rows.start * self.to.width..rows.end * self.to.width;
            self.depthwise.run(input, &self.from, rows.clone(), spread);
            let packed = &self.packed[..pixels.len()];
            let shortcut = if self.depthwise.stride() == 1 {
                Shortcut { values: input, rows: &self.shortcut[pixels.clone()], channels }
            } else {
                halve_by_maximum(self.isa, input, &self.from, rows, halved);
                Shortcut { values: halved, rows: packed, channels }
            };
            self.pointwise.run(spread, 0, (packed, &self.output[pixels]), output, Some(shortcut));
        }
    }
}

/// Offsets for a 1x1 convolution of a whole map into pixels one after the other.
#[must_use]
pub fn packed_table(from: &FeatureMap, pixel: usize) -> PixelTable {
    let input = from.pixels(1);
    let output = (0..input.len()).map(|i| i * pixel).collect();
    PixelTable { input, output }
}
