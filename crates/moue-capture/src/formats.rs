//! What kinds of files there are: which are read, and what is said of the others.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileKind {
    /// Its usual name.
    pub name: &'static str,
    /// How its files' names end, in lower case.
    pub endings: &'static [&'static str],
    /// What becomes of it.
    pub support: Support,
}

/// How a kind of file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// A picture or an animation, decoded by this program.
    Picture,
    /// A picture, decoded by the program ffmpeg.
    PictureByFfmpeg,
    /// A video, decoded by the program ffmpeg.
    Video,
    /// It is not read; what to do instead.
    Not(&'static str),
}

impl FileKind {
    /// Whether it is read.
    #[must_use]
    pub fn is_read(&self) -> bool {
        !matches!(self.support, Support::Not(_))
    }
}

const PICTURE: Support = Support::Picture;
const VIDEO: Support = Support::Video;
const AS_PICTURE: Support = Support::Not("save it as PNG or JPEG with the program that made it");
const AS_RAW: Support = Support::Not("develop it into a JPEG or TIFF with the camera's program or darktable");
const NOTHING_TO_SEE: Support = Support::Not("name pictures or videos");
const UNPACK: Support = Support::Not("unpack it and name the folder");

const fn kind(name: &'static str, endings: &'static [&'static str], support: Support) -> FileKind {
    FileKind { name, endings, support }
}

/// Every kind of file that is known by its name.
pub const FILE_KINDS: &[FileKind] = &[
    kind("JPEG", &["jpg", "jpeg", "jpe", "jfif"], PICTURE),
    kind("PNG", &["png", "apng"], PICTURE),
    kind("GIF", &["gif"], PICTURE),
    kind("WebP", &["webp"], PICTURE),
    kind("TIFF", &["tif", "tiff"], PICTURE),
    kind("BMP", &["bmp", "dib"], PICTURE),
    kind("PNM", &["ppm", "pgm", "pbm", "pnm", "pam"], PICTURE),
    kind("QOI", &["qoi"], PICTURE),
    kind("ICO", &["ico"], PICTURE),
    kind("AVIF", &["avif"], Support::PictureByFfmpeg),
    kind("MP4", &["mp4", "m4v", "3gp", "3g2", "f4v"], VIDEO),
    kind("QuickTime", &["mov", "qt"], VIDEO),
    kind("Matroska, WebM", &["mkv", "webm", "mk3d"], VIDEO),
    kind("AVI", &["avi", "divx"], VIDEO),
    kind("MPEG transport stream", &["ts", "mts", "m2ts", "m2t"], VIDEO),
    kind("MPEG program stream", &["mpg", "mpeg", "vob", "m2v"], VIDEO),
    kind("Windows Media", &["wmv", "asf"], VIDEO),
    kind("Flash video", &["flv"], VIDEO),
    kind("Ogg", &["ogv", "ogm"], VIDEO),
    kind("MXF", &["mxf"], VIDEO),
    kind("DV", &["dv"], VIDEO),
    kind("NUT", &["nut"], VIDEO),
    kind("IVF", &["ivf"], VIDEO),
    kind("YUV4MPEG", &["y4m"], VIDEO),
    kind("bare MJPEG", &["mjpeg", "mjpg"], VIDEO),
    kind("bare H.264", &["h264", "264", "avc"], VIDEO),
    kind("bare HEVC", &["hevc", "h265", "265"], VIDEO),
    kind("bare AV1", &["obu"], VIDEO),
    kind(
        "HEIC",
        &["heic", "heif", "hif"],
        Support::Not(
            "convert it to JPEG (heif-convert, ImageMagick, or any viewer's \"save as\"); on an iPhone, Settings > Camera > \
             Formats > \"Most Compatible\" makes JPEGs",
        ),
    ),
    kind("JPEG XL", &["jxl"], Support::Not("convert it to PNG (djxl FILE.jxl FILE.png)")),
    kind("JPEG 2000", &["jp2", "j2k", "jpx", "j2c"], AS_PICTURE),
    kind(
        "camera raw",
        &["dng", "cr2", "cr3", "nef", "nrw", "arw", "orf", "rw2", "raf", "pef", "srw"],
        AS_RAW,
    ),
    kind("Photoshop", &["psd", "psb"], AS_PICTURE),
    kind("GIMP", &["xcf"], AS_PICTURE),
    kind("OpenEXR", &["exr"], AS_PICTURE),
    kind("Radiance HDR", &["hdr"], AS_PICTURE),
    kind("DDS", &["dds"], AS_PICTURE),
    kind("TGA", &["tga"], AS_PICTURE),
    kind("SVG", &["svg", "svgz"], AS_PICTURE),
    kind("PDF", &["pdf"], Support::Not("save its pages as pictures (pdftoppm -png FILE.pdf page)")),
    kind("sound", &["mp3", "wav", "m4a", "aac", "flac", "ogg", "oga", "opus", "wma"], NOTHING_TO_SEE),
    kind(
        "playlist",
        &["m3u", "m3u8", "mpd", "pls"],
        Support::Not("it only names other files: download the video itself"),
    ),
    kind(
        "web page",
        &["html", "htm"],
        Support::Not("it was saved in place of the file: download the file itself"),
    ),
    kind(
        "text",
        &["txt", "md", "csv", "tsv", "json", "jsonl", "xml", "yaml", "yml", "log", "srt", "vtt", "xmp"],
        NOTHING_TO_SEE,
    ),
    kind("zip archive", &["zip"], UNPACK),
    kind("gzip archive", &["gz", "tgz"], UNPACK),
    kind("archive", &["tar", "7z", "rar", "bz2", "xz", "zst"], UNPACK),
    kind(
        "weights",
        &["pt", "pth", "safetensors", "onnx", "h5", "tflite", "ckpt"],
        Support::Not("name it after --weights"),
    ),
];

/// The kind that the file's name tells.
#[must_use]
pub fn kind_by_name(path: &Path) -> Option<&'static FileKind> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    FILE_KINDS.iter().find(|kind| kind.endings.contains(&ending.as_str()))
}

fn kind_named(name: &str) -> Option<&'static FileKind> {
    FILE_KINDS.iter().find(|kind| kind.name == name)
}

/// Whether the file's name says that it is a picture.
pub(super) fn has_picture_name(path: &Path) -> bool {
    kind_by_name(path).is_some_and(|k| matches!(k.support, Support::Picture | Support::PictureByFfmpeg))
}

/// Names of what systems and programs leave in folders, in lower case.
const LITTER: [&str; 14] = [
    ".ds_store",
    ".localized",
    ".thumbnails",
    ".trashes",
    ".spotlight-v100",
    ".fseventsd",
    ".directory",
    ".nomedia",
    ".git",
    "@eadir",
    "__macosx",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
];

/// Whether systems and programs made it by themselves (thumbnails, `.DS_Store`): skipped without a message.
#[must_use]
pub fn is_system_file(path: &Path) -> bool {
    let Some(name) = path.file_name().map(|n| n.to_string_lossy().to_lowercase()) else { return false };
    name.starts_with("._") || LITTER.contains(&&*name)
}

/// Chooses the files of a folder, and counts those that are left out, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SkippedFiles(BTreeMap<String, usize>);

impl SkippedFiles {
    /// Whether a file of a folder is a picture or video by its name. One that is not is counted.
    pub fn takes(&mut self, path: &Path) -> bool {
        if is_system_file(path) {
            return false;
        }
        let kind = kind_by_name(path);
        // The ending of TypeScript's files as well.
        let is_text =
            || path.extension().is_some_and(|e| e.eq_ignore_ascii_case("ts")) && is_text(&head(path));
        let name = match kind {
            Some(FileKind { support: Support::Not(_), name, .. }) => (*name).to_owned(),
            Some(_) if is_text() => "text".into(),
            Some(_) => return true,
            None => match path.extension() {
                Some(ending) => format!(".{}", ending.to_string_lossy().chars().take(12).collect::<String>()),
                None => "without an ending".into(),
            },
        };
        *self.0.entry(name).or_default() += 1;
        false
    }

    /// "11 files left out: 8 HEIC, 3 text"; `None` where there were none.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        let all: usize = self.0.values().sum();
        if all == 0 {
            return None;
        }
        let mut kinds: Vec<_> = self.0.iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let listed: Vec<String> =
            kinds.iter().take(6).map(|(name, count)| format!("{count} {name}")).collect();
        let more: usize = kinds.iter().skip(6).map(|(_, count)| **count).sum();
        let more = if more > 0 { format!(", {more} others") } else { String::new() };
        let files = if all == 1 { "file" } else { "files" };
        // What can be done about pictures that are not read; of text there is nothing to say.
        let advice = kinds.iter().filter_map(|(name, _)| match kind_named(name)?.support {
            Support::Not(advice) if Support::Not(advice) != NOTHING_TO_SEE => {
                Some(format!("{name}: {advice}"))
            }
            _ => None,
        });
        let advice: Vec<String> = advice.take(2).collect();
        let advice = if advice.is_empty() { String::new() } else { format!(" ({})", advice.join("; ")) };
        Some(format!("{all} {files} left out: {}{more}{advice}", listed.join(", ")))
    }
}

/// What a file is that is not read, and what to do, told by its content.
pub(super) fn unreadable(path: &Path) -> Option<String> {
    let kind = kind_of_content(&head(path), path)?;
    let Support::Not(advice) = kind.support else { return None };
    let name = match kind.name {
        "sound" => "a sound file".into(),
        "text" => "a text file".into(),
        "weights" => "a weights file".into(),
        "camera raw" => "a camera's raw file".into(),
        name @ ("playlist" | "web page" | "zip archive" | "gzip archive") => format!("a {name}"),
        "archive" => "an archive".into(),
        name => format!("a {name} file"),
    };
    Some(format!("no picture and no video that can be read, but {name}: {advice}"))
}

/// Whether it begins as videos do.
pub(super) fn begins_as_video(path: &Path) -> bool {
    let head = head(path);
    head.get(4..8) == Some(b"ftyp")
        || [&b"\x1a\x45\xdf\xa3"[..], b"OggS", b"FLV\x01", b"\0\0\x01\xba", b"\x47", b"\x30\x26\xb2\x75"]
            .iter()
            .any(|magic| head.starts_with(magic))
        || (head.starts_with(b"RIFF") && head.get(8..12) == Some(b"AVI "))
}

/// The first bytes of a file; none where it cannot be read.
fn head(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // An error keeps the bytes that were read before it.
        let _ = file.take(4096).read_to_end(&mut bytes);
    }
    bytes
}

/// The kind of a file that is not read, by its first bytes. A raw file of a camera looks like a TIFF.
fn kind_of_content(head: &[u8], path: &Path) -> Option<&'static FileKind> {
    let starts = |magic: &[u8]| head.starts_with(magic);
    let brand = (head.get(4..8) == Some(b"ftyp")).then(|| &head[8..head.len().min(12)]);
    let name = match brand {
        Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx") => "HEIC",
        Some(b"mif1" | b"msf1") if !is_avif(head) => "HEIC",
        Some(b"crx ") => "camera raw",
        Some(b"jp2 " | b"jpx ") => "JPEG 2000",
        Some(_) => return None,
        None if starts(b"\0\0\0\x0cJXL ") || starts(b"\xff\x0a") => "JPEG XL",
        None if starts(b"\0\0\0\x0cjP  ") || starts(b"\xff\x4f\xff\x51") => "JPEG 2000",
        None if is_raw_photo(head, path) => "camera raw",
        None if starts(b"8BPS") => "Photoshop",
        None if starts(b"gimp xcf") => "GIMP",
        None if starts(b"\x76\x2f\x31\x01") => "OpenEXR",
        None if starts(b"#?RADIANCE") || starts(b"#?RGBE") => "Radiance HDR",
        None if starts(b"DDS ") => "DDS",
        None if starts(b"%PDF") => "PDF",
        None if starts(b"ID3") || matches!(head, [0xff, 0xfb | 0xf3 | 0xf2 | 0xf1 | 0xf9, ..]) => "sound",
        None if starts(b"fLaC") || (starts(b"RIFF") && head.get(8..12) == Some(b"WAVE")) => "sound",
        None if starts(b"PK\x03\x04") => "zip archive",
        None if starts(b"\x1f\x8b") => "gzip archive",
        None if starts(b"7z\xbc\xaf\x27\x1c") || starts(b"Rar!") || starts(b"\xfd7zXZ") || starts(b"BZh") => {
            "archive"
        }
        None if starts(b"\x89HDF\r\n") => "weights",
        // A film with a line of text in front, and pixels that may look like letters.
        None if starts(b"YUV4MPEG2") => return None,
        None if is_text(head) => text_kind(head),
        None => return None,
    };
    kind_named(name)
}

/// Text of UTF-8, in a file that has any.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A letter may be cut at the end of what was read.
        Err(e) if e.error_len().is_none() && head.len() == 4096 => {
            std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_whitespace())
}

fn text_kind(head: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(head).to_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("#extm3u") || text.starts_with("[playlist]") {
        "playlist"
    } else if text.starts_with("<!doctype html") || text.starts_with("<html") {
        "web page"
    } else if text.starts_with("<svg") || (text.starts_with("<?xml") && text.contains("<svg")) {
        "SVG"
    } else {
        "text"
    }
}

/// Whether the file's brands name AVIF.
fn is_avif(head: &[u8]) -> bool {
    let length = head.first_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b) as usize);
    head[..length.min(head.len())].chunks_exact(4).skip(2).any(|brand| matches!(brand, b"avif" | b"avis"))
}

/// Raw photos that are TIFF files hold a small preview first, which is not what was meant.
fn is_raw_photo(head: &[u8], path: &Path) -> bool {
    let others: [&[u8]; 4] = [b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"IIU\0"];
    if others.iter().any(|magic| head.starts_with(magic))
        || head.get(8..10) == Some(b"CR") && head.starts_with(b"II*\0")
    {
        return true;
    }
    let little = head.starts_with(b"II*\0");
    if !little && !head.starts_with(b"MM\0*") {
        return false;
    }
    if kind_by_name(path).is_some_and(|kind| kind.name == "camera raw") {
        return true;
    }
    let number = |at: usize, length: usize| {
        let bytes = head.get(at..at.checked_add(length)?)?;
        let add = |sum: u32, b: &u8| sum << 8 | u32::from(*b);
        Some(if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    let Some(first) = number(4, 4).map(|at| at as usize) else { return false };
    let entries = number(first, 2).unwrap_or(0) as usize;
    // DNGVersion (Digital Negative specification, chapter 4).
    (0..entries.min(200)).any(|i| first.checked_add(2 + 12 * i).and_then(|at| number(at, 2)) == Some(50706))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn content(head: &[u8]) -> Option<&'static str> {
        kind_of_content(head, Path::new("a.tif")).map(|kind| kind.name)
    }

    #[test]
    fn files_are_known_by_their_content() {
        for (head, name) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
            (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
            (b"\xff\x0a\xfa\x1f", "JPEG XL"),
            (b"<!DOCTYPE html><html>", "web page"),
            (b"<?xml version=\"1.0\"?>\n<svg ", "SVG"),
            ("Gr\u{fc}\u{df}e".as_bytes(), "text"),
            (b"\x1f\x8b\x08", "gzip archive"),
            (b"ID3\x04\0", "sound"),
            (b"\xff\xfb\x90\x64", "sound"),
            (b"II*\0\x10\0\0\0CR\x02\0", "camera raw"),
            (b"II*\0\x08\0\0\0\x01\0\x12\xc6\x01\0\x04\0\0\0\x01\x04\0\0", "camera raw"),
            (b"MM\0*\0\0\0\x08\0\x01\xc6\x12\0\x01\0\0\0\x04\x01\x04\0\0", "camera raw"),
        ] {
            assert_eq!(content(head), Some(name), "{head:?}");
        }
        for read in [
            &b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif"[..],
            b"\0\0\0\x18ftypisom\0\0\0\0",
            b"II*\0\x08\0\0\0\x01\0\0\x01\x03\0\x01\0\0\0\x04\x01\x04\0\0",
            b"II*\0\xff\xff\xff\xff",
            b"\xff\xd8\xff\xe0",
            b"YUV4MPEG2 W96 H64\nFRAME\nQQQQ",
            b"\0\0\0\x01\x67",
            b"",
        ] {
            assert_eq!(content(read), None, "{read:?}");
        }
    }

    #[test]
    fn what_is_left_out_is_counted_by_kind() {
        let mut left = SkippedFiles::default();
        for name in ["a.jpg", "b.JFIF", "c.MTS", "d.qoi"] {
            assert!(left.takes(Path::new(name)), "{name}");
        }
        assert_eq!(left.summary(), None);
        for name in
            ["a.HEIC", "b.heic", "notes.txt", "._a.jpg", "Thumbs.db", ".DS_Store", "x.blend", "README"]
        {
            assert!(!left.takes(Path::new(name)), "{name}");
        }
        let text = left.summary().unwrap();
        assert!(
            text.starts_with("5 files left out: 2 HEIC, 1 .blend, 1 text, 1 without an ending (HEIC: "),
            "{text}"
        );
    }

    #[test]
    fn no_ending_has_two_kinds() {
        let mut endings: Vec<_> = FILE_KINDS.iter().flat_map(|kind| kind.endings).collect();
        let all = endings.len();
        endings.sort();
        endings.dedup();
        assert_eq!(endings.len(), all);
    }
}
