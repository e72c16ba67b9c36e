//! Pictures and folders of pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use image::RgbImage;

use super::clock::FrameClock;
use super::formats::{has_picture_name, is_system_file};
use super::picture::read_with_fault;
use super::{CaptureError, Frame, FrameSource, Pace, SourceInfo, SourceKind, Stamp};

/// How long a picture of a folder stays, when shown live, in seconds.
const PICTURE_S: f64 = 3.0;
/// A still picture is delivered again after this time, when shown live, in seconds.
const REPEAT_S: f64 = 0.3;

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}

/// One picture, or several in turn.
pub(super) struct StillSource {
    info: SourceInfo,
    pace: Pace,
    clock: FrameClock,
    paths: Vec<PathBuf>,
    /// The picture that is being shown, and when the next one is due, in seconds.
    shown: Option<(Arc<RgbImage>, f64)>,
    position: usize,
    /// Pictures in a row that could not be read.
    failures: usize,
    /// What is wrong with the picture that was delivered, and is not said yet.
    fault: Option<CaptureError>,
    next_index: u64,
}

impl StillSource {
    /// A single picture. It is read at once, so that a bad file is refused here.
    pub(super) fn picture(path: &Path, pace: Pace) -> Result<Self, CaptureError> {
        let (picture, fault) = read_with_fault(path)
            .map_err(|reason| CaptureError::Unusable { path: path.to_owned(), reason })?;
        let size_px = Some(picture.dimensions());
        let mut source = Self::new(name_of(path), vec![path.to_owned()], size_px, pace);
        source.shown = Some((Arc::new(picture), f64::INFINITY));
        source.fault = fault.map(|reason| CaptureError::UnreadableFrame { path: path.to_owned(), reason });
        Ok(source)
    }

    /// The pictures of a folder, by name.
    pub(super) fn folder(path: &Path, pace: Pace) -> Result<Self, CaptureError> {
        let unusable = |reason: String| CaptureError::Unusable { path: path.to_owned(), reason };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(path).map_err(|e| unusable(e.to_string()))? {
            let file = entry.map_err(|e| unusable(e.to_string()))?.path();
            if file.is_file() && has_picture_name(&file) && !is_system_file(&file) {
                paths.push(file);
            }
        }
        if paths.is_empty() {
            return Err(unusable(
                "expected pictures (PNG, JPEG, GIF, WebP, TIFF, BMP, PNM, QOI, ICO, AVIF) in the folder, found none".into(),
            ));
        }
        paths.sort();
        Ok(Self::new(name_of(path), paths, None, pace))
    }

    /// These pictures, in their order.
    pub(super) fn list(paths: &[PathBuf], pace: Pace) -> Result<Self, CaptureError> {
        let Some(first) = paths.first() else {
            return Err(CaptureError::Unusable { path: PathBuf::new(), reason: "no file was named".into() });
        };
        let name = format!("{} and {} more", name_of(first), paths.len() - 1);
        Ok(Self::new(name, paths.to_vec(), None, pace))
    }

    fn new(name: String, paths: Vec<PathBuf>, size_px: Option<(u32, u32)>, pace: Pace) -> Self {
        let info = SourceInfo {
            name,
            kind: SourceKind::Still,
            size_px,
            frame_rate: None,
            frame_count: (pace == Pace::Unpaced).then_some(paths.len() as u64),
            conversion: None,
        };
        Self {
            info,
            pace,
            clock: FrameClock::new(),
            paths,
            shown: None,
            position: 0,
            failures: 0,
            fault: None,
            next_index: 0,
        }
    }

    fn read_next(&mut self) -> Result<Arc<RgbImage>, CaptureError> {
        let path = &self.paths[self.position % self.paths.len()];
        self.position += 1;
        self.failures += 1;
        let damaged = |reason| CaptureError::UnreadableFrame { path: path.clone(), reason };
        let (picture, fault) = read_with_fault(path).map_err(damaged)?;
        self.fault = fault.map(damaged);
        self.failures = 0;
        Ok(Arc::new(picture))
    }

    fn folder_or_file(&self) -> PathBuf {
        let first = &self.paths[0];
        first.parent().filter(|_| self.paths.len() > 1).unwrap_or(first).to_owned()
    }

    fn frame(&mut self, image: Arc<RgbImage>, time_s: f64) -> Frame {
        self.next_index += 1;
        Frame {
            image,
            index: self.next_index - 1,
            time_s,
            position_s: None,
            captured_at: Instant::now(),
            stamp: Stamp::default(),
        }
    }
}

impl FrameSource for StillSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        // The picture itself comes first.
        if self.next_index > 0
            && let Some(fault) = self.fault.take()
        {
            return Err(fault);
        }
        if self.pace == Pace::Unpaced {
            if self.position >= self.paths.len() {
                return Ok(None);
            }
            let picture = match self.shown.take() {
                Some((picture, _)) => {
                    self.position += 1;
                    picture
                }
                None => self.read_next()?,
            };
            return Ok(Some(self.frame(picture, 0.0)));
        }
        // Shown again and again, a folder without one good picture would give the same errors for ever.
        if self.failures >= self.paths.len() {
            let reason = format!("none of its {} pictures can be read", self.paths.len());
            return Err(CaptureError::Unusable { path: self.folder_or_file(), reason });
        }
        if self.next_index > 0 {
            self.clock.wait_until(self.clock.now_s() + REPEAT_S);
        }
        let now_s = self.clock.now_s();
        let picture = match &self.shown {
            Some((picture, until_s)) if now_s < *until_s => Arc::clone(picture),
            _ => {
                let picture = self.read_next()?;
                self.shown = Some((Arc::clone(&picture), now_s + PICTURE_S));
                picture
            }
        };
        Ok(Some(self.frame(picture, now_s)))
    }
}
