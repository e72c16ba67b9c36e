//! Finds faces in a frame, and follows them from frame to frame.

mod detector;
mod face;
mod tracker;

pub use detector::{DetectorSettings, FaceDetector};
pub use face::{Detection, FaceBox};
pub use tracker::{TrackedFace, Tracker};
