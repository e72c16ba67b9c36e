//! What can be asked of the window, and the menu bar that asks it; the keys are in `shortcuts.rs`.

use std::path::PathBuf;

use eframe::egui::{self, Button, Slider, Ui};

use super::settings::{ColourMap, OverlayMode, Settings, ThemeChoice};
use super::shortcuts;
use crate::capture::{CameraInfo, SourceSpec};

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
    NextFace,
    /// The face at this place of the panel's row.
    ChooseFace(usize),
    ToggleOverlay,
    /// Attention or evidence.
    SwitchOverlay,
    ToggleMirror,
    ToggleTimeline,
    ToggleFullScreen,
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
    }
}

/// What the bar needs to know.
pub(super) struct MenuState<'a> {
    /// `None` while they are being listed.
    pub(super) cameras: Option<&'a [CameraInfo]>,
    pub(super) source: &'a SourceSpec,
    pub(super) paused: bool,
    /// Whether it takes the keyboard now.
    pub(super) focus: bool,
}

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
        ui.menu_button("View", |ui| view_menu(ui, settings, actions));
        ui.menu_button("Help", |ui| {
            item(ui, "About the model", Action::ShowModel, actions);
            item(ui, "Keyboard shortcuts", Action::ShowShortcuts, actions);
            item(ui, "Messages", Action::ShowMessages, actions);
            item(ui, "About moue and your privacy", Action::ShowAbout, actions);
        });
    });
}

fn file_menu(ui: &mut Ui, settings: &Settings, actions: &mut Vec<Action>) {
    item(ui, "Open weights…", Action::OpenWeightsDialog, actions);
    ui.menu_button("Recent weights", |ui| {
        if settings.recent_weights.is_empty() {
            ui.weak("none yet");
        }
        for path in &settings.recent_weights {
            item(ui, &path.display().to_string(), Action::LoadWeights(Some(path.clone())), actions);
        }
    });
    item(ui, "Built-in weights", Action::LoadWeights(None), actions);
    ui.separator();
    item(ui, "Quit", Action::Quit, actions);
}

fn camera_menu(ui: &mut Ui, state: &MenuState<'_>, settings: &Settings, actions: &mut Vec<Action>) {
    match state.cameras {
        None => {
            ui.weak("looking for cameras …");
        }
        Some([]) => {
            ui.weak("no camera found");
        }
        Some(cameras) => {
            for camera in cameras {
                let spec = SourceSpec::Camera(Some(camera.path.clone()));
                let chosen = *state.source == spec;
                let text = format!("{} ({})", camera.name, camera.path);
                if ui.selectable_label(chosen, text).clicked() {
                    actions.push(Action::SetSource(spec));
                    ui.close();
                }
            }
        }
    }
    item(ui, "Look for cameras again", Action::RefreshCameras, actions);
    ui.separator();
    item(ui, "Demo", Action::SetSource(SourceSpec::Demo), actions);
    item(ui, "Open file…", Action::OpenMediaDialog, actions);
    item(ui, "Open folder…", Action::OpenFolderDialog, actions);
    ui.menu_button("Recent files", |ui| {
        if settings.recent_sources.is_empty() {
            ui.weak("none yet");
        }
        for path in &settings.recent_sources {
            let action = Action::SetSource(SourceSpec::Path(path.clone()));
            item(ui, &path.display().to_string(), action, actions);
        }
    });
    ui.separator();
    item(ui, if state.paused { "Go on" } else { "Pause" }, Action::TogglePause, actions);
}

/// A switch with its key; it is the action that turns it.
fn check(ui: &mut Ui, mut value: bool, text: &str, action: Action, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        if ui.checkbox(&mut value, text).clicked() {
            actions.push(action.clone());
        }
        ui.weak(shortcuts::menu_text(ui.ctx(), &action).unwrap_or_default());
    });
}

fn view_menu(ui: &mut Ui, settings: &mut Settings, actions: &mut Vec<Action>) {
    check(ui, settings.overlay, "Attention", Action::ToggleOverlay, actions);
    ui.horizontal(|ui| {
        ui.radio_value(&mut settings.overlay_mode, OverlayMode::Attention, "Where it looked");
        ui.radio_value(&mut settings.overlay_mode, OverlayMode::Evidence, "Evidence")
            .on_hover_text("What speaks for the shown expression (class activation map)");
    });
    ui.add(Slider::new(&mut settings.overlay_opacity, 0.0..=1.0).text("Opacity").show_value(false));
    ui.menu_button("Colours", |ui| {
        for map in ColourMap::ALL {
            ui.radio_value(&mut settings.colour_map, map, format!("{map:?}"));
        }
    });
    ui.separator();
    check(ui, settings.mirror, "Mirror camera and demo", Action::ToggleMirror, actions);
    check(ui, settings.timeline, "Timeline", Action::ToggleTimeline, actions);
    ui.add(
        Slider::new(&mut settings.smoothing_ms, 0.0..=2000.0).text("Calm").suffix(" ms").fixed_decimals(0),
    )
    .on_hover_text("0 shows each reading as it is; more averages over that time, and lags by about as much");
    ui.separator();
    ui.horizontal(|ui| {
        ui.label("Theme");
        for (theme, text) in
            [(ThemeChoice::System, "System"), (ThemeChoice::Light, "Light"), (ThemeChoice::Dark, "Dark")]
        {
            ui.radio_value(&mut settings.theme, theme, text);
        }
    });
    item(ui, "Full screen", Action::ToggleFullScreen, actions);
    item(ui, "Next face", Action::NextFace, actions);
}
