//! The form under the model's card: what the user says of a weights file that does not say it itself.

use eframe::egui::{DragValue, Label, RichText, TextEdit, Ui};
use moue_model::{ClassOrder, INPUT_SIZES, ReadOptions, original_class_order};

use super::command::Command;
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
    /// Shows the form for a network that came from a file. Applying it reads that file again.
    pub(super) fn show(&mut self, ui: &mut Ui, model: &ModelInfo) -> Option<Command> {
        let path = model.path.as_ref()?;
        let of = format!("{} {}", path.display(), model.identity());
        if self.of != of {
            let classes = original_class_order(&model.metadata).to_string();
            *self = Self { of, input_size: model.input_size, classes };
        }
        ui.separator();
        ui.label(RichText::new("How the file is read").strong().size(15.0));
        let text = "Only the file's maker knows these two for sure. Change them where the file does not say them, or wrongly.";
        ui.add(Label::new(RichText::new(text).weak()).wrap());
        ui.horizontal(|ui| {
            let label = ui.label("Input size");
            ui.add(DragValue::new(&mut self.input_size).range(INPUT_SIZES).suffix(" px"))
                .labelled_by(label.id);
        });
        let label = ui.label("Class order in the file");
        ui.add(TextEdit::singleline(&mut self.classes).desired_width(f32::INFINITY)).labelled_by(label.id);
        let order = self.classes.parse::<ClassOrder>();
        if let Err(expected) = &order {
            ui.add(
                Label::new(RichText::new(expected).color(ui.visuals().error_fg_color))
                    .wrap()
                    .selectable(true),
            );
        }
        let apply = ui.add_enabled_ui(order.is_ok(), |ui| ui.button("Apply and read the file again")).inner;
        let classes = order.ok().filter(|_| apply.clicked())?;
        let read_as = ReadOptions { input_size: Some(self.input_size), classes: Some(classes) };
        Some(Command::LoadWeightsAs(WeightsChoice { path: Some(path.clone()), read_as }))
    }
}
