//! The playback controls below a video.

use eframe::egui::{self, ComboBox, Sense, Slider, Ui, remap_clamp, vec2};
use moue_capture::TransportStatus;

use super::command::Command;
use super::labels::clock;
use super::language::tr;
use super::shortcuts;

/// From this width on, in points, everything is in one row.
const ONE_ROW: f32 = 560.0;
/// From this width on, in points, left of the buttons, the time has the length beside it.
const LENGTH_TOO: f32 = 280.0;
/// Speeds to choose from.
const SPEEDS: [f64; 6] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// "0:01.5 / 0:08.5": the frame's time, and the length where it is known.
fn times(status: &TransportStatus) -> String {
    match status.duration_s {
        Some(duration_s) => format!("{} / {}", clock(status.position_s), clock(duration_s)),
        None => clock(status.position_s),
    }
}

/// Draws the bar. In a small window the place in the file has a row of its own.
pub(super) fn bar(ui: &mut Ui, status: &TransportStatus) -> Vec<Command> {
    let mut commands = Vec::new();
    let one_row = ui.available_width() >= ONE_ROW;
    if !one_row {
        commands.extend(place(ui, status));
    }
    ui.horizontal(|ui| {
        let mut button = |ui: &mut Ui, text: &str, name: &str, command: Command| {
            let key = shortcuts::key_text(ui.ctx(), &command).unwrap_or_default();
            let response = ui.button(text).on_hover_text(format!("{name} ({key})"));
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
            if response.clicked() {
                commands.push(command);
            }
        };
        button(ui, "-1", tr!("previous-frame"), Command::PreviousFrame);
        let play = if status.playing { tr!("pause") } else { tr!("play") };
        button(ui, play, play, Command::TogglePause);
        button(ui, "+1", tr!("next-frame"), Command::NextFrame);
        // Of the smallest window the length is left to the place bar.
        let shown = if ui.available_width() < LENGTH_TOO { clock(status.position_s) } else { times(status) };
        ui.label(egui::RichText::new(shown).monospace().size(12.5));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let mut looping = status.looping;
            if ui.checkbox(&mut looping, tr!("playback-loop")).changed() {
                commands.push(Command::SetLooping(looping));
            }
            let mut speed = status.speed;
            let shown = ComboBox::from_id_salt("speed")
                .width(62.0)
                .selected_text(format!("{speed}x"))
                .show_ui(ui, |ui| {
                    for choice in SPEEDS {
                        ui.selectable_value(&mut speed, choice, format!("{choice}x"));
                    }
                });
            shown.response.on_hover_text(tr!("playback-speed"));
            if speed != status.speed {
                commands.push(Command::SetSpeed(speed));
            }
            if one_row {
                commands.extend(place(ui, status));
            }
        });
    });
    commands
}

/// The place in the file, over all the width there is. Not shown while the file's length is unknown.
fn place(ui: &mut Ui, status: &TransportStatus) -> Option<Command> {
    let duration_s = status.duration_s.filter(|d| *d > 0.0)?;
    let mut position_s = status.position_s;
    ui.spacing_mut().slider_width = (ui.available_width() - 16.0).max(60.0);
    let slider = Slider::new(&mut position_s, 0.0..=duration_s).show_value(false);
    let response = ui.add_sized(vec2(ui.available_width(), 20.0), slider);
    let name = tr!("playback-position", times = times(status));
    response.widget_info(|| egui::WidgetInfo::slider(true, status.position_s, &name));
    // A slider waits to be dragged: a click that begins and ends between two passes would be lost.
    let click = ui.interact(response.rect, response.id.with("click"), Sense::CLICK);
    if let Some(at) = click.interact_pointer_pos().filter(|_| click.clicked()) {
        let across = response.rect.x_range().shrink(response.rect.height() / 2.0);
        let ends = f64::from(across.min)..=f64::from(across.max);
        return Some(Command::SeekTo(remap_clamp(f64::from(at.x), ends, 0.0..=duration_s)));
    }
    response.changed().then_some(Command::SeekTo(position_s))
}
