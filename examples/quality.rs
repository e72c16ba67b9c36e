//! Measures how many readings the network keeps right when a face is dark, blurred, small, cut off, covered or turned: the
//! source of the curves in `crates/moue-detect/src/quality/signs.rs` (figures in `docs/faces.md`).
//!
//! `cargo run --release --example quality -- PATH/TO/fer2013 [EVERY [poses]]`; with `poses` turned heads only.
#![allow(clippy::print_stdout, reason = "an example that prints its result")]

use std::error::Error;
use std::path::Path;

use image::{Rgb, RgbImage, imageops};
use moue::detect::mediapipe::{Beyond, BlazeFaceDetector, FaceMesh, MeshFinder};
use moue::detect::quality::{CropLook, Signs};
use moue::detect::{CropRegion, FaceCrop, HeadPose};
use moue::eval::degrade::{add_noise, blur, cover, expose, shrink};
use moue::model::{Classifier, DeviceChoice, Expression, LoadedWeights, TRAINING_FACE_PX};
use moue::train::data::{DataOptions, DataSet, SplitName};
use moue_kernels::Isa;
use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;

/// Enlargement of the pictures in which the mesh is looked for, and the border around them in enlarged pixels.
const ENLARGE: u32 = 5;
const BORDER: u32 = 200;
/// A mesh with a lower score is left out.
const MESH_SCORE: f32 = 0.7;
/// Bins of a sign.
const BINS: usize = 12;

/// A change of a 48x48 face, with a strength.
type Change = fn(&mut Vec<f32>, f32, &mut Pcg64Mcg);
/// The sign that a change shows in.
type Sign = fn(&Signs) -> f32;

/// Name, change, strengths from none on, sign.
const FAMILIES: &[(&str, Change, &[f32], Sign)] = &[
    (
        "small",
        |f, px, _| shrink(f, px as usize),
        &[48.0, 40.0, 34.0, 30.0, 26.0, 22.0, 19.0, 16.0, 14.0, 12.0, 10.0, 8.0],
        |s| s.side_px,
    ),
    (
        "dark",
        |f, gain, _| quantised(f, gain),
        &[1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05, 0.03],
        |s| s.look.light,
    ),
    (
        "dark, noisy",
        |f, gain, rng| {
            quantised(f, gain);
            add_noise(f, 0.02, rng);
        },
        &[1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05],
        |s| s.look.light,
    ),
    (
        "over-exposed",
        |f, gain, _| expose(f, gain, 1.0),
        &[1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0],
        |s| s.look.white,
    ),
    (
        "blurred",
        |f, sigma, _| blur(f, sigma),
        &[0.0, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0],
        |s| s.look.softness,
    ),
    (
        "moved",
        |f, px, _| moved(f, px as usize),
        &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0],
        |s| s.look.softness,
    ),
    (
        "cut at a side",
        |f, share, _| cut(f, share, false),
        &[0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5],
        |s| s.outside,
    ),
    (
        "cut below",
        |f, share, _| cut(f, share, true),
        &[0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5],
        |s| s.outside,
    ),
    (
        "mouth covered",
        |f, from, _| cover(f, [0.1, 1.0 - from], [0.8, from], 0.55),
        &[0.0, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5],
        |s| s.look.detail,
    ),
    (
        "eyes covered",
        |f, height, _| cover(f, [0.1, 0.39 - height / 2.0], [0.8, height], 0.55),
        &[0.0, 0.05, 0.1, 0.15, 0.2, 0.3],
        |s| s.look.detail,
    ),
    (
        "one eye covered",
        |f, height, _| cover(f, [0.1, 0.39 - height / 2.0], [0.36, height], 0.55),
        &[0.0, 0.1, 0.2, 0.3],
        |s| s.look.detail,
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("expected the folder of FER-2013")?;
    let every = args.next().map_or(Ok(4), |n| n.parse())?;
    let only_poses = args.next().is_some_and(|a| a == "poses");
    let data = DataSet::read(Path::new(&folder), &[SplitName::Val], &DataOptions::default())?;
    let split = data.split(SplitName::Val).every(every);
    let faces: Vec<Vec<f32>> =
        (0..split.len()).map(|i| split.face(i).iter().map(|&v| f32::from(v) / 255.0).collect()).collect();
    let labels: Vec<Expression> = split.samples.iter().map(|s| s.label).collect();
    let weights = LoadedWeights::built_in()?.weights;
    let mut network = Classifier::new(&weights, DeviceChoice::Cpu, 0)?;
    println!("{} faces, {}", faces.len(), network.device_name());

    if only_poses {
        return poses(&mut network, &faces, &labels);
    }
    let right = read(&mut network, &faces.iter().map(|f| as_crop(f)).collect::<Vec<_>>(), &labels)?;
    println!("right as they are: {:.1} %\n", percent(&right));
    for (name, change, strengths, sign) in FAMILIES {
        println!("{name}: strength, right %, kept %, the sign's quartiles");
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let mut pooled = Vec::new();
        for &strength in *strengths {
            let changed: Vec<Vec<f32>> = faces
                .iter()
                .map(|f| {
                    let mut f = f.clone();
                    change(&mut f, strength, &mut rng);
                    f
                })
                .collect();
            let crops: Vec<FaceCrop> = changed.iter().map(|f| as_crop(f)).collect();
            let now = read(&mut network, &crops, &labels)?;
            let side_px = if *name == "small" { strength } else { TRAINING_FACE_PX as f32 };
            let outside = if name.starts_with("cut") { strength } else { 0.0 };
            let signs: Vec<f32> = crops
                .iter()
                .map(|crop| {
                    let look = CropLook::of(crop);
                    sign(&Signs { side_px, turn: None, nod: None, lean: None, outside, look })
                })
                .collect();
            let q = quartiles(&signs);
            println!(
                "  {strength:>6.2} {:>6.1} {:>6.1}   {:.3} {:.3} {:.3}",
                percent(&now),
                100.0 * percent(&now) / percent(&right),
                q[0],
                q[1],
                q[2]
            );
            pooled.extend(signs.into_iter().zip(now.iter().zip(&right)).map(|(s, (&n, &r))| (s, n, r)));
        }
        table("  by the sign", pooled);
    }
    poses(&mut network, &faces, &labels)
}

/// What the network keeps right of faces by turn and nod, and of pictures that are turned in their plane.
fn poses(network: &mut Classifier, faces: &[Vec<f32>], labels: &[Expression]) -> Result<(), Box<dyn Error>> {
    let mut blazeface = BlazeFaceDetector::new(Isa::best());
    let mut finder = MeshFinder::new(Isa::best());
    for angle in [0.0_f32, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0] {
        let (mut crops, mut of, mut poses, mut detail) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (face, label) in faces.iter().zip(labels) {
            let frame = framed(face, angle);
            let Some(mesh) = mesh(&mut blazeface, &mut finder, &frame) else { continue };
            let Some(pose) = HeadPose::of(&mesh) else { continue };
            let crop = FaceCrop::of(&frame, &CropRegion::turned(&mesh.framing_square()));
            detail.push(CropLook::of(&crop).detail);
            crops.push(crop);
            of.push(*label);
            poses.push(pose);
        }
        let right = read(network, &crops, &of)?;
        let rolls: Vec<f32> = poses.iter().map(|p| p.roll).collect();
        println!(
            "turned by {angle:>3} degrees: {} of {} found, {:.1} % right, roll's quartiles {:.0?}",
            crops.len(),
            faces.len(),
            percent(&right),
            quartiles(&rolls)
        );
        if angle == 0.0 {
            let mean = percent(&right) / 100.0;
            let by = |title: &str, sign: fn(&HeadPose) -> f32| {
                let mut all: Vec<(f32, bool)> = poses.iter().map(sign).zip(right.iter().copied()).collect();
                all.sort_by(|a, b| a.0.total_cmp(&b.0));
                println!("  by {title}: from, to, right %, of the mean %");
                for bin in all.chunks(all.len().div_ceil(BINS).max(1)) {
                    let share = bin.iter().filter(|(_, r)| *r).count() as f64 / bin.len() as f64;
                    let (from, to) = (bin[0].0, bin[bin.len() - 1].0);
                    println!(
                        "    {from:>6.1} {to:>6.1} {:>6.1} {:>6.1}",
                        share * 100.0,
                        share / mean * 100.0
                    );
                }
            };
            by("yaw", |p| p.yaw);
            by("yaw either way", |p| p.yaw.abs());
            by("pitch", |p| p.pitch);
            println!("  detail's quartiles {:.2?}", quartiles(&detail));
        }
    }
    Ok(())
}

fn mesh(blazeface: &mut BlazeFaceDetector, finder: &mut MeshFinder, frame: &RgbImage) -> Option<FaceMesh> {
    let found = blazeface.detect(frame, &BlazeFaceDetector::whole(frame), Beyond::Repeated);
    let first = finder.find(frame, &found.first()?.mesh_square())?;
    finder.find(frame, &first.next_square()).filter(|m| m.score >= MESH_SCORE)
}

/// Whether each face is read right.
fn read(
    network: &mut Classifier,
    crops: &[FaceCrop],
    labels: &[Expression],
) -> Result<Vec<bool>, Box<dyn Error>> {
    let mut right = Vec::with_capacity(crops.len());
    for (crops, labels) in crops.chunks(16).zip(labels.chunks(16)) {
        let mut input = Vec::new();
        for crop in crops {
            crop.append_to(network.input_size(), &mut input);
        }
        let readings = network.classify(&input)?;
        right.extend(readings.iter().zip(labels).map(|(r, label)| r.top().0 == *label));
    }
    Ok(right)
}

/// A 48x48 face as the program cuts it out of a frame, in 8 bits.
fn as_crop(face: &[f32]) -> FaceCrop {
    let side = TRAINING_FACE_PX as u32;
    let frame = RgbImage::from_fn(side, side, |x, y| {
        Rgb([(face[(y * side + x) as usize].clamp(0.0, 1.0) * 255.0).round() as u8; 3])
    });
    FaceCrop::of(&frame, &CropRegion::whole_picture(side, side))
}

/// Less light, in 8 bits.
fn quantised(face: &mut [f32], gain: f32) {
    for v in face {
        *v = (*v * gain * 255.0).round() / 255.0;
    }
}

/// Moved sideways by so many pixels while it was taken.
fn moved(face: &mut [f32], px: usize) {
    let side = TRAINING_FACE_PX;
    let sharp = face.to_vec();
    for (i, v) in face.iter_mut().enumerate() {
        let (x, y) = (i % side, i / side);
        let at = |k: usize| sharp[y * side + (x + k).saturating_sub(px / 2).min(side - 1)];
        *v = (0..px).map(at).sum::<f32>() / px as f32;
    }
}

/// A share of the picture lies beyond the frame's edge: the last pixels are repeated.
fn cut(face: &mut [f32], share: f32, below: bool) {
    let side = TRAINING_FACE_PX;
    let out = (share * side as f32).round() as usize;
    for i in 0..side * side {
        let (x, y) = (i % side, i / side);
        face[i] = if below {
            face[y.min(side - 1 - out) * side + x]
        } else {
            face[y * side + x.min(side - 1 - out)]
        };
    }
}

/// The face enlarged, with its edge repeated outwards, turned about its middle.
fn framed(face: &[f32], degrees: f32) -> RgbImage {
    let side = TRAINING_FACE_PX as u32;
    let small =
        RgbImage::from_fn(side, side, |x, y| Rgb([(face[(y * side + x) as usize] * 255.0).round() as u8; 3]));
    let large = imageops::resize(&small, side * ENLARGE, side * ENLARGE, imageops::FilterType::Triangle);
    let (side, whole) = (side * ENLARGE, side * ENLARGE + 2 * BORDER);
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (middle, last) = (whole as f32 / 2.0, side as f32 - 1.0);
    RgbImage::from_fn(whole, whole, |x, y| -> Rgb<u8> {
        let (dx, dy) = (x as f32 - middle, y as f32 - middle);
        let (u, v) = (dx * cos + dy * sin + side as f32 / 2.0, dy * cos - dx * sin + side as f32 / 2.0);
        imageops::interpolate_bilinear(&large, u.clamp(0.0, last), v.clamp(0.0, last)).unwrap_or(Rgb([0; 3]))
    })
}

/// Right and kept in bins with as many faces each.
fn table(title: &str, mut pooled: Vec<(f32, bool, bool)>) {
    pooled.sort_by(|a, b| a.0.total_cmp(&b.0));
    println!("{title}: from, to, kept %");
    for bin in pooled.chunks(pooled.len().div_ceil(BINS).max(1)) {
        let count = |right: fn(&(f32, bool, bool)) -> bool| bin.iter().filter(|b| right(b)).count() as f64;
        let (now, before) = (count(|b| b.1), count(|b| b.2));
        println!("    {:>7.3} {:>7.3} {:>6.1}", bin[0].0, bin[bin.len() - 1].0, 100.0 * now / before);
    }
    println!();
}

fn percent(right: &[bool]) -> f64 {
    100.0 * right.iter().filter(|r| **r).count() as f64 / right.len().max(1) as f64
}

fn quartiles(values: &[f32]) -> [f32; 3] {
    let mut v = values.to_vec();
    v.sort_by(f32::total_cmp);
    [0.25, 0.5, 0.75]
        .map(|q| v.get((v.len().saturating_sub(1) as f32 * q) as usize).copied().unwrap_or(f32::NAN))
}
