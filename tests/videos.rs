//! Video files as sources.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/files.rs"]
mod files;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use moue::capture::{CaptureError, Frame, FrameSource, Pace, SourceKind};
use tempfile::TempDir;

use files::{frames, has_ffmpeg, near, open};

fn ffmpeg(arguments: &[&str], output: &Path) -> bool {
    Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y"])
        .args(arguments)
        .arg(output)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

/// Red in the left half, blue in the right, `seconds` long at 10 frames a second.
fn write_video(path: &Path, seconds: &str) {
    let red = format!("color=red:s=64x96:r=10:d={seconds}");
    let blue = format!("color=blue:s=64x96:r=10:d={seconds}");
    let inputs = ["-f", "lavfi", "-i", &red, "-f", "lavfi", "-i", &blue];
    let codec = ["-filter_complex", "hstack", "-c:v", "mpeg4", "-q:v", "2"];
    assert!(ffmpeg(&[&inputs[..], &codec[..]].concat(), path));
}

#[test]
fn a_video_gives_every_frame_at_its_time() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a b'c.mp4");
    write_video(&path, "2");
    let mut source = open(&path, Pace::Unpaced).unwrap();
    let info = source.info().clone();
    assert_eq!((info.kind, info.size_px, info.frame_count), (SourceKind::Video, Some((128, 96)), Some(20)));
    assert_eq!(info.frame_rate, Some(10.0));
    let all = frames(&mut *source);
    assert_eq!(all.len(), 20);
    for (i, frame) in all.iter().enumerate() {
        assert_eq!(frame.index, i as u64);
        assert!((frame.time_s - i as f64 / 10.0).abs() < 1e-6);
        assert!(near(frame.image.get_pixel(20, 50), [255, 0, 0]), "{:?}", frame.image.get_pixel(20, 50));
        assert!(near(frame.image.get_pixel(100, 50), [0, 0, 255]));
    }
}

#[test]
fn a_video_held_upright_is_turned() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let (flat, turned) = (folder.path().join("flat.mp4"), folder.path().join("turned.mp4"));
    write_video(&flat, "0.5");
    let flat = flat.to_str().unwrap();
    // The first is for ffmpeg 6 and later, the second for those before.
    let written = ffmpeg(&["-display_rotation", "90", "-i", flat, "-c", "copy"], &turned)
        || ffmpeg(&["-i", flat, "-c", "copy", "-metadata:s:v:0", "rotate=90"], &turned);
    assert!(written);
    let mut source = open(&turned, Pace::Unpaced).unwrap();
    let frame = source.next_frame().unwrap().unwrap();
    assert_eq!(frame.image.dimensions(), (96, 128));
    assert_eq!(source.info().size_px, Some((96, 128)));
    let (upper, lower) = (frame.image.get_pixel(48, 20), frame.image.get_pixel(48, 108));
    let red_above = near(upper, [255, 0, 0]) && near(lower, [0, 0, 255]);
    let blue_above = near(upper, [0, 0, 255]) && near(lower, [255, 0, 0]);
    assert!(red_above || blue_above, "{upper:?} {lower:?}");
}

#[test]
fn a_video_shown_live_starts_again_and_time_goes_on() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("short.mp4");
    write_video(&path, "0.4");
    let mut source = open(&path, Pace::Live).unwrap();
    let start = Instant::now();
    let mut seen: Vec<Frame> = Vec::new();
    while seen.len() < 10 {
        match source.next_frame() {
            Ok(Some(frame)) => seen.push(frame),
            Ok(None) => panic!("it ended"),
            Err(e) => assert!(e.is_transient(), "{e}"),
        }
        assert!(start.elapsed() < Duration::from_secs(60), "only {} frames", seen.len());
    }
    assert!(seen.windows(2).all(|w| w[0].time_s < w[1].time_s));
    let places: Vec<u64> = seen.iter().map(|f| f.index).collect();
    // A busy machine may miss the first frames of a round.
    let rounds = places.windows(2).filter(|w| w[1] < w[0]).count();
    assert!(places.iter().all(|i| *i < 4) && rounds >= 2, "{places:?}");
}

/// Goes on until there is a frame.
fn next_live(source: &mut dyn FrameSource) -> Frame {
    let start = Instant::now();
    loop {
        match source.next_frame() {
            Ok(Some(frame)) => return frame,
            Ok(None) => panic!("it ended"),
            Err(e) => assert!(e.is_transient(), "{e}"),
        }
        assert!(start.elapsed() < Duration::from_secs(60), "no frame came");
    }
}

#[test]
fn every_frame_of_a_video_can_be_sought_and_stepped_to() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    // The second has a rate that is no whole number and times that are rounded to milliseconds.
    for (name, rate) in [("a.mp4", "10"), ("b.mkv", "30000/1001")] {
        let path = folder.path().join(name);
        let source = format!("testsrc=size=160x120:rate={rate}:duration=2");
        assert!(ffmpeg(&["-f", "lavfi", "-i", &source, "-c:v", "mpeg4", "-g", "12"], &path));
        let all = frames(&mut *open(&path, Pace::Unpaced).unwrap());
        let mut source = open(&path, Pace::Live).unwrap();
        let transport = source.transport().unwrap();
        let frame_s = transport.status().frame_s;
        assert!((transport.status().duration_s.unwrap() - 2.0).abs() < 0.05);
        transport.pause();
        let mut last_s = -1.0;
        for wanted in [7, 1, 19, 0, 12, 18, 3] {
            transport.seek_to(wanted as f64 * frame_s);
            let frame = next_live(&mut *source);
            assert_eq!(frame.index, wanted as u64, "{name}");
            assert!(*frame.image == *all[wanted].image, "{name}: frame {wanted} is another picture");
            assert!(frame.time_s > last_s, "{name}: time never goes back");
            last_s = frame.time_s;
            // The file's own time, which Matroska rounds.
            assert!((transport.status().position_s - all[wanted].time_s).abs() < 1e-6);
        }
        // From frame 3: two on, one back; nothing moves by itself.
        transport.step(true);
        transport.step(true);
        assert_eq!((next_live(&mut *source).index, next_live(&mut *source).index), (4, 5));
        transport.step(false);
        let frame = next_live(&mut *source);
        assert_eq!(frame.index, 4);
        assert!(*frame.image == *all[4].image);
        for _ in 0..3 {
            assert!(source.next_frame().unwrap_err().is_transient());
        }
    }
}

#[test]
fn a_video_stops_at_its_end_where_it_should_and_plays_faster() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("short.mp4");
    write_video(&path, "1");
    let mut source = open(&path, Pace::Live).unwrap();
    let transport = source.transport().unwrap();
    transport.set_looping(false);
    transport.set_speed(8.0);
    let start = Instant::now();
    let mut last = 0;
    while !transport.status().at_end {
        match source.next_frame() {
            Ok(Some(frame)) => last = frame.index,
            Ok(None) => panic!("it ended"),
            Err(e) => assert!(e.is_transient(), "{e}"),
        }
        assert!(start.elapsed() < Duration::from_secs(60));
    }
    assert_eq!(last, 9);
    assert!(!transport.status().playing);
    transport.play();
    assert_eq!(next_live(&mut *source).index, 0);
    assert!(transport.status().playing);
}

#[cfg(target_os = "linux")]
#[test]
fn a_video_that_is_closed_early_leaves_no_program_behind() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("closed-early.mp4");
    write_video(&path, "20");
    // Others of this test program may run ffmpeg at the same time, on other files.
    let running = || {
        fs::read_dir("/proc").unwrap().flatten().any(|process| {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            line.starts_with(b"ffmpeg") && String::from_utf8_lossy(&line).contains("closed-early.mp4")
        })
    };
    let mut source = open(&path, Pace::Unpaced).unwrap();
    source.next_frame().unwrap().unwrap();
    assert!(running());
    drop(source);
    assert!(!running());
}

#[test]
fn without_ffmpeg_a_video_is_refused_with_advice() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.mp4");
    fs::write(&path, b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_moue"))
        .arg("analyze")
        .arg(&path)
        .env("PATH", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("a.mp4") && said.contains("apt install ffmpeg"), "{said}");
}

#[test]
fn real_clips_have_their_frames_sizes_and_length() {
    let Some(shared) = common::shared() else { return };
    if !has_ffmpeg() {
        return;
    }
    for (name, size, count, rate) in [
        ("pyfeat_WolfgangLanger_Pexels.mp4", (640, 360), 472, 24.0),
        ("pyfeat_face_noface.mov", (960, 540), 169, 26.4),
        ("intel_asl_yes.mkv", (640, 480), 65, 30.0),
        ("intel_head-pose-face-detection-female.gif", (480, 270), 23, 12.5),
    ] {
        let mut source = open(&shared.join("media/video").join(name), Pace::Unpaced).unwrap();
        assert_eq!(source.info().kind, SourceKind::Video);
        assert_eq!(source.info().size_px, Some(size), "{name}");
        let (mut found, mut last_s) = (0u32, 0.0);
        while let Some(frame) = source.next_frame().unwrap() {
            assert_eq!(frame.image.dimensions(), size);
            found += 1;
            last_s = frame.time_s;
        }
        assert!(found.abs_diff(count) <= 2, "{name}: {found} frames");
        assert!((last_s - f64::from(count - 1) / rate).abs() < 0.2, "{name}: last frame at {last_s} s");
    }
}

#[test]
fn a_video_that_is_deleted_while_it_is_read_is_gone_and_not_damaged() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.mp4");
    write_video(&path, "60");
    let mut source = open(&path, Pace::Live).unwrap();
    let transport = source.transport().unwrap();
    assert!(source.next_frame().unwrap().is_some());
    fs::remove_file(&path).unwrap();
    // What ffmpeg has open it may read on; another place it cannot find.
    transport.seek_to(40.0);
    let refusal = loop {
        match source.next_frame() {
            // A busy machine may take its time.
            Ok(Some(_)) | Err(CaptureError::Timeout { .. }) => {}
            Ok(None) => panic!("it ends as if nothing was wrong"),
            Err(e) => break e.to_string(),
        }
    };
    assert!(refusal.contains("a.mp4") && refusal.contains("the file is gone"), "{refusal}");
}
