//! Annotated pictures: bounding boxes, labels, heatmaps and bars, as the window shows them.

use std::sync::Arc;

use ab_glyph::FontRef;
use image::{RgbImage, imageops};
use moue_detect::mediapipe::FaceMesh;
use moue_detect::{CropRegion, FaceBox};
use moue_model::{Expression, HeatMap, Probabilities};

use super::blur::hide_faces;
use super::colours::expression_rgb;
use super::overlay::{Canvas, HEAT_SIZE, Mark, OverlayFace, OverlayStyle, hint_text, overlay};
use super::raster::{Raster, text_size};
use crate::pipeline::AnalyzedFace;

const BLACK: [u8; 3] = [0, 0, 0];
const LIGHT_TEXT: [u8; 3] = [226, 230, 238];
const WEAK_TEXT: [u8; 3] = [154, 164, 178];
const GROUND: [u8; 3] = [21, 24, 30];
const WELL: [u8; 3] = [44, 50, 61];

/// Longest side of a picture, in pixels, that is drawn with a pixel a point. A larger one is usually viewed reduced, so its lines
/// and letters grow with it.
const POINT_SIZED: f32 = 800.0;

/// A face and what is written beside it.
#[derive(Debug, Clone)]
pub struct AnnotatedFace {
    /// The person.
    pub id: u64,
    /// The bounding box in pixels of the frame.
    pub face: FaceBox,
    /// The crop that was classified.
    pub region: CropRegion,
    /// The label in words.
    pub label: String,
    /// Why the face may be misread, in words.
    pub hint: Option<String>,
    /// The face's points, where the detector gives them.
    pub mesh: Option<Arc<FaceMesh>>,
    /// The map that is laid over the region.
    pub heat: HeatMap,
    /// What the bars show.
    pub probabilities: Probabilities,
}

impl AnnotatedFace {
    /// A face with this label and map, and probabilities for its bars.
    #[must_use]
    pub fn new(face: &AnalyzedFace, label: String, heat: &HeatMap, probabilities: &Probabilities) -> Self {
        Self {
            id: face.id,
            face: face.detection.face,
            region: face.region,
            label,
            hint: hint_text(&face.quality),
            mesh: face.mesh.clone(),
            heat: heat.clone(),
            probabilities: *probabilities,
        }
    }

    fn placed(&self) -> OverlayFace<'_> {
        OverlayFace {
            id: self.id,
            face: self.face,
            region: self.region,
            label: &self.label,
            hint: self.hint.as_deref(),
            mesh: self.mesh.as_deref(),
        }
    }
}

/// A frame and its faces, ready to be drawn on any thread.
#[derive(Debug, Clone)]
pub struct AnnotatedFrame {
    /// The frame as it came.
    pub image: Arc<RgbImage>,
    /// Its faces.
    pub faces: Vec<AnnotatedFace>,
}

/// What is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub struct PictureStyle {
    /// What lies over the frame.
    pub overlay: OverlayStyle,
    /// The person whose seven bars stand beside the picture.
    pub bars: Option<u64>,
    /// Faces are made unrecognisable; their meshes, which people could be told by, are not drawn then.
    pub blur: bool,
}

/// Draws annotations.
#[derive(Debug, Clone)]
pub struct Annotations {
    font: FontRef<'static>,
}

impl Annotations {
    /// Takes the built-in font, the window's. `None` would mean that it cannot be read.
    #[must_use]
    pub fn new() -> Option<Self> {
        FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).ok().map(|font| Self { font })
    }

    /// The annotated picture.
    #[must_use]
    pub fn draw(&self, frame: &AnnotatedFrame, style: &PictureStyle) -> RgbImage {
        let mut picture = (*frame.image).clone();
        if style.blur {
            hide_faces(&mut picture, frame.faces.iter().map(|f| &f.face));
        }
        if style.overlay.mirror {
            imageops::flip_horizontal_in_place(&mut picture);
        }
        let bars = frame.faces.iter().find(|f| Some(f.id) == style.bars);
        if frame.faces.is_empty() && bars.is_none() {
            return picture;
        }
        let Some(mut raster) = Raster::of(&picture) else { return picture };
        let overlay = OverlayStyle { mesh: style.overlay.mesh && !style.blur, ..style.overlay };
        self.draw_overlay(&mut raster, frame, &overlay);
        let Some(face) = bars else { return raster.into_picture() };
        self.with_bars(raster, picture.dimensions(), face).map_or(picture, Raster::into_picture)
    }

    fn draw_overlay(&self, raster: &mut Raster, frame: &AnnotatedFrame, style: &OverlayStyle) {
        let frame_px = frame.image.dimensions();
        let px = (frame_px.0.max(frame_px.1) as f32 / POINT_SIZED).max(1.0);
        let measure = |text: &str, letters: f32| text_size(&self.font, letters * px, text).map(|v| v / px);
        let seen = [0.0, 0.0, frame_px.0 as f32 / px, frame_px.1 as f32 / px];
        let canvas = Canvas { frame_px, points_per_px: 1.0 / px, seen, taken: None, measure: &measure };
        let faces: Vec<OverlayFace<'_>> = frame.faces.iter().map(AnnotatedFace::placed).collect();
        let scaled = |point: [f32; 2]| point.map(|v| v * px);
        for mark in overlay(&faces, style, &canvas) {
            match mark {
                Mark::Heat { face, corners } => {
                    if let Some(heat) = &style.heat {
                        let pixels = heat.pixels(&frame.faces[face].heat);
                        raster.image(&pixels, HEAT_SIZE, &corners.map(scaled));
                    }
                }
                Mark::Outline { points, width, colour } => {
                    let points: Vec<[f32; 2]> = points.into_iter().map(scaled).collect();
                    raster.outline(&points, width * px, colour);
                }
                Mark::Wires { lines, width, colour, opacity } => {
                    let lines = lines.into_iter().map(|ends| ends.map(scaled));
                    raster.lines(lines, width * px, colour, opacity);
                }
                Mark::Label { text, ground, corner, at, letters, colour } => {
                    raster.fill(ground.map(|v| v * px), corner * px, colour);
                    raster.text(&self.font, letters * px, scaled(at), &text, BLACK);
                }
            }
        }
    }

    /// The picture with a person's seven bars to its right.
    fn with_bars(&self, picture: Raster, size_px: (u32, u32), face: &AnnotatedFace) -> Option<Raster> {
        let height = size_px.1.max(240);
        let unit = (height as f32 / 24.0).min(40.0);
        let side = (unit * 15.0) as u32;
        let mut out = Raster::of(&RgbImage::from_pixel(size_px.0 + side, height, image::Rgb(GROUND)))?;
        out.put(&picture, 0, 0);
        let left = size_px.0 as f32 + unit;
        let person = format!("Face {}", face.id);
        out.text(&self.font, unit * 0.9, [left, unit], &person, WEAK_TEXT);
        out.text(&self.font, unit * 1.5, [left, unit * 2.1], &face.label, LIGHT_TEXT);
        let full = (unit * 13.0).max(1.0);
        for (row, e) in Expression::ALL.into_iter().enumerate() {
            let p = face.probabilities[e.index()].clamp(0.0, 1.0);
            let top = unit * (4.8 + 2.5 * row as f32);
            let letters = unit * 0.95;
            let percent = format!("{:.0} %", p * 100.0);
            let [width, _] = text_size(&self.font, letters, &percent);
            out.text(&self.font, letters, [left, top], e.name(), LIGHT_TEXT);
            out.text(&self.font, letters, [left + full - width, top], &percent, LIGHT_TEXT);
            let bar = (top + unit * 1.15).round();
            let thick = (unit * 0.55).max(1.0).round();
            out.fill([left.round(), bar, full.round(), thick], 0.0, WELL);
            let filled = (full * p).round();
            if filled > 0.0 {
                out.fill([left.round(), bar, filled, thick], 0.0, expression_rgb(e));
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::colours::person_rgb;
    use crate::record::overlay::HeatStyle;
    use crate::settings::ColourMap;
    use image::Rgb;

    /// Whether a line of the person's colour crosses the row at this column.
    fn outlined(picture: &RgbImage, x: u32, y: u32) -> bool {
        let colour = person_rgb(1);
        (x - 1..=x + 1).any(|x| picture.get_pixel(x, y).0.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 60))
    }

    fn frame() -> AnnotatedFrame {
        let image = RgbImage::from_fn(320, 240, |x, y| Rgb([(x * 7 % 256) as u8, (y * 5 % 256) as u8, 90]));
        let face = FaceBox { x: 40.0, y: 80.0, width: 80.0, height: 80.0 };
        let face = AnnotatedFace {
            id: 1,
            face,
            region: CropRegion::around(&face),
            label: "Happy 90 %".into(),
            hint: None,
            mesh: None,
            heat: HeatMap { width: 2, height: 1, values: vec![0.0, 1.0] },
            probabilities: [0.0, 0.0, 0.0, 0.9, 0.1, 0.0, 0.0],
        };
        AnnotatedFrame { image: Arc::new(image), faces: vec![face] }
    }

    #[test]
    fn a_mirrored_picture_has_its_box_on_the_other_side() {
        let draw = Annotations::new().unwrap();
        let plain = draw.draw(&frame(), &PictureStyle::default());
        assert!(outlined(&plain, 40, 120) && outlined(&plain, 120, 120) && !outlined(&plain, 200, 120));
        let overlay = OverlayStyle { mirror: true, ..Default::default() };
        let mirrored = draw.draw(&frame(), &PictureStyle { overlay, ..Default::default() });
        assert!(
            outlined(&mirrored, 200, 120) && outlined(&mirrored, 280, 120) && !outlined(&mirrored, 120, 120)
        );
    }

    #[test]
    fn bars_stand_beside_the_picture_and_follow_the_values() {
        let draw = Annotations::new().unwrap();
        let with = draw.draw(&frame(), &PictureStyle { bars: Some(1), ..Default::default() });
        assert!(with.width() > 320 && with.height() == 240);
        let count = |e: Expression| with.pixels().filter(|p| p.0 == expression_rgb(e)).count();
        assert!(count(Expression::Happy) > 5 * count(Expression::Neutral));
        assert!(count(Expression::Neutral) > 0 && count(Expression::Sad) == 0);
        let without = draw.draw(&frame(), &PictureStyle { bars: Some(9), ..Default::default() });
        assert_eq!(without.dimensions(), (320, 240));
    }

    #[test]
    fn heat_and_blur_change_the_face_only() {
        let draw = Annotations::new().unwrap();
        let heat = HeatStyle { colours: ColourMap::Inferno, opacity: 1.0 };
        let overlay = OverlayStyle { heat: Some(heat), ..Default::default() };
        let plain = draw.draw(&frame(), &PictureStyle::default());
        for style in [
            PictureStyle { overlay, ..Default::default() },
            PictureStyle { blur: true, ..Default::default() },
        ] {
            let drawn = draw.draw(&frame(), &style);
            assert_ne!(drawn.get_pixel(100, 120), plain.get_pixel(100, 120));
            assert_eq!(drawn.get_pixel(300, 20), plain.get_pixel(300, 20));
        }
    }
}
