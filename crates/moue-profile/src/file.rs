//! `.moueprofile` files: safetensors with everything that is no tensor as JSON in one metadata entry. No pictures.

use std::collections::HashMap;
use std::path::Path;

use moue_files::{excerpt, new_file, plain_file};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::features::{Block, Part};
use crate::learn::CLASSES;
use crate::owner::Owner;
use crate::{Profile, ProfileError, Review};

/// Largest file that is read; those of 12 expressions take 80 KiB.
pub const MAX_PROFILE_BYTES: u64 = 4 * 1024 * 1024;
/// Longest header.
const MAX_HEADER_BYTES: u64 = 256 * 1024;
/// Longest vector of one face.
const MAX_DIMENSION: usize = 8192;
/// Longest name of an expression, in bytes.
const MAX_NAME_BYTES: usize = 100;
/// The metadata's entry.
const ENTRY: &str = "moueprofile";
/// Version of this layout.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    format: u32,
    made_by: String,
    names: Vec<String>,
    network_name: String,
    network_sha256: String,
    blocks: Vec<Block>,
    temperature: f32,
    other_beyond: Option<f32>,
    /// Profiles of earlier versions have none.
    #[serde(default)]
    somebody_else_beyond: Option<f32>,
    review: Option<Review>,
}

impl Profile {
    /// Writes the file whole or not at all. The same profile gives the same bytes.
    ///
    /// # Errors
    /// [`ProfileError::Unwritable`]; a file that was there is as it was.
    pub fn write(&self, path: &Path) -> Result<(), ProfileError> {
        let unwritable = |reason: String| ProfileError::Unwritable { path: path.to_owned(), reason };
        if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
            return Err(unwritable("expected a file, found a folder or a device".into()));
        }
        let facts = Facts {
            format: FORMAT,
            made_by: concat!("moue ", env!("CARGO_PKG_VERSION")).into(),
            names: self.names.clone(),
            network_name: self.network_name.clone(),
            network_sha256: self.network_sha256.clone(),
            blocks: self.blocks.clone(),
            temperature: self.temperature,
            other_beyond: self.other_beyond,
            somebody_else_beyond: self.owner.as_ref().map(|owner| owner.beyond),
            review: self.review.clone(),
        };
        let (classes, dimension) = (self.names.len(), self.mean.len());
        let bytes = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
        let mut tensors = vec![
            ("bias", vec![classes], bytes(&self.bias)),
            ("class_means", vec![classes, dimension], bytes(&self.means)),
            ("mean", vec![dimension], bytes(&self.mean)),
            ("weights", vec![classes, dimension], bytes(&self.weights)),
        ];
        if let Some(owner) = &self.owner {
            tensors.push(("proportions", vec![owner.mean.len()], bytes(&owner.mean)));
        }
        let mut views = Vec::new();
        for (name, shape, data) in &tensors {
            let view =
                TensorView::new(Dtype::F32, shape.clone(), data).map_err(|e| unwritable(e.to_string()))?;
            views.push((*name, view));
        }
        let facts = serde_json::to_string(&facts).map_err(|e| unwritable(e.to_string()))?;
        let metadata = HashMap::from([(ENTRY.to_owned(), facts)]);
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| unwritable(e.to_string()))?;
        new_file::write(path, &bytes).map_err(|e| unwritable(e.to_string()))
    }

    /// Reads a file; its size is checked before anything is allocated.
    ///
    /// # Errors
    /// [`ProfileError::Unreadable`], or [`ProfileError::NotAProfile`] with what does not fit.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        if let Ok(length) = std::fs::metadata(path).map(|m| m.len())
            && length > MAX_PROFILE_BYTES
        {
            let reason = format!("expected at most {MAX_PROFILE_BYTES} bytes, found {length}");
            return Err(ProfileError::NotAProfile { path: path.to_owned(), reason });
        }
        let bytes = plain_file::read(path, MAX_PROFILE_BYTES)
            .map_err(|e| ProfileError::Unreadable { path: path.to_owned(), reason: e.to_string() })?;
        parse(&bytes).map_err(|reason| ProfileError::NotAProfile {
            path: path.to_owned(),
            reason: excerpt(&reason, 300),
        })
    }
}

fn parse(bytes: &[u8]) -> Result<Profile, String> {
    let Some(length) = bytes.first_chunk().map(|b| u64::from_le_bytes(*b)) else {
        return Err(format!("found {} bytes, fewer than any has", bytes.len()));
    };
    // What begins with such a number is a picture, a text, anything but this.
    if length > u64::from(u32::MAX) || bytes.get(8) != Some(&b'{') {
        return Err("found a file of another kind".into());
    }
    if length > MAX_HEADER_BYTES {
        return Err(format!("expected a header of at most {MAX_HEADER_BYTES} bytes, found {length}"));
    }
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let text = header.metadata().as_ref().and_then(|m| m.get(ENTRY));
    let text = text.ok_or("expected the metadata of a profile, found a file of other tensors")?;
    let format = serde_json::from_str::<serde_json::Value>(text).map_err(|e| e.to_string())?;
    match format["format"].as_u64() {
        Some(format) if format == u64::from(FORMAT) => {}
        found => {
            return Err(format!("expected format {FORMAT}, found {found:?}; a newer moue may have made it"));
        }
    }
    let facts: Facts = serde_json::from_str(text).map_err(|e| e.to_string())?;
    check(&facts)?;
    let classes = facts.names.len();
    let dimension = facts.blocks.iter().map(|b| b.len).sum();
    let values = |name: &str, shape: &[usize]| -> Result<Vec<f32>, String> {
        let tensor = file.tensor(name).map_err(|_| format!("expected a tensor {name}"))?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            let found = tensor.shape();
            return Err(format!("{name}: expected F32 {shape:?}, found {:?} {found:?}", tensor.dtype()));
        }
        let values: Vec<f32> =
            tensor.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        match values.iter().find(|v| !v.is_finite()) {
            Some(value) => Err(format!("{name}: expected numbers, found {value}")),
            None => Ok(values),
        }
    };
    let owner = match facts.somebody_else_beyond {
        Some(beyond) => {
            let tensor = file.tensor("proportions").map_err(|_| "expected a tensor proportions")?;
            let length = tensor.shape().iter().product::<usize>().min(MAX_DIMENSION);
            Some(Owner { mean: values("proportions", &[length])?, beyond })
        }
        None => None,
    };
    Ok(Profile {
        owner,
        mean: values("mean", &[dimension])?,
        weights: values("weights", &[classes, dimension])?,
        bias: values("bias", &[classes])?,
        means: values("class_means", &[classes, dimension])?,
        names: facts.names,
        network_name: facts.network_name,
        network_sha256: facts.network_sha256,
        blocks: facts.blocks,
        temperature: facts.temperature,
        other_beyond: facts.other_beyond,
        review: facts.review,
    })
}

fn check(facts: &Facts) -> Result<(), String> {
    if !CLASSES.contains(&facts.names.len()) {
        return Err(format!("expected {CLASSES:?} expressions, found {}", facts.names.len()));
    }
    if let Some(name) = facts.names.iter().find(|n| n.trim().is_empty() || n.len() > MAX_NAME_BYTES) {
        return Err(format!("expected names of 1 to {MAX_NAME_BYTES} bytes, found {:?}", excerpt(name, 40)));
    }
    let mut at = 0;
    for block in &facts.blocks {
        if block.start != at || block.len == 0 || block.len > MAX_DIMENSION || !block.scale.is_finite() {
            return Err(format!("{:?}: expected features from {at} on, found {block:?}", block.part));
        }
        at += block.len;
    }
    if !facts.blocks.iter().any(|b| b.part == Part::Pooled) || at > MAX_DIMENSION {
        return Err(format!("expected the network's features, at most {MAX_DIMENSION} values, found {at}"));
    }
    if !(facts.temperature.is_finite() && facts.temperature > 0.0) {
        return Err(format!("expected a temperature above 0, found {}", facts.temperature));
    }
    if facts.other_beyond.is_some_and(|limit| !(limit.is_finite() && limit >= 0.0)) {
        return Err(format!("expected a distance of 0 or more, found {:?}", facts.other_beyond));
    }
    if facts.somebody_else_beyond.is_some_and(|limit| !(limit.is_finite() && limit > 0.0)) {
        return Err(format!("expected a distance above 0, found {:?}", facts.somebody_else_beyond));
    }
    let count = facts.names.len();
    let fits = |r: &Review| {
        r.confusion.len() == count
            && r.confusion.iter().all(|row| row.len() == count)
            && r.not_measured.iter().chain(r.alike.iter().flat_map(|a| &a.classes)).all(|k| *k < count)
    };
    if facts.review.as_ref().is_some_and(|r| !fits(r)) {
        return Err(format!("expected a review of {count} expressions"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Example, FaceFeatures, TeachOptions, learn};

    fn profile() -> Profile {
        let names: Vec<String> = ["neutral", "tongue out"].map(String::from).to_vec();
        let example = |class: usize, take: usize| {
            let pooled = (0..5).map(|i| ((class * 7 + i) as f32 + 0.3 * take as f32).sin()).collect();
            let shape = Some(vec![class as f32, 1.0, take as f32]);
            let proportions = Some(vec![0.5, class as f32, 2.0]);
            Example {
                class,
                take,
                features: FaceFeatures { pooled, logits: vec![0.1; 7], shape, proportions },
            }
        };
        let examples: Vec<Example> = (0..6).map(|i| example(i % 2, i / 2)).collect();
        let options = TeachOptions {
            network_name: "net.safetensors".into(),
            network_sha256: "0123456789abcdef".repeat(4),
            network_classes: vec![Some(4), None],
        };
        learn(&names, &examples, &options).unwrap().profile
    }

    #[test]
    fn a_profile_comes_back_as_it_was_and_as_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("me.moueprofile");
        let profile = profile();
        profile.write(&path).unwrap();
        let first = std::fs::read(&path).unwrap();
        assert_eq!(Profile::read(&path).unwrap(), profile);
        Profile::read(&path).unwrap().write(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
        profile.check_network("a", &"0123456789abcdef".repeat(4), &path).unwrap();
        let said = profile.check_network("other.pt", "ffff", &path).unwrap_err().to_string();
        assert!(
            said.contains("taught with another network (net.safetensors, SHA-256 0123456789ab...)"),
            "{said}"
        );
        assert!(said.contains("other.pt") && said.contains("teach anew"), "{said}");
    }

    #[test]
    fn each_way_in_which_a_file_can_lie_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.moueprofile");
        let good = folder.path().join("good.moueprofile");
        profile().write(&good).unwrap();
        let bytes = std::fs::read(&good).unwrap();
        let said = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Profile::read(&path).unwrap_err().to_string()
        };
        for end in 0..bytes.len() {
            assert!(said(&bytes[..end]).contains("bad.moueprofile: not a profile"), "{end}");
        }
        // The last tensor's last value becomes NaN.
        let mut nan = bytes.clone();
        let at = nan.len() - 4;
        nan[at..].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(said(&nan).contains("expected numbers, found NaN"));
        let changed = |from: &str, to: &str| {
            assert_eq!(from.len(), to.len());
            let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
            let mut bytes = bytes.clone();
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            said(&bytes)
        };
        let format = changed("\\\"format\\\":1", "\\\"format\\\":7");
        assert!(format.contains("expected format 1") && format.contains("newer moue"), "{format}");
        assert!(changed("moueprofile", "moueprofilx").contains("found a file of other tensors"));
        assert!(changed("\\\"len\\\":5", "\\\"len\\\":6").contains("expected features from"));
        assert!(changed("[2,15]", "[1,30]").contains("expected F32"));
        let mut huge = bytes.clone();
        huge[..8].copy_from_slice(&(1u64 << 30).to_le_bytes());
        assert!(said(&huge).contains("expected a header of at most"));
        assert!(said(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").contains("found a file of another kind"));
        assert!(said(b"a,b,c\n1,2,3\n").contains("found a file of another kind"));
        assert!(changed("somebody_else_beyond\\\":1.3", "somebody_else_beyond\\\":0.0").contains("above 0"));
        std::fs::write(&path, vec![0u8; MAX_PROFILE_BYTES as usize + 1]).unwrap();
        assert!(Profile::read(&path).is_err());
        assert!(profile().write(folder.path()).unwrap_err().to_string().contains("found a folder"));
    }
}
