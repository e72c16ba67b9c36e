//! The analysis thread: takes the newest frame, finds and reads its faces.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use image::RgbImage;
use moue_capture::SourceKind;
use moue_detect::DetectorKind;

use super::profile_stage::ProfileStage;
use super::results::{LiveResult, ModelInfo};
use super::shared::{BaselineState, Message, NewModel, Shared, SourceState, Work, fault};
use super::weights::nothing_runs;
use super::{
    AnalyzedFace, AnalyzedFrame, Baseline, BaselineRecorder, BaselineStep, FaceSearch, FrameAnalyzer,
    ProfileState, ReadingStage, ShownPersonal,
};

/// Longest wait for a frame, so that the thread can stop and take a new network.
const WAIT: Duration = Duration::from_millis(50);
/// Results a second are counted over this time.
const RATE_OVER: Duration = Duration::from_secs(2);
/// After this many panics in a row the network is stopped.
const MAX_FAULTS: u32 = 3;

pub(super) fn analysis_loop(shared: &Arc<Shared>) {
    let mut analysis: Option<Analysis> = None;
    while !shared.stopped() {
        if let Some(new) = shared.new_model.take() {
            *shared.model.lock() = Some(Arc::clone(&new.info));
            match &mut analysis {
                Some(running) => running.replace(shared, new),
                None => analysis = Some(Analysis::new(new)),
            }
            (shared.hooks.on_change)();
        }
        let Some(work) = shared.work.take_within(WAIT) else { continue };
        if shared.resting.load(Ordering::Relaxed) {
            continue;
        }
        // Until a network is loaded, frames are dropped; the analysis begins with the newest one.
        let Some(running) = &mut analysis else { continue };
        let generation = work.generation;
        let outcome = catch_unwind(AssertUnwindSafe(|| running.run(shared, work))).unwrap_or_else(|panic| {
            running.faults += 1;
            Err(fault("analysis", &*panic))
        });
        match outcome {
            Ok(result) => {
                // The user may have changed the source during the analysis: the result is dropped then.
                let wanted = shared.wanted.lock();
                let state = shared.state.lock();
                // A source without a signal has no current faces: a late result of its last frame is dropped too.
                let lost = matches!(*state, SourceState::NoSignal { .. } | SourceState::Failed(_));
                let current = wanted.generation == generation && !wanted.paused && !lost;
                let result = Arc::new(result);
                if current {
                    *shared.result.lock() = Some(Arc::clone(&result));
                }
                drop((state, wanted));
                if current {
                    shared.tap(&result);
                }
                (shared.hooks.on_change)();
            }
            Err(text) => {
                shared.clear_result();
                if running.last_error.as_ref() != Some(&text) {
                    shared.say(Message::Error(text.clone()));
                    running.last_error = Some(text);
                }
                if running.faults >= MAX_FAULTS {
                    shared.say(Message::Error(
                        "the network failed repeatedly and was stopped: open the weights again".into(),
                    ));
                    *shared.model.lock() = None;
                    nothing_runs(shared);
                    analysis = None;
                }
            }
        }
    }
}

struct Analysis {
    analyzer: FrameAnalyzer,
    model: Arc<ModelInfo>,
    readings: ReadingStage,
    profile: ProfileStage,
    baseline_recorder: Option<BaselineRecorder>,
    /// Whether a baseline was applied to the last frame.
    baseline_applied: bool,
    detector: DetectorKind,
    generation: u64,
    number: u64,
    finished: VecDeque<Instant>,
    /// A still picture is delivered again and again; its result is kept.
    last: Option<(Arc<RgbImage>, AnalyzedFrame)>,
    last_error: Option<String>,
    /// Panics in a row.
    faults: u32,
}

impl Analysis {
    fn new(new: NewModel) -> Self {
        Self {
            analyzer: FrameAnalyzer::new(
                new.classifier,
                FaceSearch::for_source(SourceKind::Camera, DetectorKind::default()),
            ),
            model: new.info,
            readings: ReadingStage::default(),
            profile: ProfileStage::default(),
            baseline_recorder: None,
            baseline_applied: false,
            detector: DetectorKind::default(),
            generation: 0,
            number: 0,
            finished: VecDeque::new(),
            last: None,
            last_error: None,
            faults: 0,
        }
    }

    fn replace(&mut self, shared: &Shared, new: NewModel) {
        self.cancel_baseline_recording(shared);
        drop(self.analyzer.replace_classifier(new.classifier));
        self.model = new.info;
        self.readings.clear();
        self.last = None;
        self.last_error = None;
        self.faults = 0;
    }

    fn run(&mut self, shared: &Shared, work: Work) -> Result<LiveResult, String> {
        if work.generation != self.generation {
            self.generation = work.generation;
            self.detector = *shared.detector.lock();
            self.analyzer.set_search(FaceSearch::for_source(work.kind, self.detector));
            self.readings = ReadingStage::default();
            self.cancel_baseline_recording(shared);
            self.last = None;
        }
        let detector = *shared.detector.lock();
        if detector != self.detector {
            self.detector = detector;
            self.analyzer.set_search(FaceSearch::for_source(work.kind, detector));
            self.last = None;
        }
        self.analyzer.search_every_frame(shared.every_frame.load(Ordering::Relaxed));
        let time_s = work.frame.time_s;
        let source = Arc::clone(&work.source);
        let analyzed = match &self.last {
            Some((image, analyzed)) if Arc::ptr_eq(image, &work.frame.image) => {
                AnalyzedFrame { frame: work.frame, ..analyzed.clone() }
            }
            _ => self.analyzer.analyze_scene(work.frame, work.scene).map_err(|e| e.to_string())?,
        };
        self.last =
            (work.kind == SourceKind::Still).then(|| (Arc::clone(&analyzed.frame.image), analyzed.clone()));
        let mut settings = *shared.smoothing.lock();
        if work.kind == SourceKind::Still {
            // Still pictures have no common clock, so nothing is smoothed over time.
            settings.time_constant_ms = 0.0;
        }
        let baseline = self.baseline(shared, (&source, work.kind), &analyzed.faces, time_s);
        if self.baseline_applied != baseline.is_some() {
            self.baseline_applied = baseline.is_some();
            self.readings.clear();
        }
        let shown = self.readings.show(&analyzed.faces, time_s, &settings, baseline.as_ref());
        let personal = self.personal(shared, &analyzed.faces, time_s, settings.time_constant_ms);
        self.number += 1;
        self.faults = 0;
        let finished_at = Instant::now();
        self.finished.push_back(finished_at);
        while self.finished.front().is_some_and(|t| finished_at.duration_since(*t) > RATE_OVER) {
            self.finished.pop_front();
        }
        let span = self.finished.front().map_or(0.0, |t| finished_at.duration_since(*t).as_secs_f32());
        let results_per_s = if span > 0.0 { (self.finished.len() - 1) as f32 / span } else { 0.0 };
        Ok(LiveResult {
            analyzed,
            shown,
            personal,
            number: self.number,
            finished_at,
            results_per_s,
            source,
            model: Arc::clone(&self.model),
        })
    }

    /// What the profile in use reads. With a network that it was not taught with it rests, which is said once.
    fn personal(
        &mut self,
        shared: &Shared,
        faces: &[AnalyzedFace],
        time_s: f64,
        time_constant_ms: f32,
    ) -> Option<ShownPersonal> {
        let (profile, refused) = {
            let mut state = shared.profile.lock();
            let ProfileState::On(profile) = &mut *state else { return None };
            let checked = profile.reader.check_network(&self.model, &profile.path);
            let did_fit = std::mem::replace(&mut profile.fits, checked.is_ok());
            (profile.clone(), checked.err().filter(|_| did_fit))
        };
        if let Some(e) = refused {
            shared.say(Message::Error(e.to_string()));
        }
        if !profile.fits {
            return None;
        }
        let chosen = *shared.chosen.lock();
        match self.profile.show(&profile, faces, (chosen, time_s), time_constant_ms) {
            Ok(shown) => shown,
            Err(e) => {
                *shared.profile.lock() = ProfileState::Off;
                shared.say(Message::Error(format!("{}: {e}", profile.path.display())));
                None
            }
        }
    }

    /// A baseline is a mean over one source and one network: a change of either cancels its recording.
    fn cancel_baseline_recording(&mut self, shared: &Shared) {
        if self.baseline_recorder.take().is_some() {
            let mut state = shared.baseline.lock();
            if matches!(*state, BaselineState::Recording { .. }) {
                *state = BaselineState::Off;
            }
        }
    }

    /// The baseline to apply, after a step of the recording where there is one.
    fn baseline(
        &mut self,
        shared: &Shared,
        (source, kind): (&str, SourceKind),
        faces: &[AnalyzedFace],
        time_s: f64,
    ) -> Option<Baseline> {
        let mut state = shared.baseline.lock();
        if !matches!(*state, BaselineState::Recording { .. }) {
            self.baseline_recorder = None;
        }
        match &mut *state {
            BaselineState::Off => None,
            BaselineState::On { baseline, fits } => {
                *fits = baseline.fits(source, &self.model.identity());
                fits.then(|| baseline.clone())
            }
            BaselineState::Recording { .. } if kind == SourceKind::Still => {
                // A baseline is a mean over three seconds, and a still picture has no time.
                *state = BaselineState::Off;
                drop(state);
                shared.say(Message::Error("A baseline needs a camera or a video; this is a picture".into()));
                None
            }
            BaselineState::Recording { id, left_s } => {
                let id = *id;
                match self
                    .baseline_recorder
                    .get_or_insert_with(|| BaselineRecorder::new(id))
                    .add(faces, time_s)
                {
                    BaselineStep::Going { left_s: left } => {
                        *left_s = Some(left);
                        None
                    }
                    BaselineStep::Done(bias) => {
                        let network = self.model.identity();
                        let baseline = Baseline { source: source.to_owned(), network, bias };
                        self.readings.set_owner(Some(id), time_s);
                        *state = BaselineState::On { baseline: baseline.clone(), fits: true };
                        drop(state);
                        shared
                            .say(Message::Info("The baseline is on: it is taken out of the readings".into()));
                        Some(baseline)
                    }
                    BaselineStep::Failed(reason) => {
                        *state = BaselineState::Off;
                        drop(state);
                        shared.say(Message::Error(format!("No baseline was recorded: {reason}")));
                        None
                    }
                }
            }
        }
    }
}
