//! Measures the mean face over FER-2013's pictures: the source of `geometry/shape.rs` and `mediapipe/wires.rs` in
//! `crates/moue-detect/src`, which it prints.
//!
//! `cargo run --release --example face_shape -- PATH/TO/fer2013/val`
#![allow(clippy::print_stdout, reason = "an example that prints its result")]

use std::collections::BTreeSet;
use std::path::Path;

use image::{Rgb, RgbImage, imageops};
use moue::detect::geometry::{RIGID, shape_fit};
use moue::detect::mediapipe::{Beyond, BlazeFaceDetector, MESH_POINTS, MeshFinder};
use moue_kernels::Isa;

/// Enlargement, so that faces of 48-pixel pictures fit the detector.
const ENLARGE: u32 = 5;
/// Width of the replicated border, in enlarged pixels.
const BORDER: u32 = 120;
/// A mesh with a lower score is left out.
const MESH_SCORE: f32 = 0.9;
/// How many of `RIGID` lie on the middle line; the others are pairs.
const MIDDLE: usize = 8;
/// Edges of the eyes' and the mouth's openings: what lies between them is no skin.
const OPENINGS: [&[usize]; 3] = [
    &[263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466],
    &[33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246],
    &[78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191],
];

/// The upper and the lower lip without their common corners: no wire goes from one to the other.
const LIPS: [&[usize]; 2] = [
    &[
        0, 267, 269, 270, 409, 37, 39, 40, 185, 11, 302, 303, 304, 408, 72, 73, 74, 184, 12, 268, 271, 272,
        407, 38, 41, 42, 183, 13, 312, 311, 310, 415, 82, 81, 80, 191,
    ],
    &[
        17, 314, 405, 321, 375, 84, 181, 91, 146, 16, 315, 404, 320, 307, 85, 180, 90, 77, 15, 316, 403, 319,
        325, 86, 179, 89, 96, 14, 317, 402, 318, 324, 87, 178, 88, 95,
    ],
];

type Points = Vec<[f32; 3]>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("expected the folder of FER-2013's val/")?;
    let meshes = meshes(Path::new(&folder))?;
    let mut reference = rigid(meshes.first().ok_or("no face found")?);
    let mut mean = Vec::new();
    for _ in 0..6 {
        mean = mean_of(meshes.iter().filter_map(|m| aligned(m, &reference)));
        reference = rigid(&mean);
    }
    // Upright: the pairs lie level, and left and right are alike.
    let mean = turned_upright(&mean);
    let mut shape = symmetric(&rigid(&mean));
    // Nodding as the pictures' people do in the median.
    let mut nods: Vec<f64> = meshes
        .iter()
        .filter_map(|m| shape_fit(&shape, &rigid(m)))
        .map(|turn| turn[(2, 1)].atan2(turn[(2, 2)]))
        .collect();
    nods.sort_by(f64::total_cmp);
    let nod = nods[nods.len() / 2];
    nodded(&mut shape, nod);
    let mut mean = mean;
    nodded(&mut mean, nod);
    println!("// {} faces; the shape nods by {:.2} degrees", meshes.len(), nod.to_degrees());
    for [x, y, z] in &shape {
        println!("    [{x:.4}, {y:.4}, {z:.4}],");
    }
    println!("// wires");
    for [a, b] in wires(&mean) {
        print!("[{a}, {b}], ");
    }
    println!();
    Ok(())
}

/// The meshes of all pictures in which there is one.
fn meshes(folder: &Path) -> Result<Vec<Points>, Box<dyn std::error::Error>> {
    let mut files = Vec::new();
    for class in std::fs::read_dir(folder)? {
        let class = class?.path();
        if class.is_dir() {
            for file in std::fs::read_dir(class)? {
                files.push(file?.path());
            }
        }
    }
    files.sort();
    let mut blazeface = BlazeFaceDetector::new(Isa::best());
    let mut finder = MeshFinder::new(Isa::best());
    let mut meshes = Vec::new();
    for file in &files {
        let framed = framed(&image::open(file)?.to_rgb8());
        let found = blazeface.detect(&framed, &BlazeFaceDetector::whole(&framed), Beyond::Black);
        let Some(face) = found.first() else { continue };
        let Some(mesh) = finder.find(&framed, &face.mesh_square()) else { continue };
        let again = finder.find(&framed, &mesh.next_square());
        meshes.extend(again.filter(|m| m.score >= MESH_SCORE).map(|m| m.points));
    }
    Ok(meshes)
}

fn rigid(points: &Points) -> Points {
    RIGID.iter().map(|&i| points[i]).collect()
}

fn centre(points: &Points) -> [f32; 3] {
    [0, 1, 2].map(|i| points.iter().map(|p| p[i]).sum::<f32>() / points.len() as f32)
}

/// All points of a mesh in the place, size and pose of the reference; the size is 1 in the root mean square.
fn aligned(mesh: &Points, reference: &Points) -> Option<Points> {
    let own = rigid(mesh);
    let turn = shape_fit(reference, &own)?;
    let middle = centre(&own);
    let from_middle = |p: &[f32; 3]| [0, 1, 2].map(|i| p[i] - middle[i]);
    let size = (own.iter().map(|p| from_middle(p).iter().map(|v| v * v).sum::<f32>()).sum::<f32>()
        / own.len() as f32)
        .sqrt();
    let back = |p: &[f32; 3]| {
        let p = from_middle(p);
        [0, 1, 2].map(|row| (0..3).map(|i| turn[(i, row)] as f32 * p[i]).sum::<f32>() / size)
    };
    Some(mesh.iter().map(back).collect())
}

fn mean_of(meshes: impl Iterator<Item = Points>) -> Points {
    let mut sum = vec![[0.0_f64; 3]; MESH_POINTS];
    let mut count = 0.0;
    for mesh in meshes {
        count += 1.0;
        for (sum, point) in sum.iter_mut().zip(&mesh) {
            for (s, v) in sum.iter_mut().zip(point) {
                *s += f64::from(*v);
            }
        }
    }
    sum.iter().map(|p| p.map(|v| (v / count) as f32)).collect()
}

/// Turned so that the pairs lie along x, and the middle line in the plane of y and z, forehead up.
fn turned_upright(points: &Points) -> Points {
    let own = rigid(points);
    let mut across = [0.0; 3];
    for pair in own[MIDDLE..].chunks_exact(2) {
        for (sum, (a, b)) in across.iter_mut().zip(pair[0].iter().zip(&pair[1])) {
            *sum += b - a;
        }
    }
    let dot = |a: &[f32; 3], b: &[f32; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let unit = |v: [f32; 3]| v.map(|c| c / dot(&v, &v).sqrt());
    let x = unit(across);
    let down = [0, 1, 2].map(|i| own[7][i] - own[0][i]);
    let y = unit([0, 1, 2].map(|i| down[i] - x[i] * dot(&down, &x)));
    let z = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
    points.iter().map(|p| [dot(&x, p), dot(&y, p), dot(&z, p)]).collect()
}

/// The mean of a shape and its mirror image, about its middle.
fn symmetric(shape: &Points) -> Points {
    let mirrored = |i: usize| {
        let other = if i < MIDDLE { i } else { MIDDLE + ((i - MIDDLE) ^ 1) };
        let [x, y, z] = shape[other];
        [-x, y, z]
    };
    let both: Points = (0..shape.len())
        .map(|i| {
            let (a, b) = (shape[i], mirrored(i));
            [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0, (a[2] + b[2]) / 2.0]
        })
        .collect();
    let middle = centre(&both);
    both.iter().map(|p| [0, 1, 2].map(|i| p[i] - middle[i])).collect()
}

/// Turns points about x as a nod of the median does.
fn nodded(points: &mut Points, angle: f64) {
    let (sin, cos) = (angle as f32).sin_cos();
    for [_, y, z] in points {
        (*y, *z) = (*y * cos - *z * sin, *z * cos + *y * sin);
    }
}

/// The edges of the Delaunay triangles of the face seen from the front, without those across eyes and mouth.
fn wires(mean: &Points) -> BTreeSet<[usize; 2]> {
    let points: Vec<_> = mean.iter().map(|p| delaunator::Point { x: p[0].into(), y: p[1].into() }).collect();
    let triangles = delaunator::triangulate(&points).triangles;
    let skin =
        triangles.chunks_exact(3).filter(|t| !OPENINGS.iter().any(|o| t.iter().all(|i| o.contains(i))));
    skin.flat_map(|t| [[t[0], t[1]], [t[1], t[2]], [t[2], t[0]]])
        .map(|[a, b]| [a.min(b), a.max(b)])
        .filter(|[a, b]| !LIPS.iter().zip(LIPS.iter().rev()).any(|(l, m)| l.contains(a) && m.contains(b)))
        .collect()
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
