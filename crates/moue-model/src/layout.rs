//! The network's layers, and names and shapes of its tensors as in PyTorch's state dict.

/// Output channels of the four layers of residual blocks.
pub const LAYER_CHANNELS: [usize; 4] = [64, 128, 256, 512];
/// Channels of the last feature map.
pub const FEATURE_CHANNELS: usize = 512;

/// Name and shape of one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// The state dict's key, for example `layer2.0.shortcut.1.running_mean`.
    pub name: String,
    /// The shape, outermost first; `[C_out, C_in, H, W]` for convolutions.
    pub shape: Vec<usize>,
}

/// A convolution without bias (padded by half its kernel) and the batch norm behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvSpec {
    /// The convolution's name, its tensor without `.weight`.
    pub name: String,
    /// The batch norm's name.
    pub norm: String,
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
}

/// A residual block: two 3x3 convolutions, and what its input goes through before it is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockSpec {
    /// The layer, from 0.
    pub layer: usize,
    /// Has the block's stride.
    pub first: ConvSpec,
    /// Stride 1.
    pub second: ConvSpec,
    /// 1x1, where the block changes the map's size; else the input itself is added.
    pub shortcut: Option<ConvSpec>,
}

/// The convolutions of the network, which every implementation builds itself from: 7x7 stem, max-pool, blocks. Behind
/// them come attention, mean and the last layer, which have no variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkLayers {
    /// The first convolution.
    pub stem: ConvSpec,
    /// All blocks, in order.
    pub blocks: Vec<BlockSpec>,
}

/// The convolutions with `blocks` residual blocks a layer (1 or 2).
#[must_use]
pub fn network_layers(blocks: usize) -> NetworkLayers {
    let spec = |name: String, norm: String, c_in, c_out, kernel, stride| ConvSpec {
        name,
        norm,
        c_in,
        c_out,
        kernel,
        stride,
    };
    let mut list = Vec::new();
    let mut c_in = LAYER_CHANNELS[0];
    for (layer, c_out) in LAYER_CHANNELS.into_iter().enumerate() {
        for block in 0..blocks {
            let p = format!("layer{}.{block}", layer + 1);
            let stride = if layer > 0 && block == 0 { 2 } else { 1 };
            list.push(BlockSpec {
                layer,
                first: spec(format!("{p}.conv1"), format!("{p}.bn1"), c_in, c_out, 3, stride),
                second: spec(format!("{p}.conv2"), format!("{p}.bn2"), c_out, c_out, 3, 1),
                shortcut: (stride != 1).then(|| {
                    spec(format!("{p}.shortcut.0"), format!("{p}.shortcut.1"), c_in, c_out, 1, stride)
                }),
            });
            c_in = c_out;
        }
    }
    let stem = spec("conv1".to_owned(), "bn1".to_owned(), 3, LAYER_CHANNELS[0], 7, 2);
    NetworkLayers { stem, blocks: list }
}

/// Every tensor of the network with `blocks` residual blocks a layer (1 or 2), in state-dict
/// order, `num_batches_tracked` left out.
#[must_use]
pub fn state_dict_layout(blocks: usize) -> Vec<TensorSpec> {
    let mut specs = Vec::new();
    let mut push = |name: String, shape: &[usize]| specs.push(TensorSpec { name, shape: shape.to_vec() });
    let NetworkLayers { stem, blocks } = network_layers(blocks);
    let of_block = |b: BlockSpec| [Some(b.first), Some(b.second), b.shortcut];
    let blocks = blocks.into_iter().flat_map(of_block).flatten();
    for ConvSpec { name, norm, c_in, c_out, kernel, .. } in std::iter::once(stem).chain(blocks) {
        push(format!("{name}.weight"), &[c_out, c_in, kernel, kernel]);
        for part in ["weight", "bias", "running_mean", "running_var"] {
            push(format!("{norm}.{part}"), &[c_out]);
        }
    }
    push("attention.0.weight".into(), &[1, FEATURE_CHANNELS, 1, 1]);
    push("attention.0.bias".into(), &[1]);
    push("fc.weight".into(), &[7, FEATURE_CHANNELS]);
    push("fc.bias".into(), &[7]);
    specs
}

/// Number of learned parameters (running statistics left out).
#[must_use]
pub fn parameter_count(blocks: usize) -> usize {
    state_dict_layout(blocks)
        .iter()
        .filter(|t| !t.name.contains(".running_"))
        .map(|t| t.shape.iter().product::<usize>())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_counts_are_the_published_ones() {
        assert_eq!(parameter_count(1), 4_909_896);
        assert_eq!(parameter_count(2), 11_180_616);
    }
}
