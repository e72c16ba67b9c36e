//! Counts blinks from how far the eyes are closed.

/// Eyes that are closed so far are in a blink,
const CLOSED: f32 = 0.5;
/// and open again below this.
const OPEN: f32 = 0.35;
/// A blink lasts so long, in seconds; what lasts longer is closed eyes.
const LASTS_S: (f64, f64) = (0.03, 0.6);
/// Rows must not be farther apart, in seconds, or a blink falls between them.
const GAP_S: f64 = 0.105;

/// One face's eyes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Blinks {
    last_s: Option<f64>,
    closed_since_s: Option<f64>,
}

impl Blinks {
    /// Seconds since the row before.
    pub(crate) fn gap_s(&self, time_s: f64) -> f64 {
        self.last_s.map_or(0.0, |last_s| time_s - last_s)
    }

    /// Takes a row. Whether it was watched, and whether a blink ended with it.
    pub(crate) fn update(&mut self, time_s: f64, closed: f32) -> (bool, bool) {
        let gap_s = self.last_s.replace(time_s).map(|last_s| time_s - last_s);
        if gap_s.is_none_or(|gap_s| gap_s <= 0.0 || gap_s > GAP_S) {
            self.closed_since_s = None;
            return (false, false);
        }
        match self.closed_since_s {
            None if closed > CLOSED => self.closed_since_s = Some(time_s),
            Some(since_s) if closed < OPEN => {
                self.closed_since_s = None;
                return (true, (LASTS_S.0..=LASTS_S.1).contains(&(time_s - since_s)));
            }
            _ => {}
        }
        (true, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_closures_are_blinks_and_long_ones_are_closed_eyes() {
        // Thirty rows a second: closed for 0.2 s at 1 s, for 2 s at 3 s, and for 0.1 s at 7 s.
        let closed = |t: f64| [(1.0, 1.2), (3.0, 5.0), (7.0, 7.1)].iter().any(|(a, b)| (*a..*b).contains(&t));
        let count = |every: usize| {
            let mut blinks = Blinks::default();
            let times = (0..270).step_by(every).map(|i| i as f64 / 30.0);
            times.filter(|t| blinks.update(*t, if closed(*t) { 0.9 } else { 0.1 }).1).count()
        };
        assert_eq!((count(1), count(2)), (2, 2));
        // At six rows a second nobody can count them.
        assert_eq!(count(5), 0);
    }
}
