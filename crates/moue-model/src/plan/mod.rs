//! The whole network on the CPU: packed weights, scratch memory, threads.

mod blocks;
mod fold;
mod head;

use moue_kernels::stem::{PADDING, Stem, StemRows};
use moue_kernels::{AlignedVec, FeatureMap, FeatureMaps, Isa, PixelRows, Pool, Scratch, copy_planes};

use self::blocks::{Block, BlockRows, Convolution, block_rows, blocks, products, sides};
use self::fold::{Folded, fold};
use self::head::Head;
use crate::{
    Expression, FEATURE_CHANNELS, LAYER_CHANNELS, MEAN, ModelError, NetworkLayers, NetworkWeights, STD,
    network_layers,
};

/// Faces that go through the network together. More would leave the caches, and take memory.
const CHUNK: usize = 8;
/// Largest input that is accepted, in pixels.
const MAX_SIZE: usize = 2048;
/// A call of fewer products keeps to the caller's thread where [`CpuPlan::spare_threads`] asks for it: one picture through two blocks a layer
/// at up to 160 pixels, or through one at up to 224. That takes ten milliseconds or less.
const ALONE_PRODUCTS: usize = 1_000_000_000;

/// How the plan computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanOptions {
    /// Threads, the caller's among them; 0 for one a core.
    pub threads: usize,
    /// Instructions; `None` for [`Isa::wanted`].
    pub isa: Option<Isa>,
}

/// What the network computed for a batch. The slices live in the plan, until its next call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlanOutput<'a> {
    /// `[n, 7]`.
    pub logits: &'a [f32],
    /// `[n, height, width]`, in 0..=1.
    pub attention: &'a [f32],
    /// `[n, height, width, 512]`, before the attention.
    pub features: &'a [f32],
    /// Rows of the last map.
    pub height: usize,
    /// Columns of the last map.
    pub width: usize,
}

/// Everything that depends on the input's size.
struct Geometry {
    size: usize,
    /// Products for one picture.
    products: usize,
    /// Most pictures at once.
    chunk: usize,
    stems: [StemRows; 2],
    inputs: [FeatureMap; 2],
    layers: [FeatureMap; 4],
    blocks: Vec<BlockRows>,
}

/// Activations of a layer.
#[derive(Default)]
struct LayerMemory {
    /// The last block's result.
    a: AlignedVec<f32>,
    /// The shortcut's result, or the next block's.
    b: AlignedVec<f32>,
    /// Between the two convolutions of a block.
    middle: AlignedVec<f32>,
}

/// Which stem an input goes through; indexes [`CpuPlan::stems`].
#[derive(Clone, Copy)]
enum Source {
    Rgb = 0,
    Grey = 1,
}

/// A compiled network for the CPU. It belongs to one thread at a time and owns its weights, its memory and its
/// threads; a call allocates only where size or batch are larger than before.
pub struct CpuPlan {
    isa: Isa,
    pool: Pool,
    /// The caller's thread, for small calls, where that is asked for.
    alone: Option<Pool>,
    layers: NetworkLayers,
    stems: [Stem; 2],
    blocks: Vec<Block>,
    head: Head,
    geometry: Option<Geometry>,
    inputs: [AlignedVec<f32>; 2],
    memory: [LayerMemory; 4],
    scratch: Scratch,
    shared: AlignedVec<f32>,
    features: AlignedVec<f32>,
    attention: AlignedVec<f32>,
    logits: AlignedVec<f32>,
}

impl CpuPlan {
    /// Folds and packs the weights. Maps from the size that the weights name decide which convolutions
    /// run as Winograd; other sizes give right results too, perhaps more slowly.
    ///
    /// # Errors
    /// [`ModelError::Device`] when the wanted instructions are unknown or missing on this machine.
    pub fn new(weights: &NetworkWeights, options: PlanOptions) -> Result<Self, ModelError> {
        let isa = match options.isa {
            Some(isa) => isa,
            None => Isa::wanted()
                .map_err(|e| ModelError::Device { device: "CPU".to_owned(), reason: e.to_string() })?,
        };
        if !isa.is_available() {
            return Err(ModelError::Device {
                device: format!("CPU, {isa}"),
                reason: "this machine does not have these instructions".to_owned(),
            });
        }
        let pool = Pool::new(options.threads);
        let Folded { weights: stem, bias } = fold(weights, "conv1", "bn1");
        let stems = [Stem::new(isa, &stem, bias.clone(), 3), Stem::grey(isa, &stem, bias, MEAN, STD)];
        let blocks = blocks(isa, weights, sides(weights.input_size().clamp(1, MAX_SIZE)));
        Ok(Self {
            isa,
            scratch: Scratch::new(pool.threads()),
            pool,
            alone: None,
            layers: network_layers(weights.blocks),
            stems,
            blocks,
            head: Head::new(weights),
            geometry: None,
            inputs: Default::default(),
            memory: Default::default(),
            shared: AlignedVec::default(),
            features: AlignedVec::default(),
            attention: AlignedVec::default(),
            logits: AlignedVec::default(),
        })
    }

    /// Small calls keep to the caller's thread from now on. For one picture at a time, with a pause before the next: in the pause the other
    /// threads fall asleep, and waking them and their caches costs the time that they save, and more of the battery.
    pub fn spare_threads(&mut self) {
        self.alone = Some(Pool::new(1));
    }

    /// Threads that compute, the caller's among them.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Instructions in use.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Runs the network on `[n, 3, size, size]` normalised pictures.
    ///
    /// # Errors
    /// [`ModelError::Input`] when the length is another, or `size` is not in 1..=2048.
    pub fn forward(&mut self, input: &[f32], n: usize, size: usize) -> Result<PlanOutput<'_>, ModelError> {
        self.run(Source::Rgb, input, n, size)
    }

    /// Runs the network on `[n, size, size]` grey pictures in 0..=1: the result of [`Self::forward`] on three
    /// equal channels, normalised, in a third of the first layer's work.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_grey(
        &mut self,
        grey: &[f32],
        n: usize,
        size: usize,
    ) -> Result<PlanOutput<'_>, ModelError> {
        self.run(Source::Grey, grey, n, size)
    }

    fn run(
        &mut self,
        source: Source,
        input: &[f32],
        n: usize,
        size: usize,
    ) -> Result<PlanOutput<'_>, ModelError> {
        let channels = self.channels(source);
        if size == 0 || size > MAX_SIZE || input.len() != n * channels * size * size {
            return Err(ModelError::Input {
                expected: format!("[{n}, {channels}, side, side] with a side of 1 to {MAX_SIZE}"),
                found: format!("{} values for side {size}", input.len()),
            });
        }
        let mut geometry = match self.geometry.take() {
            Some(geometry) if geometry.size == size && geometry.chunk >= n.min(CHUNK) => geometry,
            _ => self.prepare(size, n.clamp(1, CHUNK)),
        };
        let last = geometry.layers[3];
        let cells = last.height * last.width;
        grow(&mut self.features, n * cells * FEATURE_CHANNELS);
        grow(&mut self.attention, n * cells);
        grow(&mut self.logits, n * Expression::COUNT);
        for first in (0..n).step_by(CHUNK) {
            let count = CHUNK.min(n - first);
            let picture = channels * size * size;
            let input = &input[first * picture..][..count * picture];
            self.chunk(source, &mut geometry, input, count, first * cells * FEATURE_CHANNELS);
        }
        self.geometry = Some(geometry);
        for image in 0..n {
            self.head.run(
                &self.features[image * cells * FEATURE_CHANNELS..][..cells * FEATURE_CHANNELS],
                &mut self.attention[image * cells..][..cells],
                &mut self.logits[image * Expression::COUNT..][..Expression::COUNT],
            );
        }
        Ok(PlanOutput {
            logits: &self.logits[..n * Expression::COUNT],
            attention: &self.attention[..n * cells],
            features: &self.features[..n * cells * FEATURE_CHANNELS],
            height: last.height,
            width: last.width,
        })
    }

    fn channels(&self, source: Source) -> usize {
        match source {
            Source::Rgb => 3,
            Source::Grey => 1,
        }
    }

    /// Tables and memory for `chunk` pictures of that size. All borders are zeros afterwards, and stay so.
    fn prepare(&mut self, size: usize, chunk: usize) -> Geometry {
        let layers: [FeatureMap; 4] = std::array::from_fn(|layer| {
            let side = sides(size)[layer];
            FeatureMap { height: side, width: side, channels: LAYER_CHANNELS[layer], border: 1 }
        });
        let blocks = block_rows(&self.blocks, &layers, chunk);
        let inputs =
            [3, 1].map(|channels| FeatureMap { height: size, width: size, channels, border: PADDING });
        self.inputs = Default::default();
        for (memory, picture) in self.memory.iter_mut().zip(&layers) {
            for buffer in [&mut memory.a, &mut memory.b, &mut memory.middle] {
                *buffer = AlignedVec::zeros(chunk * picture.len());
            }
        }
        let stems = [self.stems[0].rows(size, size), self.stems[1].rows(size, size)];
        Geometry { size, products: products(&self.layers, size), chunk, stems, inputs, layers, blocks }
    }

    /// Takes `n` pictures up to the last map, which goes to `self.features` from `features_at` on.
    fn chunk(
        &mut self,
        source: Source,
        geometry: &mut Geometry,
        input: &[f32],
        n: usize,
        features_at: usize,
    ) {
        let small = n * geometry.products < ALONE_PRODUCTS;
        let pool = self.alone.as_ref().filter(|_| small).unwrap_or(&self.pool);
        let picture = geometry.inputs[source as usize];
        let bordered = &mut self.inputs[source as usize];
        grow(bordered, geometry.chunk * picture.len());
        copy_planes(pool, input, n, &picture, bordered);
        let stem = &self.stems[source as usize];
        let rows = &geometry.stems[source as usize];
        stem.run(pool, &self.scratch, rows, n, bordered, &geometry.layers[0], &mut self.memory[0].a);
        for (index, block) in self.blocks.iter().enumerate() {
            let layer = block.layer;
            let rows = &geometry.blocks[index];
            let to = geometry.layers[layer];
            let pixels = n * to.height * to.width;
            let (before, rest) = self.memory.split_at_mut(layer);
            let LayerMemory { a, b, middle } = &mut rest[0];
            let halves = matches!((&rows.shortcut, before.last()), (Some(_), Some(_)));
            let (from, x, residual, end): (_, &[f32], &[f32], &mut [f32]) =
                match (&block.shortcut, &rows.shortcut, before.last()) {
                    (Some(shortcut), Some(rows), Some(previous)) => {
                        shortcut.run(pool, &previous.a, rows, pixels, b, None, false);
                        (geometry.layers[layer - 1], &previous.a, b, a)
                    }
                    _ => (to, a, a, b),
                };
            let end = if index + 1 == self.blocks.len() {
                (FeatureMap { border: 0, ..to }, &mut self.features[features_at..])
            } else {
                (to, end)
            };
            let mut run =
                |convolution: &Convolution,
                 rows: &Option<PixelRows>,
                 (from, x): (FeatureMap, &[f32]),
                 (to, y): (FeatureMap, &mut [f32]),
                 residual: Option<(&[f32], FeatureMap)>| match (convolution, rows) {
                    (Convolution::Direct(direct), Some(rows)) => {
                        direct.run(pool, x, rows, pixels, y, residual.map(|r| r.0), true);
                    }
                    (Convolution::Winograd(winograd), _) => {
                        let maps = FeatureMaps { input: x, from, residual, to };
                        winograd.run(pool, &self.scratch, &mut self.shared, n, maps, y, true);
                    }
                    (Convolution::Direct(_), None) => unreachable!("every direct convolution has its table"),
                };
            run(&block.first, &rows.first, (from, x), (to, &mut middle[..]), None);
            run(&block.second, &rows.second, (to, &middle[..]), end, Some((residual, to)));
            if !halves {
                std::mem::swap(&mut rest[0].a, &mut rest[0].b);
            }
        }
    }
}

/// Makes room; what is new is zero.
fn grow(buffer: &mut AlignedVec<f32>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::formula::{formula_input, formula_weights, hashed_uniform};

    fn plan(weights: &NetworkWeights, isa: Isa, threads: usize) -> CpuPlan {
        CpuPlan::new(weights, PlanOptions { threads, isa: Some(isa) }).unwrap()
    }

    fn numbers(value: &serde_json::Value) -> Vec<f32> {
        value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
    }

    fn assert_close(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
        assert_eq!(got.len(), want.len(), "{what}");
        let worst = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
        assert!(worst <= tolerance, "{what}: off by {worst}");
    }

    #[test]
    #[cfg_attr(miri, ignore = "the whole network")]
    fn goldens_are_met_on_every_instruction_set() {
        let goldens: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/data/goldens.json")).unwrap();
        for case in goldens["forward"].as_array().unwrap() {
            let blocks = case["blocks"].as_u64().unwrap() as usize;
            let shape: Vec<usize> =
                case["input"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect();
            let (n, size) = (shape[0], shape[3]);
            let input = formula_input(n, size);
            let mut weights = formula_weights(blocks);
            // Every layer by Winograd, and as few as can be.
            for named_size in [size, 320, 1] {
                weights.metadata.insert("input_size".to_owned(), named_size.to_string());
                for isa in Isa::available() {
                    let mut plan = plan(&weights, isa, 2);
                    let out = plan.forward(&input, n, size).unwrap();
                    let what = format!("{isa}, {blocks} blocks, {size}, as {named_size}");
                    assert_close(out.logits, &numbers(&case["logits"]), 1e-3, &format!("logits {what}"));
                    let attention = numbers(&case["attention"]);
                    assert_close(out.attention, &attention, 1e-4, &format!("attention {what}"));
                    // PyTorch's first eight features: channel 0 of the first eight cells.
                    let channel: Vec<f32> = out.features.iter().step_by(FEATURE_CHANNELS).copied().collect();
                    let first = numbers(&case["features_first8"]);
                    assert_close(&channel[..first.len()], &first, 1e-3, &format!("features {what}"));
                }
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "the whole network")]
    fn weights_of_a_16_bit_file_give_what_the_same_numbers_give_in_32() {
        let mut weights = formula_weights(2);
        for tensor in weights.tensors.values_mut() {
            for value in &mut tensor.values {
                *value = half::f16::from_f32(*value).to_f32();
            }
        }
        let input = formula_input(1, 128);
        for isa in Isa::available() {
            // As 320 pixels every layer runs as Winograd, in 32 bits; as 128 the last two keep 16 bits.
            let [wide, narrow] = ["320", "128"].map(|named_size| {
                weights.metadata.insert("input_size".to_owned(), named_size.to_owned());
                let mut plan = plan(&weights, isa, 2);
                let out = plan.forward(&input, 1, 128).unwrap();
                (out.logits.to_vec(), out.features.to_vec())
            });
            assert_close(&narrow.0, &wide.0, 1e-3, &format!("logits {isa}"));
            assert_close(&narrow.1, &wide.1, 1e-3, &format!("features {isa}"));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "the whole network")]
    fn threads_do_not_change_a_bit() {
        let mut weights = formula_weights(2);
        weights.metadata.insert("input_size".to_owned(), "144".to_owned());
        let input = formula_input(3, 144);
        for isa in Isa::available() {
            let mut one = plan(&weights, isa, 1);
            let want = one.forward(&input, 3, 144).unwrap();
            for threads in [2, 3, 7] {
                assert_eq!(want, plan(&weights, isa, threads).forward(&input, 3, 144).unwrap(), "{isa}");
            }
            // One picture on the caller's thread, three on all.
            let mut sparing = plan(&weights, isa, 2);
            sparing.spare_threads();
            assert_eq!(want, sparing.forward(&input, 3, 144).unwrap(), "{isa}");
            let picture = &input[..3 * 144 * 144];
            let alone = sparing.forward(picture, 1, 144).unwrap();
            assert_eq!(alone, plan(&weights, isa, 2).forward(picture, 1, 144).unwrap(), "{isa}");
            let of = |n, size| n * products(&network_layers(2), size);
            assert!(
                of(1, 144) < ALONE_PRODUCTS && of(3, 144) > ALONE_PRODUCTS && of(1, 224) > ALONE_PRODUCTS
            );
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "the whole network")]
    fn a_batch_and_a_used_plan_give_what_each_picture_gives_alone() {
        let weights = formula_weights(1);
        let mut used = plan(&weights, Isa::best(), 2);
        // Another size first, whose borders lie elsewhere; then more pictures than go in one chunk.
        used.forward(&formula_input(2, 97), 2, 97).unwrap();
        let (n, size) = (CHUNK + 3, 64);
        let input = formula_input(n, size);
        let batch = used.forward(&input, n, size).unwrap().logits.to_vec();
        for (i, picture) in input.chunks_exact(3 * size * size).enumerate() {
            let mut fresh = plan(&weights, Isa::best(), 1);
            assert_eq!(
                fresh.forward(picture, 1, size).unwrap().logits,
                &batch[7 * i..7 * i + 7],
                "picture {i}"
            );
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "the whole network")]
    fn grey_is_three_equal_normalised_channels() {
        let weights = formula_weights(1);
        for size in [1, 2, 3, 5, 48, 97, 144] {
            let grey: Vec<f32> =
                hashed_uniform(2 * size * size, 5).into_iter().map(|u| (u + 0.5) as f32).collect();
            let mut rgb = Vec::new();
            for picture in grey.chunks_exact(size * size) {
                for c in 0..3 {
                    rgb.extend(picture.iter().map(|v| (v - MEAN[c]) / STD[c]));
                }
            }
            for isa in Isa::available() {
                let (mut a, mut b) = (plan(&weights, isa, 2), plan(&weights, isa, 2));
                let grey = a.forward_grey(&grey, 2, size).unwrap();
                let rgb = b.forward(&rgb, 2, size).unwrap();
                assert_close(grey.logits, rgb.logits, 2e-4, &format!("{isa}, {size}"));
                assert_close(grey.attention, rgb.attention, 2e-5, &format!("{isa}, {size}"));
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "the whole network")]
    fn input_that_does_not_fit_is_refused() {
        let mut plan = plan(&formula_weights(1), Isa::Plain, 1);
        for (len, n, size) in [(0, 1, 0), (5, 1, 2), (12, 1, 3), (3, 1, MAX_SIZE + 1)] {
            assert!(matches!(plan.forward(&vec![0.0; len], n, size), Err(ModelError::Input { .. })));
        }
        let none = plan.forward(&[], 0, 32).unwrap();
        assert!(none.logits.is_empty() && none.features.is_empty());
    }
}
