//! The menu bar and the keyboard: everything is reachable both ways.

use std::path::PathBuf;

use eframe::egui::{self, Button, Key, KeyboardShortcut, Modifiers, Slider, Ui};

use super::settings::{ColourMap, OverlayMode, Settings, ThemeChoice};
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
    ToggleFullScreen,
    ShowShortcuts,
    ShowModel,
    ShowAbout,
    ShowMessages,
    CloseDialogs,
    Quit,
}

const COMMAND_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);
const OPEN_WEIGHTS: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::O);
const OPEN_MEDIA: KeyboardShortcut = KeyboardShortcut::new(COMMAND_SHIFT, Key::O);
const QUIT: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Q);
const PAUSE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::Space);
const ATTENTION: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::A);
const EVIDENCE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::E);
const MIRROR: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::M);
const DEMO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::D);
const CAMERA: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::C);
const TIMELINE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::T);
const NEXT_FACE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::N);
const FULL_SCREEN: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::F11);
const SHORTCUTS: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::F1);

/// The list on the shortcuts sheet.
pub(super) fn shortcut_list() -> [(KeyboardShortcut, &'static str); 13] {
    [
        (OPEN_WEIGHTS, "Open weights"),
        (OPEN_MEDIA, "Open a picture or a video"),
        (PAUSE, "Pause (releases the camera), go on"),
        (CAMERA, "Show the first camera"),
        (DEMO, "Show the demo"),
        (ATTENTION, "Attention overlay on, off"),
        (EVIDENCE, "Overlay: attention or evidence"),
        (MIRROR, "Mirror"),
        (TIMELINE, "Timeline of the last minute"),
        (NEXT_FACE, "Choose the next face"),
        (FULL_SCREEN, "Full screen"),
        (SHORTCUTS, "This list (also ?)"),
        (QUIT, "Quit"),
    ]
}

/// Keys that were pressed. Toggles change the settings at once.
pub(super) fn keyboard(ctx: &egui::Context, settings: &mut Settings, actions: &mut Vec<Action>) {
    if ctx.egui_wants_keyboard_input() {
        return;
    }
    ctx.input_mut(|input| {
        // Longer combinations first: Ctrl+Shift+O is no Ctrl+O.
        if input.consume_shortcut(&OPEN_MEDIA) {
            actions.push(Action::OpenMediaDialog);
        }
        if input.consume_shortcut(&OPEN_WEIGHTS) {
            actions.push(Action::OpenWeightsDialog);
        }
        for (shortcut, action) in [
            (QUIT, Action::Quit),
            (PAUSE, Action::TogglePause),
            (DEMO, Action::SetSource(SourceSpec::Demo)),
            (CAMERA, Action::SetSource(SourceSpec::Camera(None))),
            (NEXT_FACE, Action::NextFace),
            (FULL_SCREEN, Action::ToggleFullScreen),
            (SHORTCUTS, Action::ShowShortcuts),
            (KeyboardShortcut::new(Modifiers::NONE, Key::Escape), Action::CloseDialogs),
        ] {
            if input.consume_shortcut(&shortcut) {
                actions.push(action);
            }
        }
        if input.key_pressed(Key::Questionmark) {
            actions.push(Action::ShowShortcuts);
        }
        if input.consume_shortcut(&ATTENTION) {
            settings.overlay = !settings.overlay;
        }
        if input.consume_shortcut(&MIRROR) {
            settings.mirror = !settings.mirror;
        }
        if input.consume_shortcut(&TIMELINE) {
            settings.timeline = !settings.timeline;
        }
        if input.consume_shortcut(&EVIDENCE) {
            settings.overlay = true;
            settings.overlay_mode = match settings.overlay_mode {
                OverlayMode::Attention => OverlayMode::Evidence,
                OverlayMode::Evidence => OverlayMode::Attention,
            };
        }
    });
}

fn item(ui: &mut Ui, text: &str, shortcut: Option<&KeyboardShortcut>) -> bool {
    let mut button = Button::new(text);
    if let Some(shortcut) = shortcut {
        button = button.shortcut_text(ui.ctx().format_shortcut(shortcut));
    }
    ui.add(button).clicked()
}

/// What the bar needs to know.
pub(super) struct MenuState<'a> {
    /// `None` while they are being listed.
    pub(super) cameras: Option<&'a [CameraInfo]>,
    pub(super) source: &'a SourceSpec,
    pub(super) paused: bool,
}

pub(super) fn bar(ui: &mut Ui, state: &MenuState<'_>, settings: &mut Settings, actions: &mut Vec<Action>) {
    egui::MenuBar::new().ui(ui, |ui| {
        ui.menu_button("File", |ui| file_menu(ui, settings, actions));
        let camera = ui.menu_button("Camera", |ui| camera_menu(ui, state, settings, actions));
        if camera.response.clicked() {
            actions.push(Action::RefreshCameras);
        }
        ui.menu_button("View", |ui| view_menu(ui, settings, actions));
        ui.menu_button("Help", |ui| {
            let entries = [
                ("About the model", None, Action::ShowModel),
                ("Keyboard shortcuts", Some(&SHORTCUTS), Action::ShowShortcuts),
                ("Messages", None, Action::ShowMessages),
                ("About moue and your privacy", None, Action::ShowAbout),
            ];
            for (text, shortcut, action) in entries {
                if item(ui, text, shortcut) {
                    actions.push(action);
                }
            }
        });
    });
}

fn file_menu(ui: &mut Ui, settings: &Settings, actions: &mut Vec<Action>) {
    if item(ui, "Open weights…", Some(&OPEN_WEIGHTS)) {
        actions.push(Action::OpenWeightsDialog);
    }
    ui.menu_button("Recent weights", |ui| {
        if settings.recent_weights.is_empty() {
            ui.weak("none yet");
        }
        for path in &settings.recent_weights {
            if item(ui, &path.display().to_string(), None) {
                actions.push(Action::LoadWeights(Some(path.clone())));
            }
        }
    });
    if item(ui, "Built-in weights", None) {
        actions.push(Action::LoadWeights(None));
    }
    ui.separator();
    if item(ui, "Quit", Some(&QUIT)) {
        actions.push(Action::Quit);
    }
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
                let spec = SourceSpec::Camera(Some(camera.id.clone()));
                let chosen = *state.source == spec;
                let text = format!("{} ({})", camera.name, camera.path);
                if ui.selectable_label(chosen, text).clicked() {
                    actions.push(Action::SetSource(spec));
                    ui.close();
                }
            }
        }
    }
    if item(ui, "Look for cameras again", None) {
        actions.push(Action::RefreshCameras);
    }
    ui.separator();
    if item(ui, "Demo", Some(&DEMO)) {
        actions.push(Action::SetSource(SourceSpec::Demo));
    }
    if item(ui, "Open file…", Some(&OPEN_MEDIA)) {
        actions.push(Action::OpenMediaDialog);
    }
    if item(ui, "Open folder…", None) {
        actions.push(Action::OpenFolderDialog);
    }
    ui.menu_button("Recent files", |ui| {
        if settings.recent_sources.is_empty() {
            ui.weak("none yet");
        }
        for path in &settings.recent_sources {
            if item(ui, &path.display().to_string(), None) {
                actions.push(Action::SetSource(SourceSpec::Path(path.clone())));
            }
        }
    });
    ui.separator();
    if item(ui, if state.paused { "Go on" } else { "Pause" }, Some(&PAUSE)) {
        actions.push(Action::TogglePause);
    }
}

fn check(ui: &mut Ui, value: &mut bool, text: &str, shortcut: &KeyboardShortcut) {
    ui.horizontal(|ui| {
        ui.checkbox(value, text);
        ui.weak(ui.ctx().format_shortcut(shortcut));
    });
}

fn view_menu(ui: &mut Ui, settings: &mut Settings, actions: &mut Vec<Action>) {
    check(ui, &mut settings.overlay, "Attention", &ATTENTION);
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
    check(ui, &mut settings.mirror, "Mirror camera and demo", &MIRROR);
    check(ui, &mut settings.timeline, "Timeline", &TIMELINE);
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
    if item(ui, "Full screen", Some(&FULL_SCREEN)) {
        actions.push(Action::ToggleFullScreen);
    }
    if item(ui, "Next face", Some(&NEXT_FACE)) {
        actions.push(Action::NextFace);
    }
}
