//! Every kind of file in the table of docs/formats.md is made, and read or refused as it says there.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/common/mod.rs"]
mod common;
#[path = "../../../tests/common/files.rs"]
mod files;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageBuffer, ImageEncoder as _, ImageFormat, Luma, Rgb, RgbImage};
use moue_capture::{CaptureError, FILE_KINDS, FileKind, Frame, Pace, SkippedFiles, SourceKind, Support};
use tempfile::TempDir;

use files::{frames, has_ffmpeg, near, open};

fn ffmpeg(arguments: &str, output: &Path) -> bool {
    let done = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(output)
        .output()
        .unwrap();
    if !done.status.success() {
        common::skip(&format!(
            "ffmpeg cannot do this: {arguments}: {}",
            String::from_utf8_lossy(&done.stderr)
        ));
    }
    done.status.success()
}

/// Red above, blue below.
fn picture() -> RgbImage {
    RgbImage::from_fn(48, 32, |_, y| if y < 16 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) })
}

/// What ffmpeg is told to write ten frames of such a kind; `None` for pictures.
fn encoder(kind: &FileKind, ending: &str) -> &'static str {
    match (kind.name, ending) {
        ("MP4", "3gp" | "3g2") => "-c:v mpeg4 -q:v 2",
        ("MP4", "f4v") => "-c:v libx264 -f mp4",
        ("QuickTime", _) => "-c:v mjpeg -q:v 2 -f mov",
        ("Matroska, WebM", "webm") => "-c:v libvpx -deadline realtime -b:v 2M",
        ("Matroska, WebM", _) => "-c:v mpeg4 -q:v 2 -f matroska",
        ("AVI", _) => "-c:v mpeg4 -q:v 2 -f avi",
        ("MPEG transport stream", "mts" | "m2ts") => "-c:v libx264 -f mpegts -mpegts_m2ts_mode 1",
        ("MPEG transport stream", _) => "-c:v libx264 -f mpegts",
        ("MPEG program stream", "m2v") => "-c:v mpeg2video -q:v 2 -r 25 -f mpeg2video",
        ("MPEG program stream", _) => "-c:v mpeg2video -q:v 2 -r 25 -f mpeg",
        ("Windows Media", _) => "-c:v wmv2 -q:v 2 -f asf",
        ("Flash video", _) => "-c:v flv -q:v 2",
        // A frame like the one before is not stored.
        ("Ogg", _) => "-vf noise=alls=8:allf=t -c:v libtheora -q:v 9 -f ogg",
        ("MXF", _) => "-c:v mpeg2video -q:v 2 -r 25",
        ("DV", _) => "-s 720x576 -pix_fmt yuv420p -r 25 -c:v dvvideo",
        ("IVF", _) => "-c:v libvpx -deadline realtime -b:v 2M",
        ("YUV4MPEG", _) => "-pix_fmt yuv420p -f yuv4mpegpipe",
        ("bare MJPEG", _) => "-c:v mjpeg -q:v 2 -f mjpeg",
        ("bare H.264", _) => "-c:v libx264 -f h264",
        ("bare HEVC", _) => "-c:v libx265 -x265-params log-level=none -f hevc",
        ("bare AV1", _) => "-c:v libaom-av1 -cpu-used 8 -f obu",
        _ => "-c:v mpeg4 -q:v 2",
    }
}

/// Reads a video of ten frames, or as many at 25 a second.
fn check_video(kind: &FileKind, ending: &str, folder: &Path) {
    let path = folder.join(format!("a.{ending}"));
    let source = "-f lavfi -i color=red:s=96x64:r=10:d=1,drawbox=y=32:h=32:color=blue:t=fill";
    let codec = encoder(kind, ending);
    if !ffmpeg(&format!("{source} {codec}"), &path) {
        return;
    }
    let mut source = open(&path, Pace::Unpaced).unwrap_or_else(|e| panic!("{ending}: {e}"));
    assert_eq!(source.info().kind, SourceKind::Video, "{ending}");
    let all: Vec<Frame> = frames(&mut *source);
    let expected = if codec.contains("-r 25") { 25 } else { 10 };
    assert!(all.len() == expected, "{ending}: {} frames", all.len());
    let (w, h) = all[0].image.dimensions();
    assert!(near(all[0].image.get_pixel(w / 2, h / 4), [255, 0, 0]), "{ending}");
    assert!(near(all[0].image.get_pixel(w / 2, h * 3 / 4), [0, 0, 255]), "{ending}");
}

/// Writes a picture of this kind; `false` where that cannot be done here.
fn write_picture(kind: &FileKind, path: &Path) -> bool {
    let format = match kind.name {
        "JPEG" => ImageFormat::Jpeg,
        "PNG" => ImageFormat::Png,
        "GIF" => ImageFormat::Gif,
        "WebP" => ImageFormat::WebP,
        "TIFF" => ImageFormat::Tiff,
        "BMP" => ImageFormat::Bmp,
        "PNM" => ImageFormat::Pnm,
        "QOI" => ImageFormat::Qoi,
        "ICO" => ImageFormat::Ico,
        "AVIF" => {
            let flat = path.with_extension("flat.png");
            picture().save(&flat).unwrap();
            return has_ffmpeg()
                && ffmpeg(
                    &format!("-i {} -c:v libaom-av1 -still-picture 1 -cpu-used 8 -crf 5", flat.display()),
                    path,
                );
        }
        name => panic!("no picture of the kind {name} is made here"),
    };
    picture().save_with_format(path, format).unwrap();
    true
}

fn check_picture(kind: &FileKind, ending: &str, folder: &Path) {
    let path = folder.join(format!("a.{ending}"));
    if !write_picture(kind, &path) {
        return;
    }
    let mut source = open(&path, Pace::Unpaced).unwrap_or_else(|e| panic!("{ending}: {e}"));
    assert_eq!(source.info().kind, SourceKind::Still, "{ending}");
    let all = frames(&mut *source);
    assert_eq!(all.len(), 1);
    let image = &all[0].image;
    assert_eq!(image.dimensions(), (48, 32), "{ending}");
    assert!(near(image.get_pixel(24, 6), [255, 0, 0]), "{ending}: {:?}", image.get_pixel(24, 6));
    assert!(near(image.get_pixel(24, 26), [0, 0, 255]), "{ending}");
}

/// How files of a kind that is not read begin; `None` for kinds that nothing tells but their names.
fn first_bytes(name: &str) -> Option<&'static [u8]> {
    Some(match name {
        "HEIC" => b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "JPEG XL" => b"\0\0\0\x0cJXL \r\n\x87\n",
        "JPEG 2000" => b"\0\0\0\x0cjP  \r\n\x87\n",
        "camera raw" => b"II*\0\x10\0\0\0CR\x02\0",
        "Photoshop" => b"8BPS\0\x01",
        "GIMP" => b"gimp xcf v011\0",
        "OpenEXR" => b"\x76\x2f\x31\x01\x02",
        "Radiance HDR" => b"#?RADIANCE\n",
        "DDS" => b"DDS |\0\0\0",
        "SVG" => b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        "PDF" => b"%PDF-1.7\n",
        "sound" => b"fLaC\0\0\0\x22",
        "playlist" => b"#EXTM3U\nhttp://127.0.0.1:9/a.ts\n",
        "web page" => b"<!DOCTYPE html>\n<html></html>",
        "text" => b"just words\n",
        "zip archive" => b"PK\x03\x04\x14\0",
        "gzip archive" => b"\x1f\x8b\x08\0",
        "archive" => b"7z\xbc\xaf\x27\x1c\0",
        "weights" => b"\x89HDF\r\n\x1a\n",
        _ => return None,
    })
}

/// A file of a kind that is not read is named for what it is, whatever it is called.
fn check_refusal(kind: &FileKind, advice: &str, folder: &Path) {
    for ending in kind.endings {
        assert!(
            !SkippedFiles::default().takes(Path::new(&format!("a.{ending}"))),
            "{ending} is taken from folders"
        );
    }
    let Some(bytes) = first_bytes(kind.name) else { return };
    for name in [format!("a.{}", kind.endings[0]), "a.jpg".into(), "a.mp4".into(), "a".into()] {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        let said = open(&path, Pace::Unpaced).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains(advice), "{}: {said}", kind.name);
    }
}

/// The table of docs/formats.md.
fn table() -> String {
    let mut text = String::from("| kind | names end in | what is done |\n|---|---|---|\n");
    for kind in FILE_KINDS {
        let done = match kind.support {
            Support::Picture => "read as picture; animations play".to_owned(),
            Support::PictureByFfmpeg => "read as picture, by the program `ffmpeg`".to_owned(),
            Support::Video => "read as video, by the program `ffmpeg`".to_owned(),
            Support::Not(advice) => format!("not read: {advice}"),
        };
        text += &format!("| {} | {} | {done} |\n", kind.name, kind.endings.join(", "));
    }
    text
}

/// docs/formats.md, in this folder or above.
fn page() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().map(|folder| folder.join("docs/formats.md")).find(|path| path.is_file()).unwrap()
}

#[test]
fn the_table_of_formats_is_true() {
    let folder = TempDir::new().unwrap();
    let ffmpeg_is_there = has_ffmpeg();
    for kind in FILE_KINDS {
        match kind.support {
            Support::Picture | Support::PictureByFfmpeg => {
                kind.endings.iter().for_each(|ending| check_picture(kind, ending, folder.path()));
            }
            Support::Video if ffmpeg_is_there => {
                kind.endings.iter().for_each(|ending| check_video(kind, ending, folder.path()));
            }
            Support::Video => {}
            Support::Not(advice) => check_refusal(kind, advice, folder.path()),
        }
    }
    let page = page();
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once("<!-- table -->\n").unwrap();
    let (found, after) = rest.split_once("<!-- end -->").unwrap();
    if std::env::var_os("MOUE_WRITE_DOCS").is_some() {
        fs::write(&page, format!("{before}<!-- table -->\n{}<!-- end -->{after}", table())).unwrap();
    } else {
        assert!(
            found == table(),
            "docs/formats.md: run this test with MOUE_WRITE_DOCS=1 to write its table anew"
        );
    }
}

#[test]
fn deep_and_rare_pictures_are_read() {
    let folder = TempDir::new().unwrap();
    let read = |path: &Path| frames(&mut *open(path, Pace::Unpaced).unwrap()).remove(0).image;
    for ending in ["png", "tif", "pgm"] {
        let path = folder.path().join(format!("grey16.{ending}"));
        ImageBuffer::<Luma<u16>, _>::from_pixel(9, 9, Luma([0x8080u16])).save(&path).unwrap();
        assert_eq!(read(&path).get_pixel(4, 4), &Rgb([128; 3]), "{ending}");
    }
    for (name, format) in [("rgb16.tif", "Rgb16"), ("rgb16.png", "Rgb16"), ("rgb32.tif", "Rgb32F")] {
        let path = folder.path().join(name);
        let plain = DynamicImage::ImageRgb8(picture());
        let deep: DynamicImage =
            if format == "Rgb16" { plain.into_rgb16().into() } else { plain.into_rgb32f().into() };
        deep.save(&path).unwrap();
        assert!(near(read(&path).get_pixel(24, 6), [255, 0, 0]), "{name}");
    }
    if has_ffmpeg() {
        for (name, format) in [
            ("palette.tif", "-pix_fmt pal8"),
            ("lzw.tif", "-pix_fmt rgb24 -compression_algo lzw"),
            ("deflate16.tif", "-pix_fmt rgb48le -compression_algo deflate"),
            ("yuv.tif", "-pix_fmt yuv420p"),
            ("palette.bmp", "-pix_fmt pal8"),
            ("alpha.bmp", "-pix_fmt bgra"),
            ("565.bmp", "-pix_fmt rgb565le"),
            ("mono.pbm", "-pix_fmt monob"),
            ("deep.ppm", "-pix_fmt rgb48be"),
            ("alpha.pam", "-pix_fmt rgba"),
        ] {
            let path = folder.path().join(name);
            if ffmpeg(&format!("-f lavfi -i color=red:s=48x32:d=0.1 -frames:v 1 {format}"), &path) {
                let picture = read(&path);
                assert_eq!(picture.dimensions(), (48, 32), "{name}");
                assert!(name == "mono.pbm" || near(picture.get_pixel(24, 16), [255, 0, 0]), "{name}");
            }
        }
    }
}

#[test]
fn half_a_jpeg_is_read_and_said_to_be_cut() {
    let folder = TempDir::new().unwrap();
    let noise = RgbImage::from_fn(320, 240, |x, y| Rgb([(x * y) as u8, (x ^ y) as u8, y as u8]));
    let path = folder.path().join("whole.jpg");
    noise.save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    // With something behind it, as phones add, it is whole.
    fs::write(&path, [&bytes[..], &[0; 400], b"and a film"].concat()).unwrap();
    assert_eq!(frames(&mut *open(&path, Pace::Unpaced).unwrap()).len(), 1);
    for part in [50, 90] {
        let path = folder.path().join(format!("cut{part}.jpg"));
        fs::write(&path, &bytes[..bytes.len() * part / 100]).unwrap();
        let mut source = open(&path, Pace::Unpaced).unwrap();
        let frame = source.next_frame().unwrap().unwrap();
        assert_eq!(frame.image.dimensions(), (320, 240));
        let said = source.next_frame().unwrap_err();
        assert!(
            matches!(said, CaptureError::UnreadableFrame { .. }) && said.to_string().contains("is cut"),
            "{said}"
        );
        assert!(source.next_frame().unwrap().is_none());
    }
    // In a folder the others follow.
    let mut source = open(folder.path(), Pace::Unpaced).unwrap();
    let (mut good, mut cut) = (0, 0);
    loop {
        match source.next_frame() {
            Ok(Some(_)) => good += 1,
            Ok(None) => break,
            Err(CaptureError::UnreadableFrame { .. }) => cut += 1,
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!((good, cut), (3, 2));
}

/// Cut pictures of any kind are refused, or read and said to be cut; never taken for whole.
#[test]
fn cut_pictures_are_never_taken_for_whole() {
    let folder = TempDir::new().unwrap();
    let noise =
        RgbImage::from_fn(64, 48, |x, y| Rgb([(x * y * 7) as u8, (x ^ (y * 31)) as u8, (y * x * x) as u8]));
    for ending in ["png", "jpg", "gif", "webp", "tif", "bmp", "ppm", "qoi", "ico"] {
        let path = folder.path().join(format!("a.{ending}"));
        noise.save(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        for part in [20, 50, 80] {
            let path = folder.path().join(format!("cut.{ending}"));
            fs::write(&path, &bytes[..bytes.len() * part / 100]).unwrap();
            let said = match open(&path, Pace::Unpaced) {
                Err(e) => Some(e),
                Ok(mut source) => loop {
                    match source.next_frame() {
                        Ok(Some(_)) | Err(CaptureError::Timeout { .. }) => {}
                        Ok(None) => break None,
                        Err(e) => break Some(e),
                    }
                },
            };
            assert!(said.is_some(), "{part} % of a .{ending}");
        }
    }
}

/// An animation of two frames: signature, header, frames with their times, end.
fn animated_png(depth: u8) -> Vec<u8> {
    let chunk = |name: &[u8; 4], body: &[u8]| {
        let named = [&name[..], body].concat();
        [&(body.len() as u32).to_be_bytes()[..], &named, &crc32(&named).to_be_bytes()].concat()
    };
    let control = |number: u32, numerator: u16, denominator: u16| {
        let mut body = number.to_be_bytes().to_vec();
        for v in [4u32, 4, 0, 0] {
            body.extend(v.to_be_bytes());
        }
        body.extend(numerator.to_be_bytes());
        body.extend(denominator.to_be_bytes());
        body.extend([0, 0]);
        body
    };
    // The compressed pixels of a picture of one colour.
    let pixels = |colour: [u8; 3]| {
        let mut png = Vec::new();
        let encoder = PngEncoder::new(&mut png);
        if depth == 16 {
            let raw: Vec<u8> = colour.iter().flat_map(|v| [*v, *v]).cycle().take(4 * 4 * 6).collect();
            encoder.write_image(&raw, 4, 4, image::ExtendedColorType::Rgb16).unwrap();
        } else {
            encoder.write_image(&colour.repeat(16), 4, 4, image::ExtendedColorType::Rgb8).unwrap();
        }
        let at = png.windows(4).position(|w| w == b"IDAT").unwrap();
        let length = u32::from_be_bytes(png[at - 4..at].try_into().unwrap()) as usize;
        png[at + 4..at + 4 + length].to_vec()
    };
    let header = [&[0, 0, 0, 4, 0, 0, 0, 4, depth, 2][..], &[0, 0, 0]].concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
        chunk(b"fcTL", &control(0, 1, 4)),
        chunk(b"IDAT", &pixels([255, 0, 0])),
        chunk(b"fcTL", &control(1, 50, 0)),
        chunk(b"fdAT", &[&[0, 0, 0, 2][..], &pixels([0, 0, 255])].concat()),
        chunk(b"IEND", &[]),
    ]
    .concat()
}

/// The check sum of PNG's chunks.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 })
    })
}

#[test]
fn an_animated_png_plays_all_its_frames() {
    let folder = TempDir::new().unwrap();
    for depth in [8, 16] {
        let path = folder.path().join(format!("{depth}.png"));
        fs::write(&path, animated_png(depth)).unwrap();
        if depth == 16 && !has_ffmpeg() {
            continue;
        }
        let mut source = open(&path, Pace::Unpaced).unwrap();
        assert_eq!((source.info().kind, source.info().size_px), (SourceKind::Video, Some((4, 4))));
        let all = frames(&mut *source);
        assert_eq!(all.len(), 2);
        assert!((all[1].time_s - 0.25).abs() < 1e-6, "{}", all[1].time_s);
        assert!(
            near(all[0].image.get_pixel(1, 1), [255, 0, 0])
                && near(all[1].image.get_pixel(1, 1), [0, 0, 255])
        );
    }
    // The second frame stays for half a second.
    let live = open(&folder.path().join("8.png"), Pace::Live).unwrap();
    assert_eq!(live.transport().unwrap().status().duration_s, Some(0.75));
}
