//! `--annotate`: the pictures with boxes, labels and heatmap.

use std::collections::HashSet;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use image::ImageFormat;
use moue_capture::{SourceSpec, Support, kind_by_name};
use moue_files::{FileId, new_file};

use crate::pipeline::{AnalyzedFace, AnalyzedFrame};
use crate::record::{AnnotatedFace, AnnotatedFrame, Annotations, HeatStyle, OverlayStyle, PictureStyle};
use crate::settings::ColourMap;

/// Digits of a frame's number in a file's name, at least.
const FRAME_DIGITS: usize = 6;

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
    /// Names of the sources' pictures, in the order of the sources.
    names: Vec<String>,
    /// Stems of files that are written or kept for a picture, in lower case.
    taken: HashSet<String>,
    overwrite: bool,
    /// With `overwrite`: what may not be replaced all the same.
    inputs: HashSet<FileId>,
    failed: u64,
}

impl Annotator {
    /// Gives each source its name; makes nothing yet. `overwrite`: files that are there may be replaced, but no source.
    pub(super) fn new(
        folder: &Path,
        sources: &[SourceSpec],
        overwrite: bool,
        mesh: bool,
    ) -> anyhow::Result<Self> {
        let annotations = Annotations::new().context("the built-in font cannot be read")?;
        let mut taken = HashSet::new();
        let mut name = |source: &SourceSpec| free_name(&mut taken, &stem_of(source));
        let names = sources.iter().map(&mut name).collect();
        let ids = sources.iter().filter_map(|source| match source {
            SourceSpec::Path(path) if overwrite => FileId::of(path).ok(),
            _ => None,
        });
        let inputs = ids.collect();
        Ok(Self {
            folder: folder.to_owned(),
            annotations,
            style: style(mesh),
            names,
            taken,
            overwrite,
            inputs,
            failed: 0,
        })
    }

    /// Files in the folder that have the names of what will be written, as far as that is known.
    pub(super) fn there_already(&self, sources: &[SourceSpec]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut films = HashSet::new();
        for (source, name) in sources.iter().zip(&self.names) {
            let kind = match source {
                SourceSpec::Path(path) => kind_by_name(path),
                _ => None,
            };
            if kind.is_some_and(|k| k.support == Support::Video || k.name == "GIF") {
                films.insert(name.as_str());
            } else {
                let path = self.folder.join(format!("{name}.png"));
                found.extend(path.symlink_metadata().is_ok().then_some(path));
            }
        }
        let is_frame = |file: &str| {
            let (name, number) = file.strip_suffix(".png")?.rsplit_once('_')?;
            let is_number = number.len() >= FRAME_DIGITS && number.bytes().all(|b| b.is_ascii_digit());
            Some(is_number && films.contains(name))
        };
        // Without the folder there is nothing in it.
        if let (false, Ok(entries)) = (films.is_empty(), std::fs::read_dir(&self.folder)) {
            let paths = entries.flatten().map(|entry| entry.path());
            found.extend(paths.filter(|path| {
                path.file_name().and_then(|n| is_frame(&n.to_string_lossy())).unwrap_or(false)
            }));
        }
        found.sort();
        found
    }

    /// Whether this file would be written over by an annotated picture.
    pub(super) fn writes(&self, file: &Path) -> bool {
        let stem = file.file_stem().map(|s| s.to_string_lossy().to_lowercase());
        let ours = file.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"))
            && stem.is_some_and(|stem| self.taken.contains(&stem));
        let folder = file.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        ours && match (FileId::of(folder), FileId::of(&self.folder)) {
            (Ok(a), Ok(b)) => a == b,
            _ => folder == self.folder,
        }
    }

    /// Makes the folder.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn make_folder(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)
    }

    /// Writes the frame of a source as `NAME.png`, or `NAME_000012.png` where the source has several. Errors
    /// are counted.
    ///
    /// # Errors
    /// Why it could not be written, with the file's name.
    pub(super) fn write(
        &mut self,
        source: usize,
        numbered: bool,
        result: &AnalyzedFrame,
    ) -> Result<(), String> {
        let name = self.names.get(source).cloned().unwrap_or_default();
        let stem = if numbered {
            // `film_000012` may be a frame of film.mp4 or a picture of that name.
            free_name(&mut self.taken, &format!("{name}_{:0FRAME_DIGITS$}", result.frame.index))
        } else {
            name
        };
        let path = self.folder.join(format!("{stem}.png"));
        self.save(&path, result).map_err(|e| {
            self.failed += 1;
            let advice = match e.kind() {
                io::ErrorKind::AlreadyExists => "it is there already; --overwrite replaces it".to_owned(),
                _ => format!("it cannot be written: {e}"),
            };
            format!("{}: {advice}", path.display())
        })
    }

    fn save(&self, path: &Path, result: &AnalyzedFrame) -> io::Result<()> {
        if self.overwrite && FileId::of(path).is_ok_and(|id| self.inputs.contains(&id)) {
            return Err(io::Error::other("it is read by this command"));
        }
        let mut bytes = Cursor::new(Vec::new());
        self.draw(result).write_to(&mut bytes, ImageFormat::Png).map_err(io::Error::other)?;
        new_file::put(path, bytes.get_ref(), self.overwrite)
    }

    /// Pictures that could not be written.
    pub(super) fn failed(&self) -> u64 {
        self.failed
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

/// The name of a source's file without its ending; of a camera or the demo what it is called by.
fn stem_of(source: &SourceSpec) -> String {
    let name = match source {
        SourceSpec::Path(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        other => other.to_string(),
    };
    name.chars().map(|c| if c.is_alphanumeric() || "-_. ".contains(c) { c } else { '_' }).collect()
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
