//! The heatmap over each face, as a small texture that is updated in place.

use std::collections::HashMap;

use eframe::egui::{Color32, ColorImage, Context, TextureHandle, TextureOptions};
use moue_model::HeatMap;

use crate::pipeline::{AnalyzedFace, LiveResult, ShownReading};
use crate::settings::{ColourMap, OverlayMode, Settings};

/// Width and height of a heatmap's texture; the graphics card enlarges it further.
const SIZE: usize = 64;

/// The map that a mode shows of a face.
pub(super) fn map_of<'a>(mode: OverlayMode, face: &'a AnalyzedFace, shown: &ShownReading) -> &'a HeatMap {
    match mode {
        OverlayMode::Attention => &face.reading.attention,
        OverlayMode::Evidence => &face.reading.evidence[shown.leading.index()],
    }
}

/// The map as the image that is laid over a face, 64x64 pixels. Colour and opacity follow the value, from the map's
/// lowest to its highest.
#[must_use]
pub fn heat_image(map: &HeatMap, settings: &Settings) -> ColorImage {
    let pixels = map
        .normalised()
        .enlarged(SIZE)
        .into_iter()
        .map(|value| {
            let value = value.clamp(0.0, 1.0);
            let [r, g, b] = settings.colour_map.colour(value);
            // Low values let the face show through.
            let opacity = settings.overlay_opacity * (0.15 + 0.85 * value);
            Color32::from_rgba_unmultiplied(r, g, b, (opacity * 255.0).round() as u8)
        })
        .collect();
    ColorImage::new([SIZE, SIZE], pixels)
}

/// Textures of the faces on screen.
#[derive(Default)]
pub(super) struct HeatTextures {
    textures: HashMap<u64, TextureHandle>,
    /// Result and settings that the textures show.
    drawn: Option<(u64, OverlayMode, f32, ColourMap)>,
}

impl HeatTextures {
    /// Brings the textures up to a result; costs nothing where neither it nor a setting changed.
    pub(super) fn update(&mut self, ctx: &Context, result: &LiveResult, settings: &Settings) {
        let wanted = (result.number, settings.overlay_mode, settings.overlay_opacity, settings.colour_map);
        if self.drawn == Some(wanted) {
            return;
        }
        self.drawn = Some(wanted);
        let faces = &result.analyzed.faces;
        self.textures.retain(|id, _| faces.iter().any(|f| f.id == *id));
        for (face, shown) in faces.iter().zip(&result.shown) {
            let image = heat_image(map_of(settings.overlay_mode, face, shown), settings);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_pixel_lies_over_the_hottest_cell() {
        let settings = Settings::default();
        for hot in 0..49 {
            let values = (0..49).map(|i| if i == hot { 0.8 } else { 0.3 }).collect();
            let image = heat_image(&HeatMap { width: 7, height: 7, values }, &settings);
            let strongest = (0..image.pixels.len()).max_by_key(|&i| image.pixels[i].a()).expect("pixels");
            let (x, y) = (strongest % SIZE, strongest / SIZE);
            assert_eq!((y * 7 / SIZE, x * 7 / SIZE), (hot / 7, hot % 7));
        }
    }

    #[test]
    fn without_opacity_nothing_is_covered() {
        let settings = Settings { overlay_opacity: 0.0, ..Settings::default() };
        let image = heat_image(&HeatMap { width: 2, height: 1, values: vec![0.0, 1.0] }, &settings);
        assert!(image.pixels.iter().all(|p| p.a() == 0));
    }
}
