//! Messages in a corner of the window. egui-notify's cannot be copied, and screen readers do not find them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::{
    Align, Align2, Area, Context, CornerRadius, Id, Label, Layout, Order, Rect, RichText, Ui, pos2, vec2,
};

use super::command::Command;
use super::density::Density;
use super::language::tr;
use super::theme;
use super::widgets::copy_button;
use crate::pipeline::Message;

/// Most messages on screen; a new one replaces the oldest.
const MAX: usize = 4;
/// A younger message belongs to the source that is being opened, not to the one that is left.
const YOUNG: Duration = Duration::from_secs(2);

struct Toast {
    message: Message,
    /// What was saved, which a button opens.
    saved: Option<PathBuf>,
    since: Instant,
    until: Instant,
    times: u32,
}

/// The messages on screen.
#[derive(Default)]
pub(super) struct Toasts {
    toasts: Vec<Toast>,
}

impl Toasts {
    /// Shows a message; the same one again only counts up. `saved`: what it tells of.
    pub(super) fn add(&mut self, message: Message, saved: Option<PathBuf>) {
        let shown_for = match message {
            // There are buttons to press.
            Message::Info(_) if saved.is_some() => Duration::from_secs(20),
            Message::Info(_) => Duration::from_secs(5),
            Message::Error(_) | Message::SourceError(_) => Duration::from_secs(60),
        };
        let since = Instant::now();
        let until = since + shown_for;
        if let Some(same) = self.toasts.iter_mut().find(|t| t.message == message) {
            (same.since, same.until) = (since, until);
            same.times += 1;
            return;
        }
        if self.toasts.len() == MAX {
            self.toasts.remove(0);
        }
        self.toasts.push(Toast { message, saved, since, until, times: 1 });
    }

    /// Closes the newest; whether there was one.
    pub(super) fn close_last(&mut self) -> bool {
        self.toasts.pop().is_some()
    }

    /// Closes one; places count from the oldest.
    pub(super) fn close(&mut self, place: usize) {
        if place < self.toasts.len() {
            self.toasts.remove(place);
        }
    }

    /// Another source was chosen: closes what told of the one before. What was saved can still be opened.
    pub(super) fn leave_source(&mut self) {
        self.toasts.retain(|t| t.saved.is_some() || t.since.elapsed() < YOUNG);
    }

    /// Removes those whose time is over.
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        self.toasts.retain(|t| t.until > now);
    }

    /// Draws them in the lower left corner of `space`.
    pub(super) fn show(&self, ctx: &Context, space: Rect) -> Option<Command> {
        let next = self.toasts.iter().map(|t| t.until).min()?;
        ctx.request_repaint_after(next.saturating_duration_since(Instant::now()));
        let corner = space.left_bottom() + vec2(theme::GAP, -theme::GAP);
        let width = (space.width() - 2.0 * theme::GAP).clamp(160.0, 420.0);
        let mut command = None;
        Area::new(Id::unique("messages"))
            .order(Order::Foreground)
            .fixed_pos(corner)
            .pivot(Align2::LEFT_BOTTOM)
            .show(ctx, |ui| {
                ui.set_width(width);
                ui.spacing_mut().item_spacing.y = 8.0;
                for (index, toast) in self.toasts.iter().enumerate() {
                    command = toast_ui(ui, toast, index).or(command.take());
                }
            });
        command
    }
}

/// Draws the one at this place; what its buttons ask for.
fn toast_ui(ui: &mut Ui, toast: &Toast, place: usize) -> Option<Command> {
    let (title, what, text, colour) = match &toast.message {
        Message::Info(text) => (tr!("toast-note"), tr!("copy-note-name"), text, ui.visuals().hyperlink_color),
        Message::Error(text) | Message::SourceError(text) => {
            (tr!("toast-error"), tr!("copy-error-name"), text, ui.visuals().error_fg_color)
        }
    };
    let mut command = None;
    let shown = theme::card(ui, Density::Roomy, |ui| {
        ui.horizontal(|ui| {
            let times = if toast.times > 1 {
                format!(" ({})", tr!("toast-times", count = toast.times))
            } else {
                String::new()
            };
            ui.label(RichText::new(format!("{title}{times}")).color(colour).strong());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if ui.button(tr!("close")).clicked() {
                    command = Some(Command::CloseToast(place));
                }
                copy_button(ui, what, || text.clone());
            });
        });
        ui.add(Label::new(text).wrap().selectable(true));
        if let Some(saved) = &toast.saved {
            command = saved_buttons(ui, saved).or(command.take());
        }
        ui.min_rect()
    });
    let stripe =
        Rect::from_min_max(shown.min - vec2(14.0, 4.0), pos2(shown.left() - 10.0, shown.bottom() + 4.0));
    ui.painter().rect_filled(stripe, CornerRadius::same(2), colour);
    command
}

/// What can be done with what was saved: a recording's folder, its page, a picture.
fn saved_buttons(ui: &mut Ui, saved: &Path) -> Option<Command> {
    let ends_in = |wanted: &str| saved.extension().is_some_and(|ending| ending == wanted);
    let is_page = ends_in("html");
    // A recording is told of by its folder, whose name has no ending, or its session file.
    let is_recording = ends_in("json") || saved.extension().is_none();
    let mut command = None;
    ui.horizontal(|ui| {
        if is_page && ui.button(tr!("toast-report")).clicked() {
            command = Some(Command::OpenFile(saved.to_owned()));
        } else if is_recording && ui.button(tr!("toast-report")).clicked() {
            // It is made first.
            let folder = if ends_in("json") { saved.parent().unwrap_or(saved) } else { saved };
            command = Some(Command::OpenSession(folder.to_owned()));
        }
        if ui.button(tr!("toast-folder")).clicked() {
            command = Some(Command::ShowInFolder(saved.to_owned()));
        }
    });
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_messages_are_counted_and_old_ones_make_room() {
        let mut toasts = Toasts::default();
        for _ in 0..3 {
            toasts.add(Message::Error("same".into()), None);
        }
        assert_eq!((toasts.toasts.len(), toasts.toasts[0].times), (1, 3));
        for i in 0..10 {
            toasts.add(Message::Info(i.to_string()), None);
        }
        assert_eq!(toasts.toasts.len(), MAX);
        assert_eq!(toasts.toasts[MAX - 1].message, Message::Info("9".into()));
    }
}
