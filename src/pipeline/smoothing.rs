//! Steady readings: probabilities are averaged over time, and the label changes only for a clear lead.

use std::collections::HashMap;

use moue_model::{Expression, Probabilities};

/// A face that was not seen for longer starts afresh, in seconds.
const FORGET_AFTER_S: f64 = 1.5;

/// How many times the lead the probabilities must be on their way to before a change counts as clear. Once would let noise
/// through: two expressions that change places at random then change the label more often than without.
const CHANGING_LEADS: f32 = 2.0;

/// How strongly the readings are smoothed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothingSettings {
    /// Time constant of the average in milliseconds; 0 shows the raw values.
    pub time_constant_ms: f32,
    /// Another expression must lead by this much before the label changes, 0..=1; or be on its way to twice as much.
    pub lead: f32,
    /// Below this probability the label says "unsure", 0..=1. It goes on saying so until the probability is higher
    /// by half of `lead`; a face's first label needs as much.
    pub unsure_below: f32,
}

impl Default for SmoothingSettings {
    fn default() -> Self {
        Self { time_constant_ms: 250.0, lead: 0.1, unsure_below: 0.4 }
    }
}

/// What is shown of one face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShownReading {
    /// Averaged probabilities; they sum to 1 as the raw ones do.
    pub probabilities: Probabilities,
    /// The label, the most probable expression of `probabilities`; `None` where the network is unsure, or two are about
    /// equally probable.
    pub label: Option<Expression>,
    /// The most probable expression, which the heatmap explains.
    pub leading: Expression,
    /// Whether a personal baseline was taken out before the average.
    pub baseline: bool,
}

#[derive(Debug)]
struct State {
    probabilities: Probabilities,
    /// The average of `probabilities` with the same time constant, which follows behind them.
    behind: Probabilities,
    label: Label,
    time_s: f64,
}

/// What the label says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Label {
    Sure(Expression),
    /// Nothing is probable enough.
    Unsure,
    /// What it named is not the most probable any more, and nothing leads clearly.
    Tied,
}

impl Label {
    /// The label that follows on `state`'s. What it names is always what the probabilities show as the largest.
    fn next(state: &State, settings: &SmoothingSettings) -> Self {
        let (top, probability) = Expression::most_probable(&state.probabilities);
        let lead = if settings.time_constant_ms > 0.0 { settings.lead } else { 0.0 };
        // Brown's double exponential smoothing (1963): an average falls behind a change by as much as its own average
        // falls behind it. Without this every change of expression said "Unsure" for a moment.
        let ahead: Probabilities = std::array::from_fn(|i| 2.0 * state.probabilities[i] - state.behind[i]);
        let leads =
            lead_of(top, &state.probabilities) >= lead || lead_of(top, &ahead) >= CHANGING_LEADS * lead;
        let margin = if matches!(state.label, Self::Sure(_)) { 0.0 } else { lead / 2.0 };
        if probability < settings.unsure_below + margin {
            return Self::Unsure;
        }
        match state.label {
            Self::Sure(named) if named != top && !leads => Self::Tied,
            Self::Tied if !leads => Self::Tied,
            _ => Self::Sure(top),
        }
    }
}

/// By how much `expression` is above all others, -1..=1.
fn lead_of(expression: Expression, probabilities: &Probabilities) -> f32 {
    let others = Expression::ALL.into_iter().filter(|e| *e != expression).map(|e| probabilities[e.index()]);
    probabilities[expression.index()] - others.fold(f32::NEG_INFINITY, f32::max)
}

fn move_toward(values: &mut Probabilities, new: &Probabilities, share: f32) {
    for (value, new) in values.iter_mut().zip(new) {
        // Written so that a share of 1 gives the new value exactly.
        *value = *value * (1.0 - share) + new * share;
    }
}

/// Averages the readings of each face by elapsed time.
#[derive(Debug, Default)]
pub struct Smoother {
    faces: HashMap<u64, State>,
}

impl Smoother {
    /// The reading to show of the face `id` with raw probabilities at `time_s`.
    pub fn update(
        &mut self,
        id: u64,
        raw: &Probabilities,
        time_s: f64,
        settings: &SmoothingSettings,
    ) -> ShownReading {
        // One reading is no average yet: a label at 42 % would often be "unsure" a frame later.
        let fresh = || State { probabilities: *raw, behind: *raw, label: Label::Unsure, time_s };
        let state = self.faces.entry(id).or_insert_with(fresh);
        let elapsed_s = time_s - state.time_s;
        if !(0.0..=FORGET_AFTER_S).contains(&elapsed_s) {
            *state = fresh();
        } else if elapsed_s > 0.0 || settings.time_constant_ms <= 0.0 {
            // First-order low-pass: the share of the new value depends on time, not on the frame rate.
            let share = match settings.time_constant_ms {
                t if t > 0.0 => 1.0 - (-(elapsed_s * 1000.0) as f32 / t).exp(),
                _ => 1.0,
            };
            move_toward(&mut state.probabilities, raw, share);
            move_toward(&mut state.behind, &state.probabilities, share);
            state.time_s = time_s;
        }
        let label = Label::next(state, settings);
        state.label = label;
        ShownReading {
            probabilities: state.probabilities,
            label: if let Label::Sure(named) = label { Some(named) } else { None },
            leading: Expression::most_probable(&state.probabilities).0,
            baseline: false,
        }
    }

    /// Forgets faces that were not seen for a while.
    pub fn forget_before(&mut self, time_s: f64) {
        self.faces.retain(|_, state| (time_s - state.time_s).abs() <= FORGET_AFTER_S);
    }

    /// Forgets everything, for a new source or other weights.
    pub fn clear(&mut self) {
        self.faces.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(e: Expression, p: f32) -> Probabilities {
        let mut all = [(1.0 - p) / 6.0; 7];
        all[e.index()] = p;
        all
    }

    #[test]
    fn after_one_time_constant_63_percent_of_a_step_are_shown() {
        for rate in [10.0, 30.0, 100.0] {
            let mut smoother = Smoother::default();
            let settings = SmoothingSettings { time_constant_ms: 500.0, ..Default::default() };
            smoother.update(1, &only(Expression::Sad, 1.0), 0.0, &settings);
            let mut last = 0.0;
            for i in 1..=(0.5 * rate) as u32 {
                let t = f64::from(i) / rate;
                last = smoother.update(1, &only(Expression::Happy, 1.0), t, &settings).probabilities
                    [Expression::Happy.index()];
            }
            assert!((last - 0.632).abs() < 0.01, "{last} at {rate} Hz");
        }
    }

    #[test]
    fn raw_means_raw() {
        let mut smoother = Smoother::default();
        let settings = SmoothingSettings { time_constant_ms: 0.0, ..Default::default() };
        smoother.update(1, &only(Expression::Sad, 0.9), 0.0, &settings);
        let shown = smoother.update(1, &only(Expression::Happy, 0.8), 0.01, &settings);
        assert_eq!(shown.probabilities, only(Expression::Happy, 0.8));
        assert_eq!(shown.label, Some(Expression::Happy));
    }

    #[test]
    fn a_near_tie_does_not_flicker_but_a_clear_change_shows() {
        let mut smoother = Smoother::default();
        let settings = SmoothingSettings { unsure_below: 0.0, ..Default::default() };
        let mut labels = Vec::new();
        for i in 0..100 {
            let mut raw = [0.02; 7];
            let wobble = if i % 2 == 0 { 0.03 } else { -0.03 };
            raw[Expression::Sad.index()] = 0.45 + wobble;
            raw[Expression::Neutral.index()] = 0.45 - wobble;
            labels.push(smoother.update(1, &raw, f64::from(i) * 0.04, &settings).label);
        }
        // Sad is named until it is not the largest any more; from then on neither is.
        let flips = labels.windows(2).filter(|w| w[0] != w[1]).count();
        assert!(flips <= 1 && labels.last() == Some(&None), "{flips} flips");
        let mut t = 4.0;
        let mut shown = None;
        while t < 6.0 {
            shown = smoother.update(1, &only(Expression::Happy, 0.9), t, &settings).label;
            t += 0.04;
        }
        assert_eq!(shown, Some(Expression::Happy));
    }

    /// The labels at 30 frames a second after `before` was read for ten seconds and `after` is read instead.
    fn labels_of_a_change(before: Probabilities, after: Probabilities) -> Vec<Option<Expression>> {
        let (mut smoother, settings) = (Smoother::default(), SmoothingSettings::default());
        for i in -300..0 {
            smoother.update(1, &before, f64::from(i) / 30.0, &settings);
        }
        (0..90).map(|i| smoother.update(1, &after, f64::from(i) / 30.0, &settings).label).collect()
    }

    #[test]
    fn a_clear_change_of_expression_does_not_say_unsure_in_between() {
        let labels = labels_of_a_change(only(Expression::Neutral, 0.85), only(Expression::Happy, 0.85));
        let changed = labels.iter().position(|label| *label == Some(Expression::Happy));
        // Half of the way is done after 250 ms * ln 2.
        assert!(changed.is_some_and(|frame| (4..=6).contains(&frame)), "{changed:?}");
        for (frame, label) in labels.iter().enumerate() {
            let expected = if Some(frame) < changed { Expression::Neutral } else { Expression::Happy };
            assert_eq!(*label, Some(expected), "at frame {frame}");
        }
    }

    #[test]
    fn a_small_change_is_unsure_until_it_leads() {
        let two = |sad: f32, happy: f32| {
            let mut all = [(1.0 - sad - happy) / 5.0; 7];
            (all[Expression::Sad.index()], all[Expression::Happy.index()]) = (sad, happy);
            all
        };
        let labels = labels_of_a_change(two(0.52, 0.36), two(0.36, 0.52));
        let unsure = labels.iter().filter(|label| label.is_none()).count();
        assert!(unsure > 3 && labels.last() == Some(&Some(Expression::Happy)), "{labels:?}");
        let labels = labels_of_a_change(two(0.48, 0.43), two(0.43, 0.48));
        assert_eq!(labels.last(), Some(&None), "5 points are no lead");
    }

    #[test]
    fn the_label_and_what_is_named_beside_unsure_are_the_largest_bar() {
        let mut smoother = Smoother::default();
        let settings = SmoothingSettings::default();
        for i in 0..400 {
            let t = f64::from(i) * 0.04;
            let wave = |speed: f64, at: f64| (t * speed + at).sin().abs() as f32;
            let mut raw: Probabilities = std::array::from_fn(|i| wave(1.0 + i as f64 * 0.3, i as f64));
            let sum: f32 = raw.iter().sum();
            raw.iter_mut().for_each(|p| *p /= sum);
            let shown = smoother.update(1, &raw, t, &settings);
            let (top, _) = Expression::most_probable(&shown.probabilities);
            assert_eq!(shown.leading, top, "at {t}");
            assert!(shown.label.is_none_or(|label| label == top), "at {t}");
        }
    }

    #[test]
    fn around_the_threshold_unsure_does_not_flicker() {
        let mut smoother = Smoother::default();
        let settings = SmoothingSettings { time_constant_ms: 100.0, ..Default::default() };
        let mut labels = Vec::new();
        for i in 0..200 {
            let p = 0.4 + 0.03 * (f64::from(i) * 0.35).sin() as f32;
            labels.push(smoother.update(1, &only(Expression::Sad, p), f64::from(i) * 0.033, &settings).label);
        }
        let flips = labels.windows(2).filter(|w| w[0] != w[1]).count();
        assert!(flips <= 1 && labels.last() == Some(&None), "{flips} flips");
        let sure = smoother.update(1, &only(Expression::Sad, 0.6), 7.6, &settings).label;
        assert_eq!(sure, Some(Expression::Sad));
    }

    #[test]
    fn a_first_label_is_as_sure_as_one_after_unsure() {
        let first = |p: f32, time_constant_ms: f32| {
            let settings = SmoothingSettings { time_constant_ms, ..Default::default() };
            Smoother::default().update(1, &only(Expression::Sad, p), 0.0, &settings).label
        };
        assert_eq!(first(0.43, 250.0), None);
        assert_eq!(first(0.47, 250.0), Some(Expression::Sad));
        // Nothing follows on a still picture.
        assert_eq!(first(0.43, 0.0), Some(Expression::Sad));
    }

    #[test]
    fn low_probabilities_are_unsure_and_faces_are_apart() {
        let mut smoother = Smoother::default();
        let settings = SmoothingSettings::default();
        assert_eq!(smoother.update(1, &only(Expression::Fear, 0.3), 0.0, &settings).label, None);
        let other = smoother.update(2, &only(Expression::Happy, 0.9), 0.0, &settings);
        assert_eq!(other.label, Some(Expression::Happy));
        // A face that comes back after a while is not mixed with what it was.
        let back = smoother.update(1, &only(Expression::Happy, 0.9), 10.0, &settings);
        assert_eq!(back.label, Some(Expression::Happy));
    }
}
