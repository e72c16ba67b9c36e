//! Every key, in one table that the keyboard, the menus and the list of shortcuts share.

use eframe::egui::{Context, Key, KeyboardShortcut, ModifierNames, Modifiers, Popup};
use moue_capture::SourceSpec;

use super::command::{BaselineCommand, Command, Sheet, TeachCommand};
use super::language::{self, tr};

/// The heading under which a command is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Source,
    View,
    People,
    Program,
}

impl Group {
    /// The two columns of the list.
    pub(super) const COLUMNS: [[Self; 2]; 2] = [[Self::Source, Self::People], [Self::View, Self::Program]];

    /// The heading.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Source => tr!("source"),
            Self::View => tr!("menu-view"),
            Self::People => tr!("keys-faces"),
            Self::Program => tr!("keys-program"),
        }
    }
}

/// A command and its keys.
pub(super) struct Shortcut {
    pub(super) group: Group,
    /// Key of what the list says.
    pub(super) text: &'static str,
    /// Any of these; menus show the first.
    pub(super) keys: &'static [KeyboardShortcut],
    pub(super) command: Command,
}

const fn key(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

const fn ctrl(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

const fn ctrl_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
}

/// All commands that have keys.
static TABLE: &[Shortcut] = &[
    row(Group::Source, "keys-pause", &[key(Key::Space)], Command::TogglePause),
    row(Group::Source, "keys-forward", &[key(Key::ArrowRight)], Command::SkipForward),
    row(Group::Source, "keys-back", &[key(Key::ArrowLeft)], Command::SkipBack),
    row(Group::Source, "keys-next-frame", &[key(Key::Period)], Command::NextFrame),
    row(Group::Source, "keys-previous-frame", &[key(Key::Comma)], Command::PreviousFrame),
    row(Group::Source, "keys-next-file", &[key(Key::PageDown)], Command::NextFile),
    row(Group::Source, "keys-previous-file", &[key(Key::PageUp)], Command::PreviousFile),
    row(Group::Source, "keys-contact-sheet", &[key(Key::K)], Command::ToggleContactSheet),
    row(Group::Source, "keys-camera", &[key(Key::C)], Command::SetSource(SourceSpec::Camera(None))),
    row(Group::Source, "keys-demo", &[key(Key::D)], Command::SetSource(SourceSpec::Demo)),
    row(Group::Source, "keys-open", &[ctrl(Key::O)], Command::OpenDialog),
    row(Group::Source, "keys-folder", &[ctrl_shift(Key::O)], Command::OpenFolderDialog),
    row(Group::View, "keys-heatmap", &[key(Key::H), key(Key::A)], Command::ToggleOverlay),
    row(Group::View, "keys-map", &[key(Key::E)], Command::SwitchOverlay),
    row(Group::View, "keys-mesh", &[key(Key::G)], Command::ToggleMesh),
    row(Group::View, "keys-mirror", &[key(Key::M)], Command::ToggleMirror),
    row(Group::View, "keys-timeline", &[key(Key::T)], Command::ToggleTimeline),
    row(Group::View, "keys-panel", &[key(Key::P)], Command::TogglePanel),
    row(Group::View, "zoom-in", &[ctrl(Key::Plus), ctrl(Key::Equals)], Command::ZoomIn),
    row(Group::View, "zoom-out", &[ctrl(Key::Minus)], Command::ZoomOut),
    row(Group::View, "zoom-reset", &[ctrl(Key::Num0)], Command::ZoomReset),
    row(Group::View, "full-screen", &[key(Key::F11)], Command::ToggleFullScreen),
    row(Group::People, "keys-next-face", &[key(Key::N)], Command::NextFace),
    row(Group::People, "keys-baseline", &[key(Key::B)], Command::Baseline(BaselineCommand::Toggle)),
    row(Group::People, "keys-teach", &[ctrl(Key::T)], Command::Teach(TeachCommand::Open)),
    row(Group::People, "keys-face-1", &[key(Key::Num1)], Command::SelectFaceAt(0)),
    row(Group::People, "keys-face-2", &[key(Key::Num2)], Command::SelectFaceAt(1)),
    row(Group::People, "keys-face-3", &[key(Key::Num3)], Command::SelectFaceAt(2)),
    row(Group::People, "keys-face-4", &[key(Key::Num4)], Command::SelectFaceAt(3)),
    row(Group::People, "keys-face-5", &[key(Key::Num5)], Command::SelectFaceAt(4)),
    row(Group::People, "keys-face-6", &[key(Key::Num6)], Command::SelectFaceAt(5)),
    row(Group::People, "keys-face-7", &[key(Key::Num7)], Command::SelectFaceAt(6)),
    row(Group::People, "keys-face-8", &[key(Key::Num8)], Command::SelectFaceAt(7)),
    row(Group::People, "keys-face-9", &[key(Key::Num9)], Command::SelectFaceAt(8)),
    row(Group::Program, "keys-record", &[key(Key::R)], Command::ToggleRecording),
    row(Group::Program, "keys-marker", &[key(Key::I), key(Key::Insert)], Command::AskMarker),
    row(Group::Program, "snapshot", &[key(Key::S)], Command::Snapshot),
    row(Group::Program, "menu-new-window", &[ctrl(Key::N)], Command::NewWindow),
    row(Group::Program, "keys-menu", &[key(Key::F10)], Command::FocusMenu),
    row(
        Group::Program,
        "keys-list",
        &[key(Key::Questionmark), key(Key::F1)],
        Command::ToggleSheet(Sheet::Shortcuts),
    ),
    row(Group::Program, "keys-close", &[key(Key::Escape)], Command::Close),
    row(Group::Program, "menu-quit", &[ctrl(Key::Q)], Command::Quit),
];

const fn row(
    group: Group,
    text: &'static str,
    keys: &'static [KeyboardShortcut],
    command: Command,
) -> Shortcut {
    Shortcut { group, text, keys, command }
}

/// The rows of a group for the list: keys and text. The nine faces are one row.
pub(super) fn listed(ctx: &Context, group: Group) -> Vec<(String, &'static str)> {
    let of_group = TABLE.iter().filter(|row| row.group == group);
    of_group
        .filter_map(|row| match row.command {
            Command::SelectFaceAt(0) => Some(("1 … 9".to_owned(), tr!("keys-face"))),
            Command::SelectFaceAt(_) => None,
            _ => {
                // Ctrl+= is Ctrl++ on keyboards where + needs Shift: the list shows one of the two.
                let known = row.keys.iter().filter(|k| k.logical_key != Key::Equals);
                let keys: Vec<String> = known.map(|k| in_words(ctx, k)).collect();
                Some((keys.join(&format!(" {} ", tr!("keys-or"))), language::text(row.text)))
            }
        })
        .collect()
}

/// The first key of a command, as menus show it.
pub(super) fn key_text(ctx: &Context, command: &Command) -> Option<String> {
    let row = TABLE.iter().find(|row| row.command == *command)?;
    row.keys.first().map(|k| in_words(ctx, k))
}

/// The keys that do something alone, for triggers: name and what they do. Not those that only make sense under the hand.
pub(super) fn single_keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    let alone = TABLE.iter().filter(|row| !matches!(row.command, Command::Close | Command::FocusMenu));
    alone.filter_map(|row| {
        let key = row.keys.iter().find(|k| k.modifiers.is_none())?;
        Some((key.logical_key.name(), language::text(row.text)))
    })
}

/// What this key does, named as in [`single_keys`].
pub(super) fn command_of(key: &str) -> Option<Command> {
    let has = |row: &&Shortcut| row.keys.iter().any(|k| k.modifiers.is_none() && k.logical_key.name() == key);
    TABLE.iter().find(has).map(|row| row.command.clone())
}

/// Key names as they are on the keyboard. egui's `format_shortcut` writes `Questionmark`, and on Macs symbols that the
/// built-in font lacks.
fn in_words(ctx: &Context, shortcut: &KeyboardShortcut) -> String {
    let mut text = ModifierNames::NAMES.format(&shortcut.modifiers, ctx.os().is_mac());
    if !text.is_empty() {
        text.push_str(ModifierNames::NAMES.concat);
    }
    text + match shortcut.logical_key {
        Key::Questionmark => "?",
        Key::Plus => "Plus",
        Key::Escape => "Esc",
        Key::Period => tr!("keys-period"),
        Key::Comma => tr!("keys-comma"),
        key => key.name(),
    }
}

/// Whether a key does this although something lies over the window.
fn works_covered(command: &Command) -> bool {
    matches!(
        command,
        Command::Close | Command::Quit | Command::ZoomIn | Command::ZoomOut | Command::ZoomReset
    )
}

/// The commands of the keys that were pressed. `covered`: a dialog or a sheet lies over the window; what is typed then is
/// for that, and only Esc and a few keys with Ctrl go further.
pub(super) fn pressed(ctx: &Context, covered: bool) -> Vec<Command> {
    // In a text field, letters are text.
    if ctx.text_edit_focused() {
        return Vec::new();
    }
    // A button or slider with the focus uses Space and the arrow keys itself.
    let focused = ctx.memory(|m| m.focused().is_some());
    // An open menu closes itself with Esc.
    let in_menu = Popup::is_any_open(ctx);
    let rows = TABLE.iter().filter(|row| !(covered || in_menu) || works_covered(&row.command));
    let mut keys: Vec<_> = rows.flat_map(|row| row.keys.iter().map(move |k| (k, row))).collect();
    // Longer combinations first: Ctrl+Shift+O is no Ctrl+O.
    keys.sort_by_key(|(k, _)| std::cmp::Reverse(k.modifiers.shift));
    ctx.input_mut(|input| {
        let mut hit = |k: &KeyboardShortcut| match k.logical_key {
            Key::Space | Key::ArrowLeft | Key::ArrowRight if focused => false,
            Key::Escape if in_menu => false,
            // On most keyboards the question mark is typed with Shift.
            Key::Questionmark => {
                input.consume_key(Modifiers::SHIFT, k.logical_key) || input.consume_shortcut(k)
            }
            _ => input.consume_shortcut(k),
        };
        keys.into_iter().filter(|(k, _)| hit(k)).map(|(_, row)| row.command.clone()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::{Event, RawInput};

    fn press(modifiers: Modifiers, key: Key) -> Vec<Command> {
        press_covered(modifiers, key, false)
    }

    fn press_covered(modifiers: Modifiers, key: Key, covered: bool) -> Vec<Command> {
        let ctx = Context::default();
        let mut found = Vec::new();
        let event = Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers };
        let input = RawInput { events: vec![event], ..RawInput::default() };
        let _ = ctx.run_ui(input, |ui| found.extend(pressed(ui.ctx(), covered)));
        found
    }

    #[test]
    fn no_key_does_two_things_and_every_command_has_one() {
        let keys: Vec<_> = TABLE.iter().flat_map(|row| row.keys).collect();
        for (i, k) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(k), "{k:?} twice");
        }
        for row in TABLE {
            assert!(!row.keys.is_empty(), "{}", row.text);
            for k in row.keys {
                assert_eq!(
                    press(k.modifiers, k.logical_key),
                    std::slice::from_ref(&row.command),
                    "{}",
                    row.text
                );
            }
        }
    }

    #[test]
    fn under_a_dialog_no_single_key_but_esc_does_anything() {
        for row in TABLE {
            for k in row.keys.iter().filter(|k| k.modifiers.is_none() && k.logical_key != Key::Escape) {
                assert_eq!(press_covered(k.modifiers, k.logical_key, true), [], "{}", row.text);
            }
        }
        assert_eq!(press_covered(Modifiers::NONE, Key::Escape, true), [Command::Close]);
        assert_eq!(press_covered(Modifiers::COMMAND, Key::Q, true), [Command::Quit]);
    }

    #[test]
    fn the_list_has_every_command() {
        let ctx = Context::default();
        let listed: usize = Group::COLUMNS.iter().flatten().map(|g| listed(&ctx, *g).len()).sum();
        assert_eq!(listed, TABLE.len() - 8);
        assert_eq!(key_text(&ctx, &Command::ToggleSheet(Sheet::Shortcuts)).as_deref(), Some("?"));
    }
}
