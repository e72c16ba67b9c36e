//! How a recording is divided.

use crate::events::Event;

/// How a recording is divided into intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Split {
    /// From marker to marker; before the first there is one without a name. Without markers, the whole is one.
    Markers,
    /// Into pieces of so many seconds, from 0 on.
    Bins(f64),
    /// The whole is one.
    Whole,
}

/// A piece of a recording, from `from_s` up to but without `to_s`.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// Counts from 0.
    pub number: usize,
    /// The marker that it begins with: name and value.
    pub marker: Option<(String, String)>,
    /// Begin, in seconds.
    pub from_s: f64,
    /// End, in seconds; infinite for the last one between markers, which ends with the last row.
    pub to_s: f64,
}

/// All pieces of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Intervals {
    /// Begins, ascending; for bins none.
    starts: Vec<f64>,
    markers: Vec<Option<(String, String)>>,
    bin_s: Option<f64>,
}

impl Intervals {
    /// Divides a recording with these markers.
    #[must_use]
    pub fn new(split: Split, events: &[Event]) -> Self {
        let whole = Self { starts: vec![0.0], markers: vec![None], bin_s: None };
        match split {
            Split::Whole => whole,
            Split::Bins(bin_s) => Self { bin_s: Some(bin_s), starts: Vec::new(), markers: Vec::new() },
            Split::Markers => {
                let mut all = whole;
                for event in events {
                    let marker = Some((event.name.clone(), event.value.clone()));
                    // At the very start nothing is before it.
                    if all.starts == [0.0] && event.time_s <= 0.0 {
                        all.markers[0] = marker;
                    } else {
                        all.starts.push(event.time_s);
                        all.markers.push(marker);
                    }
                }
                all
            }
        }
    }

    /// The piece in which a time lies.
    #[must_use]
    pub fn at(&self, time_s: f64) -> usize {
        match self.bin_s {
            Some(bin_s) => (time_s / bin_s).max(0.0) as usize,
            None => self.starts.partition_point(|start| *start <= time_s).saturating_sub(1),
        }
    }

    /// A piece by its number.
    #[must_use]
    pub fn get(&self, number: usize) -> Interval {
        match self.bin_s {
            Some(bin_s) => Interval {
                number,
                marker: None,
                from_s: number as f64 * bin_s,
                to_s: (number + 1) as f64 * bin_s,
            },
            None => Interval {
                number,
                marker: self.markers.get(number).cloned().flatten(),
                from_s: self.starts.get(number).copied().unwrap_or(0.0),
                to_s: self.starts.get(number + 1).copied().unwrap_or(f64::INFINITY),
            },
        }
    }

    /// The first piece that begins with a marker of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<usize> {
        self.markers.iter().position(|m| m.as_ref().is_some_and(|(n, _)| n == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time_s: f64, name: &str) -> Event {
        Event { time_s, monotonic_ns: None, name: name.into(), value: String::new() }
    }

    #[test]
    fn intervals_lie_between_markers_or_have_one_length() {
        let between = Intervals::new(Split::Markers, &[event(2.0, "a"), event(5.0, "b")]);
        let at: Vec<usize> = [0.0, 1.99, 2.0, 4.9, 5.0, 900.0].iter().map(|t| between.at(*t)).collect();
        assert_eq!(at, [0, 0, 1, 1, 2, 2]);
        assert_eq!((between.get(1).from_s, between.get(1).to_s), (2.0, 5.0));
        assert_eq!((between.get(0).marker, between.get(2).to_s), (None, f64::INFINITY));
        assert_eq!((between.named("b"), between.named("c")), (Some(2), None));
        let from_start = Intervals::new(Split::Markers, &[event(0.0, "a"), event(5.0, "b")]);
        assert_eq!((from_start.at(0.0), from_start.get(0).marker.unwrap().0.as_str()), (0, "a"));
        let bins = Intervals::new(Split::Bins(0.5), &[]);
        assert_eq!((bins.at(0.49), bins.at(0.5), bins.get(3).from_s, bins.get(3).to_s), (0, 1, 1.5, 2.0));
        assert_eq!(Intervals::new(Split::Whole, &[event(3.0, "a")]).at(7.0), 0);
    }
}
