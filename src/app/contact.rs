//! The contact sheet's faces: all pictures and videos of a folder are read on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, unbounded};
use eframe::egui::{ColorImage, Context, TextureHandle, TextureOptions};
use image::{RgbImage, imageops};
use moue_capture::{Pace, SourceKind, SourceSpec, open_source};
use moue_detect::{DetectorKind, FaceBox};
use moue_model::Expression;

use super::command::SortBy;
use super::playlist::file_name;
use crate::fault;
use crate::pipeline::{AnalyzedFrame, FaceSearch, FrameAnalyzer, ShownReading, Smoother, SmoothingSettings};
use crate::record::ResultRows;

/// Side of a thumbnail in pixels, and how much larger than the face its square is.
pub(super) const SIDE_PX: u32 = 96;
const AROUND: f32 = 1.4;
/// Most faces that are shown; more are read and exported.
const MAX_FACES: usize = 2000;
/// Of a video, every so many frames are looked at, and so many of them, until one has a face.
const EVERY: usize = 25;
const LOOKS: usize = 12;
/// Most files that are taken in within one pass of the window.
const AT_ONCE: usize = 8;

/// Makes the analyzer on the thread that uses it.
type Maker = Box<dyn FnOnce(FaceSearch) -> Result<FrameAnalyzer, String> + Send>;

/// One face on the sheet.
pub(super) struct ContactFace {
    /// The file's place in the folder, and its name.
    pub(super) place: usize,
    pub(super) file: String,
    pub(super) reading: ShownReading,
    pub(super) texture: TextureHandle,
}

impl ContactFace {
    /// How probable the most probable expression is.
    pub(super) fn probability(&self) -> f32 {
        self.reading.probabilities[self.reading.leading.index()]
    }
}

/// What the thread found in one file.
struct Found {
    place: usize,
    faces: Vec<(ColorImage, ShownReading)>,
    rows: ResultRows,
    error: Option<String>,
}

enum Answer {
    File(Found),
    /// Nothing can be read at all.
    Failed(String),
}

/// The contact sheet of a folder.
#[derive(Default)]
pub(super) struct ContactSheet {
    /// Whether it is shown in place of the picture.
    open: bool,
    sort: SortBy,
    files: Vec<PathBuf>,
    done: usize,
    faces: Vec<ContactFace>,
    rows: Vec<ResultRows>,
    errors: Vec<String>,
    answers: Option<Receiver<Answer>>,
    cancelled: Cancel,
    /// The network that read the faces.
    network: String,
}

/// Ends the reading when it is dropped.
#[derive(Default)]
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl ContactSheet {
    /// Shows the sheet of these files; reads them, unless the same network has read them already.
    pub(super) fn show(
        &mut self,
        ctx: &Context,
        files: &[PathBuf],
        network: String,
        detector: DetectorKind,
        make: Maker,
    ) -> std::io::Result<()> {
        let complete = self.files == files && self.network == network && self.done == files.len();
        self.open = true;
        if complete || (self.is_reading() && self.files == files && self.network == network) {
            return Ok(());
        }
        let sort = self.sort;
        *self = Self { open: true, sort, files: files.to_vec(), network, ..Self::default() };
        let (sender, answers) = unbounded();
        let (files, cancelled, ctx) = (files.to_vec(), Arc::clone(&self.cancelled.0), ctx.clone());
        std::thread::Builder::new().name("contact-sheet".into()).spawn(move || {
            read_all(&files, detector, make, &cancelled, &|answer| {
                let open = sender.send(answer).is_ok();
                ctx.request_repaint();
                open
            });
        })?;
        self.answers = Some(answers);
        Ok(())
    }

    /// Shows the picture again. What is being read goes on.
    pub(super) fn close(&mut self) -> bool {
        std::mem::take(&mut self.open)
    }

    /// Stops reading and forgets everything: another source is shown.
    pub(super) fn clear(&mut self) {
        *self = Self { sort: self.sort, ..Self::default() };
    }

    /// Stops reading; what was read stays.
    pub(super) fn cancel(&mut self) {
        self.cancelled.0.store(true, Ordering::Relaxed);
        self.answers = None;
    }

    /// Takes in what was read since the last pass.
    pub(super) fn follow(&mut self, ctx: &Context) {
        for _ in 0..AT_ONCE {
            let Some(answer) = self.answers.as_ref().and_then(|answers| answers.try_recv().ok()) else {
                return;
            };
            match answer {
                Answer::File(found) => self.take(ctx, found),
                Answer::Failed(text) => {
                    self.errors.push(text);
                    self.cancel();
                }
            }
            if self.done == self.files.len() {
                self.answers = None;
            }
        }
        ctx.request_repaint();
    }

    fn take(&mut self, ctx: &Context, found: Found) {
        self.done += 1;
        self.errors.extend(found.error);
        let file = self.files.get(found.place).map(|path| file_name(path)).unwrap_or_default();
        for (image, reading) in found.faces {
            if self.faces.len() < MAX_FACES {
                let texture = ctx.load_texture("contact", image, TextureOptions::LINEAR);
                self.faces.push(ContactFace { place: found.place, file: file.clone(), reading, texture });
            }
        }
        self.rows.push(found.rows);
        self.arrange();
    }

    fn arrange(&mut self) {
        match self.sort {
            SortBy::Name => self.faces.sort_by_key(|face| face.place),
            SortBy::Expression => self.faces.sort_by(|a, b| {
                let key =
                    |face: &ContactFace| face.reading.label.map_or(Expression::COUNT, Expression::index);
                key(a).cmp(&key(b)).then(b.probability().total_cmp(&a.probability()))
            }),
        }
    }

    pub(super) fn set_sort(&mut self, sort: SortBy) {
        self.sort = sort;
        self.arrange();
    }

    pub(super) fn sort(&self) -> SortBy {
        self.sort
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether files are still being read.
    pub(super) fn is_reading(&self) -> bool {
        self.answers.is_some()
    }

    /// Files that were read, and all.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.done, self.files.len())
    }

    pub(super) fn faces(&self) -> &[ContactFace] {
        &self.faces
    }

    /// Files that could not be read, and why.
    pub(super) fn errors(&self) -> &[String] {
        &self.errors
    }

    /// What was read, for a table.
    pub(super) fn rows(&self) -> &[ResultRows] {
        &self.rows
    }
}

/// Reads file after file; ends soon after it was cancelled or nobody listens.
fn read_all(
    files: &[PathBuf],
    detector: DetectorKind,
    make: Maker,
    cancelled: &AtomicBool,
    tell: &dyn Fn(Answer) -> bool,
) {
    let search = FaceSearch::for_source(SourceKind::Still, detector);
    let made = catch_unwind(AssertUnwindSafe(|| make(search)));
    let made = made.unwrap_or_else(|panic| Err(fault::describe("contact-sheet", &*panic)));
    let mut analyzer = match made {
        Ok(analyzer) => analyzer,
        Err(text) => {
            tell(Answer::Failed(text));
            return;
        }
    };
    for (place, path) in files.iter().enumerate() {
        if cancelled.load(Ordering::Relaxed) {
            return;
        }
        let read = catch_unwind(AssertUnwindSafe(|| read_file(&mut analyzer, path, cancelled)));
        let read = read.unwrap_or_else(|panic| Err(fault::describe("contact-sheet", &*panic)));
        let found = match read {
            Ok(Some(analyzed)) => found_in(place, path, &analyzed),
            Ok(None) => Found { place, faces: Vec::new(), rows: ResultRows::default(), error: None },
            Err(text) => Found { place, faces: Vec::new(), rows: ResultRows::default(), error: Some(text) },
        };
        if !tell(Answer::File(found)) {
            return;
        }
    }
}

/// A picture, or of a video the first frame looked at that has a face.
fn read_file(
    analyzer: &mut FrameAnalyzer,
    path: &Path,
    cancelled: &AtomicBool,
) -> Result<Option<AnalyzedFrame>, String> {
    let opened = open_source(&SourceSpec::Path(path.to_owned()), Pace::Unpaced).map_err(|e| e.to_string())?;
    let mut source = opened.source;
    let mut last = None;
    let mut frames = 0;
    while frames < EVERY * LOOKS && !cancelled.load(Ordering::Relaxed) {
        let frame = match source.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(e) if e.is_transient() => {
                frames += 1;
                continue;
            }
            Err(e) => return Err(e.to_string()),
        };
        if frames % EVERY == 0 {
            let analyzed = analyzer.analyze(frame).map_err(|e| e.to_string())?;
            let found = !analyzed.faces.is_empty();
            last = Some(analyzed);
            if found {
                break;
            }
        }
        frames += 1;
    }
    Ok(last)
}

fn found_in(place: usize, path: &Path, analyzed: &AnalyzedFrame) -> Found {
    let source: Arc<str> = path.display().to_string().into();
    let raw = SmoothingSettings { time_constant_ms: 0.0, ..SmoothingSettings::default() };
    let faces = analyzed.faces.iter().map(|face| {
        let reading = Smoother::default().update(face.id, &face.reading.probabilities, 0.0, &raw);
        (thumbnail(&analyzed.frame.image, &face.detection.face), reading)
    });
    Found {
        place,
        faces: faces.collect(),
        rows: ResultRows::new(&source, analyzed, &[], analyzed.frame.time_s, None),
        error: None,
    }
}

/// The face with a little around it, as far as the picture goes.
fn thumbnail(image: &RgbImage, face: &FaceBox) -> ColorImage {
    let side = (face.width.max(face.height) * AROUND).max(1.0);
    let (x, y) = (face.x + face.width / 2.0 - side / 2.0, face.y + face.height / 2.0 - side / 2.0);
    let (width, height) = (image.width() as f32, image.height() as f32);
    let (left, top) = (x.clamp(0.0, (width - 1.0).max(0.0)), y.clamp(0.0, (height - 1.0).max(0.0)));
    let (right, bottom) = (
        (x + side).clamp(left + 1.0, width.max(left + 1.0)),
        (y + side).clamp(top + 1.0, height.max(top + 1.0)),
    );
    let crop =
        imageops::crop_imm(image, left as u32, top as u32, (right - left) as u32, (bottom - top) as u32)
            .to_image();
    let scale = SIDE_PX as f32 / crop.width().max(crop.height()).max(1) as f32;
    let size = |px: u32| ((px as f32 * scale) as u32).clamp(1, SIDE_PX);
    let small = imageops::thumbnail(&crop, size(crop.width()), size(crop.height()));
    ColorImage::from_rgb([small.width() as usize, small.height() as usize], small.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_are_small_wherever_the_face_is() {
        let image = RgbImage::new(300, 200);
        for (x, y, width) in
            [(10.0, 10.0, 80.0), (-50.0, -50.0, 120.0), (280.0, 190.0, 400.0), (900.0, 900.0, 10.0)]
        {
            let small = thumbnail(&image, &FaceBox { x, y, width, height: width });
            assert!(small.size.iter().all(|px| (1..=SIDE_PX as usize).contains(px)), "{x}: {:?}", small.size);
        }
    }
}
