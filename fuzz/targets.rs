//! What is done with an input of each kind. Used by the fuzz targets, and by `tests/corpus.rs`, which replays the
//! corpus without a fuzzer. Whatever the input is: an answer or a refusal, no panic, little memory, little time.

#![allow(dead_code, clippy::unwrap_used, reason = "each target uses a part; a failure here is a finding")]

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use moue::capture::{Pace, SourceSpec, open_source};
use moue::model::parse_weights;
use moue::settings::SettingsFile;
use moue::train::checkpoint::Checkpoint;
use moue::train::data::{DataOptions, DataSet, Exclusions, SplitName, Votes};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// What is done with the bytes of an input.
pub type Target = fn(&[u8]);

/// Every kind, by the name of its target and of its folder in `corpus/`.
pub const ALL: [(&str, Target); 7] = [
    ("safetensors", safetensors),
    ("pickle", pickle),
    ("zip", zip),
    ("fer_csv", fer_csv),
    ("ferplus_csv", ferplus_csv),
    ("settings", settings),
    ("picture", picture),
];

/// A safetensors file, as weights and as a training run's checkpoint. A file that is only a header, without a
/// length in front, gets its length and zeros for the values: so the tensors' names and shapes are reached.
pub fn safetensors(bytes: &[u8]) {
    if bytes.first() == Some(&b'{') {
        let mut file = (bytes.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(bytes);
        file.resize(file.len() + data_length(bytes), 0);
        weights(&file);
    } else {
        weights(bytes);
        let _ = Checkpoint::read(&as_file("checkpoint", bytes));
    }
}

/// The largest number after an `offsets` list's comma, as far as a small file may go.
fn data_length(header: &[u8]) -> usize {
    let text = String::from_utf8_lossy(header);
    let ends = text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<usize>().ok());
    ends.filter(|n| *n <= 12 << 20).max().unwrap_or(0)
}

/// The pickle of a PyTorch file; the storage "0" has as many values as the network's first tensor.
pub fn pickle(bytes: &[u8]) {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [("a/data.pkl", bytes), ("a/data/0", &[0; 64 * 3 * 7 * 7 * 4])] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(content).unwrap();
    }
    weights(&zip.finish().unwrap().into_inner());
}

/// A PyTorch file as it is on disk.
pub fn zip(bytes: &[u8]) {
    weights(bytes);
}

fn weights(bytes: &[u8]) {
    if let Err(e) = parse_weights(bytes, Path::new("fuzzed")) {
        message(&e);
    }
}

/// `fer2013.csv`.
pub fn fer_csv(bytes: &[u8]) {
    let file = as_file("fer2013.csv", bytes);
    match DataSet::read(&file, &SplitName::ALL, &DataOptions::default()) {
        Ok(data) => {
            for name in SplitName::ALL {
                let _ = data.split(name).hash();
            }
        }
        Err(e) => message(&e),
    }
}

/// The votes of FER+ (`ferplus.csv`, `fer2013new.csv`), and lists of files to leave out.
pub fn ferplus_csv(bytes: &[u8]) {
    let file = as_file("ferplus.csv", bytes);
    match Votes::read(&file) {
        Ok(votes) => {
            for shares in (0..8).filter_map(|row| votes.of_row(row)) {
                assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-3, "{shares:?}");
            }
        }
        Err(e) => message(&e),
    }
    if let Err(e) = Exclusions::read(&file) {
        message(&e);
    }
}

/// The settings file: what can be read can be written, and comes back.
pub fn settings(bytes: &[u8]) {
    let file = SettingsFile::at(as_file("settings.json", bytes));
    let (settings, note) = file.read();
    if let Some(note) = note {
        message(&note);
    }
    file.write(&settings).unwrap();
    assert_eq!(file.read(), (settings, None));
}

/// A picture or animation, through everything that the window does to open it. Videos are ffmpeg's.
pub fn picture(bytes: &[u8]) {
    let known = [
        image::ImageFormat::Png,
        image::ImageFormat::Jpeg,
        image::ImageFormat::Gif,
        image::ImageFormat::WebP,
        image::ImageFormat::Tiff,
        image::ImageFormat::Bmp,
        image::ImageFormat::Pnm,
        image::ImageFormat::Qoi,
        image::ImageFormat::Ico,
    ];
    if !image::guess_format(bytes).is_ok_and(|format| known.contains(&format)) {
        return;
    }
    let path = as_file("picture", bytes);
    match open_source(&SourceSpec::Path(path), Pace::Unpaced) {
        Ok(mut opened) => {
            for _ in 0..4 {
                match opened.source.next_frame() {
                    Ok(Some(frame)) => assert!(frame.image.width() > 0 && frame.image.height() > 0),
                    Ok(None) => break,
                    Err(e) => {
                        message(&e);
                        break;
                    }
                }
            }
        }
        Err(e) => message(&e),
    }
}

/// A message is for people: it fits on the screen whatever the file holds.
fn message(e: &impl ToString) {
    let text = e.to_string();
    assert!(!text.is_empty() && text.len() < 2000, "a message of {} bytes: {text:.300}", text.len());
}

/// A file in memory where the system has such a folder: the readers are used as the program uses them.
fn as_file(name: &str, bytes: &[u8]) -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let builder = tempfile::Builder::new().prefix("moue-fuzz-").to_owned();
        if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() }.unwrap()
    });
    let path = folder.path().join(format!("{:?}-{name}", std::thread::current().id()));
    std::fs::write(&path, bytes).unwrap();
    path
}
