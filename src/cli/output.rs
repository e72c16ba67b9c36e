//! Where `moue analyze` writes its results.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, bail};
use moue_files::new_file;
use tempfile::NamedTempFile;

/// Bytes that wait in memory before they are handed to the system.
const PENDING: usize = 64 << 10;
/// So many names are tried where somebody else took the file's own meanwhile.
const NAMES: u32 = 1000;

/// Why nothing more can be written, once that is so. The run may have more to do than this output.
#[derive(Debug, Clone, Default)]
pub(super) struct Fault(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    broken: bool,
    untold: Option<String>,
}

impl Fault {
    /// The reason; once.
    pub(super) fn take_new(&self) -> Option<String> {
        self.0.borrow_mut().untold.take()
    }

    /// Whether nothing more can be written.
    pub(super) fn is_broken(&self) -> bool {
        self.0.borrow().broken
    }

    fn set(&self, text: String) {
        *self.0.borrow_mut() = State { broken: true, untold: Some(text) };
    }
}

/// Standard output, a device or pipe that is written at once, or a file that takes its name only at the end. An error
/// does not end the writing: it is told by [`Fault`], and what comes after it is dropped. Only that a reader went away is
/// an error like any other.
pub(super) struct Output {
    target: Target,
    name: String,
    fault: Fault,
}

enum Target {
    Standard(io::Stdout),
    Device(File),
    File(Kept),
}

impl Output {
    pub(super) fn open(path: Option<&Path>, overwrite: bool) -> anyhow::Result<Self> {
        let new = |target, name: String| Self { target, name, fault: Fault::default() };
        let Some(path) = path else {
            return Ok(new(Target::Standard(io::stdout()), "standard output".into()));
        };
        let name = path.display().to_string();
        // Where a link has that name, its target is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if path.is_dir() {
            bail!("{name}: expected a file to write, found a folder");
        }
        // /dev/null must not become a file.
        let cannot = || format!("{name}: cannot be written");
        if path.metadata().is_ok_and(|m| !m.is_file()) {
            let device = File::options().write(true).open(&path).with_context(cannot)?;
            return Ok(new(Target::Device(device), name));
        }
        let file = new_file::beside(&path).with_context(cannot)?;
        let kept =
            Kept { file, path, overwrite, pending: Vec::new(), ends: Vec::new(), whole: 0, records: 0 };
        Ok(new(Target::File(kept), name))
    }

    pub(super) fn is_terminal(&self) -> bool {
        match &self.target {
            Target::Standard(out) => out.is_terminal(),
            Target::Device(device) => device.is_terminal(),
            Target::File(_) => false,
        }
    }

    /// Tells when nothing more can be written.
    pub(super) fn fault(&self) -> Fault {
        self.fault.clone()
    }

    /// Gives the file its name. What is in it is whole, also where not everything could be written; the error is told
    /// then, in a line for people.
    pub(super) fn close(mut self) -> Result<(), String> {
        let Target::File(kept) = &mut self.target else { return Ok(()) };
        if !self.fault.is_broken()
            && let Err(e) = kept.write_pending().and_then(|()| kept.file.as_file().sync_all())
        {
            let text = kept.failed(&self.name, &e);
            self.fault.set(text);
        }
        let told = self.fault.take_new();
        let Target::File(kept) = self.target else { return told.map_or(Ok(()), Err) };
        let named = kept.take_name(&self.name);
        let texts: Vec<String> = told.into_iter().chain(named).collect();
        if texts.is_empty() { Ok(()) } else { Err(texts.join("; ")) }
    }

    /// Ends the writing, except where a reader went away.
    fn fail(&mut self, e: io::Error) -> io::Result<()> {
        if e.kind() == io::ErrorKind::BrokenPipe {
            return Err(e);
        }
        let text = match &mut self.target {
            Target::File(kept) => kept.failed(&self.name, &e),
            _ => format!("{}: cannot be written: {e}", self.name),
        };
        self.fault.set(text);
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.fault.is_broken() {
            return Ok(bytes.len());
        }
        let written = match &mut self.target {
            Target::Standard(out) => out.write(bytes),
            Target::Device(device) => device.write(bytes),
            Target::File(kept) => {
                kept.pending.extend_from_slice(bytes);
                Ok(bytes.len())
            }
        };
        match written {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => self.fail(e).map(|()| bytes.len()),
            written => written,
        }
    }

    /// A record is whole.
    fn flush(&mut self) -> io::Result<()> {
        if self.fault.is_broken() {
            return Ok(());
        }
        let flushed = match &mut self.target {
            Target::Standard(out) => out.flush(),
            Target::Device(device) => device.flush(),
            // The file is nobody's to read before it is complete.
            Target::File(kept) => kept.end_record(),
        };
        flushed.or_else(|e| self.fail(e))
    }
}

/// A file that is not named yet. Where the disk is full it keeps its whole records.
struct Kept {
    file: NamedTempFile,
    path: PathBuf,
    overwrite: bool,
    pending: Vec<u8>,
    /// Where records end in `pending`.
    ends: Vec<usize>,
    /// Bytes of whole records in the file, and how many records these are.
    whole: u64,
    records: u64,
}

impl Kept {
    fn end_record(&mut self) -> io::Result<()> {
        if self.ends.last() != Some(&self.pending.len()) {
            self.ends.push(self.pending.len());
        }
        if self.pending.len() >= PENDING { self.write_pending() } else { Ok(()) }
    }

    fn write_pending(&mut self) -> io::Result<()> {
        let (mut done, mut outcome) = (0, Ok(()));
        while done < self.pending.len() && outcome.is_ok() {
            match self.file.as_file_mut().write(&self.pending[done..]) {
                Ok(0) => outcome = Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => outcome = Err(e),
            }
        }
        let records = self.ends.iter().take_while(|end| **end <= done).count();
        self.records += records as u64;
        self.whole += records.checked_sub(1).map_or(0, |last| self.ends[last] as u64);
        self.pending.clear();
        self.ends.clear();
        outcome
    }

    /// Cuts off what is not whole; what to say.
    fn failed(&mut self, name: &str, error: &io::Error) -> String {
        // Where this fails too, part of a record is left at the end.
        let cut = self.file.as_file().set_len(self.whole);
        if let Err(e) = cut {
            tracing::warn!("{name}: part of a record may be left: {e}");
        }
        format!(
            "{name}: cannot be written: {error}; the first {} records are kept in it, the rest is lost. Free some space or \
             name another disk, and run it again",
            self.records
        )
    }

    /// Gives the file its name, or a similar one where another program took that meanwhile. What to say.
    fn take_name(self, name: &str) -> Option<String> {
        let mut file = self.file;
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let ending = self.path.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
        let mut path = self.path.clone();
        for number in 2..NAMES {
            match new_file::take_name(file, &path, self.overwrite) {
                Ok(()) if path == self.path => return None,
                Ok(()) => {
                    return Some(format!(
                        "{name}: it came into being meanwhile; the results are in {}",
                        path.display()
                    ));
                }
                Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => {
                    file = e.file;
                    path = self.path.with_file_name(format!("{stem}-{number}{ending}"));
                }
                Err(e) => return Some(format!("{name}: cannot be written: {}", e.error)),
            }
        }
        Some(format!("{name}: cannot be written: its name and {NAMES} similar ones are taken"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_came_into_being_meanwhile_is_kept_and_so_are_the_results() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut output = Output::open(Some(&path), false).unwrap();
        output.write_all(b"1\n").unwrap();
        output.flush().unwrap();
        std::fs::write(&path, "another's").unwrap();
        let said = output.close().unwrap_err();
        assert!(said.contains("a-2.csv"), "{said}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "another's");
        assert_eq!(std::fs::read_to_string(folder.path().join("a-2.csv")).unwrap(), "1\n");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_is_told_once_and_ends_nothing() {
        let mut output = Output::open(Some(Path::new("/dev/full")), false).unwrap();
        let fault = output.fault();
        output.write_all(b"1\n").unwrap();
        output.flush().unwrap();
        assert!(fault.take_new().unwrap().starts_with("/dev/full: cannot be written: No space left"));
        output.write_all(b"2\n").unwrap();
        assert!(fault.take_new().is_none());
        output.close().unwrap();
    }
}
