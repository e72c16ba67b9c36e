//! The card of a profile that is on: whose it is, and what it reads beside the network's seven.

use eframe::egui::{
    Align, Button, CornerRadius, Layout, Rect, RichText, Role, Sense, Ui, WidgetInfo, pos2, vec2,
};

use super::command::Command;
use super::density::Density;
use super::labels::{any_name, capitalised, percent};
use super::language::tr;
use super::theme;
use crate::pipeline::{LiveResult, ProfileInUse, ShownPersonal};

/// Height of an expression's bar, in points, and the share of the row that its name takes.
const BAR: f32 = 15.0;
const NAME: f32 = 0.36;

/// Draws it.
pub(super) fn card(
    ui: &mut Ui,
    profile: &ProfileInUse,
    result: Option<&LiveResult>,
    density: Density,
) -> Vec<Command> {
    let mut commands = Vec::new();
    let shown = result.and_then(|r| r.personal.as_ref());
    ui.horizontal(|ui| {
        let title = shown.map_or_else(|| "–".to_owned(), |s| capitalised(any_name(s.label_text())));
        ui.label(RichText::new(title).size(density.of(20.0, 17.0)).strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let off = Button::new(RichText::new(format!("{} ×", profile.name)).font(theme::caption()));
            let hint = tr!("profile-hint");
            let off = ui.add(off).on_hover_text(hint);
            off.widget_info(|| {
                WidgetInfo::labeled(Role::Button, true, tr!("profile-off", name = profile.name.to_string()))
            });
            if off.clicked() {
                commands.push(Command::ProfileOff);
            }
        });
    });
    match (shown, result) {
        (Some(shown), _) => {
            bars(ui, shown);
            if shown.somebody_else {
                ui.label(RichText::new(tr!("profile-somebody-else")).font(theme::caption()));
            }
        }
        (None, _) if !profile.fits => {
            ui.weak(tr!("profile-rests"));
        }
        (None, Some(result)) if result.analyzed.faces.len() > 1 => {
            ui.weak(tr!("profile-whose"));
        }
        _ => {
            ui.weak(tr!("sitting-no-face"));
        }
    }
    commands
}

fn bars(ui: &mut Ui, shown: &ShownPersonal) {
    ui.spacing_mut().item_spacing.y = 1.0;
    for (place, (name, p)) in shown.names.iter().zip(&shown.probabilities).enumerate() {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), BAR), Sense::hover());
        let painter = ui.painter_at(rect);
        let is_label = shown.label == Some(place);
        let ink = if is_label { ui.visuals().strong_text_color() } else { ui.visuals().weak_text_color() };
        let galley = painter.layout_no_wrap(any_name(name).to_owned(), theme::caption(), ink);
        painter.galley(pos2(rect.left(), rect.center().y - galley.size().y / 2.0), galley, ink);
        let value = painter.layout_no_wrap(percent(*p), theme::caption(), ink);
        let right = rect.right() - value.size().x;
        painter.galley(pos2(right, rect.center().y - value.size().y / 2.0), value, ink);
        let left = rect.left() + rect.width() * NAME;
        let well = Rect::from_min_max(
            pos2(left, rect.center().y - 3.0),
            pos2(rect.right() - 44.0, rect.center().y + 3.0),
        );
        painter.rect_filled(well, CornerRadius::same(3), theme::well(ui));
        let mut filled = well;
        filled.set_width(well.width() * p.clamp(0.0, 1.0));
        let colour = if is_label { ui.visuals().hyperlink_color } else { ink.gamma_multiply(0.6) };
        painter.rect_filled(filled, CornerRadius::same(3), colour);
        response.widget_info(|| {
            WidgetInfo::labeled(
                Role::Label,
                true,
                tr!(
                    "profile-value",
                    profile = shown.profile.to_string(),
                    expression = any_name(name),
                    value = percent(*p),
                ),
            )
        });
    }
}
