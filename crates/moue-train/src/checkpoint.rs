//! Checkpoints: everything that a run needs to go on exactly.
//!
//! One safetensors file. Random numbers need no state: they follow from seed, epoch and place.

use std::collections::{BTreeMap, HashMap};

use std::path::Path;

use moue_files::{excerpt, new_file};
use moue_model::{ModelError, WeightTensor, check_header, read_file, state_dict_layout};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::history::EpochRow;
use super::recipe::Recipe;
use super::{Schedule, TrainError};

/// Tensors by name.
pub type Tensors = BTreeMap<String, WeightTensor>;

/// Changes whenever an older program could not go on from the file.
const VERSION: u32 = 2;
/// Longest part of a message that comes from the file, in characters.
const MAX_REASON: usize = 500;
const STATE_KEY: &str = "moue_checkpoint";

/// Where a run is, and what it has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    version: u32,
    /// The settings.
    pub recipe: Recipe,
    /// SHA-256 of the training pictures and labels as used.
    pub train_sha256: String,
    /// SHA-256 of the validation pictures and labels.
    pub val_sha256: String,
    /// The epoch that is going on, from 0.
    pub epoch: usize,
    /// Steps of it that are done.
    pub step: usize,
    /// Sums over these steps.
    pub sums: Sums,
    /// Steps of the optimizer in all.
    pub optimizer_steps: u64,
    /// The learning rate's state.
    pub schedule: Schedule,
    /// Whether the run ended early.
    pub stopped_early: bool,
    /// Finished epochs.
    pub history: Vec<EpochRow>,
    /// The weights file that the run began with, where it was not random numbers.
    pub began_with: Option<String>,
    /// Name and SHA-256 of each network that it learns from.
    pub teachers: Vec<String>,
}

/// What is summed up over an epoch's steps. Losses are kept as bits: a file must not round them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Sums {
    loss_bits: u64,
    /// Pictures whose class (the target's largest share) was recognised.
    pub right: usize,
    /// Pictures.
    pub pictures: usize,
    /// Milliseconds, without pauses between two starts of the program.
    pub milliseconds: u64,
}

impl Sums {
    /// Sum of the pictures' losses.
    #[must_use]
    pub fn loss(&self) -> f64 {
        f64::from_bits(self.loss_bits)
    }

    /// Adds a step's sum of losses.
    pub fn add_loss(&mut self, loss: f64) {
        self.loss_bits = (self.loss() + loss).to_bits();
    }
}

impl RunState {
    /// The beginning of a run.
    #[must_use]
    pub fn new(recipe: Recipe, train_sha256: String, val_sha256: String) -> Self {
        Self {
            version: VERSION,
            recipe,
            train_sha256,
            val_sha256,
            epoch: 0,
            step: 0,
            sums: Sums::default(),
            optimizer_steps: 0,
            schedule: Schedule::default(),
            stopped_early: false,
            history: Vec::new(),
            began_with: None,
            teachers: Vec::new(),
        }
    }
}

/// A run, stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Where it is.
    pub state: RunState,
    /// Weights and batch-norm statistics.
    pub weights: Tensors,
    /// Their running mean.
    pub average: Option<Tensors>,
    /// The optimizer's moments.
    pub moments: Tensors,
}

/// A reference to a [`Checkpoint`]'s parts: they are large.
#[derive(Debug, Clone, Copy)]
pub struct CheckpointParts<'a> {
    /// Where the run is.
    pub state: &'a RunState,
    /// Weights and batch-norm statistics.
    pub weights: &'a Tensors,
    /// Their running mean.
    pub average: Option<&'a Tensors>,
    /// The optimizer's moments.
    pub moments: &'a Tensors,
}

impl CheckpointParts<'_> {
    /// Writes the file whole or not at all; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`TrainError::Unwritable`], naming the file.
    pub fn write(&self, path: &Path) -> Result<(), TrainError> {
        let unwritable = |reason: String| TrainError::Unwritable { path: path.to_owned(), reason };
        let groups =
            [("weights", Some(self.weights)), ("average", self.average), ("moments", Some(self.moments))];
        let buffers: Vec<(String, &[usize], Vec<u8>)> = groups
            .iter()
            .filter_map(|(group, tensors)| tensors.map(|t| (group, t)))
            .flat_map(|(group, tensors)| {
                tensors.iter().map(move |(name, t)| {
                    let bytes = t.values.iter().flat_map(|v| v.to_le_bytes()).collect();
                    (format!("{group}/{name}"), t.shape.as_slice(), bytes)
                })
            })
            .collect();
        let mut views = Vec::with_capacity(buffers.len());
        for (name, shape, bytes) in &buffers {
            let view =
                TensorView::new(Dtype::F32, shape.to_vec(), bytes).map_err(|e| unwritable(e.to_string()))?;
            views.push((name.as_str(), view));
        }
        let state = serde_json::to_string(self.state).map_err(|e| unwritable(e.to_string()))?;
        let metadata = HashMap::from([(STATE_KEY.to_owned(), state)]);
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| unwritable(e.to_string()))?;
        new_file::write(path, &bytes).map_err(|e| unwritable(e.to_string()))
    }
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] or [`TrainError::Unreadable`], naming the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let broken = |reason: String| TrainError::Checkpoint {
            path: path.to_owned(),
            reason: excerpt(&reason, MAX_REASON),
        };
        let bytes = read_file(path).map_err(|e| match e {
            ModelError::Unreadable { path, reason } => TrainError::Unreadable { path, reason },
            other => other.into(),
        })?;
        check_header(&bytes).map_err(broken)?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| broken(e.to_string()))?;
        let state = header
            .metadata()
            .as_ref()
            .and_then(|m| m.get(STATE_KEY))
            .ok_or_else(|| broken("this is a weights file, not a checkpoint".into()))?;
        let version = serde_json::from_str::<serde_json::Value>(state)
            .ok()
            .and_then(|v| v.get("version").and_then(serde_json::Value::as_u64));
        if version != Some(u64::from(VERSION)) {
            let found = version.map_or("none".to_owned(), |v| v.to_string());
            return Err(broken(format!(
                "expected version {VERSION}, found {found}: finish the run with the moue that began it"
            )));
        }
        let state: RunState = serde_json::from_str(state).map_err(|e| broken(e.to_string()))?;
        // A file from elsewhere could ask for a batch of any size.
        state.recipe.check().map_err(|e| broken(e.to_string()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| broken(e.to_string()))?;
        let mut groups: BTreeMap<String, Tensors> = BTreeMap::new();
        for (name, view) in file.tensors() {
            let (group, tensor) =
                name.split_once('/').ok_or_else(|| broken(format!("tensor {name}: unknown group")))?;
            if view.dtype() != Dtype::F32 {
                return Err(broken(format!("tensor {name}: expected F32, found {:?}", view.dtype())));
            }
            let values = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            let tensor_data = WeightTensor { shape: view.shape().to_vec(), values };
            groups.entry(group.to_owned()).or_default().insert(tensor.to_owned(), tensor_data);
        }
        let weights = groups.remove("weights").ok_or_else(|| broken("it holds no weights".into()))?;
        let average = groups.remove("average");
        for (group, tensors) in [("weights", Some(&weights)), ("average", average.as_ref())] {
            let Some(tensors) = tensors else { continue };
            for spec in state_dict_layout(state.recipe.blocks) {
                let found = tensors.get(&spec.name).map(|t| &t.shape);
                if found != Some(&spec.shape) {
                    let expected = spec.shape;
                    return Err(broken(format!(
                        "tensor {group}/{}: expected shape {expected:?}, found {found:?}",
                        spec.name
                    )));
                }
            }
        }
        Ok(Self { state, weights, average, moments: groups.remove("moments").unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initial_weights;
    use crate::recipe::RecipeName;

    #[test]
    fn a_checkpoint_comes_back_bit_for_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint.safetensors");
        let mut state = RunState::new(Recipe::named(RecipeName::Default), "a".into(), "b".into());
        state.sums.add_loss(0.1 + 0.2);
        state.schedule.end_epoch(&state.recipe.clone(), 1.0 / 3.0);
        let weights = initial_weights(1, 3).tensors;
        let tiny = WeightTensor { shape: vec![2], values: vec![f32::from_bits(1), -0.0] };
        let moments = BTreeMap::from([("fc.bias".to_owned(), tiny)]);
        let average = initial_weights(1, 4).tensors;
        let parts =
            CheckpointParts { state: &state, weights: &weights, average: Some(&average), moments: &moments };
        parts.write(&path).unwrap();
        let read = Checkpoint::read(&path).unwrap();
        assert_eq!(read, Checkpoint { state, weights, average: Some(average), moments });
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn settings_that_no_run_has_and_tensors_of_other_shapes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint.safetensors");
        let refusal = |recipe: Recipe, weights: &Tensors, average: Option<&Tensors>| {
            let state = RunState::new(recipe, "a".into(), "b".into());
            let parts = CheckpointParts { state: &state, weights, average, moments: &BTreeMap::new() };
            parts.write(&path).unwrap();
            Checkpoint::read(&path).unwrap_err().to_string()
        };
        let recipe = Recipe::named(RecipeName::Default);
        let good = initial_weights(recipe.blocks, 3).tensors;
        let text = refusal(Recipe { batch: 1 << 40, ..recipe.clone() }, &good, None);
        assert!(text.contains("--batch: expected 2 to 4096"), "{text}");
        let mut other = good.clone();
        other.insert("fc.bias".into(), WeightTensor { shape: vec![8], values: vec![0.0; 8] });
        let text = refusal(recipe.clone(), &other, None);
        assert!(text.contains("weights/fc.bias: expected shape [7], found Some([8])"), "{text}");
        other.remove("fc.bias");
        let text = refusal(recipe, &good, Some(&other));
        assert!(text.contains("average/fc.bias: expected shape [7], found None"), "{text}");
    }

    #[test]
    fn other_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "nothing of the kind").unwrap();
        assert!(matches!(Checkpoint::read(&path), Err(TrainError::Checkpoint { .. })));
        assert!(matches!(Checkpoint::read(&dir.path().join("y")), Err(TrainError::Unreadable { .. })));
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/moue-fer2013.safetensors");
        assert!(Checkpoint::read(&shipped).unwrap_err().to_string().contains("not a checkpoint"));
    }
}
