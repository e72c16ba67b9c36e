//! Faces of real clips are found, followed and told apart.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use image::{Rgb, RgbImage, imageops};
use moue::capture::{Pace, SourceSpec, open_source};
use moue::detect::{DetectorKind, DetectorSettings, FaceFinder, RustfaceDetector, RustfaceFollower};

/// Where each identity's face was, frame by frame: centre from the left, in pixels. And the number of frames.
fn follow(clip: &str) -> Option<(BTreeMap<u64, Vec<f32>>, usize)> {
    let path = common::shared()?.join("media/video").join(clip);
    let mut source = match open_source(&SourceSpec::Path(path), Pace::Unpaced) {
        Ok(opened) => opened.source,
        Err(moue::capture::CaptureError::NoFfmpeg { .. }) => {
            common::skip("ffmpeg is not installed");
            return None;
        }
        Err(e) => panic!("{e}"),
    };
    let mut detector = RustfaceDetector::new(DetectorSettings::LIVE);
    let mut follower = RustfaceFollower::new();
    let (mut places, mut count) = (BTreeMap::<u64, Vec<f32>>::new(), 0);
    while let Some(frame) = source.next_frame().unwrap() {
        count += 1;
        for face in follower.follow(&mut detector, &frame.image, frame.time_s) {
            let place = face.detection.face;
            places.entry(face.id).or_default().push(place.x + place.width / 2.0);
        }
    }
    assert!(follower.full_searches() * 3 < count as u64, "{clip}: the whole frame is searched too often");
    Some((places, count))
}

#[test]
fn one_person_is_one_identity_from_start_to_end() {
    for clip in
        ["pyfeat_WolfgangLanger_Pexels.mp4", "intel_asl_no.mkv", "intel_asl_sorry.mkv", "intel_asl_yes.mkv"]
    {
        let Some((places, count)) = follow(clip) else { return };
        assert_eq!(places.keys().collect::<Vec<_>>(), [&1], "{clip}");
        assert!(places[&1].len() * 100 >= count * 97, "{clip}: {} of {count}", places[&1].len());
    }
}

#[test]
fn two_heads_that_turn_are_two_identities_and_never_swapped() {
    let Some((places, count)) = follow("intel_head-pose-face-detection-female-and-male.gif") else { return };
    assert_eq!(places.keys().collect::<Vec<_>>(), [&1, &2]);
    for (id, xs) in &places {
        assert!(xs.len() * 100 >= count * 95, "id {id}: {} of {count}", xs.len());
        // They sit in one half of the picture each, 480 pixels wide.
        assert!(xs.iter().all(|x| (*x < 240.0) == (xs[0] < 240.0)), "id {id} changed sides");
    }
    assert_ne!(places[&1][0] < 240.0, places[&2][0] < 240.0);
}

/// Side of a portrait cut out for a composed scene, in pixels; its face takes half of it.
const PORTRAIT: u32 = 160;

/// The largest face of a picture with its surroundings.
fn portrait(name: &str) -> Option<RgbImage> {
    let picture = image::open(common::shared()?.join("media/images").join(name)).unwrap().to_rgb8();
    let face = RustfaceDetector::new(DetectorSettings::STILL).detect(&picture)[0].face;
    let side = 2.0 * face.width;
    let (x, y) = (face.x + face.width / 2.0 - side / 2.0, face.y + face.height / 2.0 - side / 2.0);
    let part = imageops::crop_imm(&picture, x.max(0.0) as u32, y.max(0.0) as u32, side as u32, side as u32);
    Some(imageops::resize(&*part, PORTRAIT, PORTRAIT, imageops::FilterType::Triangle))
}

/// Portraits at these centres, the last in front, on a wall.
fn scene(people: &[(&RgbImage, (f32, f32))]) -> RgbImage {
    let mut frame = RgbImage::from_fn(640, 480, |x, y| Rgb([90 + (x / 16) as u8, 100, 110 + (y / 24) as u8]));
    for (portrait, (x, y)) in people {
        let half = (PORTRAIT / 2) as f32;
        imageops::overlay(&mut frame, *portrait, (x - half) as i64, (y - half) as i64);
    }
    frame
}

/// Moves two portraits across each other and lets a third one in; says what went wrong.
fn cross(
    kind: DetectorKind,
    portraits: &[RgbImage; 3],
    speed: f32,
    apart: f32,
    rate: f64,
) -> Result<(), String> {
    let mut finder = FaceFinder::new(kind, DetectorSettings::LIVE);
    let mut identities: [Vec<u64>; 3] = Default::default();
    let steps = (480.0 / speed) as usize;
    for i in 0..=steps + 30 {
        let way = (i as f32 * speed).min(480.0);
        let mut people = vec![
            (&portraits[0], (80.0 + way, 200.0 - apart / 2.0)),
            (&portraits[1], (560.0 - way, 200.0 + apart / 2.0)),
        ];
        if i > steps {
            people.push((&portraits[2], (320.0, 380.0)));
        }
        for face in finder.follow(&scene(&people), i as f64 / rate) {
            let b = face.detection.face;
            let (x, y) = (b.x + b.width / 2.0, b.y + b.height / 2.0);
            let near = |(px, py): (f32, f32)| (px - x).hypot(py - y);
            let who = (0..people.len()).min_by(|a, b| near(people[*a].1).total_cmp(&near(people[*b].1)));
            let who = who.unwrap();
            // Between two that stand in one place it cannot be told whose face this is.
            let clear = people.iter().enumerate().all(|(n, p)| n == who || near(p.1) > 40.0);
            if clear && !identities[who].contains(&face.id) {
                identities[who].push(face.id);
            }
        }
    }
    let ids: Vec<u64> = identities.iter().flatten().copied().collect();
    if ids == [1, 2, 3] || ids == [2, 1, 3] { Ok(()) } else { Err(format!("{identities:?}")) }
}

#[test]
fn portraits_that_cross_keep_their_identities_and_a_third_gets_a_new_one() {
    let names = ["human_stock-emotions-a-1.jpg", "facerec_obama-720p.jpg", "pyfeat_single_face.jpg"];
    let Some(portraits) = names.map(portrait).into_iter().collect::<Option<Vec<_>>>() else { return };
    let portraits: [RgbImage; 3] = portraits.try_into().unwrap();
    let mut wrong = Vec::new();
    // Beside each other, half covered, and one wholly behind the other; slowly and fast, pixels a frame and frames a
    // second.
    for (apart, speed, rate) in [
        (170.0, 8.0, 30.0),
        (60.0, 4.0, 30.0),
        (60.0, 16.0, 12.5),
        (0.0, 3.0, 30.0),
        (0.0, 8.0, 30.0),
        (0.0, 16.0, 12.5),
    ] {
        for kind in [DetectorKind::Rustface, DetectorKind::Auto] {
            if let Err(ids) = cross(kind, &portraits, speed, apart, rate) {
                wrong.push(format!("{kind}, {apart} px apart, {speed} px a frame at {rate}/s: {ids}"));
            }
        }
    }
    assert!(wrong.is_empty(), "identities of each portrait:\n{}", wrong.join("\n"));
}
