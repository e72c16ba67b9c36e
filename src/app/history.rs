//! The readings and events of the last minute, for the timeline.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use moue_model::Expression;

use crate::pipeline::{LiveResult, ShownReading, SourceState};

/// Older readings and events are dropped.
pub(super) const KEPT: Duration = Duration::from_secs(60);
/// Shorter gaps cannot be seen on screen.
const SAMPLE_EVERY: Duration = Duration::from_millis(95);
/// A face that is not found for longer is marked as lost.
const LOST_AFTER: Duration = Duration::from_millis(600);
/// Most people that are kept: a folder of group photos must not fill the memory.
const MAX_PEOPLE: usize = 64;
/// Most events that are kept; beyond that the oldest are dropped.
const MAX_EVENTS: usize = 64;

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) reading: ShownReading,
}

/// Something that happened, marked on the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TimelineEvent {
    pub(super) at: Instant,
    pub(super) text: String,
    /// The person it is about; `None`: all.
    person: Option<u64>,
}

#[derive(Debug)]
struct Person {
    samples: VecDeque<Sample>,
    /// When the face was found last.
    seen: Instant,
    /// Whether the face is marked as lost, or not marked as found yet.
    away: bool,
}

/// Readings by person, and events.
#[derive(Debug, Default)]
pub(super) struct History {
    people: BTreeMap<u64, Person>,
    events: VecDeque<TimelineEvent>,
    /// Number of the last result, and the network that read it.
    last: Option<(u64, String)>,
    /// When the last result came.
    last_at: Option<Instant>,
    /// "No signal" is marked.
    silent: bool,
    /// A personal baseline was applied to the last readings.
    baseline: bool,
    /// Name of the source.
    source: String,
    /// Since when the source is paused: time stands still on the timeline.
    paused: Option<Instant>,
}

impl History {
    /// Called in each pass of the window: adds a new result, and notes what changed. `still`: a video is paused on a
    /// frame.
    pub(super) fn follow(&mut self, state: &SourceState, still: bool, result: Option<&LiveResult>) {
        self.follow_source(state, still, Instant::now());
        let Some(result) = result else { return };
        match &self.last {
            Some((number, _)) if *number == result.number => return,
            Some((_, network)) if *network != result.model.sha256 => {
                self.mark(format!("weights {}", result.model.name), result.finished_at, None);
            }
            _ => {}
        }
        self.last = Some((result.number, result.model.sha256.clone()));
        let baseline = result.shown.iter().any(|s| s.baseline);
        // A result without a face does not say whether a baseline is applied.
        if baseline != self.baseline && !result.shown.is_empty() {
            self.baseline = baseline;
            let text = if baseline { "baseline on" } else { "baseline off" };
            self.mark(text, result.finished_at, None);
        }
        let readings = result.analyzed.faces.iter().zip(&result.shown).map(|(face, shown)| (face.id, *shown));
        self.add(result.finished_at, readings);
    }

    fn follow_source(&mut self, state: &SourceState, still: bool, now: Instant) {
        let paused = still || matches!(state, SourceState::Paused);
        if paused && self.paused.is_none() {
            self.paused = Some(now);
            self.mark("paused", now, None);
            // The faces of a paused source are not marked as lost.
            self.people.values_mut().for_each(|p| p.away = true);
        } else if !paused && *state != SourceState::Opening && self.paused.take().is_some() {
            self.mark("resumed", now, None);
        }
        match state {
            SourceState::Running(info) => {
                if std::mem::take(&mut self.silent) {
                    self.mark("signal restored", now, None);
                }
                if self.source != info.name {
                    self.source.clone_from(&info.name);
                    // The people of another source are other people.
                    self.people.clear();
                    self.mark(info.name.clone(), now, None);
                }
            }
            SourceState::NoSignal { .. } if !std::mem::replace(&mut self.silent, true) => {
                self.mark("no signal", now, None);
            }
            SourceState::Failed(_) if !self.source.is_empty() => {
                self.mark("source failed", now, None);
                self.source.clear();
            }
            _ => {}
        }
    }

    /// The right edge of the timeline.
    pub(super) fn now(&self) -> Instant {
        self.paused.unwrap_or_else(Instant::now)
    }

    /// Whether time stands still.
    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Adds the readings of one result.
    fn add(&mut self, now: Instant, readings: impl Iterator<Item = (u64, ShownReading)>) {
        self.expire(now);
        let mut found = Vec::new();
        for (id, reading) in readings {
            if !self.people.contains_key(&id) && self.people.len() >= MAX_PEOPLE {
                continue;
            }
            let person = self.people.entry(id).or_insert_with(|| Person {
                samples: VecDeque::new(),
                seen: now,
                away: true,
            });
            // A face that is in every result is not lost, even if a slow machine takes seconds for each.
            let unbroken = self.last_at == Some(person.seen);
            if unbroken || now.saturating_duration_since(person.seen) <= LOST_AFTER || person.away {
                person.seen = now;
                if std::mem::take(&mut person.away) {
                    found.push(id);
                }
            }
            let last = person.samples.back();
            if last.is_none_or(|s| now.saturating_duration_since(s.at) >= SAMPLE_EVERY) {
                person.samples.push_back(Sample { at: now, reading });
            }
        }
        self.last_at = Some(now);
        let lost: Vec<(u64, Instant)> = self
            .people
            .iter_mut()
            .filter(|(_, p)| !p.away && now.saturating_duration_since(p.seen) > LOST_AFTER)
            .map(|(id, p)| {
                p.away = true;
                (*id, p.seen)
            })
            .collect();
        for (id, seen) in lost {
            self.mark("lost", seen, Some(id));
        }
        for id in found {
            self.mark("found", now, Some(id));
        }
    }

    /// Marks what happened.
    fn mark(&mut self, text: impl Into<String>, at: Instant, person: Option<u64>) {
        self.events.push_back(TimelineEvent { at, text: text.into(), person });
        if self.events.len() > MAX_EVENTS {
            self.events.pop_front();
        }
    }

    /// Drops what is older than a minute.
    fn expire(&mut self, now: Instant) {
        self.people.retain(|_, person| {
            while person.samples.front().is_some_and(|s| now.saturating_duration_since(s.at) > KEPT) {
                person.samples.pop_front();
            }
            !person.samples.is_empty()
        });
        while self.events.front().is_some_and(|m| now.saturating_duration_since(m.at) > KEPT) {
            self.events.pop_front();
        }
    }

    /// The samples of person `id`, oldest first, split where there is none for a second.
    pub(super) fn stretches(&self, id: u64) -> Vec<Vec<Sample>> {
        let mut stretches: Vec<Vec<Sample>> = Vec::new();
        for sample in self.people.get(&id).map(|p| &p.samples).into_iter().flatten() {
            match stretches.last_mut() {
                Some(stretch)
                    if stretch
                        .last()
                        .is_some_and(|s| sample.at.duration_since(s.at) < Duration::from_secs(1)) =>
                {
                    stretch.push(*sample);
                }
                _ => stretches.push(vec![*sample]),
            }
        }
        stretches
    }

    /// What happened to this person and to all, in no particular order.
    pub(super) fn events(&self, id: Option<u64>) -> impl Iterator<Item = &TimelineEvent> {
        self.events.iter().filter(move |m| m.person.is_none() || m.person == id)
    }
}

/// Consecutive samples of one label: from, to, and the expression (`None`: unsure).
pub(super) fn label_bands(stretch: &[Sample]) -> Vec<(Instant, Instant, Option<Expression>)> {
    let mut bands: Vec<(Instant, Instant, Option<Expression>)> = Vec::new();
    for sample in stretch {
        let label = sample.reading.label;
        match bands.last_mut() {
            Some(band) => {
                band.1 = sample.at;
                if band.2 != label {
                    bands.push((sample.at, sample.at, label));
                }
            }
            None => bands.push((sample.at, sample.at, label)),
        }
    }
    bands
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Smoother, SmoothingSettings};
    use moue_capture::{SourceInfo, SourceKind};

    fn reading(expression: Expression, probability: f32) -> ShownReading {
        let rest = (1.0 - probability) / 6.0;
        let p = std::array::from_fn(|i| if i == expression.index() { probability } else { rest });
        Smoother::default().update(1, &p, 0.0, &SmoothingSettings::default())
    }

    fn running(name: &str) -> SourceState {
        let kind = SourceKind::Camera;
        SourceState::Running(SourceInfo {
            name: name.into(),
            kind,
            size_px: None,
            frame_rate: None,
            frame_count: None,
            conversion: None,
        })
    }

    fn texts(history: &History, id: Option<u64>) -> Vec<String> {
        history.events(id).map(|m| m.text.clone()).collect()
    }

    #[test]
    fn absences_cut_the_curves_and_labels_make_bands() {
        let start = Instant::now();
        let mut history = History::default();
        for (ms, expression, probability) in [
            (0, Expression::Sad, 0.9),
            (100, Expression::Sad, 0.9),
            (200, Expression::Happy, 0.9),
            (5000, Expression::Happy, 0.2),
        ] {
            let now = start + Duration::from_millis(ms);
            history.add(now, [(3, reading(expression, probability))].into_iter());
        }
        let stretches = history.stretches(3);
        assert_eq!(stretches.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
        let bands: Vec<_> = label_bands(&stretches[0]).iter().map(|b| b.2).collect();
        assert_eq!(bands, [Some(Expression::Sad), Some(Expression::Happy)]);
        assert_eq!(label_bands(&stretches[1])[0].2, None);
        history.expire(start + Duration::from_secs(66));
        assert!(history.stretches(3).is_empty());
    }

    #[test]
    fn who_is_lost_and_found_again_is_marked_for_that_person() {
        let start = Instant::now();
        let mut history = History::default();
        let happy = reading(Expression::Happy, 0.9);
        for ms in (0..4000).step_by(40) {
            // One is away from 1 to 2.2 seconds, and for a moment at 3; two stays.
            let one = (!(1000..2200).contains(&ms) && !(3000..3300).contains(&ms)).then_some((1, happy));
            let now = start + Duration::from_millis(ms);
            history.add(now, one.into_iter().chain([(2, happy)]));
        }
        assert_eq!(texts(&history, Some(1)), ["found", "lost", "found"]);
        assert_eq!(texts(&history, Some(2)), ["found"]);
        let lost = history.events(Some(1)).nth(1).map(|m| m.at);
        assert_eq!(lost, Some(start + Duration::from_millis(960)), "when it was last seen");
    }

    #[test]
    fn on_a_machine_with_a_result_a_second_faces_that_stay_are_not_lost() {
        let start = Instant::now();
        let mut history = History::default();
        let happy = reading(Expression::Happy, 0.9);
        for second in 0..10 {
            // One is away in the sixth second.
            let one = (second != 6).then_some((1, happy));
            history.add(start + Duration::from_secs(second), one.into_iter().chain([(2, happy)]));
        }
        assert_eq!(texts(&history, Some(1)), ["found", "lost", "found"]);
        assert_eq!(texts(&history, Some(2)), ["found"]);
    }

    #[test]
    fn sources_signals_and_pauses_are_marked_and_a_pause_stops_time() {
        let mut history = History::default();
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let no_signal = |name: &str| match running(name) {
            SourceState::Running(info) => SourceState::NoSignal { info, since: start, reason: None },
            other => other,
        };
        history.follow_source(&running("A"), false, at(0));
        history.add(at(10), [(1, reading(Expression::Sad, 0.9))].into_iter());
        for ms in [20, 30] {
            history.follow_source(&no_signal("A"), false, at(ms));
        }
        history.follow_source(&running("A"), false, at(40));
        history.follow_source(&SourceState::Paused, false, at(50));
        history.follow_source(&SourceState::Paused, false, at(900));
        assert_eq!((history.now(), history.is_paused()), (at(50), true));
        // The same source goes on: its minute is kept.
        history.follow_source(&SourceState::Opening, false, at(1000));
        assert!(history.is_paused());
        history.follow_source(&running("A"), false, at(1100));
        assert!(!history.is_paused());
        assert_eq!(history.stretches(1).len(), 1);
        // A video that holds its frame.
        history.follow_source(&running("A"), true, at(1110));
        assert_eq!(history.now(), at(1110));
        history.follow_source(&running("A"), false, at(1120));
        history.follow_source(&SourceState::Failed("gone".into()), false, at(1200));
        history.follow_source(&running("B"), false, at(1300));
        assert!(history.stretches(1).is_empty());
        assert_eq!(
            texts(&history, None),
            [
                "A",
                "no signal",
                "signal restored",
                "paused",
                "resumed",
                "paused",
                "resumed",
                "source failed",
                "B"
            ]
        );
    }
}
