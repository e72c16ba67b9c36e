//! Logs the steps of a start, each once: what takes long can be seen with `-v`, and `scripts/first_minute.py` times them.

/// A step of the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Window,
    Network,
    Picture,
    Reading,
}

/// Which steps were logged.
#[derive(Debug, Default)]
pub(super) struct StartLog([bool; 4]);

impl StartLog {
    /// Logs a step that is reached, the first time.
    pub(super) fn reached(&mut self, step: Step, reached: bool) {
        let logged = &mut self.0[step as usize];
        if reached && !std::mem::replace(logged, true) {
            let text = match step {
                Step::Window => "the window is open",
                Step::Network => "the network is ready",
                Step::Picture => "the first picture is here",
                Step::Reading => "the first face is read",
            };
            tracing::info!("start: {text}");
        }
    }
}
