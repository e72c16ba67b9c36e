//! `moue analyze`: the same as the window, without one. Every frame is analysed exactly once.

use std::io::{self, IsTerminal as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use moue_capture::{CaptureError, Limits, OpenedSource, Pace, SourceKind, SourceSpec, open_source};
use moue_detect::DetectorKind;
use moue_files::FileId;

use super::annotate::Annotator;
use super::inputs::Inputs;
use super::output::{Fault, Output};
use super::output_lines::{Form, OutputWriter};
use super::outputs::OverwriteArgs;
use super::result_sinks::{ResultSinks, SinkArgs};
use super::shard::{self, Shard};
use super::small_pictures::SmallPictures;
use super::smoothing::{Smoothing, SmoothingArgs};
use super::thinning::{Thinning, frames_a_second};
use super::{DONE, FAULT, INTERRUPTED, NetworkArgs, SOME_FAILED, complain};
use crate::fault;
use crate::pipeline::{
    AnalyzedFrame, FaceSearch, FrameAnalyzer, ModelInfo, PersonalReader, ShownReading, WatchedCamera,
};
use crate::record::RecordedAnalysis;

/// A network that fails for so many sources in a row is not asked again.
const MOST_FAULTS: u32 = 3;

const EXAMPLES: &str = "\
Examples:
  moue analyze photo.jpg                            what is read of each face, in words
  moue analyze holiday/ clip.mp4 --out faces.csv    one row a face
  moue analyze clip.mp4 --out faces.jsonl           one JSON object a frame
  moue analyze clip.mp4 --annotate out/ --every 10  every tenth frame as an annotated picture
  moue analyze faces/ --cropped --csv               pictures that are one face each, as FER-2013's
  moue analyze clip.mp4 --record sessions/ --video --blur
                                                    a recording; its video blurs the faces
  moue analyze clips/ --shard 3/16 --out results/   part 3 of 16, for clusters (see examples/cluster)
  moue analyze --source camera --json --smooth 250  live, until Ctrl-C
  moue analyze --source camera --record sessions/ --markers -
                                                    the same with markers: type a name and Enter

Exit status: 0 done, 1 some inputs failed (each is named, the others are done), 2 nothing could start.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct AnalyzeArgs {
    /// Pictures, folders, GIFs and videos
    #[arg(value_name = "INPUT", required_unless_present = "source")]
    pub(super) inputs: Vec<PathBuf>,
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
    pub(super) csv: bool,
    /// Write the results to FILE instead of standard output; x.csv gets CSV, x.json and x.jsonl get JSON
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Read part K of N of the files (by their names) into --out DIR/shard-K-of-N.csv, with a manifest; for clusters. A part that is done is
    /// left as it is; moue table --merge puts all together
    #[arg(long, value_name = "K/N", requires = "out", conflicts_with_all = ["source", "json", "annotate", "record", "profile"])]
    shard: Option<Shard>,
    /// Write the pictures with boxes, labels and heatmap into DIR
    #[arg(long, value_name = "DIR")]
    annotate: Option<PathBuf>,
    #[command(flatten)]
    pub(super) overwrite: OverwriteArgs,
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
    pub(super) smoothing: SmoothingArgs,
    #[command(flatten)]
    keep: SinkArgs,
    /// A person's own expressions, taught with moue teach: they are read beside the network's seven
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    #[command(flatten)]
    pub(super) network: NetworkArgs,
    /// Face detector: auto, rustface or blazeface
    #[arg(long, default_value_t, value_name = "DETECTOR")]
    detector: DetectorKind,
}

pub(super) fn run(args: AnalyzeArgs) -> anyhow::Result<u8> {
    if let Some(shard) = args.shard {
        return shard::run(args, shard);
    }
    let folders = || args.annotate.iter().chain(&args.keep.record);
    let inputs = match &args.source {
        Some(SourceSpec::Path(path)) => {
            bail!("--source {}: name files and folders as inputs", path.display())
        }
        Some(spec) => Inputs::of(spec.clone()),
        None => Inputs::expand(&args.inputs, folders()),
    };
    run_on(args, inputs)
}

/// Analyses these inputs.
pub(super) fn run_on(args: AnalyzeArgs, inputs: Inputs) -> anyhow::Result<u8> {
    let sources = &inputs.files;
    if args.keep.markers.is_some() && sources.len() > 1 {
        bail!("--markers: expected one video, whose times the markers have, found {} inputs", sources.len());
    }
    let annotator = args.annotate.as_deref();
    let annotator =
        annotator.map(|folder| Annotator::new(folder, sources, args.overwrite.overwrite, args.mesh));
    let annotator = annotator.transpose()?;
    check_outputs(&args, sources, annotator.as_ref())?;

    let loaded = args.network.load()?;
    let classifier = loaded.classifier(args.network.device, args.network.threads)?;
    let model = ModelInfo::new(&loaded, &classifier);
    drop(loaded);
    if let Some(note) = classifier.device_note() {
        complain(note);
    }
    let profile = args.profile.as_deref().map(|path| PersonalReader::open(path, &model)).transpose()?;
    let output = Output::open(args.out.as_deref(), args.overwrite.overwrite)?;
    if let (Some(annotator), Some(folder)) = (&annotator, &args.annotate) {
        annotator.make_folder().with_context(|| format!("{}: cannot be made", folder.display()))?;
    }
    let progress = progress_bar(output.is_terminal());
    let live = args.source.is_some();
    let mut sinks =
        ResultSinks::new(&args.keep, args.mesh, session_name(&args, sources), live, progress.clone())?;
    if let (Some(path), Some(profile)) = (&args.profile, &profile) {
        sinks.set_profile(path, profile.clone());
    }
    let mut run = Run {
        analyzer: FrameAnalyzer::new(classifier, search(SourceKind::Still, &args)),
        output_fault: output.fault(),
        writer: OutputWriter::new(form(&args), output, profile.as_ref().map_or(&[], PersonalReader::names))?,
        profile,
        annotator,
        sinks,
        model,
        progress,
        stopped: stop_flag()?,
        args: &args,
        search: search(SourceKind::Still, &args),
        small: SmallPictures::default(),
        network_faults: 0,
    };
    run.analyzer.search_every_frame(args.keep.blur);
    let mut failed = inputs.failed;
    let mut panicked = false;
    if sources.len() != 1 {
        run.progress.set_length(sources.len() as u64);
    }
    for (number, source) in sources.iter().enumerate() {
        if run.stopped.load(Ordering::Relaxed) || run.network_faults >= MOST_FAULTS {
            break;
        }
        match catch_unwind(AssertUnwindSafe(|| run.source(number, source, sources.len() == 1))) {
            Ok(Ok(Outcome::Whole)) => {}
            Ok(Ok(Outcome::Failed)) => failed = true,
            Ok(Ok(Outcome::NothingLeft)) => {
                failed = true;
                break;
            }
            Ok(Err(e)) => return Err(e),
            Err(panic) => {
                panicked = true;
                let text = fault::describe("main", &*panic);
                run.progress.suspend(|| complain(format_args!("{source}: {text}")));
                run.start_afresh();
            }
        }
        if sources.len() != 1 {
            run.progress.inc(1);
        }
    }
    run.progress.finish_and_clear();
    for line in inputs.left_out().into_iter().chain(run.small.hint(args.cropped)) {
        complain(line);
    }
    let interrupted = run.stopped.load(Ordering::Relaxed);
    failed |= !run.finish()?;
    Ok(match (panicked, interrupted, failed) {
        (true, _, _) => FAULT,
        (_, true, _) => INTERRUPTED,
        (_, _, true) => SOME_FAILED,
        _ => DONE,
    })
}

/// By the flags, else by the ending of the file's name.
fn form(args: &AnalyzeArgs) -> Form {
    let ending = args.out.as_deref().and_then(Path::extension).and_then(|e| e.to_str());
    match (args.json, args.csv, ending.unwrap_or_default().to_ascii_lowercase().as_str()) {
        (true, ..) => Form::Json,
        (_, true, _) => Form::Csv,
        (.., "json" | "jsonl" | "ndjson") => Form::Json,
        (.., "csv") => Form::Csv,
        _ => Form::Text,
    }
}

/// What all pictures of the run are called together in a recording; `None` where there is one source.
fn session_name(args: &AnalyzeArgs, sources: &[SourceSpec]) -> Option<String> {
    if sources.len() < 2 {
        return None;
    }
    let folder = match &args.inputs[..] {
        [one] => {
            one.canonicalize().ok().and_then(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()))
        }
        _ => None,
    };
    Some(folder.unwrap_or_else(|| format!("{} files", sources.len())))
}

/// Refuses before any work what would cost the user a file.
fn check_outputs(
    args: &AnalyzeArgs,
    sources: &[SourceSpec],
    annotator: Option<&Annotator>,
) -> anyhow::Result<()> {
    let mut outputs: Vec<PathBuf> = args.out.iter().cloned().collect();
    if let (Some(annotator), Some(folder)) = (annotator, &args.annotate) {
        let id = FileId::of(folder).ok();
        let is_input = |input: &&PathBuf| input.is_dir() && id.is_some() && FileId::of(input).ok() == id;
        if let Some(input) = args.inputs.iter().find(is_input) {
            bail!(
                "--annotate {}: it is the folder that is read ({}), and the next run would read the annotated pictures; name \
                 another, for example {}",
                folder.display(),
                input.display(),
                folder.join("annotated").display()
            );
        }
        if let Some(out) = args.out.as_deref().filter(|out| annotator.writes(out)) {
            bail!("--out {}: an annotated picture gets this name; name another", out.display());
        }
        outputs.extend(annotator.there_already(sources));
    }
    let paths = sources.iter().filter_map(|source| match source {
        SourceSpec::Path(path) => Some(path.as_path()),
        _ => None,
    });
    args.overwrite
        .check(&outputs, paths.chain(args.network.weights.as_deref()).chain(args.profile.as_deref()))
}

fn search(kind: SourceKind, args: &AnalyzeArgs) -> FaceSearch {
    if args.cropped { FaceSearch::WholePicture } else { FaceSearch::for_source(kind, args.detector) }
}

/// Everything that one run of the command needs.
struct Run<'a> {
    analyzer: FrameAnalyzer,
    writer: OutputWriter<Output>,
    output_fault: Fault,
    profile: Option<PersonalReader>,
    annotator: Option<Annotator>,
    sinks: ResultSinks<'a>,
    model: ModelInfo,
    progress: ProgressBar,
    stopped: Arc<AtomicBool>,
    args: &'a AnalyzeArgs,
    search: FaceSearch,
    small: SmallPictures,
    /// Sources in a row for which the network failed.
    network_faults: u32,
}

/// How it went with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Whole,
    /// Something was wrong, and it was said what.
    Failed,
    /// So it was, and there is nowhere left to write to.
    NothingLeft,
}

impl Run<'_> {
    /// Opens one source, a camera on a thread of its own: a driver may hang. `Ok(None)`: the user ended the program.
    fn open(&self, spec: &SourceSpec) -> Result<Option<OpenedSource>, CaptureError> {
        match spec {
            SourceSpec::Auto | SourceSpec::Camera(_) => {
                let open = Arc::new(|spec: &SourceSpec| open_source(spec, Pace::Unpaced));
                WatchedCamera::open(open, spec, Limits::UNATTENDED, Arc::clone(&self.stopped))
            }
            SourceSpec::Demo | SourceSpec::Path(_) | SourceSpec::Files(_) => {
                open_source(spec, Pace::Unpaced).map(Some)
            }
        }
    }

    /// Analyses one source. An error ends the run.
    fn source(&mut self, number: usize, spec: &SourceSpec, single: bool) -> anyhow::Result<Outcome> {
        let opened = match self.open(spec) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(Outcome::Whole),
            Err(e) => {
                self.say(&e);
                return Ok(Outcome::Failed);
            }
        };
        if let Some(note) = &opened.note {
            self.say(note);
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
        let mut smoothing = Smoothing::new(&self.args.smoothing, info.kind);
        let path = match spec {
            SourceSpec::Path(path) => Some(path.as_path()),
            _ => None,
        };
        let analysis = recorded_analysis(self.args);
        let mut whole = self.sinks.begin(&info, path, analysis, &self.model, smoothing.settings());
        let mut analysed = 0;
        let mut thinning = Thinning { every: self.args.every, fps: self.args.fps, slot: None };
        let mut silent = false;
        while !self.stopped.load(Ordering::Relaxed) && self.args.frames.is_none_or(|n| analysed < n) {
            let frame = match source.next_frame() {
                Ok(Some(frame)) => {
                    if std::mem::take(&mut silent) {
                        self.say(format_args!("{name}: the signal is back"));
                    }
                    frame
                }
                Ok(None) => break,
                Err(CaptureError::Timeout { .. }) => continue,
                // The camera may come back, and Ctrl-C ends the waiting.
                Err(e @ CaptureError::NoSignal { .. }) => {
                    silent = true;
                    self.say(&e);
                    continue;
                }
                Err(e) => {
                    self.say(&e);
                    whole = false;
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
            let result = match self.analyzer.analyze(frame) {
                Ok(result) => result,
                Err(e) => {
                    self.say(format_args!("{name}: the network failed: {e}"));
                    self.network_faults += 1;
                    self.sinks.end();
                    return Ok(Outcome::Failed);
                }
            };
            self.network_faults = 0;
            analysed += 1;
            self.small.see(info.kind, &result);
            let shown = smoothing.show(&result);
            whole &= self.write(number, &name, info.kind, &result, &shown)?;
            whole &= self.sinks.result(&result, &shown, &smoothing);
            if self.nothing_left() {
                self.sinks.end();
                return Ok(Outcome::NothingLeft);
            }
        }
        if let Some(reason) = smoothing.baseline_missing() {
            self.say(format_args!("{name}: {reason}"));
            whole = false;
        }
        if self.stopped.load(Ordering::Relaxed) {
            self.sinks.cut_short("ended by Ctrl-C before the source was over");
        }
        whole &= self.sinks.end();
        Ok(if whole { Outcome::Whole } else { Outcome::Failed })
    }

    /// Writes a result everywhere but into a recording. `false`: somewhere it was not possible. An error: nobody reads the
    /// output any more.
    fn write(
        &mut self,
        number: usize,
        name: &Arc<str>,
        kind: SourceKind,
        result: &AnalyzedFrame,
        shown: &[ShownReading],
    ) -> anyhow::Result<bool> {
        let smoothed = self.args.smoothing.smooth.map(|ms| (f32::from(ms), shown));
        let writer = &mut self.writer;
        let personal = self.profile.as_ref().map(|profile| profile.read(result)).transpose()?;
        self.progress.suspend(|| writer.write(name, result, smoothed, personal.unwrap_or_default()))?;
        let mut whole = true;
        if let Some(text) = self.output_fault.take_new() {
            self.say(text);
            whole = false;
        }
        if let Some(annotator) = &mut self.annotator
            && let Err(text) = annotator.write(number, kind != SourceKind::Still, result)
        {
            whole = false;
            if annotator.failed() == 1 {
                self.say(format_args!("{text} (the analysis goes on)"));
            }
        }
        Ok(whole)
    }

    /// Whether no output is left that could be written to.
    fn nothing_left(&self) -> bool {
        self.output_fault.is_broken() && self.annotator.is_none() && !self.sinks.is_wanted()
    }

    /// After a panic nothing of the state is trusted.
    fn start_afresh(&mut self) {
        // Another search makes new detectors.
        self.analyzer.set_search(FaceSearch::WholePicture);
        self.search = FaceSearch::WholePicture;
        self.sinks.end();
    }

    /// Closes everything. `false`: not everything could be written, and it was said what.
    fn finish(self) -> anyhow::Result<bool> {
        let mut whole = self.sinks.finish();
        if let Some(failed) = self.annotator.map(|a| a.failed()).filter(|failed| *failed > 0) {
            if failed > 1 {
                complain(format_args!(
                    "{failed} annotated pictures could not be written; the first was named above"
                ));
            }
            whole = false;
        }
        if let Err(text) = self.writer.finish().close() {
            complain(text);
            whole = false;
        }
        Ok(whole)
    }

    fn say(&self, message: impl std::fmt::Display) {
        self.progress.suspend(|| complain(message));
    }
}

/// How this run goes through a source, for `moue verify`.
pub(super) fn recorded_analysis(args: &AnalyzeArgs) -> RecordedAnalysis {
    RecordedAnalysis {
        detector: args.detector.to_string(),
        cropped: args.cropped,
        every: args.every,
        fps: args.fps,
        frames: args.frames,
        every_frame_searched: args.keep.blur,
        baseline_s: args.smoothing.baseline,
    }
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
