//! Animated GIF and WebP files as sources: played, paused, sought, stepped and looped as videos are, in little memory,
//! whatever is in the file.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/files.rs"]
mod files;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::codecs::gif::GifEncoder;
use image::codecs::webp::WebPEncoder;
use image::{Delay, ExtendedColorType, Rgba, RgbaImage};
use moue::capture::{CaptureError, Frame, FrameSource, Pace, SourceKind};
use tempfile::TempDir;

use files::{frames, near, open};

/// How long each frame is shown, in milliseconds.
const SHOWN_MS: [u32; 6] = [40, 200, 70, 1500, 30, 400];

/// Frame `i`: another place is white in each.
fn picture(i: usize) -> RgbaImage {
    RgbaImage::from_fn(32, 16, |x, _| {
        let v = if x as usize / 4 == i { 255 } else { 20 };
        Rgba([v, v, v, 255])
    })
}

fn write_gif(path: &Path, shown_ms: &[u32]) {
    let mut encoder = GifEncoder::new(fs::File::create(path).unwrap());
    for (i, ms) in shown_ms.iter().enumerate() {
        let delay = Delay::from_numer_denom_ms(*ms, 1);
        encoder.encode_frame(image::Frame::from_parts(picture(i), 0, 0, delay)).unwrap();
    }
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = name.to_vec();
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
    bytes.resize(bytes.len() + content.len() % 2, 0);
    bytes
}

/// An animation of losslessly coded frames.
fn write_webp(path: &Path, shown_ms: &[u32]) {
    let three = |n: u32| n.to_le_bytes()[..3].to_vec();
    let mut body = b"WEBP".to_vec();
    // Flags: animation; then width and height, each less one.
    body.extend(chunk(b"VP8X", &[vec![2, 0, 0, 0], three(31), three(15)].concat()));
    body.extend(chunk(b"ANIM", &[0; 6]));
    for (i, ms) in shown_ms.iter().enumerate() {
        let mut still = Vec::new();
        let encoder = WebPEncoder::new_lossless(&mut still);
        encoder.encode(picture(i).as_raw(), 32, 16, ExtendedColorType::Rgba8).unwrap();
        let header = [three(0), three(0), three(31), three(15), three(*ms), vec![0]].concat();
        // Behind "RIFF", the size and "WEBP" the still file is the frame.
        body.extend(chunk(b"ANMF", &[&header[..], &still[12..]].concat()));
    }
    fs::write(path, chunk(b"RIFF", &body)).unwrap();
}

/// The same animation in both formats.
fn both(folder: &Path, shown_ms: &[u32]) -> [PathBuf; 2] {
    let [gif, webp] = [folder.join("a.gif"), folder.join("a.webp")];
    write_gif(&gif, shown_ms);
    write_webp(&webp, shown_ms);
    [gif, webp]
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

fn starts_s(shown_ms: &[u32]) -> Vec<f64> {
    let mut now_ms = 0;
    shown_ms
        .iter()
        .map(|ms| {
            now_ms += ms;
            f64::from(now_ms - ms) / 1000.0
        })
        .collect()
}

#[test]
fn every_frame_is_sought_and_stepped_to_at_its_own_time() {
    let folder = TempDir::new().unwrap();
    let starts = starts_s(&SHOWN_MS);
    for path in both(folder.path(), &SHOWN_MS) {
        let name = path.display();
        let mut whole = open(&path, Pace::Unpaced).unwrap();
        let info = whole.info().clone();
        assert_eq!((info.kind, info.size_px, info.frame_count), (SourceKind::Video, Some((32, 16)), Some(6)));
        let all = frames(&mut *whole);
        let times: Vec<f64> = all.iter().map(|f| f.time_s).collect();
        assert_eq!(times, starts, "{name}");
        for (i, frame) in all.iter().enumerate() {
            let (white, dark) = (i as u32 * 4 + 1, (i as u32 * 4 + 9) % 32);
            assert!(near(frame.image.get_pixel(white, 3), [255; 3]), "{name}: frame {i}");
            assert!(near(frame.image.get_pixel(dark, 3), [20; 3]), "{name}: frame {i}");
        }
        let mut source = open(&path, Pace::Live).unwrap();
        let transport = source.transport().unwrap();
        assert_eq!(transport.status().duration_s, Some(2.24));
        transport.pause();
        let mut last_s = -1.0;
        for wanted in [3, 1, 5, 0, 4, 2] {
            // Somewhere in its time.
            transport.seek_to(starts[wanted] + 0.012);
            let frame = next_live(&mut *source);
            assert_eq!(frame.index, wanted as u64, "{name}");
            assert!(*frame.image == *all[wanted].image, "{name}: frame {wanted} is another picture");
            assert!(frame.time_s > last_s, "{name}: time never goes back");
            last_s = frame.time_s;
            assert_eq!(transport.status().position_s, starts[wanted]);
        }
        // From frame 2: two on, one back; nothing moves by itself.
        transport.step(true);
        transport.step(true);
        assert_eq!((next_live(&mut *source).index, next_live(&mut *source).index), (3, 4));
        transport.step(false);
        assert_eq!(next_live(&mut *source).index, 3);
        for _ in 0..3 {
            assert!(source.next_frame().unwrap_err().is_transient());
        }
    }
}

#[test]
fn each_frame_stays_for_its_time_and_the_last_one_too_before_it_starts_again() {
    let folder = TempDir::new().unwrap();
    let shown_ms = [30, 250, 20, 350];
    for path in both(folder.path(), &shown_ms) {
        let mut source = open(&path, Pace::Live).unwrap();
        let seen: Vec<Frame> = (0..9).map(|_| next_live(&mut *source)).collect();
        let places: Vec<u64> = seen.iter().map(|f| f.index).collect();
        assert_eq!(places, [0, 1, 2, 3, 0, 1, 2, 3, 0]);
        for (i, pair) in seen.windows(2).enumerate() {
            let wanted_s = f64::from(shown_ms[i % 4]) / 1000.0;
            assert!((pair[1].time_s - pair[0].time_s - wanted_s).abs() < 1e-6, "frame {i}");
        }
        // Where a machine is late, it does not make up for it by showing the next ones for less.
        let shown_s = seen[8].captured_at.duration_since(seen[0].captured_at).as_secs_f64();
        assert!(shown_s > 1.3 - 0.11, "both rounds were over after {shown_s} s");
        let last_s = seen[4].captured_at.duration_since(seen[3].captured_at).as_secs_f64();
        assert!(last_s > 0.35 - 0.11, "the last frame was gone after {last_s} s");
    }
}

#[test]
fn it_stops_at_its_end_where_it_should_and_plays_again_from_the_start() {
    let folder = TempDir::new().unwrap();
    for path in both(folder.path(), &[40, 40, 40]) {
        let mut source = open(&path, Pace::Live).unwrap();
        let transport = source.transport().unwrap();
        transport.set_looping(false);
        transport.set_speed(4.0);
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
        assert_eq!((last, transport.status().playing), (2, false));
        transport.step(false);
        assert_eq!(next_live(&mut *source).index, 1);
        transport.seek_to(99.0);
        transport.play();
        assert_eq!(next_live(&mut *source).index, 2);
        while !transport.status().at_end {
            assert!(source.next_frame().map_or_else(|e| e.is_transient(), |f| f.is_some()));
            assert!(start.elapsed() < Duration::from_secs(60));
        }
        transport.play();
        assert_eq!(next_live(&mut *source).index, 0);
    }
}

#[test]
fn a_cut_one_shows_what_is_left_again_and_again_and_says_once_what_is_missing() {
    let folder = TempDir::new().unwrap();
    for path in both(folder.path(), &[20, 20, 20]) {
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
        let mut source = open(&path, Pace::Live).unwrap();
        let (mut places, mut said) = (Vec::new(), Vec::new());
        let start = Instant::now();
        while places.len() < 7 {
            match source.next_frame() {
                Ok(frame) => places.push(frame.unwrap().index),
                Err(CaptureError::Timeout { .. }) => {}
                Err(e) => said.push(e.to_string()),
            }
            assert!(start.elapsed() < Duration::from_secs(60));
        }
        assert_eq!(places, [0, 1, 0, 1, 0, 1, 0], "{}", path.display());
        assert!(said.len() == 1 && said[0].contains("frame 2 cannot be decoded"), "{said:?}");
        assert_eq!(source.transport().unwrap().status().duration_s, Some(0.04));
    }
}

#[test]
fn what_has_one_frame_is_a_picture_and_what_has_no_pixel_is_refused() {
    let folder = TempDir::new().unwrap();
    for path in both(folder.path(), &[40]) {
        let source = open(&path, Pace::Live).unwrap();
        assert_eq!(source.info().kind, SourceKind::Still, "{}", path.display());
        assert!(source.transport().is_none());
    }
    // Two frames of a canvas without pixels.
    let path = folder.path().join("flat.gif");
    write_gif(&path, &[40, 40]);
    let whole = fs::read(&path).unwrap();
    for (width, height) in [(6u16, 0u16), (0, 6), (0, 0)] {
        let mut bytes = whole.clone();
        bytes[6..8].copy_from_slice(&width.to_le_bytes());
        bytes[8..10].copy_from_slice(&height.to_le_bytes());
        fs::write(&path, bytes).unwrap();
        let refused = open(&path, Pace::Live).and_then(|mut source| source.next_frame()).unwrap_err();
        assert!(refused.to_string().contains("flat.gif"), "{refused}");
    }
}

/// Resident memory in MB.
#[cfg(target_os = "linux")]
fn resident_mb() -> f64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0 / 1e6
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat_however_many_frames_there_are() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("long.gif");
    // Frames of one pixel on a canvas of 1000 x 1000: all of them decoded would take 1.2 GB.
    let mut bytes = b"GIF89a\xe8\x03\xe8\x03\x80\0\0\0\0\0\0\0\0".to_vec();
    for _ in 0..300 {
        bytes.extend(b"\x21\xf9\x04\x08\x01\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
    }
    bytes.push(b';');
    fs::write(&path, bytes).unwrap();
    let mut source = open(&path, Pace::Unpaced).unwrap();
    let (mut count, mut early, mut late) = (0, 0.0_f64, 0.0_f64);
    while let Some(frame) = source.next_frame().unwrap() {
        assert_eq!(frame.image.dimensions(), (1000, 1000));
        count += 1;
        let most = if count <= 100 { &mut early } else { &mut late };
        *most = most.max(resident_mb());
    }
    assert_eq!(count, 300);
    // Other tests run beside it.
    assert!(late < early + 100.0, "{early} MB, then {late} MB");
}
