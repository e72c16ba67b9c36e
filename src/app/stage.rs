//! The notice in the middle of the stage while no frames arrive: what is wrong, what the program does about it, and what
//! the user can do.

use std::path::Path;

use eframe::egui::{
    self, Align, Button, Color32, CornerRadius, Frame, Label, Layout, Margin, Rect, RichText, Ui, vec2,
};
use moue_capture::{SourceKind, SourceSpec};

use super::command::Command;
use super::language::tr;
use super::theme;
use crate::pipeline::SourceState;

/// Widest text, in points: longer lines are hard to read.
const WIDTH: f32 = 440.0;

/// The notice.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Notice {
    /// A few words.
    pub(super) title: String,
    /// What happened, and what the program does about it.
    pub(super) lines: Vec<String>,
    /// A spinner is shown.
    pub(super) busy: bool,
    /// What the user can do; the first button is emphasised.
    pub(super) buttons: Vec<(&'static str, Command)>,
    /// The lines are an error message, which can be copied.
    pub(super) is_error: bool,
}

impl Notice {
    fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lines: Vec::new(), busy: false, buttons: Vec::new(), is_error: false }
    }

    fn line(mut self, text: impl Into<String>) -> Self {
        self.lines.push(text.into());
        self
    }

    fn busy(mut self) -> Self {
        self.busy = true;
        self
    }

    fn button(mut self, text: &'static str, command: Command) -> Self {
        self.buttons.push((text, command));
        self
    }
}

/// The notice for a state; `None` where there is nothing to say. `has_frame`: one is on screen.
pub(super) fn notice(state: &SourceState, wanted: &SourceSpec, has_frame: bool) -> Option<Notice> {
    let (name, begin) = (name_of(wanted, false), name_of(wanted, true));
    Some(match state {
        SourceState::Running(_) if has_frame => return None,
        SourceState::Running(_) => Notice::new(tr!("stage-waiting")).busy(),
        SourceState::Opening => {
            let notice = Notice::new(match wanted {
                SourceSpec::Auto => tr!("stage-looking").to_owned(),
                _ => tr!("stage-opening", name = name, begin = begin),
            });
            match wanted {
                SourceSpec::Auto | SourceSpec::Camera(_) => notice.line(tr!("stage-moment")),
                _ => notice,
            }
            .busy()
        }
        // The picture says it.
        SourceState::Paused if has_frame => return None,
        SourceState::Paused => {
            let line = match wanted {
                SourceSpec::Auto | SourceSpec::Camera(_) => {
                    tr!("stage-released")
                }
                _ => tr!("stage-no-frames"),
            };
            Notice::new(tr!("paused"))
                .line(line)
                .line(tr!("stage-space"))
                .button(tr!("resume"), Command::TogglePause)
        }
        SourceState::NoSignal { info, since, reason } => {
            let age = since.elapsed().as_secs();
            let silent = if info.kind == SourceKind::Camera {
                tr!("stage-silent-camera")
            } else {
                tr!("stage-silent")
            };
            let notice = Notice::new(tr!("no-signal")).line(tr!("stage-age", age = duration(age)));
            match reason {
                Some(reason) => notice.line(reason.clone()).line(tr!("stage-reconnecting")),
                None => notice.line(silent),
            }
            .button(tr!("stage-reconnect"), Command::Reconnect)
            .button(tr!("stage-demo"), Command::SetSource(SourceSpec::Demo))
        }
        SourceState::Failed(reason) => {
            let mut notice = Notice::new(tr!("stage-failed", name = begin)).line(reason.clone());
            notice.is_error = true;
            notice
                .button(tr!("stage-again"), Command::Reconnect)
                .button(tr!("stage-open"), Command::OpenDialog)
                .button(tr!("stage-demo"), Command::SetSource(SourceSpec::Demo))
        }
        SourceState::Ended => Notice::new(tr!("stage-ended", name = begin))
            .button(tr!("stage-play-again"), Command::Reconnect)
            .button(tr!("stage-demo"), Command::SetSource(SourceSpec::Demo)),
    })
}

/// A source's name within a sentence, or where it begins one.
fn name_of(source: &SourceSpec, begins: bool) -> String {
    match (source, begins) {
        (SourceSpec::Auto | SourceSpec::Camera(None), false) => tr!("name-camera").to_owned(),
        (SourceSpec::Auto | SourceSpec::Camera(None), true) => tr!("name-camera-begin").to_owned(),
        (SourceSpec::Camera(Some(name)), false) => tr!("name-camera-named", name = name.as_str()),
        (SourceSpec::Camera(Some(name)), true) => tr!("name-camera-named-begin", name = name.as_str()),
        (SourceSpec::Demo, false) => tr!("name-demo").to_owned(),
        (SourceSpec::Demo, true) => tr!("name-demo-begin").to_owned(),
        // Names of files stay as they are.
        (SourceSpec::Path(path), _) => file_name(path),
        (SourceSpec::Files(files), false) => tr!("name-list", count = files.len()),
        (SourceSpec::Files(files), true) => tr!("name-list-begin", count = files.len()),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// "75" as "1 min 15 s".
fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Draws the notice in the middle of `space`, over the last frame.
pub(super) fn show(ui: &mut Ui, space: Rect, notice: &Notice) -> Option<Command> {
    let mut command = None;
    let width = (space.width() - 60.0).clamp(140.0, WIDTH);
    let id = ui.scope_id().with("notice");
    // Its height is known only after it was drawn once.
    let height: f32 = ui.data(|d| d.get_temp(id)).unwrap_or(150.0);
    let place = Rect::from_center_size(space.center(), vec2(width + 48.0, height.min(space.height())));
    let shown = ui.scope_builder(egui::UiBuilder::new().max_rect(place), |ui| {
        // The stage is dark in both themes.
        let dark = ui.ctx().style_of(egui::Theme::Dark);
        ui.set_style(dark);
        Frame::new()
            .fill(theme::veil(theme::Veil::Notice))
            .corner_radius(CornerRadius::same(14))
            .inner_margin(Margin::symmetric(24, 20))
            .show(ui, |ui| {
                ui.set_width(width);
                ui.vertical_centered(|ui| {
                    command = content(ui, notice);
                });
            })
            .response
            .rect
            .height()
    });
    if (shown.inner - height).abs() > 0.5 {
        ui.data_mut(|d| d.insert_temp(id, shown.inner));
        ui.ctx().request_repaint();
    }
    command
}

fn content(ui: &mut Ui, notice: &Notice) -> Option<Command> {
    ui.spacing_mut().item_spacing.y = 8.0;
    if notice.busy {
        ui.add(egui::Spinner::new().size(26.0).color(theme::ON_STAGE_WEAK));
    }
    ui.label(RichText::new(&notice.title).size(22.0).color(theme::ON_STAGE));
    for line in &notice.lines {
        ui.add(
            Label::new(RichText::new(line).color(theme::ON_STAGE_WEAK)).wrap().selectable(notice.is_error),
        );
    }
    if notice.buttons.is_empty() {
        return None;
    }
    ui.add_space(4.0);
    let mut command = None;
    ui.allocate_ui_with_layout(
        vec2(ui.available_width(), 28.0),
        Layout::left_to_right(Align::Center),
        |ui| {
            let copy = notice.is_error.then_some(tr!("stage-copy"));
            let texts: Vec<&str> = notice.buttons.iter().map(|(text, _)| *text).chain(copy).collect();
            centre_row(ui, &texts);
            for (i, (text, what)) in notice.buttons.iter().enumerate() {
                let mut button = Button::new(*text);
                if i == 0 {
                    button = Button::new(RichText::new(*text).color(Color32::BLACK)).fill(theme::ON_STAGE);
                }
                if ui.add(button).clicked() {
                    command = Some(what.clone());
                }
            }
            if let Some(copy) = copy
                && ui.button(copy).clicked()
            {
                ui.ctx().copy_text(notice.lines.join("\n"));
            }
        },
    );
    command
}

/// Moves to where a row of buttons with these texts has to begin to be centred.
fn centre_row(ui: &mut Ui, texts: &[&str]) {
    let font = egui::TextStyle::Button.resolve(ui.style());
    let spacing = ui.spacing().clone();
    let letters: f32 = texts
        .iter()
        .map(|text| ui.painter().layout_no_wrap((*text).to_owned(), font.clone(), Color32::WHITE).size().x)
        .sum();
    let row = letters
        + 2.0 * spacing.button_padding.x * texts.len() as f32
        + spacing.item_spacing.x * texts.len().saturating_sub(1) as f32;
    ui.add_space(((ui.available_width() - row) / 2.0).max(0.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_capture::SourceInfo;
    use std::time::{Duration, Instant};

    fn camera() -> SourceInfo {
        SourceInfo {
            name: "Cam".into(),
            kind: SourceKind::Camera,
            size_px: None,
            frame_rate: None,
            frame_count: None,
            conversion: None,
        }
    }

    #[test]
    fn every_state_without_frames_says_what_is_wrong_and_offers_something() {
        let lost = |reason: Option<&str>| SourceState::NoSignal {
            info: camera(),
            since: Instant::now() - Duration::from_secs(75),
            reason: reason.map(str::to_owned),
        };
        let silent = notice(&lost(None), &SourceSpec::Auto, true).unwrap();
        assert_eq!(silent.lines[0], "The last frame is 1 min 15 s old.");
        let gone = notice(&lost(Some("unplugged")), &SourceSpec::Auto, true).unwrap();
        assert!(gone.lines.iter().any(|l| l == "unplugged"));
        assert!(gone.lines.iter().any(|l| l.contains("Reconnecting")));

        let file = SourceSpec::Path("/films/a.mp4".into());
        let failed = notice(&SourceState::Failed("no such file".into()), &file, false).unwrap();
        assert_eq!((failed.title.as_str(), failed.is_error), ("a.mp4 cannot be shown", true));
        for state in [SourceState::Paused, SourceState::Ended, lost(None), SourceState::Failed(String::new())]
        {
            assert!(!notice(&state, &SourceSpec::Auto, false).unwrap().buttons.is_empty(), "{state:?}");
        }
        for state in [SourceState::Opening, SourceState::Running(camera())] {
            assert!(notice(&state, &SourceSpec::Auto, false).unwrap().busy, "{state:?}");
        }
        assert_eq!(notice(&SourceState::Running(camera()), &SourceSpec::Auto, true), None);
    }
}
