//! What a recording keeps so that it can be checked years later: hashes, the machine, and how frames were analysed.

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::Stdio;

use moue_files::plain_file;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Bytes that are hashed at once.
const PIECE: usize = 1 << 18;

/// A file by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFile {
    /// Its name, without folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content.
    pub sha256: String,
}

/// The machine that recorded. It says nothing of who uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedMachine {
    /// Operating system.
    pub system: String,
    /// Kind of processor.
    pub architecture: String,
    /// Its name, where the system says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    /// Threads that it runs at once.
    pub threads: usize,
    /// The first line of `ffmpeg -version`, where ffmpeg decodes or writes a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ffmpeg: Option<String>,
}

/// How `moue analyze` went through its source, so that `moue verify` does the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedAnalysis {
    /// `auto`, `rustface` or `blazeface`.
    pub detector: String,
    /// Each picture was taken as one face.
    #[serde(default)]
    pub cropped: bool,
    /// Every so many frames were read.
    pub every: u64,
    /// At most so many frames of each second were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    /// At most so many frames were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// The whole of every frame was searched.
    #[serde(default)]
    pub every_frame_searched: bool,
    /// From when to when, in seconds, the largest face looked neutral.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_s: Option<(f64, f64)>,
}

impl RecordedMachine {
    /// This machine, without ffmpeg.
    #[must_use]
    pub fn this() -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let line = info.lines().find(|line| line.starts_with("model name"));
        Self {
            system: std::env::consts::OS.into(),
            architecture: std::env::consts::ARCH.into(),
            processor: line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned())),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            ffmpeg: None,
        }
    }
}

/// The first line of `ffmpeg -version`; `None` where it is not installed.
#[must_use]
pub fn ffmpeg_version() -> Option<String> {
    let mut command = moue_capture::ffmpeg::command("ffmpeg");
    let output = command.arg("-version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.chars().take(200).collect())
}

/// Reads a file and hashes it.
///
/// # Errors
/// What the system says.
pub fn hash_file(path: &Path) -> io::Result<RecordedFile> {
    let (mut file, _) = plain_file::open(path)?;
    let mut hash = FileHash::default();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => hash.add(&piece[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    Ok(hash.finish(&name))
}

/// Hashes a file while it is written.
#[derive(Debug, Clone, Default)]
pub(super) struct FileHash {
    hash: Sha256,
    bytes: u64,
}

impl FileHash {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    pub(super) fn finish(self, name: &str) -> RecordedFile {
        let mut sha256 = String::with_capacity(64);
        for byte in self.hash.finalize() {
            // Writing to text in memory cannot fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        RecordedFile { name: name.to_owned(), bytes: self.bytes, sha256 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_sha256() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc.txt");
        std::fs::write(&path, "abc").unwrap();
        let file = hash_file(&path).unwrap();
        assert_eq!((file.name.as_str(), file.bytes), ("abc.txt", 3));
        assert_eq!(file.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(hash_file(folder.path()).is_err());
    }
}
