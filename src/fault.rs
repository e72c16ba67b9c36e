//! Messages about caught panics. A panic is a bug, so the message says how to report it.

use std::any::Any;
use std::panic;

use parking_lot::Mutex;

/// Where the last panic came from.
static LAST_PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Remembers where panics come from, for [`describe`]; standard error gets them as usual.
pub(crate) fn remember_places() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        *LAST_PLACE.lock() = info.location().map(ToString::to_string);
        usual(info);
    }));
}

/// What to tell the user of a caught panic in the thread `thread`.
pub(crate) fn describe(thread: &str, panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown reason");
    let place = LAST_PLACE.lock().take().map(|place| format!(" at {place}")).unwrap_or_default();
    format!(
        "the thread \"{thread}\" stopped: {text}. This is a bug in the program. To report it, copy this message \
         and send it, with a line on what you did before, to where you got the program \
         (moue {}, {} {}{place}).",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_described_so_that_it_can_be_reported() {
        remember_places();
        let panic = panic::catch_unwind(|| panic!("wheel {} fell off", 3)).unwrap_err();
        let text = describe("rear axle", &*panic);
        for part in ["rear axle", "wheel 3 fell off", "report", env!("CARGO_PKG_VERSION"), "src/fault.rs:"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = describe("t", &*panic::catch_unwind(|| panic::panic_any(7)).unwrap_err());
        assert!(text.contains("unknown reason"), "{text}");
    }
}
