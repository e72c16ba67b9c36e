//! Opens files as sources and reads them.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::Path;
use std::process::{Command, Stdio};

use image::Rgb;
use moue_capture::{CaptureError, Frame, FrameSource, Pace, SourceSpec, open_source};

/// The file or folder as a source, without a remark.
pub fn open(path: &Path, pace: Pace) -> Result<Box<dyn FrameSource>, CaptureError> {
    open_source(&SourceSpec::Path(path.to_owned()), pace).map(|opened| {
        assert!(opened.note.is_none());
        opened.source
    })
}

/// All frames of a finite source; a timeout is asked again.
pub fn frames(source: &mut dyn FrameSource) -> Vec<Frame> {
    let mut all = Vec::new();
    loop {
        match source.next_frame() {
            Ok(Some(frame)) => all.push(frame),
            Ok(None) => return all,
            Err(CaptureError::Timeout { .. }) => {}
            Err(e) => panic!("{e}"),
        }
    }
}

/// Whether two colours are the same but for compression.
pub fn near(pixel: &Rgb<u8>, expected: [u8; 3]) -> bool {
    pixel.0.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 24)
}

/// Whether the programs that decode videos are there.
pub fn has_ffmpeg() -> bool {
    let found = ["ffmpeg", "ffprobe"].iter().all(|program| {
        Command::new(program)
            .arg("-version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    });
    if !found {
        crate::common::skip("ffmpeg is not installed");
    }
    found
}
