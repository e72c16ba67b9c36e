//! Pictures, tables and settings that would exhaust the machine are refused within a gigabyte of address space.
//! (`hostile_weights.rs` is the same for weights.)
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use image::ImageEncoder as _;

/// Runs the program in `folder` with at most 1 GB: its status, and what it says.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 1000000; exec \"$0\" \"$@\""])
        .arg(assert_cmd::cargo::cargo_bin!("moue"))
        .args(arguments)
        // Each thread's pool of memory would count as used.
        .env("MALLOC_ARENA_MAX", "1")
        .current_dir(folder)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn picture(name: &str, bytes: &[u8]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    run(folder.path(), &["analyze", name, "--frames", "2", "--json"])
}

fn png(width: u32, height: u32, kind: image::ExtendedColorType, bytes: usize) -> Vec<u8> {
    let mut file = Vec::new();
    image::codecs::png::PngEncoder::new(&mut file).write_image(&vec![0; bytes], width, height, kind).unwrap();
    file
}

/// Frames of one pixel on a canvas of any size.
fn gif(width: u16, height: u16, frames: usize) -> Vec<u8> {
    let mut file = b"GIF89a".to_vec();
    file.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
    file.extend(b"\x80\0\0\0\0\0\0\0\0");
    for _ in 0..frames {
        file.extend(b"\x21\xf9\x04\x08\x01\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
    }
    file.push(b';');
    file
}

#[test]
fn the_largest_pictures_fit_and_larger_ones_are_refused() {
    use image::ExtendedColorType::{Rgb16, Rgba16};
    let (status, text) = picture("rgb16.png", &png(8000, 8000, Rgb16, 8000 * 8000 * 6));
    assert_eq!(status, Some(0), "{text}");
    let (status, text) = picture("rgba16.png", &png(8000, 8000, Rgba16, 8000 * 8000 * 8));
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("rgba16.png: expected at most 384 MB of pixels, found 512 MB"), "{text}");
    let mut claims = png(1, 1, Rgb16, 6);
    // The header's width and height, and its checksum.
    claims[16..24].copy_from_slice(&[0, 0, 0x7f, 0xff, 0, 0, 0x7f, 0xff]);
    let (status, text) = picture("claims.png", &claims);
    assert_eq!(status, Some(1), "{text}");
}

#[test]
fn jpegs_and_animations_that_claim_too_much() {
    let mut jpeg = Vec::new();
    let pixels = [128; 16 * 16 * 3];
    let encoder = image::codecs::jpeg::JpegEncoder::new(&mut jpeg);
    encoder.write_image(&pixels, 16, 16, image::ExtendedColorType::Rgb8).unwrap();
    let at = jpeg.windows(2).position(|w| w == b"\xff\xc0").unwrap();
    jpeg[at + 5..at + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    for (name, file) in
        [("a.jpg", jpeg), ("huge.gif", gif(65_535, 65_535, 2)), ("many.gif", gif(8000, 8000, 5000))]
    {
        let (status, text) = picture(name, &file);
        assert_eq!(status, Some(1), "{name}: {text}");
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn tables_of_one_endless_row_of_bad_rows_and_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/models/moue-fer2013.safetensors");
    let refused = |text: &[u8], sparse_bytes: u64| {
        let mut file = std::fs::File::create(folder.path().join("fer2013.csv")).unwrap();
        file.write_all(text).unwrap();
        if sparse_bytes > 0 {
            // Zeros that take no space on the disk.
            file.seek(SeekFrom::Start(sparse_bytes)).unwrap();
            file.write_all(b"\n").unwrap();
        }
        let (status, text) = run(folder.path(), &["evaluate", network, "fer2013.csv", "--out", "out"]);
        assert_eq!(status, Some(2), "{text}");
        assert!(text.contains("fer2013.csv"), "{text}");
        text
    };
    let header = b"emotion,pixels,Usage\n";
    let text = refused(&[&header[..], b"3,\""].concat(), 400 << 20);
    assert!(text.contains("row 1: expected at most 262144 bytes, found more"), "{text}");
    assert!(refused(header, 20 << 30).contains("expected at most 536870912 bytes"));
    assert!(refused(b"", 400 << 20).contains("expected at most 262144 bytes"));
    let bad = [&header[..], &b"1\n".repeat(20 << 20)].concat();
    assert!(refused(&bad, 0).contains("more than 10000 rows are bad; the first is fer2013.csv:row 0"));
}
