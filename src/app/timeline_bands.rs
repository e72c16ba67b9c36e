//! The rows below the plot: the network's label at each moment, and that of a profile where one was on.

use eframe::egui::{Color32, CornerRadius, FontId, Rangef, Rect, Role, Sense, Stroke, Ui, WidgetInfo, vec2};
use moue_model::Expression;

use super::labels::{any_name, capitalised, shortened};
use super::language::tr;
use super::samples::{PersonalLabel, Sample, bands_of};
use super::signs;
use super::theme;
use crate::pipeline::network_class;

/// Height of a row, in points.
const BAND: f32 = 12.0;
/// Size of a name's letters, between it and its band's ends, in points, and its longest.
const LETTERS: f32 = 9.5;
const ROOM: f32 = 2.0;
const LONGEST: usize = 16;

/// Height of the rows, in points, with what lies between two.
pub(super) fn height(stretches: &[Vec<Sample>], between: f32) -> f32 {
    if has_profile(stretches) { 2.0 * BAND + between } else { BAND }
}

fn has_profile(stretches: &[Vec<Sample>]) -> bool {
    stretches.iter().flatten().any(|sample| sample.personal.is_some())
}

/// Draws them. `x`: where a time is on screen.
pub(super) fn show(ui: &mut Ui, stretches: &[Vec<Sample>], across: Rangef, x: impl Fn(f64) -> f32) {
    let well = theme::well(ui);
    row(
        ui,
        (stretches, across, &x),
        |sample| Some(sample.reading.label),
        |painter, band, label| {
            painter.rect_filled(band, CornerRadius::ZERO, theme::label_colour(*label));
            signs::write(painter, band.intersect(painter.clip_rect()), *label);
        },
    );
    if !has_profile(stretches) {
        return;
    }
    let response = row(
        ui,
        (stretches, across, &x),
        |sample| sample.personal.clone(),
        |painter, band, label| {
            let colour = colour(label).unwrap_or(well);
            painter.rect_filled(band, CornerRadius::ZERO, colour);
            let ink = theme::ink_on(colour);
            let name = shortened(&capitalised(any_name(&label.name)), LONGEST);
            let galley = painter.layout_no_wrap(name, FontId::proportional(LETTERS), ink);
            let seen = band.intersect(painter.clip_rect());
            if galley.size().x + 2.0 * ROOM <= seen.width() {
                painter.galley(seen.center() - galley.size() / 2.0, galley, ink);
            }
        },
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, tr!("timeline-of-profile")));
    response.on_hover_text(tr!("timeline-of-profile"));
}

/// An expression that the network knows has its colour there; an own one has a colour by its place in the profile.
fn colour(label: &PersonalLabel) -> Option<Color32> {
    let place = label.place?;
    let own = || theme::person_colour(place as u64 + 1);
    Some(
        network_class(&label.name)
            .map_or_else(own, |class| theme::label_colour(Some(Expression::ALL[class]))),
    )
}

/// One row of bands: consecutive samples of one label.
fn row<L: PartialEq>(
    ui: &mut Ui,
    (stretches, across, x): (&[Vec<Sample>], Rangef, &impl Fn(f64) -> f32),
    label: impl Fn(&Sample) -> Option<L>,
    paint: impl Fn(&eframe::egui::Painter, Rect, &L),
) -> eframe::egui::Response {
    let (row, response) = ui.allocate_exact_size(vec2(ui.available_width(), BAND), Sense::hover());
    let rect = Rect::from_x_y_ranges(across, row.y_range());
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, CornerRadius::same(3), theme::well(ui));
    for (from, to, label) in stretches.iter().flat_map(|stretch| bands_of(stretch, &label)) {
        let ends = Rangef::new(x(from), x(to));
        let Some(label) = label.filter(|_| ends.max >= across.min && ends.min <= across.max) else {
            continue;
        };
        paint(&painter, Rect::from_x_y_ranges(ends, row.y_range()), &label);
        // Two of like brightness would look like one.
        painter.vline(ends.max, row.y_range(), Stroke::new(1.0, ui.visuals().panel_fill));
    }
    response
}
