//! Sheets over the window: shortcuts, the model's facts, messages, and what the program promises.

use eframe::egui::{self, RichText, Ui};

use super::shortcuts::{self, Group};
use crate::pipeline::{Message, ModelInfo};

/// What is computed, where, and what it cannot tell: the introduction, and part of the About sheet.
pub(super) const INTRODUCTION: &str = "moue finds faces in the picture and shows which of seven expressions a \
    small network reads in each, how sure it is and where it looked; all of it is computed on this machine, and no \
    picture ever leaves it. An expression is not a feeling: the network sees a face, not what a person thinks, and it \
    errs often.";

/// Which sheets are open.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dialogs {
    pub(super) shortcuts: bool,
    pub(super) model: bool,
    pub(super) about: bool,
    pub(super) messages: bool,
}

impl Dialogs {
    /// Closes the sheets; whether one was open.
    pub(super) fn close_all(&mut self) -> bool {
        std::mem::take(self) != Self::default()
    }

    pub(super) fn show(&mut self, ctx: &egui::Context, model: Option<&ModelInfo>, messages: &[Message]) {
        let sheet = |title: &'static str| {
            egui::Window::new(title)
                .collapsible(false)
                .resizable(false)
                .default_width(460.0)
                .anchor(egui::Align2::CENTER_CENTER, [0.0, 0.0])
        };
        sheet("Keyboard shortcuts").open(&mut self.shortcuts).show(ctx, |ui| {
            for group in Group::ALL {
                ui.label(RichText::new(group.name()).strong());
                egui::Grid::new(group.name()).num_columns(2).spacing([24.0, 4.0]).min_col_width(90.0).show(
                    ui,
                    |ui| {
                        for (keys, text) in shortcuts::listed(ui.ctx(), group) {
                            ui.label(RichText::new(keys).monospace());
                            ui.label(text);
                            ui.end_row();
                        }
                    },
                );
                ui.add_space(6.0);
            }
        });
        sheet("About the model").open(&mut self.model).show(ctx, |ui| match model {
            Some(model) => model_facts(ui, model),
            None => {
                ui.weak("no network is loaded yet");
            }
        });
        sheet("Messages").open(&mut self.messages).show(ctx, |ui| message_list(ui, messages));
        sheet("About moue and your privacy").open(&mut self.about).show(ctx, |ui| {
            ui.label(RichText::new(format!("moue {}", env!("CARGO_PKG_VERSION"))).strong());
            ui.label(INTRODUCTION);
            ui.label(
                "There is no network code in this program. It writes one settings file, and nothing else unless you \
                 ask for it.",
            );
            ui.label(
                "Not for judging people: reading expressions at work or in education is forbidden in the European Union \
                 (AI Act, article 5), and nowhere a good idea.",
            );
        });
    }
}

fn model_facts(ui: &mut Ui, model: &ModelInfo) {
    egui::Grid::new("model").num_columns(2).spacing([18.0, 4.0]).show(ui, |ui| {
        let mut row = |name: &str, value: String| {
            ui.weak(name);
            ui.add(egui::Label::new(value).wrap());
            ui.end_row();
        };
        row("Name", model.name.clone());
        if let Some(path) = &model.path {
            row("File", path.display().to_string());
        }
        row("Architecture", format!("AttentionEmotionNet, {} block(s) a layer", model.blocks));
        row("Parameters", model.parameters.to_string());
        row("Input", format!("{0} x {0} pixels", model.input_size));
        row("Runs on", model.device.clone());
        for (key, value) in &model.metadata {
            row(key, value.clone());
        }
        let short: String = model.sha256.chars().take(16).collect();
        row("SHA-256", format!("{short}…"));
    });
    if ui.button("Copy SHA-256").clicked() {
        ui.ctx().copy_text(model.sha256.clone());
    }
}

fn message_list(ui: &mut Ui, messages: &[Message]) {
    if messages.is_empty() {
        ui.weak("none so far");
        return;
    }
    egui::ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
        for message in messages.iter().rev() {
            let (text, colour) = match message {
                Message::Info(text) => (text, ui.visuals().text_color()),
                Message::Error(text) => (text, ui.visuals().error_fg_color),
            };
            ui.horizontal_wrapped(|ui| {
                if ui.small_button("Copy").clicked() {
                    ui.ctx().copy_text(text.clone());
                }
                ui.label(RichText::new(text).color(colour));
            });
            ui.separator();
        }
    });
}
