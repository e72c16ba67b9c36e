//! Which places are hidden in which frame of a video.
//!
//! A detector finds a face late and loses it early: at the edge of the frame, turned away, in motion. So frames wait for
//! half a second, and what is found then is hidden in them too, back along its way; and what was lost stays hidden for a
//! second where it was last.

use std::collections::{BTreeSet, VecDeque};

use moue_detect::FaceBox;

use super::picture::AnnotatedFrame;

/// Frames wait so long for faces that are found later, in seconds.
const LOOK_BACK_S: f64 = 0.5;
/// A face that is not found stays hidden at its last place for so long, in seconds.
const KEEP_HIDDEN_S: f64 = 1.0;
/// So long a face is taken to move on as it did, in seconds.
const MOVES_ON_S: f64 = 0.5;
/// It moves at most so far meanwhile, in widths of its box.
const MOST_WAY: f32 = 4.0;
/// Waiting frames take at most so many bytes, so that large frames wait for a shorter time.
const MOST_BYTES: usize = 96 << 20;

/// A frame, its time in seconds, and what is hidden in it.
pub(super) type Hidden = (AnnotatedFrame, f64, Vec<FaceBox>);

/// The last frames, and the faces that were seen in them and before.
#[derive(Default)]
pub(super) struct HidingQueue {
    waiting: VecDeque<(AnnotatedFrame, f64)>,
    bytes: usize,
    /// Where each face was seen, in the order of time; as long as it matters.
    seen: VecDeque<Seen>,
}

#[derive(Clone, Copy)]
struct Seen {
    id: u64,
    face: FaceBox,
    time_s: f64,
}

impl HidingQueue {
    /// Takes a frame that was searched as a whole. The frames that have waited long enough, oldest first.
    pub(super) fn push(&mut self, frame: AnnotatedFrame, time_s: f64) -> Vec<Hidden> {
        // The source started again or was moved back: what follows has nothing to do with what was.
        let mut due = if self.waiting.back().is_some_and(|(_, last)| time_s < *last) {
            self.finish()
        } else {
            Vec::new()
        };
        self.seen.extend(frame.faces.iter().map(|f| Seen { id: f.id, face: f.face, time_s }));
        self.bytes += frame.image.as_raw().len();
        self.waiting.push_back((frame, time_s));
        while self.waiting.len() > 1
            && (self.bytes > MOST_BYTES
                || self.waiting.front().is_some_and(|(_, first)| time_s - first > LOOK_BACK_S))
        {
            due.extend(self.pop());
        }
        due
    }

    /// All frames that wait; nothing more comes, or nothing that belongs to them.
    pub(super) fn finish(&mut self) -> Vec<Hidden> {
        let mut due = Vec::new();
        while let Some(frame) = self.pop() {
            due.push(frame);
        }
        self.seen.clear();
        due
    }

    fn pop(&mut self) -> Option<Hidden> {
        let (frame, time_s) = self.waiting.pop_front()?;
        self.bytes -= frame.image.as_raw().len();
        while self.seen.front().is_some_and(|s| time_s - s.time_s >= KEEP_HIDDEN_S) {
            self.seen.pop_front();
        }
        let ids: BTreeSet<u64> = self.seen.iter().map(|s| s.id).collect();
        let places = ids.into_iter().filter_map(|id| self.place(id, time_s)).collect();
        Some((frame, time_s, places))
    }

    /// Where this face is, or may be, at a time.
    fn place(&self, id: u64, time_s: f64) -> Option<FaceBox> {
        let of_face = || self.seen.iter().filter(|s| s.id == id);
        let mut before = of_face().filter(|s| s.time_s <= time_s).rev();
        let mut after = of_face().filter(|s| s.time_s > time_s);
        Some(match (before.next(), after.next()) {
            (Some(last), _) if last.time_s >= time_s => last.face,
            // It is between the two.
            (Some(last), Some(next)) => hull(&last.face, &next.face),
            (Some(last), None) => match before.next() {
                Some(earlier) => hull(&last.face, &moved_on(earlier, last, time_s)),
                None => last.face,
            },
            (None, Some(first)) => match after.next() {
                Some(later) => hull(&first.face, &moved_on(later, first, time_s)),
                None => first.face,
            },
            (None, None) => return None,
        })
    }
}

/// The box at `time_s` of a face that moves on as from `a` to `b`, in either direction of time.
fn moved_on(a: &Seen, b: &Seen, time_s: f64) -> FaceBox {
    let span = b.time_s - a.time_s;
    let ahead = (time_s - b.time_s).clamp(-MOVES_ON_S, MOVES_ON_S);
    let factor = if span == 0.0 { 0.0 } else { (ahead / span) as f32 };
    let most = MOST_WAY * b.face.width;
    let way = |a: f32, b: f32| ((b - a) * factor).clamp(-most, most);
    let dx = way(a.face.x + a.face.width / 2.0, b.face.x + b.face.width / 2.0);
    let dy = way(a.face.y + a.face.height / 2.0, b.face.y + b.face.height / 2.0);
    FaceBox { x: b.face.x + dx, y: b.face.y + dy, ..b.face }
}

/// The smallest box around both.
fn hull(a: &FaceBox, b: &FaceBox) -> FaceBox {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    let right = (a.x + a.width).max(b.x + b.width);
    let bottom = (a.y + a.height).max(b.y + b.height);
    FaceBox { x, y, width: right - x, height: bottom - y }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::RgbImage;
    use moue_detect::CropRegion;
    use moue_model::HeatMap;

    use super::*;
    use crate::record::AnnotatedFace;

    fn at(x: f32) -> FaceBox {
        FaceBox { x, y: 100.0, width: 60.0, height: 60.0 }
    }

    fn frame(faces: &[(u64, FaceBox)]) -> AnnotatedFrame {
        let faces = faces.iter().map(|(id, face)| AnnotatedFace {
            id: *id,
            face: *face,
            region: CropRegion::around(face),
            label: String::new(),
            hint: None,
            mesh: None,
            heat: HeatMap { width: 0, height: 0, values: Vec::new() },
            probabilities: [0.0; 7],
        });
        AnnotatedFrame { image: Arc::new(RgbImage::new(8, 8)), faces: faces.collect() }
    }

    /// What is hidden in each frame of a recording of 25 frames a second.
    fn hidden(frames: &[Vec<(u64, FaceBox)>]) -> Vec<Vec<FaceBox>> {
        let mut queue = HidingQueue::default();
        let mut all = Vec::new();
        for (i, faces) in frames.iter().enumerate() {
            all.extend(queue.push(frame(faces), i as f64 / 25.0));
        }
        all.extend(queue.finish());
        assert!(all.windows(2).all(|w| w[0].1 < w[1].1) && all.len() == frames.len());
        all.into_iter().map(|(_, _, places)| places).collect()
    }

    fn covers(places: &[FaceBox], face: &FaceBox) -> bool {
        places.iter().any(|p| {
            p.x <= face.x
                && p.y <= face.y
                && p.x + p.width >= face.x + face.width
                && p.y + p.height >= face.y + face.height
        })
    }

    #[test]
    fn who_walks_in_and_out_is_hidden_before_the_first_and_after_the_last_sight() {
        // Walks past at 15 pixels a frame, found from the 12th to the 17th frame and not in the 14th.
        let way = |i: usize| at(15.0 * i as f32);
        let found = |i: usize| (12..=17).contains(&i) && i != 14;
        let frames: Vec<_> = (0..40).map(|i| if found(i) { vec![(1, way(i))] } else { Vec::new() }).collect();
        let places = hidden(&frames);
        for (i, places) in places.iter().enumerate() {
            let known = (1..=28).contains(&i);
            assert!(!known || covers(places, &way(i)), "frame {i}: {places:?}");
        }
        // The last place stays hidden for the second.
        assert!(covers(&places[39], &way(17)));
    }

    #[test]
    fn a_lost_face_is_hidden_for_a_second_and_no_longer() {
        let mut frames = vec![vec![(1, at(300.0))]; 10];
        frames.extend(vec![Vec::new(); 40]);
        let places = hidden(&frames);
        for (i, places) in places.iter().enumerate() {
            assert_eq!(covers(places, &at(300.0)), i < 9 + 25, "frame {i}");
        }
    }

    #[test]
    fn a_face_that_is_found_late_is_hidden_in_the_frames_that_wait() {
        let mut frames = vec![Vec::new(); 30];
        frames.extend(vec![vec![(7, at(50.0))]; 5]);
        let places = hidden(&frames);
        for (i, places) in places.iter().enumerate() {
            // Half a second of 25 frames, rounded up.
            assert_eq!(covers(places, &at(50.0)), i >= 30 - 13, "frame {i}");
        }
    }

    #[test]
    fn a_source_that_starts_again_loses_no_frame_and_large_frames_do_not_pile_up() {
        let mut queue = HidingQueue::default();
        assert!(queue.push(frame(&[(1, at(0.0))]), 5.0).is_empty());
        assert!(queue.push(frame(&[]), 5.1).is_empty());
        let due = queue.push(frame(&[]), 0.0);
        assert_eq!(due.len(), 2);
        assert!(covers(&due[1].2, &at(0.0)));
        let due = queue.finish();
        assert!(due.len() == 1 && due[0].2.is_empty());

        let large = Arc::new(RgbImage::new(4000, 3000));
        let mut kept = 0_usize;
        for i in 0..10 {
            let frame = AnnotatedFrame { image: Arc::clone(&large), faces: Vec::new() };
            kept = kept + 1 - queue.push(frame, f64::from(i) / 100.0).len();
        }
        assert!((1..=3).contains(&kept), "{kept} frames of 36 MB wait");
    }
}
