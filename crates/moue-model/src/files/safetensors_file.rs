//! Reads and checks a safetensors file.

use std::collections::BTreeMap;
use std::path::Path;

use half::{bf16, f16};
use moue_files::excerpt;
use moue_files::plain_file;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::assemble::{Source, TensorFile, assemble};
use super::facts::Fact;
use crate::{ModelError, NetworkWeights, ReadOptions};

/// Largest file that is read: a checkpoint of the deeper network with an optimiser's two moments and an
/// average of the weights takes 180 MB.
pub const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;
/// Longest header; those of this network take 12 KiB. The parser needs many times its length in memory.
const MAX_HEADER_BYTES: u64 = 1024 * 1024;

/// Reads the file at `path`; the size is checked before anything is allocated.
///
/// # Errors
/// [`ModelError`], naming the file and the first tensor that does not fit.
pub fn read_safetensors(path: &Path) -> Result<NetworkWeights, ModelError> {
    parse_safetensors(&read_file(path)?, path)
}

/// The file's bytes, at most [`MAX_FILE_BYTES`].
pub fn read_file(path: &Path) -> Result<Vec<u8>, ModelError> {
    plain_file::read(path, MAX_FILE_BYTES)
        .map_err(|e| ModelError::Unreadable { path: path.to_owned(), reason: e.to_string() })
}

/// Refuses a header that would take too much memory to read.
pub fn check_header(bytes: &[u8]) -> Result<(), String> {
    match bytes.first_chunk().map(|b| u64::from_le_bytes(*b)) {
        Some(length) if length > MAX_HEADER_BYTES => {
            Err(format!("expected a header of at most {MAX_HEADER_BYTES} bytes, found {length}"))
        }
        _ => Ok(()),
    }
}

/// Checks the bytes of a safetensors file; `path` is only for messages. One or two blocks a
/// layer are told apart by the names. `num_batches_tracked` is ignored.
///
/// # Errors
/// [`ModelError`], naming the file and the first tensor that does not fit.
pub fn parse_safetensors(bytes: &[u8], path: &Path) -> Result<NetworkWeights, ModelError> {
    let (mut file, source) = open(bytes, path)?;
    assemble(&mut file, source, &ReadOptions::default(), path)
}

/// The file's tensors and text metadata.
pub(super) fn open<'a>(bytes: &'a [u8], path: &Path) -> Result<(Tensors<'a>, Source), ModelError> {
    let refused = |reason: String| ModelError::NotWeights { path: path.to_owned(), reason };
    let not_weights = |e: safetensors::SafeTensorError| refused(excerpt(&e.to_string(), 500));
    check_header(bytes).map_err(refused)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_weights)?;
    let file = SafeTensors::deserialize(bytes).map_err(not_weights)?;
    let metadata: BTreeMap<_, _> = header.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok((Tensors(file), Source { facts: Fact::of_metadata(&metadata), metadata }))
}

/// The tensors of an open file.
pub(super) struct Tensors<'a>(SafeTensors<'a>);

impl TensorFile for Tensors<'_> {
    fn names(&self) -> Vec<String> {
        self.0.names().into_iter().map(str::to_owned).collect()
    }

    fn shape(&self, name: &str) -> Vec<usize> {
        self.0.tensor(name).map(|t| t.shape().to_vec()).unwrap_or_default()
    }

    fn values(&mut self, name: &str) -> Result<Vec<f32>, String> {
        let view = self.0.tensor(name).map_err(|e| e.to_string())?;
        to_f32(&view).ok_or_else(|| format!("{:?}", view.dtype()))
    }
}

fn to_f32(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let data = view.data();
    Some(match view.dtype() {
        Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F16 => data.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::F64 => data.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        Dtype::BF16 => data.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        _ => return None,
    })
}
