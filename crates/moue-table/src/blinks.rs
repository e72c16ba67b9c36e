//! Counts blinks from the openings of the eyes, by the same rule as the program's own rate of blinks.

use std::collections::VecDeque;

/// The usual opening is the median of this time, in seconds, and needs half of it.
const USUAL_OVER_S: f64 = 4.0;
/// Below the first share of the usual opening the eyes are closing, above the second they are open again. These and the
/// times are those of `moue_detect::geometry::BlinkWatch`; `docs/faces.md` says where they come from.
const DIP: (f32, f32) = (0.78, 0.88);
/// A blink lasts so long, in seconds; what lasts longer is closed eyes.
const LASTS_S: (f64, f64) = (0.03, 0.6);
/// Rows must not be farther apart, in seconds, or a blink falls between them.
const GAP_S: f64 = 0.105;

/// One face's eyes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blinks {
    last_s: Option<f64>,
    /// Openings of the last time: when, and how far.
    openings: VecDeque<(f64, f32)>,
    closing_since_s: Option<f64>,
}

impl Blinks {
    /// Seconds since the row before.
    pub(crate) fn gap_s(&self, time_s: f64) -> f64 {
        self.last_s.map_or(0.0, |last_s| time_s - last_s)
    }

    /// Takes a row: the mean opening of both eyes. Whether a blink would have been seen since the row before, and whether one ended
    /// with it.
    pub(crate) fn update(&mut self, time_s: f64, opening: f32) -> (bool, bool) {
        let gap_s = self.last_s.replace(time_s).map(|last_s| time_s - last_s);
        if gap_s.is_none_or(|gap_s| gap_s <= 0.0 || gap_s > GAP_S) {
            self.closing_since_s = None;
            self.openings.clear();
            return (false, false);
        }
        let usual = self.usual();
        self.openings.push_back((time_s, opening));
        while self.openings.front().is_some_and(|(at_s, _)| time_s - at_s > USUAL_OVER_S) {
            self.openings.pop_front();
        }
        let Some(usual) = usual else { return (false, false) };
        match self.closing_since_s {
            None if opening < usual * DIP.0 => self.closing_since_s = Some(time_s),
            Some(since_s) if opening > usual * DIP.1 => {
                self.closing_since_s = None;
                return (true, (LASTS_S.0..=LASTS_S.1).contains(&(time_s - since_s)));
            }
            _ => {}
        }
        (true, false)
    }

    /// The median opening of the last time; `None` until it is known what is usual for this person.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_dips_are_blinks_and_long_ones_are_closed_eyes() {
        // Thirty rows a second: closed for 0.2 s at 4 s, for 2 s at 6 s, and for 0.1 s at 11 s.
        let closed =
            |t: f64| [(4.0, 4.2), (6.0, 8.0), (11.0, 11.1)].iter().any(|(a, b)| (*a..*b).contains(&t));
        let count = |every: usize| {
            let mut blinks = Blinks::default();
            let times = (0..390).step_by(every).map(|i| i as f64 / 30.0);
            times.filter(|t| blinks.update(*t, if closed(*t) { 0.08 } else { 0.3 }).1).count()
        };
        assert_eq!((count(1), count(2)), (2, 2));
        // At six rows a second nobody can count them.
        assert_eq!(count(5), 0);
        // In the first two seconds it is not known what is usual.
        let mut blinks = Blinks::default();
        let seen = (0..60)
            .filter(|i| blinks.update(f64::from(*i) / 30.0, if (20..24).contains(i) { 0.1 } else { 0.3 }).1);
        assert_eq!(seen.count(), 0);
    }
}
