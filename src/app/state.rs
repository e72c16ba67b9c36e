//! All state of the window, in one struct. `update.rs` and `apply.rs` change it, the views read it.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use eframe::egui::Context;
use moue_capture::{CameraInfo, SourceInfo, SourceSpec, Transport, TransportStatus};

use super::contact::ContactSheet;
use super::copying::PictureCopy;
use super::frame_texture::{FrameTexture, TexturePixels};
use super::history::History;
use super::language::Language;
use super::marker_form::MarkerDialog;
use super::names::Names;
use super::naming::NameDialog;
use super::opened_files::OpenedFiles;
use super::overlay::HeatTextures;
use super::persistence::{FileJobs, SettingsWriter};
use super::picker::FilePicker;
use super::picture_zoom::PictureZoom;
use super::playlist::{FolderLister, Playlist};
use super::question::Question;
use super::rates::Rates;
use super::recordings::Recordings;
use super::selection::Selection;
use super::sheets::Sheets;
use super::spoken::Spoken;
use super::start_log::StartLog;
use super::system_fonts::SystemFonts;
use super::teach::Teach;
use super::toasts::Toasts;
use super::triggers::Triggers;
use super::window_placement::PlacementTracker;
use crate::pipeline::{
    AnalyzedFace, BaselineState, Live, LiveResult, Mailbox, Message, ModelInfo, ProfileState, ShownReading,
    SourceState,
};
use crate::record::{IncomingMarker, SessionWords};
use crate::settings::Settings;

/// Most messages in the list; beyond that the oldest are dropped.
const MAX_MESSAGES: usize = 100;

/// The window's state.
pub(super) struct State {
    /// The running pipeline.
    pub(super) live: Live,
    /// What the pipeline says in this pass. All views of one pass show the same.
    pub(super) snapshot: PipelineSnapshot,
    pub(super) picker: Box<dyn FilePicker>,

    pub(super) settings: Settings,
    /// The settings that were last handed to the pipeline and to the settings file.
    pub(super) applied: Settings,
    /// `None`: settings are not saved.
    pub(super) writer: Option<SettingsWriter>,
    pub(super) placement: PlacementTracker,
    /// The system's language.
    pub(super) system_language: Language,
    pub(super) fonts: SystemFonts,

    /// The newest frame from the capture thread.
    pub(super) new_frame: Arc<Mailbox<TexturePixels>>,
    pub(super) frame: FrameTexture,
    pub(super) heat: HeatTextures,
    pub(super) rates: Rates,
    pub(super) history: History,
    pub(super) selection: Selection,
    pub(super) names: Names,
    pub(super) naming: NameDialog,
    pub(super) marker: MarkerDialog,
    /// Markers that other programs send.
    pub(super) incoming: Option<Receiver<IncomingMarker>>,
    pub(super) teach: Teach,
    pub(super) triggers: Triggers,
    /// Where profiles are kept; made when the first one is.
    pub(super) profiles: Option<PathBuf>,
    pub(super) picture_zoom: PictureZoom,
    pub(super) picture_copy: PictureCopy,

    /// `None` while they are being listed for the first time.
    pub(super) cameras: Option<Vec<CameraInfo>>,
    /// The answer of the thread that lists the cameras.
    pub(super) camera_list: Option<Receiver<Result<Vec<CameraInfo>, String>>>,
    /// Whether the source is that of the last session and has not opened yet.
    pub(super) source_on_trial: bool,
    /// Why the source of the last session does not work, until another one runs.
    pub(super) lost_source: Option<LostSource>,

    /// The files of the folder that was opened.
    pub(super) playlist: Option<Playlist>,
    pub(super) lister: FolderLister,
    /// Videos begin again at their end, unless the user said no.
    pub(super) looping: bool,
    /// Steps of the start that were logged.
    pub(super) started: StartLog,
    /// The playback that was told so.
    pub(super) playback: Option<Transport>,
    pub(super) contact: ContactSheet,
    /// The network whose file was remembered.
    pub(super) remembered_model: Option<Arc<ModelInfo>>,

    pub(super) recordings: Recordings,
    /// Name and notes of the next one.
    pub(super) words: SessionWords,
    /// A recording begins as soon as the source runs.
    pub(super) record_when_running: bool,
    /// Whether the running recording should end, which another source makes necessary.
    pub(super) question: Question,
    /// Snapshots and reports that are being written.
    pub(super) jobs: FileJobs,
    /// Files that were dropped on the window or chosen, until it is known what they are.
    pub(super) opened: OpenedFiles,
    /// What to do once the user has chosen a folder for recordings.
    pub(super) after_folder: Option<AfterFolder>,
    /// Whether a personal baseline is applied, as the running recording has noted it.
    pub(super) baseline_recorded: bool,

    pub(super) messages: Vec<Message>,
    pub(super) toasts: Toasts,
    pub(super) sheets: Sheets,
    pub(super) spoken: Spoken,
    /// The menu bar should take the keyboard focus.
    pub(super) focus_menu: bool,
    /// Somebody takes every result, whether the window is seen or not.
    pub(super) tapped: Cell<bool>,
    /// The window's title as the system has it.
    pub(super) title: String,
}

/// What the pipeline says at one moment.
pub(super) struct PipelineSnapshot {
    pub(super) source: SourceState,
    /// What the frame on screen is of.
    pub(super) info: Option<SourceInfo>,
    /// The source that was asked for.
    pub(super) wanted: SourceSpec,
    pub(super) paused: bool,
    /// Where a video or animation is; `None` for other sources.
    pub(super) playback: Option<TransportStatus>,
    /// `None` while the first network is being loaded.
    pub(super) model: Option<Arc<ModelInfo>>,
    /// The newest result; `None` where it is too old to be shown.
    pub(super) result: Option<Arc<LiveResult>>,
    pub(super) baseline: BaselineState,
    pub(super) profile: ProfileState,
}

/// The source of the last session, which does not work.
pub(super) struct LostSource {
    pub(super) reason: String,
    pub(super) is_camera: bool,
}

/// What the user wanted when a folder for recordings was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterFolder {
    Record,
    Snapshot,
    ContactSheet,
}

impl PipelineSnapshot {
    /// Asks the pipeline. `result` is the one to show, `last` what the frame on screen was of so far.
    pub(super) fn read(live: &Live, result: Option<Arc<LiveResult>>, last: Option<SourceInfo>) -> Self {
        let source = live.state();
        let info = match &source {
            SourceState::Running(info) | SourceState::NoSignal { info, .. } => Some(info.clone()),
            _ => last,
        };
        Self {
            source,
            info,
            wanted: live.wanted_source(),
            paused: live.is_paused(),
            playback: live.transport().map(|t| t.status()),
            model: live.model(),
            result,
            baseline: live.baseline(),
            profile: live.profile(),
        }
    }

    /// Whether a video or animation is paused on a frame.
    pub(super) fn still(&self) -> bool {
        self.playback.as_ref().is_some_and(|p| !p.playing)
    }

    /// Whether a profile is on, also one that rests.
    pub(super) fn has_profile(&self) -> bool {
        matches!(self.profile, ProfileState::On(_))
    }

    /// Whether the picture stands still because the user paused.
    pub(super) fn frozen(&self) -> bool {
        self.paused || self.still()
    }
}

impl State {
    /// Starts with these settings; nothing is shown yet.
    pub(super) fn new(
        live: Live,
        settings: Settings,
        picker: Box<dyn FilePicker>,
        writer: Option<SettingsWriter>,
        new_frame: Arc<Mailbox<TexturePixels>>,
    ) -> Self {
        Self {
            snapshot: PipelineSnapshot::read(&live, None, None),
            live,
            picker,
            applied: settings.clone(),
            settings,
            writer,
            placement: PlacementTracker::default(),
            system_language: Language::English,
            fonts: SystemFonts::default(),
            new_frame,
            frame: FrameTexture::default(),
            heat: HeatTextures::default(),
            rates: Rates::default(),
            history: History::default(),
            selection: Selection::default(),
            names: Names::default(),
            naming: NameDialog::default(),
            marker: MarkerDialog::default(),
            incoming: None,
            teach: Teach::default(),
            triggers: Triggers::default(),
            profiles: None,
            picture_zoom: PictureZoom::default(),
            picture_copy: PictureCopy::default(),
            cameras: None,
            camera_list: None,
            source_on_trial: false,
            lost_source: None,
            playlist: None,
            lister: FolderLister::default(),
            looping: true,
            started: StartLog::default(),
            playback: None,
            contact: ContactSheet::default(),
            remembered_model: None,
            recordings: Recordings::default(),
            words: SessionWords::default(),
            record_when_running: false,
            question: Question::default(),
            jobs: FileJobs::default(),
            opened: OpenedFiles::default(),
            after_folder: None,
            baseline_recorded: false,
            messages: Vec::new(),
            toasts: Toasts::default(),
            sheets: Sheets::default(),
            spoken: Spoken::default(),
            focus_menu: false,
            tapped: Cell::new(false),
            title: String::new(),
        }
    }

    /// Shows a message and keeps it in the list.
    pub(super) fn report(&mut self, message: Message) {
        self.report_saved(message, None);
    }

    /// The same, of something that was saved here.
    pub(super) fn report_saved(&mut self, message: Message, path: Option<PathBuf>) {
        let message = message.in_plain_words();
        // What is wrong with a source is shown large in its place.
        if !matches!(message, Message::SourceError(_)) {
            self.toasts.add(message.clone(), path);
        }
        self.messages.push(message);
        if self.messages.len() > MAX_MESSAGES {
            self.messages.remove(0);
        }
    }

    /// Shows another source; what belongs to the one before ends with it.
    pub(super) fn show_source(&mut self, source: SourceSpec) {
        // A recording belongs to one source, so a change of source ends it.
        self.recordings.end();
        self.selection.clear();
        self.names.clear();
        self.picture_zoom = PictureZoom::default();
        // When the same source is opened again, its last frame stays on screen until a new one arrives.
        if source != self.live.wanted_source() {
            self.frame.clear();
        }
        self.source_on_trial = false;
        self.live.set_source(source);
    }

    /// The result to show, where there is one.
    pub(super) fn result(&self) -> Option<&LiveResult> {
        self.snapshot.result.as_deref()
    }

    /// The selected face and its reading.
    pub(super) fn selected_face(&self) -> Option<(&AnalyzedFace, &ShownReading)> {
        self.face(self.selection.current()?)
    }

    /// The face with this id and its reading, where it is in view.
    pub(super) fn face(&self, id: u64) -> Option<(&AnalyzedFace, &ShownReading)> {
        let result = self.result()?;
        result.analyzed.faces.iter().zip(&result.shown).find(|(face, _)| face.id == id)
    }

    /// Whether something lies over the window that takes the keyboard.
    pub(super) fn is_covered(&self) -> bool {
        let dialog = self.picker.is_open() || self.question.is_open() || self.naming.is_open();
        let dialog = dialog || self.marker.is_open();
        dialog || self.sheets.is_open() || self.teach.is_open() || self.triggers.is_open()
    }

    /// Whether the window fills the screen.
    pub(super) fn is_full_screen(ctx: &Context) -> bool {
        ctx.input(|i| i.viewport().fullscreen.unwrap_or(false))
    }
}
