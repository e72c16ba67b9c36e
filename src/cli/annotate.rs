//! `--annotate`: the pictures with boxes, labels and heatmap.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::pipeline::{AnalyzedFace, AnalyzedFrame};
use crate::record::{AnnotatedFace, AnnotatedFrame, Annotations, HeatStyle, OverlayStyle, PictureStyle};
use crate::settings::ColourMap;

/// How annotated pictures and videos are drawn: as the window draws at first. `mesh`: with the face mesh.
pub(super) fn style(mesh: bool) -> PictureStyle {
    PictureStyle {
        overlay: OverlayStyle {
            heat: Some(HeatStyle { colours: ColourMap::Inferno, opacity: 0.6 }),
            mesh,
            ..OverlayStyle::default()
        },
        ..PictureStyle::default()
    }
}

/// What is drawn of a face, with this label.
pub(super) fn annotated(face: &AnalyzedFace, label: String) -> AnnotatedFace {
    AnnotatedFace::new(face, label, &face.reading.attention, &face.reading.probabilities)
}

/// Writes annotated pictures into a folder, never two to one name.
pub(super) struct Annotator {
    folder: PathBuf,
    annotations: Annotations,
    style: PictureStyle,
    /// Names of sources, and stems of the files written.
    names: HashSet<String>,
    files: HashSet<String>,
}

impl Annotator {
    pub(super) fn new(folder: &Path, mesh: bool) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        let annotations = Annotations::new().context("the built-in font cannot be read")?;
        Ok(Self {
            folder: folder.to_owned(),
            annotations,
            style: style(mesh),
            names: HashSet::new(),
            files: HashSet::new(),
        })
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

    fn draw(&self, result: &AnalyzedFrame) -> image::RgbImage {
        let faces = result.faces.iter().map(|face| {
            let (label, probability) = face.reading.top();
            annotated(face, format!("{} {label} {:.0}%", face.id, probability * 100.0))
        });
        let frame = AnnotatedFrame { image: result.frame.image.clone(), faces: faces.collect() };
        self.annotations.draw(&frame, &self.style)
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
