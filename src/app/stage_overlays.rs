//! What is drawn over the live picture: the recording indicator, the baseline's countdown and the hint for dropped
//! files.

use std::time::Duration;

use eframe::egui::{
    Align2, Area, Color32, Context, FontId, Frame, Id, Label, LayerId, Order, Rect, RichText, vec2,
};

use super::language::tr;
use super::state::State;
use super::theme;
use crate::pipeline::BaselineState;

/// A recording that began is announced for so long.
const ANNOUNCED_FOR: Duration = Duration::from_secs(2);

/// Draws what there is at the moment.
pub(super) fn show(ctx: &Context, stage: Rect, state: &State) {
    recording_indicator(ctx, stage, state);
    drop_hint(ctx, stage);
    baseline_countdown(ctx, stage, &state.live.baseline());
}

/// "● REC 1:05" in the corner while it records.
fn recording_indicator(ctx: &Context, stage: Rect, state: &State) {
    let Some(recorder) = state.recordings.running() else {
        if state.record_when_running {
            let text = tr!("recording-waits");
            banner(ctx, stage, "recording waits", text, theme::MARK, theme::ink_on(theme::MARK));
        }
        return;
    };
    let since = recorder.started_at().elapsed();
    if since < ANNOUNCED_FOR {
        let text = tr!("recording-started");
        banner(ctx, stage, "recording started", text, theme::LIVE, Color32::WHITE);
        ctx.request_repaint_after(ANNOUNCED_FOR - since);
    }
    ctx.request_repaint_after(Duration::from_millis(500));
    let seconds = recorder.started_at().elapsed().as_secs();
    let time = match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        h => format!("{h}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    };
    let status = recorder.status();
    let lost = if status.lost > 0 {
        format!(" · {}", tr!("recording-lost", count = status.lost))
    } else {
        String::new()
    };
    Area::new(Id::unique("recording"))
        .order(Order::Middle)
        .interactable(false)
        .fixed_pos(stage.right_top() + vec2(-22.0, 22.0))
        .pivot(Align2::RIGHT_TOP)
        .show(ctx, |ui| {
            Frame::new().fill(theme::LIVE).corner_radius(13).inner_margin(vec2(10.0, 4.0)).show(ui, |ui| {
                let text = RichText::new(format!("● REC {time}{lost}"));
                let text = text.size(14.0).strong().color(Color32::WHITE);
                ui.add(Label::new(text).extend().selectable(false));
            });
        });
}

/// Large letters over the upper part of the picture.
fn banner(ctx: &Context, stage: Rect, id: &'static str, text: &str, ground: Color32, ink: Color32) {
    Area::new(Id::unique(id))
        .order(Order::Foreground)
        .interactable(false)
        .fixed_pos(stage.center_top() + vec2(0.0, 60.0))
        .pivot(Align2::CENTER_TOP)
        .show(ctx, |ui| {
            Frame::new().fill(ground).corner_radius(24).inner_margin(vec2(20.0, 9.0)).show(ui, |ui| {
                let text = RichText::new(text).size(26.0).strong().color(ink);
                ui.add(Label::new(text).extend().selectable(false));
            });
        });
}

/// What can be dropped, while a file is held over the window.
fn drop_hint(ctx: &Context, stage: Rect) {
    if ctx.input(|i| i.raw.hovered_files.is_empty()) {
        return;
    }
    let painter = ctx.layer_painter(LayerId::new(Order::Foreground, Id::unique("drop hint")));
    painter.rect_filled(stage, 0.0, theme::veil(theme::Veil::DropHint));
    let text = tr!("drop-hint");
    painter.text(stage.center(), Align2::CENTER_CENTER, text, FontId::proportional(18.0), theme::ON_STAGE);
}

/// While a baseline is recorded: what to do, and for how many seconds.
fn baseline_countdown(ctx: &Context, stage: Rect, state: &BaselineState) {
    let BaselineState::Recording { left_s, .. } = state else { return };
    let seconds = left_s.map_or(String::new(), |s| format!(" {:.0}", s.ceil()));
    let painter = ctx.layer_painter(LayerId::new(Order::Foreground, Id::unique("baseline countdown")));
    let text = format!("{}{seconds}", tr!("baseline-look"));
    let galley = painter.layout_no_wrap(text, FontId::proportional(30.0), theme::ink_on(theme::DEMO));
    let at = stage.center_top() + vec2(0.0, 26.0);
    let rect = Align2::CENTER_TOP.anchor_size(at, galley.size() + vec2(40.0, 18.0));
    painter.rect_filled(rect, rect.height() / 2.0, theme::DEMO);
    painter.galley(rect.min + vec2(20.0, 9.0), galley, theme::ink_on(theme::DEMO));
}
