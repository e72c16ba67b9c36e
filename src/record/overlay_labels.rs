//! Where the labels of faces stand: beside their faces, on no face and on no other label, where there is room.

/// Between a label and its face, in points.
const GAP: f32 = 3.0;
/// A place that is covered by less than this share counts as free: labels do not jump for a hair's breadth.
const FREE: f32 = 0.03;

/// A part of the picture, in points.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) right: f32,
    pub(super) bottom: f32,
}

impl Area {
    /// The area with these opposite corners.
    pub(super) fn between(a: [f32; 2], b: [f32; 2]) -> Self {
        Self { left: a[0].min(b[0]), top: a[1].min(b[1]), right: a[0].max(b[0]), bottom: a[1].max(b[1]) }
    }

    /// The area from a corner on, of this width and height.
    pub(super) fn of([left, top]: [f32; 2], [width, height]: [f32; 2]) -> Self {
        Self { left, top, right: left + width, bottom: top + height }
    }

    fn shared(&self, other: &Self) -> f32 {
        let across = self.right.min(other.right) - self.left.max(other.left);
        let down = self.bottom.min(other.bottom) - self.top.max(other.top);
        across.max(0.0) * down.max(0.0)
    }

    fn size(&self) -> f32 {
        (self.right - self.left) * (self.bottom - self.top)
    }
}

/// The first place around the face that is free, else the one of which the least is covered.
/// `size`: the label's, `faces`: all of them, `taken`: the labels so far, `seen`: left, top, right and bottom of what is seen.
pub(super) fn best_place(
    own: &Area,
    size: [f32; 2],
    faces: &[Area],
    taken: &[Area],
    seen: [f32; 4],
) -> [f32; 2] {
    let [width, height] = size;
    let (left, right) = (own.left, own.right - width);
    let (above, below) = (own.top - GAP - height, own.bottom + GAP);
    let beside = [own.right + GAP, own.left - GAP - width];
    let places = [
        [left, above],
        [right, above],
        [left, below],
        [right, below],
        [beside[0], own.top],
        [beside[1], own.top],
        [beside[0], own.bottom - height],
        [beside[1], own.bottom - height],
        // On the forehead or the chin, where nothing else is free.
        [left, own.top + GAP],
        [left, own.bottom - GAP - height],
    ];
    let [seen_left, seen_top, seen_right, seen_bottom] = seen;
    let inside = |[x, y]: [f32; 2]| {
        [
            x.clamp(seen_left, (seen_right - width).max(seen_left)),
            y.clamp(seen_top, (seen_bottom - height).max(seen_top)),
        ]
    };
    let covered = |at: [f32; 2]| {
        let area = Area::of(at, size);
        let on_faces: f32 = faces.iter().map(|face| face.shared(&area)).sum();
        // Two labels on one another cannot be read; a face under a label can still be seen.
        let on_labels: f32 = taken.iter().map(|label| 3.0 * label.shared(&area)).sum();
        let share = (on_faces + on_labels) / area.size().max(1e-6);
        if share < FREE { 0.0 } else { share }
    };
    let mut best = (f32::INFINITY, places[0]);
    for at in places.map(inside) {
        let cost = covered(at);
        if cost < best.0 {
            best = (cost, at);
        }
    }
    best.1
}
