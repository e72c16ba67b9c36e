//! Whether the face that a profile reads is the one that it was taught with, over time.

use moue_profile::FaceFeatures;

use super::PersonalReader;

/// Proportions are averaged over this time, in seconds: one frame tells little.
const OVER_S: f64 = 3.0;
/// Nothing is said of a face that was seen for less, in seconds.
const LEAST_S: f64 = 2.0;
/// After this time without the face, in seconds, its average begins anew.
const FORGET_S: f64 = 1.0;
/// Somebody else is there beyond the limit, and no more below this share of it.
const UNTIL: f32 = 0.9;

/// Watches one face.
#[derive(Debug, Default)]
pub(super) struct OwnerWatch {
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    id: u64,
    since_s: f64,
    at_s: f64,
    mean: Vec<f32>,
    is_other: bool,
}

impl OwnerWatch {
    /// Whether somebody else seems to be there at `time_s`. Frames whose proportions are not known change nothing.
    pub(super) fn follow(
        &mut self,
        id: u64,
        time_s: f64,
        features: &FaceFeatures,
        reader: &PersonalReader,
    ) -> bool {
        let is_known = |seen: &Seen| seen.id == id && (0.0..FORGET_S).contains(&(time_s - seen.at_s));
        let known = self.seen.take().filter(is_known);
        let Some(now) = &features.proportions else {
            // A face that looks away for long is found again as a new one.
            self.seen = known;
            return self.seen.as_ref().is_some_and(|seen| seen.is_other);
        };
        let mut seen = match known {
            Some(mut seen) if seen.mean.len() == now.len() => {
                let passed_s = time_s - seen.at_s;
                // A plain mean at first, so that the first frame does not count most.
                let share = (passed_s / (time_s - seen.since_s).clamp(1e-3, OVER_S)).clamp(0.0, 1.0) as f32;
                seen.mean.iter_mut().zip(now).for_each(|(mean, now)| *mean += share * (now - *mean));
                seen.at_s = time_s;
                seen
            }
            _ => Seen { id, since_s: time_s, at_s: time_s, mean: now.clone(), is_other: false },
        };
        let unlike = reader.unlike_owner(&seen.mean).filter(|_| seen.at_s - seen.since_s >= LEAST_S);
        seen.is_other = unlike.is_some_and(|unlike| unlike > if seen.is_other { UNTIL } else { 1.0 });
        let is_other = seen.is_other;
        self.seen = Some(seen);
        is_other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_profile::{Example, TeachOptions, learn};

    fn features(value: f32) -> FaceFeatures {
        FaceFeatures {
            pooled: vec![value, 1.0],
            logits: vec![0.0; 7],
            shape: None,
            proportions: Some(vec![value; 8]),
        }
    }

    fn reader() -> PersonalReader {
        let names = ["neutral", "happy"].map(String::from);
        let example = |i: usize| Example { class: i % 2, take: i / 2, features: features(0.1 * i as f32) };
        let examples: Vec<Example> = (0..4).map(example).collect();
        let options = TeachOptions { network_classes: vec![None; 2], ..Default::default() };
        PersonalReader::new(learn(&names, &examples, &options).unwrap().profile)
    }

    /// What is said at the end of so many seconds of one face.
    fn after(watch: &mut OwnerWatch, id: u64, from_s: f64, seconds: f64, value: impl Fn(f64) -> f32) -> bool {
        let frames = (seconds * 20.0) as u32;
        let mut said = false;
        for frame in 0..=frames {
            let passed_s = f64::from(frame) / 20.0;
            said = watch.follow(id, from_s + passed_s, &features(value(passed_s)), &reader());
        }
        said
    }

    #[test]
    fn another_face_is_told_after_two_seconds_and_the_own_one_never() {
        let mut watch = OwnerWatch::default();
        assert!(!after(&mut watch, 1, 0.0, 5.0, |_| 0.3));
        assert!(!after(&mut watch, 2, 6.0, 1.8, |_| 3.0), "too early to say");
        assert!(after(&mut watch, 2, 7.8, 0.4, |_| 3.0));
        // Not known for a moment: what was said stays, and one bad frame changes nothing.
        let unknown = FaceFeatures { proportions: None, ..features(3.0) };
        assert!(watch.follow(2, 8.3, &unknown, &reader()));
        assert!(!watch.follow(3, 8.4, &features(0.2), &reader()), "another number is another face");
        let mut watch = OwnerWatch::default();
        let flicker = |at_s: f64| if (at_s * 20.0) as u32 % 20 == 7 { 9.0 } else { 0.2 };
        assert!(!after(&mut watch, 1, 0.0, 6.0, flicker));
    }
}
