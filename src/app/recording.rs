//! Recording and snapshots from the window.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use eframe::egui::{self, Align2, Area, Color32, Context, Id, Label, Order, Rect, RichText, vec2};
use parking_lot::Mutex;

use super::overlay::map_of;
use super::picker::Request;
use super::preview::{label_text, mirrored};
use super::settings::{ColourMap, OverlayMode, Settings};
use super::theme;
use super::window::{MoueApp, smoothing};
use crate::pipeline::{LiveResult, Message, ResultTap, SourceState};
use crate::record::report::write_report;
use crate::record::{
    AnnotatedFace, AnnotatedFrame, HeatStyle, PictureStyle, RecordedSettings, RecordedSource, Recorder,
    RecorderOptions, RecorderTap, ResultRows, VideoOptions, save_snapshot,
};

fn recorded(settings: &Settings, baseline: bool) -> RecordedSettings {
    RecordedSettings { baseline, ..RecordedSettings::new(&smoothing(settings)) }
}

/// Frames a second of a recorded video: what a slow machine still reads and encodes.
const VIDEO_RATE: f64 = 25.0;

/// What waits for the user to choose a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Record,
    Snapshot,
}

/// What the analysis thread hands results to.
type Slot = Arc<Mutex<Option<Taker>>>;

struct Taker {
    tap: RecorderTap,
    mode: OverlayMode,
}

/// The recording that goes on, those that are being closed, and snapshots under way.
pub(super) struct Recordings {
    running: Option<Recorder>,
    closing: Vec<Recorder>,
    slot: Slot,
    waiting: Option<Waiting>,
    /// What the user was told of the running one: lost results, no video.
    told: (bool, bool),
    last: Option<PathBuf>,
    done: (Sender<Message>, Receiver<Message>),
}

impl Default for Recordings {
    fn default() -> Self {
        Self {
            running: None,
            closing: Vec::new(),
            slot: Slot::default(),
            waiting: None,
            told: (false, false),
            last: None,
            done: unbounded(),
        }
    }
}

impl Recordings {
    /// What the analysis thread calls with each result; `other` is called as well.
    pub(super) fn result_tap(&self, other: Option<Arc<ResultTap>>) -> Arc<ResultTap> {
        let slot = Arc::clone(&self.slot);
        Arc::new(move |result: &Arc<LiveResult>| {
            if let Some(taker) = &*slot.lock() {
                taker.take(result);
            }
            if let Some(other) = &other {
                other(result);
            }
        })
    }

    /// Whether a recording goes on.
    pub(super) fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// The session folder of the last recording of this window.
    pub(super) fn last(&self) -> Option<&Path> {
        self.last.as_deref()
    }

    /// Takes nothing more; the files are closed meanwhile.
    pub(super) fn end(&mut self) {
        *self.slot.lock() = None;
        if let Some(recorder) = self.running.take() {
            recorder.end();
            self.closing.push(recorder);
        }
    }

    /// Notes that the readings are calmed differently from now on.
    pub(super) fn settings_changed(&self, settings: &Settings, baseline: bool) {
        if let Some(recorder) = &self.running {
            recorder.set_settings(recorded(settings, baseline));
        }
    }

    /// What there is to tell.
    fn news(&mut self) -> Vec<Message> {
        let mut news: Vec<Message> = self.done.1.try_iter().collect();
        if let Some(recorder) = &self.running {
            let status = recorder.status();
            if status.lost > 0 && !std::mem::replace(&mut self.told.0, true) {
                news.push(Message::Error(
                    "the disk is too slow for the recording: results are being lost, and counted".into(),
                ));
            }
            if let Some(text) = &status.video_failed
                && !std::mem::replace(&mut self.told.1, true)
            {
                news.push(Message::Error(format!("{text}\n(the readings are recorded all the same)")));
            }
            if status.failed.is_some() || status.finished {
                self.end();
            }
        }
        self.closing.retain(|recorder| {
            let status = recorder.status();
            if !status.finished {
                return true;
            }
            let folder = recorder.folder().display();
            news.push(match status.failed {
                Some(reason) => Message::Error(format!(
                    "the recording stopped: {reason}\n(what was written until then is kept in {folder})"
                )),
                None => {
                    let lost = if status.lost > 0 {
                        format!(", {} results lost", status.lost)
                    } else {
                        String::new()
                    };
                    Message::Info(format!("recorded {} readings into {folder}{lost}", status.faces))
                }
            });
            false
        });
        news
    }

    /// A red mark in the corner of `stage` while it records.
    pub(super) fn mark(&self, ctx: &Context, stage: Rect) {
        let Some(recorder) = &self.running else { return };
        ctx.request_repaint_after(Duration::from_millis(500));
        let seconds = recorder.started_at().elapsed().as_secs();
        let time = match seconds / 3600 {
            0 => format!("{}:{:02}", seconds / 60, seconds % 60),
            h => format!("{h}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
        };
        let status = recorder.status();
        let lost = if status.lost > 0 { format!(" · {} lost", status.lost) } else { String::new() };
        Area::new(Id::unique("recording"))
            .order(Order::Middle)
            .interactable(false)
            .fixed_pos(stage.right_top() + vec2(-22.0, 22.0))
            .pivot(Align2::RIGHT_TOP)
            .show(ctx, |ui| {
                egui::Frame::new()
                    .fill(theme::LIVE)
                    .corner_radius(13)
                    .inner_margin(egui::vec2(10.0, 4.0))
                    .show(ui, |ui| {
                        let text = format!("● REC {time}{lost}");
                        let text = RichText::new(text).size(14.0).strong().color(Color32::WHITE);
                        ui.add(Label::new(text).extend().selectable(false));
                    });
            });
    }
}

impl Taker {
    /// On the analysis thread: must not wait.
    fn take(&self, result: &LiveResult) {
        let analyzed = &result.analyzed;
        let captured = analyzed.frame.captured_at;
        let time_s = self.tap.time_s(captured);
        let age_ms = result.finished_at.saturating_duration_since(captured).as_secs_f32() * 1000.0;
        self.tap.push(ResultRows::new(analyzed, &result.shown, time_s, age_ms), &result.model);
        if self.tap.wants_frames() {
            self.tap.push_frame(annotated(result, self.mode), time_s);
        }
    }
}

/// The result with what the window writes beside each face.
fn annotated(result: &LiveResult, mode: OverlayMode) -> AnnotatedFrame {
    let faces = result.analyzed.faces.iter().zip(&result.shown).map(|(face, shown)| AnnotatedFace {
        id: face.id,
        face: face.detection.face,
        region: face.region,
        label: label_text(shown),
        heat: map_of(mode, face, shown).clone(),
        probabilities: shown.probabilities,
    });
    AnnotatedFrame { image: Arc::clone(&result.analyzed.frame.image), faces: faces.collect() }
}

/// The overlay as the settings have it.
fn heat_style(settings: &Settings) -> Option<HeatStyle> {
    let colour: fn(f32) -> [u8; 3] = match settings.colour_map {
        ColourMap::Inferno => |t| ColourMap::Inferno.colour(t),
        ColourMap::Viridis => |t| ColourMap::Viridis.colour(t),
        ColourMap::Turbo => |t| ColourMap::Turbo.colour(t),
        ColourMap::Magma => |t| ColourMap::Magma.colour(t),
    };
    settings.overlay.then_some(HeatStyle { colour, opacity: settings.overlay_opacity })
}

impl MoueApp {
    /// Starts or ends a recording; asks for a folder the first time.
    pub(super) fn toggle_recording(&mut self, ctx: &Context) {
        if self.recordings.is_on() {
            self.recordings.end();
            return;
        }
        let SourceState::Running(info) = self.live.state() else {
            self.tell(Message::Info("there is nothing to record: no source is running".into()));
            return;
        };
        let Some(parent) = self.recordings_folder(Waiting::Record) else { return };
        let options = RecorderOptions {
            parent,
            source: RecordedSource::new(&info),
            model: self.live.model(),
            settings: recorded(&self.settings, self.unbiased),
            video: self.settings.record_video.then(|| VideoOptions {
                frame_rate: VIDEO_RATE,
                blur: self.settings.record_blur,
                style: PictureStyle {
                    heat: heat_style(&self.settings),
                    mirror: mirrored(info.kind, &self.settings),
                    ..PictureStyle::default()
                },
            }),
        };
        let wake = ctx.clone();
        match Recorder::start(options, move || wake.request_repaint()) {
            Ok(recorder) => {
                let taker = Taker { tap: recorder.tap(), mode: self.settings.overlay_mode };
                *self.recordings.slot.lock() = Some(taker);
                self.recordings.last = Some(recorder.folder().to_owned());
                self.recordings.told = (false, false);
                self.recordings.running = Some(recorder);
            }
            Err(e) => self.tell(Message::Error(e.to_string())),
        }
    }

    /// Saves the picture as it is shown, on a thread of its own.
    pub(super) fn snapshot(&mut self, ctx: &Context, result: Option<&LiveResult>) {
        let kind = match self.live.state() {
            SourceState::Running(info) => info.kind,
            _ => {
                self.tell(Message::Info("there is no picture to save: no source is running".into()));
                return;
            }
        };
        let Some(image) = self.frame.image() else { return };
        let Some(folder) = self.recordings_folder(Waiting::Snapshot) else { return };
        // Boxes belong to the frame that they were found in: that one is saved where there is a reading.
        let frame = match result {
            Some(result) => annotated(result, self.settings.overlay_mode),
            None => AnnotatedFrame { image, faces: Vec::new() },
        };
        let style = PictureStyle {
            heat: heat_style(&self.settings),
            mirror: mirrored(kind, &self.settings),
            bars: if self.settings.panel { self.choose(result) } else { None },
            blur: false,
        };
        self.in_background(ctx, "snapshot", move || {
            save_snapshot(&folder, &frame, &style).map(|path| format!("saved {}", path.display()))
        });
    }

    /// Makes the page of the last recording.
    pub(super) fn report_last(&mut self, ctx: &Context) {
        let Some(folder) = self.recordings.last.clone() else {
            self.tell(Message::Info("nothing was recorded yet".into()));
            return;
        };
        self.in_background(ctx, "report", move || {
            write_report(&folder, None).map(|path| format!("the report is {}", path.display()))
        });
    }

    fn in_background(
        &mut self,
        ctx: &Context,
        name: &str,
        work: impl FnOnce() -> Result<String, crate::record::RecordError> + Send + 'static,
    ) {
        let (done, wake, title) = (self.recordings.done.0.clone(), ctx.clone(), name.to_owned());
        let body = move || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // Nobody listens any more where the window was closed meanwhile.
            let _ = done.send(match outcome {
                Ok(Ok(text)) => Message::Info(text),
                Ok(Err(e)) => Message::Error(e.to_string()),
                Err(_) => {
                    Message::Error(format!("the thread \"{title}\" panicked; this is a fault of the program"))
                }
            });
            wake.request_repaint();
        };
        if let Err(e) = std::thread::Builder::new().name(name.into()).spawn(body) {
            self.tell(Message::Error(format!("no thread for the {name}: {e}")));
        }
    }

    /// The folder for recordings. Where there is none, the user is asked, and what was wanted is done then.
    fn recordings_folder(&mut self, waiting: Waiting) -> Option<PathBuf> {
        match &self.settings.recordings {
            Some(folder) if folder.is_dir() => Some(folder.clone()),
            other => {
                if let Some(gone) = other {
                    let text =
                        format!("{}: the folder for recordings is gone; choose another", gone.display());
                    self.tell(Message::Error(text));
                }
                self.recordings.waiting = Some(waiting);
                self.picker.open(Request::Recordings);
                None
            }
        }
    }

    /// A folder was chosen.
    pub(super) fn set_recordings_folder(
        &mut self,
        ctx: &Context,
        folder: PathBuf,
        result: Option<&LiveResult>,
    ) {
        self.settings.recordings = Some(folder);
        match self.recordings.waiting.take() {
            Some(Waiting::Record) if !self.recordings.is_on() => self.toggle_recording(ctx),
            Some(Waiting::Snapshot) => self.snapshot(ctx, result),
            _ => {}
        }
    }

    /// Tells what happened to recordings and snapshots.
    pub(super) fn follow_recordings(&mut self) {
        for message in self.recordings.news() {
            self.tell(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overlay_is_drawn_as_it_is_set() {
        let mut settings = Settings { colour_map: ColourMap::Turbo, ..Settings::default() };
        let style = heat_style(&settings).unwrap();
        assert_eq!((style.colour)(0.7), ColourMap::Turbo.colour(0.7));
        settings.overlay = false;
        assert!(heat_style(&settings).is_none());
    }
}
