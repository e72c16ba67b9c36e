//! Colours and sizes, in one place.

use std::sync::Arc;

use eframe::egui::style::WidgetVisuals;
use eframe::egui::{
    self, Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Stroke, Visuals,
};
use moue_model::Expression;

use super::density::Density;
use super::system_fonts::LanguageFont;
use crate::record::{expression_rgb, person_rgb};

/// Gap between groups of the panel, in points.
pub(super) const GAP: f32 = 14.0;

/// Behind the live picture in both themes: colours are judged best on a dark background.
pub(super) const STAGE: Color32 = Color32::from_rgb(15, 17, 21);
/// Text on the stage.
pub(super) const ON_STAGE: Color32 = Color32::from_rgb(226, 230, 238);
/// Less important text on the stage.
pub(super) const ON_STAGE_WEAK: Color32 = Color32::from_rgb(146, 153, 166);
/// Mark: the camera is live, or a recording runs.
pub(super) const LIVE: Color32 = Color32::from_rgb(214, 48, 62);
/// Mark: not a camera, or no signal.
pub(super) const DEMO: Color32 = Color32::from_rgb(222, 153, 28);
/// A neutral mark.
pub(super) const MARK: Color32 = Color32::from_rgb(84, 92, 108);

/// The label "unsure", told apart from every expression and from no face.
pub(super) const UNSURE: Color32 = Color32::from_rgb(152, 104, 70);

/// Mark: a personal baseline is on. Has white letters.
pub(super) fn baseline() -> Color32 {
    Color32::from_rgb(20, 118, 110)
}

/// Each expression's own colour, the same everywhere.
pub(super) fn expression_colour(e: Expression) -> Color32 {
    let [r, g, b] = expression_rgb(e);
    Color32::from_rgb(r, g, b)
}

/// A person's colour: neighbours in number are far apart in hue.
pub(super) fn person_colour(id: u64) -> Color32 {
    let [r, g, b] = person_rgb(id);
    Color32::from_rgb(r, g, b)
}

/// A label's colour; `None`: unsure.
pub(super) fn label_colour(label: Option<Expression>) -> Color32 {
    label.map_or(UNSURE, expression_colour)
}

/// Letters on a coloured mark: black or white, whichever is read better.
pub(super) fn ink_on(mark: Color32) -> Color32 {
    let better = contrast(Color32::BLACK, mark) >= contrast(Color32::WHITE, mark);
    if better { Color32::BLACK } else { Color32::WHITE }
}

/// WCAG 2's contrast ratio, 1 to 21.
fn contrast(a: Color32, b: Color32) -> f32 {
    let luminance = |c: Color32| {
        let linear = |v: u8| {
            let v = f32::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(c.r()) + 0.7152 * linear(c.g()) + 0.0722 * linear(c.b())
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Where something else lies on the stage, as much of it shines through a notice and the hint for dropped files.
pub(super) fn veil(over: Veil) -> Color32 {
    STAGE.gamma_multiply(match over {
        Veil::Notice => 0.86,
        Veil::DropHint => 0.85,
    })
}

/// What is drawn over the picture with a ground that lets some of it through.
#[derive(Debug, Clone, Copy)]
pub(super) enum Veil {
    Notice,
    DropHint,
}

/// The label of the chosen face.
pub(super) fn headline() -> FontId {
    FontId::proportional(34.0)
}

/// Figures of the status list.
pub(super) fn figure() -> FontId {
    FontId::proportional(17.0)
}

/// Captions of figures.
pub(super) fn caption() -> FontId {
    FontId::proportional(12.0)
}

/// Surfaces, lines and text of one theme.
#[derive(Debug, Clone, Copy)]
struct Palette {
    panel: Color32,
    card: Color32,
    well: Color32,
    outline: Color32,
    text: Color32,
    weak: Color32,
    accent: Color32,
    warning: Color32,
    error: Color32,
}

const DARK: Palette = Palette {
    panel: Color32::from_rgb(21, 24, 30),
    card: Color32::from_rgb(29, 33, 41),
    well: Color32::from_rgb(44, 50, 61),
    outline: Color32::from_rgb(45, 51, 62),
    text: Color32::from_rgb(232, 236, 242),
    weak: Color32::from_rgb(154, 164, 178),
    accent: Color32::from_rgb(94, 196, 255),
    warning: Color32::from_rgb(255, 193, 77),
    error: Color32::from_rgb(255, 126, 130),
};

const LIGHT: Palette = Palette {
    panel: Color32::from_rgb(240, 242, 245),
    card: Color32::from_rgb(255, 255, 255),
    well: Color32::from_rgb(228, 232, 238),
    outline: Color32::from_rgb(214, 219, 226),
    text: Color32::from_rgb(24, 28, 35),
    weak: Color32::from_rgb(88, 98, 112),
    accent: Color32::from_rgb(12, 106, 168),
    warning: Color32::from_rgb(128, 82, 0),
    error: Color32::from_rgb(192, 38, 48),
};

impl Palette {
    /// Behind selected text and pressed-in choices.
    fn selected(&self) -> Color32 {
        self.card.lerp_to_gamma(self.accent, 0.35)
    }
}

fn palette(visuals: &Visuals) -> &'static Palette {
    if visuals.dark_mode { &DARK } else { &LIGHT }
}

/// Behind bars, bands and plots.
pub(super) fn well(ui: &egui::Ui) -> Color32 {
    palette(ui.visuals()).well
}

/// A tile on a card.
pub(super) fn tile(ui: &egui::Ui) -> Color32 {
    palette(ui.visuals()).panel
}

/// A card: a group of controls on a surface of its own.
pub(super) fn card<R>(ui: &mut egui::Ui, density: Density, content: impl FnOnce(&mut egui::Ui) -> R) -> R {
    let palette = palette(ui.visuals());
    egui::Frame::new()
        .fill(palette.card)
        .stroke(Stroke::new(1.0, palette.outline))
        .corner_radius(CornerRadius::same(10))
        .inner_margin(density.of(Margin::symmetric(14, 12), Margin::symmetric(12, 6)))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            content(ui)
        })
        .inner
}

/// egui's own fonts, and symbols for marks and messages, so that the window looks the same on every system.
fn fonts(more: &[LanguageFont]) -> FontDefinitions {
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
    for font in more {
        fonts.font_data.insert(font.name.clone(), Arc::clone(&font.data));
        for family in [FontFamily::Proportional, FontFamily::Monospace] {
            fonts.families.entry(family).or_default().push(font.name.clone());
        }
    }
    fonts
}

/// Adds fonts of the system for languages that the built-in ones have no letters for.
pub(super) fn add_fonts(ctx: &egui::Context, more: &[LanguageFont]) {
    ctx.set_fonts(fonts(more));
}

/// Styles both themes.
pub(super) fn apply(ctx: &egui::Context) {
    ctx.set_fonts(fonts(&[]));
    for (theme, mut visuals) in [(egui::Theme::Dark, Visuals::dark()), (egui::Theme::Light, Visuals::light())]
    {
        let palette = palette(&visuals);
        let widget = |fill: Color32, stroke: Stroke| WidgetVisuals {
            bg_fill: fill,
            weak_bg_fill: fill,
            bg_stroke: stroke,
            corner_radius: CornerRadius::same(6),
            fg_stroke: Stroke::new(1.2, palette.text),
            expansion: 0.0,
        };
        let outline = Stroke::new(1.0, palette.outline);
        visuals.widgets.noninteractive = widget(palette.card, outline);
        visuals.widgets.inactive = widget(palette.well, Stroke::NONE);
        visuals.widgets.hovered =
            widget(palette.outline, Stroke::new(1.0, palette.accent.gamma_multiply(0.7)));
        visuals.widgets.active = widget(palette.outline, Stroke::new(1.0, palette.accent));
        visuals.widgets.open = widget(palette.well, Stroke::NONE);
        visuals.panel_fill = palette.panel;
        visuals.window_fill = palette.card;
        visuals.window_stroke = outline;
        visuals.window_corner_radius = CornerRadius::same(10);
        visuals.menu_corner_radius = CornerRadius::same(8);
        visuals.extreme_bg_color = palette.well;
        visuals.faint_bg_color = palette.panel;
        visuals.weak_text_color = Some(palette.weak);
        visuals.hyperlink_color = palette.accent;
        visuals.warn_fg_color = palette.warning;
        visuals.error_fg_color = palette.error;
        visuals.selection.bg_fill = palette.selected();
        // egui writes what is selected in this colour.
        visuals.selection.stroke = Stroke::new(1.0, palette.text);
        visuals.slider_trailing_fill = true;
        ctx.set_visuals_of(theme, visuals);
        ctx.style_mut_of(theme, |style| {
            style.spacing.item_spacing = egui::vec2(8.0, 6.0);
            style.spacing.button_padding = egui::vec2(9.0, 4.0);
            style.spacing.menu_margin = Margin::same(8);
            style.spacing.interact_size.y = 24.0;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsure_looks_like_no_expression_and_not_like_nobody() {
        let far = |other: Color32| {
            let apart = |a: u8, b: u8| (f32::from(a) - f32::from(b)).powi(2);
            let u = UNSURE;
            (apart(u.r(), other.r()) + apart(u.g(), other.g()) + apart(u.b(), other.b())).sqrt() > 60.0
        };
        assert!(Expression::ALL.into_iter().map(expression_colour).all(far));
        assert!([DARK, LIGHT].iter().all(|palette| far(palette.well)));
    }

    #[test]
    fn text_is_readable_on_every_surface_of_both_themes() {
        for palette in [DARK, LIGHT] {
            for surface in [palette.panel, palette.card, palette.well] {
                assert!(contrast(palette.text, surface) >= 7.0);
                for text in [palette.weak, palette.warning, palette.error, palette.accent] {
                    assert!(contrast(text, surface) >= 4.5, "{text:?} on {surface:?}");
                }
            }
            // What is pointed at, pressed or selected.
            for surface in [palette.outline, palette.selected()] {
                let ratio = contrast(palette.text, surface);
                assert!(ratio >= 4.5, "text on {surface:?}: {ratio}");
            }
        }
    }

    #[test]
    fn text_is_readable_on_every_coloured_mark() {
        for id in 0..64 {
            assert!(contrast(Color32::BLACK, person_colour(id)) >= 7.0);
        }
        let labels = Expression::ALL.into_iter().map(Some).chain([None]).map(label_colour);
        for mark in [LIVE, DEMO, MARK, baseline()].into_iter().chain(labels) {
            assert!(contrast(ink_on(mark), mark) >= 4.5, "{mark:?}");
        }
        // The recording's mark and its banner.
        assert_eq!(ink_on(LIVE), Color32::WHITE);
        // The emphasised buttons of the stage and of the introduction.
        assert!(contrast(Color32::BLACK, ON_STAGE) >= 4.5);
        assert!(
            contrast(Color32::BLACK, DARK.accent) >= 4.5 && contrast(Color32::WHITE, LIGHT.accent) >= 4.5
        );
    }

    #[test]
    fn text_is_readable_over_the_picture() {
        assert!(contrast(ON_STAGE_WEAK, STAGE) >= 4.5 && contrast(ON_STAGE, STAGE) >= 7.0);
        // A white picture behind it; under a notice it is dimmed.
        let through = |veil: Color32, behind: u8| {
            let left = 1.0 - f32::from(veil.a()) / 255.0;
            let mix = |part: u8| part + (f32::from(behind) * left) as u8;
            Color32::from_rgb(mix(veil.r()), mix(veil.g()), mix(veil.b()))
        };
        assert!(contrast(ON_STAGE_WEAK, through(veil(Veil::Notice), 70)) >= 4.5);
        assert!(contrast(ON_STAGE, through(veil(Veil::DropHint), 255)) >= 4.5);
    }

    /// What egui itself draws with: the styles are made of the palettes, and not only near them.
    #[test]
    fn every_text_of_the_styles_is_readable_on_its_ground() {
        let ctx = egui::Context::default();
        apply(&ctx);
        for theme in [egui::Theme::Dark, egui::Theme::Light] {
            let visuals = ctx.style_of(theme).visuals.clone();
            let widgets = &visuals.widgets;
            for widget in
                [&widgets.noninteractive, &widgets.inactive, &widgets.hovered, &widgets.active, &widgets.open]
            {
                for ground in [widget.bg_fill, widget.weak_bg_fill] {
                    assert!(contrast(widget.fg_stroke.color, ground) >= 4.5, "{theme:?} {widget:?}");
                }
            }
            assert!(contrast(visuals.selection.stroke.color, visuals.selection.bg_fill) >= 4.5, "{theme:?}");
            let grounds =
                [visuals.panel_fill, visuals.window_fill, visuals.extreme_bg_color, visuals.faint_bg_color];
            let inks = [
                visuals.text_color(),
                visuals.weak_text_color(),
                visuals.strong_text_color(),
                visuals.hyperlink_color,
                visuals.warn_fg_color,
                visuals.error_fg_color,
            ];
            for ground in grounds {
                for ink in inks {
                    assert!(contrast(ink, ground) >= 4.5, "{theme:?}: {ink:?} on {ground:?}");
                }
            }
        }
    }
}
