//! `moue analyze --record` and `--osc`: records the results and sends them to other programs.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use moue_capture::{SourceInfo, SourceKind};

use super::annotate::{annotated, style};
use super::complain;
use super::smoothing::Smoothing;
use crate::pipeline::{AnalyzedFrame, ModelInfo, ShownReading, SmoothingSettings};
use crate::record::{
    AnnotatedFrame, RecordedSettings, RecordedSource, Recorder, RecorderOptions, ResultRows, VideoOptions,
};

/// Frames a second of a video whose source has no clock.
const LIVE_RATE: f64 = 25.0;

#[derive(Debug, Args)]
pub(super) struct KeepArgs {
    /// Record each input into a new folder in DIR: faces.csv, session.json (see `moue report`)
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// With --record: also the annotated video, written by the program ffmpeg
    #[arg(long, requires = "record")]
    video: bool,
    /// With --video: faces that are found are blurred in it
    #[arg(long, requires = "video")]
    blur: bool,
    /// Send the readings as OSC messages by UDP (see docs/osc.md)
    #[cfg(feature = "osc")]
    #[arg(long, value_name = "HOST:PORT")]
    osc: Option<String>,
}

/// Records and sends results.
pub(super) struct Keeping<'a> {
    args: &'a KeepArgs,
    /// Whether the video shows the face mesh.
    mesh: bool,
    /// Whether the recording has noted that a baseline is applied.
    baseline_applied: bool,
    recorder: Option<Recorder>,
    kind: SourceKind,
    source: Arc<str>,
    #[cfg(feature = "osc")]
    osc: Option<crate::record::osc::OscSender>,
}

impl<'a> Keeping<'a> {
    pub(super) fn new(args: &'a KeepArgs, mesh: bool) -> anyhow::Result<Self> {
        if let Some(folder) = &args.record {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("{}: cannot be made", folder.display()))?;
        }
        Ok(Self {
            args,
            mesh,
            baseline_applied: false,
            recorder: None,
            kind: SourceKind::Still,
            source: "".into(),
            #[cfg(feature = "osc")]
            osc: args.osc.as_deref().map(crate::record::osc::OscSender::new).transpose()?,
        })
    }

    /// Another source begins.
    pub(super) fn begin(
        &mut self,
        info: &SourceInfo,
        model: &ModelInfo,
        smoothing: &SmoothingSettings,
    ) -> anyhow::Result<()> {
        self.kind = info.kind;
        self.source = info.name.as_str().into();
        self.baseline_applied = false;
        let Some(parent) = &self.args.record else { return Ok(()) };
        let video = self.args.video.then(|| VideoOptions {
            frame_rate: info
                .frame_rate
                .filter(|_| info.kind != SourceKind::Camera)
                .unwrap_or(LIVE_RATE)
                .clamp(1.0, 60.0),
            blur: self.args.blur,
            style: style(self.mesh),
        });
        let options = RecorderOptions {
            parent: parent.clone(),
            source: RecordedSource::new(info),
            model: Some(model.clone().into()),
            settings: RecordedSettings::new(smoothing),
            video,
        };
        self.recorder = Some(Recorder::start(options, || {})?);
        Ok(())
    }

    /// Records and sends a result. `false`: the recording broke off, and the reason was printed.
    pub(super) fn result(
        &mut self,
        result: &AnalyzedFrame,
        shown: &[ShownReading],
        smoothing: &Smoothing,
    ) -> bool {
        let time_s = result.frame.time_s;
        #[cfg(feature = "osc")]
        if let Some(osc) = &self.osc {
            osc.send(result, shown);
        }
        let Some(recorder) = &self.recorder else { return true };
        if self.baseline_applied != smoothing.is_baseline_applied() {
            self.baseline_applied = smoothing.is_baseline_applied();
            let settings = RecordedSettings::new(smoothing.settings());
            recorder
                .set_settings_from(RecordedSettings { baseline: self.baseline_applied, ..settings }, time_s);
        }
        let tap = recorder.tap();
        let captured = result.frame.captured_at;
        let time_s = if self.kind == SourceKind::Camera { tap.time_s(captured) } else { time_s };
        let age_ms = captured.elapsed().as_secs_f32() * 1000.0;
        tap.push_waiting(ResultRows::new(&self.source, result, shown, time_s, Some(age_ms)));
        if tap.wants_frames() {
            let faces = result.faces.iter().zip(shown).map(|(face, shown)| {
                let label = shown.label.map_or("unsure", |l| l.name());
                let p = shown.probabilities[shown.leading.index()];
                annotated(face, format!("{} {label} {:.0}%", face.id, p * 100.0))
            });
            let frame = AnnotatedFrame { image: result.frame.image.clone(), faces: faces.collect() };
            tap.push_frame_waiting(frame, time_s);
        }
        if tap.takes() { true } else { self.end() }
    }

    /// Ends a source's recording. `false`: something could not be recorded, and the reason was printed.
    pub(super) fn end(&mut self) -> bool {
        let Some(recorder) = self.recorder.take() else { return true };
        let folder = recorder.folder().to_owned();
        let status = recorder.finish();
        for text in status.failed.iter().chain(&status.video_failed) {
            complain(text);
        }
        complain(format_args!("recorded {} face(s) into {}", status.faces, folder.display()));
        status.failed.is_none() && status.video_failed.is_none()
    }
}
