//! Files that take their name only when they are complete.

use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

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
    builder.tempfile_in(folder)
}
