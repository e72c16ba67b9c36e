//! How steady smoothing makes the readings, and what that costs: flips of the label a minute, raw and smoothed, for each clip of a
//! folder, and the delay that smoothing adds to a sudden change. Prints the tables of docs/smoothing.md.
//!
//! ```text
//! cargo run --release --example smoothing -- FOLDER
//! ```
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use moue::capture::{Pace, SourceSpec, open_source};
use moue::detect::DetectorKind;
use moue::model::{DeviceChoice, Expression, LoadedWeights, Probabilities};
use moue::pipeline::{FaceSearch, FrameAnalyzer, Smoother, SmoothingSettings};

/// Time constants in milliseconds; 0 is raw.
const TIMES_MS: [f32; 5] = [0.0, 100.0, 250.0, 500.0, 1000.0];
/// Readings that lie further apart do not follow each other, in seconds.
const GAP_S: f64 = 0.5;
/// Frames a second of the step.
const STEP_RATE: f64 = 30.0;

/// The raw readings of each person of a clip: time in seconds, probabilities.
type Readings = BTreeMap<u64, Vec<(f64, Probabilities)>>;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("expected a folder of clips")?;
    let mut clips: Vec<_> =
        std::fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    clips.sort();
    let classifier = LoadedWeights::built_in()?.classifier(DeviceChoice::Cpu, 0)?;
    let mut analyzer = FrameAnalyzer::new(
        classifier,
        FaceSearch::for_source(moue::capture::SourceKind::Video, DetectorKind::default()),
    );
    print!("| clip | people | face seconds | raw");
    TIMES_MS.iter().for_each(|t| print!(" | {t:.0} ms"));
    println!(" |\n|---|--:|--:|--:{}|", "|--:".repeat(TIMES_MS.len()));
    let mut sums = [0usize; TIMES_MS.len() + 1];
    let mut seconds = 0.0;
    for clip in &clips {
        let readings = read(&mut analyzer, clip)?;
        // An empty sum is -0.
        let face_s = readings.values().map(|r| followed_s(r)).sum::<f64>() + 0.0;
        let mut flips = vec![readings.values().map(|r| top_flips(r)).sum::<usize>()];
        flips.extend(TIMES_MS.map(|t| readings.values().map(|r| shown_flips(r, t)).sum::<usize>()));
        let name = clip.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        print!("| {name} | {} | {face_s:.1}", readings.len());
        for (sum, flips) in sums.iter_mut().zip(flips) {
            *sum += flips;
            print!(" | {}", a_minute(flips, face_s));
        }
        println!(" |");
        seconds += face_s;
    }
    print!("| all | | {seconds:.1}");
    sums.into_iter().for_each(|sum| print!(" | {}", a_minute(sum, seconds)));
    println!(" |\n");
    delays();
    println!();
    small_changes();
    Ok(())
}

fn read(analyzer: &mut FrameAnalyzer, clip: &Path) -> Result<Readings, Box<dyn Error>> {
    let mut source = open_source(&SourceSpec::Path(clip.to_owned()), Pace::Unpaced)?.source;
    analyzer.set_search(FaceSearch::for_source(source.info().kind, DetectorKind::default()));
    let mut readings = Readings::new();
    while let Some(frame) = source.next_frame()? {
        let result = analyzer.analyze(frame)?;
        for face in &result.faces {
            readings.entry(face.id).or_default().push((result.frame.time_s, face.reading.probabilities));
        }
    }
    Ok(readings)
}

/// Seconds during which one reading followed another.
fn followed_s(readings: &[(f64, Probabilities)]) -> f64 {
    readings.windows(2).map(|w| w[1].0 - w[0].0).filter(|dt| *dt < GAP_S).sum()
}

fn flips<T: PartialEq>(labels: &[(f64, T)]) -> usize {
    labels.windows(2).filter(|w| w[1].0 - w[0].0 < GAP_S && w[0].1 != w[1].1).count()
}

/// Changes of the most probable expression.
fn top_flips(readings: &[(f64, Probabilities)]) -> usize {
    let labels: Vec<_> = readings.iter().map(|(t, p)| (*t, Expression::most_probable(p).0)).collect();
    flips(&labels)
}

/// Changes of the label that is shown; "unsure" counts as one.
fn shown_flips(readings: &[(f64, Probabilities)], time_constant_ms: f32) -> usize {
    let settings = SmoothingSettings { time_constant_ms, ..Default::default() };
    let mut smoother = Smoother::default();
    let labels: Vec<_> =
        readings.iter().map(|(t, p)| (*t, smoother.update(1, p, *t, &settings).label)).collect();
    flips(&labels)
}

fn a_minute(flips: usize, seconds: f64) -> String {
    if seconds > 0.0 { format!("{:.0}", flips as f64 / seconds * 60.0) } else { "–".to_owned() }
}

/// Sad and happy with these probabilities, the others alike.
fn two(sad: f32, happy: f32) -> Probabilities {
    let rest = (1.0 - sad - happy) / (Expression::COUNT - 2) as f32;
    std::array::from_fn(|i| match i {
        i if i == Expression::Sad.index() => sad,
        i if i == Expression::Happy.index() => happy,
        _ => rest,
    })
}

/// Sad and happy change places, with less and less between them, at the standard time constant.
fn small_changes() {
    println!("| before, after | label changes after |\n|---|--:|");
    let settings = SmoothingSettings::default();
    for (more, less) in [(0.8, 0.1), (0.6, 0.3), (0.55, 0.35), (0.5, 0.38), (0.48, 0.43)] {
        let mut smoother = Smoother::default();
        for i in -300..0 {
            smoother.update(1, &two(more, less), f64::from(i) / STEP_RATE, &settings);
        }
        let late_ms = (0..600).find_map(|i| {
            let shown = smoother.update(1, &two(less, more), f64::from(i) / STEP_RATE, &settings);
            (shown.label == Some(Expression::Happy)).then(|| f64::from(i) / STEP_RATE * 1000.0)
        });
        let text = late_ms.map_or_else(|| "never: Unsure".to_owned(), |ms| format!("{ms:.0} ms"));
        println!("| {:.0} % sad, {:.0} % happy; the reverse | {text} |", more * 100.0, less * 100.0);
    }
}

/// A face that reads sad and suddenly reads happy, each with 0.8.
fn delays() {
    println!("| time constant | label changes after | 63 % of the way after | 90 % of the way after |");
    println!("|--:|--:|--:|--:|");
    let with = |e: Expression| -> Probabilities {
        std::array::from_fn(|i| if i == e.index() { 0.8 } else { 0.2 / 6.0 })
    };
    let (sad, happy) = (with(Expression::Sad), with(Expression::Happy));
    let at = Expression::Happy.index();
    for time_constant_ms in TIMES_MS {
        let settings = SmoothingSettings { time_constant_ms, ..Default::default() };
        let mut smoother = Smoother::default();
        for i in -300..0 {
            smoother.update(1, &sad, f64::from(i) / STEP_RATE, &settings);
        }
        let (mut label, mut most, mut nearly) = (None, None, None);
        for i in 0..600 {
            // The frame that shows the change is not late by itself.
            let late_ms = f64::from(i) / STEP_RATE * 1000.0;
            let shown = smoother.update(1, &happy, f64::from(i) / STEP_RATE, &settings);
            let way = (shown.probabilities[at] - sad[at]) / (happy[at] - sad[at]);
            if shown.label == Some(Expression::Happy) {
                label.get_or_insert(late_ms);
            }
            if way >= 0.632 {
                most.get_or_insert(late_ms);
            }
            if way >= 0.9 {
                nearly.get_or_insert(late_ms);
            }
        }
        let text = |v: Option<f64>| v.map_or_else(|| "never".to_owned(), |ms| format!("{ms:.0} ms"));
        println!("| {time_constant_ms:.0} ms | {} | {} | {} |", text(label), text(most), text(nearly));
    }
}
