//! What screen readers say by themselves: the shown face's label when it changes, and never so often that nothing else is
//! heard.

use std::time::{Duration, Instant};

use eframe::egui::{Id, Rect, Sense, Ui, accesskit, vec2};

/// The text changes at most once in this time.
const PAUSE: Duration = Duration::from_secs(2);

/// The text of the live region.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    text: String,
    changed: Option<Instant>,
}

impl Spoken {
    /// Takes over what is shown now, where enough time has passed since the last change. What is left to wait, where
    /// something waits.
    fn follow(&mut self, shown: Option<String>, now: Instant) -> Option<Duration> {
        // Nobody in view: the last text stays, and is not said again.
        let shown = shown.filter(|shown| *shown != self.text)?;
        let passed = self.changed.map_or(PAUSE, |changed| now.saturating_duration_since(changed));
        if passed < PAUSE {
            return Some(PAUSE - passed);
        }
        (self.text, self.changed) = (shown, Some(now));
        None
    }

    /// Called in each pass with the label of the shown face. The region is a point that nobody sees.
    pub(super) fn show(&mut self, ui: &Ui, shown: Option<String>) {
        if let Some(left) = self.follow(shown, Instant::now()) {
            ui.ctx().request_repaint_after(left);
        }
        let id = Id::unique("spoken label");
        let place = Rect::from_min_size(ui.max_rect().left_top(), vec2(1.0, 1.0));
        ui.interact(place, id, Sense::hover());
        ui.ctx().accesskit_node_builder(id, |node| {
            node.set_role(accesskit::Role::Status);
            node.set_live(accesskit::Live::Polite);
            node.set_label(self.text.as_str());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_within_two_seconds_give_one_text() {
        let start = Instant::now();
        let mut spoken = Spoken::default();
        let mut texts = Vec::new();
        for ms in (0..5000).step_by(100) {
            let shown = if ms / 100 % 2 == 0 { "happy" } else { "sad" };
            spoken.follow(Some(shown.to_owned()), start + Duration::from_millis(ms));
            if texts.last() != Some(&spoken.text) {
                texts.push(spoken.text.clone());
            }
        }
        assert_eq!(texts, ["happy", "sad", "happy"], "at 0, 2.1 and 4.2 seconds");
    }

    #[test]
    fn what_waits_is_said_when_its_time_has_come_and_nobody_is_silence() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut spoken = Spoken::default();
        assert_eq!(spoken.follow(None, start), None);
        assert_eq!(spoken.follow(Some("happy".into()), after(10)), None);
        assert_eq!(spoken.follow(Some("sad".into()), after(510)), Some(Duration::from_millis(1500)));
        assert_eq!(spoken.follow(None, after(900)), None);
        assert_eq!(spoken.follow(Some("happy".into()), after(3000)), None, "the same is not said again");
        assert_eq!(spoken.text, "happy");
        assert_eq!(spoken.follow(Some("sad".into()), after(3010)), None);
        assert_eq!(spoken.text, "sad");
    }
}
