//! Finds faces in a frame, and follows them from frame to frame.
#![forbid(unsafe_code)]

mod auto;
mod crop;
mod detector;
mod face;
mod finder;
mod follower;
pub mod mediapipe;
mod search;
mod tracker;

pub use crop::{CropRegion, append_crop};
pub use detector::{DetectorSettings, FaceDetector};
pub use face::{Detection, FaceBox};
pub use finder::{DetectorKind, FaceFinder, FoundFace, UnknownDetector};
pub use follower::FaceFollower;
pub use tracker::{TrackedFace, Tracker};
