//! What came of a sitting, before anything is kept.

use eframe::egui::{Button, Context, Frame, Grid, Id, Key, Label, Modal, RichText, ScrollArea, TextEdit, Ui};

use super::Taught;
use crate::app::command::TeachCommand;
use crate::app::labels::any_name;
use crate::app::language::tr;
use crate::teach::review_lines;

/// Shows it.
pub(super) fn show(ctx: &Context, taught: &mut Taught) -> Option<TeachCommand> {
    let frame = Frame::popup(&ctx.global_style()).inner_margin(18).corner_radius(12);
    let screen = ctx.content_rect();
    let shown = Modal::new(Id::unique("taught")).frame(frame).show(ctx, |ui| {
        ui.set_width(560.0_f32.min(screen.width() - 60.0));
        ui.label(RichText::new(tr!("review-title")).size(20.0).strong());
        ui.add_space(4.0);
        let height = (screen.height() - 210.0).max(80.0);
        ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
            for line in review_lines(&taught.names, taught.learned.review.as_ref()) {
                ui.add(Label::new(line).wrap().selectable(true));
            }
            if let Some(review) = &taught.learned.review {
                ui.add_space(8.0);
                confusion(ui, &taught.names, &review.confusion);
            }
        });
        ui.add_space(10.0);
        let mut entered = false;
        ui.horizontal(|ui| {
            let label = ui.label(tr!("review-name"));
            let field =
                ui.add(TextEdit::singleline(&mut taught.name).desired_width(160.0)).labelled_by(label.id);
            if std::mem::take(&mut taught.fresh) {
                field.request_focus();
            }
            entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        });
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            let named = !taught.name.trim().is_empty();
            let keep = ui.add_enabled(named, Button::new(tr!("review-keep"))).clicked();
            if (keep || entered) && named {
                return Some(TeachCommand::Keep(taught.name.trim().to_owned()));
            }
            ui.button(tr!("review-discard"))
                .on_hover_text(tr!("teach-nothing-kept"))
                .clicked()
                .then_some(TeachCommand::Stop)
        })
        .inner
    });
    let closed = shown.should_close().then_some(TeachCommand::Stop);
    shown.inner.or(closed)
}

/// Takes that were held out: what was shown (rows), and what was read (columns).
fn confusion(ui: &mut Ui, names: &[String], counts: &[Vec<usize>]) {
    ui.label(RichText::new(tr!("review-table")).weak());
    ScrollArea::horizontal().show(ui, |ui| {
        Grid::new("taught confusion").spacing([12.0, 4.0]).show(ui, |ui| {
            ui.label("");
            for name in names {
                ui.label(RichText::new(any_name(name)).weak());
            }
            ui.end_row();
            for (shown, (name, row)) in names.iter().zip(counts).enumerate() {
                ui.label(any_name(name));
                for (read, count) in row.iter().enumerate() {
                    let text = RichText::new(count.to_string());
                    ui.label(match (shown == read, *count) {
                        (true, _) => text.strong(),
                        (_, 0) => text.weak(),
                        _ => text.color(ui.visuals().error_fg_color),
                    });
                }
                ui.end_row();
            }
        });
    });
}
