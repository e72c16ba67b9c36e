//! The annotated video, encoded by the `ffmpeg` program.
//!
//! Raw frames go through its standard input. The file is a fragmented MP4: where this program is killed, ffmpeg
//! finds the end of its input and closes the file; where both are killed, it plays up to its last fragment.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::thread::JoinHandle;

use image::{RgbImage, imageops};
use moue_capture::ffmpeg;

use super::blur::hide_faces;
use super::error::RecordError;
use super::hiding::{Hidden, HidingQueue};
use super::options::VideoOptions;
use super::overlay::OverlayStyle;
use super::picture::{AnnotatedFrame, Annotations, PictureStyle};

/// Encoders by preference; the last one is in every ffmpeg.
const ENCODERS: [&str; 3] = ["libx264", "libopenh264", "mpeg4"];

/// Writes one video.
pub(super) struct VideoWriter {
    path: PathBuf,
    options: VideoOptions,
    annotations: Annotations,
    encoder: &'static str,
    running: Option<Running>,
    /// Frames that were written.
    written: u64,
    last: Option<RgbImage>,
    /// Frames that wait because faces are hidden in them.
    hiding: HidingQueue,
}

struct Running {
    child: Child,
    input: Option<ChildStdin>,
    size_px: (u32, u32),
    messages: Option<JoinHandle<String>>,
}

impl VideoWriter {
    /// Asks ffmpeg what it can encode; the file is made with the first frame.
    pub(super) fn new(path: &Path, options: VideoOptions) -> Result<Self, RecordError> {
        let failed = |reason: &str| RecordError::Video { path: path.to_owned(), reason: reason.into() };
        let annotations = Annotations::new().ok_or_else(|| failed("no font"))?;
        let output = ffmpeg::command("ffmpeg")
            .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-encoders"])
            .stdin(Stdio::null())
            .output()
            .map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => RecordError::NoFfmpeg,
                _ => failed(&format!("ffmpeg cannot be started: {e}")),
            })?;
        let list = String::from_utf8_lossy(&output.stdout);
        let has = |name: &str| list.split_whitespace().any(|word| word == name);
        let encoder = ENCODERS
            .into_iter()
            .find(|name| has(name))
            .ok_or_else(|| failed("this ffmpeg has no encoder for MP4 (libx264, libopenh264, mpeg4)"))?;
        Ok(Self {
            path: path.to_owned(),
            options,
            annotations,
            encoder,
            running: None,
            written: 0,
            last: None,
            hiding: HidingQueue::default(),
        })
    }

    /// Adds the frame that was there from `time_s` on; the one before it is repeated until then. Where faces are hidden it
    /// must have been searched as a whole, and waits for those that are found a moment later.
    pub(super) fn add(&mut self, frame: AnnotatedFrame, time_s: f64) -> Result<(), RecordError> {
        if !self.options.blur {
            return self.write(time_s, |s| s.annotations.draw(&frame, &s.options.style));
        }
        for hidden in self.hiding.push(frame, time_s) {
            self.write_hidden(hidden)?;
        }
        Ok(())
    }

    fn write_hidden(&mut self, (frame, time_s, places): Hidden) -> Result<(), RecordError> {
        self.write(time_s, |s| {
            let mut picture = (*frame.image).clone();
            hide_faces(&mut picture, &places);
            let frame = AnnotatedFrame { image: picture.into(), faces: frame.faces };
            // A hidden face has no mesh.
            let overlay = OverlayStyle { mesh: false, ..s.options.style.overlay };
            s.annotations.draw(&frame, &PictureStyle { overlay, ..s.options.style })
        })
    }

    fn write(&mut self, time_s: f64, draw: impl FnOnce(&Self) -> RgbImage) -> Result<(), RecordError> {
        let due = (time_s.max(0.0) * self.options.frame_rate).round() as u64;
        if self.running.is_some() && due < self.written {
            return Ok(());
        }
        let picture = draw(self);
        if self.running.is_none() {
            self.running = Some(self.start(picture.dimensions())?);
            self.last = Some(picture.clone());
        }
        // The video begins with the recording: the first frame is shown until it is due.
        while self.written < due {
            self.write_last()?;
        }
        let size_px = self.running.as_ref().map_or(picture.dimensions(), |r| r.size_px);
        self.last = Some(fitted(picture, size_px));
        self.write_last()
    }

    fn start(&self, size_px: (u32, u32)) -> Result<Running, RecordError> {
        let mut child = ffmpeg::command("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-n"])
            .args(["-f", "rawvideo", "-pix_fmt", "rgb24"])
            .args(["-s", &format!("{}x{}", size_px.0, size_px.1)])
            .args(["-framerate", &format!("{}", self.options.frame_rate)])
            .args(["-i", "pipe:0", "-an"])
            // Colours at half the resolution need even sides.
            .args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,format=yuv420p"])
            .args(["-c:v", self.encoder])
            .args(if self.encoder == "libx264" {
                &["-preset", "veryfast", "-crf", "23"][..]
            } else {
                &["-b:v", "4M"]
            })
            .args(["-g", "50", "-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-f", "mp4"])
            .arg(&self.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| self.failed(format!("ffmpeg cannot be started: {e}")))?;
        let input = child.stdin.take();
        let errors = child.stderr.take();
        let messages = std::thread::Builder::new()
            .name("recorder-messages".into())
            .spawn(move || errors.map(ffmpeg::last_line).unwrap_or_default())
            .map_err(RecordError::Thread)?;
        Ok(Running { child, input, size_px, messages: Some(messages) })
    }

    fn write_last(&mut self) -> Result<(), RecordError> {
        let (Some(running), Some(picture)) = (&mut self.running, &self.last) else { return Ok(()) };
        let Some(input) = &mut running.input else { return Ok(()) };
        if let Err(e) = input.write_all(picture.as_raw()) {
            // ffmpeg has ended. Its last message says why.
            let message = self.running.take().and_then(|r| r.close().err());
            return Err(self.failed(message.unwrap_or_else(|| e.to_string())));
        }
        self.written += 1;
        Ok(())
    }

    /// Closes the file.
    pub(super) fn finish(&mut self) -> Result<(), RecordError> {
        for hidden in self.hiding.finish() {
            self.write_hidden(hidden)?;
        }
        match self.running.take() {
            Some(running) => running.close().map_err(|reason| self.failed(reason)),
            None => Ok(()),
        }
    }

    fn failed(&self, reason: String) -> RecordError {
        RecordError::Video { path: self.path.clone(), reason }
    }
}

impl Running {
    fn close(mut self) -> Result<(), String> {
        drop(self.input.take());
        let status = self.child.wait().map_err(|e| e.to_string())?;
        let message = self.messages.take().and_then(|m| m.join().ok()).unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        Err(if message.is_empty() { format!("ffmpeg ended with {status}") } else { message })
    }
}

/// The picture at the size of the video; one of another shape keeps its shape, on black.
fn fitted(picture: RgbImage, size_px: (u32, u32)) -> RgbImage {
    if picture.dimensions() == size_px {
        return picture;
    }
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    let scale = (f64::from(size_px.0) / w).min(f64::from(size_px.1) / h);
    let side = |v: f64, most: u32| ((v * scale).round() as u32).clamp(1, most);
    let small = imageops::thumbnail(&picture, side(w, size_px.0), side(h, size_px.1));
    let mut out = RgbImage::new(size_px.0, size_px.1);
    let left = i64::from(size_px.0 - small.width()) / 2;
    let top = i64::from(size_px.1 - small.height()) / 2;
    imageops::replace(&mut out, &small, left, top);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn pictures_of_another_shape_are_fitted() {
        let white = RgbImage::from_pixel(100, 100, Rgb([255; 3]));
        let out = fitted(white, (200, 100));
        assert_eq!((out.get_pixel(10, 50).0, out.get_pixel(100, 50).0), ([0; 3], [255; 3]));
    }
}
