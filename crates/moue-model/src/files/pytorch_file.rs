//! PyTorch's `.pt` and `.pth` files: a zip archive with a pickle and one entry a storage.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::rc::Rc;

use half::{bf16, f16};
use zip::ZipArchive;

use super::assemble::TensorFile;
use super::checkpoint::{Checkpoint, read_checkpoint};
use super::facts::Fact;
use super::kinds::kind_of_archive;
use super::objects::{Element, TensorRecord};
use super::pickle::MAX_PICKLE_BYTES;
use crate::ModelError;

/// Most entries of an archive; the deeper network has 107.
const MAX_ENTRIES: usize = 4096;
/// Most bytes of all storages that the network's tensors lie in: the deeper one takes 45 MB in f32.
const MAX_STORAGE_BYTES: u64 = 96 * 1024 * 1024;

/// With or without entries.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// The network's tensors in an archive, and what stands beside them; `path` is only for messages. Nothing in it is
/// executed.
pub(super) fn open<'a>(bytes: &'a [u8], path: &Path) -> Result<(Tensors<'a>, Fact), ModelError> {
    let not_weights = |reason: String| ModelError::NotWeights { path: path.to_owned(), reason };
    // Before the directory is read: an archive of the largest size could list millions of entries.
    let entries = bytes.windows(4).filter(|w| *w == b"PK\x01\x02").count();
    if entries > MAX_ENTRIES {
        return Err(not_weights(format!("expected at most {MAX_ENTRIES} entries, found {entries}")));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| {
        not_weights(
            "its list of contents is missing or damaged: it seems to be cut; copy or download it again"
                .into(),
        )
    })?;
    let names: Vec<_> = archive.file_names().filter_map(Result::ok).collect();
    if let Some(kind) = kind_of_archive(&names) {
        return Err(not_weights(kind));
    }
    drop(names);
    let prefix = archive
        .file_names()
        .filter_map(Result::ok)
        .find_map(|name| name.strip_suffix("data.pkl").map(str::to_owned))
        .ok_or_else(|| not_weights("expected a PyTorch file, found an archive without data.pkl".into()))?;
    let pickle =
        read_entry(&mut archive, &format!("{prefix}data.pkl"), MAX_PICKLE_BYTES).map_err(not_weights)?;
    if let Ok(order) = read_entry(&mut archive, &format!("{prefix}byteorder"), 16)
        && order != b"little"
    {
        return Err(not_weights("expected little-endian values, found big-endian ones".into()));
    }
    let Checkpoint { tensors, facts, note } =
        read_checkpoint(&pickle).map_err(|reason| not_weights(format!("no PyTorch state dict: {reason}")))?;
    let storages = Storages { archive, prefix, read: HashMap::new(), bytes_left: MAX_STORAGE_BYTES };
    Ok((Tensors { storages, tensors, note }, facts))
}

/// An entry's bytes, at most `limit`, whatever size the archive claims.
fn read_entry(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str, limit: u64) -> Result<Vec<u8>, String> {
    let entry = archive.by_name(name).map_err(|e| format!("{name}: {e}"))?;
    if entry.size() > limit {
        return Err(format!("{name}: expected at most {limit} bytes, found {}", entry.size()));
    }
    let mut bytes = Vec::new();
    entry.take(limit + 1).read_to_end(&mut bytes).map_err(|e| format!("{name}: {e}"))?;
    if bytes.len() as u64 > limit {
        return Err(format!("{name}: expected at most {limit} bytes, found more"));
    }
    Ok(bytes)
}

/// The storages read so far. Several tensors may be views of one, and the sum of all is limited:
/// a small archive can inflate to a thousand times its size.
struct Storages<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    prefix: String,
    read: HashMap<Rc<str>, Vec<u8>>,
    bytes_left: u64,
}

impl Storages<'_> {
    fn get(&mut self, key: &Rc<str>) -> Result<&[u8], String> {
        if !self.read.contains_key(key) {
            let bytes =
                read_entry(&mut self.archive, &format!("{}data/{key}", self.prefix), self.bytes_left)?;
            self.bytes_left = self.bytes_left.saturating_sub(bytes.len() as u64);
            self.read.insert(Rc::clone(key), bytes);
        }
        Ok(self.read.get(key).map_or(&[], Vec::as_slice))
    }
}

/// The tensors of an open archive.
pub(super) struct Tensors<'a> {
    storages: Storages<'a>,
    tensors: HashMap<Rc<str>, TensorRecord>,
    note: Option<String>,
}

impl TensorFile for Tensors<'_> {
    fn note(&self) -> Option<String> {
        self.note.clone()
    }

    fn names(&self) -> Vec<String> {
        self.tensors.keys().map(ToString::to_string).collect()
    }

    fn shape(&self, name: &str) -> Vec<usize> {
        self.tensors.get(name).map(|t| t.shape.clone()).unwrap_or_default()
    }

    fn values(&mut self, name: &str) -> Result<Vec<f32>, String> {
        let tensor = self.tensors.get(name).ok_or("no such tensor")?;
        let bytes = self.storages.get(&tensor.storage)?;
        let size = tensor.element.bytes();
        let available = bytes.len() / size;
        // The shape is the network's own by now, so its product is small; the strides are the file's.
        let count: usize = tensor.shape.iter().product();
        let mut values = Vec::with_capacity(count);
        let mut index = vec![0usize; tensor.shape.len()];
        for _ in 0..count {
            let place = index.iter().zip(&tensor.stride).try_fold(tensor.offset, |sum, (i, stride)| {
                i.checked_mul(*stride).and_then(|step| sum.checked_add(step))
            });
            let place = place
                .filter(|p| *p < available)
                .ok_or_else(|| format!("a view that leads out of its storage of {available} values"))?;
            values.push(element_at(tensor.element, &bytes[place * size..][..size])?);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < tensor.shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Ok(values)
    }
}

fn element_at(element: Element, bytes: &[u8]) -> Result<f32, String> {
    let short = || "a storage that ends within a value".to_owned();
    Ok(match element {
        Element::F32 => f32::from_le_bytes(bytes.try_into().map_err(|_| short())?),
        Element::F16 => f16::from_le_bytes(bytes.try_into().map_err(|_| short())?).to_f32(),
        Element::Bf16 => bf16::from_le_bytes(bytes.try_into().map_err(|_| short())?).to_f32(),
        Element::F64 => f64::from_le_bytes(bytes.try_into().map_err(|_| short())?) as f32,
        Element::I64 | Element::Other => return Err(format!("{element:?}")),
    })
}
