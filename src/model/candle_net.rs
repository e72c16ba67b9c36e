//! The network on candle's own operations: inference on CUDA and Metal.
//!
//! Plain structs over a [`VarBuilder`] whose paths are the state dict's keys.

use std::collections::HashMap;

use candle_core::{D, DType, Device, Module, ModuleT as _, Result, Tensor};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, Linear, VarBuilder};

use super::layout::{FEATURE_CHANNELS, LAYER_CHANNELS};
use super::{Expression, NetworkWeights};

/// PyTorch's default, which the reference network uses.
const BATCH_NORM_EPSILON: f64 = 1e-5;

/// Convolution without bias, then batch norm.
struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm,
}

impl ConvNorm {
    fn new(
        (c_in, c_out, kernel, stride): (usize, usize, usize, usize),
        conv: VarBuilder<'_>,
        norm: VarBuilder<'_>,
    ) -> Result<Self> {
        let config = Conv2dConfig { stride, padding: kernel / 2, ..Default::default() };
        Ok(Self {
            conv: candle_nn::conv2d_no_bias(c_in, c_out, kernel, config, conv)?,
            norm: candle_nn::batch_norm(c_out, BATCH_NORM_EPSILON, norm)?,
        })
    }
}

impl Module for ConvNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.norm.forward_t(&self.conv.forward(x)?, false)
    }
}

struct ResidualBlock {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Option<ConvNorm>,
}

impl ResidualBlock {
    fn new(c_in: usize, c_out: usize, stride: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let shortcut = (stride != 1 || c_in != c_out)
            .then(|| ConvNorm::new((c_in, c_out, 1, stride), vb.pp("shortcut.0"), vb.pp("shortcut.1")))
            .transpose()?;
        Ok(Self {
            first: ConvNorm::new((c_in, c_out, 3, stride), vb.pp("conv1"), vb.pp("bn1"))?,
            second: ConvNorm::new((c_out, c_out, 3, 1), vb.pp("conv2"), vb.pp("bn2"))?,
            shortcut,
        })
    }
}

impl Module for ResidualBlock {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.second.forward(&self.first.forward(x)?.relu()?)?;
        match &self.shortcut {
            Some(shortcut) => (y + shortcut.forward(x)?)?.relu(),
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

/// AttentionEmotionNet on a candle device, for inference.
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
        let vb = VarBuilder::from_tensors(tensors, DType::F32, device);
        let mut blocks = Vec::new();
        let mut c_in = LAYER_CHANNELS[0];
        for (layer, c_out) in LAYER_CHANNELS.into_iter().enumerate() {
            for block in 0..weights.blocks {
                let stride = if layer > 0 && block == 0 { 2 } else { 1 };
                let vb = vb.pp(format!("layer{}.{block}", layer + 1));
                blocks.push(ResidualBlock::new(c_in, c_out, stride, &vb)?);
                c_in = c_out;
            }
        }
        Ok(Self {
            stem: ConvNorm::new((3, LAYER_CHANNELS[0], 7, 2), vb.pp("conv1"), vb.pp("bn1"))?,
            blocks,
            attention: candle_nn::conv2d(
                FEATURE_CHANNELS,
                1,
                1,
                Conv2dConfig::default(),
                vb.pp("attention.0"),
            )?,
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
        let x = self.stem.forward(x)?.relu()?;
        // candle's pools do not pad. After a ReLU zeros are as good as minus infinity.
        let x = x.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?;
        let mut features = x.max_pool2d_with_stride(3, 2)?;
        for block in &self.blocks {
            features = block.forward(&features)?;
        }
        let attention = candle_nn::ops::sigmoid(&self.attention.forward(&features)?)?;
        let pooled = features.broadcast_mul(&attention)?.mean(D::Minus1)?.mean(D::Minus1)?;
        Ok(CandleOutput { logits: self.fc.forward(&pooled)?, attention, features })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::formula::{formula_input, formula_weights};

    /// From `../shared/reference/make_goldens.py`: PyTorch's values for both depths and two sizes.
    #[test]
    fn it_computes_what_pytorch_does() {
        let goldens: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/goldens.json")).unwrap();
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
