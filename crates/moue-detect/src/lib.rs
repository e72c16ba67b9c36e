//! Finds faces in a frame, and follows them from frame to frame.
#![forbid(unsafe_code)]

mod crop;
mod detector;
mod face;
mod follower;
mod tracker;

pub use crop::{CropRegion, append_crop};
pub use detector::{DetectorSettings, FaceDetector};
pub use face::{Detection, FaceBox};
pub use follower::FaceFollower;
pub use tracker::{TrackedFace, Tracker};
