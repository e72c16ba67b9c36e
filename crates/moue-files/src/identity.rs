//! Whether two names are those of one file.

use std::io;
use std::path::Path;

/// What a file or folder is, whatever it is called: the same through links of both kinds, `..` and other spellings.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct FileId(Id);

#[cfg(unix)]
type Id = (u64, u64);
// Holds the file open.
#[cfg(not(unix))]
type Id = same_file::Handle;

impl FileId {
    /// That of the file or folder with this name.
    ///
    /// # Errors
    /// What the system says, for example that there is no such file.
    pub fn of(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        let id = {
            use std::os::unix::fs::MetadataExt as _;
            let metadata = std::fs::metadata(path)?;
            (metadata.dev(), metadata.ino())
        };
        #[cfg(not(unix))]
        let id = same_file::Handle::from_path(path)?;
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use super::FileId;

    #[test]
    fn a_file_is_the_same_under_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("deep")).unwrap();
        std::fs::write(at("a"), "same").unwrap();
        std::fs::write(at("b"), "same").unwrap();
        std::fs::hard_link(at("a"), at("hard")).unwrap();
        let a = FileId::of(&at("a")).unwrap();
        for name in ["a", "hard", "./a", "deep/../a"] {
            assert_eq!(FileId::of(&at(name)).unwrap(), a, "{name}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../a", at("deep/soft")).unwrap();
            assert_eq!(FileId::of(&at("deep/soft")).unwrap(), a);
        }
        assert_ne!(FileId::of(&at("b")).unwrap(), a);
        assert_eq!(FileId::of(&at("deep")).unwrap(), FileId::of(&at("deep/.")).unwrap());
        assert!(FileId::of(&at("none")).is_err());
    }
}
