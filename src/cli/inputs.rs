//! The pictures and videos that `moue analyze` was asked to read.

use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};

use moue_capture::{SkippedFiles, SourceSpec, is_system_file};
use moue_files::FileId;

use super::complain;
use crate::record::is_recording;

/// Files of the inputs, folders opened.
#[derive(Default)]
pub(super) struct Inputs {
    /// The files, those of a folder by name.
    pub(super) files: Vec<SourceSpec>,
    /// Whether something could not be read; it was named.
    pub(super) failed: bool,
    left_out: SkippedFiles,
    /// Folders in the inputs that hold what this program wrote.
    own: Vec<PathBuf>,
    /// Folders that this run writes into.
    written: Vec<FileId>,
}

impl Inputs {
    /// One source that is no file.
    pub(super) fn of(source: SourceSpec) -> Self {
        Self { files: vec![source], ..Self::default() }
    }

    /// Folders become the pictures and videos in them, sub-folders included, except for those that this run writes into
    /// (`written`) and recordings. What cannot be read is named, and the rest is taken.
    pub(super) fn expand<'a>(inputs: &[PathBuf], written: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        // One that is not there yet holds nothing.
        let written = written.into_iter().filter_map(|folder| FileId::of(folder).ok()).collect();
        let mut all = Self { written, ..Self::default() };
        for input in inputs {
            if !input.is_dir() {
                all.files.push(SourceSpec::Path(input.clone()));
                continue;
            }
            let (before, own) = (all.files.len(), all.own.len());
            // What lies in it and cannot be read is named by `walk`.
            let read = all.walk(input);
            if read && all.files.len() == before && all.own.len() == own {
                complain(format_args!(
                    "{}: expected pictures or videos in the folder, found none",
                    input.display()
                ));
                all.failed = true;
            }
        }
        all
    }

    /// The files' paths.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let path = |spec: &SourceSpec| match spec {
            SourceSpec::Path(path) => Some(path.clone()),
            _ => None,
        };
        self.files.iter().filter_map(path).collect()
    }

    /// What was left out, in lines for people.
    pub(super) fn left_out(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(first) = self.own.first() {
            let more = match self.own.len() {
                1 => String::new(),
                all => format!(" and {} more", all - 1),
            };
            lines.push(format!(
                "{}{more}: left out, since this program writes there or recorded it",
                first.display()
            ));
        }
        lines.extend(self.left_out.summary());
        lines
    }

    /// Whether everything in the folder could be read.
    fn walk(&mut self, folder: &Path) -> bool {
        let entries = std::fs::read_dir(folder);
        let entries = entries.and_then(|entries| entries.collect::<io::Result<Vec<DirEntry>>>());
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(e) => {
                complain(format_args!(
                    "{}: the folder cannot be read: {e}; the others are",
                    folder.display()
                ));
                self.failed = true;
                return false;
            }
        };
        entries.sort_by_key(DirEntry::file_name);
        let mut read = true;
        for entry in entries {
            let path = entry.path();
            // A link to a folder could lead back here. What has no type is opened, and its error told.
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                if is_system_file(&path) {
                    continue;
                }
                if self.is_own(&path) {
                    self.own.push(path);
                } else {
                    read &= self.walk(&path);
                }
            } else if self.left_out.takes(&path) {
                self.files.push(SourceSpec::Path(path));
            }
        }
        read
    }

    fn is_own(&self, folder: &Path) -> bool {
        is_recording(folder)
            || (!self.written.is_empty() && FileId::of(folder).is_ok_and(|id| self.written.contains(&id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{FACES_FILE, SESSION_FILE};

    #[test]
    fn own_outputs_and_recordings_are_left_out_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["b", "out", "2026-01-01_10-00-00", "half"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        for name in ["a.png", "b/c.jpg", "out/a.png", "2026-01-01_10-00-00/video.mp4", "half/video.mp4"] {
            std::fs::write(at(name), "").unwrap();
        }
        for name in [SESSION_FILE, FACES_FILE] {
            std::fs::write(at("2026-01-01_10-00-00").join(name), "").unwrap();
        }
        std::fs::write(at("half").join(SESSION_FILE), "").unwrap();
        let names = |inputs: &Inputs| -> Vec<String> {
            let relative = |spec: &SourceSpec| match spec {
                SourceSpec::Path(path) => {
                    path.strip_prefix(folder.path()).unwrap().display().to_string().replace('\\', "/")
                }
                other => other.to_string(),
            };
            inputs.files.iter().map(relative).collect()
        };
        let all = Inputs::expand(&[folder.path().to_owned()], &[at("b/../out"), at("none")]);
        assert_eq!(names(&all), ["a.png", "b/c.jpg", "half/video.mp4"]);
        let said = all.left_out().join("\n");
        assert!(said.contains("2026-01-01_10-00-00 and 1 more: left out"), "{said}");
        assert!(said.contains("1 file left out: 1 text"), "{said}");
        // Who names a folder means it.
        let named = Inputs::expand(&[at("2026-01-01_10-00-00"), at("out/a.png")], &[]);
        assert_eq!(names(&named), ["2026-01-01_10-00-00/video.mp4", "out/a.png"]);
    }
}
