//! What is shown at the first start, until the user has confirmed it.

use eframe::egui::{
    Align2, Area, Button, Color32, Context, Frame, Id, Key, Label, Order, Rect, RichText, Stroke, StrokeKind,
    Ui, vec2,
};

use super::command::{Command, Setting, Sheet};
use super::language::tr;
use super::theme;

/// Widest text, and between it and the stage's edges, in points.
const WIDTH: f32 = 660.0;
const MARGIN: f32 = 10.0;

/// Draws it over the picture's lower edge, so that it pushes nothing away; what was asked for, and where it lies. Enter
/// confirms it unless something else has the keyboard (`covered`, or a control that has the focus).
pub(super) fn show(ctx: &Context, stage: Rect, covered: bool) -> (Option<Command>, Rect) {
    let visuals = ctx.global_style().visuals.clone();
    let frame =
        Frame::popup(&ctx.global_style()).inner_margin(12).stroke(Stroke::new(1.5, visuals.hyperlink_color));
    let shown = Area::new(Id::unique("introduction"))
        .order(Order::Middle)
        .pivot(Align2::CENTER_BOTTOM)
        .fixed_pos(stage.center_bottom() - vec2(0.0, MARGIN))
        .show(ctx, |ui| {
            frame
                .show(ui, |ui| {
                    ui.set_width((stage.width() - 2.0 * MARGIN - 28.0).clamp(120.0, WIDTH));
                    content(ui)
                })
                .inner
        });
    let free = !covered && ctx.memory(|m| m.focused().is_none());
    let entered =
        (free && ctx.input(|i| i.key_pressed(Key::Enter))).then_some(Command::Set(Setting::Introduced));
    (shown.inner.or(entered), shown.response.rect)
}

fn content(ui: &mut Ui) -> Option<Command> {
    let mut command = None;
    ui.label(RichText::new(tr!("introduction-title")).size(16.0).strong());
    ui.add(Label::new(tr!("introduction")).wrap());
    ui.add_space(theme::GAP / 4.0);
    ui.horizontal_wrapped(|ui| {
        let ink = if ui.visuals().dark_mode { Color32::BLACK } else { Color32::WHITE };
        let understood = Button::new(RichText::new(tr!("introduction-understood")).color(ink))
            .fill(ui.visuals().hyperlink_color);
        let understood = ui.add(understood);
        if understood.has_focus() {
            let stroke = Stroke::new(2.0, ui.visuals().text_color());
            ui.painter().rect_stroke(understood.rect.expand(3.0), 8.0, stroke, StrokeKind::Inside);
        }
        if understood.on_hover_text(tr!("introduction-keys")).clicked() {
            command = Some(Command::Set(Setting::Introduced));
        }
        if ui.button(tr!("sheet-shortcuts")).clicked() {
            command = Some(Command::ToggleSheet(Sheet::Shortcuts));
        }
    });
    command
}
