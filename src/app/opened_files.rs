//! Finds out what files are that were dropped or chosen, by what is in them, on a thread: a file may be on a disk that
//! hangs.

use std::io::{self, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, Sender, unbounded};
use eframe::egui::Context;
use moue_capture::{Pace, SourceSpec, open_source};
use moue_files::plain_file;

use super::language::{self, tr};
use super::playlist::list;
use crate::fault;

/// What files that were opened together are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Opened {
    /// There is one network: the last weights file of several.
    pub(super) weights: Option<PathBuf>,
    /// A person's own expressions: the last such file of several.
    pub(super) profile: Option<PathBuf>,
    /// Pictures, videos and folders, in their order.
    pub(super) media: Vec<PathBuf>,
    /// What is of no use, and why.
    pub(super) refused: Vec<(PathBuf, String)>,
}

/// Files that are being looked at.
pub(super) struct OpenedFiles {
    found: Sender<Opened>,
    known: Receiver<Opened>,
}

impl Default for OpenedFiles {
    fn default() -> Self {
        let (found, known) = unbounded();
        Self { found, known }
    }
}

impl OpenedFiles {
    /// Looks at files that were opened together.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn look_at(&self, ctx: &Context, paths: Vec<PathBuf>) -> io::Result<()> {
        let (found, wake) = (self.found.clone(), ctx.clone());
        let language = language::current();
        let body = move || {
            // Fails only when the window was closed in the meantime.
            let _ = found.send(language::within(language, || sorted(paths)));
            wake.request_repaint();
        };
        std::thread::Builder::new().name("opened-files".into()).spawn(body).map(drop)
    }

    /// What is known by now and was not asked for yet.
    pub(super) fn known(&self) -> Vec<Opened> {
        self.known.try_iter().collect()
    }
}

fn sorted(paths: Vec<PathBuf>) -> Opened {
    let mut opened = Opened::default();
    for path in paths {
        // It begins as weights do, so its name tells.
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("moueprofile")) {
            opened.profile = Some(path);
            continue;
        }
        if begins_as_weights(&path) {
            opened.weights = Some(path);
            continue;
        }
        if path.is_dir() {
            match catch_unwind(AssertUnwindSafe(|| list(&path))) {
                Ok(Some(files)) if !files.is_empty() => opened.media.push(path),
                Ok(_) => opened.refused.push((path, tr!("opened-empty").into())),
                Err(panic) => opened.refused.push((path, fault::describe("opened-files", &*panic))),
            }
            continue;
        }
        // Opened as it will be for the window, and closed again: nothing else knows as well whether it can be shown.
        let open = AssertUnwindSafe(|| open_source(&SourceSpec::Path(path.clone()), Pace::Unpaced).map(drop));
        let reason = match catch_unwind(open) {
            Ok(Ok(())) => {
                opened.media.push(path);
                continue;
            }
            Ok(Err(e)) => e.to_string(),
            Err(panic) => fault::describe("opened-files", &*panic),
        };
        // What is no weights file of this network is named by its reader, with what to do.
        if is_called_weights(&path) {
            opened.weights = Some(path);
        } else {
            opened.refused.push((path, reason));
        }
    }
    opened
}

fn is_called_weights(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    let weights = ["safetensors", "pt", "pth", "ckpt", "h5", "hdf5", "keras", "onnx", "tflite", "pt2", "pkl"];
    weights.contains(&extension.as_str())
}

fn begins_as_weights(path: &Path) -> bool {
    let mut start = [0; 9];
    if plain_file::open(path).and_then(|(mut file, _)| file.read_exact(&mut start)).is_err() {
        return false;
    }
    // A safetensors file begins with its header's length (8 bytes) and the header's brace; PyTorch files are zips, older
    // ones pickles.
    let safetensors = start[8] == b'{' && start[4..8] == [0; 4];
    safetensors || start.starts_with(b"PK\x03\x04") || start.starts_with(b"\x80\x02")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_what_is_in_them_and_a_name_is_the_last_resort() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let picture = |name: &str| {
            let path = folder.path().join(name);
            let grey = image::RgbImage::from_pixel(32, 32, image::Rgb([90; 3]));
            grey.save_with_format(&path, image::ImageFormat::Png).unwrap();
            path
        };
        let (a, b) = (picture("a.png"), picture("b.pt"));
        let tensors = file("net", b"\x08\0\0\0\0\0\0\0{}      ");
        let text = file("notes.txt", b"nothing to see, nothing to load");
        let opened = sorted(vec![a.clone(), tensors.clone(), text.clone(), b.clone()]);
        assert_eq!((opened.media, opened.weights), (vec![a, b], Some(tensors)));
        assert_eq!(opened.refused.len(), 1);
        assert_eq!(opened.refused[0].0, text);
        let broken = file("broken.pth", b"neither a zip nor a pickle");
        assert_eq!(sorted(vec![broken.clone()]).weights, Some(broken), "its reader says what is wrong");
        let gone = folder.path().join("gone.png");
        assert_eq!(sorted(vec![gone]).refused.len(), 1);
        assert_eq!(sorted(vec![file("zip.bin", b"PK\x03\x04 and more")]).media.len(), 0);
    }
}
