//! Finds faces in a frame, and follows them from frame to frame.

mod detector;
mod face;
mod follower;
pub mod mediapipe;
mod tracker;

pub use detector::{DetectorSettings, FaceDetector};
pub use face::{Detection, FaceBox};
pub use follower::FaceFollower;
pub use tracker::{TrackedFace, Tracker};
