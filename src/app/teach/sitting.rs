//! The sitting: what is asked for over the picture, and how it goes.

use eframe::egui::{
    Align2, Area, Context, CornerRadius, Frame, Id, Order, ProgressBar, Rect, RichText, Role, Sense, Spinner,
    Ui, WidgetInfo, vec2,
};
use moue_model::Expression;

use super::pictogram;
use crate::app::command::TeachCommand;
use crate::app::labels::{any_name, capitalised, reason_words};
use crate::app::language::tr;
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
                let name = ui.label(RichText::new(capitalised(any_name(status.name))).size(28.0).strong());
                name.widget_info(|| {
                    WidgetInfo::labeled(
                        Role::Label,
                        true,
                        tr!("sitting-asked", expression = capitalised(any_name(status.name))),
                    )
                });
                let (take, all) = status.take;
                ui.weak(tr!("sitting-take", take = take, all = all));
            });
        });
        ui.add_space(4.0);
        let (share, line) = match status.step {
            TeachStep::Ready { left_s } => {
                (0.0, tr!("sitting-begins", seconds = format!("{:.0}", left_s.ceil().max(1.0))))
            }
            TeachStep::Taking { share, feedback } => (share, advice(feedback)),
            TeachStep::TooFew { feedback } => {
                (0.0, format!("{} {}", tr!("sitting-too-few"), advice(feedback)))
            }
            TeachStep::Finished => (1.0, String::new()),
        };
        ui.add(ProgressBar::new(share).desired_height(8.0).corner_radius(CornerRadius::same(4)));
        ui.label(RichText::new(line).size(15.0));
        ui.add_space(4.0);
        ui.horizontal_wrapped(|ui| {
            let too_few = matches!(status.step, TeachStep::TooFew { .. });
            let redo = ui.button(tr!("sitting-again")).on_hover_text(tr!("sitting-again-hint"));
            if too_few && ui.memory(|m| m.focused().is_none()) {
                redo.request_focus();
            }
            let skip = ui.button(tr!("sitting-skip")).on_hover_text(tr!("sitting-skip-hint"));
            let finish = ui.button(tr!("sitting-learn")).on_hover_text(tr!("sitting-learn-hint"));
            let stop = ui.button(tr!("stop")).on_hover_text(tr!("teach-nothing-kept"));
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
            ui.label(RichText::new(tr!("sitting-learning")).size(18.0));
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
        Feedback::Good => tr!("sitting-good").to_owned(),
        Feedback::NoFace => tr!("sitting-no-face").to_owned(),
        Feedback::SeveralFaces => tr!("sitting-several").to_owned(),
        Feedback::Moving => tr!("sitting-moving").to_owned(),
        Feedback::Hard(reason) => tr!("sitting-hard", reason = reason_words(reason)),
    }
}
