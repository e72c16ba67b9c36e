//! Pixel formats and sizes.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use image::{ImageFormat, RgbImage};

use super::devices::{FACE_CAM, FACE_CAM_PATH, Loopback, VIVID, feed_pattern, wait_until_fed, writer};
use super::{Outcome, moue, out, run, run_well, tool};

/// What the program must decode of what vivid offers; it has no MJPEG.
const DECODED: [&str; 6] = ["YUYV", "UYVY", "NV12", "RGB3", "BGR3", "GREY"];

/// Formats and sizes, as v4l2-ctl lists them.
fn offered() -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for line in tool("v4l2-ctl -d0 --list-formats-ext").lines() {
        if let Some(code) = line.split('\'').nth(1) {
            found.push((code.to_owned(), Vec::new()));
        } else if let Some(size) = line.trim().strip_prefix("Size: Discrete ") {
            found.last_mut().unwrap().1.push(size.to_owned());
        }
    }
    found
}

pub(crate) fn every_mode() -> Outcome {
    // The picture without the running text is the same in every frame.
    tool("v4l2-ctl -d0 -c osd_text_mode=2");
    let offered = offered();
    assert!(offered.len() > 50, "vivid offers {} formats only", offered.len());
    let said = run_well(&mut moue(&["cameras", "--check", VIVID, "--frames", "2"]));
    let (mut decoded, mut refused) = (0, 0);
    for (code, sizes) in &offered {
        // v4l2-ctl writes big-endian variants as 'Y16 -BE'.
        for size in sizes {
            let start = format!("    {code} {size}: ");
            let line = said.lines().find_map(|line| line.strip_prefix(&start));
            let line = line.unwrap_or_else(|| panic!("{start:?} was not tried"));
            if !DECODED.contains(&code.as_str()) {
                assert_eq!(line, "cannot be decoded", "{start}");
                refused += 1;
                continue;
            }
            assert!(line.starts_with(&format!("2 frames of {size}, ")), "{start}{line}");
            // The colour bars have this mean in every size.
            let mean = line.rsplit("mean colour ").next().unwrap();
            for value in mean.split(' ').map(|v| v.parse::<f64>().unwrap()) {
                assert!((value - 95.0).abs() <= 3.0, "{start}{line}");
            }
            decoded += 1;
        }
    }
    assert!(DECODED.iter().all(|f| offered.iter().any(|(code, _)| code == f)), "vivid lacks a format");
    // Whoever asks for one of the others is told what there is. A few stand for all: each takes a second here.
    let all: Vec<&str> = offered.iter().map(|(code, _)| code.as_str()).collect();
    for code in all.iter().filter(|code| !DECODED.contains(code)).step_by(8) {
        let said = run(&mut moue(&["cameras", "--check", VIVID, "--format", code, "--size", "320x180"]));
        assert_eq!(said.code, Some(1), "{code}: {}{}", said.out, said.err);
        assert!(said.err.contains("no format that this program can decode"), "{code}: {}", said.err);
        assert!(said.err.contains(&all.join(", ")), "{code}: {}", said.err);
    }
    Outcome::Passed(format!("{} formats; {decoded} modes decoded, {refused} refused", offered.len()))
}

pub(crate) fn same_picture() -> Outcome {
    tool("v4l2-ctl -d0 -c osd_text_mode=2");
    let folder = std::env::temp_dir().join("moue-formats");
    let save = folder.to_str().unwrap();
    let mut worst = 0.0_f64;
    let mut pictures: Vec<(&str, RgbImage)> = Vec::new();
    for code in DECODED {
        let said = run_well(&mut moue(&[
            "cameras",
            "--check",
            VIVID,
            "--format",
            code,
            "--size",
            "640x360",
            "--frames",
            "1",
            "--overwrite",
            "--save",
            save,
        ]));
        assert!(said.contains("1 frames of 640x360"), "{said}");
        let picture = image::open(folder.join(format!("{code}-640x360.png"))).unwrap().to_rgb8();
        pictures.push((code, picture));
    }
    let (_, exact) = pictures.iter().find(|(code, _)| *code == "RGB3").unwrap();
    for (code, picture) in &pictures {
        assert_eq!(picture.dimensions(), exact.dimensions());
        // Half the colour resolution blurs the edges between the bars; the rest differs by rounding.
        let mut close = 0;
        for (found, expected) in picture.pixels().zip(exact.pixels()) {
            let difference = if *code == "GREY" {
                // vivid makes its grey with the weights of Rec. 709, in full range.
                let luma = 0.2126 * f64::from(expected[0])
                    + 0.7152 * f64::from(expected[1])
                    + 0.0722 * f64::from(expected[2]);
                (f64::from(found[0]) - luma).abs()
            } else {
                (0..3).map(|c| f64::from(found[c].abs_diff(expected[c]))).fold(0.0, f64::max)
            };
            close += u32::from(difference <= 20.0);
        }
        let share = f64::from(close) / f64::from(exact.width() * exact.height());
        assert!(share > 0.95, "{code}: {:.1} % of the pixels are as in RGB3", share * 100.0);
        worst = worst.max(1.0 - share);
    }
    let yuyv = &pictures.iter().find(|(code, _)| *code == "YUYV").unwrap().1;
    yuyv.save(out().join("vivid-yuyv.png")).unwrap();
    Outcome::Passed(format!("at most {:.1} % of the pixels differ", worst * 100.0))
}

/// JPEG frames of which every third is damaged, each in another way.
fn jpegs() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for i in 0..12_u32 {
        let picture = RgbImage::from_fn(320, 240, |x, y| {
            image::Rgb([(x / 2 + i) as u8, (y + i * 8) as u8, ((x ^ y) + i) as u8])
        });
        let mut jpeg = Vec::new();
        picture.write_to(&mut std::io::Cursor::new(&mut jpeg), ImageFormat::Jpeg).unwrap();
        match i {
            2 => jpeg.truncate(jpeg.len() / 10),
            5 => jpeg = vec![0; 5000],
            // The frame's header claims a gigantic picture.
            8 => {
                let at = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
                jpeg[at + 5..at + 9].copy_from_slice(&[0xff; 4]);
            }
            11 => {
                let tables = jpeg.windows(2).position(|w| w == [0xff, 0xdb]).unwrap();
                for (at, byte) in jpeg.iter_mut().enumerate().skip(tables + 2).take(400) {
                    *byte ^= (at * 37) as u8 | 1;
                }
            }
            _ => {}
        }
        frames.push(jpeg);
    }
    frames
}

pub(crate) fn damaged_jpeg() -> Outcome {
    let _camera = Loopback::load(9, FACE_CAM);
    let mut device = writer(b"MJPG", 320, 240);
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let feeder = std::thread::Builder::new()
        .name("feeder".into())
        .spawn(move || {
            let frames = jpegs();
            for frame in frames.iter().cycle() {
                if told.load(Ordering::Relaxed) {
                    return;
                }
                device.write_all(frame).unwrap();
                std::thread::sleep(Duration::from_millis(60));
            }
        })
        .unwrap();
    // The first frame is encoded and written before there is a camera at all.
    wait_until_fed(FACE_CAM_PATH);
    let said = run(&mut moue(&["cameras", "--check", FACE_CAM, "--frames", "30"]));
    stop.store(true, Ordering::Relaxed);
    feeder.join().unwrap();
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let line = said
        .out
        .lines()
        .find(|l| l.contains("MJPG 320x240: 30 frames of 320x240"))
        .unwrap_or_else(|| panic!("{}", said.out));
    let damaged =
        line.split(", ").find_map(|part| part.split_once(" damaged")).unwrap_or_else(|| panic!("{line}")).0;
    let damaged: u32 = damaged.parse().unwrap();
    assert!(damaged >= 4, "{line}");
    Outcome::Passed(format!("30 good frames, {damaged} damaged ones passed over"))
}

pub(crate) fn unknown_only() -> Outcome {
    let _camera = Loopback::load(9, FACE_CAM);
    let _feeder = feed_pattern("yuv422p");
    let said = run(&mut moue(&[
        "analyze",
        "--detector",
        "rustface",
        "--source",
        "camera:FaceCam",
        "--frames",
        "1",
        "--json",
    ]));
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    let expected = "FaceCam (/dev/video9): no format that this program can decode (YUYV, UYVY, NV12, RGB, BGR, MJPEG, \
                    GREY); the camera offers: 422P";
    assert!(said.err.contains(expected), "{}", said.err);
    Outcome::Passed(expected.rsplit("; ").next().unwrap().to_owned())
}
