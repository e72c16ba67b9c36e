//! An expression as a switch: held long enough, it does something once, and again only after it was let go.

use serde::{Deserialize, Serialize};

/// Below the threshold by so much, an expression is let go. Noise about the threshold fires once.
pub const HYSTERESIS: f32 = 0.1;
/// Ranges of a trigger's values: the threshold, the time to hold and the time to rest, in milliseconds.
pub const ABOVE: (f32, f32) = (0.2, 0.99);
/// See [`ABOVE`].
pub const HOLD_MS: (u32, u32) = (0, 5000);
/// See [`ABOVE`].
pub const REST_MS: (u32, u32) = (0, 10_000);
/// A pause between two readings that is longer than this, in seconds, is no holding.
const GAP_S: f64 = 0.5;

/// What a trigger does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerAction {
    /// Presses this key in the window, named as the list of shortcuts names it.
    Key(String),
    /// Writes a line to standard output, and sends an OSC message where `--osc` names a receiver.
    Line,
}

/// An expression as a switch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// One of the network's seven, or of the profile in use.
    pub expression: String,
    /// Probability from which it counts, [`ABOVE`].
    pub above: f32,
    /// How long it has to be held, [`HOLD_MS`].
    pub hold_ms: u32,
    /// After it fired, how long nothing happens, [`REST_MS`].
    pub rest_ms: u32,
    /// What it does.
    pub action: TriggerAction,
}

impl Trigger {
    /// The values of a hand-edited file brought into their ranges.
    #[must_use]
    pub fn sane(mut self) -> Self {
        self.above = if self.above.is_finite() { self.above.clamp(ABOVE.0, ABOVE.1) } else { 0.7 };
        self.hold_ms = self.hold_ms.clamp(HOLD_MS.0, HOLD_MS.1);
        self.rest_ms = self.rest_ms.clamp(REST_MS.0, REST_MS.1);
        self
    }
}

/// A trigger that fired.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerEvent {
    /// Its place in the list.
    pub place: usize,
    /// The expression.
    pub expression: String,
    /// When, in seconds of the source's clock.
    pub time_s: f64,
}

/// How far a trigger is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TriggerLevel {
    /// The expression's probability, 0..=1; 0 where it is not read.
    pub probability: f32,
    /// Share of the holding time that is over, 0..=1.
    pub held: f32,
    /// It fired and was not let go yet, or it rests.
    pub spent: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Above the threshold since.
    since_s: Option<f64>,
    fired_s: Option<f64>,
    /// It was let go since it fired.
    released: bool,
    level: TriggerLevel,
}

/// Follows the readings of one face.
#[derive(Debug, Default)]
pub struct TriggerBank {
    states: Vec<State>,
    last_s: Option<f64>,
}

impl TriggerBank {
    /// Takes a reading: `probability` gives that of an expression by its name, `None` where it is not read. What fired.
    pub fn update(
        &mut self,
        triggers: &[Trigger],
        time_s: f64,
        probability: impl Fn(&str) -> Option<f32>,
    ) -> Vec<TriggerEvent> {
        self.states.resize(triggers.len(), State { released: true, ..State::default() });
        let is_gap = self.last_s.is_none_or(|last_s| !(0.0..GAP_S).contains(&(time_s - last_s)));
        if is_gap && self.last_s.is_some_and(|last_s| time_s < last_s) {
            // The clock of another source.
            self.states.fill(State { released: true, ..State::default() });
        }
        self.last_s = Some(time_s);
        let mut fired = Vec::new();
        for (place, (trigger, state)) in triggers.iter().zip(&mut self.states).enumerate() {
            let p = probability(&trigger.expression).unwrap_or(0.0);
            if p < trigger.above - HYSTERESIS {
                state.released = true;
            }
            // Once begun, the holding goes on until the expression is let go: it may tremble about the threshold.
            let holds = p >= trigger.above || (state.since_s.is_some() && p >= trigger.above - HYSTERESIS);
            state.since_s = match state.since_s {
                Some(since_s) if holds && !is_gap => Some(since_s),
                _ if p >= trigger.above => Some(time_s),
                _ => None,
            };
            let rests = state.fired_s.is_some_and(|at_s| time_s - at_s < f64::from(trigger.rest_ms) / 1000.0);
            let ready = state.released && !rests;
            let held_s = state.since_s.map_or(0.0, |since_s| time_s - since_s);
            let hold_s = f64::from(trigger.hold_ms) / 1000.0;
            if ready && state.since_s.is_some() && held_s >= hold_s {
                state.fired_s = Some(time_s);
                state.released = false;
                fired.push(TriggerEvent { place, expression: trigger.expression.clone(), time_s });
            }
            let share = if hold_s > 0.0 { (held_s / hold_s).min(1.0) as f32 } else { 0.0 };
            state.level = TriggerLevel {
                probability: p,
                held: if ready && state.since_s.is_some() { share } else { 0.0 },
                spent: !state.released || rests,
            };
        }
        fired
    }

    /// How far each trigger is, in their order.
    #[must_use]
    pub fn levels(&self) -> Vec<TriggerLevel> {
        self.states.iter().map(|state| state.level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger() -> Trigger {
        Trigger {
            expression: "happy".into(),
            above: 0.7,
            hold_ms: 500,
            rest_ms: 1000,
            action: TriggerAction::Line,
        }
    }

    /// When it fires, of readings 20 times a second.
    fn fires(trigger: &Trigger, seconds: f64, p: impl Fn(f64) -> Option<f32>) -> Vec<f64> {
        let mut bank = TriggerBank::default();
        let mut times = Vec::new();
        for i in 0..(seconds * 20.0) as usize {
            let time_s = i as f64 / 20.0;
            let of = |name: &str| if name == "happy" { p(time_s) } else { None };
            times.extend(bank.update(std::slice::from_ref(trigger), time_s, of).iter().map(|e| e.time_s));
        }
        times
    }

    #[test]
    fn it_fires_once_when_it_was_held_and_again_only_after_it_was_let_go() {
        assert_eq!(fires(&trigger(), 5.0, |_| Some(0.9)), [0.5]);
        assert_eq!(fires(&trigger(), 5.0, |_| Some(0.6)), [0.0; 0]);
        assert_eq!(fires(&trigger(), 5.0, |_| None), [0.0; 0]);
        // Too short each time.
        assert_eq!(fires(&trigger(), 5.0, |t| Some(if t % 1.0 < 0.4 { 0.9 } else { 0.1 })), [0.0; 0]);
        // Let go and held again.
        assert_eq!(fires(&trigger(), 6.0, |t| Some(if t % 3.0 < 2.0 { 0.9 } else { 0.1 })), [0.5, 3.5]);
    }

    #[test]
    fn trembling_about_the_threshold_is_one_holding_and_fires_once() {
        let trembling = |t: f64| Some(if (t * 20.0) as i64 % 2 == 0 { 0.72 } else { 0.66 });
        assert_eq!(fires(&trigger(), 5.0, trembling), [0.5]);
    }

    #[test]
    fn it_rests_and_a_pause_in_the_readings_is_no_holding() {
        let quick = Trigger { hold_ms: 0, rest_ms: 2000, ..trigger() };
        let blinking = |t: f64| Some(if t % 0.5 < 0.25 { 0.9 } else { 0.1 });
        assert_eq!(fires(&quick, 5.0, blinking), [0.0, 2.0, 4.0]);
        let mut bank = TriggerBank::default();
        let one = [trigger()];
        assert!(bank.update(&one, 0.0, |_| Some(0.9)).is_empty());
        assert!(bank.update(&one, 3.0, |_| Some(0.9)).is_empty(), "nobody saw what was between");
        assert!(bank.update(&one, 3.3, |_| Some(0.9)).is_empty());
        assert_eq!(bank.update(&one, 3.6, |_| Some(0.9)).len(), 1);
        assert!(bank.levels()[0].spent);
        // Another source begins at nothing.
        assert!(bank.update(&one, 0.0, |_| Some(0.9)).is_empty());
        assert!(bank.update(&one, 0.3, |_| Some(0.9)).is_empty());
        assert_eq!(bank.update(&one, 0.6, |_| Some(0.9)).len(), 1);
    }

    #[test]
    fn values_of_a_hand_edited_file_come_into_their_ranges() {
        let wild = Trigger { above: f32::NAN, hold_ms: 99_999, rest_ms: 99_999, ..trigger() }.sane();
        assert_eq!((wild.above, wild.hold_ms, wild.rest_ms), (0.7, HOLD_MS.1, REST_MS.1));
        let text =
            serde_json::to_string(&Trigger { action: TriggerAction::Key("Space".into()), ..trigger() });
        let text = text.unwrap();
        assert!(text.contains(r#""action":{"key":"Space"}"#), "{text}");
        assert_eq!(serde_json::from_str::<Trigger>(&text).unwrap().hold_ms, 500);
    }
}
