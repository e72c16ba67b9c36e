//! Threads, latest-value mailboxes and timings between the camera and the window.

mod analyzer;

pub use analyzer::{AnalyzedFace, AnalyzedFrame, FaceSearch, FrameAnalyzer};
