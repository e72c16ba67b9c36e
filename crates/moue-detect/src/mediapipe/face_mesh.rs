//! The face mesh: the network alone, from a 192x192 picture of one face to 468 points and a score.

use super::layers::{Chain, End, MapConvolution, NetworkFileError, Tensors};
use super::sampling::InputPicture;
use moue_kernels::Isa;

/// See `assets/README.md`.
static WEIGHTS: &[u8] = include_bytes!("../../../../assets/face_mesh.safetensors");

/// Width and height of the network's input, in pixels.
pub const MESH_SIDE: usize = 192;
/// Points of the mesh.
pub const MESH_POINTS: usize = 468;
/// Blocks of the trunk that halve the map.
const HALVING: [usize; 4] = [2, 5, 8, 11];

/// One of the two branches behind the trunk.
struct Branch {
    blocks: Chain,
    reduce: MapConvolution,
    last: Chain,
    out: MapConvolution,
}

/// The network with its memory. It belongs to one thread at a time.
pub struct FaceMeshNetwork {
    input: InputPicture,
    stem: MapConvolution,
    trunk: Chain,
    points: Branch,
    score: Branch,
}

impl Branch {
    fn new(
        isa: Isa,
        tensors: &Tensors,
        name: &str,
        blocks: usize,
        trunk: &Chain,
    ) -> Result<Self, NetworkFileError> {
        let names = (0..blocks).map(|i| (format!("{name}.blocks.{i}"), if i == 0 { 2 } else { 1 }));
        let blocks = Chain::new(isa, tensors, names, trunk.output(), trunk.channels())?;
        let reduce = MapConvolution::new(
            isa,
            tensors,
            &format!("{name}.reduce"),
            blocks.output(),
            [1, blocks.channels(), 1],
            End::Activated,
        )?;
        let last =
            Chain::new(isa, tensors, [(format!("{name}.last"), 1)], reduce.output(), reduce.channels())?;
        let out =
            MapConvolution::over_all(isa, tensors, &format!("{name}.out"), last.output(), last.channels())?;
        Ok(Self { blocks, reduce, last, out })
    }

    fn run(&mut self, map: &[f32]) -> &[f32] {
        let map = self.last.run(self.reduce.run(self.blocks.run(map)));
        let channels = self.out.channels();
        &self.out.run(map)[..channels]
    }
}

impl FaceMeshNetwork {
    /// The network with its built-in weights.
    ///
    /// # Panics
    /// Never with the file that is compiled in (a test reads it).
    #[must_use]
    #[expect(clippy::expect_used, reason = "the network is part of the program; nobody can change it")]
    pub fn new(isa: Isa) -> Self {
        Self::parse(isa, WEIGHTS).expect("the built-in face mesh is readable")
    }

    fn parse(isa: Isa, bytes: &[u8]) -> Result<Self, NetworkFileError> {
        let tensors = Tensors::parse(bytes)?;
        let input = InputPicture::new(MESH_SIDE, 1, [0.0, 1.0]);
        let stem = MapConvolution::new(isa, &tensors, "stem", input.picture(), [3, 3, 2], End::Activated)?;
        let stride = |i: usize| if HALVING.contains(&i) { 2 } else { 1 };
        let names = (0..14).map(|i| (format!("trunk.{i}"), stride(i)));
        let trunk = Chain::new(isa, &tensors, names, stem.output(), stem.channels())?;
        Ok(Self {
            input,
            stem,
            points: Branch::new(isa, &tensors, "points", 3, &trunk)?,
            score: Branch::new(isa, &tensors, "score", 1, &trunk)?,
            trunk,
        })
    }

    /// The picture that [`Self::forward`] looks at.
    pub(super) fn input(&mut self) -> &mut InputPicture {
        &mut self.input
    }

    /// Runs the network: `[468, 3]` x, y, z in input pixels, and the face score before the sigmoid.
    pub fn forward(&mut self) -> (&[f32], f32) {
        let map = self.trunk.run(self.stem.run(self.input.values()));
        let score = self.score.run(map).first().copied().unwrap_or(f32::NEG_INFINITY);
        (self.points.run(map), score)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::layers::goldens;
    use super::*;

    #[test]
    fn outputs_are_those_of_tflite_on_every_instruction_set() {
        let input = goldens::input(MESH_SIDE, 0.0, 1.0);
        for isa in Isa::available() {
            let mut network = FaceMeshNetwork::new(isa);
            network.input().set(&input);
            network.forward();
            let (points, score) = network.forward();
            assert_eq!(points.len(), 3 * MESH_POINTS);
            goldens::assert_met("face_mesh", &[points, &[score]], 2e-5, &isa.to_string());
        }
    }

    #[test]
    fn files_that_do_not_fit_are_refused() {
        assert!(FaceMeshNetwork::parse(Isa::Plain, &WEIGHTS[..WEIGHTS.len() / 2]).is_err());
    }
}
