//! Colours and sizes, in one place.

use std::sync::Arc;

use eframe::egui::{self, Color32, FontData, FontDefinitions, FontFamily, FontId, Visuals};

use crate::model::Expression;

/// Gap between groups of the panel, in points.
pub(super) const GAP: f32 = 14.0;
/// Width of the side panel at the start, in points.
pub(super) const PANEL_WIDTH: f32 = 312.0;

/// Behind the picture, in both themes: a picture is judged best on a dark ground.
pub(super) const STAGE: Color32 = Color32::from_rgb(15, 17, 21);
/// Text on the stage.
pub(super) const ON_STAGE: Color32 = Color32::from_rgb(226, 230, 238);
/// Text of less weight on the stage.
pub(super) const ON_STAGE_WEAK: Color32 = Color32::from_rgb(146, 153, 166);
/// The camera is on.
pub(super) const LIVE: Color32 = Color32::from_rgb(214, 48, 62);
/// What is seen is not a camera.
pub(super) const DEMO: Color32 = Color32::from_rgb(222, 153, 28);
/// A neutral mark.
pub(super) const MARK: Color32 = Color32::from_rgb(84, 92, 108);

/// Each expression's own colour, the same everywhere.
pub(super) fn expression_colour(e: Expression) -> Color32 {
    match e {
        Expression::Angry => Color32::from_rgb(229, 72, 77),
        Expression::Disgust => Color32::from_rgb(92, 160, 68),
        Expression::Fear => Color32::from_rgb(150, 92, 214),
        Expression::Happy => Color32::from_rgb(243, 176, 32),
        Expression::Neutral => Color32::from_rgb(139, 147, 160),
        Expression::Sad => Color32::from_rgb(72, 118, 235),
        Expression::Surprise => Color32::from_rgb(22, 170, 160),
    }
}

/// A person's colour: neighbours in number are far apart in hue.
pub(super) fn person_colour(id: u64) -> Color32 {
    const COLOURS: [Color32; 8] = [
        Color32::from_rgb(94, 196, 255),
        Color32::from_rgb(255, 196, 84),
        Color32::from_rgb(140, 224, 130),
        Color32::from_rgb(255, 138, 170),
        Color32::from_rgb(190, 162, 255),
        Color32::from_rgb(255, 150, 92),
        Color32::from_rgb(110, 226, 208),
        Color32::from_rgb(226, 226, 120),
    ];
    COLOURS[(id % COLOURS.len() as u64) as usize]
}

/// The label of the chosen face.
pub(super) fn headline() -> FontId {
    FontId::proportional(34.0)
}

/// egui's own letters, with symbols for marks and toasts behind them, so that nothing depends on
/// what the system has.
fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    for (name, bytes) in [
        ("hack", epaint_default_fonts::HACK_REGULAR),
        ("noto-emoji", epaint_default_fonts::NOTO_EMOJI_REGULAR),
        ("emoji-icons", epaint_default_fonts::EMOJI_ICON),
    ] {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
        for family in [FontFamily::Proportional, FontFamily::Monospace] {
            let names = fonts.families.entry(family.clone()).or_default();
            if name == "hack" && family == FontFamily::Monospace {
                names.insert(0, name.to_owned());
            } else {
                names.push(name.to_owned());
            }
        }
    }
    fonts
}

/// Styles both themes.
pub(super) fn apply(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    for (theme, mut visuals, panel) in [
        (egui::Theme::Dark, Visuals::dark(), Color32::from_rgb(24, 27, 33)),
        (egui::Theme::Light, Visuals::light(), Color32::from_rgb(246, 247, 249)),
    ] {
        visuals.panel_fill = panel;
        visuals.window_corner_radius = 10.into();
        ctx.set_visuals_of(theme, visuals);
        ctx.style_mut_of(theme, |style| {
            style.spacing.item_spacing = egui::vec2(8.0, 6.0);
            style.spacing.button_padding = egui::vec2(8.0, 4.0);
        });
    }
}
