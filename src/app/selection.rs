//! Which face the panel shows.

use std::time::{Duration, Instant};

use crate::pipeline::{AnalyzedFace, LiveResult};

/// Another face has to be larger by this factor before the panel turns to it.
const LARGER_BY: f32 = 1.3;
/// For so long it has to be, without a break: whoever leans forward for a moment does not take the panel over.
const LARGER_FOR: Duration = Duration::from_secs(1);

/// The selected face, by its track's id.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Selection {
    /// Selected by the user.
    by_user: Option<u64>,
    /// Shown with the current result; `None` without a face.
    current: Option<u64>,
    /// Shown last. The timeline keeps it while no face is found.
    last: Option<u64>,
    /// A face that is clearly larger than the one shown, and since when.
    rival: Option<(u64, Instant)>,
}

impl Selection {
    /// The face that the panel shows now.
    pub(super) fn current(&self) -> Option<u64> {
        self.current
    }

    /// The face that the user chose, whether it is in view or not.
    pub(super) fn by_user(&self) -> Option<u64> {
        self.by_user
    }

    /// The face that was shown last.
    pub(super) fn last(&self) -> Option<u64> {
        self.last
    }

    /// Selects a face as the user wants it.
    pub(super) fn select(&mut self, id: u64) {
        self.by_user = Some(id);
        self.current = Some(id);
    }

    /// Forgets the selection, because another source shows other faces.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Follows a result: the face that the user selected while it is there, else the largest. Of two about equally
    /// large ones it stays with the one that it shows.
    pub(super) fn follow(&mut self, result: Option<&LiveResult>) {
        let of_face = |f: &AnalyzedFace| (f.id, f.detection.face.area());
        let faces: Vec<(u64, f32)> =
            result.map(|r| r.analyzed.faces.iter().map(of_face).collect()).unwrap_or_default();
        self.follow_faces(&faces, Instant::now());
    }

    /// `faces`: ids and areas.
    fn follow_faces(&mut self, faces: &[(u64, f32)], now: Instant) {
        let largest = faces.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
        let by_user = faces.iter().find(|f| Some(f.0) == self.by_user);
        let shown = faces.iter().find(|f| Some(f.0) == self.last);
        let rival = largest.filter(|l| shown.is_some_and(|s| l.0 != s.0 && l.1 >= s.1 * LARGER_BY));
        self.rival = rival.map(|(id, _)| (id, self.rival.filter(|r| r.0 == id).map_or(now, |r| r.1)));
        let loses = self.rival.is_some_and(|(_, since)| now.saturating_duration_since(since) >= LARGER_FOR);
        let stays = shown.filter(|_| !loses);
        self.current = by_user.or(stays).copied().or(largest).map(|f| f.0);
        self.last = self.current.or(self.last);
    }
}

/// The ids of all faces in the order of tiles and keys: a face keeps its place while it is tracked.
pub(super) fn faces_in_order(result: Option<&LiveResult>) -> Vec<u64> {
    let mut ids: Vec<u64> =
        result.map(|r| r.analyzed.faces.iter().map(|f| f.id).collect()).unwrap_or_default();
    ids.sort_unstable();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_shown_until_another_is_clearly_larger_for_a_second_or_selected() {
        let mut selection = Selection::default();
        let start = Instant::now();
        let after = |ms: u64| start + Duration::from_millis(ms);
        selection.follow_faces(&[(1, 100.0), (2, 90.0)], after(0));
        assert_eq!(selection.current(), Some(1));
        // About equally large: it does not jump.
        selection.follow_faces(&[(1, 100.0), (2, 125.0)], after(5000));
        assert_eq!(selection.current(), Some(1));
        // Clearly larger, but twice for less than a second.
        for ms in [6000, 6900] {
            selection.follow_faces(&[(1, 100.0), (2, 150.0)], after(ms));
        }
        selection.follow_faces(&[(1, 100.0), (2, 120.0)], after(7000));
        for ms in [7100, 8000] {
            selection.follow_faces(&[(1, 100.0), (2, 150.0)], after(ms));
            assert_eq!(selection.current(), Some(1));
        }
        selection.follow_faces(&[(1, 100.0), (2, 150.0)], after(8100));
        assert_eq!(selection.current(), Some(2));
        selection.select(1);
        selection.follow_faces(&[(1, 10.0), (2, 150.0)], after(20_000));
        assert_eq!(selection.current(), Some(1));
        // Without a face nothing is shown, and the timeline keeps its person.
        selection.follow_faces(&[], after(21_000));
        assert_eq!((selection.current(), selection.last()), (None, Some(1)));
        selection.clear();
        assert_eq!(selection.last(), None);
    }
}
