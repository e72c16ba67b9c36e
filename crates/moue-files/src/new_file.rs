//! Files that take their name only when they are complete.

use std::io::{self, Write as _};
use std::path::Path;

use tempfile::{NamedTempFile, PersistError};

/// A temporary file beside `path`, to be written and then renamed to it with [`NamedTempFile::persist`]:
/// what is there keeps its content until then, also after a failure.
///
/// # Errors
/// What the system says, for example that there is no such folder.
pub fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".moue-");
    // Temporary files are private; a result is as readable as any file that the user makes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder).map_err(plain)
}

/// The system's error without the temporary file's name, which would mislead whoever reads it. The library puts it behind the
/// system's words.
fn plain(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((system, _)) => io::Error::new(error.kind(), system.to_owned()),
        None => error,
    }
}

/// Writes a file whole or not at all. Its bytes are on the disk before it takes its name: a power cut leaves the old
/// file or the new one. It is as readable as the user's umask says.
///
/// # Errors
/// What the system says; what was there before is as it was.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = beside(path)?;
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Writes a file whole or not at all; with `replace` in the place of one that is there. Unlike [`write()`] it does not wait
/// for the disk: thousands of pictures would take minutes longer.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where the name is taken and nothing may be replaced, else what the system says. What
/// was there before is as it was, and nothing is left of the new file.
pub fn put(path: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
    // Looked at before anything is written; what comes in between is seen below.
    if !replace && path.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut file = beside(path)?;
    file.as_file_mut().write_all(bytes)?;
    take_name(file, path, replace).map_err(|e| e.error)
}

/// Gives a file of [`beside`] its name; with `replace` also where that is taken.
///
/// # Errors
/// As [`put`]; the file comes with it, and vanishes when it is dropped.
pub fn take_name(file: NamedTempFile, path: &Path, replace: bool) -> Result<(), PersistError> {
    if replace {
        return file.persist(path).map(drop);
    }
    match file.persist_noclobber(path) {
        // Some file systems can neither rename without replacing nor give a file a second name.
        Err(e) if e.error.kind() != io::ErrorKind::AlreadyExists && path.symlink_metadata().is_err() => {
            e.file.persist(path).map(drop)
        }
        outcome => outcome.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = write(&folder.path().join("missing/b.txt"), b"").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(!missing.to_string().contains(".moue-"), "{missing}");
    }

    #[test]
    fn a_file_that_is_there_is_replaced_only_where_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        put(&path, b"one", false).unwrap();
        assert_eq!(put(&path, b"two", false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        let late = beside(&path).unwrap();
        assert_eq!(take_name(late, &path, false).unwrap_err().error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        put(&path, b"two", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let in_the_way = folder.path().join("folder");
        std::fs::create_dir(&in_the_way).unwrap();
        assert!(put(&in_the_way, b"", true).is_err() && in_the_way.is_dir());
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink("nowhere", &link).unwrap();
            assert_eq!(put(&link, b"two", false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert!(link.is_symlink());
        }
        assert!(put(&folder.path().join("missing/b.txt"), b"", true).is_err());
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, if cfg!(unix) { 3 } else { 2 }, "no temporary file stays");
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_as_readable_as_any_other_of_the_user() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (folder.path().join("ours"), folder.path().join("other"));
        write(&ours, b"").unwrap();
        std::fs::write(&other, b"").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&other));
        let added = folder.path().join("added");
        put(&added, b"", false).unwrap();
        assert_eq!(mode(&added), mode(&other));
    }
}
