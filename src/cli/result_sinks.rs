//! `moue analyze --record` and `--osc`: records the results and sends them to other programs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use indicatif::ProgressBar;
use moue_capture::{SourceInfo, SourceKind};

use super::annotate::{annotated, style};
use super::complain;
use super::marker_input::MarkerInput;
use super::smoothing::Smoothing;
use crate::pipeline::{AnalyzedFrame, ModelInfo, PersonalReader, ShownReading, SmoothingSettings};
use crate::record::{
    AnnotatedFrame, RecordedAnalysis, RecordedProfile, RecordedSettings, RecordedSource, Recorder,
    RecorderOptions, ResultRows, SessionWords, TimeBase, VideoOptions,
};

/// Frames a second of a video whose source has no clock.
const LIVE_RATE: f64 = 25.0;
/// Pictures have no times: in a recording each is there for a second.
const PICTURES_A_SECOND: f64 = 1.0;

#[derive(Debug, Args)]
pub(super) struct SinkArgs {
    /// Record each video into a new folder in DIR, and all pictures into one: faces.csv, session.json (see `moue report`)
    #[arg(long, value_name = "DIR")]
    pub(super) record: Option<PathBuf>,
    /// With --record: also the annotated video, written by the program ffmpeg
    #[arg(long, requires = "record")]
    video: bool,
    /// With --video: faces that are found are blurred in it
    #[arg(long, requires = "video")]
    pub(super) blur: bool,
    /// With --record: keep markers in events.csv. Live: lines NAME[,VALUE] of a pipe (FIFO), a growing file or, with "-", of
    /// standard input, each at the time at which it comes. Of one video: a file of lines SECONDS,NAME[,VALUE]
    #[arg(long, value_name = "FILE", requires = "record")]
    pub(super) markers: Option<PathBuf>,
    /// With --record: take markers as OSC messages /moue/marker NAME [VALUE] at this address (see docs/osc.md)
    #[cfg(feature = "osc")]
    #[arg(long, value_name = "HOST:PORT", requires = "record")]
    osc_in: Option<String>,
    /// Send the readings as OSC messages by UDP (see docs/osc.md)
    #[cfg(feature = "osc")]
    #[arg(long, value_name = "HOST:PORT")]
    osc: Option<String>,
}

impl SinkArgs {
    /// Where markers are received.
    #[cfg(feature = "osc")]
    pub(super) fn osc_in(&self) -> Option<&str> {
        self.osc_in.as_deref()
    }
}

/// Records and sends results. What cannot be kept is told once and counted, and the analysis goes on.
pub(super) struct ResultSinks<'a> {
    args: &'a SinkArgs,
    /// The profile in use, as recordings name it.
    profile: Option<(RecordedProfile, PersonalReader)>,
    /// Whether the video shows the face mesh.
    mesh: bool,
    progress: ProgressBar,
    /// Of the source that is read now, where it has a session of its own.
    own: Option<Recorder>,
    pictures: Pictures,
    kind: SourceKind,
    /// Whether the recording has noted that a baseline is applied.
    baseline_applied: bool,
    /// Why recordings end before their sources.
    cut_short: Option<&'static str>,
    /// Recordings that failed, in whole or in part.
    failed: u64,
    source: Arc<str>,
    markers: MarkerInput,
    /// That the camera's clock drifts was said.
    drift_told: bool,
    #[cfg(feature = "osc")]
    osc: Option<crate::record::osc::OscSender>,
}

/// All pictures of a run are one session.
#[derive(Default)]
struct Pictures {
    /// What it is called; `None`: by its only picture.
    name: Option<String>,
    recorder: Option<Recorder>,
    /// Pictures so far.
    count: u64,
    /// Highest id so far. Each picture's faces have ids of their own: nobody knows whether they are the same people.
    ids: u64,
    /// It could not be made or broke off, so that none is made again.
    failed: bool,
}

impl<'a> ResultSinks<'a> {
    /// Makes the folder. `mesh`: whether the video shows the face mesh. `name`: what the pictures are called together, where
    /// they are several. `live`: markers come while it runs.
    pub(super) fn new(
        args: &'a SinkArgs,
        mesh: bool,
        name: Option<String>,
        live: bool,
        progress: ProgressBar,
    ) -> anyhow::Result<Self> {
        if let Some(folder) = &args.record {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("{}: cannot be made", folder.display()))?;
        }
        Ok(Self {
            args,
            profile: None,
            mesh,
            progress,
            own: None,
            pictures: Pictures { name, ..Pictures::default() },
            kind: SourceKind::Still,
            baseline_applied: false,
            cut_short: None,
            failed: 0,
            source: "".into(),
            markers: MarkerInput::open(args, live)?,
            drift_told: false,
            #[cfg(feature = "osc")]
            osc: args.osc.as_deref().map(crate::record::osc::OscSender::new).transpose()?,
        })
    }

    /// Whether anything is wanted of it.
    pub(super) fn is_wanted(&self) -> bool {
        #[cfg(feature = "osc")]
        if self.osc.is_some() {
            return true;
        }
        self.args.record.is_some()
    }

    /// Another source begins; `path` is its file, where it has one, and `analysis` how it is gone through. `false`: it cannot be recorded, and
    /// it was said why.
    pub(super) fn begin(
        &mut self,
        info: &SourceInfo,
        path: Option<&Path>,
        analysis: RecordedAnalysis,
        model: &ModelInfo,
        smoothing: &SmoothingSettings,
    ) -> bool {
        self.kind = info.kind;
        self.source = info.name.as_str().into();
        self.baseline_applied = false;
        let Some(parent) = &self.args.record else { return true };
        let is_picture = info.kind == SourceKind::Still;
        if is_picture && (self.pictures.recorder.is_some() || self.pictures.failed) {
            return true;
        }
        let video = self.args.video.then(|| VideoOptions {
            frame_rate: match info.kind {
                SourceKind::Still => PICTURES_A_SECOND,
                SourceKind::Camera => LIVE_RATE,
                SourceKind::Demo | SourceKind::Video => info.frame_rate.unwrap_or(LIVE_RATE).clamp(1.0, 60.0),
            },
            blur: self.args.blur,
            style: style(self.mesh),
        });
        let mut source = RecordedSource::new(info);
        if let (true, Some(name)) = (is_picture, &self.pictures.name) {
            (source.name, source.width, source.height) = (name.clone(), None, None);
        }
        self.drift_told = false;
        let options = RecorderOptions {
            parent: parent.clone(),
            source,
            // All pictures of a run are one recording: there is no one file.
            source_path: path.filter(|_| !is_picture || self.pictures.name.is_none()).map(Path::to_owned),
            analysis: (info.kind != SourceKind::Camera).then_some(analysis),
            time_base: match info.kind {
                SourceKind::Camera => TimeBase::Clock,
                _ => TimeBase::Source,
            },
            model: Some(model.clone().into()),
            settings: RecordedSettings::new(smoothing),
            profile: self.profile.as_ref().map(|(recorded, _)| recorded.clone()),
            words: SessionWords::default(),
            video,
        };
        let started = Recorder::start(options, || {});
        let (recorder, problem) = match started {
            Ok(recorder) => (Some(recorder), None),
            Err(e) => (None, Some(e.to_string())),
        };
        if is_picture {
            self.pictures.failed = recorder.is_none();
            self.pictures.recorder = recorder;
        } else {
            self.own = recorder;
        }
        if let Some(recorder) = self.own.as_ref().or(self.pictures.recorder.as_ref()) {
            self.markers.begin(&recorder.tap());
        }
        self.told(problem)
    }

    /// Records what this profile reads too.
    pub(super) fn set_profile(&mut self, path: &Path, reader: PersonalReader) {
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let expressions = reader.names().iter().map(ToString::to_string).collect();
        self.profile = Some((RecordedProfile { name, expressions }, reader));
    }

    /// Records and sends a result. `false`: the recording broke off, and the reason was printed.
    pub(super) fn result(
        &mut self,
        result: &AnalyzedFrame,
        shown: &[ShownReading],
        smoothing: &Smoothing,
    ) -> bool {
        #[cfg(feature = "osc")]
        if let Some(osc) = &self.osc {
            osc.send(result, shown);
        }
        let is_picture = self.kind == SourceKind::Still;
        let recorder = if is_picture { &self.pictures.recorder } else { &self.own };
        let Some(recorder) = recorder else { return true };
        let number = self.pictures.count;
        let tap = recorder.tap();
        let captured = result.frame.captured_at;
        let time_s = match self.kind {
            SourceKind::Still => number as f64 / PICTURES_A_SECOND,
            SourceKind::Camera => tap.time_s(captured),
            SourceKind::Demo | SourceKind::Video => result.frame.time_s,
        };
        if self.baseline_applied != smoothing.is_baseline_applied() {
            self.baseline_applied = smoothing.is_baseline_applied();
            let settings = RecordedSettings::new(smoothing.settings());
            recorder
                .set_settings_from(RecordedSettings { baseline: self.baseline_applied, ..settings }, time_s);
        }
        let age_ms = captured.elapsed().as_secs_f32() * 1000.0;
        self.pictures.count += u64::from(is_picture);
        let first_id = if is_picture { self.pictures.ids } else { 0 };
        let mut rows = ResultRows::new(&self.source, result, shown, time_s, Some(age_ms));
        // What cannot be read was said by the output.
        if let Some(Ok(personal)) = self.profile.as_ref().map(|(_, reader)| reader.read(result)) {
            rows = rows.with_personal(personal);
        }
        for row in &mut rows.0 {
            row.id += first_id;
            self.pictures.ids = self.pictures.ids.max(if is_picture { row.id } else { 0 });
        }
        tap.see(&result.frame.stamp);
        if let (false, Some(drift)) = (self.drift_told, tap.status().clock_drift) {
            self.drift_told = true;
            self.progress.suspend(|| complain(drift));
        }
        tap.push_waiting(rows);
        self.markers.pass_on(&tap, (self.kind != SourceKind::Camera).then_some(time_s));
        if tap.wants_frames() {
            let faces = result.faces.iter().zip(shown).map(|(face, shown)| {
                let label = shown.label.map_or("unsure", |l| l.name());
                let p = shown.probabilities[shown.leading.index()];
                annotated(face, format!("{} {label} {:.0}%", first_id + face.id, p * 100.0))
            });
            let frame = AnnotatedFrame { image: result.frame.image.clone(), faces: faces.collect() };
            tap.push_frame_waiting(frame, time_s);
        }
        if tap.takes() {
            return true;
        }
        self.pictures.failed |= is_picture;
        let broken = if is_picture { self.pictures.recorder.take() } else { self.own.take() };
        self.close(broken)
    }

    /// What is recorded now ends before its source, and `session.json` says why.
    pub(super) fn cut_short(&mut self, reason: &'static str) {
        self.cut_short = Some(reason);
    }

    /// Ends a source's recording. `false`: something could not be recorded, and the reason was printed.
    pub(super) fn end(&mut self) -> bool {
        let own = self.own.take();
        self.close(own)
    }

    /// The run is at its end. `false`: as [`Self::end`].
    pub(super) fn finish(mut self) -> bool {
        let (own, pictures) = (self.own.take(), self.pictures.recorder.take());
        let whole = self.close(own) & self.close(pictures);
        if self.failed > 1 {
            complain(format_args!(
                "{} recordings could not be kept whole; the first was named above",
                self.failed
            ));
        }
        whole
    }

    fn close(&mut self, recorder: Option<Recorder>) -> bool {
        let Some(recorder) = recorder else { return true };
        self.markers.pass_on(&recorder.tap(), None);
        let folder = recorder.folder().to_owned();
        let status = match self.cut_short {
            Some(reason) => recorder.finish_early(reason),
            None => recorder.finish(),
        };
        let problems: Vec<String> = status.failed.into_iter().chain(status.video_failed).collect();
        let whole = self.told((!problems.is_empty()).then(|| problems.join("\nmoue: ")));
        self.progress.suspend(|| {
            let readings = if status.faces == 1 { "reading" } else { "readings" };
            complain(format_args!("recorded {} {readings} into {}", status.faces, folder.display()));
        });
        whole
    }

    /// Says what is wrong, the first time. Whether nothing is.
    fn told(&mut self, problem: Option<String>) -> bool {
        let Some(problem) = problem else { return true };
        self.failed += 1;
        if self.failed == 1 {
            self.progress.suspend(|| complain(format_args!("{problem}\nmoue: (the analysis goes on)")));
        }
        false
    }
}
