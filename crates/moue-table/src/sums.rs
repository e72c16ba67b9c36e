//! What is summed up of one face in one interval.

use crate::bootstrap::Block;
use crate::names::{EXPRESSIONS, LABELS, REASONS};
use crate::rows::Reading;

/// Means that are bootstrapped: the expressions and the labels' shares.
pub(crate) const MEANS: usize = EXPRESSIONS.len() + LABELS.len();

/// Sums over the time of a face's readings in an interval.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sums {
    /// Rows, and those among them that are trusted.
    pub(crate) rows: u64,
    pub(crate) trusted_rows: u64,
    /// Seconds with a reading that is used, in blocks of the interval's time: expressions, then labels.
    pub(crate) blocks: Vec<Block<MEANS>>,
    /// The same over rows, for pictures, whose rows take no time.
    by_rows: Block<MEANS>,
    /// Seconds with a trusted reading, and with one that is not by what most speaks against it.
    pub(crate) trusted_s: f64,
    pub(crate) untrusted_s: [f64; REASONS.len()],
    /// Highest value of each expression, and when it was first.
    pub(crate) peaks: [Option<(f64, f64)>; EXPRESSIONS.len()],
    pub(crate) blinks: u64,
    /// Seconds in which blinks would have been seen.
    pub(crate) watched_s: f64,
    /// Times of its first and last row.
    pub(crate) span_s: (f64, f64),
    /// The first row's time on the monotonic clock.
    pub(crate) monotonic_ns: Option<u64>,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            rows: 0,
            trusted_rows: 0,
            blocks: Vec::new(),
            by_rows: Block::default(),
            trusted_s: 0.0,
            untrusted_s: [0.0; REASONS.len()],
            peaks: [None; EXPRESSIONS.len()],
            blinks: 0,
            watched_s: 0.0,
            span_s: (f64::INFINITY, f64::NEG_INFINITY),
            monotonic_ns: None,
        }
    }
}

impl Sums {
    /// Takes a row that lies in the interval. `values`: its probabilities that are summed up; `used`: it counts.
    pub(crate) fn add_row(&mut self, row: &Reading, values: &[f32; 7], used: bool) {
        self.rows += 1;
        self.span_s = (self.span_s.0.min(row.time_s), self.span_s.1.max(row.time_s));
        if self.rows == 1 {
            self.monotonic_ns = row.monotonic_ns;
        }
        self.trusted_rows += u64::from(row.reason.is_none());
        if !used {
            return;
        }
        add(&mut self.by_rows, values, row.label, 1.0);
        for (peak, value) in self.peaks.iter_mut().zip(values) {
            let value = f64::from(*value);
            if peak.is_none_or(|(highest, _)| value > highest) {
                *peak = Some((value, row.time_s));
            }
        }
    }

    /// Takes the part from `from_s` to `to_s` of the time for which a row stands; both lie in the interval. `block`: the number of the
    /// block there.
    pub(crate) fn add_time(
        &mut self,
        row: &Reading,
        values: &[f32; 7],
        used: bool,
        seconds: f64,
        block: usize,
    ) {
        match row.reason {
            None => self.trusted_s += seconds,
            Some(reason) => self.untrusted_s[usize::from(reason)] += seconds,
        }
        if !used {
            return;
        }
        if self.blocks.len() <= block {
            self.blocks.resize(block + 1, Block::default());
        }
        add(&mut self.blocks[block], values, row.label, seconds);
    }

    /// Seconds that are in the means.
    pub(crate) fn used_s(&self) -> f64 {
        self.blocks.iter().map(|b| b.weight).sum()
    }

    /// Mean of each expression and share of each label; `None` where no reading counts. Over time, or over rows where these take none.
    pub(crate) fn means(&self) -> Option<[f64; MEANS]> {
        let weight = self.used_s();
        if weight > 0.0 {
            let mut all = [0.0; MEANS];
            for block in &self.blocks {
                for (sum, more) in all.iter_mut().zip(block.sums) {
                    *sum += more;
                }
            }
            return Some(all.map(|sum| sum / weight));
        }
        (self.by_rows.weight > 0.0).then(|| self.by_rows.sums.map(|sum| sum / self.by_rows.weight))
    }
}

fn add(block: &mut Block<MEANS>, values: &[f32; 7], label: u8, weight: f64) {
    block.weight += weight;
    for (sum, value) in block.sums.iter_mut().zip(values) {
        *sum += f64::from(*value) * weight;
    }
    block.sums[EXPRESSIONS.len() + usize::from(label)] += weight;
}
