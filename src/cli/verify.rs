//! `moue verify`: reads a recording's source again with the same weights and settings, and compares row by row.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use moue_capture::{CaptureError, FrameSource, Pace, SourceInfo, SourceKind, SourceSpec, open_source};
use moue_detect::DetectorKind;

use super::smoothing::{Smoothing, SmoothingArgs};
use super::thinning::Thinning;
use super::{DONE, NetworkArgs, SOME_FAILED};
use crate::pipeline::{FaceSearch, FrameAnalyzer};
use crate::record::{
    Columns, Comparison, FACES_FILE, FaceRow, RecordedAnalysis, ResultRows, SESSION_FILE, Session,
    SessionStatus, Tolerances, check_session, csv_header, hash_file, rows_of,
};

const EXAMPLES: &str = "\
Examples:
  moue verify SESSION                    checks the files' hashes and looks for the video beside the recording
  moue verify SESSION --source clip.mp4  reads the video again and compares every row
  moue verify SESSION --source clip.mp4 --weights my.safetensors
                                         the same, where it was recorded with other weights

How far a row may lie from the recorded one is written in docs/recording.md. Exit status: 0 everything that could be
checked holds, 1 something does not, 2 nothing could be checked.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VerifyArgs {
    /// Folder of a recording
    #[arg(value_name = "SESSION")]
    session: PathBuf,
    /// The video or picture that was recorded, if it does not lie in the folder or beside it
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
}

/// What is said, and whether all holds.
struct Verdict {
    out: std::io::Stdout,
    holds: bool,
}

impl Verdict {
    fn good(&mut self, text: impl std::fmt::Display) -> anyhow::Result<()> {
        Ok(writeln!(self.out, "holds        {text}")?)
    }

    fn bad(&mut self, text: impl std::fmt::Display) -> anyhow::Result<()> {
        self.holds = false;
        Ok(writeln!(self.out, "DIFFERS      {text}")?)
    }

    fn unknown(&mut self, text: impl std::fmt::Display) -> anyhow::Result<()> {
        Ok(writeln!(self.out, "not checked  {text}")?)
    }
}

pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<u8> {
    let folder = &args.session;
    let session = Session::read(&folder.join(SESSION_FILE))
        .with_context(|| format!("{}: expected the folder of a recording", folder.display()))?;
    let mut verdict = Verdict { out: std::io::stdout(), holds: true };
    let check = check_session(folder, &session)?;
    for text in &check.holds {
        verdict.good(text)?;
    }
    for text in &check.faults {
        verdict.bad(text)?;
    }
    for text in &check.notes {
        verdict.unknown(text)?;
    }
    match again(args, &session) {
        Ok(again) => read_again(args, &session, &again, &mut verdict)?,
        Err(reason) => verdict.unknown(format_args!("the rows against the source: {reason}"))?,
    }
    writeln!(
        verdict.out,
        "{}",
        if verdict.holds {
            "Everything that could be checked holds."
        } else {
            "The recording does not hold; see above."
        }
    )?;
    Ok(if verdict.holds { DONE } else { SOME_FAILED })
}

/// What is read again.
struct Again {
    spec: SourceSpec,
    path: Option<PathBuf>,
    analysis: RecordedAnalysis,
}

/// The source, or why there is none to read.
fn again(args: &VerifyArgs, session: &Session) -> Result<Again, String> {
    let Some(analysis) = session.analysis.clone() else {
        return Err(match session.source.kind.as_str() {
            "camera" => "a camera's frames are not kept, so they cannot be read again (the annotated video has boxes drawn over \
                         the faces)"
                .into(),
            _ => "the window recorded it, which reads as many frames as the machine had time for; record with moue analyze what is \
                  to be checked"
                .into(),
        });
    };
    if session.source.kind == "demo" {
        return Ok(Again { spec: SourceSpec::Demo, path: None, analysis });
    }
    if session.source.kind == "pictures" && session.source_file.is_none() {
        return Err("it is of several pictures; analyse them again and compare faces.csv".into());
    }
    let name = &session.source.name;
    let beside = |folder: Option<&Path>| {
        // Only the name is used, wherever it would lead.
        let file = folder?.join(Path::new(name).file_name()?);
        file.is_file().then_some(file)
    };
    let full = args.session.canonicalize().unwrap_or_else(|_| args.session.clone());
    let found = args.source.clone().or_else(|| full.ancestors().take(3).find_map(|f| beside(Some(f))));
    match found.or_else(|| beside(Some(Path::new(".")))) {
        Some(path) => Ok(Again { spec: SourceSpec::Path(path.clone()), path: Some(path), analysis }),
        None => Err(format!("{name} lies neither in the folder nor beside it; name it with --source FILE")),
    }
}

fn read_again(
    args: &VerifyArgs,
    session: &Session,
    again: &Again,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    if let (Some(path), Some(recorded)) = (&again.path, &session.source_file) {
        let found = hash_file(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        if (found.bytes, &found.sha256) == (recorded.bytes, &recorded.sha256) {
            verdict.good(format_args!("{}: SHA-256 {} as recorded", path.display(), found.sha256))?;
        } else {
            return verdict.bad(format_args!(
                "{}: expected the file of SHA-256 {}, found {}: it is another file",
                path.display(),
                recorded.sha256,
                found.sha256
            ));
        }
    }
    let [model] = &session.models[..] else {
        let found = session.models.len();
        return verdict.unknown(format_args!("the rows against the source: it was read by {found} networks"));
    };
    let loaded = args.network.load()?;
    if loaded.sha256 != model.sha256 {
        return verdict.unknown(format_args!(
            "the rows against the source: expected the weights {} of SHA-256 {}, found {}; name the file with --weights FILE",
            model.name, model.sha256, loaded.sha256
        ));
    }
    verdict.good(format_args!("weights {}: SHA-256 as recorded", model.name))?;
    let opened = match open_source(&again.spec, Pace::Unpaced) {
        Ok(opened) => opened,
        Err(e) => return verdict.unknown(format_args!("the rows against the source: {e}")),
    };
    let kind = opened.source.info().kind;
    let detector: DetectorKind = match again.analysis.detector.parse() {
        Ok(detector) => detector,
        Err(_) => {
            bail!("session.json names a detector {} that this version does not have", again.analysis.detector)
        }
    };
    let search = if again.analysis.cropped {
        FaceSearch::WholePicture
    } else {
        FaceSearch::for_source(kind, detector)
    };
    let classifier = loaded.classifier(args.network.device, args.network.threads)?;
    let mut reader = Reader {
        analyzer: FrameAnalyzer::new(classifier, search),
        smoothing: smoothing(session, &again.analysis, kind),
        thinning: Thinning { every: again.analysis.every.max(1), fps: again.analysis.fps, slot: None },
        left: again.analysis.frames,
        source: opened.source,
        faults: Vec::new(),
    };
    reader.analyzer.search_every_frame(again.analysis.every_frame_searched);
    let comparison = compare(&args.session, session, &mut reader)?;
    for fault in reader.faults.iter().take(3) {
        verdict.unknown(fault)?;
    }
    let c = &comparison;
    let allowed = Tolerances::DEFAULT;
    let figures = format!(
        "{} rows read again: {} the same to the last digit; largest difference of a probability {:.6} (allowed {}), of a box {:.2} \
         px (allowed {})",
        c.rows, c.same, c.probability, allowed.probability, c.box_px, allowed.box_px
    );
    if c.holds() {
        return verdict.good(figures);
    }
    verdict.bad(format_args!(
        "{figures}; {} rows beyond what is allowed, {} not found again, {} that were not recorded",
        c.beyond, c.missing, c.added
    ))?;
    for example in &c.examples {
        verdict.bad(format_args!("  {example}"))?;
    }
    Ok(())
}

/// The smoothing that was recorded.
fn smoothing(session: &Session, analysis: &RecordedAnalysis, kind: SourceKind) -> Smoothing {
    let ms = session.settings.first().map_or(0.0, |s| s.smoothing_ms).clamp(0.0, 10_000.0);
    Smoothing::new(&SmoothingArgs { smooth: Some(ms as u16), baseline: analysis.baseline_s }, kind)
}

/// Reads the source as the recording did.
struct Reader {
    analyzer: FrameAnalyzer,
    smoothing: Smoothing,
    thinning: Thinning,
    left: Option<u64>,
    source: Box<dyn FrameSource>,
    /// What could not be read of it.
    faults: Vec<String>,
}

impl Reader {
    /// The rows of the next frame that was read.
    fn next(&mut self) -> anyhow::Result<Option<ResultRows>> {
        while self.left != Some(0) {
            let frame = match self.source.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(CaptureError::Timeout { .. }) => continue,
                Err(e) if e.is_transient() => {
                    self.faults.push(e.to_string());
                    continue;
                }
                Err(e) => {
                    self.faults.push(e.to_string());
                    break;
                }
            };
            if !self.thinning.takes(&frame) {
                continue;
            }
            let time_s = frame.time_s;
            let result = self.analyzer.analyze(frame).context("the network failed")?;
            if let Some(left) = &mut self.left {
                *left -= 1;
            }
            let shown = self.smoothing.show(&result);
            let info: &SourceInfo = self.source.info();
            let name: Arc<str> = info.name.as_str().into();
            return Ok(Some(ResultRows::new(&name, &result, &shown, time_s, None)));
        }
        Ok(None)
    }
}

/// Holds the recorded rows against those that are read now, frame by frame.
fn compare(folder: &Path, session: &Session, reader: &mut Reader) -> anyhow::Result<Comparison> {
    let mut recorded = rows_of(&folder.join(FACES_FILE))?;
    let mut waiting: Option<FaceRow> = recorded.next().transpose()?;
    let mut comparison = Comparison::default();
    let broke_off = session.status != SessionStatus::Complete;
    while let Some(read) = reader.next()? {
        if broke_off && waiting.is_none() {
            // The rest was never recorded.
            break;
        }
        // As they stand in a file, rounded.
        let read = as_written(&read)?;
        let Some(frame) = read.first().map(|row| row.frame) else { continue };
        let mut old = Vec::new();
        // Frames that had a face then and have none now.
        while let Some(row) = waiting.take_if(|row| row.frame < frame) {
            comparison.frame(&[row], &[], &Tolerances::DEFAULT);
            waiting = recorded.next().transpose()?;
        }
        while let Some(row) = waiting.take_if(|row| row.frame == frame) {
            old.push(row);
            waiting = recorded.next().transpose()?;
        }
        comparison.frame(&old, &read, &Tolerances::DEFAULT);
    }
    while let Some(row) = waiting.take() {
        comparison.frame(&[row], &[], &Tolerances::DEFAULT);
        waiting = recorded.next().transpose()?;
    }
    Ok(comparison)
}

/// The rows as they are after writing and reading.
fn as_written(rows: &ResultRows) -> anyhow::Result<Vec<FaceRow>> {
    let header = csv_header(&[]);
    let columns = Columns::of(&csv::ByteRecord::from(header.split(',').collect::<Vec<_>>()))
        .map_err(|name| anyhow::anyhow!("the column {name} is missing"))?;
    let mut lines = Vec::new();
    rows.append_to(&mut lines, 0)?;
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).quoting(false).from_reader(&lines[..]);
    Ok(reader.byte_records().filter_map(|r| FaceRow::parse(&r.ok()?, &columns)).collect())
}
