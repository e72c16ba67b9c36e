//! `moue bench`: how fast everything is on this machine.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use moue_capture::{Frame, Pace, SourceSpec, open_source};
use moue_detect::{CropRegion, DetectorKind, DetectorSettings, RustfaceDetector, append_crop};
use moue_model::formula::{formula_input, formula_weights};
use moue_model::{Classifier, CpuPlan, DeviceChoice, LoadedWeights, PlanOptions};
use moue_train::{Precision, bench_train_step};

use super::DONE;
use super::bench_faces;
use super::bench_live;
use super::outputs::OverwriteArgs;
use crate::pipeline::{FaceSearch, FrameAnalyzer};

/// Shortest time for which a measurement goes on, after the runs that warm it up.
const MEASURE_FOR: Duration = Duration::from_millis(1500);
/// Fewest and most runs that are measured.
const RUNS: (usize, usize) = (15, 400);
/// Side of the input of the forward pass: the size that other engines are compared at.
const FORWARD_SIZE: usize = 224;

/// How to read the numbers next to those of other programs.
const COMPARE: &str = "\
forward takes [batch, 3, 224, 224] with weights from a formula, as other engines are measured; preprocess, \
detect and frame take a 640x480 frame of the demo and the built-in network.

To compare with other engines, run both sides in one sitting on an idle machine, alternate them five times or \
more, and compare medians of the medians: moue bench --only forward --threads 2 --json, then each engine with the \
same number of threads on the same shape. MOUE_ISA=plain, avx2, avx512 or neon chooses the instructions; \
avx512 leaves out AMX, which train_step in bf16 takes where the CPU has it.";

/// Sides of the pictures of a training step.
const TRAIN_SIZES: [usize; 2] = [96, 224];
/// Pictures of a training step.
const TRAIN_BATCH: usize = 64;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
enum Name {
    /// The network on 3x224x224, batch 1 and 8, both depths, 1 and all threads
    Forward,
    /// One training step at 96 and 224 pixels, batch 64: milliseconds an image
    TrainStep,
    /// One frame's crop of one face, from 640x480 to the network's input
    Preprocess,
    /// Finding the faces of a 640x480 frame
    Detect,
    /// Everything that is done with one 640x480 frame
    Frame,
    /// A clip at 30 frames a second through the live pipeline: results a second, their age, the heatmap's share
    /// (only when it is asked for by name)
    Live,
    /// The share of faces that each detector finds, with the pictures of a folder made turned, dark, small, covered
    /// (only when it is asked for by name)
    Faces,
}

/// Flags of `moue bench`.
#[derive(Debug, Args)]
#[command(after_help = COMPARE)]
pub(super) struct BenchArgs {
    /// Threads of the network (default: once with 1, once with one a core)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Measure only this
    #[arg(long, value_name = "NAME")]
    only: Option<Name>,
    /// Precision of train_step's products: f32 or bf16
    #[arg(long, value_name = "NUMBERS", default_value = "f32")]
    precision: Precision,
    /// With --only faces: a folder of pictures that show one face each
    #[arg(long, value_name = "DIR", required_if_eq("only", "faces"))]
    pictures: Option<PathBuf>,
    /// With --only faces: draw the shares found into FILE, an SVG
    #[arg(long, value_name = "FILE", requires = "pictures")]
    draw: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteArgs,
    /// With --only live: the clip, by default portraits of the demo
    #[arg(long, value_name = "FILE")]
    clip: Option<PathBuf>,
    /// With --only live: how long it runs after a warm-up of 3 seconds
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(2..=3600))]
    seconds: u16,
    /// With --only live: read with this profile too
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Print a JSON array instead of a table
    #[arg(long)]
    json: bool,
}

/// One measurement, as `--json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Measurement {
    name: Name,
    /// Residual blocks a layer.
    blocks: usize,
    /// Pictures, or faces.
    batch: usize,
    /// Side of the network's input in pixels.
    size: usize,
    threads: usize,
    median_ms: f64,
    min_ms: f64,
}

pub(super) fn run(args: &BenchArgs) -> anyhow::Result<u8> {
    if args.only == Some(Name::Live) {
        return live(args);
    }
    if let (Some(Name::Faces), Some(pictures)) = (args.only, &args.pictures) {
        let drawn: Vec<PathBuf> = args.draw.iter().cloned().collect();
        args.overwrite.check(&drawn, [pictures.as_path()])?;
        bench_faces::run(pictures, args.draw.as_deref(), args.json, &mut io::stdout().lock())?;
        return Ok(DONE);
    }
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let mut threads = args.threads.map_or(vec![1, all], |n| vec![usize::from(n)]);
    threads.dedup();
    let mut report = Report::new(args.json, io::stdout().lock());
    let wanted = |name| args.only.is_none_or(|only| only == name);
    if wanted(Name::Forward) {
        forward(&threads, &mut report)?;
    }
    if wanted(Name::TrainStep) {
        // Training takes every thread that was allowed.
        let threads = threads.last().copied().unwrap_or(1);
        for blocks in [1, 2] {
            for size in TRAIN_SIZES {
                let times = bench_train_step(blocks, size, TRAIN_BATCH, threads, args.precision)?;
                report.add(&times, Name::TrainStep, blocks, TRAIN_BATCH, size, threads)?;
            }
        }
    }
    if [Name::Preprocess, Name::Detect, Name::Frame].into_iter().any(wanted) {
        let frame = demo_frame()?;
        let built_in = LoadedWeights::built_in().context("the built-in network")?;
        // What one frame takes is what a user sees, so these run once, with all threads that were allowed.
        let threads = threads.last().copied().unwrap_or(1);
        frame_steps(&frame, &built_in, threads, wanted, &mut report)?;
    }
    report.finish()?;
    Ok(DONE)
}

fn live(args: &BenchArgs) -> anyhow::Result<u8> {
    let threads = args.threads.map_or(0, usize::from);
    let mut out = io::stdout().lock();
    bench_live::run(args.clip.as_deref(), args.profile.clone(), args.seconds, threads, args.json, &mut out)?;
    Ok(DONE)
}

/// The network alone, with weights from a formula, as other engines are measured.
fn forward(threads: &[usize], report: &mut Report<impl Write>) -> anyhow::Result<()> {
    let size = FORWARD_SIZE;
    for blocks in [1, 2] {
        let weights = formula_weights(blocks);
        for &threads in threads {
            let mut plan = CpuPlan::new(&weights, PlanOptions { threads, isa: None })?;
            for batch in [1, 8] {
                let input = formula_input(batch, size);
                let times = measure(|| plan.forward(&input, batch, size).map(drop))?;
                report.add(&times, Name::Forward, blocks, batch, size, threads)?;
            }
        }
    }
    Ok(())
}

/// The steps of a frame's analysis on the built-in network.
fn frame_steps(
    frame: &Frame,
    built_in: &LoadedWeights,
    threads: usize,
    wanted: impl Fn(Name) -> bool,
    report: &mut Report<impl Write>,
) -> anyhow::Result<()> {
    let (blocks, size) = (built_in.weights.blocks, built_in.weights.input_size());
    let settings = DetectorSettings::LIVE;
    let mut detector = RustfaceDetector::new(settings);
    let faces = detector.detect(&frame.image);
    let Some(first) = faces.first() else { bail!("the demo's frame shows no face: it must show one") };
    if wanted(Name::Preprocess) {
        let region = CropRegion::around(&first.face);
        let mut crop = Vec::new();
        let times = measure(|| {
            crop.clear();
            append_crop(&frame.image, &region, size, &mut crop);
            Ok::<_, anyhow::Error>(())
        })?;
        report.add(&times, Name::Preprocess, blocks, 1, size, 1)?;
    }
    if wanted(Name::Detect) {
        let times = measure(|| {
            std::hint::black_box(detector.detect(&frame.image));
            Ok::<_, anyhow::Error>(())
        })?;
        report.add(&times, Name::Detect, blocks, faces.len(), size, threads)?;
    }
    if wanted(Name::Frame) {
        let classifier = Classifier::new(&built_in.weights, DeviceChoice::Cpu, threads)?;
        let mut analyzer = FrameAnalyzer::new(
            classifier,
            FaceSearch::Detect { detector: DetectorKind::Auto, settings, track: true },
        );
        let times = measure(|| analyzer.analyze(frame.clone()).map(drop))?;
        report.add(&times, Name::Frame, blocks, faces.len(), size, threads)?;
    }
    Ok(())
}

/// A 640x480 frame of the built-in demo.
fn demo_frame() -> anyhow::Result<Frame> {
    let mut demo = open_source(&SourceSpec::Demo, Pace::Unpaced).context("the demo")?;
    let frame = demo.source.next_frame().context("the demo")?.context("the demo has no frame")?;
    Ok(Frame { image: Arc::clone(&frame.image), ..frame })
}

/// Runs `work` a few times as a warm-up, then measures it. Milliseconds, shortest first.
fn measure<E>(mut work: impl FnMut() -> Result<(), E>) -> Result<Vec<f64>, E> {
    let start = Instant::now();
    let mut warm_ups = 0;
    while warm_ups < 3 || (warm_ups < 20 && start.elapsed() < MEASURE_FOR / 5) {
        work()?;
        warm_ups += 1;
    }
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < RUNS.0 || (times.len() < RUNS.1 && start.elapsed() < MEASURE_FOR) {
        let run = Instant::now();
        work()?;
        times.push(run.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// A table that grows line by line, or JSON at the end.
struct Report<W> {
    json: Option<Vec<Measurement>>,
    out: W,
    lines: usize,
}

impl<W: Write> Report<W> {
    fn new(json: bool, out: W) -> Self {
        Self { json: json.then(Vec::new), out, lines: 0 }
    }

    /// Reports sorted, non-empty `times` in milliseconds.
    fn add(
        &mut self,
        times: &[f64],
        name: Name,
        blocks: usize,
        batch: usize,
        size: usize,
        threads: usize,
    ) -> io::Result<()> {
        let rounded = |ms: f64| (ms * 1e4).round() / 1e4;
        let at = |part: usize| times.get(times.len() * part / 10).copied().map_or(0.0, rounded);
        let (median_ms, min_ms) = (at(5), at(0));
        let measurement = Measurement { name, blocks, batch, size, threads, median_ms, min_ms };
        if let Some(all) = &mut self.json {
            all.push(measurement);
            return Ok(());
        }
        if self.lines == 0 {
            writeln!(
                self.out,
                "{:<11}{:>7}{:>7}{:>6}{:>9}{:>12}{:>10}{:>10}{:>7}",
                "name", "blocks", "batch", "size", "threads", "median ms", "min ms", "90 % ms", "runs"
            )?;
        }
        self.lines += 1;
        let name = name.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
        writeln!(
            self.out,
            "{name:<11}{blocks:>7}{batch:>7}{size:>6}{threads:>9}{median_ms:>12.3}{min_ms:>10.3}{:>10.3}{:>7}",
            at(9),
            times.len()
        )?;
        self.out.flush()
    }

    fn finish(mut self) -> anyhow::Result<()> {
        if let Some(all) = &self.json {
            serde_json::to_writer_pretty(&mut self.out, all)?;
            writeln!(self.out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn json_has_exactly_the_documented_fields() {
        let mut out = Vec::new();
        let mut report = Report::new(true, &mut out);
        report.add(&[1.0, 2.0, 9.0], Name::Forward, 2, 8, 224, 4).unwrap();
        report.finish().unwrap();
        let parsed: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let expected = serde_json::json!([{
            "name": "forward", "blocks": 2, "batch": 8, "size": 224, "threads": 4,
            "median_ms": 2.0, "min_ms": 1.0
        }]);
        assert_eq!(parsed, expected);
    }

    #[test]
    fn the_table_has_a_line_for_each_measurement() {
        let mut out = Vec::new();
        let mut report = Report::new(false, &mut out);
        report.add(&[1.25], Name::Detect, 1, 1, 144, 2).unwrap();
        report.add(&[1.5], Name::Frame, 1, 1, 144, 2).unwrap();
        report.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().nth(1).unwrap().starts_with("detect") && text.contains("1.250"), "{text}");
    }

    #[test]
    fn measuring_stops_at_the_first_error() {
        let mut calls = 0;
        let result = measure(|| {
            calls += 1;
            if calls == 2 { Err("broken") } else { Ok(()) }
        });
        assert_eq!((result.unwrap_err(), calls), ("broken", 2));
    }

    #[test]
    fn the_demo_frame_shows_a_face_at_once() {
        let frame = demo_frame().unwrap();
        assert_eq!(frame.image.dimensions(), (640, 480));
        assert!(!RustfaceDetector::new(DetectorSettings::LIVE).detect(&frame.image).is_empty());
    }
}
