//! `moue report`: one HTML page that needs nothing but a browser.

mod methods;
mod page;
mod plots;
mod read;
mod summary;

pub use methods::methods;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use moue_files::{new_file, plain_file};

use crate::record::error::RecordError;
use crate::record::folder::{EVENTS_FILE, FACES_FILE, SESSION_FILE};
use crate::record::session::Session;

/// Name of the page in the session folder, where no other is asked for.
pub const REPORT_FILE: &str = "report.html";

/// Largest `session.json` that is read.
const MAX_SESSION_BYTES: u64 = 1 << 20;

/// So far into a page its title is looked for, in bytes.
const HEAD_BYTES: u64 = 4096;

/// Reads a session folder and writes its page to `out` (`None`: into the folder, where it replaces
/// an earlier one but no other file). A recording that broke off is
/// read as far as it goes; the page says what is missing. Memory does not grow with the length of the recording.
/// Returns the page's path.
///
/// # Errors
/// [`RecordError`] when there is no readable `faces.csv`, or the page cannot be written.
pub fn write_report(folder: &Path, out: Option<&Path>) -> Result<PathBuf, RecordError> {
    let (session, session_fault) = match read_session(&folder.join(SESSION_FILE)) {
        Ok(session) => (Some(session), None),
        Err(reason) => (None, Some(reason)),
    };
    let faces = folder.join(FACES_FILE);
    if out.is_none() {
        let path = folder.join(REPORT_FILE);
        if path.symlink_metadata().is_ok() && !is_page(&path) {
            let reason = std::io::Error::new(
                std::io::ErrorKind::AlreadyExists,
                "it is there already and no page of this program; move it away, or replace it with `moue report --overwrite`",
            );
            return Err(RecordError::Write { path, reason });
        }
    }
    let summary = summary::Summary::read(&faces)?;
    let out = out.map_or_else(|| folder.join(REPORT_FILE), Path::to_owned);
    let failed = |reason| RecordError::Write { path: out.clone(), reason };
    let name = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = name.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let markers = read::read_markers(&folder.join(EVENTS_FILE));
    let page = page::page(&name, session.as_ref(), session_fault.as_deref(), &summary, &markers)
        .map_err(|e| failed(std::io::Error::other(e)))?;
    new_file::write(&out, page.as_bytes()).map_err(failed)?;
    Ok(out)
}

/// Whether the file begins as the pages that are written here.
fn is_page(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = plain_file::open(path).and_then(|(file, _)| file.take(HEAD_BYTES).read_to_end(&mut head));
    let head = String::from_utf8_lossy(&head);
    read.is_ok() && head.contains("<title>Recording ") && head.contains(" – moue</title>")
}

fn read_session(path: &Path) -> Result<Session, String> {
    let text = plain_file::read(path, MAX_SESSION_BYTES).map_err(|e| e.to_string())?;
    serde_json::from_slice(&text).map_err(|e| e.to_string())
}
