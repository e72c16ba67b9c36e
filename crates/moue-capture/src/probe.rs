//! What `ffprobe` says of a video file, before a frame of it is decoded.

use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;

use super::ffmpeg::{self, INPUT_LIMITS, MAX_FILE_PIXELS};
use super::{CaptureError, formats};

/// A rate this high is the container's clock, not a frame rate: Matroska counts milliseconds.
const HIGHEST_RATE: f64 = 999.0;

/// The stream that is shown, and what the container claims of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct VideoStream {
    /// Its number among all streams of the file.
    pub(super) index: u32,
    /// Names of the container's format, as ffmpeg has them.
    pub(super) container: String,
    /// Mean number of frames a second, where it is known.
    pub(super) rate: Option<f64>,
    /// When its last frame ends, in seconds from the start of the file.
    pub(super) end_s: Option<f64>,
    /// How many frames there should be, and whether the container counted them.
    pub(super) claimed: Option<Claim>,
    /// Whether its colours are those of high dynamic range.
    pub(super) hdr: Option<Hdr>,
    /// Its number in an MPEG transport stream.
    pub(super) pid: Option<u16>,
}

/// How many frames a file should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) frames: u64,
    /// Whether the file states the count; otherwise it is computed from the length.
    pub(super) counted: bool,
}

/// How high dynamic range is written down (ITU-R BT.2100).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hdr {
    /// Perceptual quantizer, SMPTE ST 2084.
    Pq,
    /// Hybrid log-gamma.
    Hlg,
}

impl VideoStream {
    /// Length of a frame in seconds; the mean, where each has its own.
    pub(super) fn frame_s(&self) -> f64 {
        self.rate.map_or(0.04, |rate| 1.0 / rate)
    }

    /// Whether ffmpeg finds no place in the file but by decoding up to it: it has no container.
    pub(super) fn is_bare(&self) -> bool {
        ["mjpeg", "h264", "hevc", "m4v", "mpegvideo", "obu", "av1", "apng", "dv"]
            .iter()
            .any(|bare| self.container == *bare)
    }
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Default, Deserialize)]
struct Format {
    #[serde(default)]
    format_name: String,
    start_time: Option<String>,
    duration: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stream {
    index: u32,
    codec_type: String,
    id: Option<String>,
    width: u32,
    height: u32,
    avg_frame_rate: Option<String>,
    r_frame_rate: Option<String>,
    nb_frames: Option<String>,
    start_time: Option<String>,
    duration: Option<String>,
    color_transfer: Option<String>,
    disposition: Disposition,
    tags: Tags,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
    still_image: u8,
    timed_thumbnails: u8,
}

#[derive(Debug, Default, Deserialize)]
struct Tags {
    /// Matroska has the length of a stream here.
    #[serde(rename = "DURATION")]
    duration: Option<String>,
}

impl Stream {
    /// A cover or a thumbnail is a stream as well.
    fn is_film(&self) -> bool {
        let of = &self.disposition;
        self.codec_type == "video" && of.attached_pic + of.still_image + of.timed_thumbnails == 0
    }

    fn rate(&self) -> Option<f64> {
        [&self.avg_frame_rate, &self.r_frame_rate]
            .into_iter()
            .flatten()
            .filter_map(|text| rate_of(text))
            .find(|rate| *rate > 0.0 && *rate < HIGHEST_RATE)
    }
}

/// Asks for the first real video stream, one that is no cover.
pub(super) fn probe(path: &Path, format: Option<&'static str>) -> Result<VideoStream, CaptureError> {
    let unusable = |reason: String| CaptureError::Unusable { path: path.to_owned(), reason };
    if std::fs::metadata(path).is_ok_and(|m| m.len() == 0) {
        return Err(unusable("the file is empty; copy or download it again".into()));
    }
    let entries = "stream=index,codec_type,id,width,height,avg_frame_rate,r_frame_rate,nb_frames,start_time,duration,\
        color_transfer:stream_disposition=attached_pic,still_image,timed_thumbnails:stream_tags=DURATION:\
        format=format_name,start_time,duration";
    let output = ffmpeg::command("ffprobe")
        .args(["-v", "error"])
        .args(INPUT_LIMITS)
        .args(format.into_iter().flat_map(|name| ["-f", name]))
        .args(["-of", "json", "-show_entries", entries])
        .arg(ffmpeg::input_name(path))
        .stdin(Stdio::null())
        .output()
        .map_err(|e| ffmpeg::not_started("ffprobe", path, &e))?;
    if !output.status.success() {
        return Err(unusable(refusal(path, &output.stderr)));
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|e| unusable(format!("ffprobe's answer cannot be read: {e}")))?;
    let stream = chosen(&answer).ok_or_else(|| unusable(nothing_to_see(path, &answer)))?;
    if u64::from(stream.width) * u64::from(stream.height) > MAX_FILE_PIXELS {
        return Err(unusable(format!(
            "expected a video of at most {} megapixels, found {}x{}",
            MAX_FILE_PIXELS / 1_000_000,
            stream.width,
            stream.height
        )));
    }
    Ok(described(stream, &answer.format))
}

fn chosen(answer: &Answer) -> Option<&Stream> {
    // ffprobe takes a file's ending for its format: whatever is called .png is a picture without a size.
    answer.streams.iter().find(|s| s.is_film() && s.width > 0 && s.height > 0)
}

fn described(stream: &Stream, format: &Format) -> VideoStream {
    let start_s = seconds(&format.start_time).unwrap_or(0.0);
    let own_start_s = seconds(&stream.start_time).unwrap_or(start_s) - start_s;
    let length = |text: &Option<String>| seconds(text).filter(|s| *s > 0.0);
    let end_s = length(&stream.duration)
        .map(|s| own_start_s + s)
        .or_else(|| stream.tags.duration.as_deref().and_then(clock).map(|s| s - start_s))
        .or_else(|| length(&format.duration))
        .filter(|s| s.is_finite() && *s > 0.0);
    let rate = stream.rate();
    let computed =
        rate.zip(end_s).map(|(rate, end_s)| ((end_s - own_start_s).max(0.0) * rate).round() as u64);
    let counted = stream.nb_frames.as_deref().and_then(|n| n.parse::<u64>().ok()).filter(|n| *n > 0);
    let claimed = match (counted, computed) {
        // What an edit list leaves out is in the file, but not in the film.
        (Some(counted), Some(computed))
            if format.format_name.starts_with("mov") && computed + 2 + counted / 50 < counted =>
        {
            Some(Claim { frames: computed, counted: false })
        }
        (Some(frames), _) => Some(Claim { frames, counted: true }),
        (None, computed) => computed.map(|frames| Claim { frames, counted: false }),
    };
    VideoStream {
        index: stream.index,
        container: format.format_name.clone(),
        rate,
        end_s,
        claimed,
        hdr: match stream.color_transfer.as_deref() {
            Some("smpte2084") => Some(Hdr::Pq),
            Some("arib-std-b67") => Some(Hdr::Hlg),
            _ => None,
        },
        pid: stream.id.as_deref().and_then(|id| u16::from_str_radix(id.strip_prefix("0x")?, 16).ok()),
    }
}

/// Why ffprobe took nothing from the file, in words that help.
fn refusal(path: &Path, said: &[u8]) -> String {
    if let Some(what) = formats::unreadable(path) {
        return what;
    }
    if String::from_utf8_lossy(said).contains("moov atom not found") {
        return "the file is cut: its table of contents, which MP4 and MOV files have at the end, is missing; copy or \
                download it again (untrunc can repair some such files)"
            .into();
    }
    format!("no picture and no video: {}", ffmpeg::last_line(said))
}

fn nothing_to_see(path: &Path, answer: &Answer) -> String {
    if let Some(what) = formats::unreadable(path) {
        return what;
    }
    let has = |kind: &str| answer.streams.iter().any(|s| s.codec_type == kind);
    match (has("video"), has("audio")) {
        (true, true) => "no picture and no video: a sound file with a cover picture",
        (false, true) => "no picture and no video: a sound file",
        _ => "no picture and no video",
    }
    .into()
}

fn seconds(text: &Option<String>) -> Option<f64> {
    text.as_deref()?.parse::<f64>().ok().filter(|s| s.is_finite())
}

/// "00:01:02.5" in seconds.
fn clock(text: &str) -> Option<f64> {
    let parts = text.split(':').map(|part| part.parse::<f64>().ok()).collect::<Option<Vec<_>>>()?;
    let [h, m, s] = parts[..] else { return None };
    Some((h * 60.0 + m) * 60.0 + s)
}

/// "30000/1001" in frames a second.
fn rate_of(text: &str) -> Option<f64> {
    let (n, d) = text.split_once('/')?;
    let (n, d): (f64, f64) = (n.parse().ok()?, d.parse().ok()?);
    (d > 0.0).then(|| n / d)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn stream_of(json: &str) -> Option<VideoStream> {
        let answer: Answer = serde_json::from_str(json).unwrap();
        chosen(&answer).map(|stream| described(stream, &answer.format))
    }

    #[test]
    fn frame_rates_are_fractions() {
        assert!((rate_of("30000/1001").unwrap() - 29.97).abs() < 0.001);
        assert_eq!(rate_of("25/1"), Some(25.0));
        assert_eq!(rate_of("0/0"), None);
        assert_eq!(clock("01:00:02.5"), Some(3602.5));
        assert_eq!(clock("N/A"), None);
    }

    #[test]
    fn a_cover_is_no_film_and_a_clock_no_rate() {
        let cover =
            r#"{"index":0,"codec_type":"video","width":9,"height":9,"disposition":{"attached_pic":1}}"#;
        let film = r#"{"index":2,"codec_type":"video","width":9,"height":9,"r_frame_rate":"1000/1","avg_frame_rate":"0/0"}"#;
        let stream = stream_of(&format!(r#"{{"streams":[{cover},{film}]}}"#)).unwrap();
        assert_eq!((stream.index, stream.rate, stream.claimed), (2, None, None));
        assert!(stream_of(&format!(r#"{{"streams":[{cover}]}}"#)).is_none());
    }

    #[test]
    fn what_an_edit_list_leaves_out_is_not_missed() {
        let file = |nb: u64| {
            stream_of(&format!(
                r#"{{"streams":[{{"index":0,"codec_type":"video","width":9,"height":9,"avg_frame_rate":"25/1",
                "nb_frames":"{nb}","start_time":"1.5","duration":"2.0"}}],
                "format":{{"format_name":"mov,mp4","start_time":"1.0","duration":"9.0"}}}}"#
            ))
            .unwrap()
        };
        assert_eq!(file(50).claimed, Some(Claim { frames: 50, counted: true }));
        assert_eq!(file(90).claimed, Some(Claim { frames: 50, counted: false }));
        assert_eq!(file(50).end_s, Some(2.5));
    }
}
