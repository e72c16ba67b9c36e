//! Shapes and letters on a picture in memory, drawn by tiny-skia with smooth edges.

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _, point};
use image::{Rgb, RgbImage};
use tiny_skia::{
    Color, FillRule, FilterQuality, LineJoin, Paint, Path, PathBuilder, Pattern, Pixmap, PixmapPaint,
    PixmapRef, PremultipliedColorU8, Rect, Shader, SpreadMode, Stroke, Transform,
};

/// A picture that is drawn on.
pub(super) struct Raster {
    pixmap: Pixmap,
}

impl Raster {
    /// A copy of the picture. `None` where it has no pixel.
    pub(super) fn of(picture: &RgbImage) -> Option<Self> {
        let mut pixmap = Pixmap::new(picture.width(), picture.height())?;
        for (to, Rgb([r, g, b])) in pixmap.data_mut().chunks_exact_mut(4).zip(picture.pixels()) {
            to.copy_from_slice(&[*r, *g, *b, 255]);
        }
        Some(Self { pixmap })
    }

    /// The picture with all that was drawn.
    pub(super) fn into_picture(self) -> RgbImage {
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        let mut picture = RgbImage::new(width, height);
        // The ground stays opaque whatever is drawn, so premultiplied colours equal plain ones.
        for (to, from) in picture.pixels_mut().zip(self.pixmap.data().chunks_exact(4)) {
            to.0.copy_from_slice(&from[..3]);
        }
        picture
    }

    /// Fills a rectangle (left, top, width, height), its corners rounded with this radius.
    pub(super) fn fill(&mut self, [x, y, width, height]: [f32; 4], radius: f32, colour: [u8; 3]) {
        let radius = radius.min(width / 2.0).min(height / 2.0).max(0.0);
        let Some(path) = rounded_rect([x, y, width, height], radius) else { return };
        let paint = solid(colour);
        self.pixmap.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }

    /// Draws a closed line of this thickness.
    pub(super) fn outline(&mut self, points: &[[f32; 2]], width: f32, colour: [u8; 3]) {
        let mut path = PathBuilder::new();
        for (i, [x, y]) in points.iter().enumerate() {
            if i == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
        }
        path.close();
        let Some(path) = path.finish() else { return };
        let stroke = Stroke { width, line_join: LineJoin::Round, ..Stroke::default() };
        self.pixmap.stroke_path(&path, &solid(colour), &stroke, Transform::identity(), None);
    }

    /// Draws separate straight lines of this thickness, which cover the picture with this opacity, 0..=1.
    pub(super) fn lines(
        &mut self,
        lines: impl Iterator<Item = [[f32; 2]; 2]>,
        width: f32,
        colour: [u8; 3],
        opacity: f32,
    ) {
        let mut path = PathBuilder::new();
        for [[ax, ay], [bx, by]] in lines {
            path.move_to(ax, ay);
            path.line_to(bx, by);
        }
        let Some(path) = path.finish() else { return };
        let stroke = Stroke { width, ..Stroke::default() };
        let mut paint = solid(colour);
        let [r, g, b] = colour;
        paint.set_color_rgba8(r, g, b, (opacity.clamp(0.0, 1.0) * 255.0).round() as u8);
        self.pixmap.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
    }

    /// Lays a square image of `size` x `size` colours with opacity (not premultiplied) over a parallelogram, given by
    /// the image's top left, top right, bottom right and bottom left corner.
    pub(super) fn image(&mut self, pixels: &[[u8; 4]], size: usize, corners: &[[f32; 2]; 4]) {
        let Some(mut image) = Pixmap::new(size as u32, size as u32) else { return };
        for (to, [r, g, b, a]) in image.pixels_mut().iter_mut().zip(pixels) {
            *to = tiny_skia::ColorU8::from_rgba(*r, *g, *b, *a).premultiply();
        }
        let [origin, right, _, down] = corners;
        let step = |end: &[f32; 2], axis: usize| (end[axis] - origin[axis]) / size as f32;
        let place = Transform::from_row(
            step(right, 0),
            step(right, 1),
            step(down, 0),
            step(down, 1),
            origin[0],
            origin[1],
        );
        self.pattern(image.as_ref(), size as f32, place);
    }

    fn pattern(&mut self, image: PixmapRef<'_>, side: f32, place: Transform) {
        let Some(square) = Rect::from_xywh(0.0, 0.0, side, side) else { return };
        let paint = Paint {
            shader: Pattern::new(image, SpreadMode::Pad, FilterQuality::Bilinear, 1.0, Transform::identity()),
            anti_alias: false,
            ..Paint::default()
        };
        self.pixmap.fill_rect(square, &paint, place, None);
    }

    /// Puts a picture at a place.
    pub(super) fn put(&mut self, picture: &Self, x: i32, y: i32) {
        self.pixmap.draw_pixmap(
            x,
            y,
            picture.pixmap.as_ref(),
            &PixmapPaint::default(),
            Transform::identity(),
            None,
        );
    }

    /// Writes a line of text; `at` is its top left corner.
    pub(super) fn text(
        &mut self,
        font: &FontRef<'_>,
        letters: f32,
        at: [f32; 2],
        text: &str,
        colour: [u8; 3],
    ) {
        let (width, height) = (self.pixmap.width() as i32, self.pixmap.height() as i32);
        let pixels = self.pixmap.pixels_mut();
        for glyph in laid_out(font, letters, at, text) {
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            outline.draw(|x, y, coverage| {
                let (x, y) = (bounds.min.x as i32 + x as i32, bounds.min.y as i32 + y as i32);
                if (0..width).contains(&x)
                    && (0..height).contains(&y)
                    && let Some(pixel) = pixels.get_mut((y * width + x) as usize)
                {
                    *pixel = blended(*pixel, colour, coverage.clamp(0.0, 1.0));
                }
            });
        }
    }
}

/// Width and height of a line of text in pixels.
pub(super) fn text_size(font: &FontRef<'_>, letters: f32, text: &str) -> [f32; 2] {
    let scaled = font.as_scaled(scale(font, letters));
    let width = text.chars().map(|c| scaled.h_advance(font.glyph_id(c))).sum();
    [width, scaled.height()]
}

/// `letters` is the size as typesetters give it (pixels an em), `ab_glyph`'s the height of a line.
fn scale(font: &FontRef<'_>, letters: f32) -> PxScale {
    let units = font.units_per_em().unwrap_or(1000.0);
    PxScale::from(letters * font.height_unscaled() / units)
}

fn laid_out(font: &FontRef<'_>, letters: f32, at: [f32; 2], text: &str) -> Vec<ab_glyph::Glyph> {
    let scale = scale(font, letters);
    let scaled = font.as_scaled(scale);
    let mut x = at[0];
    let place = |c: char| {
        let glyph = font.glyph_id(c).with_scale_and_position(scale, point(x, at[1] + scaled.ascent()));
        x += scaled.h_advance(glyph.id);
        glyph
    };
    text.chars().map(place).collect()
}

fn blended(under: PremultipliedColorU8, colour: [u8; 3], coverage: f32) -> PremultipliedColorU8 {
    let mix =
        |from: u8, to: u8| (f32::from(from) * (1.0 - coverage) + f32::from(to) * coverage).round() as u8;
    let [r, g, b] = colour;
    // The ground is opaque, so no channel exceeds the opacity.
    PremultipliedColorU8::from_rgba(mix(under.red(), r), mix(under.green(), g), mix(under.blue(), b), 255)
        .unwrap_or(under)
}

fn solid(colour: [u8; 3]) -> Paint<'static> {
    let [r, g, b] = colour;
    Paint {
        shader: Shader::SolidColor(Color::from_rgba8(r, g, b, 255)),
        anti_alias: true,
        ..Paint::default()
    }
}

fn rounded_rect([x, y, width, height]: [f32; 4], radius: f32) -> Option<Path> {
    if radius <= 0.0 {
        return Some(PathBuilder::from_rect(Rect::from_xywh(x, y, width, height)?));
    }
    let (right, bottom) = (x + width, y + height);
    let mut path = PathBuilder::new();
    path.move_to(x + radius, y);
    path.line_to(right - radius, y);
    path.quad_to(right, y, right, y + radius);
    path.line_to(right, bottom - radius);
    path.quad_to(right, bottom, right - radius, bottom);
    path.line_to(x + radius, bottom);
    path.quad_to(x, bottom, x, bottom - radius);
    path.line_to(x, y + radius);
    path.quad_to(x, y, x + radius, y);
    path.close();
    path.finish()
}
