//! Pictures and videos that would exhaust the machine are refused within a gigabyte of address space, and the largest
//! that are not refused fit.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/files.rs"]
mod files;
#[path = "common/limited.rs"]
mod limited;

use std::io::Write as _;
use std::process::Command;

use image::ExtendedColorType::{self, L8, Rgb8, Rgb16, Rgba8, Rgba16};
use image::ImageEncoder as _;
use limited::{picture, refused_picture as refused, run};

fn png(width: u32, height: u32, kind: ExtendedColorType, bytes: usize) -> Vec<u8> {
    let mut file = Vec::new();
    image::codecs::png::PngEncoder::new(&mut file).write_image(&vec![0; bytes], width, height, kind).unwrap();
    file
}

fn jpeg() -> Vec<u8> {
    let mut file = Vec::new();
    image::codecs::jpeg::JpegEncoder::new(&mut file).write_image(&[128; 256 * 3], 16, 16, Rgb8).unwrap();
    file
}

/// One-pixel frames on a canvas of any size.
fn gif(width: u16, height: u16, frames: usize) -> Vec<u8> {
    gif_of(width, height, frames, (1, 1))
}

fn gif_of(width: u16, height: u16, frames: usize, frame: (u16, u16)) -> Vec<u8> {
    let mut file = b"GIF89a".to_vec();
    file.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
    file.extend(b"\x80\0\0\0\0\0\0\0\0");
    for _ in 0..frames {
        file.extend(b"\x21\xf9\x04\x08\x01\0\0\0\x2c\0\0\0\0");
        file.extend([frame.0.to_le_bytes(), frame.1.to_le_bytes()].concat());
        file.extend(b"\0\x02\x02\x44\x01\0");
    }
    file.push(b';');
    file
}

/// A WebP file of chunks.
fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, content) in chunks {
        body.extend(*name);
        body.extend((content.len() as u32).to_le_bytes());
        body.extend(*content);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}

/// A `VP8X` chunk.
fn canvas(flags: u8, width: u32, height: u32) -> Vec<u8> {
    [&[flags, 0, 0, 0], &(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat()
}

/// Bits, the lowest of a byte first.
#[derive(Default)]
struct Bits(Vec<u8>, usize);

impl Bits {
    fn put(&mut self, value: u32, count: usize) {
        for i in 0..count {
            if self.1.is_multiple_of(8) {
                self.0.push(0);
            }
            *self.0.last_mut().unwrap() |= ((value >> i & 1) as u8) << (self.1 % 8);
            self.1 += 1;
        }
    }
}

/// A `VP8L` chunk of one pixel with this many groups of code tables, in 58 bytes each, which take 20 KiB in memory.
fn groups(count: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    // Signature, sides less 1, no transparency, version; no transforms, no cache; blocks of 4x4 with codes of their own.
    for (value, length) in [(0x2f, 8), (0, 14), (0, 14), (0, 4), (0, 2), (1, 1), (0, 3)] {
        bits.put(value, length);
    }
    // The blocks' picture, of one pixel: the number of the last group.
    bits.put(0, 1);
    for symbol in [(count - 1) & 0xff, (count - 1) >> 8] {
        bits.put(0b101, 3);
        bits.put(symbol, 8);
    }
    for _ in 0..3 {
        bits.put(1, 4);
    }
    for _ in 0..count * 5 {
        // Lengths of the codes for the lengths 1 to 10, then eleven lengths: 1 to 10, and 10 again.
        bits.put(10 << 1, 5);
        for length in [0, 0, 0, 3, 3, 3, 3, 3, 0, 3, 4, 4, 4, 4] {
            bits.put(length, 3);
        }
        bits.put(9 << 4 | 0b11, 8);
        for length in [1u32, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10] {
            let (code, long) = if length <= 6 { (length - 1, 3) } else { (12 + length - 7, 4) };
            bits.put(code.reverse_bits() >> (32 - long), long as usize);
        }
    }
    bits.put(0, 64);
    bits.0
}

#[test]
fn the_largest_pictures_fit_and_larger_ones_are_refused() {
    let (status, text) = picture("rgb16.png", &png(8000, 8000, Rgb16, 8000 * 8000 * 6));
    assert_eq!(status, Some(0), "{text}");
    let (status, text) = picture("rgba.png", &png(8000, 8000, Rgba8, 8000 * 8000 * 4));
    assert_eq!(status, Some(0), "{text}");
    let text = refused("rgba16.png", &png(8000, 8000, Rgba16, 8000 * 8000 * 8));
    assert!(text.contains("rgba16.png: expected at most 384 MB of pixels, found 512 MB"), "{text}");
    let text = refused("large.png", &png(9000, 8000, L8, 9000 * 8000));
    assert!(text.contains("expected at most 64 megapixels, found 9000x8000"), "{text}");
    let (status, text) = picture("still.gif", &gif(8000, 8000, 1));
    assert_eq!(status, Some(0), "{text}");
}

#[test]
fn sides_that_a_header_claims() {
    let mut claims = png(1, 1, Rgb16, 6);
    claims[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    // The decoder looks at a header's checksum.
    let sum = crc32(&claims[12..29]);
    claims[29..33].copy_from_slice(&sum.to_be_bytes());
    let mut jpeg = jpeg();
    let at = jpeg.windows(2).position(|w| w == b"\xff\xc0").unwrap();
    jpeg[at + 5..at + 9].fill(0xff);
    let lossless = [&b"\x2f"[..], &0x0fff_ffffu32.to_le_bytes(), &[0; 16]].concat();
    let lossy = b"\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f\0\0\0\0\0\0";
    for (name, file) in [
        ("a.png", claims),
        ("a.jpg", jpeg),
        ("a.gif", gif(65_535, 65_535, 1)),
        ("moving.gif", gif(65_535, 65_535, 2)),
        // Not the picture but its frames.
        ("frame.gif", gif_of(8000, 8000, 1, (11_000, 11_000))),
        ("frames.gif", gif_of(3000, 3000, 2, (65_535, 65_535))),
        // Small enough for a picture, too large for a film.
        ("many.gif", gif(8000, 7000, 5000)),
        ("lossless.webp", webp(&[(b"VP8L", &lossless)])),
        ("lossy.webp", webp(&[(b"VP8 ", lossy)])),
        ("canvas.webp", webp(&[(b"VP8X", &canvas(0, 1 << 24, 255)), (b"VP8 ", lossy)])),
        ("within.webp", webp(&[(b"VP8X", &canvas(0, 16, 16)), (b"VP8 ", lossy)])),
        ("empty.gif", gif_of(6, 0, 1, (6, 0))),
        ("empty-moving.gif", gif_of(6, 0, 2, (6, 0))),
        ("narrow.gif", gif_of(0, 6, 1, (0, 6))),
    ] {
        let text = refused(name, &file);
        assert!(!text.contains("panic"), "{text}");
    }
}

#[test]
fn animations_are_never_held_whole() {
    // 61 MB a frame, 3 GB in all.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("long.gif"), gif(4000, 4000, 50)).unwrap();
    let (status, text) = run(folder.path(), &["analyze", "long.gif", "--every", "25", "--json"]);
    assert_eq!(status, Some(0), "{text}");
}

#[test]
fn a_webp_of_one_pixel_with_a_gigabyte_of_code_tables() {
    // A few groups are read, in the picture itself and in a frame of an animation.
    let (status, text) = picture("few.webp", &webp(&[(b"VP8L", &groups(200))]));
    assert_eq!(status, Some(0), "{text}");
    let bomb = groups(65_536);
    assert!(bomb.len() < 4 << 20);
    let text = refused("cut.webp", &webp(&[(b"VP8L", &groups(200))])[..40]);
    assert!(text.contains("ends too early"), "{text}");
    let text = refused("many.webp", &webp(&[(b"VP8L", &bomb)]));
    assert!(text.contains("expected at most 128 MB of code tables"), "{text}");
    let mut frame = vec![0; 16];
    frame.extend(b"VP8L");
    frame.extend((bomb.len() as u32).to_le_bytes());
    frame.extend(&bomb);
    frame.resize(frame.len().next_multiple_of(2), 0);
    let text =
        refused("moving.webp", &webp(&[(b"VP8X", &canvas(2, 1, 1)), (b"ANIM", &[0; 6]), (b"ANMF", &frame)]));
    assert!(text.contains("code tables"), "{text}");
    // Transparency has no header of its own.
    let alpha = [&b"\x01"[..], &bomb_without_header(&bomb)].concat();
    let lossy = b"\x10\0\0\x9d\x01\x2a\x01\0\x01\0\0\0\0\0\0\0";
    let text =
        refused("alpha.webp", &webp(&[(b"VP8X", &canvas(0x10, 1, 1)), (b"ALPH", &alpha), (b"VP8 ", lossy)]));
    assert!(text.contains("code tables"), "{text}");
}

/// Signature, sides and version are 40 bits.
fn bomb_without_header(bomb: &[u8]) -> Vec<u8> {
    bomb[5..].to_vec()
}

#[test]
fn four_gigabytes_that_a_chunk_claims() {
    let mut file = webp(&[(b"VP8X", &canvas(8, 16, 16)), (b"VP8 ", b"\x10\0\0\x9d\x01\x2a\x10\0\x10\0\0\0")]);
    file.extend(b"EXIF\xff\xff\xff\xff");
    let text = refused("exif.webp", &file);
    assert!(text.contains("claims 4294967295 bytes, where 0 are left"), "{text}");
    let mut file = png(1, 1, Rgb16, 6);
    // In front of the pixels.
    file.splice(33..33, *b"\x7f\xff\xff\xffiCCPabcd");
    refused("profile.png", &file);
}

#[test]
fn a_colour_profile_that_unpacks_to_half_a_gigabyte() {
    let mut packed = zip::write::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let deflated =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    packed.start_file("a", deflated).unwrap();
    for _ in 0..500 {
        packed.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let archive = packed.finish().unwrap().into_inner();
    // The entry's bytes stand between its head, of 30 bytes and a name of one, and the directory.
    let end = archive.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    let chunk = [b"iCCPa\0\0\x78\x9c", &archive[31..end], &[0; 4]].concat();
    let mut file = png(8000, 8000, Rgb16, 8000 * 8000 * 6);
    let whole = [&(chunk.len() as u32 - 4).to_be_bytes()[..], &chunk, &crc32(&chunk).to_be_bytes()].concat();
    file.splice(33..33, whole);
    let (status, text) = picture("profile.png", &file);
    // With or without its profile, which is not used.
    assert!(matches!(status, Some(0 | 1)), "{text}");
}

#[test]
fn a_jpeg_that_is_decoded_in_many_passes() {
    // The largest picture, its coefficients held to the end: a few bytes claim to be the first of them.
    let mut file = jpeg();
    let at = file.windows(2).position(|w| w == b"\xff\xc0").unwrap();
    file[at + 1] = 0xc2;
    file[at + 5..at + 9].copy_from_slice(&[8000u16.to_be_bytes(), 8000u16.to_be_bytes()].concat());
    let at = file.windows(2).position(|w| w == b"\xff\xda").unwrap();
    // Coefficients 0 to 0 of all three colours.
    file[at + 11..at + 14].fill(0);
    let (status, text) = picture("passes.jpg", &file);
    assert!(matches!(status, Some(0 | 1)), "{text}");
}

#[test]
fn files_that_are_too_large_for_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    for (name, start, most) in [
        ("a.jpg", &jpeg()[..], "JPG file of at most 64 MB"),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8L", "WEBP file of at most 64 MB"),
        ("a.gif", b"GIF89a", "GIF file of at most 512 MB"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "PNG file of at most 512 MB"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, start).unwrap();
        // Zeros that take no space on the disk.
        std::fs::File::options().write(true).open(path).unwrap().set_len(10 << 30).unwrap();
        let (status, text) = run(folder.path(), &["analyze", name]);
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains(most), "{text}");
    }
}

/// The checksum of a PNG's chunk, from its name on.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, b| {
        (0..8)
            .fold(sum ^ u32::from(*b), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

#[test]
fn videos_of_giant_frames_are_refused_and_large_ones_made_smaller() {
    if !files::has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let video = |name: &str, size: &str| {
        let source = format!("color=size={size}:rate=4:duration=0.5");
        let made = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", &source, "-c:v", "mjpeg"])
            .arg(folder.path().join(name))
            .status();
        assert!(made.unwrap().success());
        // Two programs more, and their memory.
        let output = Command::new(assert_cmd::cargo::cargo_bin!("moue"))
            .args(["analyze", name, "--json"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said.into_owned())
    };
    let (status, text) = video("giant.avi", "12000x9000");
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("giant.avi"), "{text}");
    let (status, text) = video("large.avi", "6000x3000");
    assert_eq!(status, Some(0), "{text}");
    let source = files::open(&folder.path().join("large.avi"), moue::capture::Pace::Unpaced).unwrap();
    assert_eq!(source.info().size_px, Some((4096, 2048)));
}
