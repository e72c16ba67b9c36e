//! Finds faces in a frame, and follows them from frame to frame.
#![forbid(unsafe_code)]

mod auto;
mod crop;
mod detector;
mod face;
mod finder;
mod follower;
pub mod geometry;
pub mod mediapipe;
pub mod quality;
mod search;
mod tracker;

pub use crop::{CropRegion, FaceCrop, append_crop};
pub use detector::{DetectorSettings, FaceDetector};
pub use face::{Detection, FaceBox};
pub use finder::{DetectorKind, FaceFinder, FoundFace, UnknownDetector};
pub use follower::FaceFollower;
pub use geometry::{HeadPose, Measurements};
pub use quality::{Quality, Reason};
pub use tracker::{TrackedFace, Tracker};
