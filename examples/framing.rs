//! Measures how FER-2013's pictures are framed relative to the box that the detector finds, the
//! source of the constants in `crates/moue-detect/src/crop.rs` (figures in `docs/framing.md`).
//!
//! `cargo run --release --example framing -- PATH/TO/fer2013/val`
#![allow(clippy::print_stdout, reason = "an example that prints its result")]

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage, imageops};
use moue::detect::{DetectorSettings, FaceDetector};

/// Enlargement, so that faces of 48-pixel pictures fit the detector's window.
const ENLARGE: u32 = 5;
/// Width of the replicated border, in enlarged pixels.
const BORDER: u32 = 120;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("expected the folder of FER-2013's val/")?;
    let mut files = Vec::new();
    for class in std::fs::read_dir(Path::new(&folder))? {
        let class = class?.path();
        if class.is_dir() {
            for file in std::fs::read_dir(class)? {
                files.push(file?.path());
            }
        }
    }
    files.sort();
    let mut detector = FaceDetector::new(DetectorSettings { search_width_px: 4096, min_face_px: 80 });
    let mut measured: Vec<[f32; 3]> = Vec::new();
    for file in &files {
        if let Some(m) = measure(&mut detector, file)? {
            measured.push(m);
        }
    }
    println!("{} pictures, {} with a face", files.len(), measured.len());
    for (i, name) in ["side / box width", "dx / box width", "dy / box width"].iter().enumerate() {
        let mut v: Vec<f32> = measured.iter().map(|m| m[i]).collect();
        v.sort_by(f32::total_cmp);
        let at = |q: f32| v[((v.len() - 1) as f32 * q) as usize];
        println!("{name}: quartiles {:.3} {:.3} {:.3}", at(0.25), at(0.5), at(0.75));
    }
    Ok(())
}

/// Side of the picture and offset of its centre from the box's centre, in box widths.
fn measure(detector: &mut FaceDetector, file: &PathBuf) -> Result<Option<[f32; 3]>, image::ImageError> {
    let picture = image::open(file)?.to_rgb8();
    let side = picture.width() * ENLARGE;
    let large = imageops::resize(&picture, side, side, imageops::FilterType::Triangle);
    let whole = side + 2 * BORDER;
    let framed = RgbImage::from_fn(whole, whole, |x, y| -> Rgb<u8> {
        let inside = |v: u32| v.saturating_sub(BORDER).min(side - 1);
        *large.get_pixel(inside(x), inside(y))
    });
    Ok(detector.detect(&framed).first().map(|d| {
        let f = d.face;
        let centre = whole as f32 / 2.0;
        [
            side as f32 / f.width,
            (centre - (f.x + f.width / 2.0)) / f.width,
            (centre - (f.y + f.height / 2.0)) / f.width,
        ]
    }))
}
