//! What MediaPipe's face networks are built of: named tensors, a first convolution, chains of separable blocks.

use std::collections::BTreeMap;

use half::f16;
use safetensors::{Dtype, SafeTensors};

use moue_kernels::{
    AlignedVec, DenseConvolution, FeatureMap, Isa, PixelTable, SeparableBlock, SeparableWeights,
    packed_table, padded_channels,
};

/// A network's file is not as the network needs it.
#[derive(Debug, thiserror::Error)]
pub enum NetworkFileError {
    /// No safetensors file.
    #[error("the network's file is not readable: {0}")]
    Unreadable(String),
    /// A tensor is missing or has another type or shape.
    #[error("tensor {name:?}: expected {expected}, found {found}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What the network needs.
        expected: String,
        /// What the file has.
        found: String,
    },
}

/// The tensors of a file in f32.
pub(super) struct Tensors(BTreeMap<String, (Vec<usize>, Vec<f32>)>);

impl Tensors {
    /// Reads float16 tensors.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, NetworkFileError> {
        let file =
            SafeTensors::deserialize(bytes).map_err(|e| NetworkFileError::Unreadable(e.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F16 {
                let found = format!("{:?}", view.dtype());
                return Err(NetworkFileError::Tensor { name, expected: "F16".to_owned(), found });
            }
            let values =
                view.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect();
            tensors.insert(name, (view.shape().to_vec(), values));
        }
        Ok(Self(tensors))
    }

    /// The values of a tensor with this shape.
    fn values(&self, name: &str, shape: &[usize]) -> Result<&[f32], NetworkFileError> {
        let problem = |found: String| NetworkFileError::Tensor {
            name: name.to_owned(),
            expected: format!("{shape:?}"),
            found,
        };
        let (found, values) = self.0.get(name).ok_or_else(|| problem("no such tensor".to_owned()))?;
        if found != shape {
            return Err(problem(format!("{found:?}")));
        }
        Ok(values)
    }

    /// The length of a bias: how many channels a layer has.
    fn channels(&self, name: &str) -> Result<usize, NetworkFileError> {
        let name = format!("{name}.bias");
        match self.0.get(&name) {
            Some((shape, _)) if shape.len() == 1 && shape[0] > 0 => Ok(shape[0]),
            other => Err(NetworkFileError::Tensor {
                name,
                expected: "[channels]".to_owned(),
                found: other.map_or_else(|| "no such tensor".to_owned(), |(shape, _)| format!("{shape:?}")),
            }),
        }
    }

    /// PReLU's slopes; zeros, which is a ReLU, for a network that has none.
    fn slopes(&self, name: &str, channels: usize) -> Result<Vec<f32>, NetworkFileError> {
        let name = format!("{name}.slope");
        if self.0.contains_key(&name) {
            return Ok(self.values(&name, &[channels])?.to_vec());
        }
        Ok(vec![0.0; channels])
    }
}

/// A convolution over a whole map, with the memory for its result.
pub(super) struct MapConvolution {
    convolution: DenseConvolution,
    table: PixelTable,
    from: FeatureMap,
    to: FeatureMap,
    values: AlignedVec<f32>,
}

/// How a [`MapConvolution`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// PReLU, into a map with a border for the next block.
    Activated,
    /// As it is, pixels one after the other.
    Raw,
}

impl MapConvolution {
    /// A square kernel with TFLite's SAME padding; `c_in` is the map's without the padding to whole vectors.
    pub(super) fn new(
        isa: Isa,
        tensors: &Tensors,
        name: &str,
        from: FeatureMap,
        [kernel, c_in, stride]: [usize; 3],
        end: End,
    ) -> Result<Self, NetworkFileError> {
        let c_out = tensors.channels(name)?;
        let weights = tensors.values(&format!("{name}.weight"), &[c_out, kernel, kernel, c_in])?;
        let bias = tensors.values(&format!("{name}.bias"), &[c_out])?;
        let slopes = match end {
            End::Activated => Some(tensors.slopes(name, c_out)?),
            End::Raw => None,
        };
        let convolution =
            DenseConvolution::new(isa, weights, bias, slopes.as_deref(), [kernel, kernel, c_in]);
        let to = FeatureMap {
            height: from.height / stride,
            width: from.width / stride,
            channels: convolution.pixel(),
            border: if end == End::Raw { 0 } else { 1 },
        };
        let table = if kernel == 1 && end == End::Raw {
            packed_table(&from, to.channels)
        } else {
            PixelTable::same(&from, &to, kernel, stride)
        };
        Ok(Self { convolution, table, from, values: AlignedVec::zeros(to.len()), to })
    }

    /// A kernel of the map's size: one output pixel.
    pub(super) fn over_all(
        isa: Isa,
        tensors: &Tensors,
        name: &str,
        from: FeatureMap,
        c_in: usize,
    ) -> Result<Self, NetworkFileError> {
        let c_out = tensors.channels(name)?;
        let weights = tensors.values(&format!("{name}.weight"), &[c_out, from.height, from.width, c_in])?;
        let bias = tensors.values(&format!("{name}.bias"), &[c_out])?;
        // The kernel's columns lie a pixel apart in the weights, as in the map only where no channel is padding.
        let padded = padded_channels(isa, c_in);
        let mut spread = Vec::with_capacity(weights.len() / c_in.max(1) * padded);
        for column in weights.chunks_exact(c_in) {
            spread.extend_from_slice(column);
            spread.resize(spread.len() + padded - c_in, 0.0);
        }
        let convolution = DenseConvolution::new(isa, &spread, bias, None, [from.height, from.width, padded]);
        let to = FeatureMap { height: 1, width: 1, channels: convolution.pixel(), border: 0 };
        let table = PixelTable { input: vec![from.at(0, 0, 0)], output: vec![0] };
        Ok(Self { convolution, table, from, values: AlignedVec::zeros(to.len()), to })
    }

    /// The map that comes out.
    pub(super) fn output(&self) -> FeatureMap {
        self.to
    }

    /// Output channels, without the padding.
    pub(super) fn channels(&self) -> usize {
        self.convolution.c_out()
    }

    /// Convolves one map.
    pub(super) fn run(&mut self, input: &[f32]) -> &[f32] {
        self.convolution.run(input, self.from.row(), self.table.columns(), &mut self.values, None);
        &self.values
    }
}

/// Separable blocks one after the other, with the maps between them.
pub(super) struct Chain {
    blocks: Vec<SeparableBlock>,
    /// Which of `maps` each block fills.
    places: Vec<usize>,
    maps: Vec<AlignedVec<f32>>,
    output: FeatureMap,
    channels: usize,
}

impl Chain {
    /// The blocks `names` on a map like `from`; each with its stride.
    pub(super) fn new(
        isa: Isa,
        tensors: &Tensors,
        names: impl IntoIterator<Item = (String, usize)>,
        mut from: FeatureMap,
        mut channels: usize,
    ) -> Result<Self, NetworkFileError> {
        let (mut blocks, mut places): (Vec<SeparableBlock>, Vec<usize>) = (Vec::new(), Vec::new());
        let mut kinds: Vec<FeatureMap> = Vec::new();
        for (name, stride) in names {
            let c_out = tensors.channels(&format!("{name}.pointwise"))?;
            let slopes = tensors.slopes(&name, c_out)?;
            let weights = SeparableWeights {
                depthwise: tensors.values(&format!("{name}.depthwise.weight"), &[3, 3, channels])?,
                depthwise_bias: tensors.values(&format!("{name}.depthwise.bias"), &[channels])?,
                pointwise: tensors.values(&format!("{name}.pointwise.weight"), &[c_out, 1, 1, channels])?,
                pointwise_bias: tensors.values(&format!("{name}.pointwise.bias"), &[c_out])?,
                slopes: &slopes,
            };
            let block = SeparableBlock::new(isa, weights, from, stride);
            from = block.output();
            channels = c_out;
            // Two maps of a size take turns: a third would only leave the caches.
            let last = places.last().copied();
            let place = (0..kinds.len()).find(|&i| kinds[i] == from && Some(i) != last);
            places.push(place.unwrap_or_else(|| {
                kinds.push(from);
                kinds.len() - 1
            }));
            blocks.push(block);
        }
        let maps = kinds.iter().map(|kind| AlignedVec::zeros(kind.len())).collect();
        Ok(Self { blocks, places, maps, output: from, channels })
    }

    /// The map that comes out.
    pub(super) fn output(&self) -> FeatureMap {
        self.output
    }

    /// Output channels, without the padding.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Runs all blocks on one map.
    pub(super) fn run(&mut self, input: &[f32]) -> &[f32] {
        let mut last: Option<usize> = None;
        for (block, &place) in self.blocks.iter_mut().zip(&self.places) {
            let mut to = std::mem::take(&mut self.maps[place]);
            block.run(last.map_or(input, |i| &self.maps[i]), &mut to);
            self.maps[place] = to;
            last = Some(place);
        }
        last.map_or(&[], |i| &self.maps[i])
    }
}

#[cfg(test)]
pub(super) mod goldens {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use moue_kernels::hashed_uniform;

    /// The formula's input for a network's golden outputs.
    pub(crate) fn input(side: usize, low: f64, high: f64) -> Vec<f32> {
        let uniform = hashed_uniform(side * side * 3, 1000);
        uniform.into_iter().map(|u| ((u + 0.5) * (high - low) + low) as f32).collect()
    }

    /// Compares outputs with what ai-edge-litert computed; `tolerance` is a share of the largest value.
    pub(crate) fn assert_met(network: &str, outputs: &[&[f32]], tolerance: f32, what: &str) {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/data/mediapipe.json")).unwrap();
        let expected = file[network]["outputs"].as_array().unwrap();
        assert_eq!(expected.len(), outputs.len());
        for (i, (expected, got)) in expected.iter().zip(outputs).enumerate() {
            assert_eq!(got.len() as u64, expected["count"].as_u64().unwrap());
            let values: Vec<f32> =
                expected["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
            let range = values.iter().fold(1.0_f32, |a, v| a.max(v.abs()));
            let step = expected["step"].as_u64().unwrap() as usize;
            assert_eq!(got.iter().step_by(step).count(), values.len());
            for (j, (got, want)) in got.iter().step_by(step).zip(&values).enumerate() {
                let off = (got - want).abs();
                assert!(off <= tolerance * range, "{what}, output {i}, value {}: {got} for {want}", j * step);
            }
            let sum: f64 = got.iter().map(|v| f64::from(v.abs())).sum();
            let want = expected["sum_of_absolutes"].as_f64().unwrap();
            assert!(
                (sum - want).abs() <= f64::from(tolerance) * want,
                "{what}, output {i}: sum {sum} for {want}"
            );
        }
    }
}
