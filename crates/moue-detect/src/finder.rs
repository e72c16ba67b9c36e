//! Finds the faces of pictures and follows those of frames, with the detectors that the person chose.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::auto::{AutoFollower, all_faces};
use crate::mediapipe::{BlazeFaceDetector, FaceMesh};
use crate::search::{MeshSearch, box_of, framing_of};
use crate::{CropRegion, Detection, DetectorSettings, RustfaceDetector, RustfaceFollower, Tracker};

/// A mesh with a lower score says nothing about the face.
const USABLE_MESH: f32 = 0.5;

/// Which detectors look for faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DetectorKind {
    /// BlazeFace and the mesh for near faces, turned, dark and covered ones, rustface for groups and small ones.
    #[default]
    Auto,
    /// rustface alone: upright faces.
    Rustface,
    /// BlazeFace alone, over the whole frame: near faces.
    BlazeFace,
}

impl DetectorKind {
    /// Every kind, the usual one first.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Rustface, Self::BlazeFace];

    /// Its name in flags and settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Rustface => "rustface",
            Self::BlazeFace => "blazeface",
        }
    }
}

impl fmt::Display for DetectorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name is none of `auto`, `rustface` and `blazeface`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown detector {0:?}: expected auto, rustface or blazeface")]
pub struct UnknownDetector(String);

impl FromStr for DetectorKind {
    type Err = UnknownDetector;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|k| k.name() == name).ok_or_else(|| UnknownDetector(name.to_owned()))
    }
}

/// A face of a frame, with its identity and, where it is known, its mesh.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundFace {
    /// From 1, never used again within one source.
    pub id: u64,
    /// Where it is.
    pub detection: Detection,
    /// Its 468 points.
    pub mesh: Option<Arc<FaceMesh>>,
    /// The square to classify: by the mesh, upright with the face, else around the box.
    pub region: CropRegion,
}

impl FoundFace {
    /// Frames the face by its mesh where there is one.
    #[must_use]
    pub fn new(id: u64, detection: Detection, mesh: Option<FaceMesh>) -> Self {
        let region = match &mesh {
            Some(mesh) => CropRegion::turned(&mesh.framing_square()),
            None => CropRegion::around(&detection.face),
        };
        Self { id, detection, mesh: mesh.map(Arc::new), region }
    }
}

/// How the faces of consecutive frames are followed.
enum Following {
    Auto(Box<AutoFollower>),
    Rustface(RustfaceFollower),
    BlazeFace(Tracker),
}

/// The detectors of a kind. Not `Send`: make it on the thread that uses it.
pub struct FaceFinder {
    kind: DetectorKind,
    rustface: RustfaceDetector,
    search: MeshSearch,
    following: Following,
    settings: DetectorSettings,
    every_frame: bool,
    /// Highest id that was given out, and that of the scenes before: ids of a new scene come after these.
    last_id: u64,
    ids_before: u64,
}

impl FaceFinder {
    /// The detectors with their built-in models.
    #[must_use]
    pub fn new(kind: DetectorKind, settings: DetectorSettings) -> Self {
        let mut rustface = RustfaceDetector::new(settings);
        rustface.lighten(kind == DetectorKind::Auto);
        Self {
            kind,
            rustface,
            search: MeshSearch::new(),
            following: Following::new(kind),
            settings,
            every_frame: false,
            last_id: 0,
            ids_before: 0,
        }
    }

    /// The kind in use.
    #[must_use]
    pub fn kind(&self) -> DetectorKind {
        self.kind
    }

    /// How finely rustface searches.
    #[must_use]
    pub fn settings(&self) -> DetectorSettings {
        self.settings
    }

    /// Forgets the faces so far: the next frame is the first.
    pub fn restart(&mut self) {
        self.following = Following::new(self.kind);
        (self.last_id, self.ids_before) = (0, 0);
    }

    /// The next frame shows another scene of the same source: every track ends, and the faces get ids that none had.
    pub fn cut(&mut self) {
        self.following = Following::new(self.kind);
        self.ids_before = self.last_id;
    }

    /// Whether [`Self::follow`] searches the whole of every frame, and as finely as a still picture, so that nobody who comes
    /// in is seen late or is too far away: slower, for recordings in which faces are hidden. It does not at first.
    pub fn search_every_frame(&mut self, every_frame: bool) {
        self.rustface.set_settings(if every_frame { DetectorSettings::STILL } else { self.settings });
        self.every_frame = every_frame;
    }

    /// All faces of a picture that stands alone, largest first, counted from 1.
    pub fn find(&mut self, picture: &RgbImage) -> Vec<FoundFace> {
        let found = match self.kind {
            DetectorKind::Auto => all_faces(&mut self.search, &mut self.rustface, picture),
            DetectorKind::Rustface => self.rustface.detect(picture).into_iter().map(|d| (d, None)).collect(),
            DetectorKind::BlazeFace => self.blazeface(picture),
        };
        (1..).zip(found).map(|(id, (detection, mesh))| FoundFace::new(id, detection, mesh)).collect()
    }

    /// The faces of the frame at `time_s` seconds with their identities, largest first. A time before that of the last
    /// frame means that the source started again.
    pub fn follow(&mut self, frame: &RgbImage, time_s: f64) -> Vec<FoundFace> {
        let mut found = self.followed(frame, time_s);
        for face in &mut found {
            face.id += self.ids_before;
            self.last_id = self.last_id.max(face.id);
        }
        found
    }

    /// As [`Self::follow`], with ids that count from the scene's start.
    fn followed(&mut self, frame: &RgbImage, time_s: f64) -> Vec<FoundFace> {
        match &mut self.following {
            Following::Auto(follower) => {
                follower.every_frame = self.every_frame;
                follower.follow(&mut self.search, &mut self.rustface, frame, time_s)
            }
            Following::Rustface(follower) => {
                follower.search_every_frame(self.every_frame);
                let tracked = follower.follow(&mut self.rustface, frame, time_s);
                tracked.into_iter().map(|t| FoundFace::new(t.id, t.detection, None)).collect()
            }
            Following::BlazeFace(_) => {
                let (detections, meshes): (Vec<_>, Vec<_>) = self.blazeface(frame).into_iter().unzip();
                let Following::BlazeFace(tracker) = &mut self.following else { return Vec::new() };
                let tracked = tracker.update(&detections, time_s).into_iter().zip(meshes);
                tracked.map(|(t, mesh)| FoundFace::new(t.id, t.detection, mesh)).collect()
            }
        }
    }

    /// What BlazeFace finds in the whole frame, largest first.
    fn blazeface(&mut self, frame: &RgbImage) -> Vec<(Detection, Option<FaceMesh>)> {
        let found = self.search.look(frame, &BlazeFaceDetector::whole(frame));
        let mut faces: Vec<_> = found
            .iter()
            .map(|found| {
                let mesh = self.search.mesh(frame, &found.mesh_square()).filter(|m| m.score >= USABLE_MESH);
                let square = mesh.as_ref().map_or_else(|| framing_of(found), FaceMesh::framing_square);
                (Detection { face: box_of(&square), score: found.score }, mesh)
            })
            .collect();
        faces.sort_by(|a, b| b.0.face.area().total_cmp(&a.0.face.area()));
        faces
    }
}

impl Following {
    fn new(kind: DetectorKind) -> Self {
        match kind {
            DetectorKind::Auto => Self::Auto(Box::default()),
            DetectorKind::Rustface => Self::Rustface(RustfaceFollower::new()),
            DetectorKind::BlazeFace => Self::BlazeFace(Tracker::new()),
        }
    }
}
