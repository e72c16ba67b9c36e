//! The demo stands in for a camera, so its faces must be found as a camera's are.
#![allow(clippy::unwrap_used)]

use moue_capture::{Pace, SourceSpec, open_source};
use moue_detect::{DetectorSettings, RustfaceDetector};

#[test]
fn the_demos_faces_are_found_at_the_live_settings() {
    let mut source = open_source(&SourceSpec::Demo, Pace::Unpaced).unwrap().source;
    let mut detector = RustfaceDetector::new(DetectorSettings::LIVE);
    let (mut seen, mut found, mut pairs) = (0, 0, 0);
    while let Some(frame) = source.next_frame().unwrap() {
        if frame.index % 15 == 0 {
            let faces = detector.detect(&frame.image).len();
            seen += 1;
            found += usize::from(faces > 0);
            pairs += usize::from(faces == 2);
        }
    }
    assert_eq!(seen, 60);
    assert!(found >= 57, "{found} of {seen}");
    assert!(pairs >= 10, "{pairs} frames with two faces");
}
