//! The card "Measurements": how the selected face's head is turned, how far eyes and mouth are open, how often the person
//! blinks, and how well the face can be read. Lengths and angles, no interpretation.

use eframe::egui::{RichText, Ui};
use moue_detect::{Measurements, Quality};

use super::density::Density;
use super::labels::{percent, reason_words};
use super::language::{text_with, tr};
use super::state::State;
use super::theme;
use super::widgets::figure;

/// Draws the card's content. It is as high with a face as without one, so that nothing below it moves.
pub(super) fn card(ui: &mut Ui, state: &State, density: Density) {
    let face = state.selected_face().map(|(face, _)| face);
    if density == Density::Roomy {
        ui.label(RichText::new(tr!("measurements")).size(12.5)).on_hover_text(tr!("measurements-hint"));
    }
    let measured = face.and_then(|f| f.measurements);
    let figures = figures(measured.as_ref());
    for row in figures.chunks(3) {
        ui.columns(3, |columns| {
            for ((caption, value), ui) in row.iter().zip(columns) {
                figure(ui, density, caption, value);
            }
        });
    }
    let text = face.map_or_else(|| tr!("quality", value = "–"), |f| quality_text(&f.quality));
    ui.label(RichText::new(text).font(theme::caption())).on_hover_text(format!(
        "{} {}",
        tr!("quality-hint"),
        tr!("measurements-hint")
    ));
}

/// Keys of captions, and values, `–` where nothing is measured.
fn figures(measured: Option<&Measurements>) -> [(&'static str, String); 6] {
    let text = |value: &dyn Fn(&Measurements) -> String| measured.map_or_else(|| "–".to_owned(), value);
    [
        ("figure-turned", text(&|m| angle(m.pose.yaw, "angle-left", "angle-right"))),
        ("figure-nod", text(&|m| angle(m.pose.pitch, "angle-up", "angle-down"))),
        ("figure-lean", text(&|m| angle(m.pose.roll, "angle-left", "angle-right"))),
        ("figure-eyes", text(&|m| format!("{:.2}", (m.eyes[0] + m.eyes[1]) / 2.0))),
        ("figure-mouth", text(&|m| format!("{:.2}", m.mouth))),
        ("figure-blinks", text(&|m| m.blinks_per_min.map_or_else(|| "–".to_owned(), |b| format!("{b:.0}")))),
    ]
}

/// "12° left"; the sides are the person's. `above`, `below`: keys of the words for more and less than nothing.
fn angle(degrees: f32, above: &'static str, below: &'static str) -> String {
    let words = |key, d: f32| text_with(key, vec![("degrees", format!("{d:.0}°").into())]);
    match degrees.round() {
        d if d > 0.0 => words(above, d),
        d if d < 0.0 => words(below, -d),
        _ => "0°".to_owned(),
    }
}

fn quality_text(quality: &Quality) -> String {
    let reasons: Vec<String> = quality.reasons().iter().map(|r| reason_words(*r).to_lowercase()).collect();
    let value = percent(quality.value());
    if reasons.is_empty() {
        return tr!("quality", value = value);
    }
    tr!("quality-why", value = value, reasons = reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use moue_detect::HeadPose;

    use super::*;

    #[test]
    fn angles_name_the_side_and_nothing_measured_is_a_dash() {
        assert_eq!(angle(12.4, "angle-left", "angle-right"), "12° left");
        assert_eq!(angle(-0.6, "angle-up", "angle-down"), "1° down");
        assert_eq!(angle(-0.4, "angle-up", "angle-down"), "0°");
        assert!(figures(None).iter().all(|(_, value)| value == "–"));
        let pose = HeadPose { yaw: -20.0, pitch: 5.0, roll: 0.0 };
        let measured = Measurements { pose, eyes: [0.25, 0.35], mouth: 0.5, blinks_per_min: None };
        let values = figures(Some(&measured)).map(|(_, value)| value);
        assert_eq!(values, ["20° right", "5° up", "0°", "0.30", "0.50", "–"]);
    }
}
