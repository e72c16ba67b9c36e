//! Videos as people have them: deep colours, times of their own, pixels that are not square, cut and damaged.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/common/mod.rs"]
mod common;
#[path = "../../../tests/common/files.rs"]
mod files;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::RgbImage;
use moue_capture::{CaptureError, Frame, FrameSource, Pace, SourceKind};
use tempfile::TempDir;

use files::{has_ffmpeg, near, open};

/// Runs ffmpeg; `false` where this one has not what is asked for, such as an encoder.
fn ffmpeg(arguments: &str, output: &Path) -> bool {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(output)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        common::skip(&format!("ffmpeg cannot do this: {arguments}: {said}"));
    }
    output.status.success()
}

/// Everything that a source gives, and how it ends.
fn all(source: &mut dyn FrameSource) -> (Vec<Frame>, Option<String>) {
    let mut frames = Vec::new();
    loop {
        match source.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(CaptureError::Timeout { .. }) => {}
            Err(e) => return (frames, Some(e.to_string())),
        }
    }
}

/// Reads a whole file that is sound.
fn sound(path: &Path) -> Vec<Frame> {
    let (frames, fault) = all(&mut *open(path, Pace::Unpaced).unwrap());
    assert_eq!(fault, None, "{}", path.display());
    frames
}

fn times(frames: &[Frame]) -> Vec<f64> {
    frames.iter().map(|f| (f.time_s * 1e4).round() / 1e4).collect()
}

/// Red above, blue below; a white square that moves, so that frames differ.
const BANDS: &str = "-f lavfi -i color=red:s=96x64:r=10:d=1,drawbox=y=32:h=32:color=blue:t=fill";

fn is_bands(picture: &RgbImage) -> bool {
    let (w, h) = picture.dimensions();
    near(picture.get_pixel(w / 2, h / 4), [255, 0, 0])
        && near(picture.get_pixel(w / 2, 3 * h / 4), [0, 0, 255])
}

#[test]
fn every_depth_and_sampling_becomes_eight_bits() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    for (name, codec) in [
        ("h264-10.mkv", "-c:v libx264 -pix_fmt yuv420p10le"),
        ("h264-422-10.mp4", "-c:v libx264 -pix_fmt yuv422p10le"),
        ("h264-444.mp4", "-c:v libx264 -pix_fmt yuv444p"),
        ("h264-full.mp4", "-c:v libx264 -pix_fmt yuvj420p -color_range pc"),
        ("h264-rgb.mkv", "-c:v libx264rgb"),
        ("hevc-10.mp4", "-c:v libx265 -pix_fmt yuv420p10le -x265-params log-level=none"),
        ("hevc-12.mkv", "-c:v libx265 -pix_fmt yuv444p12le -x265-params log-level=none"),
        ("vp9-10.webm", "-c:v libvpx-vp9 -pix_fmt yuv420p10le -cpu-used 8"),
        ("av1-10.mkv", "-c:v libaom-av1 -pix_fmt yuv420p10le -cpu-used 8"),
        ("prores.mov", "-c:v prores_ks -profile:v 4 -pix_fmt yuva444p10le"),
        ("dnxhr.mov", "-c:v ffv1 -pix_fmt gbrp16le"),
        ("ffv1-grey16.mkv", "-vf format=gray16le,format=yuv420p -c:v ffv1"),
        ("png16.mov", "-c:v png -pix_fmt rgb48be"),
        ("interlaced.mpg", "-c:v mpeg2video -flags +ildct+ilme -q:v 2 -r 25"),
    ] {
        let path = folder.path().join(name);
        if !ffmpeg(&format!("{BANDS} {codec}"), &path) {
            continue;
        }
        let frames = sound(&path);
        assert!(
            frames.len() == if name == "interlaced.mpg" { 25 } else { 10 },
            "{name}: {} frames",
            frames.len()
        );
        if name != "ffv1-grey16.mkv" {
            assert!(
                frames.iter().all(|f| is_bands(&f.image)),
                "{name}: {:?}",
                frames[0].image.get_pixel(48, 16)
            );
        }
    }
}

#[test]
fn high_dynamic_range_is_mapped_and_it_is_said() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    for (transfer, name) in [("smpte2084", "PQ"), ("arib-std-b67", "HLG")] {
        let path = folder.path().join(format!("{name}.mp4"));
        let made = ffmpeg(
            &format!(
                "-f lavfi -i color=gray:s=96x64:r=10:d=0.5 -c:v libx265 -pix_fmt yuv420p10le -color_primaries bt2020 \
                 -color_trc {transfer} -colorspace bt2020nc -x265-params log-level=none"
            ),
            &path,
        );
        if !made {
            continue;
        }
        let source = open(&path, Pace::Unpaced).unwrap();
        let conversion = source.info().conversion.clone().unwrap();
        assert!(conversion.contains(name), "{conversion}");
        let filters = Command::new("ffmpeg").args(["-hide_banner", "-filters"]).output().unwrap();
        let filters = String::from_utf8_lossy(&filters.stdout).into_owned();
        assert_eq!(
            conversion.contains("tone-mapped"),
            filters.contains(" zscale ") && filters.contains(" tonemap ")
        );
        let frames = sound(&path);
        let [r, g, b] = frames[0].image.get_pixel(48, 32).0;
        // Half of PQ's range is 92 cd/m2, near white; half of HLG's a fifth of its peak.
        assert!(
            frames.len() == 5 && r > 100 && r.abs_diff(g) < 12 && g.abs_diff(b) < 12,
            "{name}: {r} {g} {b}"
        );
    }
}

#[test]
fn each_stored_frame_has_its_own_time() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let source = "-f lavfi -i testsrc=s=96x64:r=10:d=1.2";
    let passed = "-fps_mode passthrough -c:v libx264 -bf 2";
    let steps = |step: f64, count: u32| -> Vec<f64> {
        (0..count).map(|i| (f64::from(i) * step * 1e4).round() / 1e4).collect()
    };
    // Two frames a second, then sixty.
    let burst: Vec<f64> =
        (0..12).map(|i| if i < 4 { f64::from(i) * 0.5 } else { 1.5 + f64::from(i - 3) / 60.0 }).collect();
    let burst: Vec<f64> = burst.iter().map(|s| (s * 1e4).round() / 1e4).collect();
    for (name, clock, pts, expected) in [
        // One a minute.
        ("time-lapse.mp4", 10, "N*600", steps(60.0, 12)),
        ("slow-motion.mp4", 480, "N", steps(1.0 / 480.0, 12)),
        ("very-slow-motion.mov", 960, "N", steps(1.0 / 960.0, 12)),
        ("burst.mp4", 600, "if(lt(N\\,4)\\,N*300\\,900+(N-3)*10)", burst),
        ("hour.mp4", 1000, "if(eq(N\\,0)\\,0\\,3600000+N)", {
            let mut all: Vec<f64> = (0..12).map(|i| 3600.0 + f64::from(i) / 1000.0).collect();
            all[0] = 0.0;
            all
        }),
    ] {
        let path = folder.path().join(name);
        if !ffmpeg(
            &format!("{source} -vf settb=1/{clock},setpts={pts} -enc_time_base 1/{clock} {passed}"),
            &path,
        ) {
            continue;
        }
        assert_eq!(times(&sound(&path)), expected, "{name}");
    }
}

/// As browsers record: no length, no rate, milliseconds, uneven steps.
#[test]
fn a_browsers_recording_has_no_invented_frames() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("browser.webm");
    let made = ffmpeg(
        "-f lavfi -i testsrc=s=96x64:r=10:d=2.4 -vf settb=1/1000,setpts=N*33+mod(N*7\\,5) -fps_mode passthrough \
         -enc_time_base 1/1000 -c:v libvpx -deadline realtime -live 1 -f webm",
        &path,
    );
    if !made {
        return;
    }
    // No reader may rely on the duration of a frame.
    let expected: Vec<f64> = (0..24).map(|n| f64::from(n * 33 + n * 7 % 5) / 1000.0).collect();
    assert_eq!(times(&sound(&path)), expected);
}

#[test]
fn a_film_that_begins_after_its_sound_has_no_frames_before() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("late.mp4");
    if !ffmpeg(
        "-itsoffset 1.5 -f lavfi -i testsrc=s=96x64:r=10:d=0.5 -f lavfi -i sine=d=3 -map 0 -map 1 -fps_mode passthrough \
         -c:v mpeg4 -c:a aac",
        &path,
    ) {
        return;
    }
    let (mut source, expected) = (open(&path, Pace::Unpaced).unwrap(), [1.5, 1.6, 1.7, 1.8, 1.9]);
    let (frames, fault) = all(&mut *source);
    assert_eq!((times(&frames), fault), (expected.to_vec(), None));
    assert_eq!(frames[0].index, 0);
    // Shown live, nobody waits for it.
    let start = std::time::Instant::now();
    let mut live = open(&path, Pace::Live).unwrap();
    while live.next_frame().is_err() {}
    assert!(live.transport().unwrap().status().position_s > 1.4 && start.elapsed().as_secs() < 60);
}

#[test]
fn an_edit_list_leaves_frames_out_and_nothing_is_missed() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let (whole, part) = (folder.path().join("whole.mp4"), folder.path().join("part.mp4"));
    if !ffmpeg("-f lavfi -i testsrc=s=96x64:r=10:d=3 -c:v libx264 -g 30", &whole)
        || !ffmpeg(&format!("-ss 1.25 -i {} -c copy", whole.display()), &part)
    {
        return;
    }
    let frames = sound(&part);
    assert!((17..=18).contains(&frames.len()), "{}", frames.len());
    assert!(frames[0].time_s < 0.1 && frames[0].index == 0);
}

#[test]
fn the_first_real_video_stream_is_shown() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let cover = folder.path().join("cover.jpg");
    RgbImage::from_pixel(300, 300, image::Rgb([0, 255, 0])).save(&cover).unwrap();
    let small = "-f lavfi -i color=red:s=64x48:r=5:d=1 -f lavfi -i color=blue:s=320x240:r=25:d=1";
    let both = folder.path().join("both.mkv");
    if ffmpeg(&format!("{small} -map 0 -map 1 -c:v mpeg4"), &both) {
        let frames = sound(&both);
        assert_eq!((frames.len(), frames[0].image.dimensions()), (5, (64, 48)));
        assert_eq!(times(&frames), [0.0, 0.2, 0.4, 0.6, 0.8]);
    }
    let covered = folder.path().join("covered.mp4");
    if ffmpeg(
        &format!(
            "-i {} {small} -map 0 -map 2 -c:v mpeg4 -c:v:0 mjpeg -disposition:v:0 attached_pic",
            cover.display()
        ),
        &covered,
    ) {
        let frames = sound(&covered);
        assert_eq!((frames.len(), frames[0].image.dimensions()), (25, (320, 240)));
    }
    let song = folder.path().join("song.m4a");
    if ffmpeg(
        &format!(
            "-f lavfi -i sine=d=1 -i {} -c:a aac -c:v mjpeg -disposition:v:0 attached_pic -f mp4",
            cover.display()
        ),
        &song,
    ) {
        let said = open(&song, Pace::Unpaced).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("a sound file with a cover picture"), "{said}");
    }
}

#[test]
fn pixels_are_made_square() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    for (name, stored, sar, turned, expected) in [
        ("pal-wide.mkv", "720x576", "64/45", false, (1024, 576)),
        ("pal.mpg", "720x576", "16/15", false, (768, 576)),
        ("ntsc.mkv", "720x480", "8/9", false, (720, 540)),
        ("hdv.mp4", "1440x1080", "4/3", false, (1920, 1080)),
        ("960h.avi.mkv", "960x576", "4/5", false, (960, 720)),
        ("half.mp4", "480x540", "2/1", false, (960, 540)),
        ("turned.mp4", "480x540", "2/1", true, (540, 960)),
    ] {
        let path = folder.path().join(name);
        let flat = folder.path().join(format!("flat-{name}"));
        let codec = if name.ends_with("mpg") { "mpeg2video -q:v 2 -r 25" } else { "mpeg4 -q:v 2" };
        let target = if turned { &flat } else { &path };
        // The circle of a test card would be round.
        if !ffmpeg(
            &format!(
                "-f lavfi -i color=red:s={stored}:r=10:d=0.3,drawbox=y=ih/2:h=ih/2:color=blue:t=fill -vf setsar={sar} -c:v {codec}"
            ),
            target,
        ) {
            continue;
        }
        if turned {
            // The first is for ffmpeg 6 and later, the second for those before.
            let new = format!("-display_rotation 90 -i {} -c copy", flat.display());
            let old = format!("-i {} -c copy -metadata:s:v:0 rotate=90", flat.display());
            let done = Command::new("ffmpeg")
                .args(["-loglevel", "quiet", "-y"])
                .args(new.split_whitespace())
                .arg(&path)
                .status();
            assert!(done.unwrap().success() || ffmpeg(&old, &path));
        }
        let source = open(&path, Pace::Unpaced).unwrap();
        assert_eq!(source.info().size_px, Some(expected), "{name}");
        let frames = sound(&path);
        assert!(frames.iter().all(|f| f.image.dimensions() == expected), "{name}");
        assert!(turned || is_bands(&frames[0].image), "{name}");
    }
}

#[test]
fn frames_that_change_their_size_keep_their_shape() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let part = |name: &str, size: &str| -> PathBuf {
        let path = folder.path().join(name);
        let done = ffmpeg(
            &format!(
                "-f lavfi -i color=red:s={size}:r=10:d=1,drawbox=y=ih/2:h=ih/2:color=blue:t=fill -c:v mpeg2video -q:v 2 -r 25 -fps_mode cfr -f mpegts"
            ),
            &path,
        );
        assert!(done);
        path
    };
    let bytes = [part("a.ts", "160x90"), part("b.ts", "320x240")].map(|p| fs::read(p).unwrap()).concat();
    let path = folder.path().join("both.ts");
    fs::write(&path, bytes).unwrap();
    let (frames, _) = all(&mut *open(&path, Pace::Unpaced).unwrap());
    let sizes: Vec<_> = frames.iter().map(|f| f.image.dimensions()).collect();
    let (small, large) = ((160, 90), (320, 240));
    // One may be lost where the two were put together.
    assert!(sizes.iter().filter(|s| **s == small).count() >= 24, "{sizes:?}");
    assert!(sizes.iter().filter(|s| **s == large).count() >= 24, "{sizes:?}");
    assert!(frames.iter().all(|f| is_bands(&f.image)));
    assert!(frames.windows(2).all(|w| w[0].time_s < w[1].time_s), "{:?}", times(&frames));
}

/// Containers, how to write them, and how many of twelve frames are in the first half of the file at least and at most.
const CUTS: [(&str, &str); 12] = [
    ("a.mkv", "-c:v mpeg4 -q:v 2"),
    ("a.webm", "-c:v libvpx -deadline realtime -b:v 2M"),
    ("faststart.mp4", "-c:v libx264 -movflags +faststart"),
    ("fragments.mp4", "-c:v libx264 -g 6 -movflags +frag_keyframe+empty_moov"),
    ("a.avi", "-c:v mpeg4 -q:v 2"),
    ("a.flv", "-c:v flv -q:v 2"),
    ("a.ts", "-c:v libx264"),
    ("a.mts", "-c:v libx264 -f mpegts -mpegts_m2ts_mode 1"),
    ("a.mpg", "-c:v mpeg2video -q:v 2 -r 25"),
    ("a.ogv", "-c:v libtheora -q:v 9"),
    ("a.wmv", "-c:v wmv2 -q:v 2"),
    ("a.mjpeg", "-c:v mjpeg -q:v 2"),
];

#[test]
fn cut_and_damaged_files_are_read_and_said_to_be() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    for (name, codec) in CUTS {
        let path = folder.path().join(name);
        if !ffmpeg(&format!("-f lavfi -i testsrc2=s=320x240:r=25:d=2 {codec}"), &path) {
            continue;
        }
        let whole = sound(&path);
        assert_eq!(whole.len(), 50, "{name}");
        let bytes = fs::read(&path).unwrap();
        let cut = folder.path().join(format!("cut-{name}"));
        fs::write(&cut, &bytes[..bytes.len() * 55 / 100]).unwrap();
        let (frames, fault) = all(&mut *open(&cut, Pace::Unpaced).unwrap());
        let fault =
            fault.unwrap_or_else(|| panic!("{name}: nothing was said of the cut, {} frames", frames.len()));
        assert!((10..49).contains(&frames.len()), "{name}: {}", frames.len());
        assert!(
            fault.contains(&format!("{}", frames.len())) && fault.contains("frames could be read"),
            "{fault}"
        );
        // What was read has its times.
        for frame in &frames {
            assert!(
                whole.iter().any(|good| (frame.time_s - good.time_s).abs() < 1e-3),
                "{name}: {}",
                frame.time_s
            );
        }
    }
    // The exact count, where the file tells it.
    let (frames, fault) = all(&mut *open(&folder.path().join("cut-faststart.mp4"), Pace::Unpaced).unwrap());
    assert!(fault.unwrap().contains(&format!("{} of 50 frames", frames.len())));
    // A hole in the middle.
    let mut bytes = fs::read(folder.path().join("faststart.mp4")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 3000].fill(0);
    let holed = folder.path().join("holed.mp4");
    fs::write(&holed, bytes).unwrap();
    let (frames, fault) = all(&mut *open(&holed, Pace::Unpaced).unwrap());
    assert!(frames.len() > 30 && fault.unwrap().contains("cut or damaged"));
    // Shown live, it is said once, and goes on.
    let mut live = open(&holed, Pace::Live).unwrap();
    live.transport().unwrap().set_speed(16.0);
    let (mut said, mut shown) = (0, 0);
    while shown < 120 {
        match live.next_frame() {
            Ok(Some(_)) => shown += 1,
            Ok(None) => panic!("it ended"),
            Err(CaptureError::UnreadableFrame { .. }) => said += 1,
            Err(e) => assert!(e.is_transient(), "{e}"),
        }
    }
    assert_eq!(said, 1);
}

#[test]
fn files_without_a_beginning_say_what_is_missing() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.mp4");
    if !ffmpeg("-f lavfi -i testsrc=s=96x64:r=10:d=1 -c:v mpeg4", &path) {
        return;
    }
    let bytes = fs::read(&path).unwrap();
    let refused = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        open(&path, Pace::Unpaced).map(|_| ()).unwrap_err().to_string()
    };
    let said = refused("cut.mp4", &bytes[..bytes.len() / 2]);
    assert!(said.contains("its table of contents") && said.contains("copy or download it again"), "{said}");
    assert!(refused("empty.mp4", b"").contains("the file is empty"));
    assert!(refused("page.mp4", b"<!DOCTYPE html><html>no such video").contains("a web page"));
    let sound = folder.path().join("a.mp3");
    if ffmpeg("-f lavfi -i sine=d=1", &sound) {
        assert!(open(&sound, Pace::Unpaced).map(|_| ()).unwrap_err().to_string().contains("a sound file"));
    }
}

#[test]
fn frames_of_uneven_length_can_be_sought_and_stepped_to() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    for (name, filter, codec) in [
        ("time-lapse.mp4", "settb=1/10,setpts=N*600", "-enc_time_base 1/10 -c:v libx264 -g 4"),
        ("uneven.mkv", "settb=1/1000,setpts=N*N*20", "-enc_time_base 1/1000 -c:v mpeg4 -g 4"),
        // Few places to begin at, and roughly found ones.
        ("stream.ts", "null", "-c:v libx264 -g 50"),
        ("bare.mjpeg", "null", "-c:v mjpeg -q:v 2"),
        ("bare.h264", "null", "-c:v libx264 -g 5 -bf 0"),
    ] {
        let path = folder.path().join(name);
        if !ffmpeg(
            &format!("-f lavfi -i testsrc=s=96x64:r=25:d=0.48 -vf {filter} -fps_mode passthrough {codec}"),
            &path,
        ) {
            continue;
        }
        let frames = sound(&path);
        assert_eq!(frames.len(), 12, "{name}");
        let mut live = open(&path, Pace::Live).unwrap();
        let transport = live.transport().unwrap();
        transport.pause();
        let mut next = || {
            let start = std::time::Instant::now();
            loop {
                match live.next_frame() {
                    Ok(Some(frame)) => return frame,
                    Ok(None) => panic!("it ended"),
                    Err(e) => assert!(e.is_transient(), "{e}"),
                }
                assert!(start.elapsed().as_secs() < 60, "no frame came");
            }
        };
        let mut last_s = -1.0;
        for wanted in [5usize, 2, 11, 0, 7] {
            transport.seek_to(frames[wanted].time_s);
            let frame = next();
            let status = transport.status();
            assert!(
                (status.position_s - frames[wanted].time_s).abs() < 1e-3,
                "{name} {wanted}: {}",
                status.position_s
            );
            assert!(*frame.image == *frames[wanted].image, "{name}: frame {wanted} is another picture");
            assert!(frame.time_s > last_s, "{name}: time never goes back");
            last_s = frame.time_s;
        }
        // Between two frames the one before is shown.
        transport.seek_to((frames[3].time_s + frames[4].time_s) / 2.0);
        assert!(*next().image == *frames[3].image, "{name}");
        transport.step(true);
        assert!(*next().image == *frames[4].image, "{name}");
        transport.step(false);
        assert!(*next().image == *frames[3].image, "{name}");
        transport.step(false);
        transport.step(false);
        assert!(*next().image == *frames[1].image, "{name}");
        for _ in 0..9 {
            transport.step(false);
        }
        assert!(*next().image == *frames[0].image, "{name}: nothing is before the first");
    }
}

#[test]
fn a_video_called_gif_and_a_bare_mjpeg_called_jpg_are_played() {
    if !has_ffmpeg() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.gif");
    if ffmpeg("-f lavfi -i testsrc=s=96x64:r=10:d=0.5 -c:v mpeg4 -f mp4", &path) {
        assert_eq!(sound(&path).len(), 5);
    }
    for name in ["a.mjpeg", "b.jpg"] {
        let path = folder.path().join(name);
        if ffmpeg("-f lavfi -i testsrc=s=96x64:r=10:d=0.5 -c:v mjpeg -q:v 2 -f mjpeg", &path) {
            assert_eq!(open(&path, Pace::Unpaced).unwrap().info().kind, SourceKind::Video);
            let frames = sound(&path);
            assert_eq!(frames.len(), 5, "{name}");
            assert!(frames.windows(2).all(|w| w[0].time_s < w[1].time_s));
        }
    }
}
