//! The personal baseline in the window: a key, a row in the panel, and a countdown over the picture.

use eframe::egui::{
    Align2, Button, Color32, Context, CornerRadius, FontId, Id, LayerId, Order, Rect, RichText, Ui,
    WidgetInfo, vec2,
};

use super::settings::Settings;
use super::theme;
use crate::pipeline::{BaselineState, Live, Message};

/// What the user wants of the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BaselineAction {
    /// The key: record one, or end what is.
    Toggle,
    /// Take none out any more, or stop the recording.
    Off,
    /// Apply the one in the settings.
    UseKept,
    /// Write the one that is on into the settings.
    Keep,
    /// Remove it from the settings; it stays on until it is turned off.
    Forget,
}

/// Does it. `person` is the one that the panel shows.
pub(super) fn act(
    action: BaselineAction,
    live: &Live,
    settings: &mut Settings,
    person: Option<u64>,
) -> Option<Message> {
    let state = live.baseline();
    match (action, state) {
        (BaselineAction::Toggle, BaselineState::Off) => match person {
            Some(id) => live.record_baseline(id),
            None => return Some(Message::Info("a baseline needs a face in view".into())),
        },
        (BaselineAction::Toggle | BaselineAction::Off, _) => live.set_baseline(None),
        (BaselineAction::UseKept, _) => live.set_baseline(settings.baseline.clone()),
        (BaselineAction::Keep, BaselineState::On { baseline, .. }) => settings.baseline = Some(baseline),
        (BaselineAction::Keep, _) => {}
        (BaselineAction::Forget, _) => settings.baseline = None,
    }
    None
}

/// The row in the panel: what is on, and what can be done. `can_record`: a face is in view.
pub(super) fn row(
    ui: &mut Ui,
    state: &BaselineState,
    settings: &Settings,
    can_record: bool,
) -> Option<BaselineAction> {
    let mut action = None;
    let mut button = |ui: &mut Ui, text: &str, hint: &str, enabled: bool, wanted: BaselineAction| {
        let button = Button::new(RichText::new(text).font(theme::caption()));
        if ui.add_enabled(enabled, button).on_hover_text(hint).clicked() {
            action = Some(wanted);
        }
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        match state {
            BaselineState::Off => {
                let hint = "Look neutral for three seconds: what the network sees in this face when it is neutral is \
                            taken out of its readings (key B)";
                button(ui, "Neutral baseline …", hint, can_record, BaselineAction::Toggle);
                if settings.baseline.is_some() {
                    let hint = "The one that was kept, with the camera and network that it was recorded with";
                    button(ui, "Use the kept one", hint, true, BaselineAction::UseKept);
                    button(ui, "Forget it", "Removes it from the settings", true, BaselineAction::Forget);
                }
            }
            BaselineState::Recording { .. } => {
                chip(ui, "Look neutral", theme::DEMO);
                button(ui, "Cancel", "Key B", true, BaselineAction::Off);
            }
            BaselineState::On { baseline, fits } => {
                if *fits {
                    chip(ui, "Baseline on", theme::baseline());
                } else {
                    chip(ui, "Baseline waits", theme::MARK)
                        .on_hover_text(format!("It was recorded with {} and its network", baseline.source));
                }
                button(ui, "Off", "The readings are as the network gives them (key B)", true, BaselineAction::Off);
                if settings.baseline.as_ref() == Some(baseline) {
                    let hint = "Removes it from the settings; it stays on until you turn it off";
                    button(ui, "Forget", hint, true, BaselineAction::Forget);
                } else {
                    let hint = "Writes seven numbers and the camera's name into the settings, for the next start";
                    button(ui, "Keep", hint, *fits, BaselineAction::Keep);
                }
            }
        }
    });
    action
}

fn chip(ui: &mut Ui, text: &str, colour: Color32) -> eframe::egui::Response {
    let galley = ui.painter().layout_no_wrap(text.to_owned(), theme::caption(), theme::ink_on(colour));
    let (rect, response) =
        ui.allocate_exact_size(galley.size() + vec2(18.0, 6.0), eframe::egui::Sense::hover());
    ui.painter().rect_filled(rect, CornerRadius::same(11), colour);
    ui.painter().galley(rect.min + vec2(9.0, 3.0), galley, theme::ink_on(colour));
    response.widget_info(|| WidgetInfo::labeled(eframe::egui::Role::Label, true, text));
    response
}

/// While it is recorded: what to do, and for how long, over the picture.
pub(super) fn countdown(ctx: &Context, stage: Rect, state: &BaselineState) {
    let BaselineState::Recording { left_s, .. } = state else { return };
    let seconds = left_s.map_or(String::new(), |s| format!(" {:.0}", s.ceil()));
    let painter = ctx.layer_painter(LayerId::new(Order::Foreground, Id::unique("baseline countdown")));
    let text = format!("Look neutral{seconds}");
    let galley = painter.layout_no_wrap(text, FontId::proportional(30.0), theme::ink_on(theme::DEMO));
    let at = stage.center_top() + vec2(0.0, 26.0);
    let rect = Align2::CENTER_TOP.anchor_size(at, galley.size() + vec2(40.0, 18.0));
    painter.rect_filled(rect, rect.height() / 2.0, theme::DEMO);
    painter.galley(rect.min + vec2(20.0, 9.0), galley, theme::ink_on(theme::DEMO));
}
