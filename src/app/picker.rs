//! File dialogs: the system's where there is one, else one inside the window.

use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use eframe::egui;
use egui_file::{DialogType, FileDialog, State};
use moue_capture::FILE_KINDS;

/// What the user should choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A weights file.
    Weights,
    /// A picture or a video.
    Media,
    /// A folder of pictures.
    Folder,
    /// The folder for recordings.
    Recordings,
}

impl Request {
    fn title(self) -> &'static str {
        match self {
            Self::Weights => "Open weights",
            Self::Media => "Open an image or video",
            Self::Folder => "Open a folder of images",
            Self::Recordings => "Choose the recordings folder",
        }
    }

    fn endings(self) -> Vec<&'static str> {
        match self {
            Self::Weights => vec!["safetensors", "pt", "pth"],
            Self::Media => FILE_KINDS
                .iter()
                .filter(|kind| kind.is_read())
                .flat_map(|kind| kind.endings)
                .copied()
                .collect(),
            Self::Folder | Self::Recordings => Vec::new(),
        }
    }
}

/// Asks the user for a file. Never blocks.
pub trait FilePicker {
    /// Opens the dialog, unless one is open already.
    fn open(&mut self, request: Request);

    /// Whether it is being asked.
    fn is_open(&self) -> bool;

    /// Closes a dialog that is inside the window; whether there was one.
    fn close(&mut self) -> bool;

    /// Called in each pass: draws a dialog that is inside the window. Returns the chosen file once.
    fn show(&mut self, ctx: &egui::Context) -> Option<(Request, PathBuf)>;
}

/// The system's dialog where one works, else a dialog inside the window.
#[derive(Default)]
pub struct SystemPicker {
    native: Option<(Request, Receiver<Option<PathBuf>>)>,
    inside: Option<(Request, FileDialog)>,
}

impl FilePicker for SystemPicker {
    fn open(&mut self, request: Request) {
        if self.native.is_some() || self.inside.is_some() {
            return;
        }
        if native_dialog_works() {
            let (sender, answer) = bounded(1);
            let thread = std::thread::Builder::new().name("file-dialog".into()).spawn(move || {
                let mut dialog = rfd::FileDialog::new().set_title(request.title());
                if !request.endings().is_empty() {
                    dialog = dialog
                        .add_filter(request.title(), &request.endings())
                        .add_filter("All files", &["*"]);
                }
                let chosen = match request {
                    Request::Folder | Request::Recordings => dialog.pick_folder(),
                    Request::Weights | Request::Media => dialog.pick_file(),
                };
                // Fails only when the window was closed in the meantime.
                let _ = sender.send(chosen);
            });
            match thread {
                Ok(_) => self.native = Some((request, answer)),
                Err(e) => tracing::warn!("no thread for the file dialog: {e}"),
            }
            return;
        }
        self.open_inside(request);
    }

    fn is_open(&self) -> bool {
        self.native.is_some() || self.inside.is_some()
    }

    fn close(&mut self) -> bool {
        self.inside.take().is_some()
    }

    fn show(&mut self, ctx: &egui::Context) -> Option<(Request, PathBuf)> {
        if let Some((request, answer)) = &self.native {
            let request = *request;
            match answer.try_recv() {
                Ok(chosen) => {
                    self.native = None;
                    return chosen.map(|path| (request, path));
                }
                // The system's dialog failed. The one inside the window needs no system.
                Err(TryRecvError::Disconnected) => {
                    self.native = None;
                    self.open_inside(request);
                }
                Err(TryRecvError::Empty) => ctx.request_repaint_after_secs(0.1),
            }
        }
        let (request, dialog) = self.inside.as_mut()?;
        dialog.show(ctx);
        let chosen = match dialog.state() {
            State::Open => return None,
            State::Selected => dialog.path().map(|path| (*request, path.to_owned())),
            State::Closed | State::Cancelled => None,
        };
        let complete = chosen.filter(|_| dialog.dialog_type() != DialogType::SaveFile);
        self.inside = None;
        complete
    }
}

impl SystemPicker {
    fn open_inside(&mut self, request: Request) {
        let mut dialog = match request {
            Request::Folder | Request::Recordings => FileDialog::select_folder(),
            _ => FileDialog::open_file(),
        }
        .title(request.title())
        .show_rename(false)
        .show_new_folder(request == Request::Recordings);
        if !request.endings().is_empty() {
            dialog =
                dialog.show_files_filter(Box::new(move |path: &Path| has_ending(path, &request.endings())));
        }
        dialog.open();
        self.inside = Some((request, dialog));
    }
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| endings.contains(&e.to_ascii_lowercase().as_str()))
}

/// Whether rfd can show a dialog. It answers `None` both for Cancel and on a desktop without dialogs, so it is asked
/// only where there is a portal with a backend, or zenity.
fn native_dialog_works() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let has_zenity = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join("zenity").is_file()));
    let has_bus = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some()
        || std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|d| Path::new(&d).join("bus").exists());
    let has_portal = ["/usr/share", "/usr/local/share"].iter().any(|share| {
        let share = Path::new(share);
        share.join("dbus-1/services/org.freedesktop.portal.Desktop.service").is_file()
            && std::fs::read_dir(share.join("xdg-desktop-portal/portals"))
                .is_ok_and(|mut portals| portals.next().is_some())
    });
    has_zenity || (has_bus && has_portal)
}
