//! The network on candle's own operations: inference and training on CUDA and Metal.
//!
//! Plain structs over a [`VarBuilder`] whose paths are the state dict's keys, built from [`network_layers`].

use std::collections::{BTreeMap, HashMap};

use candle_core::{D, DType, Device, Module as _, ModuleT, Result, Tensor, Var};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, Linear, VarBuilder, VarMap};

use super::layout::{BlockSpec, ConvSpec, FEATURE_CHANNELS, network_layers};
use super::{Expression, NetworkWeights};

/// PyTorch's default, which the reference network uses.
const BATCH_NORM_EPSILON: f64 = 1e-5;

/// Convolution without bias, then batch norm.
struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm,
}

impl ConvNorm {
    fn new(spec: &ConvSpec, vb: &VarBuilder<'_>) -> Result<Self> {
        let ConvSpec { name, norm, c_in, c_out, kernel, stride } = spec;
        let config = Conv2dConfig { stride: *stride, padding: kernel / 2, ..Default::default() };
        Ok(Self {
            conv: candle_nn::conv2d_no_bias(*c_in, *c_out, *kernel, config, vb.pp(name))?,
            norm: candle_nn::batch_norm(*c_out, BATCH_NORM_EPSILON, vb.pp(norm))?,
        })
    }
}

impl ModuleT for ConvNorm {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        self.norm.forward_t(&self.conv.forward(x)?, train)
    }
}

struct ResidualBlock {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Option<ConvNorm>,
}

impl ResidualBlock {
    fn new(spec: &BlockSpec, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            first: ConvNorm::new(&spec.first, vb)?,
            second: ConvNorm::new(&spec.second, vb)?,
            shortcut: spec.shortcut.as_ref().map(|spec| ConvNorm::new(spec, vb)).transpose()?,
        })
    }
}

impl ModuleT for ResidualBlock {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let y = self.second.forward_t(&self.first.forward_t(x, train)?.relu()?, train)?;
        match &self.shortcut {
            Some(shortcut) => (y + shortcut.forward_t(x, train)?)?.relu(),
            None => (y + x)?.relu(),
        }
    }
}

/// What the network computes.
pub struct CandleOutput {
    /// `[N, 7]`.
    pub logits: Tensor,
    /// `[N, 1, H, W]`, 0..=1.
    pub attention: Tensor,
    /// `[N, 512, H, W]`, before the attention.
    pub features: Tensor,
}

/// 3x3 max-pool with stride 2 and padding 1 behind a ReLU, where zeros are as good as minus infinity.
///
/// candle's pools do not pad, and have no gradient where kernel and stride differ. For training the pool is the
/// greatest of three shifted columns, then of three shifted rows.
fn max_pool(x: &Tensor, train: bool) -> Result<Tensor> {
    if !train {
        return x.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?.max_pool2d_with_stride(3, 2);
    }
    let greatest = |x: &Tensor, dim: usize| -> Result<Tensor> {
        let mut dims = x.dims().to_vec();
        let side = dims[dim];
        let out = side.div_ceil(2);
        // Even and odd places side by side: place 2i + k is (i + k / 2, k % 2).
        dims.splice(dim..=dim, [out + 1, 2]);
        let x = x.pad_with_zeros(dim, 1, 2 * out + 1 - side)?.reshape(dims)?;
        let place = |k: usize| x.narrow(dim, k / 2, out)?.narrow(dim + 1, k % 2, 1)?.squeeze(dim + 1);
        place(0)?.maximum(&place(1)?)?.maximum(&place(2)?)
    };
    greatest(&greatest(x, 3)?, 2)
}

/// AttentionEmotionNet on a candle device.
pub struct CandleNet {
    stem: ConvNorm,
    blocks: Vec<ResidualBlock>,
    attention: Conv2d,
    fc: Linear,
    device: Device,
}

impl CandleNet {
    /// Copies the weights to the device.
    ///
    /// # Errors
    /// What candle says, for example that the device has no memory left.
    pub fn new(weights: &NetworkWeights, device: &Device) -> Result<Self> {
        let mut tensors = HashMap::new();
        for (name, t) in &weights.tensors {
            tensors.insert(name.clone(), Tensor::from_slice(&t.values, t.shape.as_slice(), device)?);
        }
        Self::build(&VarBuilder::from_tensors(tensors, DType::F32, device), weights.blocks, device)
    }

    /// The same network computing with `dtype`, its tensors as variables by state-dict name, running statistics among
    /// them.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn trainable(
        weights: &NetworkWeights,
        device: &Device,
        dtype: DType,
    ) -> Result<(Self, BTreeMap<String, Var>)> {
        let (map, mut variables) = (VarMap::new(), BTreeMap::new());
        {
            let mut data = map.data().lock().map_err(|e| candle_core::Error::Msg(e.to_string()))?;
            for (name, t) in &weights.tensors {
                let tensor = Tensor::from_slice(&t.values, t.shape.as_slice(), device)?.to_dtype(dtype)?;
                let var = Var::from_tensor(&tensor)?;
                data.insert(name.clone(), var.clone());
                variables.insert(name.clone(), var);
            }
        }
        let vb = VarBuilder::from_varmap(&map, dtype, device);
        Ok((Self::build(&vb, weights.blocks, device)?, variables))
    }

    fn build(vb: &VarBuilder<'_>, blocks: usize, device: &Device) -> Result<Self> {
        let layers = network_layers(blocks);
        let attention = vb.pp("attention.0");
        Ok(Self {
            stem: ConvNorm::new(&layers.stem, vb)?,
            blocks: layers.blocks.iter().map(|spec| ResidualBlock::new(spec, vb)).collect::<Result<_>>()?,
            attention: candle_nn::conv2d(FEATURE_CHANNELS, 1, 1, Conv2dConfig::default(), attention)?,
            fc: candle_nn::linear(FEATURE_CHANNELS, Expression::COUNT, vb.pp("fc"))?,
            device: device.clone(),
        })
    }

    /// The device that the network runs on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Reads normalised pictures `[N, 3, S, S]`.
    ///
    /// # Errors
    /// What candle says, for example of a shape that does not fit.
    pub fn forward(&self, x: &Tensor) -> Result<CandleOutput> {
        self.forward_t(x, false, None)
    }

    /// As [`Self::forward`]; with `train` batch norm uses the batch's statistics and updates the running ones.
    /// Pooled features are multiplied by `dropout`, `[N, 512]`, where it is given.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_t(&self, x: &Tensor, train: bool, dropout: Option<&Tensor>) -> Result<CandleOutput> {
        let mut features = max_pool(&self.stem.forward_t(x, train)?.relu()?, train)?;
        for block in &self.blocks {
            features = block.forward_t(&features, train)?;
        }
        let attention = candle_nn::ops::sigmoid(&self.attention.forward(&features)?)?;
        let pooled = features.broadcast_mul(&attention)?.mean(D::Minus1)?.mean(D::Minus1)?;
        let pooled = match dropout {
            Some(mask) => (pooled * mask)?,
            None => pooled,
        };
        Ok(CandleOutput { logits: self.fc.forward(&pooled)?, attention, features })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::{formula_input, formula_weights};

    /// From `../shared/reference/make_goldens.py`: PyTorch's values for both depths and two sizes.
    #[test]
    fn it_computes_what_pytorch_does() {
        let goldens: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/data/goldens.json")).unwrap();
        let numbers = |v: &serde_json::Value| -> Vec<f32> {
            v.as_array().unwrap().iter().map(|n| n.as_f64().unwrap() as f32).collect()
        };
        for case in goldens["forward"].as_array().unwrap() {
            let blocks = case["blocks"].as_u64().unwrap() as usize;
            let size = case["input"][2].as_u64().unwrap() as usize;
            let net = CandleNet::new(&formula_weights(blocks), &Device::Cpu).unwrap();
            let x = Tensor::from_vec(formula_input(2, size), (2, 3, size, size), &Device::Cpu).unwrap();
            let out = net.forward(&x).unwrap();
            let worst = |found: &Tensor, expected: &serde_json::Value| {
                let found = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                let expected = numbers(expected);
                assert_eq!(found.len(), expected.len());
                found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
            };
            assert!(worst(&out.logits, &case["logits"]) < 1e-3, "{blocks} blocks at {size}");
            assert!(worst(&out.attention, &case["attention"]) < 1e-4, "{blocks} blocks at {size}");
        }
    }
}
