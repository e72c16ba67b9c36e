//! The form over the model's card: what the user says of a weights file that does not say it itself.

use eframe::egui::{CollapsingHeader, DragValue, Label, RichText, TextEdit, Ui};
use moue_model::{ClassOrder, INPUT_SIZES, ReadOptions, assumed, original_class_order};

use super::command::Command;
use super::language::tr;
use crate::pipeline::{ModelInfo, WeightsChoice};

/// What is being entered.
#[derive(Debug, Default)]
pub(super) struct ModelForm {
    /// The network that it is about; another one starts it anew.
    of: String,
    input_size: usize,
    classes: String,
}

impl ModelForm {
    /// Shows what had to be assumed of a network that came from a file, and the form, which is folded up where the file says
    /// all. Applying it reads that file again.
    pub(super) fn show(&mut self, ui: &mut Ui, model: &ModelInfo) -> Option<Command> {
        let path = model.path.clone()?;
        let of = format!("{} {}", path.display(), model.identity());
        if self.of != of {
            let classes = original_class_order(&model.metadata).to_string();
            *self = Self { of, input_size: model.input_size, classes };
        }
        for note in model.notes() {
            ui.add(Label::new(RichText::new(note).color(ui.visuals().warn_fg_color)).wrap().selectable(true));
        }
        let read_as = CollapsingHeader::new(tr!("form-title"))
            .id_salt(&self.of)
            .default_open(assumed(&model.metadata).is_some())
            .show(ui, |ui| self.fields(ui))
            .body_returned
            .flatten();
        ui.add_space(8.0);
        read_as.map(|read_as| Command::LoadWeightsAs(WeightsChoice { path: Some(path), read_as }))
    }

    /// The fields; what they say, once the button is pressed.
    fn fields(&mut self, ui: &mut Ui) -> Option<ReadOptions> {
        ui.horizontal(|ui| {
            let label = ui.label(tr!("form-input"));
            ui.add(DragValue::new(&mut self.input_size).range(INPUT_SIZES).suffix(" px"))
                .labelled_by(label.id);
        });
        let label = ui.label(tr!("form-classes"));
        ui.add(TextEdit::singleline(&mut self.classes).desired_width(f32::INFINITY)).labelled_by(label.id);
        let order = self.classes.parse::<ClassOrder>();
        if let Err(expected) = &order {
            ui.add(
                Label::new(RichText::new(expected).color(ui.visuals().error_fg_color))
                    .wrap()
                    .selectable(true),
            );
        }
        let apply = ui.add_enabled_ui(order.is_ok(), |ui| ui.button(tr!("form-apply"))).inner;
        let classes = order.ok().filter(|_| apply.clicked())?;
        Some(ReadOptions { input_size: Some(self.input_size), classes: Some(classes) })
    }
}
