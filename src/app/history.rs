//! The last minute of every person, for the timeline.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::model::Expression;
use crate::pipeline::{LiveResult, ShownReading, SourceState};

/// How long it is kept.
pub(super) const KEPT: Duration = Duration::from_secs(60);
/// More samples a second cannot be told apart on screen.
const SAMPLE_EVERY: Duration = Duration::from_millis(95);
/// People beyond these are not kept; a folder of group photos must not fill the memory.
const MAX_PEOPLE: usize = 64;

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) reading: ShownReading,
}

/// Something that happened, marked on the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: Instant,
    pub(super) text: String,
}

/// Readings by person, and what happened meanwhile.
#[derive(Debug, Default)]
pub(super) struct History {
    people: BTreeMap<u64, VecDeque<Sample>>,
    marks: VecDeque<Mark>,
    /// Number of the last result, and the network that read it.
    last: Option<(u64, String)>,
    silent: bool,
    source: String,
}

impl History {
    /// Called for every picture of the window: takes in what is new, and marks what changed.
    pub(super) fn follow(&mut self, state: &SourceState, result: Option<&LiveResult>) {
        match state {
            SourceState::Running(info) => {
                if std::mem::take(&mut self.silent) {
                    self.mark("signal is back");
                }
                if self.source != info.name {
                    self.source.clone_from(&info.name);
                    // The people of another source are other people.
                    self.people.clear();
                    self.mark(info.name.clone());
                }
            }
            SourceState::NoSignal { .. } if !std::mem::replace(&mut self.silent, true) => {
                self.mark("no signal")
            }
            SourceState::Paused | SourceState::Failed(_) => self.source.clear(),
            _ => {}
        }
        let Some(result) = result else { return };
        match &self.last {
            Some((number, _)) if *number == result.number => return,
            Some((_, network)) if *network != result.model.sha256 => {
                self.mark(format!("weights {}", result.model.name));
            }
            _ => {}
        }
        self.last = Some((result.number, result.model.sha256.clone()));
        self.add(result);
    }

    /// Takes a result in.
    fn add(&mut self, result: &LiveResult) {
        let now = result.finished_at;
        self.forget(now);
        for (face, reading) in result.analyzed.faces.iter().zip(&result.shown) {
            if !self.people.contains_key(&face.id) && self.people.len() >= MAX_PEOPLE {
                continue;
            }
            let samples = self.people.entry(face.id).or_default();
            if samples.back().is_none_or(|s| now.saturating_duration_since(s.at) >= SAMPLE_EVERY) {
                samples.push_back(Sample { at: now, reading: *reading });
            }
        }
    }

    /// Marks what happened.
    fn mark(&mut self, text: impl Into<String>) {
        self.marks.push_back(Mark { at: Instant::now(), text: text.into() });
        if self.marks.len() > 32 {
            self.marks.pop_front();
        }
    }

    fn forget(&mut self, now: Instant) {
        self.people.retain(|_, samples| {
            while samples.front().is_some_and(|s| now.saturating_duration_since(s.at) > KEPT) {
                samples.pop_front();
            }
            !samples.is_empty()
        });
        while self.marks.front().is_some_and(|m| now.saturating_duration_since(m.at) > KEPT) {
            self.marks.pop_front();
        }
    }

    /// The samples of person `id`, oldest first, cut where the person was away for more than a second.
    pub(super) fn stretches(&self, id: u64) -> Vec<Vec<Sample>> {
        let mut stretches: Vec<Vec<Sample>> = Vec::new();
        for sample in self.people.get(&id).into_iter().flatten() {
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

    /// What happened, oldest first.
    pub(super) fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.marks.iter()
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

    fn sample(start: Instant, ms: u64, expression: Expression, probability: f32) -> Sample {
        let rest = (1.0 - probability) / 6.0;
        let p = std::array::from_fn(|i| if i == expression.index() { probability } else { rest });
        let reading = Smoother::default().update(1, &p, 0.0, &SmoothingSettings::default());
        Sample { at: start + Duration::from_millis(ms), reading }
    }

    #[test]
    fn absences_cut_the_curves_and_labels_make_bands() {
        let start = Instant::now();
        let mut history = History::default();
        let samples = [
            sample(start, 0, Expression::Sad, 0.9),
            sample(start, 100, Expression::Sad, 0.9),
            sample(start, 200, Expression::Happy, 0.9),
            sample(start, 5000, Expression::Happy, 0.2),
        ];
        history.people.insert(3, samples.into());
        let stretches = history.stretches(3);
        assert_eq!(stretches.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
        let bands: Vec<_> = label_bands(&stretches[0]).iter().map(|b| b.2).collect();
        assert_eq!(bands, [Some(Expression::Sad), Some(Expression::Happy)]);
        assert_eq!(label_bands(&stretches[1])[0].2, None);
        history.forget(start + Duration::from_secs(66));
        assert!(history.stretches(3).is_empty());
    }
}
