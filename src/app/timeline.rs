//! The last minute of one person: events, seven curves or areas, and the labels below.

use std::time::Instant;

use eframe::egui::{
    Align, Color32, CornerRadius, FontId, Id, Label, Layout, Rect, Response, RichText, Role, Sense, Stroke,
    Ui, Vec2, WidgetInfo, pos2, remap, vec2,
};
use egui_plot::{FilledArea, Line, Plot, PlotPoint, PlotUi, VLine};
use moue_model::Expression;

use super::command::{Command, Setting};
use super::history::{History, KEPT, Sample, TimelineEvent, label_bands};
use super::labels::percent;
use super::theme;

/// Height of the plot, in points.
const HEIGHT: f32 = 96.0;
/// Height of the label bands, in points.
const BAND: f32 = 8.0;
/// Height of the row of events, in points.
const EVENTS: f32 = 15.0;
/// Longer names of events are cut.
const EVENT_LETTERS: usize = 18;
/// The values of the sample nearest to the pointer are shown, if it is nearer than this, in seconds.
const NEAR_S: f64 = 1.0;

/// What is drawn. The right edge is `now`.
struct View<'a> {
    now: Instant,
    stretches: &'a [Vec<Sample>],
    events: &'a [&'a TimelineEvent],
}

impl View<'_> {
    /// Seconds from the right edge, 0 and below.
    fn seconds(&self, at: Instant) -> f64 {
        -self.now.saturating_duration_since(at).as_secs_f64()
    }

    fn x(&self, at: Instant, rect: Rect) -> f32 {
        remap(self.seconds(at) as f32, -KEPT.as_secs_f32()..=0.0, rect.x_range())
    }
}

/// Draws the timeline of person `id`. It does not move while the source is paused or the pointer is over it. `areas`:
/// areas that add up to 100 %, otherwise seven curves.
pub(super) fn show(ui: &mut Ui, history: &History, id: Option<u64>, areas: bool) -> Option<Command> {
    let held = Id::unique("timeline held");
    let held_at = ui.data(|d| d.get_temp::<Instant>(held));
    let now = held_at.unwrap_or_else(|| history.now());
    let mut stretches = id.map(|id| history.stretches(id)).unwrap_or_default();
    for stretch in &mut stretches {
        stretch.retain(|s| s.at <= now);
    }
    let mut events: Vec<&TimelineEvent> = history.events(id).filter(|e| e.at <= now).collect();
    events.sort_by_key(|e| e.at);
    let view = View { now, stretches: &stretches, events: &events };
    let command = header(ui, history.is_paused(), held_at.is_some(), areas);
    event_row(ui, &view);
    let (response, pointer) = plot(ui, &view, areas);
    bands(ui, &view);
    let resting = response.hovered();
    ui.data_mut(|d| {
        if resting {
            d.insert_temp(held, now);
        } else {
            d.remove::<Instant>(held);
        }
    });
    if let Some(pointer) = pointer.filter(|_| resting) {
        values(&response, &view, pointer);
    }
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Timeline of the last minute"));
    command
}

fn header(ui: &mut Ui, paused: bool, held: bool, areas: bool) -> Option<Command> {
    let mut command = None;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Last minute").size(12.5));
        if paused || held {
            ui.label(RichText::new(if paused { "Paused" } else { "Held" }).size(12.5).weak());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            for (value, text) in [(false, "Curves"), (true, "Areas")] {
                let text = RichText::new(text).font(theme::caption());
                if ui.selectable_label(areas == value, text).clicked() {
                    command = Some(Command::Set(Setting::TimelineAreas(value)));
                }
            }
        });
    });
    command
}

/// The events in a row: a tick for each, and its name where there is room.
fn event_row(ui: &mut Ui, view: &View<'_>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), EVENTS), Sense::hover());
    let colour = ui.visuals().weak_text_color();
    let painter = ui.painter_at(rect);
    let mut free_from = rect.left();
    // Where names are, from left to right.
    let mut names = Vec::new();
    for event in view.events {
        let x = view.x(event.at, rect);
        if x < rect.left() {
            continue;
        }
        let name: String = event.text.chars().take(EVENT_LETTERS).collect();
        let galley = painter.layout_no_wrap(name, FontId::proportional(10.5), colour);
        let right = x + 3.0 + galley.size().x;
        // At the right edge the name is to the left of its tick.
        let left = if right > rect.right() { x - 3.0 - galley.size().x } else { x + 3.0 };
        if left >= free_from {
            free_from = left.max(x) + if left > x { galley.size().x } else { 0.0 } + 5.0;
            names.push(left..=left + galley.size().x);
            painter.galley(pos2(left, rect.top()), galley, colour);
        }
    }
    // A tick through a name would make it unreadable. The plot below has a line for every event.
    for x in view.events.iter().map(|event| view.x(event.at, rect)).filter(|x| *x >= rect.left()) {
        if !names.iter().any(|name| name.contains(&x)) {
            painter.vline(x, rect.y_range(), Stroke::new(1.0, colour));
        }
    }
    let text = |event: &&TimelineEvent| format!("{:.0} s ago: {}", -view.seconds(event.at), event.text);
    if let Some(pointer) = response.hover_pos() {
        let near: Vec<String> =
            view.events.iter().filter(|m| (view.x(m.at, rect) - pointer.x).abs() < 8.0).map(text).collect();
        if !near.is_empty() {
            response.clone().on_hover_ui_at_pointer(|ui| {
                for line in near {
                    ui.label(line);
                }
            });
        }
    }
    response.widget_info(|| {
        let list = view.events.iter().map(text).collect::<Vec<_>>().join("; ");
        WidgetInfo::labeled(Role::Label, true, format!("Events: {list}"))
    });
}

/// The plot itself: its response, and where the pointer is.
fn plot(ui: &mut Ui, view: &View<'_>, areas: bool) -> (Response, Option<PlotPoint>) {
    let weak = ui.visuals().weak_text_color();
    let response = Plot::new("timeline")
        .height(HEIGHT)
        .show_axes(false)
        .show_grid(false)
        .show_background(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .show_crosshair(false)
        .label_formatter(|_| None)
        .set_margin_fraction(Vec2::ZERO)
        .show(ui, |plot| {
            plot.set_plot_bounds_x(-KEPT.as_secs_f64()..=0.0);
            plot.set_plot_bounds_y(0.0..=1.0);
            for (n, stretch) in view.stretches.iter().enumerate().filter(|(_, s)| s.len() > 1) {
                let xs: Vec<f64> = stretch.iter().map(|s| view.seconds(s.at)).collect();
                if areas {
                    draw_areas(plot, n, stretch, &xs);
                } else {
                    draw_curves(plot, n, stretch, &xs);
                }
            }
            for event in view.events {
                let line = VLine::new(event.text.clone(), view.seconds(event.at));
                plot.vline(line.color(weak).width(1.0).allow_hover(false));
            }
            plot.pointer_coordinate()
        });
    (response.response, response.inner)
}

fn draw_areas(plot: &mut PlotUi<'_>, n: usize, stretch: &[Sample], xs: &[f64]) {
    let mut low = vec![0.0; xs.len()];
    for expression in Expression::ALL {
        let value = |s: &Sample| f64::from(s.reading.probabilities[expression.index()]);
        let high: Vec<f64> = stretch.iter().zip(&low).map(|(s, low)| low + value(s)).collect();
        let area = FilledArea::new(format!("{expression} {n}"), xs, &low, &high);
        let colour = theme::expression_colour(expression);
        plot.add(area.fill_color(colour).stroke(Stroke::NONE).allow_hover(false));
        low = high;
    }
}

fn draw_curves(plot: &mut PlotUi<'_>, n: usize, stretch: &[Sample], xs: &[f64]) {
    for expression in Expression::ALL {
        let value = |s: &Sample| f64::from(s.reading.probabilities[expression.index()]);
        let points: Vec<[f64; 2]> = stretch.iter().zip(xs).map(|(s, x)| [*x, value(s)]).collect();
        let line = Line::new(format!("{expression} {n}"), points);
        plot.line(line.color(theme::expression_colour(expression)).width(1.6).allow_hover(false));
    }
}

/// The labels, as a coloured strip.
fn bands(ui: &mut Ui, view: &View<'_>) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), BAND), Sense::hover());
    ui.painter().rect_filled(rect, CornerRadius::same(3), theme::well(ui));
    for (from, to, label) in view.stretches.iter().flat_map(|s| label_bands(s)) {
        let colour = label.map_or(Color32::TRANSPARENT, theme::expression_colour);
        let left = view.x(from, rect).max(rect.left());
        let band =
            Rect::from_min_max(pos2(left, rect.top()), pos2(view.x(to, rect).max(left), rect.bottom()));
        ui.painter().rect_filled(band, CornerRadius::ZERO, colour);
    }
}

/// Shows the values under the pointer.
fn values(response: &Response, view: &View<'_>, pointer: PlotPoint) {
    let distance = |s: &Sample| (view.seconds(s.at) - pointer.x).abs();
    let nearest = view.stretches.iter().flatten().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let Some(sample) = nearest.filter(|s| distance(s) < NEAR_S) else { return };
    response.clone().on_hover_ui_at_pointer(|ui| {
        let ago = -view.seconds(sample.at);
        let label = sample.reading.label.map_or("unsure", Expression::name);
        ui.label(RichText::new(format!("{ago:.1} s ago: {label}")).strong());
        for expression in Expression::ALL {
            ui.horizontal(|ui| {
                ui.colored_label(theme::expression_colour(expression), "■");
                let value = percent(sample.reading.probabilities[expression.index()]);
                ui.label(RichText::new(format!("{expression} {value}")).size(12.5));
            });
        }
        for event in view.events.iter().filter(|m| (view.seconds(m.at) - pointer.x).abs() < NEAR_S) {
            ui.add(Label::new(RichText::new(&event.text).size(12.5).weak()).truncate());
        }
    });
}
