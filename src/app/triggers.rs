//! Expressions as switches: the list of triggers with their levels at this moment, which is also their test.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{
    Button, ComboBox, Context, CornerRadius, Frame, Id, Label, Modal, Rect, RichText, ScrollArea, Sense,
    Slider, Stroke, Ui, pos2, vec2,
};
use moue_model::Expression;

use super::command::Command;
use super::labels::{any_name, capitalised, percent};
use super::language::tr;
use super::shortcuts;
use super::theme;
use crate::pipeline::{
    ABOVE, HOLD_MS, LiveResult, REST_MS, ShownReading, Trigger, TriggerAction, TriggerBank, TriggerEvent,
    TriggerLevel,
};

/// Takes what fired, on the UI thread; must return at once.
pub type TriggerSink = dyn Fn(&TriggerEvent) + Send + Sync;

/// Most triggers.
const MOST: usize = 12;
/// How long one that fired is marked.
const FLASH: Duration = Duration::from_millis(700);

/// Follows the readings, and shows the list while it is open.
#[derive(Default)]
pub(super) struct Triggers {
    bank: TriggerBank,
    open: bool,
    /// The last result that was taken.
    number: u64,
    /// When each fired last.
    fired: Vec<Option<Instant>>,
    pub(super) sink: Option<Arc<TriggerSink>>,
}

impl Triggers {
    /// Whether the list takes the keyboard.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    pub(super) fn toggle(&mut self) {
        self.open = !self.open;
    }

    /// Closes the list; whether it was open.
    pub(super) fn close(&mut self) -> bool {
        std::mem::take(&mut self.open)
    }

    /// Takes the newest result's reading of the face that is shown. The keys that were pressed by it; none while the list
    /// is open: there it is only tried.
    pub(super) fn follow(
        &mut self,
        triggers: &[Trigger],
        result: &LiveResult,
        face: Option<(u64, &ShownReading)>,
    ) -> Vec<Command> {
        if triggers.is_empty() || result.number == self.number {
            return Vec::new();
        }
        self.number = result.number;
        self.fired.resize(triggers.len(), None);
        let probability = |name: &str| {
            let (id, shown) = face?;
            // The person's own expression comes before the network's of the same name.
            let own = result.personal.as_ref().filter(|own| own.id == id);
            let place = own.and_then(|own| own.names.iter().position(|n| **n == *name));
            if let (Some(own), Some(place)) = (own, place) {
                return own.probabilities.get(place).copied();
            }
            let known = Expression::ALL.into_iter().find(|e| e.name() == name)?;
            Some(shown.probabilities[known.index()])
        };
        let mut commands = Vec::new();
        for event in self.bank.update(triggers, result.analyzed.frame.time_s, probability) {
            self.fired[event.place] = Some(Instant::now());
            match &triggers[event.place].action {
                _ if self.open => {}
                TriggerAction::Key(key) => commands.extend(shortcuts::command_of(key)),
                TriggerAction::Line => {
                    if let Some(sink) = &self.sink {
                        sink(&event);
                    }
                }
            }
        }
        commands
    }

    /// Draws the list while it is open; the changed list. `own`: the expressions of the profile in use.
    pub(super) fn show(&mut self, ctx: &Context, triggers: &[Trigger], own: &[Arc<str>]) -> Option<Command> {
        if !self.open {
            return None;
        }
        let screen = ctx.content_rect();
        let frame = Frame::popup(&ctx.global_style()).inner_margin(18).corner_radius(12);
        let mut list = triggers.to_vec();
        let shown = Modal::new(Id::unique("triggers")).frame(frame).show(ctx, |ui| {
            ui.set_width(560.0_f32.min(screen.width() - 60.0));
            ui.label(RichText::new(tr!("triggers-title")).size(20.0).strong());
            let text = tr!("triggers-how");
            ui.add(Label::new(text).wrap());
            ui.add_space(6.0);
            let height = (screen.height() - 220.0).max(80.0);
            let mut removed = None;
            ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
                if list.is_empty() {
                    ui.weak(tr!("menu-none-yet"));
                }
                let levels = self.bank.levels();
                for (place, trigger) in list.iter_mut().enumerate() {
                    let level = levels.get(place).copied().unwrap_or_default();
                    let flash =
                        self.fired.get(place).copied().flatten().is_some_and(|at| at.elapsed() < FLASH);
                    if flash {
                        ui.ctx().request_repaint_after(FLASH);
                    }
                    if row(ui, place, trigger, own, (level, flash)) {
                        removed = Some(place);
                    }
                }
            });
            if let Some(place) = removed {
                list.remove(place);
            }
            ui.add_space(8.0);
            ui.horizontal(|ui| {
                if ui.add_enabled(list.len() < MOST, Button::new(tr!("add"))).clicked() {
                    list.push(Trigger {
                        expression: Expression::Happy.name().to_owned(),
                        above: 0.7,
                        hold_ms: 500,
                        rest_ms: 1000,
                        action: TriggerAction::Line,
                    });
                }
                ui.button(tr!("close")).on_hover_text(tr!("key-esc")).clicked()
            })
            .inner
        });
        if list != triggers {
            return Some(Command::SetTriggers(list));
        }
        let closed = shown.inner || shown.should_close();
        closed.then_some(Command::ToggleTriggers)
    }
}

/// One trigger; whether it is removed.
fn row(
    ui: &mut Ui,
    place: usize,
    trigger: &mut Trigger,
    own: &[Arc<str>],
    (level, flash): (TriggerLevel, bool),
) -> bool {
    ui.push_id(place, |ui| {
        ui.separator();
        let removed = ui.horizontal_wrapped(|ui| {
            ComboBox::from_id_salt("expression")
                .selected_text(capitalised(any_name(&trigger.expression)))
                .show_ui(ui, |ui| {
                    let known = Expression::ALL.iter().map(|e| e.name());
                    for name in known.chain(own.iter().map(|name| &**name)) {
                        ui.selectable_value(
                            &mut trigger.expression,
                            name.to_owned(),
                            capitalised(any_name(name)),
                        );
                    }
                });
            ui.label(tr!("triggers-does"));
            let text = match &trigger.action {
                TriggerAction::Line => tr!("triggers-line").to_owned(),
                TriggerAction::Key(key) => tr!("triggers-key", key = key.as_str()),
            };
            ComboBox::from_id_salt("action").width(220.0).selected_text(text).show_ui(ui, |ui| {
                ui.selectable_value(&mut trigger.action, TriggerAction::Line, tr!("triggers-line"));
                for (key, text) in shortcuts::single_keys() {
                    let action = TriggerAction::Key(key.to_owned());
                    ui.selectable_value(
                        &mut trigger.action,
                        action,
                        tr!("triggers-key-text", key = key, text = text),
                    );
                }
            });
            ui.button("×").on_hover_text(tr!("triggers-remove")).clicked()
        });
        ui.horizontal_wrapped(|ui| {
            let mut value = trigger.above * 100.0;
            let slider =
                Slider::new(&mut value, ABOVE.0 * 100.0..=ABOVE.1 * 100.0).suffix(" %").fixed_decimals(0);
            if ui.add(slider.text(tr!("triggers-above"))).changed() {
                trigger.above = value / 100.0;
            }
            ui.add(
                Slider::new(&mut trigger.hold_ms, HOLD_MS.0..=HOLD_MS.1)
                    .suffix(" ms")
                    .text(tr!("triggers-held")),
            );
            ui.add(
                Slider::new(&mut trigger.rest_ms, REST_MS.0..=REST_MS.1)
                    .suffix(" ms")
                    .text(tr!("triggers-rest")),
            );
        });
        meter(ui, trigger, (level, flash));
        removed.inner
    })
    .inner
}

/// The expression's probability with the threshold, and how long it was held.
fn meter(ui: &mut Ui, trigger: &Trigger, (level, flash): (TriggerLevel, bool)) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 14.0), Sense::hover());
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, CornerRadius::same(4), theme::well(ui));
    let part = |share: f32, top: f32, bottom: f32| {
        let right = rect.left() + rect.width() * share.clamp(0.0, 1.0);
        Rect::from_min_max(pos2(rect.left(), rect.top() + top), pos2(right, rect.bottom() - bottom))
    };
    let colour = if flash { theme::LIVE } else { ui.visuals().hyperlink_color };
    painter.rect_filled(part(level.probability, 0.0, 5.0), CornerRadius::same(3), colour);
    painter.rect_filled(part(level.held, 10.0, 0.0), CornerRadius::same(2), ui.visuals().strong_text_color());
    let x = rect.left() + rect.width() * trigger.above;
    painter.vline(x, rect.y_range(), Stroke::new(2.0, ui.visuals().strong_text_color()));
    let state = match (flash, level.spent) {
        (true, _) => tr!("triggers-fired"),
        (_, true) => tr!("triggers-spent"),
        _ => tr!("triggers-ready"),
    };
    let name =
        format!("{} {}, {state}", capitalised(any_name(&trigger.expression)), percent(level.probability));
    response.widget_info(|| eframe::egui::WidgetInfo::labeled(eframe::egui::Role::Label, true, name.clone()));
}
