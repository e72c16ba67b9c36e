//! A ResNet-18 as torchvision names it: this network's body, trained on something else.

use std::collections::BTreeMap;
use std::path::Path;

use super::assemble::{TensorFile, first_extra, misfit, names_of, take};
use super::{LoadedWeights, hash, name_of, parse_weights_as, read_file, with_tensors};
use crate::{ModelError, ReadOptions, WeightTensor, state_dict_layout};

/// Residual blocks a layer of ResNet-18.
pub const RESNET18_BLOCKS: usize = 2;

/// What training can begin with.
#[derive(Debug, Clone, PartialEq)]
pub enum StartWeights {
    /// A whole network of this kind.
    Network(LoadedWeights),
    /// All but attention and last layer, for a network with [`RESNET18_BLOCKS`] blocks a layer.
    Body(BodyWeights),
}

/// The tensors of a ResNet-18 before its last layer.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyWeights {
    /// By this network's names: torchvision's `downsample` is `shortcut` here.
    pub tensors: BTreeMap<String, WeightTensor>,
    /// Classes of its last layer, which is left out; 0 where it has none.
    pub classes: usize,
    /// The file's name.
    pub name: String,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
}

impl StartWeights {
    /// Reads a weights file of this network or of torchvision's ResNet-18, told apart by the names in it.
    ///
    /// # Errors
    /// [`ModelError`], naming the file and the first tensor that does not fit.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::read_as(path, &ReadOptions::default())
    }

    /// As [`Self::read`], where `options` say what a file of this network does not, or says wrongly.
    ///
    /// # Errors
    /// [`ModelError`], naming the file and the first tensor or statement that does not fit.
    pub fn read_as(path: &Path, options: &ReadOptions) -> Result<Self, ModelError> {
        let bytes = read_file(path)?;
        let body = with_tensors(&bytes, path, |file, _| body(file, path))?;
        let (name, sha256) = (name_of(path), hash(&bytes));
        Ok(match body {
            Some((tensors, classes)) => Self::Body(BodyWeights { tensors, classes, name, sha256 }),
            None => Self::Network(LoadedWeights {
                weights: parse_weights_as(&bytes, path, options)?,
                name,
                path: Some(path.to_owned()),
                sha256,
                read_as: *options,
            }),
        })
    }
}

/// Tensors by name.
type Tensors = BTreeMap<String, WeightTensor>;

/// Body and classes, where the names are torchvision's.
fn body(file: &mut dyn TensorFile, path: &Path) -> Result<Option<(Tensors, usize)>, ModelError> {
    let (names, prefix, _) = names_of(file, path)?;
    let prefix = prefix.as_str();
    if !names.iter().any(|n| n.contains(".downsample.")) {
        return Ok(None);
    }
    let theirs = |ours: &str| ours.replace(".shortcut.", ".downsample.");
    let mut tensors = BTreeMap::new();
    for spec in state_dict_layout(RESNET18_BLOCKS) {
        if !is_head(&spec.name) {
            let tensor = take(file, &names, prefix, &theirs(&spec.name), &spec, path)?;
            tensors.insert(spec.name, tensor);
        }
    }
    let known =
        |n: &str| n.starts_with("fc.") || tensors.contains_key(&n.replace(".downsample.", ".shortcut."));
    if let Some(name) = first_extra(&names, prefix, known) {
        return Err(misfit(path, name, "no such tensor in a ResNet-18".into(), "an extra tensor".into()));
    }
    let classes = file.shape(&format!("{prefix}fc.bias")).first().copied().unwrap_or(0);
    Ok(Some((tensors, classes)))
}

/// Whether a tensor belongs to attention or last layer, which no other network brings.
#[must_use]
pub fn is_head(name: &str) -> bool {
    name.starts_with("attention.") || name.starts_with("fc.")
}
