//! Who walks into a blurred recording is hidden from the first frame on, whenever and wherever it is.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use image::{RgbImage, imageops};
use moue::detect::{DetectorKind, DetectorSettings, FaceBox, FaceFinder, RustfaceDetector};

const SIZE: (u32, u32) = (640, 480);
const RATE: u32 = 25;

/// A portrait so wide, in pixels, and where its face is.
fn portrait(name: &str, width: u32) -> (RgbImage, FaceBox) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo").join(name);
    let whole = image::open(path).unwrap();
    let picture = whole.thumbnail(width, width * 4).to_rgb8();
    let found = RustfaceDetector::new(DetectorSettings::STILL).detect(&picture);
    (picture, found[0].face)
}

fn scene(known: &RgbImage) -> RgbImage {
    let mut frame =
        RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| image::Rgb([90 + (x / 16) as u8, 100, 80 + (y / 12) as u8]));
    imageops::replace(&mut frame, known, 20, 150);
    frame
}

#[test]
fn with_every_frame_searched_a_second_person_is_found_at_once_in_every_phase() {
    let (known, _) = portrait("obama.jpg", 250);
    let (second, _) = portrait("astronaut.jpg", 300);
    let alone = scene(&known);
    let mut both = alone.clone();
    imageops::replace(&mut both, &second, 330, 100);
    let mut late = 0;
    for kind in [DetectorKind::Auto, DetectorKind::Rustface] {
        let mut finder = FaceFinder::new(kind, DetectorSettings::LIVE);
        for every_frame in [true, false] {
            finder.search_every_frame(every_frame);
            for phase in 1..14 {
                finder.restart();
                for i in 0..phase {
                    assert_eq!(finder.follow(&alone, f64::from(i) / f64::from(RATE)).len(), 1, "{kind}");
                }
                let found = finder.follow(&both, f64::from(phase) / f64::from(RATE)).len();
                assert!(!every_frame || found == 2, "{kind}: {found} faces in phase {phase}");
                late += u32::from(found < 2);
            }
        }
    }
    assert!(late > 0, "the usual way finds everyone at once too, and nothing was tested");
}

/// Where the walker's picture is in a frame; `None` while nobody walks.
fn walk(frame: u32) -> Option<(i64, i64)> {
    // 17 frames a walk do not go into any of the searches' periods, so that each walk begins in another phase; the next
    // one at the same place comes when what was hidden there is shown again.
    let (walk, step) = (frame / 17, i64::from(frame % 17) - 4);
    if step < 0 {
        return None;
    }
    let (w, h) = (i64::from(SIZE.0), i64::from(SIZE.1));
    Some(match walk % 4 {
        0 => (w - 14 * step, 20),
        1 => (250, h - 16 * step),
        2 => (w - 18 * step, h - 190),
        _ => (300, -170 + 14 * step),
    })
}

/// How alike the edges of two pictures are in the middle of a face, 0 to 1: what is drawn over a hidden face has edges of its
/// own. `None` where the middle is not in the picture.
fn likeness(original: &RgbImage, recorded: &RgbImage, face: &FaceBox) -> Option<f64> {
    let middle = |from: f32, side: f32| ((from + 0.25 * side) as i64, (from + 0.75 * side) as i64);
    let ((x0, x1), (y0, y1)) = (middle(face.x, face.width), middle(face.y, face.height));
    let inside = x0 >= 0 && y0 >= 0 && x1 + 1 < i64::from(SIZE.0) && y1 < i64::from(SIZE.1);
    inside.then(|| {
        let (mut both, mut squares) = (0.0, [0.0, 0.0]);
        for y in y0..y1 {
            for x in x0..x1 {
                let edge = |picture: &RgbImage| {
                    let at = |x: i64| f64::from(picture.get_pixel(x as u32, y as u32)[1]);
                    at(x) - at(x + 1)
                };
                let (a, b) = (edge(original), edge(recorded));
                both += a * b;
                squares = [squares[0] + a * a, squares[1] + b * b];
            }
        }
        both / (squares[0] * squares[1]).sqrt().max(1e-9)
    })
}

#[test]
fn whoever_walks_in_is_hidden_in_every_frame_of_the_video() {
    if !Command::new("ffmpeg").arg("-version").output().is_ok_and(|o| o.status.success()) {
        return common::skip("ffmpeg is not installed");
    }
    const WALKS: u32 = 14;
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mkv");
    let (known, _) = portrait("obama.jpg", 150);
    let (walker, face) = portrait("obama.jpg", 140);
    let alone = scene(&known);
    let frames: Vec<RgbImage> = (0..17 * WALKS)
        .map(|i| {
            let mut frame = alone.clone();
            if let Some((x, y)) = walk(i) {
                imageops::replace(&mut frame, &walker, x, y);
            }
            frame
        })
        .collect();
    let size = format!("{}x{}", SIZE.0, SIZE.1);
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size])
        .args(["-framerate", &RATE.to_string(), "-i", "-", "-c:v", "ffv1"])
        .arg(&film)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = ffmpeg.stdin.take().unwrap();
    frames.iter().for_each(|frame| input.write_all(frame.as_raw()).unwrap());
    drop(input);
    assert!(ffmpeg.wait().unwrap().success());

    let output = Command::new(env!("CARGO_BIN_EXE_moue"))
        .current_dir(folder.path())
        .args(["analyze", "--csv", "--out", "x.csv", "film.mkv", "--record", "rec", "--video", "--blur"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let session = std::fs::read_dir(folder.path().join("rec")).unwrap().next().unwrap().unwrap().path();
    let decoded = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-i"])
        .arg(session.join("video.mp4"))
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
        .output()
        .unwrap();
    let bytes = (SIZE.0 * SIZE.1 * 3) as usize;
    let recorded: Vec<RgbImage> = decoded
        .stdout
        .chunks_exact(bytes)
        .map(|raw| RgbImage::from_raw(SIZE.0, SIZE.1, raw.to_vec()).unwrap())
        .collect();
    assert_eq!(recorded.len(), frames.len());

    let (mut looked_at, mut worst) = (0, 0.0_f64);
    // The recording is sharp where nobody is: what is measured is the hiding.
    let shirt = FaceBox { x: 60.0, y: 240.0, width: 80.0, height: 50.0 };
    assert!(likeness(&frames[60], &recorded[60], &shirt).unwrap() > 0.8);
    for (i, (original, recorded)) in frames.iter().zip(&recorded).enumerate() {
        let Some((x, y)) = walk(i as u32) else { continue };
        let place = FaceBox { x: face.x + x as f32, y: face.y + y as f32, ..face };
        let Some(likeness) = likeness(original, recorded, &place) else { continue };
        looked_at += 1;
        worst = worst.max(likeness);
        assert!(likeness < 0.5, "frame {i}, {:?}: {likeness:.2}", walk(i as u32));
    }
    println!("{looked_at} frames with the walker's face, likeness at most {worst:.2}");
    assert!(looked_at > 4 * WALKS, "{looked_at} frames");
}
