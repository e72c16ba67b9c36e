//! Sheets over the window: shortcuts, the model's facts, messages, and what the program promises.

use std::path::{Path, PathBuf};

use eframe::egui::style::ScrollStyle;
use eframe::egui::{self, Align, Context, Grid, Id, Label, Layout, Modal, RichText, ScrollArea, Ui, vec2};

use super::command::{Command, Sheet};
use super::language::tr;
use super::model_card;
use super::model_form::ModelForm;
use super::session_form::SessionForm;
use super::shortcuts::{self, Group};
use super::theme;
use super::widgets::copy_button;
use crate::pipeline::{Message, ModelInfo};
use crate::record::SessionWords;

fn title(sheet: Sheet) -> &'static str {
    match sheet {
        Sheet::Shortcuts => tr!("sheet-shortcuts"),
        Sheet::Model => tr!("sheet-model"),
        Sheet::Messages => tr!("sheet-messages"),
        Sheet::Session => tr!("sheet-session"),
        Sheet::About => tr!("sheet-about"),
    }
}

/// Width in points.
fn width(sheet: Sheet) -> f32 {
    match sheet {
        Sheet::Shortcuts => 640.0,
        Sheet::Model | Sheet::Messages => 560.0,
        Sheet::Session => 460.0,
        Sheet::About => 500.0,
    }
}

/// The sheet that is open, one at most.
#[derive(Debug, Default)]
pub(super) struct Sheets {
    open: Option<Sheet>,
    /// It was opened since the last pass: its close button takes the keyboard focus.
    fresh: bool,
    /// What is being entered about the weights in use.
    form: ModelForm,
    session: SessionForm,
}

impl Sheets {
    /// Opens a sheet in place of another, or closes it where it is open.
    pub(super) fn toggle(&mut self, sheet: Sheet) {
        self.open = (self.open != Some(sheet)).then_some(sheet);
        self.fresh = self.open.is_some();
    }

    /// Whether one is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Closes the sheet; whether one was open.
    pub(super) fn close(&mut self) -> bool {
        self.open.take().is_some()
    }

    /// Shows in the form what a recording says of itself.
    pub(super) fn set_words(&mut self, folder: PathBuf, words: SessionWords) {
        self.session.set(folder, words);
    }

    /// Shows the open sheet. `recorded`: the folder of a recording that has ended.
    pub(super) fn show(
        &mut self,
        ctx: &Context,
        model: Option<&ModelInfo>,
        messages: &[Message],
        recorded: Option<&Path>,
    ) -> Option<Command> {
        let sheet = self.open?;
        let screen = ctx.content_rect();
        let fresh = std::mem::take(&mut self.fresh);
        let (form, session) = (&mut self.form, &mut self.session);
        let mut command = None;
        let frame = egui::Frame::popup(&ctx.global_style()).inner_margin(18).corner_radius(12);
        let shown = Modal::new(Id::unique("sheet")).frame(frame).show(ctx, |ui| {
            ui.set_width(width(sheet).min(screen.width() - 60.0));
            let closed = header(ui, title(sheet), fresh && sheet != Sheet::Session);
            ui.add_space(6.0);
            // As high as its content, but never higher than the window.
            let height = (screen.height() - 130.0).max(80.0);
            // A bar that is always seen where there is more.
            ui.spacing_mut().scroll = ScrollStyle::solid();
            ScrollArea::vertical()
                .id_salt(title(sheet))
                .max_height(height)
                .min_scrolled_height(height)
                .auto_shrink([false, true])
                .show(ui, |ui| match sheet {
                    Sheet::Shortcuts => shortcut_sheet(ui),
                    Sheet::Model => {
                        command = model.and_then(|model| form.show(ui, model));
                        model_card::show(ui, model);
                    }
                    Sheet::Messages => message_list(ui, messages),
                    Sheet::Session => command = session.show(ui, recorded, fresh),
                    Sheet::About => about(ui),
                });
            closed
        });
        command.or_else(|| (shown.inner || shown.should_close()).then_some(Command::CloseSheet))
    }
}

/// Title and close button; `true` when that was pressed.
fn header(ui: &mut Ui, title: &str, fresh: bool) -> bool {
    ui.horizontal(|ui| {
        ui.label(RichText::new(title).size(20.0).strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let close = ui.button(tr!("close")).on_hover_text(tr!("key-esc"));
            if fresh {
                close.request_focus();
            }
            close.clicked()
        })
        .inner
    })
    .inner
}

fn shortcut_sheet(ui: &mut Ui) {
    // Two columns where there is room for them.
    let count = if ui.available_width() < 520.0 { 1 } else { 2 };
    ui.columns(count, |columns| {
        for (i, group) in
            Group::COLUMNS.into_iter().enumerate().flat_map(|(i, half)| half.map(|group| (i, group)))
        {
            let ui = &mut columns[i % count];
            ui.spacing_mut().interact_size.y = 18.0;
            ui.label(RichText::new(group.name()).strong().size(15.0));
            Grid::new(group.name()).num_columns(2).spacing([10.0, 6.0]).min_col_width(86.0).show(ui, |ui| {
                for (keys, text) in shortcuts::listed(ui.ctx(), group) {
                    ui.label(RichText::new(keys));
                    ui.add(Label::new(RichText::new(text).weak()).wrap());
                    ui.end_row();
                }
            });
            ui.add_space(10.0);
        }
    });
    ui.label(RichText::new(tr!("shortcuts-more")).weak());
}

fn about(ui: &mut Ui) {
    ui.spacing_mut().item_spacing.y = 10.0;
    ui.label(RichText::new(concat!("moue ", env!("CARGO_PKG_VERSION"))).strong());
    // What is true of this build.
    let network = if cfg!(feature = "osc") { tr!("about-network-osc") } else { tr!("about-network") };
    for text in [tr!("introduction"), network, tr!("about-people")] {
        ui.add(Label::new(text).wrap());
    }
}

fn message_list(ui: &mut Ui, messages: &[Message]) {
    if messages.is_empty() {
        ui.weak(tr!("messages-none"));
        return;
    }
    let line = |message: &Message| match message {
        Message::Info(text) => tr!("messages-note", text = text.as_str()),
        Message::Error(text) | Message::SourceError(text) => tr!("messages-error", text = text.as_str()),
    };
    ui.horizontal(|ui| {
        ui.weak(tr!("messages-newest"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button(tr!("copy-all")).clicked() {
                ui.ctx().copy_text(messages.iter().map(line).collect::<Vec<_>>().join("\n"));
            }
        });
    });
    for message in messages.iter().rev() {
        let (text, colour) = match message {
            Message::Info(text) => (text, ui.visuals().text_color()),
            Message::Error(text) | Message::SourceError(text) => (text, ui.visuals().error_fg_color),
        };
        ui.separator();
        ui.horizontal_top(|ui| {
            copy_button(ui, tr!("copy-message-name"), || text.clone());
            ui.add_space(theme::GAP / 2.0);
            ui.allocate_ui(vec2(ui.available_width(), 0.0), |ui| {
                ui.add(Label::new(RichText::new(text).color(colour)).wrap().selectable(true));
            });
        });
    }
}
