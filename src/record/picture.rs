//! Annotated pictures: boxes, labels, heatmaps and bars, drawn as the window shows them.

use std::sync::Arc;

use ab_glyph::{FontRef, PxScale};
use image::{Rgb, RgbImage, imageops};
use imageproc::drawing::{
    draw_filled_rect_mut, draw_hollow_rect_mut, draw_line_segment_mut, draw_text_mut, text_size,
};
use imageproc::rect::Rect;
use moue_detect::mediapipe::TurnedSquare;
use moue_detect::{CropRegion, FaceBox};
use moue_model::{Expression, HeatMap, Probabilities};

use super::blur::hide_faces;
use super::colours::{expression_rgb, person_rgb};

/// Boxes are drawn turned from this angle on, in radians: 3 degrees.
const ASKEW: f32 = 0.052;
const DARK_TEXT: Rgb<u8> = Rgb([20, 20, 24]);
const LIGHT_TEXT: Rgb<u8> = Rgb([226, 230, 238]);
const WEAK_TEXT: Rgb<u8> = Rgb([154, 164, 178]);
const GROUND: Rgb<u8> = Rgb([21, 24, 30]);
const WELL: Rgb<u8> = Rgb([44, 50, 61]);

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
    /// The map that is laid over the region.
    pub heat: HeatMap,
    /// What the bars show.
    pub probabilities: Probabilities,
}

/// A frame and its faces, ready to be drawn on any thread.
#[derive(Debug, Clone)]
pub struct AnnotatedFrame {
    /// The frame as it came.
    pub image: Arc<RgbImage>,
    /// Its faces.
    pub faces: Vec<AnnotatedFace>,
}

/// How the heatmap is drawn.
#[derive(Debug, Clone, Copy)]
pub struct HeatStyle {
    /// The colour at 0..=1.
    pub colour: fn(f32) -> [u8; 3],
    /// How strongly it covers the picture where it is highest, 0..=1.
    pub opacity: f32,
}

/// What is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub struct PictureStyle {
    /// The heatmap over each face.
    pub heat: Option<HeatStyle>,
    /// Left and right are swapped, as in a mirror; text is not.
    pub mirror: bool,
    /// The person whose seven bars stand beside the picture.
    pub bars: Option<u64>,
    /// Faces are made unrecognisable.
    pub blur: bool,
}

/// Draws annotations.
#[derive(Debug, Clone)]
pub struct Annotations {
    font: FontRef<'static>,
}

impl Annotations {
    /// Takes the built-in font. `None` would mean that it cannot be read.
    #[must_use]
    pub fn new() -> Option<Self> {
        FontRef::try_from_slice(epaint_default_fonts::HACK_REGULAR).ok().map(|font| Self { font })
    }

    /// The annotated picture.
    #[must_use]
    pub fn draw(&self, frame: &AnnotatedFrame, style: &PictureStyle) -> RgbImage {
        let mut picture = (*frame.image).clone();
        if style.blur {
            hide_faces(&mut picture, frame.faces.iter().map(|f| &f.face));
        }
        if let Some(heat) = &style.heat {
            for face in &frame.faces {
                draw_heat(&mut picture, &face.region, &face.heat, heat);
            }
        }
        if style.mirror {
            imageops::flip_horizontal_in_place(&mut picture);
        }
        let width = picture.width() as f32;
        let placed = |face: &AnnotatedFace| {
            let b = face.face;
            if style.mirror { FaceBox { x: width - b.x - b.width, ..b } } else { b }
        };
        for face in &frame.faces {
            let angle = if style.mirror { -face.region.angle } else { face.region.angle };
            draw_box(&mut picture, &placed(face), angle, Rgb(person_rgb(face.id)));
        }
        // After all boxes, so that no box crosses a label.
        for face in &frame.faces {
            self.draw_label(&mut picture, &placed(face), &face.label, Rgb(person_rgb(face.id)));
        }
        match frame.faces.iter().find(|f| Some(f.id) == style.bars) {
            Some(face) => self.with_bars(&picture, face),
            None => picture,
        }
    }

    fn draw_label(&self, picture: &mut RgbImage, b: &FaceBox, text: &str, colour: Rgb<u8>) {
        let scale = PxScale::from((b.height * 0.14).clamp(12.0, 40.0));
        let (w, h) = text_size(scale, &self.font, text);
        let x = (b.x as i32).clamp(0, (picture.width() as i32 - w as i32 - 8).max(0));
        let y = (b.y as i32 - h as i32 - 8).max(0);
        draw_filled_rect_mut(picture, Rect::at(x, y).of_size(w + 8, h + 8), colour);
        draw_text_mut(picture, DARK_TEXT, x + 4, y + 3, scale, &self.font, text);
    }

    /// The picture with a person's seven bars to its right.
    fn with_bars(&self, picture: &RgbImage, face: &AnnotatedFace) -> RgbImage {
        let height = picture.height().max(240);
        let unit = (height as f32 / 24.0).min(40.0);
        let side = (unit * 15.0) as u32;
        let mut out = RgbImage::from_pixel(picture.width() + side, height, GROUND);
        imageops::replace(&mut out, picture, 0, 0);
        let left = picture.width() as i32 + unit as i32;
        let scale = |lines: f32| PxScale::from(unit * lines);
        let at = |lines: f32| (unit * lines) as i32;
        draw_text_mut(
            &mut out,
            WEAK_TEXT,
            left,
            at(1.0),
            scale(0.9),
            &self.font,
            &format!("Person {}", face.id),
        );
        draw_text_mut(&mut out, LIGHT_TEXT, left, at(2.1), scale(1.5), &self.font, &face.label);
        let full = (unit * 13.0) as u32;
        for (row, e) in Expression::ALL.into_iter().enumerate() {
            let p = face.probabilities[e.index()].clamp(0.0, 1.0);
            let top = at(4.8 + 2.5 * row as f32);
            let percent = format!("{:.0} %", p * 100.0);
            let (w, _) = text_size(scale(0.95), &self.font, &percent);
            draw_text_mut(&mut out, LIGHT_TEXT, left, top, scale(0.95), &self.font, e.name());
            let right = left + full as i32 - w as i32;
            draw_text_mut(&mut out, LIGHT_TEXT, right, top, scale(0.95), &self.font, &percent);
            let bar = top + (unit * 1.15) as i32;
            let thick = (unit * 0.55).max(1.0) as u32;
            draw_filled_rect_mut(&mut out, Rect::at(left, bar).of_size(full.max(1), thick), WELL);
            let filled = (full as f32 * p).round() as u32;
            if filled > 0 {
                let rect = Rect::at(left, bar).of_size(filled, thick);
                draw_filled_rect_mut(&mut out, rect, Rgb(expression_rgb(e)));
            }
        }
        out
    }
}

/// The box, turned with the face where that lies askew.
fn draw_box(picture: &mut RgbImage, b: &FaceBox, angle: f32, colour: Rgb<u8>) {
    let line = (picture.width().max(picture.height()) / 400).max(1) as i32;
    if angle.abs() > ASKEW {
        for inset in 0..line {
            let square = TurnedSquare {
                centre: [b.x + b.width / 2.0, b.y + b.height / 2.0],
                side: (b.width - 2.0 * inset as f32).max(1.0),
                angle,
            };
            let corners = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]].map(|at| square.point(at));
            for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
                draw_line_segment_mut(picture, (from[0], from[1]), (to[0], to[1]), colour);
            }
        }
        return;
    }
    for inset in 0..line {
        let width = (b.width as i32 - 2 * inset).max(1) as u32;
        let height = (b.height as i32 - 2 * inset).max(1) as u32;
        let rect = Rect::at(b.x as i32 + inset, b.y as i32 + inset).of_size(width, height);
        draw_hollow_rect_mut(picture, rect, colour);
    }
}

/// Lays the map over the region, transparent where the value is low.
fn draw_heat(picture: &mut RgbImage, region: &CropRegion, map: &HeatMap, style: &HeatStyle) {
    let size = (region.side.round() as usize).clamp(1, 2048);
    let heat = map.normalised().enlarged(size);
    let square = region.square();
    if !square.is_valid() {
        return;
    }
    // The upright square around the turned one.
    let (sin, cos) = square.angle.sin_cos();
    let reach = square.side / 2.0 * (sin.abs() + cos.abs());
    let span = |centre: f32, limit: u32| {
        let inside = |v: f32| v.clamp(0.0, limit as f32) as u32;
        inside((centre - reach).floor())..inside((centre + reach).ceil())
    };
    let (columns, rows) = (span(square.centre[0], picture.width()), span(square.centre[1], picture.height()));
    for (x, y) in rows.flat_map(|y| columns.clone().map(move |x| (x, y))) {
        // The pixel's place along the square's own axes.
        let (dx, dy) = (x as f32 + 0.5 - square.centre[0], y as f32 + 0.5 - square.centre[1]);
        let along = |v: f32| (v / square.side + 0.5) * size as f32;
        let (u, v) = (along(dx * cos + dy * sin), along(dy * cos - dx * sin));
        if u < 0.0 || v < 0.0 || u >= size as f32 || v >= size as f32 {
            continue;
        }
        let value = heat[v as usize * size + u as usize];
        let value = value.clamp(0.0, 1.0);
        let hot = (style.colour)(value);
        let pixel = picture.get_pixel_mut(x, y);
        let opacity = style.opacity * value;
        for (channel, target) in pixel.0.iter_mut().zip(hot) {
            *channel = (f32::from(*channel) * (1.0 - opacity) + f32::from(target) * opacity).round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> AnnotatedFrame {
        let image = RgbImage::from_fn(320, 240, |x, y| Rgb([(x * 7 % 256) as u8, (y * 5 % 256) as u8, 90]));
        let face = FaceBox { x: 40.0, y: 80.0, width: 80.0, height: 80.0 };
        let face = AnnotatedFace {
            id: 1,
            face,
            region: CropRegion::around(&face),
            label: "Happy 90 %".into(),
            heat: HeatMap { width: 2, height: 1, values: vec![0.0, 1.0] },
            probabilities: [0.0, 0.0, 0.0, 0.9, 0.1, 0.0, 0.0],
        };
        AnnotatedFrame { image: Arc::new(image), faces: vec![face] }
    }

    #[test]
    fn a_mirrored_picture_has_its_box_on_the_other_side() {
        let draw = Annotations::new().unwrap();
        let colour = Rgb(person_rgb(1));
        let plain = draw.draw(&frame(), &PictureStyle::default());
        assert_eq!((*plain.get_pixel(40, 120), *plain.get_pixel(119, 120)), (colour, colour));
        let mirrored = draw.draw(&frame(), &PictureStyle { mirror: true, ..Default::default() });
        assert_eq!((*mirrored.get_pixel(200, 120), *mirrored.get_pixel(279, 120)), (colour, colour));
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
        let heat = HeatStyle { colour: |_| [255, 0, 0], opacity: 1.0 };
        let plain = draw.draw(&frame(), &PictureStyle::default());
        for style in [
            PictureStyle { heat: Some(heat), ..Default::default() },
            PictureStyle { blur: true, ..Default::default() },
        ] {
            let drawn = draw.draw(&frame(), &style);
            assert_ne!(drawn.get_pixel(100, 120), plain.get_pixel(100, 120));
            assert_eq!(drawn.get_pixel(300, 20), plain.get_pixel(300, 20));
        }
    }
}
