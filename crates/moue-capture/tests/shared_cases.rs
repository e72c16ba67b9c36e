//! The inputs of `../shared/cases` that are films and pictures, each read as is right.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/common/mod.rs"]
mod common;
#[path = "../../../tests/common/files.rs"]
mod files;

use std::path::{Path, PathBuf};

use moue_capture::{CaptureError, Frame, Pace, SkippedFiles};

use files::{has_ffmpeg, open};

/// The cases, where they are and ffmpeg is.
fn cases() -> Option<PathBuf> {
    let folder = common::shared()?.join("cases");
    if !folder.is_dir() {
        common::skip("../shared/cases is not there");
        return None;
    }
    has_ffmpeg().then_some(folder)
}

/// All frames, and what was said at the end.
fn all(path: &Path) -> (Vec<Frame>, Option<String>) {
    let mut source = open(path, Pace::Unpaced).unwrap();
    let (mut frames, mut said) = (Vec::new(), None);
    loop {
        match source.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, said),
            Err(CaptureError::Timeout { .. }) => {}
            Err(e) if e.is_transient() => said = Some(e.to_string()),
            Err(e) => return (frames, Some(e.to_string())),
        }
    }
}

#[test]
fn films_give_their_frames_at_their_times() {
    let Some(folder) = cases() else { return };
    let film = |i: u32| f64::from(i) * 1001.0 / 24000.0;
    let burst = |i: u32| if i < 8 { f64::from(i) * 0.5 } else { 4.0 + (f64::from(i) - 8.0) / 60.0 };
    /// File, frames, size in pixels, and the time of each frame in seconds.
    type Case<'a> = (&'a str, usize, (u32, u32), &'a dyn Fn(u32) -> f64);
    let cases: [Case<'_>; 13] = [
        ("base.mp4", 72, (640, 360), &film),
        ("sdr10.mp4", 24, (640, 360), &film),
        ("x264_10bit.mkv", 24, (640, 360), &film),
        ("vp9_10bit.webm", 24, (640, 360), &film),
        ("hdr_pq.mp4", 72, (640, 360), &film),
        ("sar_half.mp4", 72, (640, 360), &film),
        ("sar_dvd.mkv", 72, (1138, 576), &film),
        ("timelapse_1fpm.mp4", 6, (640, 360), &|i| f64::from(i) * 60.0),
        ("slowmo480.mp4", 72, (640, 360), &|i| f64::from(i) / 480.0),
        ("two_streams.mkv", 15, (160, 90), &|i| f64::from(i) * 0.2),
        ("raw.mjpeg", 24, (640, 360), &|i| f64::from(i) * 0.04),
        ("vfr_burst.mp4", 72, (640, 360), &burst),
        ("../pictures/anim_apng.png", 2, (256, 256), &|i| f64::from(i) * 0.1),
    ];
    for (name, count, size, time_s) in cases {
        let (frames, said) = all(&folder.join("video").join(name));
        assert_eq!((frames.len(), said), (count, None), "{name}");
        for (frame, i) in frames.iter().zip(0..) {
            assert_eq!((frame.image.dimensions(), frame.index), (size, u64::from(i)), "{name}");
            assert!((frame.time_s - time_s(i)).abs() < 2e-3, "{name}: frame {i} at {}", frame.time_s);
        }
        assert!(frames.windows(2).all(|w| w[0].time_s < w[1].time_s), "{name}");
    }
}

#[test]
fn cut_and_damaged_films_are_read_and_told() {
    let Some(folder) = cases() else { return };
    for (name, least, most, claimed) in [
        ("cut.mkv", 25, 40, Some(72)),
        ("cut.ts", 25, 40, None),
        ("cut_faststart.mp4", 25, 40, Some(72)),
        ("damaged_middle.mp4", 60, 72, Some(72)),
    ] {
        let (frames, said) = all(&folder.join("video").join(name));
        assert!((least..=most).contains(&frames.len()), "{name}: {} frames", frames.len());
        let said = said.unwrap_or_else(|| panic!("{name}: nothing was said"));
        let count = match claimed {
            Some(claimed) => format!("{} of {claimed} frames could be read", frames.len()),
            None => format!("{} ", frames.len()),
        };
        assert!(said.contains(&count) && said.contains("cut or damaged"), "{said}");
    }
}

#[test]
fn pictures_are_read_or_named() {
    let Some(folder) = cases().map(|folder| folder.join("pictures")) else { return };
    for name in ["grey16.png", "rgb8.tif"] {
        let (frames, said) = all(&folder.join(name));
        assert_eq!((frames.len(), said), (1, None), "{name}");
        assert!(SkippedFiles::default().takes(&folder.join(name)), "{name}");
    }
    let (frames, said) = all(&folder.join("cut_half.jpg"));
    assert!(frames.len() == 1 && said.unwrap().contains("the JPEG is cut"));
    let refused = open(&folder.join("phone.heic"), Pace::Unpaced).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("HEIC") && refused.contains("convert it to JPEG"), "{refused}");
}
