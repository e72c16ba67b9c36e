//! Finds faces in a frame, and follows them from frame to frame. [`FaceFinder`] is the way in.
//!
//! What a face is called on its way: [`Detection`] (bounding box and score), [`TrackedFace`] (with an id), [`FoundFace`] (with mesh
//! and crop); the program adds the network's reading, and records or draws it.
#![forbid(unsafe_code)]

mod auto;
mod crop;
mod face;
mod finder;
pub mod geometry;
pub mod mediapipe;
pub mod quality;
mod rustface_detector;
mod rustface_follower;
mod search;
mod tracker;

pub use crop::{CropRegion, FaceCrop, append_crop};
pub use face::{Detection, FaceBox};
pub use finder::{DetectorKind, FaceFinder, FoundFace, UnknownDetector};
pub use geometry::{HeadPose, Measurements};
pub use quality::{Quality, Reason};
pub use rustface_detector::{DetectorSettings, RustfaceDetector};
pub use rustface_follower::RustfaceFollower;
pub use tracker::{TrackedFace, Tracker};
