//! Runs a network over a split.

use moue_model::{
    CpuPlan, Expression, ModelError, NetworkWeights, PlanOptions, TRAINING_FACE_PX, resize_bilinear,
};

use crate::data::Split;

/// Pictures that are computed in one call.
const BATCH: usize = 32;

/// A network ready to read faces of a data set on the CPU.
pub struct Predictor {
    plan: CpuPlan,
    input_size: usize,
}

impl Predictor {
    /// Prepares the network for `threads` CPU threads, 0 for all.
    ///
    /// # Errors
    /// As [`CpuPlan::new`].
    pub fn new(weights: &NetworkWeights, threads: usize) -> Result<Self, ModelError> {
        let plan = CpuPlan::new(weights, PlanOptions { threads, ..Default::default() })?;
        Ok(Self { plan, input_size: weights.input_size() })
    }

    /// The logits of every face of the split, mirrored if wanted; `progress` hears how many faces are done after each
    /// batch and returns whether to go on. Stopped early, there are fewer logits.
    ///
    /// # Errors
    /// [`ModelError`], for example when a logit is not finite.
    pub fn logits(
        &mut self,
        split: &Split,
        mirrored: bool,
        mut progress: impl FnMut(usize) -> bool,
    ) -> Result<Vec<[f32; Expression::COUNT]>, ModelError> {
        let size = self.input_size;
        let mut all = Vec::with_capacity(split.len());
        let mut input = Vec::with_capacity(BATCH * size * size);
        let indices: Vec<usize> = (0..split.len()).collect();
        for batch in indices.chunks(BATCH) {
            input.clear();
            for &i in batch {
                let mut face: Vec<f32> = split.face(i).iter().map(|v| f32::from(*v) / 255.0).collect();
                if mirrored {
                    face.chunks_exact_mut(TRAINING_FACE_PX).for_each(<[f32]>::reverse);
                }
                resize_bilinear(&face, TRAINING_FACE_PX, size, &mut input);
            }
            let out = self.plan.forward_grey(&input, batch.len(), size)?;
            for logits in out.logits.as_chunks::<{ Expression::COUNT }>().0 {
                if let Some(at) = logits.iter().position(|v| !v.is_finite()) {
                    let class = Expression::ALL[at].name().to_owned();
                    return Err(ModelError::NotFinite { class, value: logits[at] });
                }
                all.push(*logits);
            }
            if !progress(all.len()) {
                break;
            }
        }
        Ok(all)
    }
}
