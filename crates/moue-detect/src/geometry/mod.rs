//! What the mesh's points tell in degrees and lengths: how the head is turned, how far eyes and mouth are open.
//!
//! Distances and angles only. They say nothing of what a person feels, and nothing of where the eyes look.

mod blinks;
mod expression_shape;
mod openings;
mod pose;
mod proportions;
mod shape;

pub use blinks::{BlinkWatch, EYES_SEEN_WITHIN, EyeWatch, EyesSeen};
pub use expression_shape::expression_shape;
pub use openings::{eye_openings, mouth_opening};
pub use pose::{HeadPose, shape_fit};
pub use proportions::face_proportions;
pub use shape::RIGID;

use crate::mediapipe::FaceMesh;

/// What was measured on a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurements {
    /// How the head is turned.
    pub pose: HeadPose,
    /// Openings of the person's right and left eye, see [`eye_openings`].
    pub eyes: [f32; 2],
    /// Opening of the mouth, see [`mouth_opening`].
    pub mouth: f32,
    /// Blinks a minute, where the face was watched for long enough: see [`BlinkWatch`].
    pub blinks_per_min: Option<f32>,
}

impl Measurements {
    /// What one mesh tells; blinks need several. `None` where the points are no face's: too few, no numbers, or all in
    /// one place.
    #[must_use]
    pub fn of(mesh: &FaceMesh) -> Option<Self> {
        let pose = HeadPose::of(mesh)?;
        let (eyes, mouth) = (eye_openings(mesh), mouth_opening(mesh));
        let numbers = eyes.iter().all(|v| v.is_finite()) && mouth.is_finite();
        numbers.then_some(Self { pose, eyes, mouth, blinks_per_min: None })
    }
}
