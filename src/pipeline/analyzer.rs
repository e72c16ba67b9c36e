//! Everything that is done with one frame: find the faces, follow them, read them.

use std::sync::Arc;
use std::time::Instant;

use moue_capture::{Frame, SourceKind};
use moue_detect::geometry::BlinkWatch;
use moue_detect::mediapipe::FaceMesh;
use moue_detect::quality::{CropLook, Signs};
use moue_detect::{
    CropRegion, Detection, DetectorKind, DetectorSettings, FaceBox, FaceCrop, FaceFinder, FoundFace,
    Measurements, Quality,
};
use moue_model::{Classifier, ModelError, Reading};

use super::SceneWatch;
use super::scenes::LONGEST_GAP_S;
use super::views::View;

/// A face of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalyzedFace {
    /// Identity within the source, from 1; stays the same from frame to frame.
    pub id: u64,
    /// Where it is, and how sure the detector was.
    pub detection: Detection,
    /// The square that was classified.
    pub region: CropRegion,
    /// The face's 468 points, where the detector gives them.
    pub mesh: Option<Arc<FaceMesh>>,
    /// What the mesh tells in degrees and lengths, where there is one.
    pub measurements: Option<Measurements>,
    /// How well the face can be read, and what speaks against it.
    pub quality: Quality,
    /// What the network says.
    pub reading: Reading,
}

/// A frame with everything that was found in it.
#[derive(Debug, Clone)]
pub struct AnalyzedFrame {
    /// The frame itself; its boxes and maps belong to no other.
    pub frame: Frame,
    /// The scene that the frame belongs to ([`SceneWatch`]); a face of one scene is none of another.
    pub scene: u64,
    /// The faces, largest first.
    pub faces: Vec<AnalyzedFace>,
    /// Frames that the camera took since the result before and that never came, by its driver's numbers; `None` where it
    /// does not number them.
    pub dropped_before: Option<u64>,
    /// Whether the whole frame was searched, and not only a part of it and the places of known faces.
    pub whole_frame: bool,
    /// Time for finding and following the faces, in milliseconds.
    pub detect_ms: f32,
    /// Time for cropping and classifying all faces, in milliseconds.
    pub classify_ms: f32,
}

/// How a frame is searched for faces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaceSearch {
    /// Search with these settings, and follow faces from frame to frame where the flag says so.
    Detect {
        /// Which detectors search.
        detector: DetectorKind,
        /// The detector's settings.
        settings: DetectorSettings,
        /// Whether consecutive frames belong together.
        track: bool,
    },
    /// Each picture already is one face: no detection, the box is the whole picture.
    WholePicture,
}

/// Detectors and classifier. Belongs to one thread.
pub struct FrameAnalyzer {
    classifier: Classifier,
    faces: Faces,
    blinks: BlinkWatch,
    /// The crops of one frame, kept so that no memory is asked for per frame.
    crops: Vec<f32>,
    every_frame: bool,
    scenes: SceneWatch,
    /// The scene of the last frame.
    scene: u64,
    /// Frames that were lost until the last one.
    dropped: u64,
    clock: TrackClock,
}

/// The time of the tracks. A jump within a scene is a moment for it: who was at a place is looked for near it.
#[derive(Debug, Default)]
struct TrackClock {
    now_s: f64,
    /// Of the last frame, by the source.
    last_s: Option<f64>,
}

/// What a jump is for the tracks, in seconds.
const JUMP_S: f64 = 0.1;

impl TrackClock {
    /// The tracks' time of a frame at `time_s`, and whether a jump lies before it.
    fn at(&mut self, time_s: f64) -> (f64, bool) {
        let gap_s = self.last_s.replace(time_s).map_or(0.0, |last_s| time_s - last_s);
        let is_jump = !(0.0..=LONGEST_GAP_S).contains(&gap_s);
        self.now_s += if is_jump { JUMP_S } else { gap_s };
        (self.now_s, is_jump)
    }
}

enum Faces {
    Found { finder: Box<FaceFinder>, track: bool },
    WholePicture,
}

impl FaceSearch {
    /// The search for a kind of source: stills are searched finely and each alone, sources with a clock fast and
    /// with identities.
    #[must_use]
    pub fn for_source(kind: SourceKind, detector: DetectorKind) -> Self {
        match kind {
            SourceKind::Still => Self::Detect { detector, settings: DetectorSettings::STILL, track: false },
            SourceKind::Camera | SourceKind::Demo | SourceKind::Video => {
                Self::Detect { detector, settings: DetectorSettings::LIVE, track: true }
            }
        }
    }
}

impl FrameAnalyzer {
    /// Makes the detector on the calling thread (it cannot move to another).
    #[must_use]
    pub fn new(classifier: Classifier, search: FaceSearch) -> Self {
        Self {
            classifier,
            faces: Faces::new(search),
            blinks: BlinkWatch::default(),
            crops: Vec::new(),
            every_frame: false,
            scenes: SceneWatch::default(),
            scene: 0,
            dropped: 0,
            clock: TrackClock::default(),
        }
    }

    /// Starts afresh with other settings: nothing is remembered of the faces so far.
    pub fn set_search(&mut self, search: FaceSearch) {
        self.blinks = BlinkWatch::default();
        (self.dropped, self.clock) = (0, TrackClock::default());
        self.scenes.restart();
        match (&mut self.faces, search) {
            // Kept, because loading the detectors' models again takes longer than analysing a picture.
            (Faces::Found { finder, track }, FaceSearch::Detect { detector, settings, track: tracked })
                if finder.settings() == settings && finder.kind() == detector =>
            {
                finder.restart();
                *track = tracked;
            }
            (faces, search) => *faces = Faces::new(search),
        }
    }

    /// Whether the whole of every frame is searched, so that nobody who comes in is seen late: slower, for recordings in
    /// which faces are hidden. It is not at first; another search does not change it.
    pub fn search_every_frame(&mut self, every_frame: bool) {
        self.every_frame = every_frame;
    }

    /// Replaces the network; the old one is returned.
    pub fn replace_classifier(&mut self, new: Classifier) -> Classifier {
        std::mem::replace(&mut self.classifier, new)
    }

    /// The network in use.
    #[must_use]
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// Gives the network back.
    #[must_use]
    pub fn into_classifier(self) -> Classifier {
        self.classifier
    }

    /// Reads one face of a frame in several views, see [`View`].
    ///
    /// # Errors
    /// [`ModelError`] when the device fails.
    pub fn read_views(
        &mut self,
        image: &image::RgbImage,
        region: &CropRegion,
        views: &[View],
    ) -> Result<Vec<Reading>, ModelError> {
        let size = self.classifier.input_size();
        self.crops.clear();
        for view in views {
            view.append_to(image, region, size, &mut self.crops);
        }
        self.classifier.classify(&self.crops)
    }

    /// Finds and reads all faces of `frame`. At a hard cut every track ends.
    ///
    /// # Errors
    /// [`ModelError`] when the device fails.
    pub fn analyze(&mut self, frame: Frame) -> Result<AnalyzedFrame, ModelError> {
        let scene = self.scenes.scene_of(&frame, self.faces.are_tracked());
        self.analyze_scene(frame, scene)
    }

    /// As [`Self::analyze`], where somebody who sees frames between these too knows the scene's number.
    ///
    /// # Errors
    /// [`ModelError`] when the device fails.
    pub fn analyze_scene(&mut self, frame: Frame, scene: u64) -> Result<AnalyzedFrame, ModelError> {
        if scene != self.scene {
            self.scene = scene;
            self.faces.cut();
            self.blinks = BlinkWatch::default();
        }
        let (time_s, is_jump) = self.clock.at(frame.time_s);
        if is_jump {
            self.blinks = BlinkWatch::default();
        }
        let start = Instant::now();
        let (found, whole_frame) = self.faces.find(&frame, time_s, self.every_frame);
        let detect_ms = milliseconds(start);

        let start = Instant::now();
        let size = self.classifier.input_size();
        self.crops.clear();
        let mut judged = Vec::with_capacity(found.len());
        for face in &found {
            let crop = FaceCrop::of(&frame.image, &face.region);
            crop.append_to(size, &mut self.crops);
            judged.push(judge(&mut self.blinks, &frame, face, &crop));
        }
        let readings = self.classifier.classify(&self.crops)?;
        let faces = found
            .into_iter()
            .zip(judged)
            .zip(readings)
            .map(|((face, (measurements, quality)), reading)| AnalyzedFace {
                id: face.id,
                detection: face.detection,
                region: face.region,
                mesh: face.mesh,
                measurements,
                quality,
                reading,
            })
            .collect();
        let dropped = frame.stamp.driver.and_then(|driver| driver.dropped);
        let dropped_before = dropped.map(|all| all.saturating_sub(std::mem::replace(&mut self.dropped, all)));
        let classify_ms = milliseconds(start);
        Ok(AnalyzedFrame { frame, scene, faces, dropped_before, whole_frame, detect_ms, classify_ms })
    }
}

/// What is measured on a face beside its expression.
fn judge(
    blinks: &mut BlinkWatch,
    frame: &Frame,
    face: &FoundFace,
    crop: &FaceCrop,
) -> (Option<Measurements>, Quality) {
    let measured = face.mesh.as_deref().and_then(Measurements::of).map(|measured| {
        let blinks_per_min = blinks.update(face.id, &measured, frame.time_s);
        Measurements { blinks_per_min, ..measured }
    });
    let pose = measured.as_ref().map(|m| &m.pose);
    let signs = Signs::new(frame.image.dimensions(), &face.region, pose, CropLook::of(crop));
    (measured, Quality::of(&signs))
}

impl Faces {
    fn new(search: FaceSearch) -> Self {
        match search {
            FaceSearch::Detect { detector, settings, track } => {
                Self::Found { finder: Box::new(FaceFinder::new(detector, settings)), track }
            }
            FaceSearch::WholePicture => Self::WholePicture,
        }
    }

    fn are_tracked(&self) -> bool {
        matches!(self, Self::Found { track: true, .. })
    }

    /// The next frame is of another scene.
    fn cut(&mut self) {
        if let Self::Found { finder, track: true } = self {
            finder.cut();
        }
    }

    /// The faces, largest first, with the squares to classify, and whether the whole frame was searched. `time_s`: of the tracks.
    fn find(&mut self, frame: &Frame, time_s: f64, every_frame: bool) -> (Vec<FoundFace>, bool) {
        let found = match self {
            Self::Found { finder, track: true } => {
                finder.search_every_frame(every_frame);
                return (finder.follow(&frame.image, time_s), every_frame);
            }
            Self::Found { finder, track: false } => finder.find(&frame.image),
            Self::WholePicture => {
                let (width, height) = frame.image.dimensions();
                let face = FaceBox { x: 0.0, y: 0.0, width: width as f32, height: height as f32 };
                vec![FoundFace {
                    id: 1,
                    detection: Detection { face, score: 0.0 },
                    mesh: None,
                    region: CropRegion::whole_picture(width, height),
                }]
            }
        };
        (found, true)
    }
}

fn milliseconds(since: Instant) -> f32 {
    since.elapsed().as_secs_f32() * 1000.0
}
