//! Writes weights as safetensors.

use std::collections::{BTreeMap, HashMap};

use std::path::Path;

use half::f16;
use moue_files::new_file;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::{ModelError, NetworkWeights};

/// How the values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoredAs {
    /// 32-bit floats: exact.
    #[default]
    F32,
    /// 16-bit floats: half the size, rounded to 11 bits.
    F16,
}

impl StoredAs {
    /// The smallest that holds every number of these weights as it is.
    #[must_use]
    pub fn exactly(weights: &NetworkWeights) -> Self {
        let mut values = weights.tensors.values().flat_map(|t| &t.values);
        if values.all(|v| f16::from_f32(*v).to_f32() == *v) { Self::F16 } else { Self::F32 }
    }
}

/// Writes `weights` with their metadata. The file takes its name only when it is complete.
///
/// # Errors
/// [`ModelError::Unwritable`], also where a value is too large for 16 bits; a file that was there is as
/// it was.
pub fn write_safetensors(weights: &NetworkWeights, path: &Path, stored: StoredAs) -> Result<(), ModelError> {
    let unwritable = |reason: String| ModelError::Unwritable { path: path.to_owned(), reason };
    let dtype = match stored {
        StoredAs::F32 => Dtype::F32,
        StoredAs::F16 => Dtype::F16,
    };
    // A device or a pipe of that name must not be replaced by a file.
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return Err(unwritable("expected a file, found a folder or a device".into()));
    }
    if stored == StoredAs::F16 {
        for (name, t) in &weights.tensors {
            if let Some(value) = t.values.iter().find(|v| !f16::from_f32(**v).is_finite()) {
                return Err(unwritable(format!("tensor {name}: {value} is too large for 16 bits")));
            }
        }
    }
    let raw: BTreeMap<&str, (&[usize], Vec<u8>)> = weights
        .tensors
        .iter()
        .map(|(name, t)| {
            let bytes = match stored {
                StoredAs::F32 => t.values.iter().flat_map(|v| v.to_le_bytes()).collect(),
                StoredAs::F16 => t.values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
            };
            (name.as_str(), (t.shape.as_slice(), bytes))
        })
        .collect();
    let mut views = Vec::new();
    for (name, (shape, bytes)) in &raw {
        let view =
            TensorView::new(dtype, shape.to_vec(), bytes).map_err(|e| unwritable(format!("{name}: {e}")))?;
        views.push((*name, view));
    }
    let metadata: HashMap<String, String> = weights.metadata.clone().into_iter().collect();
    let mut bytes = safetensors::serialize(views, (!metadata.is_empty()).then_some(metadata))
        .map_err(|e| unwritable(e.to_string()))?;
    sort_header(&mut bytes).map_err(unwritable)?;
    new_file::write(path, &bytes).map_err(|e| unwritable(e.to_string()))
}

/// Brings the header's keys into an order of their own: the library writes metadata in the order of a hash map, so that
/// the same weights would give another file each time. Values and the header's length stay as they are.
fn sort_header(bytes: &mut [u8]) -> Result<(), String> {
    let (length, rest) = bytes.split_first_chunk().ok_or("no header")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|e| e.to_string())?;
    let header = rest.get(..length).ok_or("no header")?;
    let sorted: serde_json::Value = serde_json::from_slice(header).map_err(|e| e.to_string())?;
    let mut sorted = serde_json::to_vec(&sorted).map_err(|e| e.to_string())?;
    if sorted.len() > length {
        return Err(format!("header: expected at most {length} bytes, found {}", sorted.len()));
    }
    sorted.resize(length, b' ');
    bytes[8..8 + length].copy_from_slice(&sorted);
    Ok(())
}
