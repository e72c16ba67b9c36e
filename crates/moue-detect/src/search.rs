//! Where BlazeFace looks, and how the mesh judges what is found.

use image::RgbImage;

use crate::FaceBox;
use crate::crop::SIDE_IN_BOX_WIDTHS;
use crate::mediapipe::{Beyond, BlazeFaceDetection, BlazeFaceDetector, FaceMesh, MeshFinder, TurnedSquare};
use moue_kernels::Isa;

/// Below this score of the mesh there is no face to look at again.
const WORTH_A_LOOK: f32 = 0.1;
/// A new face is one from this score of the mesh, when it looks where its own points are. Figures in `docs/faces.md`.
pub(crate) const SURE: f32 = 0.95;
/// Wider than the frame by this factor, its edge repeated outwards: faces at the edge come nearer to the middle.
const WIDE: f32 = 1.25;
/// Boxes that overlap by more (intersection over union) are one face.
const SAME_FACE: f32 = 0.3;
/// So are those whose centres are nearer, in widths of the smaller one.
const SAME_CENTRE: f32 = 0.4;
/// FER-2013's pictures in BlazeFace's boxes: side in widths, and how far their centre lies above the box's; medians
/// over val/, see `docs/framing.md`.
const SIDE_IN_BLAZEFACE_WIDTHS: f32 = 1.152;
const ABOVE_IN_BLAZEFACE_WIDTHS: f32 = 0.087;

/// BlazeFace and the mesh together. Belongs to one thread.
pub(crate) struct MeshSearch {
    blazeface: BlazeFaceDetector,
    mesh: MeshFinder,
}

impl MeshSearch {
    pub(crate) fn new() -> Self {
        // An unknown name in MOUE_ISA is reported by the network; here the best set is used.
        let isa = Isa::wanted().ok().filter(|isa| isa.is_available()).unwrap_or_else(Isa::best);
        Self { blazeface: BlazeFaceDetector::new(isa), mesh: MeshFinder::new(isa) }
    }

    /// The faces that BlazeFace finds in a square of the frame, surest first.
    pub(crate) fn look(&mut self, frame: &RgbImage, square: &TurnedSquare) -> Vec<BlazeFaceDetection> {
        self.blazeface.detect(frame, square, Beyond::Repeated)
    }

    /// The mesh in a square, whatever its score.
    pub(crate) fn mesh(&mut self, frame: &RgbImage, square: &TurnedSquare) -> Option<FaceMesh> {
        self.mesh.find(frame, square)
    }

    /// The mesh in a square where there is a face for sure: it looks twice, the second time where its own points are.
    /// On what is no face it falls apart then, and on a face that was found askew it becomes better.
    pub(crate) fn confirmed(&mut self, frame: &RgbImage, square: &TurnedSquare) -> Option<FaceMesh> {
        let first = self.mesh.find(frame, square).filter(|mesh| mesh.score >= WORTH_A_LOOK)?;
        let second = self.mesh.find(frame, &first.next_square())?;
        (second.score >= SURE).then_some(second)
    }
}

/// The squares that a search goes through: the frame, the frame with its edge repeated outwards, and between them six
/// overlapping tiles of half its longer side.
pub(crate) fn parts(frame: &RgbImage) -> Vec<TurnedSquare> {
    let whole = BlazeFaceDetector::whole(frame);
    let (width, height) = (frame.width() as f32, frame.height() as f32);
    let side = whole.side / 2.0;
    let (columns, rows) = if width >= height { (3, 2) } else { (2, 3) };
    let centre = |i: usize, count: usize, length: f32| {
        let (first, last) = (side.min(length) / 2.0, length - side.min(length) / 2.0);
        first + (last - first) * i as f32 / (count - 1) as f32
    };
    let tiles = (0..rows).flat_map(|row| {
        (0..columns).map(move |column| TurnedSquare {
            centre: [centre(column, columns, width), centre(row, rows, height)],
            side,
            angle: 0.0,
        })
    });
    let mut parts: Vec<TurnedSquare> = tiles.collect();
    parts.insert(3, TurnedSquare { side: whole.side * WIDE, ..whole });
    parts.insert(0, whole);
    parts
}

/// Whether two boxes are of one face.
pub(crate) fn is_same(a: &FaceBox, b: &FaceBox) -> bool {
    let distance =
        (a.x + a.width / 2.0 - b.x - b.width / 2.0).hypot(a.y + a.height / 2.0 - b.y - b.height / 2.0);
    a.overlap(b) > SAME_FACE || distance < SAME_CENTRE * a.width.min(b.width)
}

/// The box of a face whose framing is known: as large and where rustface's boxes are on upright faces.
pub(crate) fn box_of(square: &TurnedSquare) -> FaceBox {
    let side = square.side / SIDE_IN_BOX_WIDTHS;
    FaceBox { x: square.centre[0] - side / 2.0, y: square.centre[1] - side / 2.0, width: side, height: side }
}

/// How a face is framed of which only BlazeFace's box and points are known.
pub(crate) fn framing_of(found: &BlazeFaceDetection) -> TurnedSquare {
    let face = found.face;
    let angle = found.roll();
    let (sin, cos) = angle.sin_cos();
    let above = face.width * ABOVE_IN_BLAZEFACE_WIDTHS;
    TurnedSquare {
        centre: [face.x + face.width / 2.0 + above * sin, face.y + face.height / 2.0 - above * cos],
        side: face.width * SIDE_IN_BLAZEFACE_WIDTHS,
        angle,
    }
}

/// Where the mesh looks for the points of a face of which only rustface's box is known.
pub(crate) fn mesh_square_of(face: &FaceBox) -> TurnedSquare {
    TurnedSquare {
        centre: [face.x + face.width / 2.0, face.y + face.height / 2.0 + face.width * 0.08],
        side: face.width.max(face.height) * 1.45,
        angle: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tiles_cover_the_frame_and_overlap() {
        for (width, height) in [(640, 480), (480, 640), (1280, 720), (500, 500), (1, 4096), (20, 20)] {
            let frame = RgbImage::new(width, height);
            let parts = parts(&frame);
            assert_eq!(parts.len(), 8);
            assert!(parts.iter().all(TurnedSquare::is_valid));
            let tiles: Vec<_> = parts.iter().filter(|p| p.side < width.max(height) as f32).collect();
            for (x, y) in [(0, 0), (width, 0), (0, height), (width, height), (width / 2, height / 2)] {
                let covered = tiles.iter().any(|t| {
                    (t.centre[0] - x as f32).abs() <= t.side / 2.0 + 0.01
                        && (t.centre[1] - y as f32).abs() <= t.side / 2.0 + 0.01
                });
                assert!(covered, "({x}, {y}) of {width}x{height}");
            }
        }
    }
}
