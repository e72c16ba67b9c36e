//! Labelled faces, in memory: image folders and Kaggle's CSV files.

mod exclude;
mod ferplus;
mod folders;
mod hold_out;
mod kaggle;
mod labels;
mod repeats;
mod table;

use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub use exclude::Exclusions;
pub use ferplus::Votes;
pub use hold_out::ValShare;
pub use labels::ClassNames;
pub use repeats::{Repeat, repeats};

use moue_files::excerpt;
use moue_model::{Expression, TRAINING_FACE_PX};

use super::TrainError;

/// Bytes of one face.
pub const FACE_BYTES: usize = TRAINING_FACE_PX * TRAINING_FACE_PX;

/// A part of the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitName {
    /// What the network learns from.
    Train,
    /// For choosing the epoch, the calibration and the recipe.
    Val,
    /// For the final figures; read once for each network.
    Test,
}

impl SplitName {
    /// All splits.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// The folder's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

impl std::fmt::Display for SplitName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for SplitName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|s| s.name() == text)
            .ok_or_else(|| format!("expected train, val or test, found {text:?}"))
    }
}

/// One labelled face; its pixels are in [`Split::pixels`].
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The file, relative to the data set's folder with `/` between, or the CSV file's row.
    pub name: String,
    /// The label.
    pub label: Expression,
    /// What FER+'s ten judges said of it, as shares of the seven classes.
    pub votes: Option<[f32; Expression::COUNT]>,
}

/// The faces of one split.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Split {
    /// The labels, in the order of the pixels.
    pub samples: Vec<Sample>,
    /// Grey faces of 48x48 bytes, one after the other, as sharp as the live program shows them to the network.
    pub pixels: Vec<u8>,
}

impl Split {
    /// Number of faces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The 48x48 pixels of a face.
    ///
    /// # Panics
    /// When `index` is not below [`Self::len`].
    #[must_use]
    pub fn face(&self, index: usize) -> &[u8] {
        &self.pixels[index * FACE_BYTES..][..FACE_BYTES]
    }

    /// Faces of each class.
    #[must_use]
    pub fn counts(&self) -> [usize; Expression::COUNT] {
        let mut counts = [0; Expression::COUNT];
        for s in &self.samples {
            counts[s.label.index()] += 1;
        }
        counts
    }

    /// Each `n`th face, from the first on; all of them where `n` is 0 or 1.
    #[must_use]
    pub fn every(&self, n: usize) -> Self {
        let mut thinned = Self::default();
        for i in (0..self.len()).step_by(n.max(1)) {
            thinned.push(self.samples[i].clone(), self.face(i));
        }
        thinned
    }

    pub(crate) fn push(&mut self, sample: Sample, face: &[u8]) {
        debug_assert_eq!(face.len(), FACE_BYTES);
        self.samples.push(sample);
        self.pixels.extend_from_slice(face);
    }

    /// SHA-256 of labels and pixels, the same whatever the order and the names of the files.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut digests: Vec<[u8; 32]> = (0..self.len())
            .map(|i| {
                let mut hash = Sha256::new();
                hash.update([self.samples[i].label.index() as u8]);
                hash.update(self.face(i));
                hash.finalize().into()
            })
            .collect();
        digests.sort_unstable();
        let mut hash = Sha256::new();
        for digest in &digests {
            hash.update(digest);
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// Something that was left out of the data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file or row.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// A data set as read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DataSet {
    /// train, val and test; any may be empty.
    splits: [Split; 3],
    /// What could not be read, each named.
    pub skipped: Vec<Skipped>,
    /// How many faces the list of [`Exclusions`] dropped.
    pub excluded: usize,
    /// How names and numbers were understood and what was left out or held out, a line each.
    pub notices: Vec<String>,
    /// How val was drawn from train, where it was.
    pub held_out: Option<ValShare>,
}

/// What to read, and how.
#[derive(Debug, Clone, Default)]
pub struct DataOptions {
    /// FER+'s votes (`ferplus.csv`, `fer2013new.csv`).
    pub ferplus: Option<PathBuf>,
    /// A list of files to drop.
    pub exclude: Option<PathBuf>,
    /// What the folders' names or the table's numbers stand for, in their order.
    pub classes: Option<ClassNames>,
    /// Holds a part of train out for validation, where there is no such part.
    pub val_share: Option<ValShare>,
}

impl DataSet {
    /// Reads the wanted splits of a folder or CSV file.
    ///
    /// A folder holds `train/`, `val/` and `test/` with a folder a class (`validation/` and `valid/` are `val/`); in a
    /// `test/` whose files are called `PublicTest_*` and `PrivateTest_*` the former are validation. A folder
    /// of classes without splits is taken as whichever single split is wanted. Classes may have any of their names, or be
    /// numbered as in FER-2013 or RAF-DB; folders of anything else are left out. [`Self::notices`] tell of it.
    ///
    /// # Errors
    /// [`TrainError`] when the folder, the CSV file, the votes or the list cannot be read, no class is known, or
    /// a wanted split holds nothing. Single pictures and rows that cannot be read are in [`Self::skipped`].
    pub fn read(path: &Path, wanted: &[SplitName], options: &DataOptions) -> Result<Self, TrainError> {
        if let Some(ValShare { share, .. }) = options.val_share
            && !(share > 0.0 && share < 1.0)
        {
            return Err(TrainError::Setting {
                setting: "--val-share",
                expected: "a share between 0 and 1".into(),
                found: share.to_string(),
            });
        }
        let votes = options.ferplus.as_deref().map(Votes::read).transpose()?;
        let exclusions = options.exclude.as_deref().map(Exclusions::read).transpose()?.unwrap_or_default();
        // What is held out lies in train.
        let both = [SplitName::Train, SplitName::Val];
        let holds_out = options.val_share.filter(|_| wanted.contains(&SplitName::Val));
        let all: Vec<SplitName> = SplitName::ALL
            .into_iter()
            .filter(|s| wanted.contains(s) || (holds_out.is_some() && both.contains(s)))
            .collect();
        let mut data = if path.is_dir() {
            match kaggle::csv_in(path) {
                Some(csv) if !folders::has_splits(path) => kaggle::read(&csv, &all, options, votes.as_ref())?,
                _ => folders::read(path, &all, options, votes.as_ref(), &exclusions)?,
            }
        } else {
            kaggle::read(path, &all, options, votes.as_ref())?
        };
        data.drop_listed(&exclusions);
        if let Some(share) = holds_out {
            data.hold_out(share);
        }
        for name in all {
            if !wanted.contains(&name) {
                drop(data.take(name));
            }
        }
        for &name in wanted {
            if data.split(name).is_empty() {
                return Err(TrainError::Data {
                    path: path.to_owned(),
                    expected: format!("faces in the split {name}"),
                    found: match name {
                        SplitName::Val if options.val_share.is_none() => {
                            format!("{}; --val-share 0.1 holds a tenth of train out for it", data.nothing())
                        }
                        _ => data.nothing(),
                    },
                });
            }
        }
        Ok(data)
    }

    /// Why a split is empty; the first files that could not be read are named.
    fn nothing(&self) -> String {
        if self.skipped.is_empty() && self.excluded == 0 {
            return "none".to_owned();
        }
        let first: Vec<String> =
            self.skipped.iter().take(3).map(|s| format!("{}: {}", excerpt(&s.name, 120), s.reason)).collect();
        let named = if first.is_empty() { String::new() } else { format!("; {}", first.join("; ")) };
        format!("none ({} files unreadable, {} excluded{named})", self.skipped.len(), self.excluded)
    }

    /// Fills an empty val from train.
    fn hold_out(&mut self, wanted: ValShare) {
        let there = self.split(SplitName::Val).len();
        if there > 0 {
            self.notices.push(format!(
                "--val-share is not used: the data have {there} validation pictures of their own"
            ));
            return;
        }
        let all = self.take(SplitName::Train);
        let (train, val) = hold_out::hold_out(&all, wanted);
        self.notices.push(format!(
            "no validation pictures: {} of the {} training pictures are held out for it, a share of {} of each class drawn by \
             seed {}; identical pictures stay together",
            val.len(),
            all.len(),
            wanted.share,
            wanted.seed
        ));
        *self.split_mut(SplitName::Train) = train;
        *self.split_mut(SplitName::Val) = val;
        self.held_out = Some(wanted);
    }

    /// One split.
    #[must_use]
    pub fn split(&self, name: SplitName) -> &Split {
        &self.splits[name as usize]
    }

    pub(crate) fn split_mut(&mut self, name: SplitName) -> &mut Split {
        &mut self.splits[name as usize]
    }

    /// Takes one split out.
    #[must_use]
    pub fn take(&mut self, name: SplitName) -> Split {
        std::mem::take(self.split_mut(name))
    }

    /// Training needs every class in these splits.
    ///
    /// # Errors
    /// [`TrainError::Data`], naming the first split and class that holds nothing.
    pub fn require_all_classes(&self, path: &Path, splits: &[SplitName]) -> Result<(), TrainError> {
        for &name in splits {
            let counts = self.split(name).counts();
            if let Some(class) = Expression::ALL.into_iter().find(|e| counts[e.index()] == 0) {
                return Err(TrainError::Data {
                    path: path.to_owned(),
                    expected: format!("faces of all {} classes in the split {name}", Expression::COUNT),
                    found: format!("none for {class}"),
                });
            }
        }
        Ok(())
    }

    fn skip(&mut self, name: impl Into<String>, reason: impl Into<String>) {
        self.skipped.push(Skipped { name: name.into(), reason: reason.into() });
    }

    fn drop_listed(&mut self, exclusions: &Exclusions) {
        if exclusions.is_empty() {
            return;
        }
        for name in SplitName::ALL {
            let old = self.take(name);
            let mut kept = Split::default();
            for (i, sample) in old.samples.iter().enumerate() {
                if exclusions.contains(name, sample) {
                    self.excluded += 1;
                } else {
                    kept.push(sample.clone(), old.face(i));
                }
            }
            *self.split_mut(name) = kept;
        }
    }
}

/// Whether a folder seems to hold that split, or the path is a table, which holds them all.
pub fn holds_split(path: &Path, split: SplitName) -> bool {
    !path.is_dir()
        || folders::has_split(path, split)
        || (!folders::has_splits(path) && kaggle::csv_in(path).is_some())
}

/// Names of the classes, for messages.
fn class_names() -> String {
    Expression::ALL.map(Expression::name).join(", ")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Seven patterns that are easily told apart, with a little noise: `per_class` faces a class.
    pub(crate) fn patterns(per_class: usize, seed: u64) -> Split {
        let mut split = Split::default();
        for n in 0..per_class {
            for label in Expression::ALL {
                let face = pattern(label, seed * 1000 + n as u64);
                let name = format!("{}/{label}_{n}.png", label.name());
                split.push(Sample { name, label, votes: None }, &face);
            }
        }
        split
    }

    /// Bars at an angle and of a width that tell the class.
    pub(crate) fn pattern(label: Expression, seed: u64) -> Vec<u8> {
        let noise = moue_model::formula::hashed_uniform(FACE_BYTES, seed);
        let k = label.index();
        (0..FACE_BYTES)
            .map(|i| {
                let (x, y) = (i % TRAINING_FACE_PX, i / TRAINING_FACE_PX);
                let on = match k {
                    0 => x / 8 % 2 == 0,
                    1 => y / 8 % 2 == 0,
                    2 => (x / 12 + y / 12) % 2 == 0,
                    3 => x.abs_diff(24) + y.abs_diff(24) < 18,
                    4 => x.abs_diff(24).max(y.abs_diff(24)) > 14,
                    5 => y < 24,
                    _ => true,
                };
                let value = if on { 190.0 } else { 60.0 } + 40.0 * noise[i];
                value as u8
            })
            .collect()
    }

    #[test]
    fn the_hash_does_not_depend_on_order_or_names() {
        let one = patterns(2, 1);
        let mut other = Split::default();
        for i in (0..one.len()).rev() {
            other.push(Sample { name: format!("{i}"), ..one.samples[i].clone() }, one.face(i));
        }
        assert_eq!(one.hash(), other.hash());
        other.pixels[0] ^= 1;
        assert_ne!(one.hash(), other.hash());
    }

    #[test]
    fn an_empty_class_is_named() {
        let mut data = DataSet::default();
        *data.split_mut(SplitName::Train) = patterns(1, 1);
        data.require_all_classes(Path::new("d"), &[SplitName::Train]).unwrap();
        data.split_mut(SplitName::Train).samples[1].label = Expression::Angry;
        let e = data.require_all_classes(Path::new("d"), &[SplitName::Train]).unwrap_err();
        assert!(e.to_string().ends_with("split train, found none for disgust"), "{e}");
    }
}
