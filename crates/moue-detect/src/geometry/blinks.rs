//! Blinks of each person in view, counted from the openings of the eyes.
//!
//! A blink is a short dip of the mean opening of both eyes (Soukupová and Čech 2016) below what is usual for that person:
//! eyes differ, and so does what the mesh makes of them.

use std::collections::{BTreeMap, VecDeque};

use super::Measurements;

/// The usual opening is the median of this time, in seconds, and needs half of it.
const USUAL_OVER_S: f64 = 4.0;
/// Below the first share of the usual opening the eyes are closing, above the second they are open again: the depth of
/// the clips' blinks and the noise between them, see `docs/faces.md`.
const DIP: (f32, f32) = (0.78, 0.88);
/// A dip that lasts less or more is no blink, in seconds: blinks take 0.1 to 0.4.
const LASTS_S: (f64, f64) = (0.03, 0.6);
/// Frames must not be farther apart, in seconds, or a blink falls between them.
const GAP_S: f64 = 0.105;
/// Farther turned away than this ([`HeadPose::away`](super::HeadPose::away)), in degrees, the mesh guesses at the eyes' lids.
pub const EYES_SEEN_WITHIN: f32 = 30.0;
/// The rate is that of this last time, in seconds,
const RATE_OVER_S: f64 = 60.0;
/// and there is none before the eyes were watched for so long in it.
const LEAST_S: f64 = 20.0;
/// Who is away for longer is forgotten, in seconds.
const FORGET_S: f64 = 60.0;

/// Counts the blinks of everyone in view. It belongs to one source: a time before the last one starts it afresh.
#[derive(Debug, Default)]
pub struct BlinkWatch {
    people: BTreeMap<u64, Eyes>,
    last_s: f64,
}

/// One person's eyes.
#[derive(Debug, Default)]
struct Eyes {
    watch: EyeWatch,
    /// Seconds of the source: which, how much of it the eyes were watched, and how often they blinked.
    seconds: VecDeque<(i64, f64, u32)>,
}

/// Watches the openings of one person's eyes for blinks.
#[derive(Debug, Clone, Default)]
pub struct EyeWatch {
    /// When they were last measured.
    last_s: Option<f64>,
    /// Openings of the last time: when, and how far.
    openings: VecDeque<(f64, f32)>,
    /// Since when they are closing.
    closing_s: Option<f64>,
}

/// What was seen between two measurements of the eyes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EyesSeen {
    /// Seconds between the two.
    pub seconds: f64,
    /// Whether a blink ended.
    pub blinked: bool,
}

impl EyeWatch {
    /// Takes the mean opening of both eyes (heights in widths) at `time_s` seconds. `None` where a blink could not have been
    /// seen since the last time: with fewer than ten measurements a second, and before it is known what is usual for this person.
    pub fn see(&mut self, opening: f32, time_s: f64) -> Option<EyesSeen> {
        let gap_s = self.last_s.replace(time_s).map(|last_s| time_s - last_s);
        let Some(gap_s) = gap_s.filter(|gap_s| *gap_s > 0.0 && *gap_s <= GAP_S) else {
            self.closing_s = None;
            self.openings.clear();
            return None;
        };
        let usual = self.usual();
        self.openings.push_back((time_s, opening));
        while self.openings.front().is_some_and(|(at, _)| time_s - at > USUAL_OVER_S) {
            self.openings.pop_front();
        }
        let usual = usual?;
        let mut blinked = false;
        match self.closing_s {
            None if opening < usual * DIP.0 => self.closing_s = Some(time_s),
            Some(since_s) if opening > usual * DIP.1 => {
                self.closing_s = None;
                blinked = (LASTS_S.0..=LASTS_S.1).contains(&(time_s - since_s));
            }
            _ => {}
        }
        Some(EyesSeen { seconds: gap_s, blinked })
    }

    /// The median opening of the last time.
    fn usual(&self) -> Option<f32> {
        let (first, last) = (self.openings.front()?.0, self.openings.back()?.0);
        if last - first < USUAL_OVER_S / 2.0 {
            return None;
        }
        let mut openings: Vec<f32> = self.openings.iter().map(|(_, opening)| *opening).collect();
        let middle = openings.len() / 2;
        Some(*openings.select_nth_unstable_by(middle, f32::total_cmp).1)
    }
}

impl BlinkWatch {
    /// Takes a person's measurements of the frame at `time_s` seconds, and gives their blinks a minute over the last
    /// minute. `None` while their eyes were watched for less than 20 s of it: with fewer than ten frames a second, or
    /// turned away by more than 30 degrees, nothing is watched.
    pub fn update(&mut self, id: u64, measured: &Measurements, time_s: f64) -> Option<f32> {
        if !time_s.is_finite() {
            return None;
        }
        if time_s < self.last_s {
            self.people.clear();
        }
        self.last_s = time_s;
        self.people.retain(|_, eyes| eyes.watch.last_s.is_none_or(|last_s| time_s - last_s < FORGET_S));
        let eyes = self.people.entry(id).or_default();
        if measured.pose.away() <= EYES_SEEN_WITHIN {
            eyes.watch((measured.eyes[0] + measured.eyes[1]) / 2.0, time_s);
        }
        eyes.rate(time_s)
    }
}

impl Eyes {
    fn watch(&mut self, opening: f32, time_s: f64) {
        let Some(seen) = self.watch.see(opening, time_s) else { return };
        let (second, blinks) = (time_s.floor() as i64, u32::from(seen.blinked));
        match self.seconds.back_mut() {
            Some((last, watched_s, count)) if *last == second => {
                *watched_s += seen.seconds;
                *count += blinks;
            }
            _ => self.seconds.push_back((second, seen.seconds, blinks)),
        }
    }

    fn rate(&mut self, time_s: f64) -> Option<f32> {
        while self.seconds.front().is_some_and(|(second, ..)| time_s - *second as f64 > RATE_OVER_S) {
            self.seconds.pop_front();
        }
        let watched_s: f64 = self.seconds.iter().map(|(_, watched_s, _)| watched_s).sum();
        let blinks: u32 = self.seconds.iter().map(|(.., blinks)| blinks).sum();
        (watched_s >= LEAST_S).then(|| (f64::from(blinks) * 60.0 / watched_s) as f32)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::HeadPose;
    use super::*;

    fn measured(opening: f32, yaw: f32) -> Measurements {
        let pose = HeadPose { yaw, pitch: 0.0, roll: 0.0 };
        Measurements { pose, eyes: [opening; 2], mouth: 0.0, blinks_per_min: None }
    }

    /// The rate after `seconds`, with a dip of `lasts_s` to `low` every `every_s`.
    fn rate(fps: f64, seconds: f64, every_s: f64, lasts_s: f64, (open, low): (f32, f32)) -> Option<f32> {
        let mut watch = BlinkWatch::default();
        let mut rate = None;
        for i in 0..(seconds * fps) as u32 {
            let time_s = f64::from(i) / fps;
            let in_blink = time_s % every_s > every_s / 2.0 && time_s % every_s < every_s / 2.0 + lasts_s;
            // The lids come down and up again.
            let noise = if i % 2 == 0 { 0.005 } else { -0.005 };
            rate = watch.update(1, &measured(if in_blink { low } else { open } + noise, 5.0), time_s);
        }
        rate
    }

    #[test]
    fn blinks_are_counted_for_wide_and_narrow_eyes_at_several_frame_rates() {
        for fps in [10.0, 15.0, 30.0, 60.0] {
            for eyes in [(0.4, 0.15), (0.22, 0.12)] {
                let rate = rate(fps, 70.0, 4.0, 0.25, eyes).unwrap();
                assert!((rate - 15.0).abs() < 1.6, "{fps} {eyes:?}: {rate}");
            }
        }
    }

    #[test]
    fn closed_eyes_and_small_changes_are_no_blinks() {
        assert_eq!(rate(30.0, 40.0, 10.0, 1.5, (0.3, 0.1)), Some(0.0));
        assert_eq!(rate(30.0, 40.0, 4.0, 0.25, (0.3, 0.26)), Some(0.0));
    }

    #[test]
    fn there_is_no_rate_without_enough_frames_time_or_sight() {
        assert_eq!(rate(30.0, 15.0, 4.0, 0.25, (0.3, 0.1)), None);
        assert_eq!(rate(5.0, 60.0, 4.0, 0.25, (0.3, 0.1)), None);
        let mut watch = BlinkWatch::default();
        for i in 0..1800 {
            assert_eq!(watch.update(1, &measured(0.3, 50.0), f64::from(i) / 30.0), None);
        }
        assert_eq!(watch.update(1, &measured(0.3, 0.0), f64::NAN), None);
        // Pictures have no times.
        let mut watch = BlinkWatch::default();
        for _ in 0..1000 {
            assert_eq!(watch.update(1, &measured(0.3, 0.0), 0.0), None);
        }
        assert!(watch.people[&1].watch.openings.is_empty());
    }

    #[test]
    fn people_are_counted_apart_and_a_new_start_forgets_them() {
        let mut watch = BlinkWatch::default();
        let (mut blinking, mut still) = (None, None);
        for i in 0..1200 {
            let time_s = f64::from(i) / 30.0;
            let opening = if i % 90 > 83 { 0.1 } else { 0.3 };
            blinking = watch.update(1, &measured(opening, 0.0), time_s);
            still = watch.update(2, &measured(0.3, 0.0), time_s);
        }
        assert!(blinking.unwrap() > 15.0, "{blinking:?}");
        assert_eq!(still, Some(0.0));
        assert_eq!(watch.update(1, &measured(0.3, 0.0), 0.0), None);
        assert_eq!(watch.people.len(), 1);
    }
}
