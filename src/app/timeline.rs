//! The timeline: events, seven curves or areas with their axes, and the labels below. Of a live source it is the last
//! minute of one face, of a video the whole file by its own time.

use eframe::egui::{
    Align, Button, Color32, FontId, Id, Layout, Rangef, Rect, Response, RichText, Role, Sense, Stroke, Ui,
    Vec2, WidgetInfo, pos2, remap, vec2,
};
use egui_plot::{AxisHints, FilledArea, GridMark, Line, Plot, PlotUi, VLine};
use moue_model::Expression;

use super::command::{Command, Setting};
use super::history::{History, KEPT_S, TimelineEvent};
use super::labels::{any_name, capitalised, clock, clock_whole, label_name, shortened};
use super::language::tr;
use super::samples::Sample;
use super::signs;
use super::theme;
use super::timeline_bands;
use super::timeline_legend;

/// Least height of the whole and of the plot, in points.
pub(super) const LEAST_HEIGHT: f32 = 122.0;
const LEAST_PLOT: f32 = 36.0;
/// Height of the row of events, in points.
const EVENTS: f32 = 14.0;
/// Beside the plot, in points.
const RIGHT: f32 = 14.0;
/// Room that a sign takes in an area, in points.
const SIGN: (f32, f32) = (18.0, 13.0);
/// Between two rows, in points.
const BETWEEN: f32 = 3.0;
/// Longer names of events are cut.
const EVENT_LETTERS: usize = 18;
/// The values of the sample nearest to the pointer are shown, if it is nearer than this share of the visible time.
const NEAR: f64 = 0.02;
/// The least time that the wheel zooms to, in seconds.
const LEAST_SPAN_S: f64 = 1.0;
/// A video's place is at this share of the visible time after that was moved on.
const LEAD: f64 = 0.1;
/// A notch of the wheel, in points, changes the visible time by this factor.
const NOTCH: (f32, f32) = (50.0, 0.8);
/// Distances of the axis' marks to choose from, in seconds, and the least on screen, in points.
const STEPS_S: [f64; 15] =
    [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
const STEP: f64 = 64.0;

/// What is drawn, over which time.
struct View<'a> {
    is_file: bool,
    /// The right edge of a live source, the place of a video, in seconds.
    now_s: f64,
    /// The visible time as [`Self::axis`] counts.
    span: (f64, f64),
    stretches: &'a [Vec<Sample>],
    events: &'a [&'a TimelineEvent],
}

impl View<'_> {
    /// A video's own time; of a live source seconds from now, 0 and below.
    fn axis(&self, at_s: f64) -> f64 {
        if self.is_file { at_s } else { (at_s - self.now_s).min(0.0) }
    }

    fn x(&self, at_s: f64, across: Rangef) -> f32 {
        let (from, to) = self.span;
        remap(self.axis(at_s), from..=to, f64::from(across.min)..=f64::from(across.max)) as f32
    }

    /// "0:12.3" in a video, "12.3 s ago" of a live source.
    fn when(&self, at_s: f64, digits: usize) -> String {
        match (self.is_file, digits) {
            (true, 0) => clock_whole(at_s),
            (true, _) => clock(at_s),
            (false, _) => tr!("timeline-ago", seconds = format!("{:.digits$}", self.now_s - at_s)),
        }
    }

    /// The sample that is nearest to a time of the axis.
    fn nearest(&self, axis_s: f64) -> Option<&Sample> {
        let distance = |s: &&Sample| (self.axis(s.at_s) - axis_s).abs();
        let near = (self.span.1 - self.span.0) * NEAR;
        let nearest = self.stretches.iter().flatten().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.filter(|s| distance(s) < near.max(0.2))
    }
}

/// Draws the timeline of the face `id` into all the height there is. That of a live source does not move while the source
/// is paused or the pointer is over it. `areas`: areas that add up to 100 %, otherwise seven curves.
pub(super) fn show(
    ui: &mut Ui,
    history: &History,
    (id, name): (Option<u64>, Option<&str>),
    areas: bool,
) -> Vec<Command> {
    let is_file = history.is_file();
    let (held, zoomed) = (
        Id::unique("timeline held"),
        Id::unique("timeline zoom").with(is_file.then(|| history.length_s().to_bits())),
    );
    let held_s = ui.data(|d| d.get_temp::<f64>(held)).filter(|_| !is_file);
    let now_s = held_s.unwrap_or_else(|| history.now_s());
    let whole = if is_file { (0.0, history.length_s().max(LEAST_SPAN_S)) } else { (-KEPT_S, 0.0) };
    let zoom = ui.data(|d| d.get_temp::<(f64, f64)>(zoomed)).map(|zoom| within(zoom, whole));
    let zoom = if is_file { zoom.map(|zoom| with_place(ui, zoom, whole, zoomed, now_s)) } else { zoom };
    let mut stretches = history.stretches(id);
    let mut events: Vec<&TimelineEvent> = history.events(id).collect();
    if !is_file {
        stretches.iter_mut().for_each(|stretch| stretch.retain(|s| s.at_s <= now_s));
        events.retain(|e| e.at_s <= now_s);
    }
    events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    let span = zoom.unwrap_or(whole);
    let view = View { is_file, now_s, span, stretches: &stretches, events: &events };

    ui.spacing_mut().item_spacing.y = BETWEEN;
    // Where the pointer was in the last pass: the header is drawn before the plot is known.
    let pointed = Id::unique("timeline pointed");
    let sample = ui.data(|d| d.get_temp::<f64>(pointed)).and_then(|axis_s| view.nearest(axis_s));
    let word = match (history.is_paused(), held_s.is_some()) {
        (true, _) => Some(tr!("paused")),
        (_, true) => Some(tr!("timeline-held")),
        _ => None,
    };
    let mut commands = header(ui, &view, name, (word, sample), areas, zoom.is_some().then_some(zoomed));
    let (event_row, event_response) =
        ui.allocate_exact_size(vec2(ui.available_width(), EVENTS), Sense::hover());
    let bands = timeline_bands::height(view.stretches, BETWEEN);
    let below = bands + timeline_legend::height(ui) + 2.0 * BETWEEN;
    let height = (ui.available_height() - below).max(LEAST_PLOT);
    let (response, plot) = plot(ui, &view, areas, height, sample);
    let across = plot.x_range();
    if areas {
        write_signs(ui, &view, plot);
    }
    draw_events(ui, &view, event_row, across, &event_response);
    timeline_bands::show(ui, view.stretches, across, |at_s| view.x(at_s, across));
    timeline_legend::show(ui, sample, areas);

    let over = response
        .hover_pos()
        .filter(|at| plot.contains(*at))
        .map(|at| remap(f64::from(at.x), f64::from(across.min)..=f64::from(across.max), span.0..=span.1));
    ui.data_mut(|d| match over {
        Some(axis_s) => {
            d.insert_temp(pointed, axis_s);
            d.insert_temp(held, now_s);
        }
        None => {
            d.remove::<f64>(pointed);
            d.remove::<f64>(held);
        }
    });
    if let Some(axis_s) = over {
        zoom_and_pan(ui, &response, zoomed, (span, whole), axis_s, f64::from(across.span()));
        commands.extend(seek(ui, &response, is_file.then_some((axis_s, now_s))));
    }
    response.context_menu(|ui| {
        if ui.button(tr!("copy-values")).clicked() {
            commands.push(Command::CopyTimeline);
            ui.close();
        }
        ui.add_enabled_ui(zoom.is_some(), |ui| {
            if ui.button(tr!("timeline-show-all")).clicked() {
                ui.data_mut(|d| d.remove::<(f64, f64)>(zoomed));
                ui.close();
            }
        });
    });
    response.widget_info(|| {
        let name = if is_file { tr!("timeline-name-video") } else { tr!("timeline-name-live") };
        WidgetInfo::labeled(Role::Image, true, name)
    });
    commands
}

/// A visible time moved and shortened so that it lies in the whole.
fn within(span: (f64, f64), whole: (f64, f64)) -> (f64, f64) {
    let length = (span.1 - span.0).min(whole.1 - whole.0);
    let from = span.0.clamp(whole.0, whole.1 - length);
    (from, from + length)
}

/// A video's visible time, moved on where its place has left it by playing or by a jump. `zoomed`: where it is kept.
fn with_place(ui: &Ui, span: (f64, f64), whole: (f64, f64), zoomed: Id, now_s: f64) -> (f64, f64) {
    let last = zoomed.with("last place");
    let last_s = ui.data(|d| d.get_temp::<f64>(last)).unwrap_or(now_s);
    let inside = |at_s: f64| (span.0..=span.1).contains(&at_s);
    // Who has moved away from it looks at something else.
    let span = if inside(last_s) && !inside(now_s) {
        let length = span.1 - span.0;
        let from = now_s - length * LEAD;
        within((from, from + length), whole)
    } else {
        span
    };
    ui.data_mut(|d| {
        d.insert_temp(last, now_s);
        d.insert_temp(zoomed, span);
    });
    span
}

/// The wheel zooms about the pointer, dragging moves what is zoomed, a double click shows all.
fn zoom_and_pan(
    ui: &Ui,
    response: &Response,
    zoomed: Id,
    (span, whole): ((f64, f64), (f64, f64)),
    axis_s: f64,
    width: f64,
) {
    let wheel = ui.input(|i| i.smooth_scroll_delta.y);
    let length = span.1 - span.0;
    let wanted = if wheel != 0.0 {
        let factor = f64::from(NOTCH.1.powf(wheel / NOTCH.0));
        let new = (length * factor).clamp(LEAST_SPAN_S.min(length), whole.1 - whole.0);
        let from = axis_s - (axis_s - span.0) * new / length;
        Some((from, from + new))
    } else if response.dragged() {
        let moved = -f64::from(response.drag_delta().x) * length / width.max(1.0);
        Some((span.0 + moved, span.1 + moved))
    } else {
        None
    };
    // Asked before: the context is locked while its data are changed.
    let reset = response.double_clicked();
    ui.data_mut(|d| {
        if reset {
            d.remove::<(f64, f64)>(zoomed);
        } else if let Some(wanted) = wanted {
            let wanted = within(wanted, whole);
            // All of it is no zoom: it grows with the file.
            if wanted.1 - wanted.0 < (whole.1 - whole.0) * 0.999 {
                d.insert_temp(zoomed, wanted);
            } else {
                d.remove::<(f64, f64)>(zoomed);
            }
        }
    });
}

/// A click in a video goes there. A double click means the zoom: it goes back to where its first click left from.
fn seek(ui: &Ui, response: &Response, place: Option<(f64, f64)>) -> Option<Command> {
    let (there_s, now_s) = place?;
    let before = Id::unique("timeline before the click");
    if response.double_clicked() {
        return ui.data(|d| d.get_temp(before)).map(Command::SeekTo);
    }
    response.clicked().then(|| {
        ui.data_mut(|d| d.insert_temp(before, now_s));
        Command::SeekTo(there_s)
    })
}

/// What is shown, what the pointer is at, and how it is drawn.
fn header(
    ui: &mut Ui,
    view: &View<'_>,
    name: Option<&str>,
    (word, sample): (Option<&str>, Option<&Sample>),
    areas: bool,
    zoomed: Option<Id>,
) -> Vec<Command> {
    let mut commands = Vec::new();
    ui.horizontal(|ui| {
        let title = if view.is_file { tr!("timeline-video") } else { tr!("timeline-live") };
        ui.label(RichText::new(title).size(12.5).strong());
        if let Some(name) = name {
            ui.label(RichText::new(name).size(12.5).weak());
        }
        if let Some(sample) = sample {
            let label = label_name(sample.reading.label);
            let own = sample
                .personal
                .as_ref()
                .map_or_else(String::new, |own| format!(" · {}", any_name(&own.name)));
            let text = format!("{}: {}{own}", view.when(sample.at_s, 1), capitalised(label));
            ui.label(RichText::new(text).size(12.5));
        } else if let Some(word) = word {
            ui.label(RichText::new(word).size(12.5).weak());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            for (value, text) in [(false, tr!("timeline-curves")), (true, tr!("timeline-areas"))] {
                let text = RichText::new(text).font(theme::caption());
                if ui.selectable_label(areas == value, text).clicked() {
                    commands.push(Command::Set(Setting::TimelineAreas(value)));
                }
            }
            if let Some(zoomed) = zoomed {
                let button = Button::new(RichText::new(tr!("timeline-show-all")).font(theme::caption()));
                if ui.add(button).on_hover_text(tr!("timeline-show-all-hint")).clicked() {
                    ui.data_mut(|d| d.remove::<(f64, f64)>(zoomed));
                }
            }
        });
    });
    commands
}

/// The events in a row: a tick for each, and its name where there is room.
fn draw_events(ui: &Ui, view: &View<'_>, row: Rect, across: Rangef, response: &Response) {
    let rect = Rect::from_x_y_ranges(across, row.y_range());
    let colour = ui.visuals().weak_text_color();
    let painter = ui.painter_at(row);
    let visible: Vec<(f32, &TimelineEvent)> = view
        .events
        .iter()
        .map(|event| (view.x(event.at_s, across), *event))
        .filter(|(x, _)| rect.x_range().contains(*x))
        .collect();
    let mut free_from = rect.left();
    // Where names are, from left to right.
    let mut names = Vec::new();
    for (x, event) in &visible {
        let name = shortened(&event.what.words(), EVENT_LETTERS);
        let galley = painter.layout_no_wrap(name, FontId::proportional(10.5), colour);
        let right = x + 3.0 + galley.size().x;
        // At the right edge the name is to the left of its tick.
        let left = if right > rect.right() { x - 3.0 - galley.size().x } else { x + 3.0 };
        if left >= free_from {
            free_from = left.max(*x) + if left > *x { galley.size().x } else { 0.0 } + 5.0;
            names.push(left..=left + galley.size().x);
            painter.galley(pos2(left, rect.top()), galley, colour);
        }
    }
    // A tick through a name would make it unreadable. The plot below has a line for every event.
    for (x, _) in &visible {
        if !names.iter().any(|name| name.contains(x)) {
            painter.vline(*x, rect.y_range(), Stroke::new(1.0, colour));
        }
    }
    let text = |event: &TimelineEvent| format!("{}: {}", view.when(event.at_s, 0), event.what.words());
    if let Some(pointer) = response.hover_pos() {
        let near: Vec<String> = visible
            .iter()
            .filter(|(x, _)| (x - pointer.x).abs() < 8.0)
            .map(|(_, event)| text(event))
            .collect();
        if !near.is_empty() {
            response.clone().on_hover_ui_at_pointer(|ui| {
                for line in near {
                    ui.label(line);
                }
            });
        }
    }
    response.widget_info(|| {
        let list = view.events.iter().map(|event| text(event)).collect::<Vec<_>>().join("; ");
        WidgetInfo::labeled(Role::Label, true, tr!("timeline-events", list = list))
    });
}

/// The plot with its axes: its response, and where the curves are.
fn plot(ui: &mut Ui, view: &View<'_>, areas: bool, height: f32, sample: Option<&Sample>) -> (Response, Rect) {
    let (weak, strong) = (ui.visuals().weak_text_color(), ui.visuals().strong_text_color());
    let ground = ui.visuals().panel_fill;
    let (from, to) = view.span;
    let width = f64::from(ui.available_width() - 50.0).max(1.0);
    let least_step = (to - from) * STEP / width;
    let step_s = STEPS_S.into_iter().find(|s| *s >= least_step).unwrap_or(7200.0);
    let is_file = view.is_file;
    // At the left edge it would lie on the other axis' last label.
    let left_edge = from + (to - from) * 0.03;
    let time = move |mark: GridMark, _: &std::ops::RangeInclusive<f64>| match (is_file, step_s < 1.0) {
        _ if mark.value < left_edge => String::new(),
        (true, true) => clock(mark.value),
        (true, false) => clock_whole(mark.value),
        (false, _) if mark.value.abs() < 1e-6 => tr!("timeline-now").to_owned(),
        (false, fine) => format!("{:.*} s", usize::from(fine), mark.value),
    };
    let marks = move |from: f64, to: f64, step: f64| {
        let first = (from / step).ceil() as i64;
        let marks = (first..).map(|i| i as f64 * step).take_while(|value| *value <= to + 1e-9);
        marks.take(200).map(|value| GridMark { value, step_size: step }).collect::<Vec<_>>()
    };
    let font = FontId::proportional(10.5);
    let x_axis = AxisHints::new_x()
        .formatter(time)
        .label_spacing(Rangef::new(20.0, 30.0))
        .tick_label_color(weak)
        .tick_label_font(font.clone());
    let y_axis = AxisHints::new_y()
        .formatter(|mark, _| format!("{:.0} %", mark.value * 100.0))
        .label_spacing(Rangef::new(8.0, 12.0))
        .min_thickness(36.0)
        .tick_label_color(weak)
        .tick_label_font(font);
    let shown = Plot::new("timeline")
        .height(height)
        // The last label is half beyond the edge.
        .width(ui.available_width() - RIGHT)
        .custom_x_axes(vec![x_axis])
        .custom_y_axes(vec![y_axis])
        .x_grid_spacer(move |_| marks(from, to, step_s))
        .y_grid_spacer(move |_| marks(0.0, 1.0, if height > 110.0 { 0.25 } else { 0.5 }))
        .show_background(false)
        .grid_color(weak.gamma_multiply(0.35))
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_axis_zoom_drag(false)
        .allow_double_click_reset(false)
        .show_crosshair(false)
        .sense(Sense::CLICK | Sense::DRAG)
        .label_formatter(|_| None)
        .set_margin_fraction(Vec2::ZERO)
        .show(ui, |plot| {
            plot.set_plot_bounds_x(from..=to);
            plot.set_plot_bounds_y(0.0..=1.0);
            for (n, stretch) in view.stretches.iter().enumerate() {
                let samples = visible(view, stretch, width as usize);
                if samples.len() > 1 {
                    let xs: Vec<f64> = samples.iter().map(|s| view.axis(s.at_s)).collect();
                    if areas {
                        draw_areas(plot, n, &samples, &xs, ground);
                    } else {
                        draw_curves(plot, n, &samples, &xs);
                    }
                }
            }
            for event in view.events {
                let line = VLine::new(event.what.words(), view.axis(event.at_s));
                plot.vline(line.color(weak).width(1.0).allow_hover(false));
            }
            if view.is_file {
                plot.vline(VLine::new("now", view.now_s).color(strong).width(2.0).allow_hover(false));
            }
            if let Some(sample) = sample {
                let line = VLine::new("pointer", view.axis(sample.at_s));
                plot.vline(line.color(strong).width(1.0).allow_hover(false));
            }
        });
    let frame = *shown.transform.frame();
    (shown.response, frame)
}

/// The samples within the visible time and one more at each end, thinned out to about one a point of the screen.
fn visible<'a>(view: &View<'_>, stretch: &'a [Sample], points: usize) -> Vec<&'a Sample> {
    let first = stretch.partition_point(|s| view.axis(s.at_s) < view.span.0).saturating_sub(1);
    let end = (stretch.partition_point(|s| view.axis(s.at_s) <= view.span.1) + 1).min(stretch.len());
    let samples = &stretch[first.min(end)..end];
    let every = samples.len().div_ceil(points.max(1)).max(1);
    let last = samples.len().saturating_sub(1);
    samples.iter().enumerate().filter(|(i, _)| i % every == 0 || *i == last).map(|(_, s)| s).collect()
}

/// `ground`: colour of the lines between them.
fn draw_areas(plot: &mut PlotUi<'_>, n: usize, samples: &[&Sample], xs: &[f64], ground: Color32) {
    let mut low = vec![0.0; xs.len()];
    for expression in Expression::ALL {
        let value = |s: &Sample| f64::from(s.reading.probabilities[expression.index()]);
        let high: Vec<f64> = samples.iter().zip(&low).map(|(s, low)| low + value(s)).collect();
        let area = FilledArea::new(format!("{expression} {n}"), xs, &low, &high);
        let colour = theme::expression_colour(expression);
        plot.add(area.fill_color(colour).stroke(Stroke::NONE).allow_hover(false));
        low = high;
        // Two of like brightness would look like one.
        let edge: Vec<[f64; 2]> = xs.iter().zip(&low).map(|(x, y)| [*x, *y]).collect();
        plot.line(
            Line::new(format!("edge {expression} {n}"), edge).color(ground).width(1.0).allow_hover(false),
        );
    }
}

/// Writes an expression's sign into its area, once in each part of it that is wide and high enough.
fn write_signs(ui: &Ui, view: &View<'_>, plot: Rect) {
    let painter = ui.painter_at(plot);
    let high_enough = |share: f64| share as f32 * plot.height() >= SIGN.1;
    for stretch in view.stretches {
        let samples = visible(view, stretch, plot.width() as usize);
        for e in Expression::ALL {
            let share = |s: &Sample| f64::from(s.reading.probabilities[e.index()]);
            for part in samples.chunk_by(|a, b| high_enough(share(a)) == high_enough(share(b))) {
                let (Some(first), Some(last)) = (part.first(), part.last()) else { continue };
                let ends = Rangef::new(view.x(first.at_s, plot.x_range()), view.x(last.at_s, plot.x_range()));
                let seen = Rect::from_x_y_ranges(ends, plot.y_range()).intersect(plot);
                if !high_enough(share(first)) || seen.width() < SIGN.0 {
                    continue;
                }
                let middle = seen.center().x;
                let distance = |s: &&&Sample| (view.x(s.at_s, plot.x_range()) - middle).abs();
                let Some(at) = part.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))) else {
                    continue;
                };
                let below: f32 = at.reading.probabilities[..e.index()].iter().sum();
                let height = below + at.reading.probabilities[e.index()] / 2.0;
                let place = pos2(middle, plot.bottom() - height * plot.height());
                signs::write(&painter, Rect::from_center_size(place, SIGN.into()), Some(e));
            }
        }
    }
}

fn draw_curves(plot: &mut PlotUi<'_>, n: usize, samples: &[&Sample], xs: &[f64]) {
    for expression in Expression::ALL {
        let value = |s: &Sample| f64::from(s.reading.probabilities[expression.index()]);
        let points: Vec<[f64; 2]> = samples.iter().zip(xs).map(|(s, x)| [*x, value(s)]).collect();
        let line = Line::new(format!("{expression} {n}"), points);
        let (style, width) = signs::stroke(expression);
        let line = line.color(theme::expression_colour(expression)).style(style).width(width);
        plot.line(line.allow_hover(false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zoom_stays_in_the_whole() {
        assert_eq!(within((-5.0, 5.0), (0.0, 60.0)), (0.0, 10.0));
        assert_eq!(within((55.0, 65.0), (0.0, 60.0)), (50.0, 60.0));
        assert_eq!(within((0.0, 90.0), (0.0, 60.0)), (0.0, 60.0), "of a longer file");
    }
}
