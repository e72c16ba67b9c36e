//! Frames and boxes that hold no face, or make no sense: nothing panics, and nothing is found.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use image::{Rgb, RgbImage, imageops};
use moue_detect::mediapipe::{FaceMesh, MESH_POINTS, TurnedSquare};
use moue_detect::quality::{CropLook, Signs};
use moue_detect::{
    CropRegion, Detection, DetectorKind, DetectorSettings, FaceBox, FaceCrop, FaceFinder, FoundFace,
    Measurements, Quality, Tracker,
};

/// Frames that show no face: sizes at the limits, one colour, and stripes.
fn frames_without_a_face() -> Vec<RgbImage> {
    let mut frames = Vec::new();
    for (width, height) in [(0, 0), (1, 1), (1, 4096), (4096, 1), (20, 20), (19, 400), (3, 3000), (640, 480)]
    {
        for colour in [0, 128, 255] {
            frames.push(RgbImage::from_pixel(width, height, Rgb([colour; 3])));
        }
        frames.push(RgbImage::from_fn(width, height, |x, y| Rgb([((x / 3 + y / 5) % 2 * 255) as u8; 3])));
    }
    frames
}

#[test]
fn no_detector_finds_a_face_where_there_is_none_or_no_room_for_one() {
    for kind in DetectorKind::ALL {
        for settings in [DetectorSettings::LIVE, DetectorSettings::STILL] {
            let mut finder = FaceFinder::new(kind, settings);
            for frame in frames_without_a_face() {
                let size = frame.dimensions();
                assert!(finder.find(&frame).is_empty(), "{kind} {settings:?} {size:?}");
                finder.restart();
                for i in 0..4 {
                    let found = finder.follow(&frame, f64::from(i) / 30.0);
                    assert!(found.is_empty(), "{kind} {settings:?} {size:?}: {found:?}");
                }
            }
            // One clip of all of them: the frame's size changes while faces are followed, and times run backwards or
            // are none.
            finder.restart();
            for (frame, time_s) in
                frames_without_a_face().iter().zip([0.0, 5.0, f64::NAN, -1.0, 1e300].iter().cycle())
            {
                assert!(finder.follow(frame, *time_s).is_empty(), "{kind} {:?}", frame.dimensions());
            }
        }
    }
}

#[test]
fn a_face_larger_than_the_frame_does_no_harm() {
    let bytes = include_bytes!("../../../assets/demo/astronaut.jpg");
    let portrait = image::load_from_memory(bytes).unwrap().crop_imm(120, 0, 200, 240).to_rgb8();
    for (width, height) in [(640, 480), (20, 20), (64, 48)] {
        // Only nose and cheeks are in view.
        let large = imageops::resize(&portrait, width * 6, width * 7, imageops::FilterType::Triangle);
        let frame = imageops::crop_imm(&large, width * 5 / 2, width * 3, width, height).to_image();
        for kind in DetectorKind::ALL {
            let mut finder = FaceFinder::new(kind, DetectorSettings::LIVE);
            for i in 0..6 {
                for face in finder.follow(&frame, f64::from(i) / 30.0) {
                    judged(&frame, &face);
                }
            }
        }
    }
}

/// Everything that is done with a face, with what comes out as numbers within their ranges.
fn judged(frame: &RgbImage, face: &FoundFace) {
    let crop = FaceCrop::of(frame, &face.region);
    let measured = face.mesh.as_deref().and_then(Measurements::of);
    let pose = measured.as_ref().map(|m| &m.pose);
    let look = CropLook::of(&crop);
    let signs = Signs::new(frame.dimensions(), &face.region, pose, look);
    let quality = Quality::of(&signs);
    assert!((0.0..=1.0).contains(&quality.value()), "{signs:?}: {quality:?}");
    assert!(quality.reasons().len() <= 8);
    let mut input = Vec::new();
    crop.append_to(64, &mut input);
    assert!(input.len() == 64 * 64 && input.iter().all(|v| (0.0..=1.0).contains(v)), "{:?}", face.region);
}

#[test]
fn boxes_and_meshes_that_are_no_numbers_do_no_harm() {
    let bad = [f32::NAN, f32::INFINITY, -f32::INFINITY, -50.0, 0.0, 1e-30, 1e30, f32::MAX];
    let frames = [RgbImage::new(0, 0), RgbImage::new(1, 4096), RgbImage::from_pixel(64, 48, Rgb([90; 3]))];
    let mut tracker = Tracker::new();
    for frame in &frames {
        for &a in &bad {
            for &b in &bad {
                let boxes = [
                    FaceBox { x: a, y: b, width: 40.0, height: 40.0 },
                    FaceBox { x: 5.0, y: 5.0, width: a, height: b },
                ];
                let detections = boxes.map(|face| Detection { face, score: a });
                assert_eq!(tracker.update(&detections, 0.0).len(), 2);
                for detection in detections {
                    judged(frame, &FoundFace::new(1, detection, None));
                    let square = TurnedSquare { centre: [a, b], side: b, angle: a };
                    let points = vec![[a, b, a]; MESH_POINTS];
                    judged(frame, &FoundFace::new(1, detection, Some(FaceMesh { points, score: b, square })));
                    let region = CropRegion { x: a, y: 3.0, side: b, angle: a };
                    let face = FoundFace { region, ..FoundFace::new(1, detection, None) };
                    judged(frame, &face);
                }
            }
        }
    }
}
