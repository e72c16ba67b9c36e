//! Gives each face an identity that lasts from frame to frame.
//!
//! Tracks move on with constant velocity; detections are assigned to them so that the sum of distances is
//! least (Kuhn-Munkres, as in Bewley et al., "Simple Online and Realtime Tracking", 2016). The distance joins
//! overlap and centre distance, so that fast faces, whose boxes do not overlap, keep their identity too.

use pathfinding::kuhn_munkres::kuhn_munkres_min;
use pathfinding::matrix::Matrix;

use super::{Detection, FaceBox};

/// A track that was not found for longer is forgotten, in seconds: hands before a face take about that long.
const FORGET_AFTER_S: f64 = 1.5;
/// Time constant of the velocity estimate, in seconds.
const VELOCITY_TIME_S: f64 = 0.25;
/// Longest time over which a lost face is taken to move on, in seconds: its last motion may have been a turn of
/// the head. Behind another face it goes on until it comes out.
const COAST_S: f64 = 0.4;
/// Behind another face a track is kept for so long, in seconds.
const HIDDEN_S: f64 = 6.0;
/// Faces that overlap by more (intersection over union) hide each other.
const HIDES: f32 = 0.05;
/// Largest distance of centres that can be one face, in box widths.
const REACH: f32 = 1.0;
/// Sizes that can be one face differ by less than this factor.
const SIZE_RATIO: f32 = 1.8;
/// What a second of absence adds to a track's cost, in thousandths.
const AWAY_COST: f64 = 200.0;
/// Cost of leaving a track or a detection alone; higher than any possible pair.
const UNMATCHED: i64 = 1_000_000;

/// A detection with an identity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackedFace {
    /// From 1, never used again within one tracker.
    pub id: u64,
    /// The detection as it was found.
    pub detection: Detection,
}

#[derive(Debug, Clone)]
struct Track {
    id: u64,
    face: FaceBox,
    seen_s: f64,
    /// When it was last seen, or hidden by another face.
    known_s: f64,
    /// Pixels a second.
    velocity: (f32, f32),
}

/// Follows all faces of one source.
#[derive(Debug, Default)]
pub struct Tracker {
    tracks: Vec<Track>,
    last_id: u64,
    /// Time of the last frame.
    last_s: f64,
}

impl Tracker {
    /// A tracker that knows no face yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the known faces should be at `time_s`, those that were lost a short while ago too: the place, and
    /// whether the last frame showed it. Identities in ascending order.
    #[must_use]
    pub fn expected(&self, time_s: f64) -> Vec<(FaceBox, bool)> {
        let kept = self.tracks.iter().filter(|t| t.is_kept(time_s));
        kept.map(|t| (t.predicted(time_s), t.seen_s >= self.last_s)).collect()
    }

    /// Gives each detection of a frame at `time_s` its identity, in the order of `detections`. A time before
    /// that of the last frame means that the source started again: nothing is remembered then.
    pub fn update(&mut self, detections: &[Detection], time_s: f64) -> Vec<TrackedFace> {
        self.tracks.retain(|t| t.is_kept(time_s));
        self.last_s = time_s;
        let assigned = self.assign(detections, time_s);
        let faces: Vec<TrackedFace> = detections
            .iter()
            .zip(assigned)
            .map(|(&detection, track)| {
                let id = match track {
                    Some(index) => {
                        self.tracks[index].follow(detection.face, time_s);
                        self.tracks[index].id
                    }
                    None => {
                        self.last_id += 1;
                        self.tracks.push(Track {
                            id: self.last_id,
                            face: detection.face,
                            seen_s: time_s,
                            known_s: time_s,
                            velocity: (0.0, 0.0),
                        });
                        self.last_id
                    }
                };
                TrackedFace { id, detection }
            })
            .collect();
        for track in self.tracks.iter_mut().filter(|t| t.seen_s < time_s) {
            let place = track.predicted(time_s);
            if detections.iter().any(|d| d.face.overlap(&place) > HIDES) {
                track.known_s = time_s;
            }
        }
        faces
    }

    /// The track of each detection.
    fn assign(&self, detections: &[Detection], time_s: f64) -> Vec<Option<usize>> {
        let (rows, tracks) = (detections.len(), self.tracks.len());
        if rows == 0 || tracks == 0 {
            return vec![None; rows];
        }
        // Every detection may stay alone: as many extra columns as detections.
        let mut costs = Matrix::new(rows, tracks + rows, UNMATCHED);
        for (r, detection) in detections.iter().enumerate() {
            for (t, track) in self.tracks.iter().enumerate() {
                if let Some(cost) = pair_cost(&track.predicted(time_s), &detection.face) {
                    // A track costs more the longer its face was not seen. Of two people one behind the other, the
                    // detection then goes to the one who was visible last, and the hidden one keeps the id.
                    let away_s = (time_s - track.seen_s).min(FORGET_AFTER_S);
                    costs[(r, t)] = cost + (away_s * AWAY_COST) as i64;
                }
            }
        }
        let (_, columns) = kuhn_munkres_min(&costs);
        columns
            .into_iter()
            .enumerate()
            .map(|(r, c)| (c < tracks && costs[(r, c)] < UNMATCHED).then_some(c))
            .collect()
    }
}

impl Track {
    /// Whether the face may still come back. A time before the last one belongs to another start.
    fn is_kept(&self, time_s: f64) -> bool {
        time_s >= self.known_s
            && time_s - self.known_s <= FORGET_AFTER_S
            && time_s - self.seen_s <= FORGET_AFTER_S + HIDDEN_S
    }

    fn predicted(&self, time_s: f64) -> FaceBox {
        let dt = (time_s - self.seen_s).min(self.known_s - self.seen_s + COAST_S) as f32;
        FaceBox { x: self.face.x + self.velocity.0 * dt, y: self.face.y + self.velocity.1 * dt, ..self.face }
    }

    fn follow(&mut self, face: FaceBox, time_s: f64) {
        let dt = time_s - self.seen_s;
        if dt > 0.0 {
            // A first-order low-pass by elapsed time, whatever the frame rate.
            let share = (1.0 - (-dt / VELOCITY_TIME_S).exp()) as f32;
            let (from, to) = (centre(&self.face), centre(&face));
            let measured = ((to.0 - from.0) / dt as f32, (to.1 - from.1) / dt as f32);
            self.velocity.0 += (measured.0 - self.velocity.0) * share;
            self.velocity.1 += (measured.1 - self.velocity.1) * share;
        }
        self.face = face;
        self.seen_s = time_s;
        self.known_s = time_s;
    }
}

fn centre(face: &FaceBox) -> (f32, f32) {
    (face.x + face.width / 2.0, face.y + face.height / 2.0)
}

/// Thousandths of the distance, `None` where the two cannot be one face.
fn pair_cost(a: &FaceBox, b: &FaceBox) -> Option<i64> {
    let (small, large) = (a.width.min(b.width), a.width.max(b.width));
    if small <= 0.0 || large > small * SIZE_RATIO {
        return None;
    }
    let ((ax, ay), (bx, by)) = (centre(a), centre(b));
    let distance = (ax - bx).hypot(ay - by) / large;
    if distance.is_nan() || distance > REACH {
        return None;
    }
    let cost = distance + (1.0 - a.overlap(b)) + 0.5 * (large / small - 1.0);
    Some((cost * 1000.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(x: f32, y: f32) -> Detection {
        Detection { face: FaceBox { x, y, width: 100.0, height: 100.0 }, score: 5.0 }
    }

    fn ids(faces: &[TrackedFace]) -> Vec<u64> {
        faces.iter().map(|f| f.id).collect()
    }

    #[test]
    fn a_face_keeps_its_identity_through_motion_and_short_losses() {
        let mut tracker = Tracker::new();
        for i in 0..60 {
            let t = f64::from(i) / 30.0;
            let missed = (20..40).contains(&i) || i % 7 == 3;
            let found = if missed { vec![] } else { vec![at(i as f32 * 2.0, 50.0)] };
            for id in ids(&tracker.update(&found, t)) {
                assert_eq!(id, 1);
            }
        }
    }

    #[test]
    fn two_faces_that_cross_keep_their_identities() {
        let mut tracker = Tracker::new();
        for i in 0..=80 {
            let way = i as f32 * 8.0;
            // They pass each other at different heights, 40 pixels apart.
            let found = [at(way, 100.0), at(640.0 - way, 140.0)];
            let faces = tracker.update(&found, f64::from(i) / 30.0);
            assert_eq!(ids(&faces), [1, 2], "at step {i}");
        }
        let mut three = tracker.update(&[at(640.0, 100.0), at(0.0, 140.0), at(300.0, 300.0)], 81.0 / 30.0);
        three.sort_by_key(|f| f.id);
        assert_eq!(ids(&three), [1, 2, 3]);
        assert!((three[2].detection.face.x - 300.0).abs() < 1e-3);
    }

    #[test]
    fn a_face_that_walks_slowly_behind_another_is_the_same_afterwards() {
        let mut tracker = Tracker::new();
        for i in 0..=300 {
            let t = f64::from(i) / 30.0;
            let way = i as f32 * 1.5;
            // The first stands, the second is not seen while more than a third of it is covered.
            let mut found = vec![at(225.0, 100.0)];
            if (way - 225.0).abs() > 65.0 {
                found.push(at(way, 104.0));
            }
            let expected = &[1, 2][..found.len()];
            assert_eq!(ids(&tracker.update(&found, t)), expected, "at step {i}");
        }
    }

    #[test]
    fn the_order_of_detections_does_not_matter() {
        let mut tracker = Tracker::new();
        tracker.update(&[at(0.0, 0.0), at(300.0, 0.0)], 0.0);
        assert_eq!(ids(&tracker.update(&[at(305.0, 0.0), at(5.0, 0.0)], 0.1)), [2, 1]);
    }

    #[test]
    fn long_losses_and_new_starts_give_new_identities() {
        let mut tracker = Tracker::new();
        assert_eq!(ids(&tracker.update(&[at(0.0, 0.0)], 10.0)), [1]);
        assert_eq!(ids(&tracker.update(&[at(0.0, 0.0)], 12.0)), [2]);
        assert_eq!(ids(&tracker.update(&[at(0.0, 0.0)], 0.0)), [3]);
    }

    proptest! {
        #[test]
        fn every_detection_gets_one_identity_of_its_own(
            frames in prop::collection::vec(
                prop::collection::vec((-50.0f32..700.0, -50.0f32..500.0, 0.0f32..300.0), 0..7), 1..12),
        ) {
            let mut tracker = Tracker::new();
            for (i, frame) in frames.iter().enumerate() {
                let found: Vec<Detection> = frame.iter().map(|&(x, y, w)| Detection {
                    face: FaceBox { x, y, width: w, height: w }, score: 3.0,
                }).collect();
                let faces = tracker.update(&found, i as f64 * 0.04);
                prop_assert_eq!(faces.len(), found.len());
                let mut seen = ids(&faces);
                seen.sort_unstable();
                seen.dedup();
                prop_assert_eq!(seen.len(), found.len());
                for (face, detection) in faces.iter().zip(&found) {
                    prop_assert_eq!(face.detection, *detection);
                }
            }
        }
    }
}
