//! The files of a folder that was opened: which is shown, and the slideshow through them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use eframe::egui::Context;
use moue_capture::{SkippedFiles, TransportStatus};

use super::language::tr;

/// How long the slideshow shows a picture.
const SLIDE: Duration = Duration::from_secs(4);

/// The pictures and videos of one folder, by name.
#[derive(Debug)]
pub(super) struct Playlist {
    files: Vec<PathBuf>,
    place: usize,
    /// When the file came on screen, while the slideshow runs.
    slide_since: Option<Instant>,
}

impl Playlist {
    /// Begins at the first file; `None` where there is none.
    pub(super) fn new(files: Vec<PathBuf>) -> Option<Self> {
        (!files.is_empty()).then_some(Self { files, place: 0, slide_since: None })
    }

    /// The files.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The file that is shown.
    pub(super) fn current(&self) -> &Path {
        self.files.get(self.place).map_or(Path::new(""), PathBuf::as_path)
    }

    /// "IMG_3.jpg, 3 of 27".
    pub(super) fn title(&self) -> String {
        tr!(
            "playlist-title",
            file = file_name(self.current()),
            place = self.place + 1,
            count = self.files.len()
        )
    }

    /// Goes to a file by its place.
    pub(super) fn go_to(&mut self, place: usize) {
        self.place = place.min(self.files.len().saturating_sub(1));
        if self.is_playing() {
            self.slide_since = Some(Instant::now());
        }
    }

    /// The place of the next file or of the one before; after the last comes the first.
    pub(super) fn beside(&self, forward: bool) -> usize {
        let count = self.files.len().max(1);
        (self.place + if forward { 1 } else { count - 1 }) % count
    }

    /// Whether the slideshow runs.
    pub(super) fn is_playing(&self) -> bool {
        self.slide_since.is_some()
    }

    /// Starts or stops the slideshow.
    pub(super) fn toggle_playing(&mut self) {
        self.slide_since = if self.is_playing() { None } else { Some(Instant::now()) };
    }

    /// How long the slideshow stays at this file; zero when it is over. `playback`: of a video, which is played to its end.
    pub(super) fn slide_left(&self, playback: Option<&TransportStatus>) -> Option<Duration> {
        let since = self.slide_since?;
        match playback {
            Some(status) if status.at_end => Some(Duration::ZERO),
            // The source reports its end.
            Some(_) => Some(Duration::from_millis(200)),
            None => Some(SLIDE.saturating_sub(since.elapsed())),
        }
    }
}

/// A file's name without its folder.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Lists folders on a thread of its own: a disk may hang.
#[derive(Debug, Default)]
pub(super) struct FolderLister(Option<Receiver<Vec<PathBuf>>>);

impl FolderLister {
    /// Looks into `path`. What is no folder gives no answer. The answer to an earlier question is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn look_into(&mut self, ctx: &Context, path: PathBuf) -> io::Result<()> {
        let (sender, answer) = bounded(1);
        let ctx = ctx.clone();
        std::thread::Builder::new().name("folder-list".into()).spawn(move || {
            if let Some(files) = list(&path) {
                // Fails only when another folder was asked for meanwhile.
                let _ = sender.send(files);
                ctx.request_repaint();
            }
        })?;
        self.0 = Some(answer);
        Ok(())
    }

    /// Forgets what was asked.
    pub(super) fn cancel(&mut self) {
        self.0 = None;
    }

    /// The folder's files, once.
    pub(super) fn answer(&mut self) -> Option<Vec<PathBuf>> {
        match self.0.as_ref()?.try_recv() {
            Ok(files) => {
                self.0 = None;
                Some(files)
            }
            Err(TryRecvError::Disconnected) => {
                self.0 = None;
                None
            }
            Err(TryRecvError::Empty) => None,
        }
    }
}

/// The pictures and videos of a folder, by name.
pub(super) fn list(folder: &Path) -> Option<Vec<PathBuf>> {
    if !folder.is_dir() {
        return None;
    }
    let mut skipped = SkippedFiles::default();
    let paths = std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok().map(|e| e.path()));
    let mut files: Vec<PathBuf> = paths.filter(|path| path.is_file() && skipped.takes(path)).collect();
    files.sort();
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_gone_through_in_a_circle_and_a_slideshow_waits_for_videos() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.mp4", "a.jpg", "notes.txt", "c.png"] {
            std::fs::write(folder.path().join(name), b"x").unwrap();
        }
        let mut playlist = Playlist::new(list(folder.path()).unwrap()).unwrap();
        assert_eq!(playlist.title(), "a.jpg, 1 of 3");
        playlist.go_to(playlist.beside(false));
        assert_eq!(playlist.title(), "c.png, 3 of 3");
        playlist.go_to(playlist.beside(true));
        playlist.go_to(playlist.beside(true));
        assert_eq!(playlist.title(), "b.mp4, 2 of 3");
        assert_eq!(playlist.slide_left(None), None, "no slideshow unless it is asked for");
        playlist.toggle_playing();
        assert!(playlist.slide_left(None).unwrap() > Duration::from_secs(1));
        let status = |at_end: bool| TransportStatus {
            playing: !at_end,
            position_s: 1.0,
            duration_s: Some(1.0),
            frame_s: 0.04,
            speed: 1.0,
            looping: false,
            at_end,
        };
        assert!(!playlist.slide_left(Some(&status(false))).unwrap().is_zero());
        assert!(playlist.slide_left(Some(&status(true))).unwrap().is_zero());
        assert!(list(&folder.path().join("a.jpg")).is_none());
    }
}
