//! `moue analyze`: the same as the window, without one. Every frame is analysed exactly once.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use moue_capture::{
    CaptureError, Frame, LeftOut, Limits, OpenedSource, Pace, SourceKind, SourceSpec, is_litter, open_source,
};
use moue_detect::DetectorKind;
use moue_files::new_file;
use tempfile::NamedTempFile;

use super::annotate::Annotator;
use super::keep::{KeepArgs, Keeping};
use super::records::{Form, RecordWriter};
use super::smoothing::{Smoothing, SmoothingArgs};
use super::{DONE, INTERRUPTED, NetworkArgs, SOME_FAILED, complain, load_weights};
use crate::pipeline::{FaceSearch, FrameAnalyzer, ModelInfo, WatchedCamera};

#[derive(Debug, Args)]
pub(super) struct AnalyzeArgs {
    /// Pictures, folders, GIFs and videos
    #[arg(value_name = "INPUT", required_unless_present = "source")]
    inputs: Vec<PathBuf>,
    /// A source instead of inputs: camera (or 0), camera:NAME or demo. A camera that is lost is waited for, at most 30 s
    #[arg(long, value_name = "SOURCE", conflicts_with = "inputs")]
    source: Option<SourceSpec>,
    /// Stop after N analysed frames of each input
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,
    /// One JSON object a frame
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// One CSV row a face
    #[arg(long)]
    csv: bool,
    /// Write the results to FILE instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the pictures with boxes, labels and heatmap into DIR
    #[arg(long, value_name = "DIR")]
    annotate: Option<PathBuf>,
    /// Draw the mesh of each face's points too, with --annotate and --video
    #[arg(long)]
    mesh: bool,
    /// Analyse every Nth frame
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Analyse at most R frames of each second, by the file's own times
    #[arg(long, value_name = "R", conflicts_with = "every", value_parser = frames_a_second)]
    fps: Option<f64>,
    /// Each picture already is one face: no detection, the box is the whole picture
    #[arg(long)]
    cropped: bool,
    #[command(flatten)]
    smoothing: SmoothingArgs,
    #[command(flatten)]
    keep: KeepArgs,
    #[command(flatten)]
    network: NetworkArgs,
    /// Face detector: auto, rustface or blazeface
    #[arg(long, default_value_t, value_name = "DETECTOR")]
    detector: DetectorKind,
}

pub(super) fn run(args: AnalyzeArgs) -> anyhow::Result<u8> {
    let form = match (args.json, args.csv) {
        (true, _) => Form::Json,
        (_, true) => Form::Csv,
        _ => Form::Text,
    };
    let mut failed = false;
    let mut left_out = LeftOut::default();
    let sources = match &args.source {
        Some(SourceSpec::Path(path)) => {
            bail!("--source {}: name files and folders as inputs", path.display())
        }
        Some(spec) => vec![spec.clone()],
        None => expand(&args.inputs, &mut left_out, &mut failed),
    };
    let loaded = load_weights(args.network.weights.as_deref())?;
    let classifier = loaded.classifier(args.network.device, args.network.threads)?;
    let model = ModelInfo::new(&loaded, &classifier);
    drop(loaded);
    if let Some(note) = classifier.device_note() {
        complain(note);
    }
    let output = Output::open(args.out.as_deref())?;
    let stopped = stop_flag()?;
    let progress = progress_bar(output.is_terminal());
    let mut run = Run {
        analyzer: FrameAnalyzer::new(classifier, search(SourceKind::Still, &args)),
        writer: RecordWriter::new(form, output)?,
        annotator: args.annotate.as_deref().map(|dir| Annotator::new(dir, args.mesh)).transpose()?,
        keeping: Keeping::new(&args.keep, args.mesh)?,
        model,
        progress,
        stopped,
        args: &args,
        search: search(SourceKind::Still, &args),
    };
    let single = sources.len() == 1;
    if !single {
        run.progress.set_length(sources.len() as u64);
    }
    for source in &sources {
        if run.stopped.load(Ordering::Relaxed) {
            break;
        }
        failed |= !run.source(source, single)?;
        if !single {
            run.progress.inc(1);
        }
    }
    run.progress.finish_and_clear();
    if let Some(summary) = left_out.summary() {
        complain(summary);
    }
    let interrupted = run.stopped.load(Ordering::Relaxed);
    run.writer.finish().close()?;
    Ok(match (interrupted, failed) {
        (true, _) => INTERRUPTED,
        (false, true) => SOME_FAILED,
        (false, false) => DONE,
    })
}

fn search(kind: SourceKind, args: &AnalyzeArgs) -> FaceSearch {
    if args.cropped { FaceSearch::WholePicture } else { FaceSearch::for_source(kind, args.detector) }
}

/// Everything that one run of the command needs.
struct Run<'a> {
    analyzer: FrameAnalyzer,
    writer: RecordWriter<Output>,
    annotator: Option<Annotator>,
    keeping: Keeping<'a>,
    model: ModelInfo,
    progress: ProgressBar,
    stopped: Arc<AtomicBool>,
    args: &'a AnalyzeArgs,
    search: FaceSearch,
}

impl Run<'_> {
    /// Opens one source, a camera on a thread of its own: a driver may hang. `Ok(None)`: the user ended the program.
    fn open(&self, spec: &SourceSpec) -> Result<Option<OpenedSource>, CaptureError> {
        match spec {
            SourceSpec::Auto | SourceSpec::Camera(_) => {
                let open = Arc::new(|spec: &SourceSpec| open_source(spec, Pace::Unpaced));
                WatchedCamera::open(open, spec, Limits::UNATTENDED, Arc::clone(&self.stopped))
            }
            SourceSpec::Demo | SourceSpec::Path(_) => open_source(spec, Pace::Unpaced).map(Some),
        }
    }

    /// Analyses one source. `Ok(false)`: it failed and was named; an error ends the run.
    fn source(&mut self, spec: &SourceSpec, single: bool) -> anyhow::Result<bool> {
        let opened = match self.open(spec) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(true),
            Err(e) => return Ok(self.name_failure(&e)),
        };
        if let Some(note) = &opened.note {
            self.progress.suspend(|| complain(note));
        }
        let mut source = opened.source;
        let info = source.info().clone();
        let search = search(info.kind, self.args);
        if search != self.search || info.kind != SourceKind::Still {
            self.analyzer.set_search(search);
            self.search = search;
        }
        if single && let Some(count) = info.frame_count {
            self.progress.set_length(self.args.frames.map_or(count, |n| count.min(n * self.args.every)));
        }
        let name = match spec {
            SourceSpec::Path(path) => path.display().to_string(),
            _ => info.name.clone(),
        };
        let name: Arc<str> = name.into();
        let picture_name = self.annotator.as_mut().map(|a| a.name_for(&name));
        let mut smoothing = Smoothing::new(&self.args.smoothing, info.kind);
        self.keeping.begin(&info, &self.model, smoothing.settings())?;
        let mut analysed = 0;
        let mut thinning = Thinning { every: self.args.every, fps: self.args.fps, slot: None };
        let mut whole = true;
        let mut silent = false;
        while !self.stopped.load(Ordering::Relaxed) && self.args.frames.is_none_or(|n| analysed < n) {
            let frame = match source.next_frame() {
                Ok(Some(frame)) => {
                    if std::mem::take(&mut silent) {
                        self.progress.suspend(|| complain(format_args!("{name}: the signal is back")));
                    }
                    frame
                }
                Ok(None) => break,
                Err(CaptureError::Timeout { .. }) => continue,
                // The camera may come back, and Ctrl-C ends the waiting.
                Err(e @ CaptureError::NoSignal { .. }) => {
                    silent = true;
                    self.name_failure(&e);
                    continue;
                }
                Err(e) => {
                    whole = self.name_failure(&e);
                    if e.is_transient() {
                        continue;
                    }
                    break;
                }
            };
            if single {
                self.progress.inc(1);
            }
            if !thinning.takes(&frame) {
                continue;
            }
            let result = self.analyzer.analyze(frame)?;
            analysed += 1;
            let shown = smoothing.show(&result);
            let smoothed = self.args.smoothing.smooth.map(|ms| (f32::from(ms), &shown[..]));
            let writer = &mut self.writer;
            self.progress.suspend(|| writer.write(&name, &result, smoothed))?;
            if let (Some(annotator), Some(picture_name)) = (&mut self.annotator, &picture_name) {
                annotator.write(picture_name, info.kind != SourceKind::Still, &result)?;
            }
            whole &= self.keeping.result(&result, &shown, &smoothing);
        }
        if let Some(reason) = smoothing.baseline_missing() {
            self.progress.suspend(|| complain(format_args!("{name}: {reason}")));
            whole = false;
        }
        Ok(self.keeping.end() && whole)
    }

    fn name_failure(&self, error: &CaptureError) -> bool {
        self.progress.suspend(|| complain(error));
        false
    }
}

/// A number of frames a second.
fn frames_a_second(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "expected a number above 0, for example 5 or 0.5".into())
}

/// Which frames of a source are analysed.
struct Thinning {
    every: u64,
    fps: Option<f64>,
    /// The part of a second, from the first frame on, that the last frame taken lies in.
    slot: Option<(f64, u64)>,
}

impl Thinning {
    fn takes(&mut self, frame: &Frame) -> bool {
        let Some(fps) = self.fps else { return frame.index.is_multiple_of(self.every) };
        let (first_s, last) = self.slot.map_or((frame.time_s, None), |(first_s, last)| (first_s, Some(last)));
        // Times are rounded, so a frame just before the start of a slot still belongs to it.
        let slot = ((frame.time_s - first_s) * fps + 1e-6).max(0.0) as u64;
        let takes = last.is_none_or(|last| slot > last);
        if takes {
            self.slot = Some((first_s, slot));
        }
        // Pictures all have the time 0: each is taken.
        takes || frame.time_s == 0.0
    }
}

/// Folders become the pictures and videos in them, by name, subfolders included.
fn expand(inputs: &[PathBuf], left_out: &mut LeftOut, failed: &mut bool) -> Vec<SourceSpec> {
    let mut files = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            files.push(SourceSpec::Path(input.clone()));
            continue;
        }
        let before = files.len();
        if let Err(e) = walk(input, &mut files, left_out) {
            complain(format_args!("{}: {e}", input.display()));
            *failed = true;
        } else if files.len() == before {
            complain(format_args!(
                "{}: expected pictures or videos in the folder, found none",
                input.display()
            ));
            *failed = true;
        }
    }
    files
}

fn walk(folder: &Path, files: &mut Vec<SourceSpec>, left_out: &mut LeftOut) -> io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link to a folder could lead back here.
        if entry.file_type()?.is_dir() {
            if !is_litter(&path) {
                walk(&path, files, left_out)?;
            }
        } else if left_out.takes(&path) {
            files.push(SourceSpec::Path(path));
        }
    }
    Ok(())
}

/// Set by Ctrl-C and by a request to end.
fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).context("no handler for Ctrl-C")?;
    Ok(stopped)
}

/// Hidden where standard error is no terminal, or where the results go to the terminal.
pub(super) fn progress_bar(results_on_terminal: bool) -> ProgressBar {
    if results_on_terminal || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {per_sec} {eta} left");
    match style {
        Ok(style) => ProgressBar::new(0).with_style(style),
        Err(_) => ProgressBar::new(0),
    }
}

/// Standard output, a device or pipe that is written at once, or a file that takes its name only when it
/// is complete.
enum Output {
    Standard(io::Stdout),
    Device(File),
    File { writer: Box<BufWriter<NamedTempFile>>, path: PathBuf },
}

impl Output {
    fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::Standard(io::stdout())) };
        // Where a link has that name, its target is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if path.is_dir() {
            bail!("{}: expected a file to write, found a folder", path.display());
        }
        // /dev/null must not become a file.
        if path.metadata().is_ok_and(|m| !m.is_file()) {
            let device = File::options().write(true).open(&path);
            return Ok(Self::Device(
                device.with_context(|| format!("{}: cannot be written", path.display()))?,
            ));
        }
        let file =
            new_file::beside(&path).with_context(|| format!("{}: cannot be written", path.display()))?;
        Ok(Self::File { writer: Box::new(BufWriter::new(file)), path })
    }

    fn is_terminal(&self) -> bool {
        match self {
            Self::Standard(out) => out.is_terminal(),
            Self::Device(device) => device.is_terminal(),
            Self::File { .. } => false,
        }
    }

    fn close(self) -> anyhow::Result<()> {
        if let Self::File { writer, path } = self {
            let failed = || format!("{}: cannot be written", path.display());
            let file = writer.into_inner().map_err(|e| e.into_error()).with_context(failed)?;
            file.as_file().sync_all().with_context(failed)?;
            file.persist(&path).with_context(failed)?;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::Device(device) => device.write(bytes),
            Self::File { writer, .. } => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::Device(device) => device.flush(),
            // The file takes its name only when it is complete, so nothing can read it before.
            Self::File { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    #[test]
    fn frames_are_thinned_out_by_their_own_times() {
        let taken = |fps: f64, times: &[f64]| -> Vec<u64> {
            let mut thinning = Thinning { every: 1, fps: Some(fps), slot: None };
            let image = Arc::new(image::RgbImage::new(1, 1));
            let frames = times.iter().zip(0..).map(|(time_s, index)| Frame {
                image: Arc::clone(&image),
                index,
                time_s: *time_s,
                captured_at: Instant::now(),
            });
            frames.filter(|frame| thinning.takes(frame)).map(|frame| frame.index).collect()
        };
        let even: Vec<f64> = (0..30).map(|i| 1.5 + f64::from(i) / 30.0).collect();
        assert_eq!(taken(5.0, &even), [0, 6, 12, 18, 24]);
        assert_eq!(taken(30.0, &even).len(), 30);
        assert_eq!(taken(1000.0, &even).len(), 30);
        // A frame a minute is less than five a second.
        assert_eq!(taken(5.0, &[1.0, 61.0, 121.0]), [0, 1, 2]);
        assert_eq!(taken(0.01, &[1.0, 61.0, 121.0]), [0, 2]);
        // A burst after slow frames.
        assert_eq!(taken(2.0, &[1.0, 1.5, 2.0, 2.1, 2.2, 2.3, 2.49, 2.5]), [0, 1, 2, 7]);
        assert_eq!(frames_a_second("0.5"), Ok(0.5));
        assert!(frames_a_second("0").is_err() && frames_a_second("nan").is_err());
    }
}
