//! What the window hands on while it runs: readings by OSC, and a line for each trigger that fires.

use std::io::Write as _;
use std::sync::Arc;

use crossbeam_channel::bounded;

use crate::app::Taps;
#[cfg(feature = "osc")]
use crate::pipeline::LiveResult;
use crate::pipeline::TriggerEvent;
#[cfg(feature = "osc")]
use crate::record::osc::OscSender;

/// Lines that may wait for a slow reader of standard output; more are dropped, since the window must not wait.
const LINES: usize = 256;

/// `sender`: where OSC messages go.
pub(super) fn of(#[cfg(feature = "osc")] sender: Option<&Arc<OscSender>>) -> std::io::Result<Taps> {
    let lines = printer()?;
    #[cfg(feature = "osc")]
    let for_triggers = sender.cloned();
    let triggers = move |event: &TriggerEvent| {
        #[cfg(feature = "osc")]
        if let Some(sender) = &for_triggers {
            sender.send_trigger(event);
        }
        let line = serde_json::json!({"trigger": event.expression, "time_s": event.time_s}).to_string();
        // Fails where nobody reads.
        let _ = lines.try_send(line);
    };
    Ok(Taps {
        triggers: Some(Arc::new(triggers)),
        markers: None,
        #[cfg(feature = "osc")]
        results: sender.cloned().map(|sender| {
            Arc::new(move |result: &Arc<LiveResult>| {
                sender.send(&result.analyzed, &result.shown);
                if let Some(shown) = &result.personal {
                    sender.send_personal(shown);
                }
            }) as Arc<crate::pipeline::ResultTap>
        }),
        #[cfg(not(feature = "osc"))]
        results: None,
    })
}

/// A thread that writes lines to standard output: a pipe that nobody reads must not hold up the window.
fn printer() -> std::io::Result<crossbeam_channel::Sender<String>> {
    let (sender, lines) = bounded::<String>(LINES);
    let body = move || {
        for line in lines {
            let mut out = std::io::stdout().lock();
            if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("trigger-lines".into()).spawn(body)?;
    Ok(sender)
}
