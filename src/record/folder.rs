//! The files of a session folder, and names for new folders and snapshots: by local time, and never one that is taken.

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Local};

/// The rows of a session.
pub const FACES_FILE: &str = "faces.csv";
/// The markers of a session, where there are any.
pub const EVENTS_FILE: &str = "events.csv";
/// What was recorded, by which network and settings.
pub const SESSION_FILE: &str = "session.json";
/// The annotated video.
pub(super) const VIDEO_FILE: &str = "video.mp4";

/// All files of a session.
pub const SESSION_FILES: [&str; 4] = [SESSION_FILE, FACES_FILE, EVENTS_FILE, VIDEO_FILE];

/// Whether the folder is that of a session.
#[must_use]
pub fn is_recording(folder: &Path) -> bool {
    [SESSION_FILE, FACES_FILE].iter().all(|name| folder.join(name).is_file())
}

/// How many names are tried before giving up.
const TRIES: u32 = 1000;

/// Makes a new folder in `parent`, named by the local time, for example `2026-03-01_14-05-09`; numbered where
/// that name is taken. `parent` must be there.
///
/// # Errors
/// What the system says.
pub fn new_session_folder(parent: &Path, now: DateTime<Local>) -> io::Result<PathBuf> {
    first_free(parent, now, "", |path| std::fs::create_dir(path))
}

/// The first name by local time with `ending` that `make` can take.
pub(super) fn first_free(
    parent: &Path,
    now: DateTime<Local>,
    ending: &str,
    make: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let stem = now.format("%Y-%m-%d_%H-%M-%S").to_string();
    for number in 1..=TRIES {
        let name = match number {
            1 => format!("{stem}{ending}"),
            _ => format!("{stem}-{number}{ending}"),
        };
        let path = parent.join(name);
        match make(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{stem} and {TRIES} more names are taken")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_one_second_get_names_of_their_own() {
        let parent = tempfile::tempdir().unwrap();
        let now = Local::now();
        let made: Vec<PathBuf> = (0..3).map(|_| new_session_folder(parent.path(), now).unwrap()).collect();
        assert!(made.iter().all(|path| path.is_dir()));
        assert!(made[0] != made[1] && made[1] != made[2]);
        assert!(made[2].file_name().unwrap().to_string_lossy().ends_with("-3"));
        let gone = parent.path().join("none");
        assert_eq!(new_session_folder(&gone, now).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
