//! `moue bench --only faces`: which share of faces each detector finds, and how well, where webcams make it hard.

mod conditions;
mod plot;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use image::RgbImage;
use moue_capture::{Pace, SourceSpec, open_source};
use moue_detect::{DetectorKind, DetectorSettings, FaceBox, FaceFinder};
use moue_files::new_file;
use serde::Serialize;

use super::analyze::progress_bar;
use super::complain;
use conditions::{CONDITIONS, Condition, Portrait, Scene};

/// Frames of a clip, at 30 a second, and how many of them at its end are counted: by then every part of the frame was
/// searched.
const CLIP: (usize, usize) = (12, 3);
const RATE: f64 = 30.0;
/// Frames of a clip that differ; they take turns.
const DIFFERENT: u32 = 2;
/// A box counts as the face where its centre is nearer than this, in widths of the face,
const NEAR: f32 = 0.5;
/// and its width lies between these factors of the face's width.
const WIDTHS: (f32, f32) = (0.5, 2.0);

/// One detector under one condition.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    condition: &'static str,
    detector: String,
    /// Percent of the counted frames.
    found: f64,
    /// Median distance of the box's centre from where it is on the good frame, in widths of the face.
    box_error: Option<f64>,
    /// Boxes that are no face, in all counted frames.
    false_faces: usize,
    /// Of the frames after a clip's first.
    median_ms: f64,
    p95_ms: f64,
}

/// Measures with the pictures of `folder` that show one face; the others are named. The shares found are drawn into
/// `picture`.
pub(super) fn run(
    folder: &Path,
    picture: Option<&Path>,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let portraits = portraits(folder)?;
    if portraits.is_empty() {
        bail!(
            "{}: no picture there shows exactly one face; pictures of single faces are needed",
            folder.display()
        );
    }
    let mut finders = DetectorKind::ALL.map(|kind| FaceFinder::new(kind, DetectorSettings::LIVE));
    // Where each detector's box is on the good frame, from the face's centre in widths.
    let mut usual: BTreeMap<(usize, usize), [f32; 2]> = BTreeMap::new();
    let mut rows = Vec::new();
    let progress = progress_bar(false);
    progress.set_length((CONDITIONS.len() * portraits.len()) as u64);
    for condition in &CONDITIONS {
        let mut measured: Vec<Measured> = finders.iter().map(|_| Measured::default()).collect();
        for (p, portrait) in portraits.iter().enumerate() {
            let scene = Scene::new(portrait, condition);
            let frames: Vec<_> = (0..DIFFERENT).map(|i| (scene.frame(i), scene.centre(i))).collect();
            for (d, (finder, measured)) in finders.iter_mut().zip(&mut measured).enumerate() {
                let at = measured.clip(finder, &frames, condition, usual.get(&(p, d)).copied());
                if let Some(at) = at {
                    usual.entry((p, d)).or_insert(at);
                }
            }
            progress.inc(1);
        }
        for (finder, measured) in finders.iter().zip(measured) {
            rows.push(measured.row(condition.name, finder.kind()));
        }
    }
    progress.finish_and_clear();
    if let Some(file) = picture {
        let svg = plot::found_bars(&rows, portraits.len())?;
        new_file::write(file, svg.as_bytes())
            .with_context(|| format!("{}: cannot be written", file.display()))?;
    }
    if json {
        serde_json::to_writer_pretty(&mut *out, &rows)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "{} pictures with one face, frames of {}x{}",
        portraits.len(),
        conditions::FRAME.0,
        conditions::FRAME.1
    )?;
    writeln!(
        out,
        "{:<21}{:<11}{:>8}{:>11}{:>13}{:>11}{:>9}",
        "condition", "detector", "found %", "box error", "false faces", "median ms", "95 % ms"
    )?;
    for row in &rows {
        let error = row.box_error.map_or_else(|| "-".to_owned(), |e| format!("{e:.3}"));
        writeln!(
            out,
            "{:<21}{:<11}{:>8.1}{error:>11}{:>13}{:>11.2}{:>9.2}",
            row.condition, row.detector, row.found, row.false_faces, row.median_ms, row.p95_ms
        )?;
    }
    Ok(())
}

/// The pictures that show one face, with its place.
fn portraits(folder: &Path) -> anyhow::Result<Vec<Portrait>> {
    let files =
        std::fs::read_dir(folder).with_context(|| format!("{}: reading the folder", folder.display()))?;
    let mut files: Vec<PathBuf> = files
        .filter_map(|f| f.ok().map(|f| f.path()))
        .filter(|f| f.is_file() && !moue_capture::is_system_file(f))
        .collect();
    files.sort();
    let mut finder = FaceFinder::new(DetectorKind::Auto, DetectorSettings::STILL);
    let mut portraits = Vec::new();
    for file in files {
        let picture = match picture(&file) {
            Ok(picture) => picture,
            Err(e) => {
                complain(format_args!("{e:#}"));
                continue;
            }
        };
        let found = finder.find(&picture);
        let [face] = &found[..] else {
            complain(format_args!("{}: left out, it shows {} faces", file.display(), found.len()));
            continue;
        };
        let place = face.mesh.as_ref().map_or(face.detection.face, |mesh| mesh.bounding_box());
        let FaceBox { x, y, width, height } = place;
        portraits.push(Portrait { picture, centre: [x + width / 2.0, y + height / 2.0], width });
    }
    Ok(portraits)
}

/// A picture, with the limits and in the orientation that sources have.
fn picture(file: &Path) -> anyhow::Result<RgbImage> {
    let mut opened = open_source(&SourceSpec::Path(file.to_owned()), Pace::Unpaced)?;
    let frame = opened.source.next_frame()?;
    Ok(frame.with_context(|| format!("{}: no picture in it", file.display()))?.image.as_ref().clone())
}

/// What one detector did under one condition.
#[derive(Default)]
struct Measured {
    counted: usize,
    found: usize,
    false_faces: usize,
    errors: Vec<f32>,
    times_ms: Vec<f64>,
}

impl Measured {
    /// Runs a clip from its start. Gives the box's place in the last frame, from the face's centre in widths of the face,
    /// as it is on an upright face.
    fn clip(
        &mut self,
        finder: &mut FaceFinder,
        frames: &[(RgbImage, [f32; 2])],
        condition: &Condition,
        usual: Option<[f32; 2]>,
    ) -> Option<[f32; 2]> {
        finder.restart();
        let (sin, cos) = condition.roll.to_radians().sin_cos();
        let mut last = None;
        for (i, (frame, centre)) in frames.iter().cycle().take(CLIP.0).enumerate() {
            let start = Instant::now();
            let faces = finder.follow(frame, i as f64 / RATE);
            // The first frame is searched through; a clip's length would decide how much that weighs.
            if i > 0 {
                self.times_ms.push(start.elapsed().as_secs_f64() * 1e3);
            }
            if i + CLIP.1 < CLIP.0 {
                continue;
            }
            let from_centre = |b: &FaceBox| {
                [b.x + b.width / 2.0 - centre[0], b.y + b.height / 2.0 - centre[1]]
                    .map(|v| v / condition.face_px)
            };
            let is_it = |b: &FaceBox| {
                let [x, y] = from_centre(b);
                x.hypot(y) < NEAR && (WIDTHS.0..WIDTHS.1).contains(&(b.width / condition.face_px))
            };
            let (right, wrong): (Vec<_>, Vec<_>) =
                faces.iter().map(|f| f.detection.face).partition(|b| is_it(b));
            self.counted += 1;
            // One face found twice is a false one too.
            self.false_faces += wrong.len() + right.len().saturating_sub(1);
            if let Some(found) = right.first() {
                self.found += 1;
                let [x, y] = from_centre(found);
                let upright = [x * cos + y * sin, y * cos - x * sin];
                if let Some(usual) = usual {
                    self.errors.push((upright[0] - usual[0]).hypot(upright[1] - usual[1]));
                }
                last = Some(upright);
            }
        }
        last
    }

    fn row(mut self, condition: &'static str, detector: DetectorKind) -> Row {
        self.times_ms.sort_by(f64::total_cmp);
        self.errors.sort_by(f32::total_cmp);
        let at =
            |percent: usize| self.times_ms.get(self.times_ms.len() * percent / 100).copied().unwrap_or(0.0);
        let rounded = |v: f64, digits: i32| (v * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
        let error = self.errors.get(self.errors.len() / 2).map(|&e| rounded(f64::from(e), 4));
        Row {
            condition,
            detector: detector.to_string(),
            found: rounded(100.0 * self.found as f64 / self.counted.max(1) as f64, 1),
            box_error: error,
            false_faces: self.false_faces,
            median_ms: rounded(at(50), 3),
            p95_ms: rounded(at(95), 3),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_dark_turned_portrait_is_found_by_both_and_a_folder_without_one_is_refused() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo");
        let portrait = portraits(&demo).unwrap().swap_remove(0);
        let condition = Condition { roll: 45.0, light: 0.18, ..CONDITIONS[0] };
        let scene = Scene::new(&portrait, &condition);
        let frames: Vec<_> = (0..DIFFERENT).map(|i| (scene.frame(i), scene.centre(i))).collect();
        let mut measured = Measured::default();
        let mut finder = FaceFinder::new(DetectorKind::Auto, DetectorSettings::LIVE);
        assert!(measured.clip(&mut finder, &frames, &condition, None).is_some());
        let row = measured.row(condition.name, DetectorKind::Auto);
        assert_eq!((row.found, row.false_faces, row.box_error), (100.0, 0, None));
        let none = tempfile::tempdir().unwrap();
        let error = run(none.path(), None, false, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("exactly one face"), "{error}");
    }
}
