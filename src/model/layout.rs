//! Names and shapes of the network's tensors, as in PyTorch's state dict.

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

/// Every tensor of the network with `blocks` residual blocks a layer (1 or 2), in state-dict
/// order, `num_batches_tracked` left out.
#[must_use]
pub fn state_dict_layout(blocks: usize) -> Vec<TensorSpec> {
    let mut specs = Vec::new();
    let mut push = |name: String, shape: &[usize]| specs.push(TensorSpec { name, shape: shape.to_vec() });
    let batch_norm = |push: &mut dyn FnMut(String, &[usize]), name: &str, channels: usize| {
        for part in ["weight", "bias", "running_mean", "running_var"] {
            push(format!("{name}.{part}"), &[channels]);
        }
    };
    push("conv1.weight".into(), &[64, 3, 7, 7]);
    batch_norm(&mut push, "bn1", 64);
    let mut c_in = 64;
    for (layer, c_out) in LAYER_CHANNELS.into_iter().enumerate() {
        for block in 0..blocks {
            let p = format!("layer{}.{block}", layer + 1);
            let block_in = if block == 0 { c_in } else { c_out };
            push(format!("{p}.conv1.weight"), &[c_out, block_in, 3, 3]);
            batch_norm(&mut push, &format!("{p}.bn1"), c_out);
            push(format!("{p}.conv2.weight"), &[c_out, c_out, 3, 3]);
            batch_norm(&mut push, &format!("{p}.bn2"), c_out);
            if layer > 0 && block == 0 {
                push(format!("{p}.shortcut.0.weight"), &[c_out, block_in, 1, 1]);
                batch_norm(&mut push, &format!("{p}.shortcut.1"), c_out);
            }
        }
        c_in = c_out;
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
