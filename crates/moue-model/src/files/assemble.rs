//! From a file's tensors to a checked network, whatever the file's format.

use std::collections::BTreeMap;
use std::path::Path;

use moue_files::excerpt;

use crate::{ModelError, NetworkWeights, WeightTensor, state_dict_layout};

/// What `DataParallel` puts in front of every name.
const PARALLEL_PREFIX: &str = "module.";
/// Most tensors that a file may hold: the deeper network has 104 with its counters.
const MAX_TENSORS: usize = 4096;

/// The tensors of a file.
pub(super) trait TensorFile {
    /// All names.
    fn names(&self) -> Vec<String>;

    /// The shape of a tensor that is there.
    fn shape(&self, name: &str) -> Vec<usize>;

    /// The values of a tensor in row-major order; the error says what was found instead.
    fn values(&mut self, name: &str) -> Result<Vec<f32>, String>;
}

/// Exactly the tensors of the network; one or two blocks a layer are told apart by the names.
/// `num_batches_tracked` is ignored.
pub(super) fn assemble(
    file: &mut dyn TensorFile,
    metadata: BTreeMap<String, String>,
    path: &Path,
) -> Result<NetworkWeights, ModelError> {
    let misfit = |tensor: &str, expected: String, found: String| ModelError::Tensor {
        path: path.to_owned(),
        tensor: excerpt(tensor, 200),
        expected,
        found: excerpt(&found, 200),
    };
    let names = file.names();
    if names.len() > MAX_TENSORS {
        return Err(ModelError::NotWeights {
            path: path.to_owned(),
            reason: format!("expected at most {MAX_TENSORS} tensors, found {}", names.len()),
        });
    }
    let wrapped = !names.is_empty() && names.iter().all(|n| n.starts_with(PARALLEL_PREFIX));
    let prefix = if wrapped { PARALLEL_PREFIX } else { "" };
    let second_block = format!("{prefix}layer1.1.");
    let blocks = if names.iter().any(|n| n.starts_with(&second_block)) { 2 } else { 1 };
    let mut tensors = BTreeMap::new();
    for spec in state_dict_layout(blocks) {
        let in_file = format!("{prefix}{}", spec.name);
        let expected = format!("shape {:?}", spec.shape);
        if !names.contains(&in_file) {
            return Err(misfit(&spec.name, expected, "no such tensor".into()));
        }
        let shape = file.shape(&in_file);
        if shape != spec.shape {
            return Err(misfit(&spec.name, expected, format!("shape {shape:?}")));
        }
        let values = file
            .values(&in_file)
            .map_err(|found| misfit(&spec.name, "values in F32, F16 or BF16".into(), found))?;
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(misfit(&spec.name, "finite values".into(), format!("{} at index {at}", values[at])));
        }
        if spec.name.ends_with(".running_var")
            && let Some(at) = values.iter().position(|v| *v < 0.0)
        {
            let found = format!("{} at index {at}", values[at]);
            return Err(misfit(&spec.name, "variances of at least 0".into(), found));
        }
        tensors.insert(spec.name, WeightTensor { shape: spec.shape, values });
    }
    let mut extra: Vec<&str> = names
        .iter()
        .map(|n| n.strip_prefix(prefix).unwrap_or(n))
        .filter(|n| !tensors.contains_key(*n) && !n.ends_with(".num_batches_tracked"))
        .collect();
    extra.sort_unstable();
    if let Some(name) = extra.first() {
        let expected = format!("no such tensor in a network with {blocks} block(s) a layer");
        return Err(misfit(name, expected, "an extra tensor".into()));
    }
    let weights = NetworkWeights { blocks, tensors, metadata };
    weights.check_metadata(path)?;
    Ok(weights)
}
