//! Image folders: a folder a split, in it a folder a class.

use std::fs;
use std::path::{Path, PathBuf};

use moue_capture::picture::read_picture;
use moue_detect::{CropRegion, append_crop};
use moue_model::{Expression, TRAINING_FACE_PX};
use rayon::prelude::*;

use super::{DataSet, Exclusions, Sample, SplitName, Votes, class_names, class_of};
use crate::TrainError;

/// What splits are called in the data sets that people have.
const SPLIT_FOLDERS: [(&str, SplitName); 5] = [
    ("train", SplitName::Train),
    ("val", SplitName::Val),
    ("valid", SplitName::Val),
    ("validation", SplitName::Val),
    ("test", SplitName::Test),
];

/// A picture that is to be read.
struct Entry {
    path: PathBuf,
    split: SplitName,
    label: Expression,
    name: String,
}

/// Whether the folder holds a folder named like a split.
pub(super) fn has_splits(root: &Path) -> bool {
    SPLIT_FOLDERS.iter().any(|(name, _)| root.join(name).is_dir())
}

/// Whether the folder holds that split; Kaggle's `test/` may hold validation pictures too.
pub(super) fn has_split(root: &Path, split: SplitName) -> bool {
    SPLIT_FOLDERS.iter().any(|(name, of)| *of == split && root.join(name).is_dir())
        || (split == SplitName::Val && kaggle_test(root))
}

/// Whether `test/` names validation pictures.
fn kaggle_test(root: &Path) -> bool {
    Expression::ALL.iter().any(|class| {
        sorted(&root.join("test").join(class.name()))
            .is_ok_and(|files| files.iter().any(|(name, _)| name.starts_with("PublicTest_")))
    })
}

/// Reads the wanted splits, two pictures at a time on two cores.
pub(super) fn read(
    root: &Path,
    wanted: &[SplitName],
    votes: Option<&Votes>,
    exclusions: &Exclusions,
) -> Result<DataSet, TrainError> {
    let mut data = DataSet::default();
    let mut entries = Vec::new();
    if has_splits(root) {
        for (folder, split) in SPLIT_FOLDERS {
            let path = root.join(folder);
            // Kaggle's test/ holds the validation pictures too.
            let may_hold =
                wanted.contains(&split) || (split == SplitName::Test && wanted.contains(&SplitName::Val));
            if path.is_dir() && may_hold {
                list_split(&path, folder, split, &mut entries)?;
            }
        }
    } else if let [single] = wanted {
        list_split(root, "", *single, &mut entries)?;
    } else {
        return Err(TrainError::Data {
            path: root.to_owned(),
            expected: "folders train/, val/ and test/, or fer2013.csv".into(),
            found: "none of them".into(),
        });
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

/// The files of a split's class folders, sorted by name.
fn list_split(
    path: &Path,
    prefix: &str,
    split: SplitName,
    entries: &mut Vec<Entry>,
) -> Result<(), TrainError> {
    for (name, class_path) in sorted(path)? {
        if !class_path.is_dir() {
            continue;
        }
        let label = class_of(&name).ok_or_else(|| TrainError::Data {
            path: path.to_owned(),
            expected: format!("folders named {}", class_names()),
            found: format!("a folder {name:?}"),
        })?;
        for (file, file_path) in sorted(&class_path)? {
            if file_path.is_dir() {
                return Err(TrainError::Data {
                    path: class_path,
                    expected: "pictures".into(),
                    found: format!("a folder {file:?}"),
                });
            }
            let parts = [prefix, &name, &file];
            let relative = parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("/");
            // Kaggle's copy of FER-2013 has only train/ and test/; the names keep the official split.
            let split = match split {
                SplitName::Test if file.starts_with("PublicTest_") => SplitName::Val,
                other => other,
            };
            entries.push(Entry { path: file_path, split, label, name: relative });
        }
    }
    Ok(())
}

/// Names and paths in a folder, sorted; hidden files (`.DS_Store`) left out.
fn sorted(folder: &Path) -> Result<Vec<(String, PathBuf)>, TrainError> {
    let unreadable =
        |e: std::io::Error| TrainError::Unreadable { path: folder.to_owned(), reason: e.to_string() };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
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
