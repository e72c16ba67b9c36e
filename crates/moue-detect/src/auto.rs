//! Finds and follows faces with BlazeFace, the mesh and rustface together.
//!
//! A face whose mesh is known is followed by it: the mesh looks where the last one's points were (as MediaPipe does),
//! which is cheaper than any search. New faces are looked for in one part of each frame in turn, so that no frame gets
//! slow, and rustface searches for what the mesh cannot hold: small faces, and groups. The table behind this is in
//! `docs/faces.md`.

use image::{RgbImage, imageops};

use crate::finder::FoundFace;
use crate::mediapipe::{FaceMesh, TurnedSquare};
use crate::rustface_follower::{SCENE_CHANGE, THUMBNAIL_PX, mean_change};
use crate::search::{MeshSearch, SURE, box_of, is_same, mesh_square_of, parts};
use crate::{Detection, FaceBox, RustfaceDetector, Tracker};

/// A mesh is followed while its score is at least this (MediaPipe's threshold).
const KEEP: f32 = 0.5;
/// How long a mesh may have a low score before it is given up, in seconds.
const DOUBTFUL_S: f64 = 1.0;
/// Every part of the frame is looked at once in this time, in seconds: a new face waits no longer.
const CYCLE_S: f64 = 0.27;
/// Most parts in one frame: a slow machine must not get slower by catching up.
const MOST_PARTS: usize = 3;
/// Longest time between two frames that belong together, in seconds.
const TOGETHER_S: f64 = 1.0;
/// rustface searches the whole frame this often, in seconds: while faces are known, and while none is.
const RUSTFACE_S: (f64, f64) = (0.8, 0.15);
/// With more faces than this that only rustface finds, one search of the whole frame costs less.
const MOST_NEAR: usize = 2;
/// From one frame to the next a face moves by less than this share of its square, and its size changes by less than
/// this factor.
const MOST_MOTION: f32 = 0.5;
const MOST_GROWTH: f32 = 1.6;

/// A face of the last frame.
struct Known {
    face: FaceBox,
    score: f32,
    mesh: Option<FaceMesh>,
    /// When it was sure for the last time.
    sure_s: f64,
}

/// Follows the faces of consecutive frames.
#[derive(Default)]
pub(crate) struct AutoFollower {
    tracker: Tracker,
    known: Vec<Known>,
    thumbnail: Vec<u8>,
    last_s: Option<f64>,
    rustface_s: Option<f64>,
    /// The part of the frame that is looked at next.
    part: usize,
    /// Whether every part of every frame is looked at.
    pub(crate) every_frame: bool,
    /// Counts frames, so that faces without a mesh take turns.
    frames: usize,
}

/// All faces of a picture that stands alone, largest first.
pub(crate) fn all_faces(
    search: &mut MeshSearch,
    rustface: &mut RustfaceDetector,
    frame: &RgbImage,
) -> Vec<(Detection, Option<FaceMesh>)> {
    let mut known = Vec::new();
    for part in parts(frame) {
        add_in_part(search, frame, &part, 0.0, &mut known);
    }
    for found in rustface.detect(frame) {
        add_of_rustface(search, frame, found, true, 0.0, &mut known);
    }
    known.sort_by(|a, b| b.face.area().total_cmp(&a.face.area()));
    known.into_iter().map(|k| (Detection { face: k.face, score: k.score }, k.mesh)).collect()
}

impl AutoFollower {
    /// The faces of the frame at `time_s` seconds with their identities, largest first.
    pub(crate) fn follow(
        &mut self,
        search: &mut MeshSearch,
        rustface: &mut RustfaceDetector,
        frame: &RgbImage,
        time_s: f64,
    ) -> Vec<FoundFace> {
        let thumbnail = imageops::thumbnail(frame, THUMBNAIL_PX.0, THUMBNAIL_PX.1).into_raw();
        let elapsed_s = self.last_s.map_or(f64::NAN, |last_s| time_s - last_s);
        let goes_on = !self.every_frame
            && (0.0..TOGETHER_S).contains(&elapsed_s)
            && self.thumbnail.len() == thumbnail.len()
            && mean_change(&self.thumbnail, &thumbnail) < SCENE_CHANGE;
        self.thumbnail = thumbnail;
        self.last_s = Some(time_s);
        self.frames = self.frames.wrapping_add(1);
        let mut faces = Vec::new();
        let before = std::mem::take(&mut self.known);
        // After a change of scene no mesh finds its face again. Where one does, only the light has changed.
        let lost = self.follow_known(search, rustface, frame, time_s, &before, &mut faces);

        let parts = parts(frame);
        if !goes_on {
            for part in &parts {
                add_in_part(search, frame, part, time_s, &mut faces);
            }
        } else {
            let due = (parts.len() as f64 * elapsed_s / CYCLE_S).ceil().max(1.0) as usize;
            for _ in 0..due.min(MOST_PARTS) {
                self.part = (self.part + 1) % parts.len();
                add_in_part(search, frame, &parts[self.part], time_s, &mut faces);
            }
            if lost {
                // The first is the whole frame, the fifth the wide one.
                add_in_part(search, frame, &parts[0], time_s, &mut faces);
                add_in_part(search, frame, &parts[4], time_s, &mut faces);
            }
        }
        let wait_s = if faces.is_empty() { RUSTFACE_S.1 } else { RUSTFACE_S.0 };
        let waited = self.rustface_s.is_none_or(|s| !(0.0..wait_s).contains(&(time_s - s)));
        let without_mesh = before.iter().filter(|k| k.mesh.is_none()).count();
        if !goes_on || lost || waited || without_mesh > MOST_NEAR {
            self.rustface_s = Some(time_s);
            for (i, found) in rustface.detect(frame).into_iter().enumerate() {
                // With many small faces only one of them is tried in each frame.
                let tried = without_mesh <= MOST_NEAR || self.frames % without_mesh.max(1) == i;
                add_of_rustface(search, frame, found, tried, time_s, &mut faces);
            }
        }
        faces.sort_by(|a, b| b.face.area().total_cmp(&a.face.area()));
        self.known = faces;
        let detections: Vec<Detection> =
            self.known.iter().map(|k| Detection { face: k.face, score: k.score }).collect();
        let tracked = self.tracker.update(&detections, time_s);
        let meshes = self.known.iter().map(|k| k.mesh.clone());
        tracked.into_iter().zip(meshes).map(|(t, mesh)| FoundFace::new(t.id, t.detection, mesh)).collect()
    }

    /// Finds the faces of the last frame again; says whether one was lost.
    fn follow_known(
        &self,
        search: &mut MeshSearch,
        rustface: &mut RustfaceDetector,
        frame: &RgbImage,
        time_s: f64,
        before: &[Known],
        faces: &mut Vec<Known>,
    ) -> bool {
        let mut lost = false;
        for known in before {
            let Some(mesh) = &known.mesh else { continue };
            match next_mesh(search, frame, mesh) {
                Some(mesh) => {
                    let sure_s = if mesh.score >= SURE { time_s } else { known.sure_s };
                    if time_s - sure_s > DOUBTFUL_S {
                        lost = true;
                    } else {
                        add(faces, Known::of_mesh(mesh, sure_s));
                    }
                }
                None => lost = true,
            }
        }
        let places: Vec<FaceBox> = before
            .iter()
            .filter(|k| k.mesh.is_none() && !faces.iter().any(|f| is_same(&f.face, &k.face)))
            .map(|k| k.face)
            .collect();
        if (1..=MOST_NEAR).contains(&places.len()) {
            let found = rustface.detect_near(frame, &places);
            lost |= found.len() < places.len();
            for (i, found) in found.into_iter().enumerate() {
                add_of_rustface(search, frame, found, self.frames % MOST_NEAR == i, time_s, faces);
            }
        }
        lost
    }
}

impl Known {
    fn of_mesh(mesh: FaceMesh, sure_s: f64) -> Self {
        Self { face: box_of(&mesh.framing_square()), score: mesh.score, mesh: Some(mesh), sure_s }
    }
}

/// The mesh of a face in the frame after `last`; tried once more where BlazeFace finds the face nearby.
fn next_mesh(search: &mut MeshSearch, frame: &RgbImage, last: &FaceMesh) -> Option<FaceMesh> {
    let square = last.next_square();
    if let Some(mesh) = search.mesh(frame, &square).filter(|m| m.score >= KEEP && follows(last, m)) {
        return Some(mesh);
    }
    let around = TurnedSquare { side: square.side * 2.0, ..square };
    let found = search.look(frame, &around);
    let nearest = found.iter().min_by(|a, b| {
        let far = |f: &FaceBox| {
            (f.x + f.width / 2.0 - square.centre[0]).hypot(f.y + f.height / 2.0 - square.centre[1])
        };
        far(&a.face).total_cmp(&far(&b.face))
    })?;
    let square = nearest.mesh_square();
    // BlazeFace sees a face where one was a frame ago: that, and a mesh as good as one that is followed, is enough.
    search
        .confirmed(frame, &square)
        .or_else(|| search.mesh(frame, &square).filter(|m| m.score >= KEEP && follows(last, m)))
}

/// Whether a mesh can be the face of the last one.
fn follows(last: &FaceMesh, mesh: &FaceMesh) -> bool {
    let (a, b) = (last.framing_square(), mesh.framing_square());
    let growth = b.side / a.side;
    let motion = (a.centre[0] - b.centre[0]).hypot(a.centre[1] - b.centre[1]) / a.side;
    motion < MOST_MOTION && (1.0 / MOST_GROWTH..MOST_GROWTH).contains(&growth)
}

/// Adds a face that is not there yet.
fn add(faces: &mut Vec<Known>, face: Known) {
    if !faces.iter().any(|f| is_same(&f.face, &face.face)) {
        faces.push(face);
    }
}

/// Adds what BlazeFace finds in a part of the frame and the mesh confirms.
fn add_in_part(
    search: &mut MeshSearch,
    frame: &RgbImage,
    part: &TurnedSquare,
    time_s: f64,
    faces: &mut Vec<Known>,
) {
    for found in search.look(frame, part) {
        if faces.iter().any(|f| is_same(&f.face, &found.face)) {
            continue;
        }
        if let Some(mesh) = search.confirmed(frame, &found.mesh_square()) {
            add(faces, Known::of_mesh(mesh, time_s));
        }
    }
}

/// Adds what rustface found: with its mesh where there is one, else as it is.
fn add_of_rustface(
    search: &mut MeshSearch,
    frame: &RgbImage,
    found: Detection,
    try_mesh: bool,
    time_s: f64,
    faces: &mut Vec<Known>,
) {
    if faces.iter().any(|f| is_same(&f.face, &found.face)) {
        return;
    }
    let mesh = if try_mesh { search.confirmed(frame, &mesh_square_of(&found.face)) } else { None };
    let as_it_is = || Known { face: found.face, score: found.score, mesh: None, sure_s: time_s };
    // A mesh that slid to another face is not this one's.
    let face = mesh.map(|m| Known::of_mesh(m, time_s)).filter(|k| is_same(&k.face, &found.face));
    add(faces, face.unwrap_or_else(as_it_is));
}
