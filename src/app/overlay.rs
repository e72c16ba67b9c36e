//! How the overlay is set, and the heatmap of each face as a small texture that is updated in place.

use std::collections::HashMap;

use eframe::egui::{Color32, ColorImage, Context, TextureHandle, TextureOptions};
use moue_model::HeatMap;

use crate::pipeline::{AnalyzedFace, LiveResult, ShownPersonal, ShownReading};
use crate::record::overlay::{HEAT_SIZE, HeatStyle, OverlayStyle};
use crate::settings::{OverlayMode, Settings};

/// The map that a mode shows of a face. `personal`: what a profile reads in one of the faces.
pub(super) fn map_of<'a>(
    mode: OverlayMode,
    face: &'a AnalyzedFace,
    shown: &ShownReading,
    personal: Option<&'a ShownPersonal>,
) -> &'a HeatMap {
    let own = personal.filter(|own| own.id == face.id).and_then(|own| own.evidence.as_ref());
    match (mode, own) {
        (OverlayMode::Attention, _) => &face.reading.attention,
        (OverlayMode::Profile, Some(own)) => own,
        _ => &face.reading.evidence[shown.leading.index()],
    }
}

/// The map as the image that is laid over a face.
fn heat_image(map: &HeatMap, style: &HeatStyle) -> ColorImage {
    let colour = |[r, g, b, a]: [u8; 4]| Color32::from_rgba_unmultiplied(r, g, b, a);
    ColorImage::new([HEAT_SIZE, HEAT_SIZE], style.pixels(map).into_iter().map(colour).collect())
}

/// What is drawn over the picture, as it is set.
pub(super) fn overlay_style(settings: &Settings, mirror: bool, selected: Option<u64>) -> OverlayStyle {
    OverlayStyle {
        heat: settings.overlay.then(|| heat_style(settings)),
        mesh: settings.mesh,
        mirror,
        selected,
    }
}

fn heat_style(settings: &Settings) -> HeatStyle {
    HeatStyle { colours: settings.colour_map, opacity: settings.overlay_opacity }
}

/// Textures of the faces on screen.
#[derive(Default)]
pub(super) struct HeatTextures {
    textures: HashMap<u64, TextureHandle>,
    /// Result and settings that the textures show.
    drawn: Option<(u64, OverlayMode, HeatStyle)>,
}

impl HeatTextures {
    /// Brings the textures up to a result; costs nothing where neither it nor a setting changed.
    pub(super) fn update(&mut self, ctx: &Context, result: &LiveResult, settings: &Settings) {
        let style = heat_style(settings);
        let wanted = (result.number, settings.overlay_mode, style);
        if self.drawn == Some(wanted) {
            return;
        }
        self.drawn = Some(wanted);
        let faces = &result.analyzed.faces;
        self.textures.retain(|id, _| faces.iter().any(|f| f.id == *id));
        for (face, shown) in faces.iter().zip(&result.shown) {
            let map = map_of(settings.overlay_mode, face, shown, result.personal.as_ref());
            let image = heat_image(map, &style);
            match self.textures.get_mut(&face.id) {
                Some(texture) => texture.set_partial([0, 0], image, TextureOptions::LINEAR),
                None => {
                    let name = format!("heat {}", face.id);
                    self.textures.insert(face.id, ctx.load_texture(name, image, TextureOptions::LINEAR));
                }
            }
        }
    }

    pub(super) fn get(&self, id: u64) -> Option<&TextureHandle> {
        self.textures.get(&id)
    }
}
