//! Readings and events for the timeline: of a live source the last minute, of a video the whole file by its own time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use moue_capture::{SourceKind, TransportStatus};

use super::happening::Happening;
use super::samples::{PersonalLabel, Sample};
use crate::pipeline::{LiveResult, ShownReading, SourceState};

/// Of a live source, older readings and events are dropped, in seconds.
pub(super) const KEPT_S: f64 = 60.0;
/// Readings closer together, in seconds, cannot be told apart on screen: the newest of them is kept.
const TICK_S: f64 = 0.1;
/// A face that is not found for longer, in seconds, is marked as lost.
const LOST_AFTER_S: f64 = 0.6;
/// A curve is cut where there is no reading for so many seconds.
const CUT_S: f64 = 1.0;
/// A video's frame time that jumps further, in seconds, means that another place was gone to.
const JUMP_S: f64 = 5.0;
/// Most faces of one moment, most moments (more than two hours of video), and most events that are kept.
const MAX_FACES: usize = 64;
const MAX_MOMENTS: usize = 100_000;
const MAX_EVENTS: usize = 256;

/// Something that happened, marked on the timeline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TimelineEvent {
    /// As in [`Sample`].
    pub(super) at_s: f64,
    pub(super) what: Happening,
    /// The face it is about; `None`: all.
    face: Option<u64>,
}

/// All readings of one moment.
#[derive(Debug)]
struct Moment {
    at_s: f64,
    /// Counts the places that a video was gone to: faces get new numbers there.
    take: u32,
    /// The face that the panel showed.
    chosen: Option<u64>,
    readings: Vec<(u64, ShownReading)>,
    /// What a profile read, and in whose face.
    personal: Option<(u64, PersonalLabel)>,
}

#[derive(Debug, Clone, Copy)]
struct Face {
    /// When it was found last.
    seen_s: f64,
    /// Whether it is marked as lost, or not marked as found yet.
    away: bool,
}

/// Readings by moment, and events.
#[derive(Debug)]
pub(super) struct History {
    started: Instant,
    /// A video's own time is counted, not the clock's.
    is_file: bool,
    /// Where the video is, and its length where it is known.
    position_s: f64,
    length_s: Option<f64>,
    /// By time in steps of [`TICK_S`].
    moments: BTreeMap<u64, Moment>,
    faces: BTreeMap<u64, Face>,
    events: VecDeque<TimelineEvent>,
    take: u32,
    /// When the take began, in the video's time.
    take_from_s: f64,
    /// The last frame's own time and its place in the file.
    last_frame: Option<(f64, f64)>,
    /// Number of the last result, and the network that read it.
    last: Option<(u64, String)>,
    /// When the last result came.
    last_at_s: Option<f64>,
    /// "No signal" is marked.
    silent: bool,
    /// A personal baseline was applied to the last readings.
    baseline: bool,
    /// Name of the source.
    source: String,
    /// Whether the source has a time to show.
    has_time: bool,
    /// Since when a live source is paused: time stands still on the timeline.
    paused_s: Option<f64>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            is_file: false,
            position_s: 0.0,
            length_s: None,
            moments: BTreeMap::new(),
            faces: BTreeMap::new(),
            events: VecDeque::new(),
            take: 0,
            take_from_s: 0.0,
            last_frame: None,
            last: None,
            last_at_s: None,
            silent: false,
            baseline: false,
            source: String::new(),
            has_time: false,
            paused_s: None,
        }
    }
}

impl History {
    /// Called in each pass of the window: adds a new result, and notes what changed. `chosen`: the face that the panel
    /// shows.
    pub(super) fn follow(
        &mut self,
        state: &SourceState,
        playback: Option<&TransportStatus>,
        chosen: Option<u64>,
        result: Option<&LiveResult>,
    ) {
        let now_s = self.started.elapsed().as_secs_f64();
        self.follow_source(state, playback, now_s);
        let Some(result) = result else { return };
        let frame = &result.analyzed.frame;
        let since_start = result.finished_at.saturating_duration_since(self.started).as_secs_f64();
        // A late result of the source before belongs to another time.
        let at_s = match (self.is_file, frame.position_s) {
            (true, Some(position_s)) => position_s,
            (false, None) => since_start,
            _ => return,
        };
        match &self.last {
            Some((number, _)) if *number == result.number => return,
            Some((_, network)) if *network != result.model.sha256 => {
                self.mark(Happening::Weights(result.model.name.clone()), at_s, None);
            }
            _ => {}
        }
        self.last = Some((result.number, result.model.sha256.clone()));
        let baseline = result.shown.iter().any(|s| s.baseline);
        // A result without a face does not say whether a baseline is applied.
        if baseline != self.baseline && !result.shown.is_empty() {
            self.baseline = baseline;
            let what = if baseline { Happening::BaselineOn } else { Happening::BaselineOff };
            self.mark(what, at_s, None);
        }
        if self.is_file {
            self.follow_frame(frame.time_s, at_s);
        }
        let readings = result.analyzed.faces.iter().zip(&result.shown).map(|(face, shown)| (face.id, *shown));
        self.add(at_s, chosen, readings);
        if let Some(own) = &result.personal
            && let Some(moment) = self.moments.get_mut(&tick_of(at_s))
        {
            let label = PersonalLabel { name: own.label_text().into(), place: own.label };
            moment.personal = Some((own.id, label));
        }
    }

    fn follow_source(&mut self, state: &SourceState, playback: Option<&TransportStatus>, now_s: f64) {
        if let SourceState::Running(info) = state {
            self.has_time = info.kind != SourceKind::Still;
            if playback.is_some() != self.is_file {
                *self = Self { started: self.started, has_time: self.has_time, ..Self::default() };
                self.is_file = playback.is_some();
            }
        }
        if self.is_file {
            if let SourceState::Running(info) = state
                && self.source != info.name
            {
                *self = Self { started: self.started, is_file: true, has_time: true, ..Self::default() };
                self.source.clone_from(&info.name);
            }
            if let Some(status) = playback {
                (self.position_s, self.length_s) = (status.position_s, status.duration_s);
            }
            return;
        }
        let paused = matches!(state, SourceState::Paused);
        if paused && self.paused_s.is_none() {
            self.paused_s = Some(now_s);
            self.mark(Happening::Paused, now_s, None);
            // The faces of a paused source are not marked as lost.
            self.faces.values_mut().for_each(|f| f.away = true);
        } else if !paused && *state != SourceState::Opening && self.paused_s.take().is_some() {
            self.mark(Happening::Resumed, now_s, None);
        }
        match state {
            SourceState::Running(info) => {
                if std::mem::take(&mut self.silent) {
                    self.mark(Happening::SignalRestored, now_s, None);
                }
                if self.source != info.name {
                    self.source.clone_from(&info.name);
                    // The faces of another source are other faces.
                    self.moments.clear();
                    self.faces.clear();
                    self.mark(Happening::Source(info.name.clone()), now_s, None);
                }
            }
            SourceState::NoSignal { .. } if !std::mem::replace(&mut self.silent, true) => {
                self.mark(Happening::NoSignal, now_s, None);
            }
            SourceState::Failed(_) if !self.source.is_empty() => {
                self.mark(Happening::SourceFailed, now_s, None);
                self.source.clear();
            }
            _ => {}
        }
    }

    /// Notes where a video went on somewhere else.
    fn follow_frame(&mut self, time_s: f64, at_s: f64) {
        let jumped = self.last_frame.is_some_and(|(last_time_s, last_at_s)| {
            time_s - last_time_s > JUMP_S || time_s < last_time_s || at_s < last_at_s
        });
        if jumped {
            self.take += 1;
            self.take_from_s = at_s;
            self.faces.clear();
            self.last_at_s = None;
        }
        self.last_frame = Some((time_s, at_s));
    }

    /// Whether the source has a time: pictures have none.
    pub(super) fn has_time(&self) -> bool {
        self.has_time
    }

    /// Whether it is a video's own time.
    pub(super) fn is_file(&self) -> bool {
        self.is_file
    }

    /// Where a video is; of a live source, the right edge of the timeline.
    pub(super) fn now_s(&self) -> f64 {
        if self.is_file {
            return self.position_s;
        }
        self.paused_s.unwrap_or_else(|| self.started.elapsed().as_secs_f64())
    }

    /// Length of a video as far as it is known, in seconds.
    pub(super) fn length_s(&self) -> f64 {
        let seen_s = self.moments.last_key_value().map_or(0.0, |(_, moment)| moment.at_s);
        self.length_s.unwrap_or(0.0).max(seen_s).max(self.position_s)
    }

    /// Whether time stands still.
    pub(super) fn is_paused(&self) -> bool {
        self.paused_s.is_some()
    }

    /// Adds the readings of one result.
    fn add(&mut self, at_s: f64, chosen: Option<u64>, readings: impl Iterator<Item = (u64, ShownReading)>) {
        self.expire(at_s);
        let readings: Vec<(u64, ShownReading)> = readings.take(MAX_FACES).collect();
        let mut found = Vec::new();
        for (id, _) in &readings {
            let face = self.faces.entry(*id).or_insert(Face { seen_s: at_s, away: true });
            // A face that is in every result is not lost, even if a slow machine takes seconds for each.
            let unbroken = self.last_at_s == Some(face.seen_s);
            if unbroken || at_s - face.seen_s <= LOST_AFTER_S || face.away {
                face.seen_s = at_s;
                if std::mem::take(&mut face.away) {
                    found.push(*id);
                }
            }
        }
        self.last_at_s = Some(at_s);
        let mut lost = Vec::new();
        for (id, face) in self.faces.iter_mut().filter(|(_, f)| !f.away && at_s - f.seen_s > LOST_AFTER_S) {
            face.away = true;
            lost.push((*id, face.seen_s));
        }
        for (id, seen_s) in lost {
            self.mark(Happening::Lost, seen_s, Some(id));
        }
        for id in found {
            // Those who are there already where a video is gone to did not come in.
            if !self.is_file || at_s - self.take_from_s > LOST_AFTER_S {
                self.mark(Happening::Found, at_s, Some(id));
            }
        }
        let moment = Moment { at_s, take: self.take, chosen, readings, personal: None };
        self.moments.insert(tick_of(at_s), moment);
        if self.moments.len() > MAX_MOMENTS {
            self.moments.pop_first();
        }
    }

    /// Marks what happened.
    fn mark(&mut self, what: Happening, at_s: f64, face: Option<u64>) {
        // The same place of a video played again.
        if self.is_file {
            self.events.retain(|e| e.what != what || (e.at_s - at_s).abs() > LOST_AFTER_S);
        }
        self.events.push_back(TimelineEvent { at_s, what, face });
        if self.events.len() > MAX_EVENTS {
            self.events.pop_front();
        }
    }

    /// Marks what the user says that happened at this moment.
    pub(super) fn mark_moment(&mut self, text: &str, at: Instant) {
        let at_s = match self.is_file {
            true => self.position_s,
            false => at.saturating_duration_since(self.started).as_secs_f64(),
        };
        self.mark(Happening::Marker(text.to_owned()), at_s, None);
    }

    /// Drops what is older than a minute, of a live source.
    fn expire(&mut self, now_s: f64) {
        if self.is_file {
            return;
        }
        while self.moments.first_key_value().is_some_and(|(_, m)| now_s - m.at_s > KEPT_S) {
            self.moments.pop_first();
        }
        self.faces.retain(|_, face| now_s - face.seen_s <= KEPT_S);
        while self.events.front().is_some_and(|m| now_s - m.at_s > KEPT_S) {
            self.events.pop_front();
        }
    }

    /// The samples of the face `id`, oldest first, split where there is none for a second. Where a video was gone to
    /// another place and faces have other numbers, those of the face that was shown then.
    pub(super) fn stretches(&self, id: Option<u64>) -> Vec<Vec<Sample>> {
        let has = |moment: &Moment| moment.readings.iter().any(|(of, _)| Some(*of) == id);
        let take = self.moments.values().filter(|m| has(m)).map(|m| m.take).max();
        let mut stretches: Vec<Vec<Sample>> = Vec::new();
        for moment in self.moments.values() {
            let of = |id: u64| moment.readings.iter().find(|(of, _)| *of == id);
            let other_take = self.is_file && Some(moment.take) != take;
            let reading = id.and_then(of).or_else(|| moment.chosen.filter(|_| other_take).and_then(of));
            let Some((id, reading)) = reading else { continue };
            let personal =
                moment.personal.as_ref().filter(|(of, _)| of == id).map(|(_, label)| label.clone());
            let sample = Sample { at_s: moment.at_s, reading: *reading, personal };
            match stretches.last_mut() {
                Some(stretch) if stretch.last().is_some_and(|s| sample.at_s - s.at_s < CUT_S) => {
                    stretch.push(sample);
                }
                _ => stretches.push(vec![sample]),
            }
        }
        stretches
    }

    /// What happened to this face and to all, in no particular order.
    pub(super) fn events(&self, id: Option<u64>) -> impl Iterator<Item = &TimelineEvent> {
        self.events.iter().filter(move |m| m.face.is_none() || m.face == id || self.is_file)
    }
}

fn tick_of(at_s: f64) -> u64 {
    (at_s.max(0.0) / TICK_S) as u64
}

#[cfg(test)]
mod tests {
    use super::super::samples::bands_of;
    use super::*;
    use crate::pipeline::{Smoother, SmoothingSettings};
    use moue_capture::SourceInfo;
    use moue_model::Expression;

    fn reading(expression: Expression, probability: f32) -> ShownReading {
        let rest = (1.0 - probability) / 6.0;
        let p = std::array::from_fn(|i| if i == expression.index() { probability } else { rest });
        Smoother::default().update(1, &p, 0.0, &SmoothingSettings::default())
    }

    fn running(name: &str, kind: SourceKind) -> SourceState {
        SourceState::Running(SourceInfo {
            name: name.into(),
            kind,
            size_px: None,
            frame_rate: None,
            frame_count: None,
            conversion: None,
        })
    }

    fn camera(name: &str) -> SourceState {
        running(name, SourceKind::Camera)
    }

    fn texts(history: &History, id: Option<u64>) -> Vec<String> {
        history.events(id).map(|m| m.what.words()).collect()
    }

    #[test]
    fn absences_cut_the_curves_and_labels_make_bands() {
        let mut history = History::default();
        for (at_s, expression, probability) in [
            (0.0, Expression::Sad, 0.9),
            (0.1, Expression::Sad, 0.9),
            (0.2, Expression::Happy, 0.9),
            (5.0, Expression::Happy, 0.2),
        ] {
            history.add(at_s, Some(3), [(3, reading(expression, probability))].into_iter());
        }
        let stretches = history.stretches(Some(3));
        assert_eq!(stretches.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
        let bands: Vec<_> = bands_of(&stretches[0], |s| s.reading.label).iter().map(|b| b.2).collect();
        assert_eq!(bands, [Some(Expression::Sad), Some(Expression::Happy)]);
        assert_eq!(bands_of(&stretches[1], |s| s.reading.label)[0].2, None);
        history.expire(66.0);
        assert!(history.stretches(Some(3)).is_empty());
    }

    #[test]
    fn who_is_lost_and_found_again_is_marked_for_that_face() {
        let mut history = History::default();
        let happy = reading(Expression::Happy, 0.9);
        for ms in (0..4000).step_by(40) {
            // One is away from 1 to 2.2 seconds, and for a moment at 3; two stays.
            let one = (!(1000..2200).contains(&ms) && !(3000..3300).contains(&ms)).then_some((1, happy));
            history.add(f64::from(ms) / 1000.0, Some(1), one.into_iter().chain([(2, happy)]));
        }
        assert_eq!(texts(&history, Some(1)), ["found", "lost", "found"]);
        assert_eq!(texts(&history, Some(2)), ["found"]);
        let lost_s = history.events(Some(1)).nth(1).map(|m| m.at_s);
        assert_eq!(lost_s, Some(0.96), "when it was last seen");
    }

    #[test]
    fn on_a_machine_with_a_result_a_second_faces_that_stay_are_not_lost() {
        let mut history = History::default();
        let happy = reading(Expression::Happy, 0.9);
        for second in 0..10 {
            // One is away in the sixth second.
            let one = (second != 6).then_some((1, happy));
            history.add(f64::from(second), Some(1), one.into_iter().chain([(2, happy)]));
        }
        assert_eq!(texts(&history, Some(1)), ["found", "lost", "found"]);
        assert_eq!(texts(&history, Some(2)), ["found"]);
    }

    #[test]
    fn sources_signals_and_pauses_are_marked_and_a_pause_stops_time() {
        let mut history = History::default();
        let no_signal = |name: &str| match camera(name) {
            SourceState::Running(info) => SourceState::NoSignal { info, since: Instant::now(), reason: None },
            other => other,
        };
        history.follow_source(&camera("A"), None, 0.0);
        history.add(0.01, Some(1), [(1, reading(Expression::Sad, 0.9))].into_iter());
        for at_s in [0.02, 0.03] {
            history.follow_source(&no_signal("A"), None, at_s);
        }
        history.follow_source(&camera("A"), None, 0.04);
        history.follow_source(&SourceState::Paused, None, 0.05);
        history.follow_source(&SourceState::Paused, None, 0.9);
        assert_eq!((history.now_s(), history.is_paused()), (0.05, true));
        // The same source goes on: its minute is kept.
        history.follow_source(&SourceState::Opening, None, 1.0);
        assert!(history.is_paused());
        history.follow_source(&camera("A"), None, 1.1);
        assert!(!history.is_paused());
        assert_eq!(history.stretches(Some(1)).len(), 1);
        history.follow_source(&SourceState::Failed("gone".into()), None, 1.2);
        history.follow_source(&camera("B"), None, 1.3);
        assert!(history.stretches(Some(1)).is_empty());
        let marks = ["A", "no signal", "signal restored", "paused", "resumed", "source failed", "B"];
        assert_eq!(texts(&history, None), marks);
        // A picture has no time.
        assert!(history.has_time());
        history.follow_source(&running("C", SourceKind::Still), None, 1.4);
        assert!(!history.has_time());
    }

    #[test]
    fn a_video_is_remembered_by_its_own_time_across_jumps() {
        let status = |position_s: f64| TransportStatus {
            playing: true,
            position_s,
            duration_s: Some(20.0),
            frame_s: 0.04,
            speed: 1.0,
            looping: true,
            at_end: false,
        };
        let video = running("a.mp4", SourceKind::Video);
        let mut history = History::default();
        history.follow_source(&camera("A"), None, 0.0);
        history.follow_source(&video, Some(&status(0.0)), 100.0);
        assert_eq!((history.is_file(), history.length_s()), (true, 20.0));
        assert!(texts(&history, None).is_empty(), "what a camera did is no part of the file");
        let mut play = |id: u64, from: u32, offset_s: f64, label: Expression| {
            for tick in from..from + 20 {
                let at_s = f64::from(tick) * 0.1;
                history.follow_frame(at_s + offset_s, at_s);
                history.add(at_s, Some(id), [(id, reading(label, 0.9))].into_iter());
            }
        };
        // The same face, with another number after each jump.
        play(1, 0, 0.0, Expression::Happy);
        play(2, 100, 10.0, Expression::Sad);
        play(3, 10, 40.0, Expression::Fear);
        history.follow_source(&video, Some(&status(3.0)), 200.0);
        let stretches = history.stretches(Some(3));
        let spans: Vec<_> = stretches.iter().map(|s| (s[0].at_s, s[s.len() - 1].at_s)).collect();
        assert_eq!(spans.len(), 2, "{spans:?}");
        assert!(spans[0].0 < 0.01 && (spans[0].1 - 2.9).abs() < 0.01, "{spans:?}");
        assert!((spans[1].0 - 10.0).abs() < 0.01 && (spans[1].1 - 11.9).abs() < 0.01, "{spans:?}");
        let bands: Vec<_> = bands_of(&stretches[0], |s| s.reading.label).iter().map(|b| b.2).collect();
        assert_eq!(bands, [Some(Expression::Happy), Some(Expression::Fear)], "what was read last counts");
        assert_eq!(history.now_s(), 3.0);
        assert!(texts(&history, Some(3)).is_empty(), "nobody came or left");
        // Another file begins anew.
        history.follow_source(&running("b.mp4", SourceKind::Video), Some(&status(0.0)), 300.0);
        assert!(history.stretches(Some(3)).is_empty());
    }
}
