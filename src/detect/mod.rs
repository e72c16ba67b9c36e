//! Finds faces in a frame.

mod face;

pub use face::{Detection, FaceBox};
