//! The plan's residual blocks: each convolution in the form that suits its map, and the tables it needs.

use moue_kernels::stem::{convolved, pooled};
use moue_kernels::{FeatureMap, Isa, PackedConvolution, PixelRows, WinogradConvolution};

use super::fold::{fold, norm, tensor};
use crate::{BlockSpec, ConvSpec, NetworkLayers, NetworkWeights, network_layers};

/// Smallest map, in rows, for which Winograd's 4x4 tiles beat the direct convolution: below, too much of the tiles
/// reaches over the edge, and four times the weights are read for few pixels. The direct convolution then waits for
/// weights more than for sums, and keeps them in 16 bits where that changes nothing.
const WINOGRAD_ROWS: usize = 9;

/// A 3x3 convolution in the form that suits its map.
pub(super) enum Convolution {
    Direct(PackedConvolution),
    Winograd(WinogradConvolution),
}

/// A residual block.
pub(super) struct Block {
    /// Its layer, from 0.
    pub(super) layer: usize,
    pub(super) first: Convolution,
    pub(super) second: Convolution,
    /// 1x1 with stride 2, where the block halves the map.
    pub(super) shortcut: Option<PackedConvolution>,
}

/// Tables of a block for one input size; empty for Winograd.
#[derive(Default)]
pub(super) struct BlockRows {
    pub(super) first: Option<PixelRows>,
    pub(super) second: Option<PixelRows>,
    pub(super) shortcut: Option<PixelRows>,
}

/// Sides of the four layers' maps for an input side.
pub(super) fn sides(size: usize) -> [usize; 4] {
    let first = pooled(convolved(size));
    let half = |side: usize| (side - 1) / 2 + 1;
    [first, half(first), half(half(first)), half(half(half(first)))]
}

/// Products of one picture of `size` pixels, as the direct convolutions have them.
pub(super) fn products(layers: &NetworkLayers, size: usize) -> usize {
    let of = |spec: &ConvSpec, side: usize| spec.kernel * spec.kernel * spec.c_in * spec.c_out * side * side;
    let sides = sides(size);
    let blocks = layers.blocks.iter().map(|block| {
        let all = [Some(&block.first), Some(&block.second), block.shortcut.as_ref()];
        all.into_iter().flatten().map(|spec| of(spec, sides[block.layer])).sum::<usize>()
    });
    of(&layers.stem, convolved(size)) + blocks.sum::<usize>()
}

/// Folds and packs all blocks; `sides` are those of the layers' maps.
pub(super) fn blocks(isa: Isa, weights: &NetworkWeights, sides: [usize; 4]) -> Vec<Block> {
    let packed = |spec: &ConvSpec, side: usize| {
        let kernels = tensor(weights, &format!("{}.weight", spec.name));
        let halve = side < WINOGRAD_ROWS;
        PackedConvolution::new(
            isa,
            kernels,
            norm(weights, &spec.norm),
            spec.c_in,
            spec.kernel,
            spec.stride,
            halve,
        )
    };
    let three = |spec: &ConvSpec, side: usize| {
        if spec.stride == 1 && side >= WINOGRAD_ROWS {
            let folded = fold(weights, &spec.name, &spec.norm);
            Convolution::Winograd(WinogradConvolution::new(isa, &folded.weights, folded.bias, spec.c_in))
        } else {
            Convolution::Direct(packed(spec, side))
        }
    };
    let block = |spec: BlockSpec| Block {
        layer: spec.layer,
        first: three(&spec.first, sides[spec.layer]),
        second: three(&spec.second, sides[spec.layer]),
        shortcut: spec.shortcut.as_ref().map(|shortcut| packed(shortcut, sides[spec.layer])),
    };
    network_layers(weights.blocks).blocks.into_iter().map(block).collect()
}

/// Tables for `chunk` pictures whose layers have these maps; the last block's result has no border.
pub(super) fn block_rows(blocks: &[Block], layers: &[FeatureMap; 4], chunk: usize) -> Vec<BlockRows> {
    let mut all = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let to = layers[block.layer];
        let from = if block.shortcut.is_some() { layers[block.layer - 1] } else { to };
        let end = if index + 1 == blocks.len() { FeatureMap { border: 0, ..to } } else { to };
        let rows =
            |convolution: &Convolution, from: &FeatureMap, to: &FeatureMap, residual: Option<&FeatureMap>| {
                match convolution {
                    Convolution::Direct(c) => Some(PixelRows::new(chunk, from, to, residual, 1, c.stride())),
                    Convolution::Winograd(_) => None,
                }
            };
        all.push(BlockRows {
            first: rows(&block.first, &from, &to, None),
            second: rows(&block.second, &to, &end, Some(&to)),
            shortcut: block.shortcut.as_ref().map(|_| PixelRows::new(chunk, &from, &to, None, 0, 2)),
        });
    }
    all
}
