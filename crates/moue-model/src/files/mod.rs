//! Weights files.

mod assemble;
mod pickle;
mod pytorch_file;
mod safetensors_file;
mod torchvision;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

pub use safetensors_file::{MAX_FILE_BYTES, parse_safetensors, read_safetensors};

use self::assemble::{TensorFile, assemble};
use super::{Classifier, DeviceChoice, ModelError, NetworkWeights};
pub use safetensors_file::{check_header, read_file};
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
}

impl LoadedWeights {
    /// The network that is part of the program.
    ///
    /// # Errors
    /// Never with the file that is compiled in (a test reads it).
    pub fn built_in() -> Result<Self, ModelError> {
        Ok(Self {
            weights: parse_safetensors(BUILT_IN, Path::new(BUILT_IN_NAME))?,
            name: BUILT_IN_NAME.to_owned(),
            path: None,
            sha256: hash(BUILT_IN),
        })
    }

    /// Reads a weights file. The kind of file is told by its content, not by its name.
    ///
    /// # Errors
    /// [`ModelError`], naming the file and the first tensor that does not fit.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let bytes = read_file(path)?;
        Ok(Self {
            weights: parse_weights(&bytes, path)?,
            name: name_of(path),
            path: Some(path.to_owned()),
            sha256: hash(&bytes),
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
    with_tensors(bytes, path, |file, metadata| assemble(file, metadata, path))
}

/// Hands the tensors and the metadata of a file of either kind to `take`.
fn with_tensors<T>(
    bytes: &[u8],
    path: &Path,
    take: impl FnOnce(&mut dyn TensorFile, BTreeMap<String, String>) -> Result<T, ModelError>,
) -> Result<T, ModelError> {
    if pytorch_file::is_archive(bytes) {
        take(&mut pytorch_file::open(bytes, path)?, BTreeMap::new())
    } else if pytorch_file::is_old_format(bytes) {
        Err(ModelError::NotWeights {
            path: path.to_owned(),
            reason:
                "this is PyTorch's old format of before version 1.6; load it there and save it again with \
                     torch.save(model.state_dict(), FILE)"
                    .into(),
        })
    } else if bytes.get(8) == Some(&b'{') {
        let (mut file, metadata) = safetensors_file::open(bytes, path)?;
        take(&mut file, metadata)
    } else {
        let found = match bytes {
            [] => "an empty file",
            [b'v', b'e', b'r', b's', b'i', b'o', b'n', b' ', ..] => {
                "text (where it is a Git LFS pointer, fetch the file that it stands for)"
            }
            _ => "something else",
        };
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
