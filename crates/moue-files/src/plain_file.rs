//! Files that the user named: opened only where they are files, and read only up to a limit.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Opens a file; its size in bytes. Folders and devices are errors: `/dev/zero` never ends. Looked at before it is
/// opened, since opening a named pipe waits for whoever writes to it.
///
/// # Errors
/// What the system says, or what was found instead of a file.
pub fn open(path: &Path) -> io::Result<(File, u64)> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("expected a file, found a folder or a device"));
    }
    Ok((File::open(path)?, metadata.len()))
}

/// All bytes of a file that has at most `most`.
///
/// # Errors
/// As [`open`], and where the file is larger.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, size) = open(path)?;
    let refused = |found: &dyn std::fmt::Display| {
        io::Error::other(format!("expected at most {most} bytes, found {found}"))
    };
    if size > most {
        return Err(refused(&size));
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile, and the kernel's own files say that they are empty.
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(refused(&"more"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_up_to_the_limit_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        let error = read(&path, 3).unwrap_err().to_string();
        assert_eq!(error, "expected at most 3 bytes, found 4");
        assert!(read(folder.path(), 4).unwrap_err().to_string().contains("found a folder or a device"));
        assert_eq!(read(Path::new("/no/such/file"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
        #[cfg(target_os = "linux")]
        {
            assert!(open(Path::new("/dev/zero")).is_err());
            // It claims to be empty.
            assert_eq!(std::fs::metadata("/proc/self/status").unwrap().len(), 0);
            let error = read(Path::new("/proc/self/status"), 10).unwrap_err().to_string();
            assert_eq!(error, "expected at most 10 bytes, found more");
        }
    }
}
