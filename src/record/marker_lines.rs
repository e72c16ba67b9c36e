//! Reads markers as lines, on a thread of its own: each gets the time at which it came.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use moue_files::plain_file;

use super::error::RecordError;
use super::markers::{IncomingMarker, Marker, MarkerOrigin, MarkerText};

/// Markers that may wait until somebody takes them; more are dropped, and the log says so.
const QUEUE: usize = 4096;
/// How often a growing file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Longest line, in bytes.
const MAX_LINE: u64 = 4096;
/// Largest file with times.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// A queue for markers that come in, for whoever reads them.
#[must_use]
pub fn marker_queue() -> (Sender<IncomingMarker>, Receiver<IncomingMarker>) {
    bounded(QUEUE)
}

/// Follows lines `name[,value]` of a pipe (FIFO), of a file that grows (from its end on), or of standard input (`-`), until
/// the program ends.
///
/// # Errors
/// [`RecordError`] where it cannot be opened or the system gives no thread.
pub fn follow_lines(path: &Path, to: Sender<IncomingMarker>) -> Result<(), RecordError> {
    let failed = |e: io::Error| RecordError::Read { path: path.to_owned(), reason: e.to_string() };
    if path.as_os_str() == "-" {
        return spawn(move || pass_on(io::stdin(), &to, false));
    }
    let metadata = path.metadata().map_err(failed)?;
    if metadata.is_dir() {
        let reason = "expected a pipe or a file with lines name[,value], found a folder".into();
        return Err(RecordError::Read { path: path.to_owned(), reason });
    }
    if metadata.is_file() {
        let mut file = File::open(path).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        return spawn(move || pass_on(file, &to, true));
    }
    // Opened for writing too, a pipe neither waits for its first writer nor ends with its last.
    let pipe = File::options().read(true).write(true).open(path).map_err(failed)?;
    spawn(move || pass_on(pipe, &to, false))
}

fn spawn(body: impl FnOnce() + Send + 'static) -> Result<(), RecordError> {
    // It waits for its next line when the program ends, and ends with it.
    std::thread::Builder::new().name("markers".into()).spawn(body).map(drop).map_err(RecordError::Thread)
}

/// `grows`: the end is where more will be written.
fn pass_on(from: impl Read, to: &Sender<IncomingMarker>, grows: bool) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(_) if line.ends_with(b"\n") || line.len() as u64 >= MAX_LINE => {}
            Ok(0) if grows => {
                std::thread::sleep(LOOK_EVERY);
                continue;
            }
            // Half a line: the rest comes.
            Ok(n) if n > 0 => continue,
            Ok(_) => {
                send(&line, to);
                return;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return tracing::warn!("no more markers can be read: {e}"),
        }
        if !send(&line, to) {
            return;
        }
        line.clear();
    }
}

/// Whether anybody takes more.
fn send(line: &[u8], to: &Sender<IncomingMarker>) -> bool {
    let at = Instant::now();
    let Some(text) = MarkerText::of_line(&String::from_utf8_lossy(line)) else { return true };
    use crossbeam_channel::TrySendError::{Disconnected, Full};
    match to.try_send(IncomingMarker { at, text, origin: MarkerOrigin::Line }) {
        Ok(()) => true,
        Err(Full(marker)) => {
            tracing::warn!("too many markers at once: {} is lost", marker.text.name);
            true
        }
        Err(Disconnected(_)) => false,
    }
}

/// Reads a file of lines `seconds,name[,value]`, in the file's own time of a video. In the order of time.
///
/// # Errors
/// [`RecordError::Read`] with the line that is none.
pub fn read_timed_markers(path: &Path) -> Result<Vec<Marker>, RecordError> {
    let failed = |reason: String| RecordError::Read { path: path.to_owned(), reason };
    let bytes = plain_file::read(path, MAX_FILE_BYTES).map_err(|e| failed(e.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut markers = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let marker = Marker::of_timed_line(line).map_err(|e| failed(format!("line {number}: {e}")))?;
        markers.extend(marker);
    }
    markers.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    Ok(markers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn next(markers: &Receiver<IncomingMarker>) -> String {
        let text = markers.recv_timeout(Duration::from_secs(30)).unwrap().text;
        format!("{}={}", text.name, text.value)
    }

    #[test]
    fn a_growing_file_is_followed_from_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        std::fs::write(&path, "of yesterday\n").unwrap();
        let (sender, markers) = marker_queue();
        follow_lines(&path, sender).unwrap();
        let mut log = File::options().append(true).open(&path).unwrap();
        log.write_all(b"fla").unwrap();
        std::thread::sleep(Duration::from_millis(30));
        log.write_all(b"sh\n# remark\n\npicture,cat.png\n").unwrap();
        assert_eq!(next(&markers), "flash=");
        assert_eq!(next(&markers), "picture=cat.png");
    }

    #[test]
    fn files_with_times_are_read_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.csv");
        std::fs::write(&path, "# seconds,name\n8,two\n2.5,one,a\n").unwrap();
        let read = read_timed_markers(&path).unwrap();
        assert_eq!(read.iter().map(|m| m.time_s).collect::<Vec<_>>(), [2.5, 8.0]);
        std::fs::write(&path, "1,one\ntwo\n").unwrap();
        assert!(read_timed_markers(&path).unwrap_err().to_string().contains("line 2: expected"));
        assert!(follow_lines(folder.path(), marker_queue().0).is_err());
    }
}
