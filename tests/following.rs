//! Faces of real clips are found, followed and told apart.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use moue::capture::{Pace, SourceSpec, open_source};
use moue::detect::{DetectorSettings, FaceDetector, FaceFollower, Tracker};

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
    let mut detector = FaceDetector::new(DetectorSettings::LIVE);
    let (mut follower, mut tracker) = (FaceFollower::new(), Tracker::new());
    let (mut places, mut count) = (BTreeMap::<u64, Vec<f32>>::new(), 0);
    while let Some(frame) = source.next_frame().unwrap() {
        count += 1;
        let found = follower.find(&mut detector, &frame.image, frame.time_s);
        for face in tracker.update(&found, frame.time_s) {
            let place = face.detection.face;
            places.entry(face.id).or_default().push(place.x + place.width / 2.0);
        }
    }
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
