//! What is drawn over a frame, and on what: the words that the overlay and its labels share.

use moue_detect::mediapipe::FaceMesh;
use moue_detect::{CropRegion, FaceBox};

/// A face and what is written beside it.
#[derive(Debug, Clone, Copy)]
pub struct OverlayFace<'a> {
    /// The person.
    pub id: u64,
    /// The bounding box in pixels of the frame.
    pub face: FaceBox,
    /// The crop that was classified.
    pub region: CropRegion,
    /// The label in words.
    pub label: &'a str,
    /// Why the face may be misread, in words: by `hint_text`.
    pub hint: Option<&'a str>,
    /// The face's points.
    pub mesh: Option<&'a FaceMesh>,
}

/// What it is drawn on.
pub struct Canvas<'a> {
    /// Width and height of the frame in pixels.
    pub frame_px: (u32, u32),
    /// Points that a pixel of the frame takes. Lines and letters are measured in points: how large the frame is shown
    /// changes neither.
    pub points_per_px: f32,
    /// The part of the frame that is seen, in points from its top left corner as it is shown: left, top, right, bottom.
    /// Labels stay within it.
    pub seen: [f32; 4],
    /// A part of the frame that labels leave free where they can, as `seen`.
    pub taken: Option<[f32; 4]>,
    /// Width and height of a text with letters of a size, both in points.
    pub measure: &'a dyn Fn(&str, f32) -> [f32; 2],
}

/// One thing to draw. Places are in points from the frame's top left corner, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// The heatmap of the face at this position in the list, its own corners from the top left one on clockwise.
    Heat {
        /// Position of the face.
        face: usize,
        /// Where the map's corners lie.
        corners: [[f32; 2]; 4],
    },
    /// A closed line.
    Outline {
        /// Its points.
        points: Vec<[f32; 2]>,
        /// Its thickness.
        width: f32,
        /// Its colour.
        colour: [u8; 3],
    },
    /// Separate straight lines.
    Wires {
        /// Both ends of each.
        lines: Vec<[[f32; 2]; 2]>,
        /// Their thickness.
        width: f32,
        /// Their colour.
        colour: [u8; 3],
        /// How strongly they cover the picture, 0..=1.
        opacity: f32,
    },
    /// Black letters on a rounded ground.
    Label {
        /// The text.
        text: String,
        /// The ground: left, top, width, height.
        ground: [f32; 4],
        /// Radius of its corners.
        corner: f32,
        /// Where the text's top left corner lies.
        at: [f32; 2],
        /// Height of the letters.
        letters: f32,
        /// Colour of the ground.
        colour: [u8; 3],
    },
}
