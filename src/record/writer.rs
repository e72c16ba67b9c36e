//! The files of a session while it is recorded.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::columns::csv_header;
use super::error::RecordError;
use super::folder::{EVENTS_FILE, FACES_FILE, SESSION_FILE, VIDEO_FILE};
use super::markers::{EVENTS_HEADER, Marker};
use super::proof::{FileHash, RecordedFile};
use super::rows::ResultRows;
use super::session::Session;

/// Rows wait in memory up to this size, in bytes, or until the next flush.
const PENDING: usize = 64 << 10;

/// `session.json` and `faces.csv` of one folder.
#[derive(Debug)]
pub(super) struct SessionFiles {
    folder: PathBuf,
    csv: File,
    /// Bytes of whole rows in the file.
    whole: u64,
    /// Lines in the file, the header among them.
    lines: u64,
    pending: Vec<u8>,
    /// `events.csv`, from the first marker on.
    events: Option<File>,
    /// Of what is in the two files.
    hashes: [FileHash; 2],
    /// What `session.json` says.
    pub(super) session: Session,
}

impl SessionFiles {
    /// Makes both files in a new folder; they are complete and readable at once.
    pub(super) fn create(folder: &Path, session: Session) -> Result<Self, RecordError> {
        session.write(&folder.join(SESSION_FILE))?;
        let path = folder.join(FACES_FILE);
        let failed = |reason| RecordError::Write { path: path.clone(), reason };
        let csv = File::options().write(true).create_new(true).open(&path).map_err(failed)?;
        let mut files = Self {
            folder: folder.to_owned(),
            csv,
            whole: 0,
            lines: 0,
            pending: Vec::new(),
            events: None,
            hashes: Default::default(),
            session,
        };
        let profile = files.session.profile.as_ref();
        let personal: Vec<Arc<str>> = profile
            .map_or_else(Vec::new, |p| p.expressions.iter().map(|name| name.as_str().into()).collect());
        files.pending.extend_from_slice(csv_header(&personal).as_bytes());
        files.pending.push(b'\n');
        files.flush()?;
        Ok(files)
    }

    fn csv_path(&self) -> PathBuf {
        self.folder.join(FACES_FILE)
    }

    /// Takes the rows of a result; they are in the file after the next [`Self::flush`].
    pub(super) fn add(&mut self, rows: &ResultRows) -> Result<(), RecordError> {
        let personal = self.session.profile.as_ref().map_or(0, |profile| profile.expressions.len());
        rows.append_to(&mut self.pending, personal)
            .map_err(|reason| RecordError::Write { path: self.csv_path(), reason })?;
        if self.pending.len() >= PENDING { self.flush() } else { Ok(()) }
    }

    /// Writes a marker at once: there are few, and none should be lost.
    pub(super) fn add_marker(&mut self, marker: &Marker) -> Result<(), RecordError> {
        let path = self.folder.join(EVENTS_FILE);
        let failed = |reason| RecordError::Write { path: path.clone(), reason };
        let mut lines = Vec::new();
        let mut file = match self.events.take() {
            Some(file) => file,
            None => {
                lines.extend_from_slice(EVENTS_HEADER.join(",").as_bytes());
                lines.push(b'\n');
                File::options().write(true).create_new(true).open(&path).map_err(failed)?
            }
        };
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(&mut lines);
        writer.write_record(marker.fields()).map_err(|e| failed(e.into()))?;
        writer.flush().map_err(failed)?;
        drop(writer);
        // One call: where it fails, no part of another marker stands after it.
        file.write_all(&lines).map_err(failed)?;
        self.hashes[1].add(&lines);
        self.session.markers += 1;
        self.events = Some(file);
        Ok(())
    }

    /// Hands the waiting rows to the system, so that they survive a kill of this program. Where that fails, the file
    /// keeps its complete rows and no part of another.
    pub(super) fn flush(&mut self) -> Result<(), RecordError> {
        let written = write_all(&mut self.csv, &self.pending);
        let (bytes, result) = match written {
            Ok(()) => (self.pending.len(), Ok(())),
            Err((bytes, e)) => (bytes, Err(e)),
        };
        let rows = self.pending[..bytes].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        self.whole += rows as u64;
        self.hashes[0].add(&self.pending[..rows]);
        self.lines += self.pending[..rows].iter().filter(|b| **b == b'\n').count() as u64;
        if let Err(reason) = result {
            if let Err(e) = self.csv.set_len(self.whole) {
                tracing::warn!("{}: part of a row may be left: {e}", self.csv_path().display());
            }
            return Err(RecordError::Write { path: self.csv_path(), reason });
        }
        self.pending.clear();
        // Writing to a file that was removed gives no error.
        match self.csv_path().try_exists() {
            Ok(true) => Ok(()),
            _ => Err(RecordError::Gone { path: self.csv_path() }),
        }
    }

    /// Writes `session.json` as it is now.
    pub(super) fn write_session(&self) -> Result<(), RecordError> {
        self.session.write(&self.folder.join(SESSION_FILE))
    }

    /// Rows in the file.
    pub(super) fn rows(&self) -> u64 {
        self.lines.saturating_sub(1)
    }

    /// What is in the files, once nothing more is written.
    pub(super) fn hashes(&self) -> Vec<RecordedFile> {
        let [faces, events] = self.hashes.clone();
        let events = (self.session.markers > 0).then(|| events.finish(EVENTS_FILE));
        std::iter::once(faces.finish(FACES_FILE)).chain(events).collect()
    }

    /// Whether there is a video in the folder.
    pub(super) fn has_video(&self) -> bool {
        self.folder.join(VIDEO_FILE).metadata().is_ok_and(|m| m.len() > 0)
    }

    /// Hands everything to the disk itself.
    pub(super) fn sync(&self) -> Result<(), RecordError> {
        self.csv.sync_all().map_err(|reason| RecordError::Write { path: self.csv_path(), reason })
    }
}

/// As `Write::write_all`, but says how much was written before it failed.
fn write_all(file: &mut File, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write(&bytes[done..]) {
            Ok(0) => return Err((done, io::ErrorKind::WriteZero.into())),
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err((done, e)),
        }
    }
    Ok(())
}
