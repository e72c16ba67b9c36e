//! Where the labels of faces stand: beside their faces, on no face and on no other label, where there is room.

use super::colours::person_rgb;
use super::overlay_marks::{Canvas, Mark, OverlayFace};

/// Size of a hint's letters, in those of the label, and the least, in points.
const HINT: (f32, f32) = (0.8, 10.0);
/// Smallest and largest letters of a label, in points, and their share of the face's width.
const LETTERS: (f32, f32) = (11.5, 22.0);
const LETTERS_SHARE: f32 = 0.09;
/// Between a label and its hint, in points.
const BELOW: f32 = 2.0;
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

/// The first place around the face that is free, else the one of which the least is covered; and which share of it lies on
/// other labels.
/// `size`: the label's, `faces`: all of them, `taken`: the labels so far, `seen`: left, top, right and bottom of what is seen.
fn best_place(own: &Area, size: [f32; 2], faces: &[Area], taken: &[Area], seen: [f32; 4]) -> ([f32; 2], f32) {
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
        [right, own.top + GAP],
        [left, own.bottom - GAP - height],
        [right, own.bottom - GAP - height],
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
        let on_labels: f32 = taken.iter().map(|label| 12.0 * label.shared(&area)).sum();
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
    let area = Area::of(best.1, size);
    let on_labels: f32 = taken.iter().map(|label| label.shared(&area)).sum();
    (best.1, on_labels / area.size().max(1e-6))
}

/// So much of a label may lie on others, as a share.
const HIDDEN: f32 = 0.15;

/// One line of a label.
struct Line<'a> {
    text: &'a str,
    letters: f32,
    margin: [f32; 2],
    size: [f32; 2],
    corner: f32,
}

impl<'a> Line<'a> {
    fn new(text: &'a str, letters: f32, margin: [f32; 2], corner: f32, canvas: &Canvas<'_>) -> Self {
        let margin = margin.map(|share| share * letters);
        let measured = (canvas.measure)(text, letters);
        let size = [measured[0] + 2.0 * margin[0], measured[1] + 2.0 * margin[1]];
        Self { text, letters, margin, size, corner }
    }

    fn mark(&self, [x, y]: [f32; 2], colour: [u8; 3]) -> Mark {
        Mark::Label {
            text: self.text.to_owned(),
            ground: [x, y, self.size[0], self.size[1]],
            corner: self.corner,
            at: [x + self.margin[0], y + self.margin[1]],
            letters: self.letters,
            colour,
        }
    }
}

/// The labels and hints of all faces. `boxes`: where the faces are, in their order.
pub(super) fn labels(faces: &[OverlayFace<'_>], boxes: &[Area], canvas: &Canvas<'_>) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut taken: Vec<Area> = canvas
        .taken
        .iter()
        .map(|[left, top, right, bottom]| Area::between([*left, *top], [*right, *bottom]))
        .collect();
    let [left, top, right, bottom] = canvas.seen;
    let seen = Area { left, top, right, bottom };
    // Of a face outside the part that is seen nothing is said at its edge.
    for (face, own) in faces.iter().zip(boxes).filter(|(_, own)| own.shared(&seen) > 0.0) {
        // Small faces have small labels, which then overlap less.
        let letters = ((own.right - own.left) * LETTERS_SHARE).clamp(LETTERS.0, LETTERS.1);
        let hint = face.hint.map(|text| {
            let letters = (letters * HINT.0).max(HINT.1);
            Line::new(text, letters, [0.4, 0.12], 4.0, canvas)
        });
        // In a crowd, what would lie on another label is left out: the hint first, then all but number or name.
        let short = face.label.split_once(": ").map_or(face.label, |(who, _)| who);
        let mut place = None;
        for (text, hint) in [(face.label, hint.as_ref()), (face.label, None), (short, None)] {
            let label = Line::new(text, letters, [0.45, 0.18], 5.0, canvas);
            let mut size = label.size;
            if let Some(hint) = hint {
                size = [size[0].max(hint.size[0]), size[1] + BELOW + hint.size[1]];
            }
            let (at, hidden) = best_place(own, size, boxes, &taken, canvas.seen);
            place = Some((label, hint, at, size));
            if hidden < HIDDEN {
                break;
            }
        }
        let Some((label, hint, at, size)) = place else { continue };
        taken.push(Area::of(at, size));
        let colour = person_rgb(face.id);
        marks.push(label.mark(at, colour));
        marks.extend(hint.map(|hint| hint.mark([at[0], at[1] + label.size[1] + BELOW], colour)));
    }
    marks
}
