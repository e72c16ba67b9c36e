//! The sitting: what is asked for over the picture, and how it goes.

use eframe::egui::{
    Align2, Area, Context, CornerRadius, Frame, Id, Order, ProgressBar, Rect, RichText, Role, Sense, Spinner,
    Ui, WidgetInfo, vec2,
};
use moue_model::Expression;

use super::pictogram;
use crate::app::command::TeachCommand;
use crate::app::labels::capitalised;
use crate::app::theme;
use crate::teach::{Feedback, TeachStatus, TeachStep};

/// Width of the card, in points, and the side of the drawn face.
const WIDTH: f32 = 380.0;
const PICTOGRAM: f32 = 64.0;

/// Draws it over the lower part of the picture, where the face is not.
pub(super) fn show(ctx: &Context, space: Rect, status: &TeachStatus<'_>) -> Option<TeachCommand> {
    card(ctx, space, |ui| {
        ui.horizontal(|ui| {
            let expression = Expression::ALL.into_iter().find(|e| e.name() == status.name);
            if let Some(expression) = expression {
                let (rect, _) = ui.allocate_exact_size(vec2(PICTOGRAM, PICTOGRAM), Sense::hover());
                pictogram::draw(ui.painter(), rect, expression, ui.visuals().strong_text_color());
                ui.add_space(6.0);
            }
            ui.vertical(|ui| {
                let name = ui.label(RichText::new(capitalised(status.name)).size(28.0).strong());
                name.widget_info(|| {
                    WidgetInfo::labeled(
                        Role::Label,
                        true,
                        format!("Make this face: {}", capitalised(status.name)),
                    )
                });
                let (take, all) = status.take;
                ui.weak(format!("Take {take} of {all}"));
            });
        });
        ui.add_space(4.0);
        let (share, line) = match status.step {
            TeachStep::Ready { left_s } => {
                (0.0, format!("Make this face. It begins in {:.0}", left_s.ceil().max(1.0)))
            }
            TeachStep::Taking { share, feedback } => (share, advice(feedback)),
            TeachStep::TooFew { feedback } => (0.0, format!("That was not enough. {}", advice(feedback))),
            TeachStep::Finished => (1.0, String::new()),
        };
        ui.add(ProgressBar::new(share).desired_height(8.0).corner_radius(CornerRadius::same(4)));
        ui.label(RichText::new(line).size(15.0));
        ui.add_space(4.0);
        ui.horizontal_wrapped(|ui| {
            let too_few = matches!(status.step, TeachStep::TooFew { .. });
            let redo = ui
                .button("Again")
                .on_hover_text("Makes this take again; before it has begun, the one before");
            if too_few && ui.memory(|m| m.focused().is_none()) {
                redo.request_focus();
            }
            let skip = ui.button("Skip").on_hover_text("Leaves this take out");
            let finish = ui.button("Learn now").on_hover_text("Learns from the takes so far");
            let stop = ui.button("Stop").on_hover_text("Esc: nothing is kept");
            let asked = [
                (redo, TeachCommand::Redo),
                (skip, TeachCommand::Skip),
                (finish, TeachCommand::Finish),
                (stop, TeachCommand::Stop),
            ];
            asked.into_iter().find(|(button, _)| button.clicked()).map(|(_, command)| command)
        })
        .inner
    })
}

/// While it learns.
pub(super) fn learning(ctx: &Context, space: Rect) -> Option<TeachCommand> {
    card(ctx, space, |ui| {
        ui.horizontal(|ui| {
            ui.add(Spinner::new().size(18.0));
            ui.label(RichText::new("Learning…").size(18.0));
        });
        None
    })
}

fn card<T>(ctx: &Context, space: Rect, content: impl FnOnce(&mut Ui) -> T) -> T {
    Area::new(Id::unique("teach sitting"))
        .order(Order::Foreground)
        .pivot(Align2::CENTER_BOTTOM)
        .fixed_pos(space.center_bottom() - vec2(0.0, theme::GAP))
        .show(ctx, |ui| {
            let frame = Frame::popup(&ctx.global_style()).inner_margin(14).corner_radius(12);
            frame
                .show(ui, |ui| {
                    ui.set_width(WIDTH.min(space.width() - 48.0).max(160.0));
                    content(ui)
                })
                .inner
        })
        .inner
}

fn advice(feedback: Feedback) -> String {
    match feedback {
        Feedback::Good => "Good. Hold it, and move your head a little.".to_owned(),
        Feedback::NoFace => "No face in view.".to_owned(),
        Feedback::SeveralFaces => "Several faces: click on yours in the picture.".to_owned(),
        Feedback::Moving => "Hold still.".to_owned(),
        Feedback::Hard(reason) => format!("{}: hard to read.", reason.words()),
    }
}
