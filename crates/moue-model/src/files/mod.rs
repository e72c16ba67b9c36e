//! Weights files.

mod assemble;
mod checkpoint;
mod facts;
mod kinds;
mod naming;
mod objects;
mod pickle;
mod pytorch_file;
mod safetensors_file;
mod settle;
mod torchvision;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

pub use safetensors_file::{MAX_FILE_BYTES, parse_safetensors, read_safetensors};

use self::assemble::{Source, TensorFile, assemble};
use super::{Classifier, DeviceChoice, ModelError, NetworkWeights, ReadOptions};
pub use safetensors_file::{check_header, read_file};
pub(crate) use settle::ORDER_BEFORE;
pub use torchvision::{BodyWeights, RESNET18_BLOCKS, StartWeights, is_head};
pub use write::{StoredAs, write_safetensors};

/// The network that the program brings along, see `models/MODEL_CARD.md`.
static BUILT_IN: &[u8] = include_bytes!("../../../../models/moue-fer2013.safetensors");
const BUILT_IN_NAME: &str = "moue-fer2013 (built in)";

/// Weights, and where they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedWeights {
    /// The tensors and metadata.
    pub weights: NetworkWeights,
    /// Name to show: the file's, or that of the built-in network.
    pub name: String,
    /// The file; `None` for the built-in network.
    pub path: Option<PathBuf>,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// What was said of the file when it was read.
    pub read_as: ReadOptions,
}

impl LoadedWeights {
    /// The network that is part of the program.
    ///
    /// # Errors
    /// Never with the file that is compiled in (a test reads it).
    pub fn built_in() -> Result<Self, ModelError> {
        Self::built_in_as(&ReadOptions::default())
    }

    /// As [`Self::built_in`], with another input size or order of classes.
    ///
    /// # Errors
    /// [`ModelError::Metadata`] where the size is none.
    pub fn built_in_as(options: &ReadOptions) -> Result<Self, ModelError> {
        Ok(Self {
            weights: parse_weights_as(BUILT_IN, Path::new(BUILT_IN_NAME), options)?,
            name: BUILT_IN_NAME.to_owned(),
            path: None,
            sha256: hash(BUILT_IN),
            read_as: *options,
        })
    }

    /// Reads a weights file. The kind of file is told by its content, not by its name.
    ///
    /// # Errors
    /// [`ModelError`], naming the file and the first tensor that does not fit.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::read_as(path, &ReadOptions::default())
    }

    /// As [`Self::read`], where `options` say what the file does not, or says wrongly.
    ///
    /// # Errors
    /// [`ModelError`], naming the file and the first tensor or statement that does not fit.
    pub fn read_as(path: &Path, options: &ReadOptions) -> Result<Self, ModelError> {
        let bytes = read_file(path)?;
        Ok(Self {
            weights: parse_weights_as(&bytes, path, options)?,
            name: name_of(path),
            path: Some(path.to_owned()),
            sha256: hash(&bytes),
            read_as: *options,
        })
    }

    /// Prepares the network for reading faces, see [`Classifier::new`].
    ///
    /// # Errors
    /// As [`Classifier::new`]; where the weights are at fault the message names the file.
    pub fn classifier(&self, device: DeviceChoice, threads: usize) -> Result<Classifier, ModelError> {
        Classifier::new(&self.weights, device, threads).map_err(|e| match e {
            ModelError::NotFinite { class, value } => ModelError::Broken {
                path: self.path.clone().unwrap_or_else(|| self.name.clone().into()),
                class,
                value,
            },
            other => other,
        })
    }
}

/// Checks the bytes of a weights file: a zip archive is PyTorch's, anything else should be safetensors.
/// `path` is only for messages.
///
/// # Errors
/// [`ModelError`], naming the file and the first tensor that does not fit.
pub fn parse_weights(bytes: &[u8], path: &Path) -> Result<NetworkWeights, ModelError> {
    parse_weights_as(bytes, path, &ReadOptions::default())
}

/// As [`parse_weights`], where `options` say what the file does not, or says wrongly.
///
/// # Errors
/// [`ModelError`], naming the file and the first tensor or statement that does not fit.
pub fn parse_weights_as(
    bytes: &[u8],
    path: &Path,
    options: &ReadOptions,
) -> Result<NetworkWeights, ModelError> {
    with_tensors(bytes, path, |file, source| assemble(file, source, options, path))
}

/// Hands the tensors of a file of either kind, and what it says beside them, to `take`.
fn with_tensors<T>(
    bytes: &[u8],
    path: &Path,
    take: impl FnOnce(&mut dyn TensorFile, Source) -> Result<T, ModelError>,
) -> Result<T, ModelError> {
    if pytorch_file::is_archive(bytes) {
        let (mut file, facts) = pytorch_file::open(bytes, path)?;
        take(&mut file, Source { metadata: BTreeMap::new(), facts })
    } else if bytes.get(8) == Some(&b'{') && (bytes[4..8] == [0; 4] || kinds::named(bytes).is_none()) {
        let (mut file, source) = safetensors_file::open(bytes, path)?;
        take(&mut file, source)
    } else {
        let found = kinds::named(bytes).unwrap_or("something else");
        Err(ModelError::NotWeights {
            path: path.to_owned(),
            reason: format!("expected safetensors or a PyTorch state dict (.pt, .pth), found {found}"),
        })
    }
}

/// What a file is called.
fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
