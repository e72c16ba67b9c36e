//! The menu bar.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use eframe::egui::containers::menu::{MenuButton, MenuConfig};
use eframe::egui::{self, Atom, Button, Checkbox, PopupCloseBehavior, RichText, Slider, Ui};
use moue_capture::SourceSpec;
use moue_detect::DetectorKind;

use super::command::{BaselineCommand, Command, Setting, Sheet, TeachCommand};
use super::language::{Language, tr};
use super::menu_keys;
use super::playlist::Playlist;
use super::shortcuts;
use super::state::State;
use crate::pipeline::ProfileState;
use crate::settings::{ColourMap, LanguageChoice, OverlayMode, Settings, ThemeChoice};

/// Width of the menus, in points.
const WIDTH: f32 = 250.0;
/// Width of the captions of settings, in points.
const CAPTION: f32 = 68.0;

/// Draws the bar.
pub(super) fn bar(ui: &mut Ui, state: &State) -> Vec<Command> {
    let mut commands = Vec::new();
    let ctx = ui.ctx().clone();
    menu_keys::begin(&ctx);
    egui::MenuBar::new().ui(ui, |ui| {
        let file = ui.menu_button(tr!("menu-file"), |ui| file_menu(ui, &state.settings, &mut commands));
        if state.focus_menu {
            file.response.request_focus();
        }
        let camera = ui.menu_button(tr!("menu-camera"), |ui| camera_menu(ui, state, &mut commands));
        if camera.response.clicked() {
            commands.push(Command::RefreshCameras);
        }
        // These two stay open, so that the effect of a setting is seen while it is changed.
        let stays = || MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        let (record, _) = MenuButton::new(tr!("menu-record"))
            .config(stays())
            .ui(ui, |ui| record_menu(ui, state, &mut commands));
        let (view, _) = MenuButton::new(tr!("menu-view"))
            .config(stays())
            .ui(ui, |ui| view_menu(ui, state, &mut commands));
        let people = ui.menu_button(tr!("menu-people"), |ui| people_menu(ui, state, &mut commands));
        let help = ui.menu_button(tr!("menu-help"), |ui| {
            ui.set_width(WIDTH);
            item(ui, tr!("sheet-shortcuts"), Command::ToggleSheet(Sheet::Shortcuts), &mut commands);
            item(ui, tr!("sheet-model"), Command::ToggleSheet(Sheet::Model), &mut commands);
            item(ui, tr!("sheet-messages"), Command::ToggleSheet(Sheet::Messages), &mut commands);
            ui.separator();
            item(ui, tr!("sheet-about"), Command::ToggleSheet(Sheet::About), &mut commands);
        });
        menu_keys::end(&ctx, &[file.response, camera.response, record, view, people.response, help.response]);
    });
    commands
}

/// An entry with its key.
fn item(ui: &mut Ui, text: &str, command: Command, commands: &mut Vec<Command>) {
    let mut button = Button::new(text);
    if let Some(key) = shortcuts::key_text(ui.ctx(), &command) {
        button = button.shortcut_text(key);
    }
    if ui.add(button).clicked() {
        commands.push(command);
        ui.close();
    }
}

/// Recent files by name; their folder is shown under the pointer.
fn recent(ui: &mut Ui, files: &[PathBuf], open: impl Fn(PathBuf) -> Command, commands: &mut Vec<Command>) {
    ui.set_width(WIDTH);
    if files.is_empty() {
        ui.weak(tr!("menu-none-yet"));
    }
    for path in files {
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        let response = ui.add(Button::new(name).truncate()).on_hover_text(path.display().to_string());
        menu_keys::uses_arrows(&response);
        if response.clicked() {
            commands.push(open(path.clone()));
            ui.close();
        }
    }
}

fn file_menu(ui: &mut Ui, settings: &Settings, commands: &mut Vec<Command>) {
    ui.set_width(WIDTH);
    item(ui, tr!("menu-open"), Command::OpenDialog, commands);
    item(ui, tr!("menu-open-folder"), Command::OpenFolderDialog, commands);
    let files = ui.menu_button(tr!("menu-recent-files"), |ui| {
        let open = |path| Command::SetSource(SourceSpec::Path(path));
        recent(ui, &settings.recent_sources, open, commands);
    });
    menu_keys::uses_arrows(&files.response);
    ui.separator();
    item(ui, tr!("menu-open-weights"), Command::OpenWeightsDialog, commands);
    let weights = ui.menu_button(tr!("menu-recent-weights"), |ui| {
        recent(ui, &settings.recent_weights, |path| Command::LoadWeights(Some(path)), commands);
    });
    menu_keys::uses_arrows(&weights.response);
    item(ui, tr!("menu-built-in-weights"), Command::LoadWeights(None), commands);
    ui.separator();
    item(ui, tr!("menu-new-window"), Command::NewWindow, commands);
    item(ui, tr!("menu-quit"), Command::Quit, commands);
}

fn camera_menu(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    ui.set_width(WIDTH);
    let pipeline = &state.snapshot;
    match state.cameras.as_deref() {
        None => {
            ui.weak(tr!("camera-looking"));
        }
        Some([]) => {
            ui.weak(tr!("camera-none"));
        }
        Some(cameras) => {
            for camera in cameras {
                let spec = SourceSpec::Camera(Some(camera.id.clone()));
                let selected = pipeline.wanted == spec;
                let text = format!("{} ({})", camera.name, camera.path);
                if ui.add(Button::selectable(selected, text).truncate()).clicked() {
                    commands.push(Command::SetSource(spec));
                    ui.close();
                }
            }
        }
    }
    item(ui, tr!("camera-refresh"), Command::RefreshCameras, commands);
    ui.separator();
    item(ui, tr!("camera-first"), Command::SetSource(SourceSpec::Camera(None)), commands);
    item(ui, tr!("camera-demo"), Command::SetSource(SourceSpec::Demo), commands);
    item(ui, tr!("camera-open-file"), Command::OpenDialog, commands);
    ui.separator();
    let pause = if pipeline.paused || pipeline.still() { tr!("resume") } else { tr!("pause") };
    item(ui, pause, Command::TogglePause, commands);
    ui.add_enabled_ui(pipeline.playback.is_some(), |ui| {
        item(ui, tr!("next-frame"), Command::NextFrame, commands);
        item(ui, tr!("previous-frame"), Command::PreviousFrame, commands);
        item(ui, tr!("skip-forward"), Command::SkipForward, commands);
        item(ui, tr!("skip-back"), Command::SkipBack, commands);
    });
    ui.add_enabled_ui(state.playlist.is_some(), |ui| {
        item(ui, tr!("next-file"), Command::NextFile, commands);
        item(ui, tr!("previous-file"), Command::PreviousFile, commands);
        let playing = state.playlist.as_ref().is_some_and(Playlist::is_playing);
        let text = if playing { tr!("slideshow-stop") } else { tr!("slideshow") };
        item(ui, text, Command::ToggleSlideshow, commands);
    });
}

fn record_menu(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    ui.set_width(WIDTH + 60.0);
    let settings = &state.settings;
    let recording = state.recordings.is_on();
    let text = if recording { tr!("record-stop") } else { tr!("record-start") };
    item(ui, text, Command::ToggleRecording, commands);
    item(ui, tr!("record-marker"), Command::AskMarker, commands);
    item(ui, tr!("snapshot"), Command::Snapshot, commands);
    ui.separator();
    ui.add_enabled_ui(!recording, |ui| {
        let mut video = settings.record_video;
        if ui.checkbox(&mut video, tr!("record-video")).on_hover_text(tr!("record-video-hint")).changed() {
            commands.push(Command::Set(Setting::RecordVideo(video)));
        }
        ui.add_enabled_ui(settings.record_video, |ui| {
            let mut blur = settings.record_blur;
            if ui.checkbox(&mut blur, tr!("record-blur")).on_hover_text(tr!("record-blur-hint")).changed() {
                commands.push(Command::Set(Setting::BlurFaces(blur)));
            }
        });
    });
    ui.separator();
    item(ui, tr!("record-folder"), Command::OpenRecordingsDialog, commands);
    let folder = settings.recordings.as_ref().map(|f| f.display().to_string());
    let folder = RichText::new(folder.as_deref().unwrap_or(tr!("record-no-folder"))).weak();
    ui.add(egui::Label::new(folder).truncate());
    ui.add_enabled_ui(state.recordings.last_folder().is_some() && !recording, |ui| {
        item(ui, tr!("record-report"), Command::MakeReport, commands);
    });
    item(ui, tr!("record-open-session"), Command::OpenSessionDialog, commands);
    item(ui, tr!("record-words"), Command::ToggleSheet(Sheet::Session), commands);
}

fn people_menu(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    ui.set_width(WIDTH);
    item(ui, tr!("people-teach"), Command::Teach(TeachCommand::Open), commands);
    item(ui, tr!("people-open"), Command::OpenProfileDialog, commands);
    ui.add_enabled_ui(matches!(state.snapshot.profile, ProfileState::On(_)), |ui| {
        item(ui, tr!("people-off"), Command::ProfileOff, commands);
    });
    ui.separator();
    item(ui, tr!("people-triggers"), Command::ToggleTriggers, commands);
}

/// A checkbox with its key.
fn check(ui: &mut Ui, mut value: bool, text: &str, command: Command, commands: &mut Vec<Command>) {
    let key = RichText::new(shortcuts::key_text(ui.ctx(), &command).unwrap_or_default()).weak();
    let content = (text, Atom::grow(), key);
    let response = ui.add(Checkbox::new(&mut value, content));
    mark_focus(ui, &response);
    if response.clicked() {
        commands.push(command);
    }
}

/// egui draws no frame around what has the keyboard in a menu.
fn mark_focus(ui: &Ui, response: &egui::Response) {
    if response.has_focus() {
        let stroke = egui::Stroke::new(1.0, ui.visuals().hyperlink_color);
        let rect = response.rect.expand2(egui::vec2(3.0, 1.0));
        ui.painter().rect_stroke(rect, 4.0, stroke, egui::StrokeKind::Inside);
    }
}

/// One of several values of a setting.
fn radio(
    ui: &mut Ui,
    selected: bool,
    text: &str,
    setting: Setting,
    commands: &mut Vec<Command>,
) -> egui::Response {
    let response = ui.radio(selected, text);
    mark_focus(ui, &response);
    if response.clicked() {
        commands.push(Command::Set(setting));
    }
    response
}

/// A caption, and to the right of it the control that it names.
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

/// A slider without egui's box for the value: that box takes the arrow keys, so that the keyboard could not move on to
/// the next entry.
fn slider(ui: &mut Ui, value: &mut f32, range: RangeInclusive<f32>, step: f64) -> egui::Response {
    let response = ui.add(Slider::new(value, range).step_by(step).show_value(false));
    menu_keys::uses_arrows(&response);
    response
}

fn view_menu(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let settings = &state.settings;
    ui.set_width(WIDTH + 100.0);
    // All of it is seen in the smallest window.
    ui.spacing_mut().item_spacing.y = 4.0;
    check(ui, settings.overlay, tr!("view-heatmap"), Command::ToggleOverlay, commands);
    ui.add_enabled_ui(settings.overlay, |ui| {
        setting(ui, tr!("view-map"), |ui, _| {
            let modes = [
                (OverlayMode::Attention, tr!("attention"), tr!("view-attention-hint")),
                (OverlayMode::Evidence, tr!("evidence"), tr!("view-evidence-hint")),
                (OverlayMode::Profile, tr!("evidence-of-profile"), tr!("view-evidence-of-profile-hint")),
            ];
            let has_profile = state.snapshot.has_profile();
            let shown = match settings.overlay_mode {
                OverlayMode::Profile if !has_profile => OverlayMode::Evidence,
                mode => mode,
            };
            for (mode, text, hint) in modes.into_iter().take(if has_profile { 3 } else { 2 }) {
                let selected = shown == mode;
                radio(ui, selected, text, Setting::OverlayMode(mode), commands).on_hover_text(hint);
            }
            ui.weak(shortcuts::key_text(ui.ctx(), &Command::SwitchOverlay).unwrap_or_default());
        });
        setting(ui, tr!("view-colours"), |ui, _| {
            for map in ColourMap::ALL {
                let selected = settings.colour_map == map;
                radio(ui, selected, &format!("{map:?}"), Setting::ColourMap(map), commands);
            }
        });
        setting(ui, tr!("view-opacity"), |ui, label| {
            let mut opacity = settings.overlay_opacity;
            if slider(ui, &mut opacity, 0.0..=1.0, 0.05).labelled_by(label).changed() {
                commands.push(Command::Set(Setting::OverlayOpacity(opacity)));
            }
            ui.label(format!("{:.0} %", settings.overlay_opacity * 100.0));
        });
    });
    check(ui, settings.mesh, tr!("view-mesh"), Command::ToggleMesh, commands);
    ui.separator();
    setting(ui, tr!("view-smoothing"), |ui, label| {
        let mut ms = settings.smoothing_ms;
        let response = slider(ui, &mut ms, 0.0..=2000.0, 50.0).labelled_by(label);
        if response.changed() {
            commands.push(Command::Set(Setting::Smoothing(ms)));
        }
        response.on_hover_text(tr!("term-smoothing"));
        ui.label(format!("{:.0} ms", settings.smoothing_ms));
    });
    setting(ui, tr!("view-detector"), |ui, _| {
        for (detector, text, hint) in [
            (DetectorKind::Auto, tr!("view-detector-auto"), tr!("view-detector-auto-hint")),
            (DetectorKind::Rustface, "rustface", tr!("view-rustface-hint")),
            (DetectorKind::BlazeFace, "BlazeFace", tr!("view-blazeface-hint")),
        ] {
            let selected = settings.detector == detector;
            radio(ui, selected, text, Setting::Detector(detector), commands).on_hover_text(hint);
        }
    });
    item(ui, tr!("view-baseline"), Command::Baseline(BaselineCommand::Toggle), commands);
    ui.separator();
    check(ui, settings.mirror, tr!("view-mirror"), Command::ToggleMirror, commands);
    check(ui, settings.panel, tr!("view-panel"), Command::TogglePanel, commands);
    check(ui, settings.timeline, tr!("view-timeline"), Command::ToggleTimeline, commands);
    item(ui, tr!("view-next-face"), Command::NextFace, commands);
    item(ui, tr!("view-contact-sheet"), Command::ToggleContactSheet, commands);
    ui.separator();
    setting(ui, tr!("view-theme"), |ui, _| {
        for (theme, text) in [
            (ThemeChoice::System, tr!("system")),
            (ThemeChoice::Light, tr!("theme-light")),
            (ThemeChoice::Dark, tr!("theme-dark")),
        ] {
            radio(ui, settings.theme == theme, text, Setting::Theme(theme), commands);
        }
    });
    let language = ui.menu_button(tr!("view-language"), |ui| language_menu(ui, state, commands));
    menu_keys::uses_arrows(&language.response);
    item(ui, tr!("zoom-in"), Command::ZoomIn, commands);
    item(ui, tr!("zoom-out"), Command::ZoomOut, commands);
    item(ui, tr!("zoom-reset"), Command::ZoomReset, commands);
    item(ui, tr!("full-screen"), Command::ToggleFullScreen, commands);
}

/// The languages by their own names; one that the system has no font for says so.
fn language_menu(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    ui.set_width(WIDTH);
    let chosen = state.settings.language;
    let mut entry = |ui: &mut Ui, text: &str, choice: LanguageChoice| {
        let response = ui.add(Button::selectable(chosen == choice, text));
        menu_keys::uses_arrows(&response);
        if response.clicked() {
            commands.push(Command::Set(Setting::Language(choice)));
        }
    };
    entry(ui, tr!("system"), LanguageChoice::System);
    let mut unknown = false;
    for language in Language::ALL {
        // Its own name is written with the letters that are missing.
        let name = match language {
            Language::Japanese => tr!("language-japanese"),
            Language::Bengali => tr!("language-bengali"),
            _ => language.own_name(),
        };
        match state.fonts.show(language) {
            Some(true) => entry(ui, language.own_name(), language.choice()),
            Some(false) => {
                ui.add_enabled(false, Button::new(tr!("view-language-no-font", name = name)));
            }
            None => {
                unknown = true;
                ui.add_enabled(false, Button::new(tr!("view-language-looking", name = name)));
            }
        }
    }
    if unknown {
        commands.push(Command::LookForFonts);
    }
}
