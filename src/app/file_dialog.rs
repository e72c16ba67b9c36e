//! The file dialog inside the window, for desktops without one. It is used by keyboard alone: the name field has the focus,
//! arrow keys choose from the list, Enter opens, Esc closes (`shortcuts.rs`).
//!
//! The library that does this (egui-file-dialog 0.15) is built on an older egui; egui_file's takes no name to open.

use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use eframe::egui::text::{CCursor, CCursorRange};
use eframe::egui::text_edit::TextEditState;
use eframe::egui::{
    self, Align, Button, Context, Id, Key, Label, Layout, Modal, RichText, ScrollArea, TextEdit, Ui,
};
use moue_capture::is_system_file;
use moue_files::{new_file, plain_words};

use super::language::{self, tr};
use crate::fault;
use crate::record::{FACES_FILE, SESSION_FILE, is_recording};

/// Most entries that are listed: a folder may hold a million.
const MAX_ENTRIES: usize = 5000;
/// Width in points.
const WIDTH: f32 = 560.0;

/// What may be chosen.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) title: &'static str,
    /// A folder; otherwise a file.
    pub(super) folder: bool,
    /// A folder may be made.
    pub(super) new_folder: bool,
    /// What a folder must be to be chosen.
    pub(super) folder_must: FolderMust,
    /// Endings of the files that are listed at first; empty: all are.
    pub(super) endings: Vec<&'static str>,
}

/// What a folder must be to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderMust {
    Exist,
    /// A recording's.
    HoldRecording,
    /// So that recordings can be made in it.
    TakeFiles,
}

impl FolderMust {
    /// Why it is not; may wait for the disk.
    fn fault(self, folder: &Path) -> Option<String> {
        match self {
            Self::Exist => None,
            Self::HoldRecording => (!is_recording(folder))
                .then(|| tr!("dialog-no-recording", faces = FACES_FILE, session = SESSION_FILE)),
            Self::TakeFiles => {
                let written = new_file::beside(&folder.join(SESSION_FILE));
                written.err().map(|e| tr!("dialog-not-writable", error = e.to_string()))
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    is_folder: bool,
}

/// What the disk is asked.
enum Ask {
    /// To list this folder, or, where a file is meant, to say that it is one.
    Open(PathBuf),
    /// Whether this can be chosen.
    Choose(PathBuf),
    MakeFolder(PathBuf),
}

/// A question that was not answered yet.
struct Asked {
    /// What was typed when it was asked.
    typed: String,
    /// It is for a folder's entries.
    is_list: bool,
    answer: Receiver<Answer>,
}

enum Answer {
    Listed(PathBuf, Vec<Entry>),
    Chosen(PathBuf),
    Failed(String),
}

/// What came of one pass.
pub(super) enum Outcome {
    Going,
    Closed,
    Chosen(PathBuf),
}

/// The dialog. The disk is asked on a thread, because it may hang.
pub(super) struct FileDialog {
    wanted: Wanted,
    folder: PathBuf,
    entries: Vec<Entry>,
    /// What is typed: a name, a part of one, or a path.
    name: String,
    /// Place among the entries that are shown.
    selected: Option<usize>,
    all_files: bool,
    error: Option<String>,
    asked: Option<Asked>,
    /// The folder of the path that is being typed (with its last separator), and the answer about it.
    typed_folder: Option<(String, Receiver<Answer>)>,
    /// The user's own folders: what a button says, and where it leads.
    places: Vec<(&'static str, PathBuf)>,
    /// The name field takes the keyboard focus.
    focus_name: bool,
    /// How far the list is scrolled, in points.
    scrolled: f32,
}

impl FileDialog {
    /// Opens it on `folder`.
    pub(super) fn new(wanted: Wanted, folder: PathBuf) -> Self {
        let mut dialog = Self {
            wanted,
            folder: folder.clone(),
            entries: Vec::new(),
            name: String::new(),
            selected: None,
            all_files: false,
            error: None,
            asked: None,
            typed_folder: None,
            places: places(),
            focus_name: true,
            scrolled: 0.0,
        };
        dialog.ask(Ask::Open(folder));
        dialog
    }

    fn ask(&mut self, ask: Ask) {
        let is_list = matches!(ask, Ask::Open(_));
        match self.answer_later(ask) {
            Ok(answer) => self.asked = Some(Asked { typed: self.name.clone(), is_list, answer }),
            Err(e) => self.error = Some(tr!("no-thread-disk", error = e.to_string())),
        }
    }

    fn answer_later(&self, ask: Ask) -> std::io::Result<Receiver<Answer>> {
        let (sender, answer) = bounded(1);
        let wants_folder = self.wanted.folder.then_some(self.wanted.folder_must);
        let language = language::current();
        let body = move || {
            let answer = move || language::within(language, || answer_to(ask, wants_folder));
            let answered = std::panic::catch_unwind(answer);
            // Fails only when the dialog was closed in the meantime.
            let _ = sender.send(
                answered.unwrap_or_else(|panic| Answer::Failed(fault::describe("file-dialog", &*panic))),
            );
        };
        std::thread::Builder::new().name("file-dialog".into()).spawn(body)?;
        Ok(answer)
    }

    /// A path is being typed: as soon as its folder is known to be one, that is listed, and the rest is looked for in it.
    fn follow_typed_path(&mut self) {
        let Some(end) = self.name.rfind(std::path::is_separator) else { return };
        let typed = self.name[..=end].to_owned();
        if self.typed_folder.as_ref().is_none_or(|(known, _)| *known != typed) {
            let ask = Ask::Open(self.path_of(&typed));
            self.typed_folder = self.answer_later(ask).ok().map(|answer| (typed, answer));
        }
    }

    /// Takes the answer about the folder of a typed path. That there is none is said when it is to be opened.
    fn take_typed_folder(&mut self, ctx: &Context) {
        let Some((typed, answer)) = &self.typed_folder else { return };
        let found = match answer.try_recv() {
            Err(TryRecvError::Empty) => return ctx.request_repaint_after_secs(0.03),
            Err(TryRecvError::Disconnected) => None,
            Ok(found) => Some(found),
        };
        let wanted = self.path_of(typed);
        if let (Some(Answer::Listed(folder, entries)), Some(rest)) = (found, self.name.strip_prefix(typed))
            && folder == wanted
        {
            self.name = rest.to_owned();
            // Another folder that was asked for before is not wanted any more.
            self.asked.take_if(|asked| asked.is_list);
            (self.folder, self.entries) = (tidy(&folder), entries);
            (self.selected, self.error) = (None, None);
        }
        self.typed_folder = None;
    }

    /// Where a typed name or path leads; `~/` begins at the user's own folder.
    fn path_of(&self, typed: &str) -> PathBuf {
        let home = || directories::UserDirs::new().map(|user| user.home_dir().to_owned());
        match typed
            .strip_prefix("~")
            .filter(|rest| rest.is_empty() || rest.starts_with(std::path::is_separator))
        {
            Some(rest) => home().map_or_else(
                || self.folder.join(typed),
                |home| home.join(rest.trim_start_matches(std::path::is_separator)),
            ),
            None => self.folder.join(typed),
        }
    }

    /// Draws it.
    pub(super) fn show(&mut self, ctx: &Context) -> Outcome {
        self.take_typed_folder(ctx);
        if let Some(outcome) = self.take_answer(ctx) {
            return outcome;
        }
        let screen = ctx.content_rect();
        let frame = egui::Frame::popup(&ctx.global_style()).inner_margin(16).corner_radius(12);
        let shown = Modal::new(Id::unique("file dialog")).frame(frame).show(ctx, |ui| {
            ui.set_width(WIDTH.min(screen.width() - 50.0));
            self.content(ui, (screen.height() - 290.0).max(90.0))
        });
        match shown.inner {
            Outcome::Going if shown.should_close() => Outcome::Closed,
            outcome => outcome,
        }
    }

    fn take_answer(&mut self, ctx: &Context) -> Option<Outcome> {
        let asked = self.asked.as_ref()?;
        // What was typed meanwhile is meant for what comes.
        let typed_since = self.name != asked.typed;
        let answer = match asked.answer.try_recv() {
            Ok(answer) => answer,
            Err(TryRecvError::Empty) => {
                ctx.request_repaint_after_secs(0.03);
                return None;
            }
            Err(TryRecvError::Disconnected) => Answer::Failed(tr!("dialog-no-answer").into()),
        };
        self.asked = None;
        match answer {
            Answer::Chosen(path) => return Some(Outcome::Chosen(path)),
            Answer::Failed(text) => self.error = Some(text),
            Answer::Listed(folder, entries) => {
                (self.folder, self.entries) = (folder, entries);
                if !typed_since {
                    self.name.clear();
                }
                (self.selected, self.error) = (None, None);
                self.focus_name = true;
            }
        }
        None
    }

    /// The entries that fit what is typed.
    fn listed(&self) -> Vec<Entry> {
        let typed = self.name.to_lowercase();
        let ends_well = |name: &str| {
            let ending = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or_default();
            self.wanted.endings.contains(&ending.to_ascii_lowercase().as_str())
        };
        let fits = |entry: &&Entry| {
            (entry.is_folder || self.all_files || self.wanted.endings.is_empty() || ends_well(&entry.name))
                && (self.selected.is_some() || entry.name.to_lowercase().contains(&typed))
        };
        self.entries.iter().filter(fits).cloned().collect()
    }

    fn content(&mut self, ui: &mut Ui, height: f32) -> Outcome {
        let mut outcome = Outcome::Going;
        ui.label(RichText::new(self.wanted.title).size(20.0).strong());
        ui.add_space(4.0);
        let mut open = None;
        ui.horizontal(|ui| {
            let parent = self.folder.parent().map(ToOwned::to_owned);
            let up = ui.add_enabled(parent.is_some(), Button::new(tr!("dialog-up")));
            if let Some(parent) = parent.filter(|_| up.clicked()) {
                open = Some(Ask::Open(parent));
            }
            for (name, place) in &self.places {
                if ui.button(*name).clicked() {
                    open = Some(Ask::Open(place.clone()));
                }
            }
        });
        ui.horizontal(|ui| {
            ui.add(Label::new(RichText::new(self.folder.display().to_string()).weak()).truncate());
        });
        let listed = self.listed();
        let moved =
            ui.input(|i| i32::from(i.key_pressed(Key::ArrowDown)) - i32::from(i.key_pressed(Key::ArrowUp)));
        if moved != 0 && !listed.is_empty() {
            let last = listed.len() - 1;
            let to = match (self.selected, moved) {
                (None, 1) => 0,
                (None, _) => last,
                (Some(at), _) => at.saturating_add_signed(moved as isize).min(last),
            };
            self.selected = Some(to);
            self.name.clone_from(&listed[to].name);
        }
        let row = ui.spacing().interact_size.y;
        let mut rows =
            ScrollArea::vertical().max_height(height).min_scrolled_height(height).auto_shrink(false);
        if let Some(at) = self.selected.filter(|_| moved != 0) {
            // What the arrow keys choose is in sight.
            let top = at as f32 * (row + ui.spacing().item_spacing.y);
            self.scrolled = self.scrolled.clamp((top + row - height).max(0.0), top);
            rows = rows.vertical_scroll_offset(self.scrolled);
        }
        egui::Frame::new().fill(ui.visuals().extreme_bg_color).inner_margin(4).show(ui, |ui| {
            let shown = rows.show_rows(ui, row, listed.len(), |ui, range| {
                for place in range {
                    let entry = &listed[place];
                    let row = Button::selectable(self.selected == Some(place), text_of(entry));
                    let response = ui.add(row.truncate());
                    if response.clicked() {
                        self.selected = Some(place);
                        self.name.clone_from(&entry.name);
                    }
                    if response.double_clicked() {
                        open = Some(self.ask_for(&entry.name, entry.is_folder));
                    }
                }
            });
            self.scrolled = shown.state.clamped_offset().y;
            // A whole path is not looked for among them.
            if listed.is_empty() && self.asked.is_none() && !self.name.contains(std::path::MAIN_SEPARATOR) {
                ui.weak(tr!("dialog-nothing"));
            }
        });
        if let Some(error) = &self.error {
            ui.add(Label::new(RichText::new(error).color(ui.visuals().error_fg_color)).wrap());
        }
        ui.add_space(4.0);
        let mut enter = false;
        ui.horizontal(|ui| {
            let label = ui.label(tr!("dialog-name"));
            // An id of its own: the focus must not get lost where an error appears above.
            let field = TextEdit::singleline(&mut self.name).id(name_field());
            let field = field.desired_width(f32::INFINITY);
            let hint = if self.wanted.folder { tr!("dialog-folder-hint") } else { tr!("dialog-file-hint") };
            let field = ui.add(field.hint_text(hint)).labelled_by(label.id);
            if std::mem::take(&mut self.focus_name) {
                field.request_focus();
            }
            // After the field has done with the arrow key what fields do: move the cursor.
            if moved != 0 && self.selected.is_some() {
                select_all(ui, &self.name);
            }
            if field.changed() {
                (self.selected, self.error) = (None, None);
                self.follow_typed_path();
            }
            enter = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        });
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            if !self.wanted.folder && !self.wanted.endings.is_empty() {
                ui.checkbox(&mut self.all_files, tr!("dialog-all-files"));
            }
            let name = self.name.trim().to_owned();
            if self.wanted.new_folder {
                let make = ui.add_enabled(!name.is_empty(), Button::new(tr!("dialog-new-folder")));
                if make.on_hover_text(tr!("dialog-new-folder-hint")).clicked() {
                    open = Some(Ask::MakeFolder(self.folder.join(&name)));
                }
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if ui.button(tr!("cancel")).on_hover_text(tr!("key-esc")).clicked() {
                    outcome = Outcome::Closed;
                }
                let text = if self.wanted.folder { tr!("dialog-choose") } else { tr!("dialog-open") };
                enter |= ui.button(text).on_hover_text(tr!("key-enter")).clicked();
            });
        });
        if enter {
            self.focus_name = true;
            open = self.entered(&listed);
        }
        if let Some(ask) = open.filter(|_| self.asked.is_none()) {
            self.ask(ask);
        }
        outcome
    }

    /// What Enter asks for.
    fn entered(&self, listed: &[Entry]) -> Option<Ask> {
        let name = self.name.trim();
        let exact = listed.iter().find(|entry| entry.name == name);
        match (name, exact, listed) {
            ("", _, _) => self.wanted.folder.then(|| Ask::Choose(self.folder.clone())),
            (_, Some(entry), _) => Some(self.ask_for(&entry.name, entry.is_folder && !self.wanted.folder)),
            // A part of one name is enough.
            (_, None, [only]) => Some(self.ask_for(&only.name, only.is_folder && !self.wanted.folder)),
            _ => Some(self.ask_for(name, false)),
        }
    }

    /// `enter`: a folder is gone into, not chosen.
    fn ask_for(&self, name: &str, enter: bool) -> Ask {
        let path = self.path_of(name);
        if enter { Ask::Open(path) } else { Ask::Choose(path) }
    }
}

fn name_field() -> Id {
    Id::unique("file dialog name")
}

/// What is typed next takes the place of a name that the arrow keys chose.
fn select_all(ui: &Ui, name: &str) {
    let mut state = TextEditState::load(ui.ctx(), name_field()).unwrap_or_default();
    let end = CCursor::new(name.chars().count());
    state.cursor.set_char_range(Some(CCursorRange::two(CCursor::new(0), end)));
    state.store(ui.ctx(), name_field());
}

/// The user's own folder, pictures and videos, where the system knows them.
fn places() -> Vec<(&'static str, PathBuf)> {
    let Some(user) = directories::UserDirs::new() else { return Vec::new() };
    let known = [
        (tr!("dialog-home"), Some(user.home_dir())),
        (tr!("dialog-pictures"), user.picture_dir()),
        (tr!("dialog-videos"), user.video_dir()),
    ];
    known.into_iter().filter_map(|(name, path)| Some((name, path?.to_owned()))).collect()
}

/// Without a separator at its end.
fn tidy(folder: &Path) -> PathBuf {
    folder.components().collect()
}

fn text_of(entry: &Entry) -> String {
    if entry.is_folder { format!("{}/", entry.name) } else { entry.name.clone() }
}

/// Called on a thread: may wait for the disk. `folder`: what a folder must be, where one is wanted.
fn answer_to(ask: Ask, folder: Option<FolderMust>) -> Answer {
    let failed = |path: &Path, e: &dyn std::fmt::Display| {
        Answer::Failed(plain_words(&format!("{}: {e}", path.display())).into_owned())
    };
    match ask {
        Ask::MakeFolder(path) => match std::fs::create_dir(&path) {
            Ok(()) => Answer::Chosen(path),
            Err(e) => failed(&path, &e),
        },
        Ask::Open(path) => list(&path, folder.is_some()),
        Ask::Choose(path) => match (std::fs::metadata(&path), folder) {
            (Ok(metadata), Some(must)) if metadata.is_dir() => match must.fault(&path) {
                Some(fault) => failed(&path, &fault),
                None => Answer::Chosen(path),
            },
            (Ok(_), Some(_)) => failed(&path, &tr!("dialog-file-for-folder")),
            (Ok(metadata), None) if metadata.is_dir() => list(&path, false),
            (Ok(_), None) => Answer::Chosen(path),
            (Err(e), _) => failed(&path, &e),
        },
    }
}

fn list(folder: &Path, folders_only: bool) -> Answer {
    // Where the folder is gone (the last one of an earlier session), the nearest one that is there is listed.
    let there = folder.ancestors().find(|f| f.is_dir()).unwrap_or(folder);
    let found = match std::fs::read_dir(there) {
        Ok(found) => found,
        Err(e) => return Answer::Failed(format!("{}: {e}", there.display())),
    };
    let mut entries: Vec<Entry> = found
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !is_system_file(path))
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            Some(Entry { is_folder: path.is_dir(), name }).filter(|e| !e.name.starts_with('.'))
        })
        .filter(|entry| entry.is_folder || !folders_only)
        .take(MAX_ENTRIES)
        .collect();
    entries.sort_by_key(|entry| (!entry.is_folder, entry.name.to_lowercase()));
    Answer::Listed(there.to_owned(), entries)
}
