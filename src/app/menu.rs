//! What can be asked of the window, and the menu bar that asks it; the keys are in `shortcuts.rs`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use eframe::egui::containers::menu::{MenuButton, MenuConfig};
use eframe::egui::{self, Atom, Button, Checkbox, PopupCloseBehavior, RichText, Slider, Ui};
use moue_capture::{CameraInfo, SourceSpec};
use moue_detect::DetectorKind;

use super::baseline::BaselineAction;
use super::settings::{ColourMap, OverlayMode, Settings, ThemeChoice};
use super::shortcuts;

/// What the user wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    OpenWeightsDialog,
    OpenMediaDialog,
    OpenFolderDialog,
    /// `None`: the built-in network.
    LoadWeights(Option<PathBuf>),
    SetSource(SourceSpec),
    RefreshCameras,
    TogglePause,
    /// In a video: one frame, or some seconds.
    StepOn,
    StepBack,
    LeapOn,
    LeapBack,
    ToggleRecording,
    Snapshot,
    ChooseRecordings,
    /// Of the last recording.
    MakeReport,
    NextFace,
    Baseline(BaselineAction),
    /// The face at this place of the panel's row.
    ChooseFace(usize),
    ToggleOverlay,
    /// Attention or evidence.
    SwitchOverlay,
    ToggleMirror,
    ToggleTimeline,
    /// The side panel.
    TogglePanel,
    ToggleFullScreen,
    /// Everything larger, smaller, or as the system says.
    ZoomIn,
    ZoomOut,
    ZoomReset,
    /// Gives the keyboard to the menu bar.
    FocusMenu,
    ShowShortcuts,
    ShowModel,
    ShowAbout,
    ShowMessages,
    /// Closes the sheets, or whatever else is open.
    Close,
    Quit,
}

/// A menu's entry, with its key.
fn item(ui: &mut Ui, text: &str, action: Action, actions: &mut Vec<Action>) {
    let mut button = Button::new(text);
    if let Some(key) = shortcuts::menu_text(ui.ctx(), &action) {
        button = button.shortcut_text(key);
    }
    if ui.add(button).clicked() {
        actions.push(action);
        ui.close();
    }
}

/// What the bar needs to know.
pub(super) struct MenuState<'a> {
    /// `None` while they are being listed.
    pub(super) cameras: Option<&'a [CameraInfo]>,
    pub(super) source: &'a SourceSpec,
    pub(super) paused: bool,
    /// Whether a file plays, which can be stepped and sought in.
    pub(super) plays: bool,
    pub(super) recording: bool,
    /// Whether something was recorded that a report can be made of.
    pub(super) recorded: bool,
    /// Whether it takes the keyboard now.
    pub(super) focus: bool,
}

/// Width of the menus, in points.
const WIDTH: f32 = 250.0;
/// Width of the captions of settings, in points.
const CAPTION: f32 = 58.0;

pub(super) fn bar(ui: &mut Ui, state: &MenuState<'_>, settings: &mut Settings, actions: &mut Vec<Action>) {
    egui::MenuBar::new().ui(ui, |ui| {
        let file = ui.menu_button("File", |ui| file_menu(ui, settings, actions));
        if state.focus {
            file.response.request_focus();
        }
        let camera = ui.menu_button("Camera", |ui| camera_menu(ui, state, settings, actions));
        if camera.response.clicked() {
            actions.push(Action::RefreshCameras);
        }
        let stays = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        MenuButton::new("Record").config(stays).ui(ui, |ui| record_menu(ui, state, settings, actions));
        // Whoever sets something sees what it does before the menu is gone.
        let stays = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        MenuButton::new("View").config(stays).ui(ui, |ui| view_menu(ui, settings, actions));
        ui.menu_button("Help", |ui| {
            ui.set_width(WIDTH);
            item(ui, "Keyboard shortcuts", Action::ShowShortcuts, actions);
            item(ui, "About the model", Action::ShowModel, actions);
            item(ui, "Messages", Action::ShowMessages, actions);
            ui.separator();
            item(ui, "About moue and your privacy", Action::ShowAbout, actions);
        });
    });
}

/// Files by name, with the folder for those who hover.
fn recent(ui: &mut Ui, files: &[PathBuf], action: impl Fn(PathBuf) -> Action, actions: &mut Vec<Action>) {
    ui.set_width(WIDTH);
    if files.is_empty() {
        ui.weak("none yet");
    }
    for path in files {
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        let response = ui.add(Button::new(name).truncate()).on_hover_text(path.display().to_string());
        if response.clicked() {
            actions.push(action(path.clone()));
            ui.close();
        }
    }
}

fn file_menu(ui: &mut Ui, settings: &Settings, actions: &mut Vec<Action>) {
    ui.set_width(WIDTH);
    item(ui, "Open weights…", Action::OpenWeightsDialog, actions);
    ui.menu_button("Recent weights", |ui| {
        recent(ui, &settings.recent_weights, |path| Action::LoadWeights(Some(path)), actions);
    });
    item(ui, "Built-in weights", Action::LoadWeights(None), actions);
    ui.separator();
    item(ui, "Quit", Action::Quit, actions);
}

fn camera_menu(ui: &mut Ui, state: &MenuState<'_>, settings: &Settings, actions: &mut Vec<Action>) {
    ui.set_width(WIDTH);
    match state.cameras {
        None => {
            ui.weak("looking for cameras …");
        }
        Some([]) => {
            ui.weak("no camera found");
        }
        Some(cameras) => {
            for camera in cameras {
                let spec = SourceSpec::Camera(Some(camera.id.clone()));
                let chosen = *state.source == spec;
                let text = format!("{} ({})", camera.name, camera.path);
                if ui.add(Button::selectable(chosen, text).truncate()).clicked() {
                    actions.push(Action::SetSource(spec));
                    ui.close();
                }
            }
        }
    }
    item(ui, "Look for cameras again", Action::RefreshCameras, actions);
    ui.separator();
    item(ui, "First camera", Action::SetSource(SourceSpec::Camera(None)), actions);
    item(ui, "Demo", Action::SetSource(SourceSpec::Demo), actions);
    item(ui, "Open file…", Action::OpenMediaDialog, actions);
    item(ui, "Open folder…", Action::OpenFolderDialog, actions);
    ui.menu_button("Recent files", |ui| {
        recent(ui, &settings.recent_sources, |path| Action::SetSource(SourceSpec::Path(path)), actions);
    });
    ui.separator();
    item(ui, if state.paused { "Go on" } else { "Pause" }, Action::TogglePause, actions);
    ui.add_enabled_ui(state.plays, |ui| {
        item(ui, "One frame on", Action::StepOn, actions);
        item(ui, "One frame back", Action::StepBack, actions);
        item(ui, "5 seconds on", Action::LeapOn, actions);
        item(ui, "5 seconds back", Action::LeapBack, actions);
    });
}

fn record_menu(ui: &mut Ui, state: &MenuState<'_>, settings: &mut Settings, actions: &mut Vec<Action>) {
    ui.set_width(WIDTH + 60.0);
    item(ui, if state.recording { "Stop recording" } else { "Record" }, Action::ToggleRecording, actions);
    item(ui, "Snapshot", Action::Snapshot, actions);
    ui.separator();
    ui.add_enabled_ui(!state.recording, |ui| {
        ui.checkbox(&mut settings.record_video, "Also the annotated video")
            .on_hover_text("Written by the program ffmpeg, where it is installed");
        ui.add_enabled_ui(settings.record_video, |ui| {
            ui.checkbox(&mut settings.record_blur, "Blur the faces in it")
                .on_hover_text("Faces that are found; one that is missed stays visible");
        });
    });
    ui.separator();
    item(ui, "Recordings folder…", Action::ChooseRecordings, actions);
    let folder = settings.recordings.as_ref().map(|f| f.display().to_string());
    ui.add(
        egui::Label::new(RichText::new(folder.as_deref().unwrap_or("asked for the first time")).weak())
            .truncate(),
    );
    ui.add_enabled_ui(state.recorded && !state.recording, |ui| {
        item(ui, "Report of the last recording", Action::MakeReport, actions);
    });
}

/// A switch with its key; it is the action that turns it.
fn check(ui: &mut Ui, mut value: bool, text: &str, action: Action, actions: &mut Vec<Action>) {
    let key = RichText::new(shortcuts::menu_text(ui.ctx(), &action).unwrap_or_default()).weak();
    let content = (text, Atom::grow(), key);
    if ui.add(Checkbox::new(&mut value, content)).clicked() {
        actions.push(action);
    }
}

/// A caption on the left, a control on the right of it, named by the caption.
fn setting(ui: &mut Ui, caption: &str, control: impl FnOnce(&mut Ui, egui::Id)) {
    ui.horizontal(|ui| {
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        let label = ui.allocate_ui_with_layout(egui::vec2(CAPTION, 20.0), layout, |ui| {
            ui.set_min_width(CAPTION);
            ui.weak(caption).id
        });
        control(ui, label.inner);
    });
}

/// Without a box for the value: that would keep the arrow keys, and nobody came past it.
fn slider(ui: &mut Ui, value: &mut f32, range: RangeInclusive<f32>, step: f64) -> egui::Response {
    ui.add(Slider::new(value, range).step_by(step).show_value(false))
}

fn view_menu(ui: &mut Ui, settings: &mut Settings, actions: &mut Vec<Action>) {
    ui.set_width(WIDTH + 90.0);
    check(ui, settings.overlay, "Attention heatmap", Action::ToggleOverlay, actions);
    ui.add_enabled_ui(settings.overlay, |ui| {
        setting(ui, "Shows", |ui, _| {
            ui.radio_value(&mut settings.overlay_mode, OverlayMode::Attention, "Where it looked");
            ui.radio_value(&mut settings.overlay_mode, OverlayMode::Evidence, "Evidence")
                .on_hover_text("What speaks for the shown expression (class activation map)");
            ui.weak(shortcuts::menu_text(ui.ctx(), &Action::SwitchOverlay).unwrap_or_default());
        });
        setting(ui, "Colours", |ui, _| {
            for map in ColourMap::ALL {
                ui.radio_value(&mut settings.colour_map, map, format!("{map:?}"));
            }
        });
        setting(ui, "Opacity", |ui, label| {
            slider(ui, &mut settings.overlay_opacity, 0.0..=1.0, 0.05).labelled_by(label);
            ui.label(format!("{:.0} %", settings.overlay_opacity * 100.0));
        });
    });
    ui.separator();
    setting(ui, "Smoothing", |ui, label| {
        slider(ui, &mut settings.smoothing_ms, 0.0..=2000.0, 50.0).labelled_by(label).on_hover_text(
            "0 shows each reading as it is; more averages over that time, and lags by about as much",
        );
        ui.label(format!("{:.0} ms", settings.smoothing_ms));
    });
    setting(ui, "Faces by", |ui, _| {
        for (detector, text, hint) in [
            (
                DetectorKind::Auto,
                "Both",
                "BlazeFace and its mesh for near faces, rustface for groups and small ones",
            ),
            (DetectorKind::Rustface, "rustface", "Upright faces only"),
            (DetectorKind::BlazeFace, "BlazeFace", "Near faces only, turned ones too"),
        ] {
            ui.radio_value(&mut settings.detector, detector, text).on_hover_text(hint);
        }
    });
    item(ui, "Neutral baseline", Action::Baseline(BaselineAction::Toggle), actions);
    ui.separator();
    check(ui, settings.mirror, "Mirror camera and demo", Action::ToggleMirror, actions);
    check(ui, settings.panel, "Side panel", Action::TogglePanel, actions);
    check(ui, settings.timeline, "Timeline", Action::ToggleTimeline, actions);
    item(ui, "Next face", Action::NextFace, actions);
    ui.separator();
    setting(ui, "Theme", |ui, _| {
        for (theme, text) in
            [(ThemeChoice::System, "System"), (ThemeChoice::Light, "Light"), (ThemeChoice::Dark, "Dark")]
        {
            ui.radio_value(&mut settings.theme, theme, text);
        }
    });
    item(ui, "Larger", Action::ZoomIn, actions);
    item(ui, "Smaller", Action::ZoomOut, actions);
    item(ui, "Normal size", Action::ZoomReset, actions);
    item(ui, "Full screen", Action::ToggleFullScreen, actions);
}
