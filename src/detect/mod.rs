//! Finds faces in a frame, and follows them from frame to frame.

mod detector;
mod face;

pub use detector::{DetectorSettings, FaceDetector};
pub use face::{Detection, FaceBox};
