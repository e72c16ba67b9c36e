//! The keyboard in the menu bar, as elsewhere: Alt and a letter opens a menu, the arrow keys go along the bar and from menu
//! to menu, Esc goes back to where the keyboard was: the window, or the bar. Up and down within a menu, and Enter, are egui's.

use eframe::egui::{Context, Event, FocusDirection, Id, Key, Modifiers, Popup, Response};

/// With Alt, the key of each menu in the bar's order.
const LETTERS: [Key; 6] = [Key::F, Key::C, Key::R, Key::V, Key::P, Key::H];
/// Passes within which the focus has to be in a menu that was opened: its size is known only after one.
const ENTER_WITHIN: u8 = 6;

/// What is remembered from pass to pass.
#[derive(Debug, Clone, Default)]
struct Keys {
    /// The buttons of the bar.
    bar: Vec<Id>,
    /// The menu that was open in the last pass.
    open: Option<usize>,
    /// Something had the focus in the last pass.
    focused: bool,
    /// The menu whose letter was pressed.
    wanted: Option<usize>,
    /// The menu that is open was opened by its letter, not from the bar.
    by_letter: bool,
    /// The menu that the focus shall enter, and the passes that are left for it.
    entering: Option<(usize, u8)>,
    /// In this pass an entry that uses the arrow keys itself has the focus.
    arrows_used: bool,
}

fn change<T>(ctx: &Context, change: impl FnOnce(&mut Keys) -> T) -> T {
    ctx.data_mut(|d| change(d.get_temp_mut_or_default(Id::unique("menu keys"))))
}

/// Takes Alt and a letter, before the letter alone means something else.
pub(super) fn take_letters(ctx: &Context) {
    // On Macs Alt types letters, and the system has menus of its own.
    if ctx.os().is_mac() {
        return;
    }
    // The letter is not typed. (With Ctrl too it is Windows' AltGr, which types.)
    ctx.input_mut(|i| {
        if i.modifiers.alt && !i.modifiers.ctrl {
            i.events.retain(|event| !matches!(event, Event::Text(_)));
        }
    });
    // Below a sheet nothing can be reached.
    if ctx.memory(|m| m.top_modal_layer().is_some()) {
        return;
    }
    let pressed = LETTERS.iter().position(|key| ctx.input_mut(|i| i.consume_key(Modifiers::ALT, *key)));
    if pressed.is_some() {
        change(ctx, |keys| {
            keys.wanted = pressed;
            keys.by_letter = true;
        });
    }
}

/// Before the bar is drawn: the focus goes into the menu that was opened by keyboard.
pub(super) fn begin(ctx: &Context) {
    let focused = ctx.memory(|m| m.focused());
    let entering = change(ctx, |keys| {
        keys.arrows_used = false;
        let (menu, left) = keys.entering?;
        let inside = focused.is_some_and(|id| !keys.bar.contains(&id));
        keys.entering = (left > 0 && !inside).then(|| (menu, left - 1));
        keys.entering.and_then(|_| keys.bar.get(menu).copied())
    });
    if let Some(button) = entering {
        ctx.memory_mut(|m| {
            m.request_focus(button);
            m.move_focus(FocusDirection::Down);
        });
        ctx.request_repaint();
    }
}

/// An entry that uses the arrow keys left and right itself while it has the focus.
pub(super) fn uses_arrows(response: &Response) {
    if response.has_focus() {
        change(&response.ctx, |keys| keys.arrows_used = true);
    }
}

/// After the bar was drawn: opens what the keys ask for. `bar`: its buttons.
pub(super) fn end(ctx: &Context, bar: &[Response]) {
    let mut keys = change(ctx, |keys| keys.clone());
    let menu_of = |place: usize| Popup::default_response_id(&bar[place]);
    let open_now = (0..bar.len()).find(|place| Popup::is_id_open(ctx, menu_of(*place)));
    let on_bar = bar.iter().position(Response::has_focus);
    let pressed = |key: Key| ctx.input(|i| i.modifiers.is_none() && i.key_pressed(key));
    let step = match (pressed(Key::ArrowLeft), pressed(Key::ArrowRight)) {
        (true, false) => Some(bar.len() - 1),
        (false, true) => Some(1),
        _ => None,
    };
    let beside = |place: usize, step: usize| (place + step) % bar.len();
    let mut open = keys.wanted.take();
    if let Some(step) = step.filter(|_| !keys.arrows_used) {
        if let Some(place) = keys.open.filter(|_| open_now.is_some()) {
            open = Some(beside(place, step));
        } else if let Some(place) = on_bar {
            bar[beside(place, step)].request_focus();
            ctx.memory_mut(|m| m.move_focus(FocusDirection::None));
        }
    }
    if let Some(place) = on_bar {
        let down = open_now.is_none() && pressed(Key::ArrowDown);
        let entered = open_now == Some(place) && keys.open != open_now && bar[place].clicked();
        if down || entered {
            open = Some(place);
            keys.by_letter = false;
        }
    }
    if let Some(place) = open {
        Popup::open_id(ctx, menu_of(place));
        bar[place].request_focus();
        keys.entering = Some((place, ENTER_WITHIN));
        ctx.request_repaint();
    }
    // Esc closed the menu: back to the bar for whoever came from there, else to the window and its keys.
    if let Some(place) = keys.open.filter(|_| open_now.is_none() && keys.focused && pressed(Key::Escape)) {
        if keys.by_letter { bar[place].surrender_focus() } else { bar[place].request_focus() }
    }
    if keys.entering.is_some() {
        // The focus is led by hand: egui would look for something below the bar.
        ctx.memory_mut(|m| m.move_focus(FocusDirection::None));
    }
    keys.open = open.or(open_now);
    keys.focused = ctx.memory(|m| m.focused()).is_some();
    keys.bar = bar.iter().map(|button| button.id).collect();
    change(ctx, |kept| *kept = keys);
}
