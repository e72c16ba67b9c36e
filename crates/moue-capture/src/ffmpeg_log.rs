//! What ffmpeg says while it decodes: when each frame is shown, and what is wrong with the file.

use std::io::Read;

use crossbeam_channel::Sender;
use moue_files::excerpt;

use super::ffmpeg::lines;

/// Errors that say nothing of the frames: application data in an MJPEG, what a stream's first frames refer to where it
/// was recorded from the middle of a stream, and times of the output, which are not used.
const HARMLESS: [&str; 4] =
    ["APP fields", "co located POCs unavailable", "mmco: unref short failure", "increasing dts to muxer"];
/// Errors that only follow from others.
const GENERAL: [&str; 3] = ["Error while decoding stream", "Conversion failed", "Error submitting packet"];
/// Most frames without a readable message between two that have one.
const MAX_GAP: u64 = 1000;

/// What the file says of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Stamp {
    /// Seconds from the start of the file; `None` where the file has none for this frame.
    pub(super) time_s: Option<f64>,
    /// Width and height in pixels, upright.
    pub(super) size: (u32, u32),
    /// A pixel's width and height; 0 where it says nothing.
    pub(super) sar: (u32, u32),
}

impl Stamp {
    /// The size with square pixels.
    pub(super) fn square_size(&self) -> Option<(u32, u32)> {
        let (w, h) = self.size;
        let longest = super::ffmpeg::MAX_SIDE_PX as f64;
        let ratio = if self.sar.0 == 0 || self.sar.1 == 0 {
            1.0
        } else {
            f64::from(self.sar.0) / f64::from(self.sar.1)
        };
        let (w, h) = (f64::from(w) * ratio.max(1.0), f64::from(h) * (1.0 / ratio).max(1.0));
        let scale = (longest / w.max(h)).min(1.0);
        (w > 0.0 && h > 0.0)
            .then(|| ((w * scale).round().max(1.0) as u32, (h * scale).round().max(1.0) as u32))
    }
}

/// The messages of one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct FfmpegLog {
    /// The first error; those after it mostly follow from it.
    pub(super) first_error: Option<String>,
    /// It does not know an option, since it is older.
    pub(super) unknown_option: bool,
}

/// Reads ffmpeg's messages to the end, and passes on each frame's time.
pub(super) fn read_log(errors: impl Read, stamps: &Sender<Stamp>) -> FfmpegLog {
    let mut listener = Listener::default();
    lines(errors, |line| {
        listener.line(line, |stamp| {
            // Fails when the receiver is gone: the time is not needed any more.
            let _ = stamps.send(stamp);
        });
    });
    listener.log
}

#[derive(Default)]
struct Listener {
    log: FfmpegLog,
    /// Seconds in one unit of the times.
    unit_s: Option<f64>,
    /// The number of the frame that comes next.
    expected: u64,
}

impl Listener {
    fn line(&mut self, line: &str, mut stamp: impl FnMut(Stamp)) {
        let line = line.trim_end();
        // `[Parsed_showinfo_0 @ 0x55] [info] n:   0 pts:   1001 ...`; a title in the file cannot begin a line.
        if line.starts_with("[Parsed_showinfo") {
            if let Some((_, text)) = line.split_once("config in time_base:") {
                let fraction = text.trim().split(',').next().and_then(|f| f.split_once('/'));
                self.unit_s =
                    fraction.and_then(|(n, d)| Some(n.parse::<f64>().ok()? / d.parse::<f64>().ok()?));
            } else if let Some(number) = number(line) {
                let found = self.stamp(line);
                // Where another thread's message fell into the line, its frame came all the same. Where the frames
                // change their size, numbers start again.
                if (self.expected + 1..self.expected + MAX_GAP).contains(&number) {
                    for _ in self.expected..number {
                        stamp(Stamp { time_s: None, ..found });
                    }
                }
                self.expected = number + 1;
                stamp(found);
            }
            return;
        }
        self.message(line);
    }

    fn stamp(&self, line: &str) -> Stamp {
        let pair = |name: &str, by: char| {
            let (a, b) = field(line, name)?.split_once(by)?;
            Some((a.parse().ok()?, b.parse().ok()?))
        };
        let time_s = field(line, "pts:").and_then(|n| n.parse::<i64>().ok()).zip(self.unit_s);
        Stamp {
            time_s: time_s.map(|(n, unit_s)| n as f64 * unit_s).filter(|s| s.is_finite()),
            size: pair(" s:", 'x').unwrap_or_default(),
            sar: pair("sar:", '/').unwrap_or_default(),
        }
    }

    fn message(&mut self, line: &str) {
        if line.contains("Unrecognized option 'fps_mode'") {
            self.log.unknown_option = true;
        }
        let Some((level, text)) = ["[error]", "[fatal]", "[panic]", "[warning]"]
            .iter()
            .find_map(|level| Some((*level, line.split_once(level)?.1.trim())))
        else {
            return;
        };
        let bad = match level {
            "[warning]" => text.to_lowercase().contains("corrupt"),
            _ => !HARMLESS.iter().any(|harmless| text.contains(harmless)),
        };
        let first = self.log.first_error.as_deref();
        let follows = GENERAL.iter().any(|general| text.starts_with(general));
        if bad
            && (first.is_none()
                || (first.is_some_and(|f| GENERAL.iter().any(|g| f.starts_with(g))) && !follows))
        {
            self.log.first_error = Some(excerpt(text, 300));
        }
    }
}

/// The frame's number, where the line is about a frame.
fn number(line: &str) -> Option<u64> {
    let (_, text) = line.split_once("[info] ")?;
    text.strip_prefix("n:")?.split_whitespace().next()?.parse().ok()
}

/// The word after `name`.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(name)?;
    rest.split_whitespace().next()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn heard(text: &str) -> (Vec<Stamp>, FfmpegLog) {
        let (sender, stamps) = crossbeam_channel::unbounded();
        let log = read_log(text.as_bytes(), &sender);
        drop(sender);
        (stamps.iter().collect(), log)
    }

    #[test]
    fn each_frame_has_its_own_time() {
        let (stamps, log) = heard(
            "[Parsed_showinfo_0 @ 0x1] [info] config in time_base: 1/24000, frame_rate: 24000/1001\n\
             [Parsed_showinfo_0 @ 0x1] [info] n:   0 pts:   1001 pts_time:0.0417083 pos: 48 fmt:yuv420p sar:0/1 s:640x360 i:P\n\
             [Parsed_showinfo_0 @ 0x1] [info] color_range:tv color_space:unknown\n\
             [Parsed_showinfo_0 @ 0x1] [info] n:   1 pts:NOPTS pts_time:NOPTS fmt:yuv420p sar:64/45 s:640x360 i:P\n\
             [Parsed_showinfo_0 @ 0x1] [info] n:   3 pts:86400024000 pts_time:3.6e+06 fmt:yuv420p sar:1/1 s:640x360 i:P\n\
             [Parsed_showinfo_1 @ 0x2] [info] n:   0 pts:86400048000 pts_time:3.6e+06 fmt:yuv420p sar:1/1 s:320x240 i:P\n",
        );
        let times: Vec<_> = stamps.iter().map(|s| s.time_s).collect();
        // One line was lost; its frame was not.
        assert_eq!(times, [Some(1001.0 / 24000.0), None, None, Some(3_600_001.0), Some(3_600_002.0)]);
        assert_eq!((stamps[1].sar, stamps[1].square_size()), ((64, 45), Some((910, 360))));
        assert_eq!(stamps[4].size, (320, 240));
        assert_eq!(log, FfmpegLog::default());
    }

    #[test]
    fn the_first_error_is_kept_and_titles_are_no_times() {
        let (stamps, log) = heard(
            "    title           : n: 5 pts: 7\n\
             [info] Stream mapping:\n\
             [swscaler @ 0x1] [warning] deprecated pixel format used\n\
             [mjpeg @ 0x1] [error] unable to decode APP fields: Invalid data\n\
             [error] Error while decoding stream #0:0: Invalid data\n\
             [h264 @ 0x1] [error] Invalid NAL unit size\n\
             [h264 @ 0x1] [error] another\n",
        );
        assert!(stamps.is_empty());
        assert_eq!(log.first_error.as_deref(), Some("Invalid NAL unit size"));
        assert_eq!(
            heard("[w @ 0x1] [warning] Packet corrupt (stream = 0)\n").1.first_error.unwrap(),
            "Packet corrupt (stream = 0)"
        );
    }
}
