//! Every key, in one table: the menus, the sheet of shortcuts and the keyboard all read it. A new command is an
//! [`Action`] and a row here.

use eframe::egui::{Context, Key, KeyboardShortcut, ModifierNames, Modifiers, Popup};
use moue_capture::SourceSpec;

use super::baseline::BaselineAction;
use super::menu::Action;

/// Under which heading the sheet lists a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Source,
    View,
    People,
    Program,
}

impl Group {
    /// The sheet's two columns.
    pub(super) const COLUMNS: [[Self; 2]; 2] = [[Self::Source, Self::Program], [Self::View, Self::People]];

    /// The heading.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Source => "Source",
            Self::View => "View",
            Self::People => "People",
            Self::Program => "Program",
        }
    }
}

/// A command and its keys.
pub(super) struct Shortcut {
    pub(super) group: Group,
    /// What the sheet says.
    pub(super) text: &'static str,
    /// Any of these; menus show the first.
    pub(super) keys: &'static [KeyboardShortcut],
    pub(super) action: Action,
}

const fn key(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

const fn command(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

const fn command_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
}

/// All commands that have keys.
static TABLE: &[Shortcut] = &[
    row(Group::Source, "Pause (releases a camera), go on", &[key(Key::Space)], Action::TogglePause),
    row(Group::Source, "Video, animation: 5 seconds on", &[key(Key::ArrowRight)], Action::LeapOn),
    row(Group::Source, "Video, animation: 5 seconds back", &[key(Key::ArrowLeft)], Action::LeapBack),
    row(Group::Source, "Video, animation: one frame on", &[key(Key::Period)], Action::StepOn),
    row(Group::Source, "Video, animation: one frame back", &[key(Key::Comma)], Action::StepBack),
    row(Group::Source, "Show the first camera", &[key(Key::C)], Action::SetSource(SourceSpec::Camera(None))),
    row(Group::Source, "Show the demo", &[key(Key::D)], Action::SetSource(SourceSpec::Demo)),
    row(Group::Source, "Open a picture or a video", &[command_shift(Key::O)], Action::OpenMediaDialog),
    row(Group::View, "Heatmap on, off", &[key(Key::H), key(Key::A)], Action::ToggleOverlay),
    row(Group::View, "Heatmap: attention or evidence", &[key(Key::E)], Action::SwitchOverlay),
    row(Group::View, "Mirror", &[key(Key::M)], Action::ToggleMirror),
    row(Group::View, "Timeline of the last minute", &[key(Key::T)], Action::ToggleTimeline),
    row(Group::View, "Side panel", &[key(Key::P)], Action::TogglePanel),
    row(Group::View, "Larger", &[command(Key::Plus), command(Key::Equals)], Action::ZoomIn),
    row(Group::View, "Smaller", &[command(Key::Minus)], Action::ZoomOut),
    row(Group::View, "Normal size", &[command(Key::Num0)], Action::ZoomReset),
    row(Group::View, "Full screen", &[key(Key::F11)], Action::ToggleFullScreen),
    row(Group::People, "Choose the next face", &[key(Key::N)], Action::NextFace),
    row(
        Group::People,
        "Neutral baseline: record, turn off",
        &[key(Key::B)],
        Action::Baseline(BaselineAction::Toggle),
    ),
    row(Group::People, "Choose the first face", &[key(Key::Num1)], Action::ChooseFace(0)),
    row(Group::People, "Choose the second face", &[key(Key::Num2)], Action::ChooseFace(1)),
    row(Group::People, "Choose the third face", &[key(Key::Num3)], Action::ChooseFace(2)),
    row(Group::People, "Choose the fourth face", &[key(Key::Num4)], Action::ChooseFace(3)),
    row(Group::People, "Choose the fifth face", &[key(Key::Num5)], Action::ChooseFace(4)),
    row(Group::People, "Choose the sixth face", &[key(Key::Num6)], Action::ChooseFace(5)),
    row(Group::People, "Choose the seventh face", &[key(Key::Num7)], Action::ChooseFace(6)),
    row(Group::People, "Choose the eighth face", &[key(Key::Num8)], Action::ChooseFace(7)),
    row(Group::People, "Choose the ninth face", &[key(Key::Num9)], Action::ChooseFace(8)),
    row(Group::Program, "Record, stop", &[key(Key::R)], Action::ToggleRecording),
    row(Group::Program, "Snapshot", &[key(Key::S)], Action::Snapshot),
    row(Group::Program, "Open weights", &[command(Key::O)], Action::OpenWeightsDialog),
    row(Group::Program, "Menus", &[key(Key::F10)], Action::FocusMenu),
    row(Group::Program, "This list", &[key(Key::Questionmark), key(Key::F1)], Action::ShowShortcuts),
    row(Group::Program, "Close what is open", &[key(Key::Escape)], Action::Close),
    row(Group::Program, "Quit", &[command(Key::Q)], Action::Quit),
];

const fn row(
    group: Group,
    text: &'static str,
    keys: &'static [KeyboardShortcut],
    action: Action,
) -> Shortcut {
    Shortcut { group, text, keys, action }
}

/// The rows of a group for the sheet: keys and words. The nine faces are one row.
pub(super) fn listed(ctx: &Context, group: Group) -> Vec<(String, &'static str)> {
    let of_group = TABLE.iter().filter(|row| row.group == group);
    of_group
        .filter_map(|row| match row.action {
            Action::ChooseFace(0) => Some(("1 … 9".to_owned(), "Choose a face, in the panel's order")),
            Action::ChooseFace(_) => None,
            _ => {
                // Ctrl+= is Ctrl++ for those who need no Shift for it: one of the two is enough.
                let known = row.keys.iter().filter(|k| k.logical_key != Key::Equals);
                let keys: Vec<String> = known.map(|k| in_words(ctx, k)).collect();
                Some((keys.join(" or "), row.text))
            }
        })
        .collect()
}

/// How a menu names the key of an action.
pub(super) fn menu_text(ctx: &Context, action: &Action) -> Option<String> {
    let row = TABLE.iter().find(|row| row.action == *action)?;
    row.keys.first().map(|k| in_words(ctx, k))
}

/// Key names as people know them: egui's `format_shortcut` writes `Questionmark`, and on Macs symbols that the
/// built-in letters lack.
fn in_words(ctx: &Context, shortcut: &KeyboardShortcut) -> String {
    let mut text = ModifierNames::NAMES.format(&shortcut.modifiers, ctx.os().is_mac());
    if !text.is_empty() {
        text.push_str(ModifierNames::NAMES.concat);
    }
    text + match shortcut.logical_key {
        Key::Questionmark => "?",
        Key::Plus => "Plus",
        Key::Escape => "Esc",
        Key::Period => ". (period)",
        Key::Comma => ", (comma)",
        key => key.name(),
    }
}

/// What the keys that were pressed ask for.
pub(super) fn pressed(ctx: &Context) -> Vec<Action> {
    // Letters that are typed are text. A button or slider that was reached with Tab leaves every key but its own.
    if ctx.text_edit_focused() {
        return Vec::new();
    }
    let focused = ctx.memory(|m| m.focused().is_some());
    // The menu that is open closes itself with Esc.
    let in_menu = Popup::is_any_open(ctx);
    let mut keys: Vec<_> = TABLE.iter().flat_map(|row| row.keys.iter().map(move |k| (k, row))).collect();
    // Longer combinations first: Ctrl+Shift+O is no Ctrl+O.
    keys.sort_by_key(|(k, _)| std::cmp::Reverse(k.modifiers.shift));
    ctx.input_mut(|input| {
        let mut hit = |k: &KeyboardShortcut| match k.logical_key {
            Key::Space | Key::ArrowLeft | Key::ArrowRight if focused => false,
            Key::Escape if in_menu => false,
            // On most keyboards it is typed with Shift.
            Key::Questionmark => {
                input.consume_key(Modifiers::SHIFT, k.logical_key) || input.consume_shortcut(k)
            }
            _ => input.consume_shortcut(k),
        };
        keys.into_iter().filter(|(k, _)| hit(k)).map(|(_, row)| row.action.clone()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::{Event, RawInput};

    fn press(modifiers: Modifiers, key: Key) -> Vec<Action> {
        let ctx = Context::default();
        let mut found = Vec::new();
        let event = Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers };
        let input = RawInput { events: vec![event], ..RawInput::default() };
        let _ = ctx.run_ui(input, |ui| found.extend(pressed(ui.ctx())));
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
                    std::slice::from_ref(&row.action),
                    "{}",
                    row.text
                );
            }
        }
    }

    #[test]
    fn the_sheet_lists_every_command() {
        let ctx = Context::default();
        let listed: usize = Group::COLUMNS.iter().flatten().map(|g| listed(&ctx, *g).len()).sum();
        assert_eq!(listed, TABLE.len() - 8);
        assert_eq!(menu_text(&ctx, &Action::ShowShortcuts).as_deref(), Some("?"));
    }
}
