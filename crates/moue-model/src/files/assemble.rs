//! From a file's tensors to a checked network, whatever the file's format.

use std::collections::BTreeMap;
use std::path::Path;

use moue_files::excerpt;

use super::facts::Fact;
use super::naming::network_of;
use super::settle::settle;
use crate::{ModelError, NetworkWeights, ReadOptions, TensorSpec, WeightTensor, state_dict_layout};

/// Most tensors that a file may hold: the deeper network has 104 with its counters.
pub(super) const MAX_TENSORS: usize = 4096;

/// What a file says beside its tensors.
pub(super) struct Source {
    /// Its text metadata, which stay with the weights.
    pub(super) metadata: BTreeMap<String, String>,
    /// What can be told from them, or from a checkpoint's settings.
    pub(super) facts: Fact,
}

/// The tensors of a file.
pub(super) trait TensorFile {
    /// Which of several networks in the file these are.
    fn note(&self) -> Option<String> {
        None
    }

    /// All names.
    fn names(&self) -> Vec<String>;

    /// The shape of a tensor that is there.
    fn shape(&self, name: &str) -> Vec<usize>;

    /// The values of a tensor in row-major order; the error says what was found instead.
    fn values(&mut self, name: &str) -> Result<Vec<f32>, String>;
}

/// The names in a file, what stands before those of its network, and which of several that is.
pub(super) fn names_of(
    file: &dyn TensorFile,
    path: &Path,
) -> Result<(Vec<String>, String, Option<String>), ModelError> {
    let names = file.names();
    if names.len() > MAX_TENSORS {
        return Err(ModelError::NotWeights {
            path: path.to_owned(),
            reason: format!("expected at most {MAX_TENSORS} tensors, found {}", names.len()),
        });
    }
    let (prefix, note) = network_of(&names, path)?;
    let note = file.note().or(note);
    Ok((names, prefix, note))
}

/// What is wrong with a tensor.
pub(super) fn misfit(path: &Path, tensor: &str, expected: String, found: String) -> ModelError {
    ModelError::Tensor {
        path: path.to_owned(),
        tensor: excerpt(tensor, 200),
        expected,
        found: excerpt(&found, 200),
    }
}

/// The tensor called `prefix` and `name` in the file, if it is what `spec` wants.
pub(super) fn take(
    file: &mut dyn TensorFile,
    names: &[String],
    prefix: &str,
    name: &str,
    spec: &TensorSpec,
    path: &Path,
) -> Result<WeightTensor, ModelError> {
    let misfit = |expected: String, found: String| misfit(path, name, expected, found);
    let in_file = format!("{prefix}{name}");
    let expected = format!("shape {:?}", spec.shape);
    if !names.contains(&in_file) {
        return Err(misfit(expected, "no such tensor".into()));
    }
    let shape = file.shape(&in_file);
    if shape != spec.shape {
        return Err(misfit(expected, format!("shape {shape:?}")));
    }
    let values =
        file.values(&in_file).map_err(|found| misfit("values in F64, F32, F16 or BF16".into(), found))?;
    if let Some(at) = values.iter().position(|v| !v.is_finite()) {
        return Err(misfit("finite values".into(), format!("{} at index {at}", values[at])));
    }
    if spec.name.ends_with(".running_var")
        && let Some(at) = values.iter().position(|v| *v < 0.0)
    {
        return Err(misfit("variances of at least 0".into(), format!("{} at index {at}", values[at])));
    }
    Ok(WeightTensor { shape, values })
}

/// The first name behind the prefix, in order, that is not wanted and no counter.
pub(super) fn first_extra<'a>(
    names: &'a [String],
    prefix: &str,
    wanted: impl Fn(&str) -> bool,
) -> Option<&'a str> {
    let bare = names.iter().filter_map(|n| n.strip_prefix(prefix));
    bare.filter(|n| !wanted(n) && !n.ends_with(".num_batches_tracked")).min()
}

/// Exactly the tensors of the network; one or two blocks a layer are told apart by the names.
/// `num_batches_tracked` is ignored. The last layer's rows are brought into this program's order.
pub(super) fn assemble(
    file: &mut dyn TensorFile,
    source: Source,
    options: &ReadOptions,
    path: &Path,
) -> Result<NetworkWeights, ModelError> {
    let (names, prefix, note) = names_of(file, path)?;
    let prefix = prefix.as_str();
    let second_block = format!("{prefix}layer1.1.");
    let blocks = if names.iter().any(|n| n.starts_with(&second_block)) { 2 } else { 1 };
    let mut tensors = BTreeMap::new();
    for spec in state_dict_layout(blocks) {
        let tensor = take(file, &names, prefix, &spec.name, &spec, path)?;
        tensors.insert(spec.name, tensor);
    }
    if let Some(name) = first_extra(&names, prefix, |n| tensors.contains_key(n)) {
        let expected = format!("no such tensor in a network with {blocks} block(s) a layer");
        return Err(misfit(path, name, expected, "an extra tensor".into()));
    }
    let mut weights = NetworkWeights { blocks, tensors, metadata: source.metadata };
    settle(&mut weights, &source.facts, options, path)?;
    if let Some(note) = note {
        weights.metadata.insert("taken_from".to_owned(), note);
    }
    weights.check_metadata(path)?;
    Ok(weights)
}
