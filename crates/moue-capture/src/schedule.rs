//! When each frame of an animated GIF, WebP or PNG is due, told by the file's structure: no pixel is decoded.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use image::ImageFormat;

use super::apng;

/// Most frames of an animation; their times take eight bytes each.
const MAX_FRAMES: usize = 1_000_000;
/// Frames with a shorter time, in milliseconds, are shown for [`DEFAULT_MS`], as browsers do.
const SHORTEST_MS: u32 = 11;
const DEFAULT_MS: u32 = 100;

/// The frames' times in seconds from the start of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    /// When each frame begins, in order; the first at 0.
    starts_s: Arc<[f64]>,
    /// When the last one ends.
    end_s: f64,
}

impl Schedule {
    /// The schedule of frames with these display times, in milliseconds.
    pub(super) fn of(shown_ms: &[u32]) -> Self {
        let mut now_ms = 0u64;
        let starts_s = shown_ms.iter().map(|ms| {
            let start_s = now_ms as f64 / 1000.0;
            now_ms += u64::from(if *ms < SHORTEST_MS { DEFAULT_MS } else { *ms });
            start_s
        });
        Self { starts_s: starts_s.collect(), end_s: now_ms as f64 / 1000.0 }
    }

    /// The schedule of a file. It ends at a cut or damaged place: the frames before can be shown.
    pub(super) fn read(path: &Path, format: ImageFormat) -> Result<Self, String> {
        let file = BufReader::new(File::open(path).map_err(|e| e.to_string())?);
        let shown_ms = match format {
            ImageFormat::Gif => gif_times(file)?,
            ImageFormat::WebP => webp_times(file),
            ImageFormat::Png => apng::times_ms(file, MAX_FRAMES),
            _ => return Err("expected a GIF, a WebP or a PNG, found something else".into()),
        };
        if shown_ms.len() > MAX_FRAMES {
            return Err(format!("expected at most {MAX_FRAMES} frames, found more"));
        }
        Ok(Self::of(&shown_ms))
    }

    /// The number of frames.
    pub(super) fn len(&self) -> usize {
        self.starts_s.len()
    }

    /// When frame `index` begins; the end, where there is none.
    pub(super) fn start_s(&self, index: usize) -> f64 {
        self.starts_s.get(index).copied().unwrap_or(self.end_s)
    }

    pub(super) fn end_s(&self) -> f64 {
        self.end_s
    }

    /// The frame that is shown at `time_s`.
    pub(super) fn frame_at(&self, time_s: f64) -> usize {
        // A time that went through the slider may be rounded.
        self.starts_s.partition_point(|start_s| *start_s <= time_s + 1e-6).saturating_sub(1)
    }

    /// The first `count` frames only.
    pub(super) fn cut(&self, count: usize) -> Self {
        let end_s = self.start_s(count);
        Self { starts_s: self.starts_s.iter().take(count).copied().collect(), end_s }
    }
}

fn gif_times(input: impl Read) -> Result<Vec<u32>, String> {
    let mut options = gif::DecodeOptions::new();
    options.skip_frame_decoding(true);
    let mut decoder = options.read_info(input).map_err(|e| e.to_string())?;
    let mut shown_ms = Vec::new();
    while let Ok(Some(frame)) = decoder.next_frame_info() {
        shown_ms.push(u32::from(frame.delay) * 10);
        if shown_ms.len() > MAX_FRAMES {
            break;
        }
    }
    Ok(shown_ms)
}

/// Of a RIFF file's chunks those named ANMF are frames; each has its time in bytes 12 to 14.
/// <https://developers.google.com/speed/webp/docs/riff_container#animation>
fn webp_times(mut input: BufReader<File>) -> Vec<u32> {
    let mut shown_ms = Vec::new();
    // "RIFF", the size, and "WEBP".
    let mut at = 12;
    while shown_ms.len() <= MAX_FRAMES && input.seek(SeekFrom::Start(at)).is_ok() {
        let mut header = [0; 8];
        if input.read_exact(&mut header).is_err() {
            break;
        }
        let [.., a, b, c, d] = header;
        let size = u64::from(u32::from_le_bytes([a, b, c, d]));
        if header.starts_with(b"ANMF") {
            let mut frame = [0; 16];
            if input.read_exact(&mut frame).is_err() {
                break;
            }
            shown_ms.push(u32::from_le_bytes([frame[12], frame[13], frame[14], 0]));
        }
        // Chunks of odd sizes are filled up.
        at += 8 + size + size % 2;
    }
    shown_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_by_time_and_short_times_are_longer() {
        let schedule = Schedule::of(&[40, 200, 0, 50]);
        assert_eq!((schedule.len(), schedule.end_s()), (4, 0.39));
        let starts: Vec<f64> = (0..5).map(|i| schedule.start_s(i)).collect();
        assert_eq!(starts, [0.0, 0.04, 0.24, 0.34, 0.39]);
        for i in 0..4 {
            assert_eq!(schedule.frame_at(schedule.start_s(i)), i);
            assert_eq!(schedule.frame_at(schedule.start_s(i + 1) - 0.001), i);
        }
        assert_eq!((schedule.frame_at(-1.0), schedule.frame_at(99.0)), (0, 3));
        let cut = schedule.cut(2);
        assert_eq!((cut.len(), cut.end_s(), cut.start_s(1)), (2, 0.24, 0.04));
    }
}
