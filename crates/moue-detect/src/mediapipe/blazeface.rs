//! BlazeFace, short range: the network alone, from a 128x128 picture to scores and boxes of 896 anchors.

use super::layers::{Chain, End, MapConvolution, NetworkFileError, Tensors};
use super::sampling::InputPicture;
use moue_kernels::{FeatureMap, Isa};

/// See `assets/README.md`.
static WEIGHTS: &[u8] = include_bytes!("../../../../assets/blazeface_short.safetensors");

/// Width and height of the network's input, in pixels.
pub const BLAZEFACE_SIDE: usize = 128;
/// Anchors: two in each cell of a 16x16 grid, six in each of an 8x8 grid.
pub(super) const ANCHORS: usize = 16 * 16 * 2 + 8 * 8 * 6;
/// Values of an anchor: box (centre, size) and six points.
pub(super) const BOX_VALUES: usize = 16;
/// Blocks that halve the map.
const HALVING: [usize; 3] = [2, 5, 11];
/// Blocks before the first pair of heads, and all.
const BLOCKS: [usize; 2] = [11, 16];

/// The network with its memory. It belongs to one thread at a time.
pub struct BlazeFace {
    input: InputPicture,
    stem: MapConvolution,
    chains: [Chain; 2],
    scores: [MapConvolution; 2],
    boxes: [MapConvolution; 2],
    /// `[896, 16]`, `[896]`.
    output: (Vec<f32>, Vec<f32>),
}

impl BlazeFace {
    /// The network with its built-in weights.
    ///
    /// # Panics
    /// Never with the file that is compiled in (a test reads it).
    #[must_use]
    #[expect(clippy::expect_used, reason = "the network is part of the program; nobody can change it")]
    pub fn new(isa: Isa) -> Self {
        Self::parse(isa, WEIGHTS).expect("the built-in BlazeFace is readable")
    }

    fn parse(isa: Isa, bytes: &[u8]) -> Result<Self, NetworkFileError> {
        let tensors = Tensors::parse(bytes)?;
        // Normalised to -1..=1.
        let input = InputPicture::new(BLAZEFACE_SIDE, 2, [-1.0, 1.0]);
        let stem = MapConvolution::new(isa, &tensors, "stem", input.picture(), [5, 3, 2], End::Activated)?;
        let chain = |blocks: std::ops::Range<usize>, from: FeatureMap, channels: usize| {
            let stride = |i: usize| if HALVING.contains(&i) { 2 } else { 1 };
            Chain::new(isa, &tensors, blocks.map(|i| (format!("blocks.{i}"), stride(i))), from, channels)
        };
        let early = chain(0..BLOCKS[0], stem.output(), stem.channels())?;
        let late = chain(BLOCKS[0]..BLOCKS[1], early.output(), early.channels())?;
        let head = |name: &str, chain: &Chain| {
            MapConvolution::new(isa, &tensors, name, chain.output(), [1, chain.channels(), 1], End::Raw)
        };
        Ok(Self {
            input,
            stem,
            scores: [head("scores.16", &early)?, head("scores.8", &late)?],
            boxes: [head("boxes.16", &early)?, head("boxes.8", &late)?],
            chains: [early, late],
            output: (Vec::with_capacity(ANCHORS * BOX_VALUES), Vec::with_capacity(ANCHORS)),
        })
    }

    /// The picture that [`Self::forward`] looks at.
    pub(super) fn input(&mut self) -> &mut InputPicture {
        &mut self.input
    }

    /// Runs the network: `[896, 16]` boxes and points in input pixels relative to their anchors, and `[896]` scores
    /// before the sigmoid.
    pub fn forward(&mut self) -> (&[f32], &[f32]) {
        let (boxes, scores) = &mut self.output;
        boxes.clear();
        scores.clear();
        let mut map = self.stem.run(self.input.values());
        let heads = self.scores.iter_mut().zip(&mut self.boxes);
        for (chain, (score, region)) in self.chains.iter_mut().zip(heads) {
            map = chain.run(map);
            append(score, map, scores);
            append(region, map, boxes);
        }
        (boxes, scores)
    }
}

/// Appends a head's result without the padding of its channels.
fn append(head: &mut MapConvolution, map: &[f32], to: &mut Vec<f32>) {
    let (pixel, channels) = (head.output().channels, head.channels());
    for pixel in head.run(map).chunks_exact(pixel) {
        to.extend_from_slice(&pixel[..channels]);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::layers::goldens;
    use super::*;

    #[test]
    fn outputs_are_those_of_tflite_on_every_instruction_set() {
        let input = goldens::input(BLAZEFACE_SIDE, -1.0, 1.0);
        for isa in Isa::available() {
            let mut network = BlazeFace::new(isa);
            network.input().set(&input);
            // Twice: nothing of the first run is left in the maps.
            network.forward();
            let (boxes, scores) = network.forward();
            goldens::assert_met("blazeface_short", &[boxes, scores], 2e-5, &isa.to_string());
        }
    }

    #[test]
    fn files_that_do_not_fit_are_refused() {
        assert!(BlazeFace::parse(Isa::Plain, &WEIGHTS[..100]).is_err());
        let mesh: &[u8] = include_bytes!("../../../../assets/face_mesh.safetensors");
        let error = BlazeFace::parse(Isa::Plain, mesh).err().unwrap().to_string();
        assert!(error.contains("stem.weight"), "{error}");
    }
}
