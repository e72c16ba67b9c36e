//! Image folders: a folder a split, in it a folder a class.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use moue_capture::is_system_file;
use moue_capture::picture::read_picture;
use moue_detect::{CropRegion, append_crop};
use moue_files::excerpt;
use moue_model::{Expression, Label, TRAINING_FACE_PX};
use rayon::prelude::*;

use super::labels::{FolderClasses, some};
use super::{DataOptions, DataSet, Exclusions, Sample, SplitName, Votes};
use crate::TrainError;

/// A picture that is to be read.
struct Entry {
    path: PathBuf,
    split: SplitName,
    label: Expression,
    name: String,
}

/// A folder of pictures of one class, in a split.
struct ClassFolder {
    path: PathBuf,
    /// Relative to the data set.
    relative: String,
    /// Its own name.
    name: String,
    split: SplitName,
}

/// What splits are called in the data sets that people have; upper and lower case are the same.
fn split_of(folder: &str) -> Option<SplitName> {
    let plain: String = folder.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    match plain.as_str() {
        "train" | "training" | "trainset" | "trainingset" => Some(SplitName::Train),
        "val" | "valid" | "validation" | "validate" | "dev" | "valset" | "validationset" | "publictest" => {
            Some(SplitName::Val)
        }
        "test" | "testing" | "testset" | "privatetest" => Some(SplitName::Test),
        _ => None,
    }
}

/// The folders named like splits.
fn splits_in(root: &Path) -> Result<Vec<(String, PathBuf, SplitName)>, TrainError> {
    let folders = sorted(root)?.into_iter().filter(|(_, path)| path.is_dir());
    Ok(folders.filter_map(|(name, path)| split_of(&name).map(|split| (name, path, split))).collect())
}

/// Whether the folder holds a folder named like a split.
pub(super) fn has_splits(root: &Path) -> bool {
    splits_in(root).is_ok_and(|splits| !splits.is_empty())
}

/// Whether the folder holds that split; Kaggle's `test/` may hold validation pictures too.
pub(super) fn has_split(root: &Path, split: SplitName) -> bool {
    let splits = splits_in(root).unwrap_or_default();
    splits.iter().any(|(_, _, of)| *of == split) || (split == SplitName::Val && kaggle_test(&splits))
}

/// Whether `test/` names validation pictures.
fn kaggle_test(splits: &[(String, PathBuf, SplitName)]) -> bool {
    let tests = splits.iter().filter(|(_, _, split)| *split == SplitName::Test);
    tests.flat_map(|(_, path, _)| sorted(path).unwrap_or_default()).any(|(_, class)| {
        sorted(&class).is_ok_and(|files| files.iter().any(|(name, _)| name.starts_with("PublicTest_")))
    })
}

/// Reads the wanted splits, two pictures at a time on two cores.
pub(super) fn read(
    root: &Path,
    wanted: &[SplitName],
    options: &DataOptions,
    votes: Option<&Votes>,
    exclusions: &Exclusions,
) -> Result<DataSet, TrainError> {
    let mut data = DataSet::default();
    let mut folders = Vec::new();
    let splits = splits_in(root)?;
    if !splits.is_empty() {
        let other: Vec<String> = splits
            .iter()
            .filter(|(name, _, split)| name.as_str() != split.name())
            .map(|(name, _, split)| format!("{} = {split}", excerpt(name, 40)))
            .collect();
        if !other.is_empty() {
            data.notices.push(format!("parts read by their names: {}", some(&other)));
        }
        for (name, path, split) in splits {
            list_classes(&path, &name, split, &mut folders)?;
        }
    } else if wanted == [SplitName::Train, SplitName::Val] && options.val_share.is_some() {
        list_classes(root, "", SplitName::Train, &mut folders)?;
    } else if let [single] = wanted {
        list_classes(root, "", *single, &mut folders)?;
    } else {
        let classes =
            sorted(root)?.iter().any(|(name, path)| path.is_dir() && Label::read(name) != Label::Other);
        return Err(TrainError::Data {
            path: root.to_owned(),
            expected: "folders train/, val/ and test/, or fer2013.csv (with --val-share 0.1 a part of train/, or of a folder \
                       of classes, is held out for validation)"
                .into(),
            found: if classes { "folders of classes alone".into() } else { "none of them".into() },
        });
    }
    let names: BTreeSet<String> = folders.iter().map(|f| f.name.clone()).collect();
    let classes = FolderClasses::make_out(root, &names, options.classes.as_ref())?;
    data.notices.extend(classes.notices.iter().cloned());
    let mut entries = Vec::new();
    let mut left_out: BTreeMap<String, usize> = BTreeMap::new();
    for folder in folders {
        // Kaggle's test/ holds the validation pictures too.
        let may_hold = wanted.contains(&folder.split)
            || (folder.split == SplitName::Test && wanted.contains(&SplitName::Val));
        match classes.of(&folder.name) {
            Some(label) if may_hold => list_pictures(&folder, label, &mut entries)?,
            Some(_) => {}
            None => {
                *left_out.entry(folder.name).or_default() += sorted(&folder.path)?.len();
            }
        }
    }
    if !left_out.is_empty() {
        let named: Vec<String> =
            left_out.iter().map(|(name, files)| format!("{} ({files} files)", excerpt(name, 40))).collect();
        data.notices.push(format!("left out, since they are none of the seven classes: {}", some(&named)));
    }
    entries.retain(|e| wanted.contains(&e.split));
    entries.retain(|e| {
        let listed = exclusions.contains_path(&e.name);
        data.excluded += usize::from(listed);
        !listed
    });
    let faces: Vec<Result<Vec<u8>, String>> = entries.par_iter().map(|e| read_face(&e.path)).collect();
    for (entry, face) in entries.into_iter().zip(faces) {
        match face {
            Ok(face) => {
                let votes = votes.and_then(|v| v.of_path(&entry.name));
                let sample = Sample { name: entry.name, label: entry.label, votes };
                data.split_mut(entry.split).push(sample, &face);
            }
            Err(reason) => data.skip(entry.name, reason),
        }
    }
    Ok(data)
}

/// The class folders of a split, sorted by name.
fn list_classes(
    path: &Path,
    prefix: &str,
    split: SplitName,
    folders: &mut Vec<ClassFolder>,
) -> Result<(), TrainError> {
    for (name, path) in sorted(path)? {
        if path.is_dir() {
            let relative = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
            folders.push(ClassFolder { path, relative, name, split });
        }
    }
    Ok(())
}

/// The files of a class's folder, sorted by name.
fn list_pictures(
    folder: &ClassFolder,
    label: Expression,
    entries: &mut Vec<Entry>,
) -> Result<(), TrainError> {
    for (file, path) in sorted(&folder.path)? {
        if path.is_dir() {
            return Err(TrainError::Data {
                path: folder.path.clone(),
                expected: "pictures".into(),
                found: format!("a folder {file:?}"),
            });
        }
        // Kaggle's copy of FER-2013 has only train/ and test/; the names keep the official split.
        let split = match folder.split {
            SplitName::Test if file.starts_with("PublicTest_") => SplitName::Val,
            other => other,
        };
        entries.push(Entry { path, split, label, name: format!("{}/{file}", folder.relative) });
    }
    Ok(())
}

/// Names and paths in a folder, sorted; hidden files (`.DS_Store`) and what systems leave there (`Thumbs.db`) left out.
fn sorted(folder: &Path) -> Result<Vec<(String, PathBuf)>, TrainError> {
    let unreadable =
        |e: std::io::Error| TrainError::Unreadable { path: folder.to_owned(), reason: e.to_string() };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !is_system_file(&entry.path()) {
            names.push((name, entry.path()));
        }
    }
    names.sort();
    Ok(names)
}

/// A picture as the network sees it live: the middle square, grey, at most 48x48 sharp.
pub(crate) fn read_face(path: &Path) -> Result<Vec<u8>, String> {
    let picture = read_picture(path)?;
    let mut face = Vec::new();
    let region = CropRegion::whole_picture(picture.width(), picture.height());
    append_crop(&picture, &region, TRAINING_FACE_PX, &mut face);
    Ok(face.into_iter().map(|v| (v * 255.0).round() as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::pattern;
    use super::super::{DataOptions, DataSet};
    use super::*;

    fn write(path: &Path, face: &[u8]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::save_buffer(path, face, 48, 48, image::ExtendedColorType::L8).unwrap();
    }

    #[test]
    fn pictures_of_the_training_size_are_read_bit_for_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b.png");
        let face: Vec<u8> = (0..48 * 48).map(|i| (i % 256) as u8).collect();
        write(&path, &face);
        assert_eq!(read_face(&path).unwrap(), face);
    }

    #[test]
    fn kaggles_names_tell_validation_from_test() {
        let dir = tempfile::tempdir().unwrap();
        let face = pattern(Expression::Sad, 1);
        write(&dir.path().join("train/Sad/Training_1.png"), &face);
        write(&dir.path().join("test/sad/PublicTest_1.png"), &face);
        write(&dir.path().join("test/sad/PrivateTest_2.png"), &face);
        fs::write(dir.path().join("test/sad/PrivateTest_3.png"), "nothing").unwrap();
        fs::write(dir.path().join("test/.DS_Store"), "").unwrap();
        let data = DataSet::read(dir.path(), &SplitName::ALL, &DataOptions::default()).unwrap();
        let names = |s| data.split(s).samples.iter().map(|s| s.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names(SplitName::Train), ["train/Sad/Training_1.png"]);
        assert_eq!(names(SplitName::Val), ["test/sad/PublicTest_1.png"]);
        assert_eq!(names(SplitName::Test), ["test/sad/PrivateTest_2.png"]);
        assert_eq!(data.skipped.len(), 1);
        assert_eq!(data.skipped[0].name, "test/sad/PrivateTest_3.png");
        assert!(data.skipped[0].reason.contains("a text file"), "{}", data.skipped[0].reason);
    }

    #[test]
    fn unknown_classes_and_empty_splits_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("train/contempt/1.png"), &pattern(Expression::Sad, 1));
        let read = |wanted: &[SplitName]| {
            DataSet::read(dir.path(), wanted, &DataOptions::default()).unwrap_err().to_string()
        };
        assert!(read(&[SplitName::Train]).contains("a folder \"contempt\""));
        fs::rename(dir.path().join("train/contempt"), dir.path().join("train/fear")).unwrap();
        assert!(read(&[SplitName::Train, SplitName::Val]).contains("faces in the split val, found none"));
    }

    #[test]
    fn a_folder_of_classes_is_one_split() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("happy/1.png"), &pattern(Expression::Happy, 1));
        let data = DataSet::read(dir.path(), &[SplitName::Test], &DataOptions::default()).unwrap();
        assert_eq!(data.split(SplitName::Test).samples[0].name, "happy/1.png");
    }
}
