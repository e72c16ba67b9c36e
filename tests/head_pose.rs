//! Head pose, openings and reasons on clips of real people.
#![allow(clippy::unwrap_used)]

mod common;

use moue::capture::{Pace, SourceSpec, open_source};
use moue::detect::{DetectorKind, DetectorSettings, FaceFinder, HeadPose};

/// The poses of the first face, frame by frame; `None` where a frame has no mesh.
fn poses(clip: &str) -> Option<Vec<Option<HeadPose>>> {
    let path = common::shared()?.join("media/video").join(clip);
    let mut source = open_source(&SourceSpec::Path(path), Pace::Unpaced).unwrap().source;
    let mut finder = FaceFinder::new(DetectorKind::Auto, DetectorSettings::LIVE);
    let mut poses = Vec::new();
    while let Some(frame) = source.next_frame().unwrap() {
        let faces = finder.follow(&frame.image, frame.time_s);
        let mesh = faces.first().and_then(|face| face.mesh.as_deref());
        poses.push(mesh.and_then(HeadPose::of));
    }
    Some(poses)
}

#[test]
fn a_head_that_turns_from_side_to_side_is_measured_so() {
    // She looks to the frame's left, turns to its right, and back to the left, upright throughout.
    let Some(poses) = poses("intel_head-pose-face-detection-female.gif") else { return };
    let known: Vec<HeadPose> = poses.iter().flatten().copied().collect();
    assert!(known.len() * 10 >= poses.len() * 9, "{} of {}", known.len(), poses.len());
    let yaw = |i: usize| known[i * (known.len() - 1) / 22].yaw;
    assert!(yaw(0) < -30.0 && yaw(12) > 20.0 && yaw(21) < -10.0, "{} {} {}", yaw(0), yaw(12), yaw(21));
    assert!(known.iter().all(|p| p.roll.abs() < 20.0 && p.pitch.abs() < 30.0));
    for pair in known.windows(2) {
        assert!((pair[0].yaw - pair[1].yaw).abs() < 25.0, "{pair:?}");
    }
}

#[test]
fn a_head_that_faces_the_camera_has_small_steady_angles() {
    let Some(poses) = poses("intel_head-pose-face-detection-male.gif") else { return };
    let known: Vec<HeadPose> = poses.iter().flatten().copied().collect();
    assert!(known.len() * 10 >= poses.len() * 9, "{} of {}", known.len(), poses.len());
    assert!(known.iter().all(|p| p.away() < 20.0 && p.roll.abs() < 10.0));
    for pair in known.windows(2) {
        assert!((pair[0].yaw - pair[1].yaw).abs() < 5.0, "{pair:?}");
    }
}

#[test]
fn a_picture_turned_in_its_plane_changes_the_roll_alone() {
    let portrait = image::open(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/astronaut.jpg")).unwrap();
    let upright = portrait.crop_imm(60, 0, 330, 330).to_rgb8();
    let mut finder = FaceFinder::new(DetectorKind::Auto, DetectorSettings::STILL);
    let mut pose = |picture: &image::RgbImage| {
        let faces = finder.find(picture);
        assert_eq!(faces.len(), 1);
        HeadPose::of(faces[0].mesh.as_deref().unwrap()).unwrap()
    };
    let (straight, turned) = (pose(&upright), pose(&image::imageops::rotate90(&upright)));
    assert!((turned.roll - straight.roll - 90.0).abs() < 5.0, "{straight:?} {turned:?}");
    assert!((turned.yaw - straight.yaw).abs() < 6.0, "{straight:?} {turned:?}");
    assert!((turned.pitch - straight.pitch).abs() < 6.0, "{straight:?} {turned:?}");
    // In a mirror, what pointed to one side points to the other.
    let mirrored = pose(&image::imageops::flip_horizontal(&upright));
    assert!((mirrored.yaw + straight.yaw).abs() < 6.0 && (mirrored.roll + straight.roll).abs() < 4.0);
}
