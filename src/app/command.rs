//! Everything that the window can be asked to do. Keys, menus, buttons, dropped files and dialogs all become a
//! [`Command`]; `apply.rs` carries them out.

use std::path::PathBuf;
use std::time::Instant;

use moue_capture::SourceSpec;
use moue_detect::DetectorKind;

use super::picture_zoom::PictureZoom;
use crate::pipeline::{Trigger, WeightsChoice};
use crate::record::SessionWords;
use crate::settings::{ColourMap, LanguageChoice, OverlayMode, ThemeChoice};

/// What the user wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    /// For any file that can be opened.
    OpenDialog,
    OpenWeightsDialog,
    OpenFolderDialog,
    OpenRecordingsDialog,
    /// One more window of the program, beside this one.
    NewWindow,
    /// `None`: the built-in network.
    LoadWeights(Option<PathBuf>),
    /// The file in use once more, with what the user says of it.
    LoadWeightsAs(WeightsChoice),
    SetSource(SourceSpec),
    /// The same, and the recording ends for it.
    EndAndSwitch(SourceSpec),
    /// The source stays.
    KeepRecording,
    /// Opens the source in use again.
    Reconnect,
    RefreshCameras,
    TogglePause,
    /// The next five are for videos and animations.
    NextFrame,
    PreviousFrame,
    SkipForward,
    SkipBack,
    /// To this second.
    SeekTo(f64),
    SetSpeed(f64),
    SetLooping(bool),
    /// The next eight are for folders.
    NextFile,
    PreviousFile,
    /// The file at this place of the folder.
    GoToFile(usize),
    ToggleSlideshow,
    ToggleContactSheet,
    SortContactSheet(SortBy),
    /// Stops reading; what was read stays.
    StopContactSheet,
    /// As a CSV file in the recordings folder.
    ExportContactSheet,
    ToggleRecording,
    /// Asks what happened now.
    AskMarker,
    /// What happened at this moment; empty: just a marker.
    SetMarker(Instant, String),
    CloseMarker,
    Snapshot,
    SetRecordingsFolder(PathBuf),
    /// Of the last recording.
    MakeReport,
    OpenSessionDialog,
    /// Makes the page of the recording in this folder, and opens it.
    OpenSession(PathBuf),
    /// Opens a file with the system's program for it.
    OpenFile(PathBuf),
    /// Shows a file or folder in the system's file manager.
    ShowInFolder(PathBuf),
    /// Name and notes of the next recording.
    SetWords(SessionWords),
    /// Name and notes of the last recording, which has ended.
    WriteWords(SessionWords),
    NextFace,
    /// The face with this id.
    SelectFace(u64),
    /// The face at this place of the panel's row.
    SelectFaceAt(usize),
    /// Asks for the name of the face with this id.
    AskName(u64),
    SetName(u64, String),
    CloseNaming,
    /// Of the face with this id, else of the chosen one.
    CopyReading(Option<u64>),
    /// Of the face that the timeline shows.
    CopyTimeline,
    CopyPicture,
    /// How much of the picture is seen.
    ZoomPicture(PictureZoom),
    Baseline(BaselineCommand),
    Teach(TeachCommand),
    OpenProfileDialog,
    OpenProfile(PathBuf),
    ProfileOff,
    /// The list of triggers.
    ToggleTriggers,
    SetTriggers(Vec<Trigger>),
    ToggleOverlay,
    /// Attention or evidence.
    SwitchOverlay,
    /// The mesh of the face's points.
    ToggleMesh,
    ToggleMirror,
    ToggleTimeline,
    TogglePanel,
    ToggleFullScreen,
    ZoomIn,
    ZoomOut,
    ZoomReset,
    /// A setting that takes a value.
    Set(Setting),
    /// Finds out which languages the system has fonts for.
    LookForFonts,
    /// Gives the keyboard to the menu bar.
    FocusMenu,
    /// Opens a sheet, or closes the one that is open.
    ToggleSheet(Sheet),
    CloseSheet,
    /// The message at this place on screen.
    CloseToast(usize),
    /// Closes whatever lies on top.
    Close,
    Quit,
}

/// What the buttons of teaching ask for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TeachCommand {
    /// Which expressions?
    Open,
    /// The sitting begins with these.
    Start(Vec<String>),
    /// Leaves the take out.
    Skip,
    /// Makes the take again.
    Redo,
    /// Learns from the takes so far.
    Finish,
    /// Ends it; nothing is kept.
    Stop,
    /// Keeps what was learned under this name.
    Keep(String),
}

/// How the faces of a contact sheet are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum SortBy {
    #[default]
    Name,
    Expression,
}

/// A setting and its new value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Setting {
    OverlayMode(OverlayMode),
    ColourMap(ColourMap),
    /// 0..=1.
    OverlayOpacity(f32),
    /// Time constant in milliseconds, 0..=2000.
    Smoothing(f32),
    Theme(ThemeChoice),
    Language(LanguageChoice),
    /// Which detectors look for faces.
    Detector(DetectorKind),
    RecordVideo(bool),
    BlurFaces(bool),
    /// Areas that add up to 100 %, otherwise seven curves.
    TimelineAreas(bool),
    /// The introduction was read.
    Introduced,
}

/// What the user wants of the personal baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BaselineCommand {
    /// Records one, or turns off what is on.
    Toggle,
    /// Turns it off, or stops the recording of one.
    Off,
    /// Applies the one in the settings.
    UseSaved,
    /// Writes the one that is on into the settings.
    Save,
    /// Removes it from the settings; it stays on until it is turned off.
    DeleteSaved,
}

/// What can lie over the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sheet {
    Shortcuts,
    Model,
    Messages,
    /// Name and notes of a recording.
    Session,
    About,
}
