//! Reads and checks a safetensors file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::model::{ModelError, NetworkWeights, WeightTensor, state_dict_layout};

/// Largest file that is read: twice the deeper network in f32.
pub const MAX_FILE_BYTES: u64 = 96 * 1024 * 1024;

/// Reads the file at `path`; the size is checked before anything is allocated.
///
/// # Errors
/// [`ModelError`], naming the file and the first tensor that does not fit.
pub fn read_safetensors(path: &Path) -> Result<NetworkWeights, ModelError> {
    parse_safetensors(&read_file(path)?, path)
}

/// The file's bytes, at most [`MAX_FILE_BYTES`].
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, ModelError> {
    let unreadable = |reason: String| ModelError::Unreadable { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|e| unreadable(e.to_string()))?;
    let metadata = file.metadata().map_err(|e| unreadable(e.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable("expected a file, found a folder or a device".into()));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(unreadable(format!(
            "expected at most {MAX_FILE_BYTES} bytes, found {} bytes",
            metadata.len()
        )));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(|e| unreadable(e.to_string()))?;
    Ok(bytes)
}

/// Checks the bytes of a safetensors file; `path` is only for messages. One or two blocks a
/// layer are told apart by the names. `num_batches_tracked` is ignored.
///
/// # Errors
/// [`ModelError`], naming the file and the first tensor that does not fit.
pub fn parse_safetensors(bytes: &[u8], path: &Path) -> Result<NetworkWeights, ModelError> {
    let not_weights = |e: safetensors::SafeTensorError| ModelError::NotWeights {
        path: path.to_owned(),
        reason: e.to_string(),
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_weights)?;
    let file = SafeTensors::deserialize(bytes).map_err(not_weights)?;
    let misfit = |tensor: &str, expected: String, found: String| ModelError::Tensor {
        path: path.to_owned(),
        tensor: tensor.to_owned(),
        expected,
        found,
    };

    let blocks = if file.names().iter().any(|n| n.starts_with("layer1.1.")) { 2 } else { 1 };
    let layout = state_dict_layout(blocks);
    let mut tensors = BTreeMap::new();
    for spec in &layout {
        let view = file
            .tensor(&spec.name)
            .map_err(|_| misfit(&spec.name, format!("shape {:?}", spec.shape), "no such tensor".into()))?;
        if view.shape() != spec.shape {
            return Err(misfit(
                &spec.name,
                format!("shape {:?}", spec.shape),
                format!("shape {:?}", view.shape()),
            ));
        }
        let values = to_f32(&view)
            .ok_or_else(|| misfit(&spec.name, "F32, F16 or BF16".into(), format!("{:?}", view.dtype())))?;
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(misfit(&spec.name, "finite values".into(), format!("{} at index {at}", values[at])));
        }
        tensors.insert(spec.name.clone(), WeightTensor { shape: spec.shape.clone(), values });
    }
    let mut extra: Vec<&str> = file
        .names()
        .into_iter()
        .filter(|n| !tensors.contains_key(*n) && !n.ends_with(".num_batches_tracked"))
        .collect();
    extra.sort_unstable();
    if let Some(name) = extra.first() {
        return Err(misfit(
            name,
            format!("no such tensor in a network with {blocks} block(s) a layer"),
            "an extra tensor".into(),
        ));
    }
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let weights = NetworkWeights { blocks, tensors, metadata };
    weights.check_metadata(path)?;
    Ok(weights)
}

fn to_f32(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let data = view.data();
    Some(match view.dtype() {
        Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F16 => data.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        _ => return None,
    })
}
