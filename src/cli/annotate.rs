//! `--annotate`: the pictures with boxes, labels and heatmap.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use ab_glyph::{FontRef, PxScale};
use anyhow::Context as _;
use image::{Rgb, RgbImage};
use imageproc::drawing::{draw_filled_rect_mut, draw_hollow_rect_mut, draw_text_mut, text_size};
use imageproc::rect::Rect;

use crate::model::{CropRegion, HeatMap};
use crate::pipeline::AnalyzedFrame;

/// How strongly the heatmap covers the picture where the attention is highest, 0..=1.
const HEAT_OPACITY: f32 = 0.55;
const BOX_COLOUR: Rgb<u8> = Rgb([255, 209, 102]);
const TEXT_COLOUR: Rgb<u8> = Rgb([20, 20, 24]);

/// Writes annotated pictures into a folder, never two to one name.
pub(super) struct Annotator {
    folder: PathBuf,
    font: FontRef<'static>,
    /// Names of sources, and stems of the files written.
    names: HashSet<String>,
    files: HashSet<String>,
}

impl Annotator {
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        let font =
            FontRef::try_from_slice(epaint_default_fonts::HACK_REGULAR).context("the built-in font")?;
        Ok(Self { folder: folder.to_owned(), font, names: HashSet::new(), files: HashSet::new() })
    }

    /// A name for `source` that no other source of this run has.
    pub(super) fn name_for(&mut self, source: &str) -> String {
        let stem =
            Path::new(source).file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        let stem: String =
            stem.chars().map(|c| if c.is_alphanumeric() || "-_. ".contains(c) { c } else { '_' }).collect();
        free_name(&mut self.names, &stem)
    }

    /// Writes the frame as `NAME.png`, or `NAME_000012.png` where a source has several.
    pub(super) fn write(&mut self, name: &str, numbered: bool, result: &AnalyzedFrame) -> anyhow::Result<()> {
        let stem = if numbered { format!("{name}_{:06}", result.frame.index) } else { name.to_owned() };
        // `film_000012` may be a frame of film.mp4 or a picture of that name.
        let path = self.folder.join(format!("{}.png", free_name(&mut self.files, &stem)));
        self.draw(result).save(&path).with_context(|| format!("{}: cannot be written", path.display()))
    }

    fn draw(&self, result: &AnalyzedFrame) -> RgbImage {
        let mut picture = (*result.frame.image).clone();
        for face in &result.faces {
            draw_heat(&mut picture, &face.region, &face.reading.attention);
        }
        for face in &result.faces {
            let b = face.detection.face;
            let line = (picture.width().max(picture.height()) / 400).max(1) as i32;
            for inset in 0..line {
                let width = (b.width as i32 - 2 * inset).max(1) as u32;
                let height = (b.height as i32 - 2 * inset).max(1) as u32;
                let rect = Rect::at(b.x as i32 + inset, b.y as i32 + inset).of_size(width, height);
                draw_hollow_rect_mut(&mut picture, rect, BOX_COLOUR);
            }
        }
        // Over all boxes, so that a neighbour's does not cross a label.
        for face in &result.faces {
            let b = face.detection.face;
            let (label, probability) = face.reading.top();
            let text = format!("{} {label} {:.0}%", face.id, probability * 100.0);
            let scale = PxScale::from((b.height * 0.14).clamp(12.0, 40.0));
            let (w, h) = text_size(scale, &self.font, &text);
            let x = (b.x as i32).clamp(0, (picture.width() as i32 - w as i32 - 8).max(0));
            let y = (b.y as i32 - h as i32 - 8).max(0);
            draw_filled_rect_mut(&mut picture, Rect::at(x, y).of_size(w + 8, h + 8), BOX_COLOUR);
            draw_text_mut(&mut picture, TEXT_COLOUR, x + 4, y + 3, scale, &self.font, &text);
        }
        picture
    }
}

/// `stem`, numbered where it is taken; some file systems do not tell upper case from lower.
fn free_name(taken: &mut HashSet<String>, stem: &str) -> String {
    let mut name = stem.to_owned();
    let mut number = 2;
    while !taken.insert(name.to_lowercase()) {
        name = format!("{stem}-{number}");
        number += 1;
    }
    name
}

/// Lays the map over the region, transparent where the value is low.
fn draw_heat(picture: &mut RgbImage, region: &CropRegion, map: &HeatMap) {
    let size = (region.side.round() as usize).clamp(1, 2048);
    let heat = map.normalised().enlarged(size);
    let (left, top) = (region.x.round() as i64, region.y.round() as i64);
    for (i, value) in heat.iter().enumerate() {
        let (x, y) = (left + (i % size) as i64, top + (i / size) as i64);
        if x < 0 || y < 0 || x >= i64::from(picture.width()) || y >= i64::from(picture.height()) {
            continue;
        }
        let value = value.clamp(0.0, 1.0);
        let hot = colorous::INFERNO.eval_continuous(f64::from(value));
        let pixel = picture.get_pixel_mut(x as u32, y as u32);
        let opacity = HEAT_OPACITY * value;
        for (channel, target) in pixel.0.iter_mut().zip([hot.r, hot.g, hot.b]) {
            *channel = (f32::from(*channel) * (1.0 - opacity) + f32::from(target) * opacity).round() as u8;
        }
    }
}
