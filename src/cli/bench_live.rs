//! `moue bench --only live`: a clip at camera rate through the whole live pipeline, without a window.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use image::{RgbImage, imageops};
use moue_capture::{
    CaptureError, Frame, FrameSource, OpenedSource, Pace, SourceInfo, SourceKind, SourceSpec, open_source,
};
use moue_detect::DetectorKind;
use moue_model::DeviceChoice;
use serde::Serialize;

use crate::pipeline::{Hooks, Live, LiveOptions, LiveResult, Mailbox, Message, Origins, SmoothingSettings};
use crate::record::HeatStyle;
use crate::settings::ColourMap;

/// Frames a second, as most cameras give.
const RATE: f64 = 30.0;
/// Size of the frames.
const SIZE_PX: (u32, u32) = (640, 480);
/// Frames of the clip that are kept in memory: ten seconds.
const MOST_FRAMES: usize = 300;
/// Not measured: the network is loaded and everything gets warm.
const WARM_UP: Duration = Duration::from_secs(3);
/// The heatmap is drawn and not drawn in turns of this length.
const TURN: Duration = Duration::from_secs(1);
/// Longest wait for the first result.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was measured, as `--json` prints it. Ages run from a frame's arrival to the moment when the window would
/// have its result in hand.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct LiveReport {
    name: &'static str,
    clip: String,
    width: u32,
    height: u32,
    threads: usize,
    seconds: f64,
    frames_per_s: f64,
    results_per_s: f64,
    faces: f64,
    age_p50_ms: f64,
    age_p95_ms: f64,
    detect_p50_ms: f64,
    classify_p50_ms: f64,
    /// Drawing the heatmap of one result.
    heat_p50_ms: f64,
    /// The same as a share of the time that finding and reading take.
    heat_percent: f64,
    /// Median ages of results while the heatmap is drawn, and while it is not.
    age_p50_with_heat_ms: f64,
    age_p50_without_heat_ms: f64,
}

/// One result, as it was received.
struct Received {
    age_ms: f64,
    detect_ms: f64,
    classify_ms: f64,
    heat_ms: Option<f64>,
    faces: usize,
}

/// Measures for `seconds` with `threads` threads (0: all); `clip` is a video, by default portraits of the demo. A `profile` reads
/// the face that is alone in view.
pub(super) fn run(
    clip: Option<&Path>,
    profile: Option<PathBuf>,
    seconds: u16,
    threads: usize,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let frames = Arc::new(clip_frames(clip)?);
    let name = clip.map_or_else(|| "demo".to_owned(), |path| path.display().to_string());
    let arrived = Arc::new(Mailbox::default());
    let woken = Arc::clone(&arrived);
    let origins = Origins {
        open: Arc::new(move |_| {
            let source = Replay::new(Arc::clone(&frames));
            Ok(OpenedSource { source: Box::new(source), note: None })
        }),
        ..Origins::default()
    };
    let live = Live::start_from(
        LiveOptions {
            source: SourceSpec::Camera(None),
            weights: None,
            device: DeviceChoice::Cpu,
            threads,
            smoothing: SmoothingSettings::default(),
            detector: DetectorKind::default(),
        },
        Hooks { on_frame: Box::new(|_, _| {}), on_change: Box::new(|| {}) },
        origins,
    )?;
    if let Some(profile) = profile {
        live.open_profile(profile)?;
    }
    live.set_result_tap(Some(Arc::new(move |result: &Arc<LiveResult>| {
        woken.put(Arc::clone(result));
    })));
    let (received, frames_seen, seconds) = receive(&live, &arrived, Duration::from_secs(seconds.into()))?;
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    };
    let report = LiveReport {
        frames_per_s: rounded(frames_seen as f64 / seconds),
        results_per_s: rounded(received.len() as f64 / seconds),
        ..summary(&received, name, threads, rounded(seconds))
    };
    if json {
        serde_json::to_writer_pretty(&mut *out, &[report])?;
        writeln!(out)?;
    } else {
        print(&report, out)?;
    }
    Ok(())
}

/// Takes results as a window would, for `measure_for` after the warm-up. The results, the number of frames that
/// the source gave meanwhile, and the seconds that it took.
fn receive(
    live: &Live,
    arrived: &Mailbox<Arc<LiveResult>>,
    measure_for: Duration,
) -> anyhow::Result<(Vec<Received>, u64, f64)> {
    let heat = HeatStyle { colours: ColourMap::default(), opacity: 0.6 };
    let asked = Instant::now();
    let mut start = None;
    let mut received = Vec::new();
    let mut span: Option<(u64, u64)> = None;
    loop {
        if let Some(Message::Error(text) | Message::SourceError(text)) = live.next_message() {
            bail!("{text}");
        }
        let Some(result) = arrived.take_within(Duration::from_millis(100)) else {
            if start.is_none() && asked.elapsed() > PATIENCE {
                bail!("no result came within {} s", PATIENCE.as_secs());
            }
            continue;
        };
        let now = Instant::now();
        let begun = *start.get_or_insert(now) + WARM_UP;
        if now < begun {
            continue;
        }
        if now >= begun + measure_for {
            let frames = span.map_or(0, |(first, last)| last - first + 1);
            return Ok((received, frames, now.duration_since(begun).as_secs_f64()));
        }
        let analyzed = &result.analyzed;
        span = Some((span.map_or(analyzed.frame.index, |s| s.0), analyzed.frame.index));
        let turn = now.duration_since(begun).as_millis() / TURN.as_millis();
        let heat_ms = turn.is_multiple_of(2).then(|| {
            for face in &analyzed.faces {
                std::hint::black_box(heat.pixels(&face.reading.attention));
            }
            now.elapsed().as_secs_f64() * 1e3
        });
        received.push(Received {
            age_ms: now.duration_since(analyzed.frame.captured_at).as_secs_f64() * 1e3,
            detect_ms: analyzed.detect_ms.into(),
            classify_ms: analyzed.classify_ms.into(),
            heat_ms,
            faces: analyzed.faces.len(),
        });
    }
}

fn summary(received: &[Received], clip: String, threads: usize, seconds: f64) -> LiveReport {
    let all = |value: fn(&Received) -> f64| received.iter().map(value).collect::<Vec<_>>();
    let ages = |heat: bool| -> Vec<f64> {
        received.iter().filter(|r| r.heat_ms.is_some() == heat).map(|r| r.age_ms).collect()
    };
    let heat = received.iter().filter_map(|r| r.heat_ms).collect::<Vec<_>>();
    let work = part(all(|r| r.detect_ms + r.classify_ms), 0.5);
    let heat_p50 = part(heat, 0.5);
    LiveReport {
        name: "live",
        clip,
        width: SIZE_PX.0,
        height: SIZE_PX.1,
        threads,
        seconds,
        frames_per_s: 0.0,
        results_per_s: 0.0,
        faces: rounded(received.iter().map(|r| r.faces as f64).sum::<f64>() / received.len().max(1) as f64),
        age_p50_ms: rounded(part(all(|r| r.age_ms), 0.5)),
        age_p95_ms: rounded(part(all(|r| r.age_ms), 0.95)),
        detect_p50_ms: rounded(part(all(|r| r.detect_ms), 0.5)),
        classify_p50_ms: rounded(part(all(|r| r.classify_ms), 0.5)),
        heat_p50_ms: rounded(heat_p50),
        heat_percent: rounded(if work > 0.0 { heat_p50 / work * 100.0 } else { 0.0 }),
        age_p50_with_heat_ms: rounded(part(ages(true), 0.5)),
        age_p50_without_heat_ms: rounded(part(ages(false), 0.5)),
    }
}

/// The value that this part of `values` lies below; 0 of none.
fn part(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 * part).ceil() as usize).saturating_sub(1);
    values.get(at).copied().unwrap_or(0.0)
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn print(r: &LiveReport, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "live      {} at {}x{}, {RATE:.0} frames/s for {:.0} s, up to {} threads",
        r.clip, r.width, r.height, r.seconds, r.threads
    )?;
    writeln!(
        out,
        "results   {:.1} a second ({:.1} frames came), {:.1} faces",
        r.results_per_s, r.frames_per_s, r.faces
    )?;
    writeln!(out, "age       median {:.1} ms, 95 % below {:.1} ms", r.age_p50_ms, r.age_p95_ms)?;
    writeln!(
        out,
        "of that   finding {:.1} ms, reading {:.1} ms (medians)",
        r.detect_p50_ms, r.classify_p50_ms
    )?;
    writeln!(
        out,
        "heatmap   {:.2} ms a result, {:.1} % of its time; median age {:.1} ms with it, {:.1} ms without",
        r.heat_p50_ms, r.heat_percent, r.age_p50_with_heat_ms, r.age_p50_without_heat_ms
    )
}

/// The clip's frames, filling 640x480.
fn clip_frames(clip: Option<&Path>) -> anyhow::Result<Vec<Arc<RgbImage>>> {
    let spec = clip.map_or(SourceSpec::Demo, |path| SourceSpec::Path(path.to_owned()));
    let mut opened = open_source(&spec, Pace::Unpaced)?;
    let mut frames = Vec::new();
    // Of the demo these are the first scene, with one face, and most of the second.
    while frames.len() < MOST_FRAMES
        && let Some(frame) = opened.source.next_frame()?
    {
        frames.push(Arc::new(fill(&frame.image)));
    }
    if frames.is_empty() {
        bail!("{spec}: expected a clip, found no frame");
    }
    Ok(frames)
}

fn fill(image: &RgbImage) -> RgbImage {
    let (width, height) = image.dimensions();
    if (width, height) == SIZE_PX {
        return image.clone();
    }
    let scale = (f64::from(SIZE_PX.0) / f64::from(width)).max(f64::from(SIZE_PX.1) / f64::from(height));
    let scaled = |v: u32, least: u32| ((f64::from(v) * scale).round() as u32).max(least);
    let (to_width, to_height) = (scaled(width, SIZE_PX.0), scaled(height, SIZE_PX.1));
    let large = imageops::resize(image, to_width, to_height, imageops::FilterType::Triangle);
    let (x, y) = ((to_width - SIZE_PX.0) / 2, (to_height - SIZE_PX.1) / 2);
    imageops::crop_imm(&large, x, y, SIZE_PX.0, SIZE_PX.1).to_image()
}

/// A camera that shows the frames forward and back, so that nothing jumps.
struct Replay {
    info: SourceInfo,
    frames: Arc<Vec<Arc<RgbImage>>>,
    start: Instant,
    next: u64,
}

impl Replay {
    fn new(frames: Arc<Vec<Arc<RgbImage>>>) -> Self {
        let info = SourceInfo {
            name: "replay".into(),
            kind: SourceKind::Camera,
            size_px: Some(SIZE_PX),
            frame_rate: Some(RATE),
            frame_count: None,
            conversion: None,
        };
        Self { info, frames, start: Instant::now(), next: 0 }
    }
}

impl FrameSource for Replay {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        // Like a camera, skips the frames that were not fetched in time.
        self.next = self.next.max((self.start.elapsed().as_secs_f64() * RATE) as u64);
        let time_s = self.next as f64 / RATE;
        std::thread::sleep(Duration::from_secs_f64((time_s - self.start.elapsed().as_secs_f64()).max(0.0)));
        let count = self.frames.len();
        let at = self.next as usize % (2 * count);
        let image = Arc::clone(&self.frames[at.min(2 * count - 1 - at)]);
        let index = self.next;
        self.next += 1;
        Ok(Some(Frame {
            image,
            index,
            time_s,
            position_s: None,
            captured_at: Instant::now(),
            stamp: moue_capture::Stamp::default(),
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parts_of_known_values() {
        let values = || (1..=100).rev().map(f64::from).collect::<Vec<_>>();
        assert_eq!((part(values(), 0.5), part(values(), 0.95), part(Vec::new(), 0.5)), (50.0, 95.0, 0.0));
    }

    #[test]
    fn frames_of_any_size_fill_the_cameras() {
        for (width, height) in [(640, 360), (960, 540), (480, 270), (100, 900), (640, 480)] {
            assert_eq!(fill(&RgbImage::new(width, height)).dimensions(), SIZE_PX);
        }
    }

    #[test]
    fn a_replay_runs_forward_and_back_without_a_jump() {
        let frames = (0..3u8).map(|i| Arc::new(RgbImage::from_pixel(1, 1, image::Rgb([i; 3])))).collect();
        let mut replay = Replay::new(Arc::new(frames));
        let mut last: Option<(u64, u8)> = None;
        for _ in 0..8 {
            let frame = replay.next_frame().unwrap().unwrap();
            let shown = frame.image.get_pixel(0, 0).0[0];
            assert_eq!(shown, [0, 1, 2, 2, 1, 0][frame.index as usize % 6]);
            assert!(last.is_none_or(|(index, _)| frame.index > index));
            last = Some((frame.index, shown));
        }
    }

    #[test]
    fn a_summary_sets_the_heatmap_against_the_rest() {
        let received: Vec<Received> = (0..10)
            .map(|i| Received {
                age_ms: f64::from(10 + i),
                detect_ms: 6.0,
                classify_ms: 4.0,
                heat_ms: (i % 2 == 0).then_some(0.5),
                faces: 1,
            })
            .collect();
        let report = summary(&received, "clip".into(), 2, 1.0);
        assert_eq!((report.heat_percent, report.faces), (5.0, 1.0));
        assert_eq!((report.age_p50_with_heat_ms, report.age_p50_without_heat_ms), (14.0, 15.0));
        assert_eq!((report.age_p50_ms, report.age_p95_ms), (14.0, 19.0));
    }
}
