//! Every kind of source that is not a camera, good and bad.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/files.rs"]
mod files;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::codecs::gif::GifEncoder;
use image::{Delay, DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use moue::capture::{CaptureError, Frame, Pace, SourceKind, SourceSpec, open_source};
use tempfile::TempDir;

use files::{frames, has_ffmpeg, near, open};

fn refusal(path: &Path) -> String {
    match open(path, Pace::Unpaced) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(e) => {
            assert!(!e.is_transient(), "{e}");
            let text = e.to_string();
            assert!(text.starts_with(&path.display().to_string()), "no file named: {text}");
            text
        }
    }
}

fn only_frame(path: &Path) -> RgbImage {
    let mut source = open(path, Pace::Unpaced).unwrap();
    assert_eq!(source.info().kind, SourceKind::Still);
    let all = frames(&mut *source);
    assert_eq!((all.len(), all[0].index, all[0].time_s), (1, 0, 0.0));
    all[0].image.as_ref().clone()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

fn picture(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 3) as u8, (y * 3) as u8, 77])).into()
}

/// A GIF whose frames are of one colour each and shown for so many milliseconds.
fn write_gif(path: &Path, shown: &[(Rgba<u8>, u32)]) {
    let mut encoder = GifEncoder::new(fs::File::create(path).unwrap());
    for &(colour, ms) in shown {
        let delay = Delay::from_numer_denom_ms(ms, 1);
        let picture = RgbaImage::from_pixel(24, 16, colour);
        encoder.encode_frame(image::Frame::from_parts(picture, 0, 0, delay)).unwrap();
    }
}

const RED: Rgba<u8> = Rgba([255, 0, 0, 255]);
const BLUE: Rgba<u8> = Rgba([0, 0, 255, 255]);

#[test]
fn files_that_are_none_are_refused_with_a_reason() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    assert!(refusal(&folder.path().join("missing.png")).contains("No such file") || cfg!(windows));

    let png = encoded(&picture(64, 64), ImageFormat::Png);
    refusal(&file("cut.png", &png[..png.len() / 2]));
    let mut damaged = png.clone();
    // In the middle of the compressed pixels.
    let middle = damaged.len() / 2;
    damaged[middle..middle + 8].fill(0xff);
    refusal(&file("damaged.png", &damaged));
    let jpeg = encoded(&picture(64, 64), ImageFormat::Jpeg);
    refusal(&file("cut.jpg", &jpeg[..60]));
    refusal(&file("cut.gif", b"GIF89a"));
    refusal(&file("cut.webp", b"RIFF\x10\0\0\0WEBPVP8L"));

    assert!(refusal(&file("empty.png", b"")).contains("found something else"));
    assert!(refusal(&file("text.png", b"just words")).contains("found a text file"));
    if has_ffmpeg() {
        assert!(refusal(&file("text", b"just words")).contains("no picture and no video"));
        refusal(&file("cut.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"));
        refusal(&file("-dash.mp4", b"x"));
        // A playlist that leads elsewhere.
        let playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n";
        refusal(&file("list.m3u8", playlist));
    }
    let empty = folder.path().join("nothing");
    fs::create_dir(&empty).unwrap();
    assert!(refusal(&empty).contains("expected pictures"));
    #[cfg(unix)]
    assert!(refusal(Path::new("/dev/null")).contains("expected a file or a folder"));
}

#[test]
fn pictures_too_large_for_memory_are_refused_at_once() {
    let folder = TempDir::new().unwrap();
    // Headers that promise 16000x16000 and more pixels; what follows does not matter.
    let mut png = encoded(&picture(8, 8), ImageFormat::Png);
    for side in [16_000u32, 60_000, u32::MAX >> 1] {
        png[16..20].copy_from_slice(&side.to_be_bytes());
        png[20..24].copy_from_slice(&side.to_be_bytes());
        let crc = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        let path = folder.path().join("huge.png");
        fs::write(&path, &png).unwrap();
        refusal(&path);
    }
    let mut gif = b"GIF89a".to_vec();
    gif.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0]);
    gif.extend_from_slice(&[0x2c, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 2, 1, 0, 0, 0x3b]);
    let path = folder.path().join("huge.gif");
    fs::write(&path, &gif).unwrap();
    refusal(&path);

    // A sparse file takes no room on the disk.
    let path = folder.path().join("long.jpg");
    fs::write(&path, encoded(&picture(8, 8), ImageFormat::Jpeg)).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(5 << 30).unwrap();
    assert!(refusal(&path).contains("expected a JPG file of at most 64 MB, found 5120 MB"));
}

/// The check sum of PNG's chunks.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 })
    })
}

#[test]
fn every_picture_format_is_read_whatever_its_name_says() {
    let folder = TempDir::new().unwrap();
    let whole = picture(40, 30);
    for (format, slack) in [(ImageFormat::Png, 0), (ImageFormat::WebP, 0), (ImageFormat::Jpeg, 24)] {
        let path = folder.path().join("misnamed.dat");
        fs::write(&path, encoded(&whole, format)).unwrap();
        let found = only_frame(&path);
        assert_eq!(found.dimensions(), (40, 30));
        for (a, b) in found.as_raw().iter().zip(whole.as_bytes()) {
            assert!(a.abs_diff(*b) <= slack, "{format:?}");
        }
    }
    let deep = folder.path().join("deep.png");
    image::ImageBuffer::<image::Luma<u16>, _>::from_pixel(9, 9, image::Luma([0x8080u16]))
        .save(&deep)
        .unwrap();
    assert_eq!(only_frame(&deep).get_pixel(4, 4), &Rgb([128; 3]));
}

#[test]
fn transparent_pixels_lie_on_white() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("alpha.png");
    let mut picture = RgbaImage::from_pixel(3, 1, Rgba([200, 0, 0, 255]));
    picture.put_pixel(1, 0, Rgba([200, 0, 0, 0]));
    picture.put_pixel(2, 0, Rgba([0, 0, 0, 51]));
    picture.save(&path).unwrap();
    assert_eq!(only_frame(&path).as_raw(), &[200, 0, 0, 255, 255, 255, 204, 204, 204]);
}

#[test]
fn a_photo_is_turned_as_its_exif_says() {
    let folder = TempDir::new().unwrap();
    // Red above, blue below, lying on its side in the file.
    let stored = RgbImage::from_fn(64, 32, |x, _| if x < 32 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
    let jpeg = encoded(&stored.into(), ImageFormat::Jpeg);
    let turned = |orientation: u8| {
        // TIFF, little endian, one entry: tag 0x0112 (orientation), type short, one value.
        let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0, 0]);
        let length = (exif.len() + 2) as u16;
        let path = folder.path().join(format!("{orientation}.jpg"));
        fs::write(&path, [&jpeg[..2], &[0xff, 0xe1], &length.to_be_bytes()[..], &exif, &jpeg[2..]].concat())
            .unwrap();
        only_frame(&path)
    };
    let upright = turned(6);
    assert_eq!(upright.dimensions(), (32, 64));
    assert!(near(upright.get_pixel(16, 8), [255, 0, 0]) && near(upright.get_pixel(16, 56), [0, 0, 255]));
    let other_side = turned(8);
    assert!(near(other_side.get_pixel(16, 8), [0, 0, 255]));
    let half_turn = turned(3);
    assert_eq!(half_turn.dimensions(), (64, 32));
    assert!(near(half_turn.get_pixel(8, 16), [0, 0, 255]));
    // A value that means nothing leaves the picture as it is.
    assert!(near(turned(99).get_pixel(8, 16), [255, 0, 0]));
}

#[test]
fn a_folder_is_read_by_name_and_a_broken_picture_stops_nothing() {
    let folder = TempDir::new().unwrap();
    for (name, width) in [("c.png", 30), ("a.jpg", 10), ("d.WEBP", 40)] {
        let format = ImageFormat::from_path(name).unwrap();
        fs::write(folder.path().join(name), encoded(&picture(width, 8), format)).unwrap();
    }
    fs::write(folder.path().join("b.png"), b"\x89PNG\r\n\x1a\nno more").unwrap();
    fs::write(folder.path().join("notes.txt"), b"no picture").unwrap();
    fs::create_dir(folder.path().join("e.png")).unwrap();

    let mut source = open(folder.path(), Pace::Unpaced).unwrap();
    assert_eq!((source.info().kind, source.info().frame_count), (SourceKind::Still, Some(4)));
    let mut widths = Vec::new();
    let mut broken = Vec::new();
    loop {
        match source.next_frame() {
            Ok(Some(frame)) => widths.push((frame.index, frame.image.width())),
            Ok(None) => break,
            Err(CaptureError::UnreadableFrame { path, .. }) => broken.push(path),
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!(widths, [(0, 10), (1, 30), (2, 40)]);
    assert_eq!(broken, [folder.path().join("b.png")]);
}

#[test]
fn shown_live_a_folder_of_broken_pictures_ends() {
    let folder = TempDir::new().unwrap();
    for name in ["a.png", "b.png"] {
        fs::write(folder.path().join(name), b"\x89PNG\r\n\x1a\nno more").unwrap();
    }
    let mut source = open(folder.path(), Pace::Live).unwrap();
    for _ in 0..2 {
        assert!(matches!(source.next_frame(), Err(CaptureError::UnreadableFrame { .. })));
    }
    let end = source.next_frame().unwrap_err();
    assert!(!end.is_transient() && end.to_string().contains("none of its 2 pictures"), "{end}");
}

#[test]
fn a_picture_stays_on_when_shown_live() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.png");
    fs::write(&path, encoded(&picture(8, 8), ImageFormat::Png)).unwrap();
    let mut source = open(&path, Pace::Live).unwrap();
    let shown: Vec<Frame> = (0..3).map(|_| source.next_frame().unwrap().unwrap()).collect();
    assert!(shown.windows(2).all(|w| w[0].index + 1 == w[1].index && w[0].time_s < w[1].time_s));
    assert!(shown.iter().all(|f| f.image == shown[0].image));
}

#[test]
fn an_animated_gif_keeps_its_own_clock() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.gif");
    // No delay is shown for a tenth of a second, as browsers do.
    write_gif(&path, &[(RED, 40), (BLUE, 200), (RED, 0), (BLUE, 50)]);
    let mut source = open(&path, Pace::Unpaced).unwrap();
    assert_eq!((source.info().kind, source.info().size_px), (SourceKind::Video, Some((24, 16))));
    let all = frames(&mut *source);
    let times: Vec<f64> = all.iter().map(|f| (f.time_s * 1000.0).round()).collect();
    assert_eq!(times, [0.0, 40.0, 240.0, 340.0]);
    assert!(
        near(all[0].image.get_pixel(5, 5), [255, 0, 0]) && near(all[3].image.get_pixel(5, 5), [0, 0, 255])
    );

    let mut live = open(&path, Pace::Live).unwrap();
    let start = Instant::now();
    let mut seen = Vec::new();
    while seen.len() < 6 {
        if let Ok(frame) = live.next_frame() {
            let frame = frame.unwrap();
            assert!(
                start.elapsed() + Duration::from_millis(5) >= Duration::from_secs_f64(frame.time_s),
                "early"
            );
            seen.push(frame);
        }
    }
    // It starts again at the end, and time goes on.
    assert_eq!(seen[4].image, seen[0].image);
    assert!((seen[4].time_s - 0.39).abs() < 1e-6 && seen[5].index == 1);
}

#[test]
fn a_gif_of_one_frame_is_a_picture() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("one.gif");
    write_gif(&path, &[(RED, 40)]);
    assert!(near(only_frame(&path).get_pixel(5, 5), [255, 0, 0]));
}

#[test]
fn a_cut_animation_shows_what_is_left_and_then_says_so() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cut.gif");
    write_gif(&path, &[(RED, 40), (BLUE, 40), (RED, 40)]);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 12]).unwrap();
    let mut source = open(&path, Pace::Unpaced).unwrap();
    let mut good = 0;
    let end = loop {
        match source.next_frame() {
            Ok(Some(_)) => good += 1,
            Ok(None) => panic!("the cut was not noticed"),
            Err(e) => break e,
        }
    };
    assert!(good == 2 && end.to_string().contains("frame 2 cannot be decoded"), "{good} {end}");
}

#[test]
fn the_demo_ends_after_one_round_or_goes_on_live() {
    let demo = |pace| open_source(&SourceSpec::Demo, pace).unwrap().source;
    let mut source = demo(Pace::Unpaced);
    let count = source.info().frame_count.unwrap();
    let mut last = None;
    while let Some(frame) = source.next_frame().unwrap() {
        last = Some((frame.index, frame.time_s));
    }
    let (index, time_s) = last.unwrap();
    assert_eq!(index + 1, count);
    assert!((time_s - index as f64 / 30.0).abs() < 1e-9);

    let mut live = demo(Pace::Live);
    assert_eq!((live.info().kind, live.info().frame_count), (SourceKind::Demo, None));
    let start = Instant::now();
    let first = live.next_frame().unwrap().unwrap();
    // As from a camera, frames that nobody took are gone.
    std::thread::sleep(Duration::from_millis(200));
    let second = live.next_frame().unwrap().unwrap();
    assert!(second.index >= first.index + 5, "{}", second.index);
    assert!(second.time_s <= start.elapsed().as_secs_f64() + 0.005);
}
