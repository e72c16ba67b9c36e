//! Asks for files and folders: by the system's dialog where there is one, else by one inside the window.

use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use eframe::egui;
use moue_capture::FILE_KINDS;

use super::file_dialog::{FileDialog, FolderMust, Outcome, Wanted};
use super::language::tr;

/// Endings of weights files.
const WEIGHTS: [&str; 3] = ["safetensors", "pt", "pth"];

/// Endings of profiles.
const PROFILE: [&str; 1] = ["moueprofile"];

/// What the user should choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A picture, a video or a weights file.
    Any,
    /// A weights file.
    Weights,
    /// A person's own expressions.
    Profile,
    /// A folder of pictures.
    Folder,
    /// The folder of one recording.
    Session,
    /// The folder for recordings.
    Recordings,
}

impl Request {
    fn title(self) -> &'static str {
        match self {
            Self::Any => tr!("picker-any"),
            Self::Weights => tr!("picker-weights"),
            Self::Profile => tr!("picker-profile"),
            Self::Folder => tr!("picker-folder"),
            Self::Session => tr!("picker-session"),
            Self::Recordings => tr!("picker-recordings"),
        }
    }

    /// Whether a folder is chosen, not a file.
    #[must_use]
    pub fn is_folder(self) -> bool {
        matches!(self, Self::Folder | Self::Session | Self::Recordings)
    }

    fn endings(self) -> Vec<&'static str> {
        let media = || FILE_KINDS.iter().filter(|kind| kind.is_read()).flat_map(|kind| kind.endings).copied();
        match self {
            Self::Any => media().chain(WEIGHTS).chain(PROFILE).collect(),
            Self::Profile => PROFILE.to_vec(),
            Self::Weights => WEIGHTS.to_vec(),
            Self::Folder | Self::Session | Self::Recordings => Vec::new(),
        }
    }
}

/// Asks the user for a file. Never blocks.
pub trait FilePicker {
    /// Opens the dialog, unless one is open already. `start`: the folder that it shows at first.
    fn open(&mut self, request: Request, start: Option<&Path>);

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
    native: Option<(Request, Option<PathBuf>, Receiver<Option<PathBuf>>)>,
    inside: Option<(Request, FileDialog)>,
    never_native: bool,
}

impl FilePicker for SystemPicker {
    fn open(&mut self, request: Request, start: Option<&Path>) {
        if self.native.is_some() || self.inside.is_some() {
            return;
        }
        let start = start.map(ToOwned::to_owned);
        if self.never_native || !native_dialog_works() {
            self.open_inside(request, start);
            return;
        }
        let (sender, answer) = bounded(1);
        let from = start.clone();
        let (title, all_files) = (request.title(), tr!("dialog-all-files"));
        let thread = std::thread::Builder::new().name("file-dialog".into()).spawn(move || {
            let mut dialog = rfd::FileDialog::new().set_title(title);
            if let Some(from) = from {
                dialog = dialog.set_directory(from);
            }
            if !request.endings().is_empty() {
                dialog = dialog.add_filter(title, &request.endings()).add_filter(all_files, &["*"]);
            }
            let chosen = if request.is_folder() { dialog.pick_folder() } else { dialog.pick_file() };
            // Fails only when the window was closed in the meantime.
            let _ = sender.send(chosen);
        });
        match thread {
            Ok(_) => self.native = Some((request, start, answer)),
            Err(e) => tracing::warn!("no thread for the file dialog: {e}"),
        }
    }

    fn is_open(&self) -> bool {
        self.native.is_some() || self.inside.is_some()
    }

    fn close(&mut self) -> bool {
        self.inside.take().is_some()
    }

    fn show(&mut self, ctx: &egui::Context) -> Option<(Request, PathBuf)> {
        if let Some((request, start, answer)) = &self.native {
            let (request, start) = (*request, start.clone());
            match answer.try_recv() {
                Ok(chosen) => {
                    self.native = None;
                    return chosen.map(|path| (request, path));
                }
                // The system's dialog failed. The one inside the window needs no system.
                Err(TryRecvError::Disconnected) => {
                    self.native = None;
                    self.open_inside(request, start);
                }
                Err(TryRecvError::Empty) => ctx.request_repaint_after_secs(0.1),
            }
        }
        let (request, dialog) = self.inside.as_mut()?;
        let chosen = match dialog.show(ctx) {
            Outcome::Going => return None,
            Outcome::Closed => None,
            Outcome::Chosen(path) => Some((*request, path)),
        };
        self.inside = None;
        chosen
    }
}

impl SystemPicker {
    /// Always the dialog inside the window.
    #[must_use]
    pub fn inside_the_window() -> Self {
        Self { never_native: true, ..Self::default() }
    }

    fn open_inside(&mut self, request: Request, start: Option<PathBuf>) {
        let home = || directories::UserDirs::new().map(|user| user.home_dir().to_owned());
        let start = start.or_else(home).unwrap_or_else(|| PathBuf::from("/"));
        let wanted = Wanted {
            title: request.title(),
            folder: request.is_folder(),
            new_folder: request == Request::Recordings,
            folder_must: match request {
                Request::Session => FolderMust::HoldRecording,
                Request::Recordings => FolderMust::TakeFiles,
                Request::Any | Request::Weights | Request::Profile | Request::Folder => FolderMust::Exist,
            },
            endings: request.endings(),
        };
        self.inside = Some((request, FileDialog::new(wanted, start)));
    }
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
