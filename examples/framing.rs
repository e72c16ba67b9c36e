//! Measures how FER-2013's pictures are framed relative to what the detectors find, the source of the constants in
//! `crop.rs`, `search.rs` and `mediapipe/mesh.rs` of `crates/moue-detect/src` (figures in `docs/framing.md`).
//!
//! `cargo run --release --example framing -- PATH/TO/fer2013/val`
#![allow(clippy::print_stdout, reason = "an example that prints its result")]

use std::path::Path;

use image::{Rgb, RgbImage, imageops};
use moue::detect::mediapipe::{Beyond, BlazeFaceDetector, MeshFinder};
use moue::detect::{DetectorSettings, FaceBox, RustfaceDetector};
use moue_kernels::Isa;

/// Enlargement, so that faces of 48-pixel pictures fit the detectors' windows.
const ENLARGE: u32 = 5;
/// Width of the replicated border, in enlarged pixels.
const BORDER: u32 = 120;
/// A mesh with a lower score is left out.
const MESH_SCORE: f32 = 0.7;

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
    let mut rustface = RustfaceDetector::new(DetectorSettings { search_width_px: 4096, min_face_px: 80 });
    let mut blazeface = BlazeFaceDetector::new(Isa::best());
    let mut finder = MeshFinder::new(Isa::best());
    let (mut boxes, mut blaze_boxes, mut meshes) = (Vec::new(), Vec::new(), Vec::new());
    for file in &files {
        let framed = framed(&image::open(file)?.to_rgb8());
        boxes.extend(rustface.detect(&framed).first().map(|d| box_frame(&d.face, &framed)));
        let found = blazeface.detect(&framed, &BlazeFaceDetector::whole(&framed), Beyond::Black);
        let Some(face) = found.first() else { continue };
        blaze_boxes.push(box_frame(&face.face, &framed));
        if let Some(mesh) = finder.find(&framed, &face.mesh_square()).filter(|m| m.score >= MESH_SCORE) {
            let [eye, other, mouth] = mesh.framing_places().map(|p| p.map(|v| share(v, &framed)));
            let angle = (other[1] - eye[1]).atan2(other[0] - eye[0]).to_degrees();
            let square = mesh.framing_square();
            let [x, y] = square.centre.map(|v| share(v, &framed));
            meshes.push([
                eye[0],
                eye[1],
                other[0],
                other[1],
                mouth[0],
                mouth[1],
                angle,
                angle.abs(),
                square.side / side(&framed),
                x,
                y,
            ]);
        }
    }
    println!("{} pictures", files.len());
    let of_boxes = ["side / box width", "dx / box width", "dy / box width"];
    table("rustface's boxes", &of_boxes, &boxes);
    table("BlazeFace's boxes", &of_boxes, &blaze_boxes);
    let of_meshes = [
        "right eye x / side",
        "right eye y",
        "left eye x",
        "left eye y",
        "mouth x",
        "mouth y",
        "angle in degrees",
        "its amount",
        "framed side / side",
        "its centre x",
        "its centre y",
    ];
    table("mesh, in sides from the picture's centre", &of_meshes, &meshes);
    Ok(())
}

/// The picture enlarged, with its edge repeated outwards.
fn framed(picture: &RgbImage) -> RgbImage {
    let side = picture.width() * ENLARGE;
    let large = imageops::resize(picture, side, side, imageops::FilterType::Triangle);
    let whole = side + 2 * BORDER;
    RgbImage::from_fn(whole, whole, |x, y| -> Rgb<u8> {
        let inside = |v: u32| v.saturating_sub(BORDER).min(side - 1);
        *large.get_pixel(inside(x), inside(y))
    })
}

/// Side of the enlarged picture.
fn side(framed: &RgbImage) -> f32 {
    (framed.width() - 2 * BORDER) as f32
}

/// A place in sides of the picture, from its centre.
fn share(at: f32, framed: &RgbImage) -> f32 {
    (at - framed.width() as f32 / 2.0) / side(framed)
}

/// Side of the picture and offset of its centre from the box's centre, in box widths.
fn box_frame(face: &FaceBox, framed: &RgbImage) -> [f32; 3] {
    let centre = framed.width() as f32 / 2.0;
    [
        side(framed) / face.width,
        (centre - (face.x + face.width / 2.0)) / face.width,
        (centre - (face.y + face.height / 2.0)) / face.width,
    ]
}

fn table<const N: usize>(title: &str, names: &[&str; N], rows: &[[f32; N]]) {
    println!("{title}: {} pictures; quartiles", rows.len());
    for (i, name) in names.iter().enumerate() {
        let mut v: Vec<f32> = rows.iter().map(|m| m[i]).collect();
        v.sort_by(f32::total_cmp);
        let at = |q: f32| v.get((v.len().saturating_sub(1) as f32 * q) as usize).copied().unwrap_or(f32::NAN);
        println!("  {name}: {:.3} {:.3} {:.3}", at(0.25), at(0.5), at(0.75));
    }
}
