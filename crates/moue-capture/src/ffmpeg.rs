//! The programs `ffmpeg` and `ffprobe`: how they are started, and how frames and their times come out of them.

use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use image::RgbImage;
use moue_files::excerpt;

use super::CaptureError;
use super::ffmpeg_log::{FfmpegLog, Stamp, read_log};

/// Largest frame of a file, in pixels: those of 8K have 33 to 35 million. ffmpeg holds up to some twenty of them.
pub(super) const MAX_FILE_PIXELS: u64 = 36_000_000;
/// Longest side of a frame that is handed over; larger ones are made smaller. A live source has half a dozen at a time.
pub(super) const MAX_SIDE_PX: usize = 4096;
/// Longest piece of a message that is read at once.
const MAX_MESSAGE_BYTES: u64 = 4096;
/// Longest wait for a frame's time, which ffmpeg prints before the frame itself.
const STAMP_WAIT: Duration = Duration::from_secs(5);

/// Containers that are files of their own. Playlists are left out: they lead to other files and to the
/// network, and ffmpeg reads a live one again and again for minutes.
const CONTAINERS: &str = "mov,matroska,avi,flv,mpegts,mpeg,mpegvideo,ogg,asf,gif,apng,mjpeg,mxf,h264,hevc,m4v,\
    nut,rm,dv,ivf,obu,av1,yuv4mpegpipe,wtv,swf,bmp_pipe,tiff_pipe";

/// What ffmpeg and ffprobe are told about every input.
pub(super) const INPUT_LIMITS: [&str; 8] = [
    "-format_whitelist",
    CONTAINERS,
    "-protocol_whitelist",
    "file,crypto,data",
    // The same as `MAX_FILE_PIXELS`; a stream's frames may be larger than its header says.
    "-max_pixels",
    "36000000",
    // The largest piece of memory, in bytes: a frame of that size with 16 bits and transparency takes 288 MB.
    "-max_alloc",
    "301989888",
];

/// ffmpeg before 5.1 knows the option that hands on each frame once by its former name.
static OLD_NAMES: AtomicBool = AtomicBool::new(false);

/// A child process that Ctrl-C in the terminal does not reach: moue ends it itself, so that its output is whole.
#[must_use]
pub fn command(program: &str) -> Command {
    #[cfg_attr(not(any(unix, windows)), expect(unused_mut, reason = "other systems have no such groups"))]
    let mut command = Command::new(program);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    // CREATE_NEW_PROCESS_GROUP.
    #[cfg(windows)]
    std::os::windows::process::CommandExt::creation_flags(&mut command, 0x200);
    command
}

/// ffmpeg takes names such as `-x` or `concat:x` for something else than a file.
pub(super) fn input_name(path: &Path) -> std::ffi::OsString {
    let mut name = std::ffi::OsString::from("file:");
    name.push(path);
    name
}

pub(super) fn not_started(program: &str, path: &Path, error: &io::Error) -> CaptureError {
    let path = path.to_owned();
    match (error.kind(), program) {
        (io::ErrorKind::NotFound, "ffprobe") if is_there("ffmpeg") => CaptureError::NoFfprobe { path },
        (io::ErrorKind::NotFound, _) => CaptureError::NoFfmpeg { path },
        _ => CaptureError::Unusable { path, reason: format!("{program} cannot be started: {error}") },
    }
}

fn is_there(program: &str) -> bool {
    let quiet = command(program)
        .arg("-version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok()
}

/// The last line that says something, 500 characters of it at most.
#[must_use]
pub fn last_line(errors: impl Read) -> String {
    let mut last = String::new();
    lines(errors, |line| {
        if !line.trim().is_empty() {
            last = excerpt(line.trim(), 500);
        }
    });
    last
}

/// Lines of any length, and bytes of any kind: they may quote the file's own texts.
pub(super) fn lines(input: impl Read, mut each: impl FnMut(&str)) {
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    while input.by_ref().take(MAX_MESSAGE_BYTES).read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        each(&String::from_utf8_lossy(&line));
        line.clear();
    }
}

/// A frame as ffmpeg gave it.
pub(super) struct Decoded {
    pub(super) image: RgbImage,
    /// The time that the file gives it, in seconds from the start of the file; `None` where it gives none.
    pub(super) time_s: Option<f64>,
    /// Where the file's frames changed their shape: the size that this one would have with square pixels. `image` was
    /// stretched to the first one's.
    pub(super) own_size: Option<(u32, u32)>,
}

/// Where decoding begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum From {
    /// With the first frame.
    Start,
    /// With the first frame at or after so many seconds, found by the container's index.
    Indexed(f64),
    /// The same, by decoding everything before.
    Decoded(f64),
}

/// Which frames of which file.
pub(super) struct Job<'a> {
    pub(super) path: &'a Path,
    /// ffmpeg's name of the format, where it could take the file for something else.
    pub(super) format: Option<&'static str>,
    /// The stream's number.
    pub(super) stream: u32,
    pub(super) from: From,
    /// Filters that make 8 bits of high dynamic range, for example; each ends with a comma.
    pub(super) colours: &'a str,
    /// Whether it is turned as the file says.
    pub(super) turned: bool,
}

/// A running ffmpeg and the threads that read from it.
pub(super) struct Decoder {
    child: Child,
    pub(super) frames: Receiver<Decoded>,
    reader: Option<JoinHandle<io::Result<()>>>,
    messages: Option<JoinHandle<FfmpegLog>>,
}

/// How a decoder ended.
pub(super) struct Ending {
    pub(super) success: bool,
    pub(super) log: FfmpegLog,
    /// What was wrong with its output.
    pub(super) broken: Option<String>,
}

impl Decoder {
    /// Each stored frame once, upright, with square pixels of 8 bits, as a stream of PPM pictures.
    pub(super) fn start(job: &Job<'_>) -> Result<Self, CaptureError> {
        let unusable = |reason: String| CaptureError::Unusable { path: job.path.to_owned(), reason };
        let mut child = arguments(job)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| not_started("ffmpeg", job.path, &e))?;
        let output = child.stdout.take().ok_or_else(|| unusable("ffmpeg gave no output pipe".into()))?;
        let errors = child.stderr.take().ok_or_else(|| unusable("ffmpeg gave no error pipe".into()))?;
        let (sender, frames) = bounded(2);
        // ffmpeg waits where its frames are not taken, so that this cannot fill up.
        let (stamp, stamps) = unbounded();
        let spawn_failed = |e: io::Error| unusable(format!("no thread for reading ffmpeg's output: {e}"));
        let reader = std::thread::Builder::new()
            .name("video-reader".into())
            .spawn(move || read_frames(BufReader::with_capacity(1 << 20, output), &stamps, &sender))
            .map_err(spawn_failed)?;
        let messages = std::thread::Builder::new()
            .name("video-messages".into())
            .spawn(move || read_log(errors, &stamp))
            .map_err(spawn_failed)?;
        Ok(Self { child, frames, reader: Some(reader), messages: Some(messages) })
    }

    /// Starts one, and waits for its first frame, at most ten seconds.
    pub(super) fn with_first_frame(job: &Job<'_>) -> Result<(Self, Decoded), CaptureError> {
        let unusable = |reason: String| CaptureError::Unusable { path: job.path.to_owned(), reason };
        let mut decoder = Self::start(job)?;
        match decoder.frames.recv_timeout(Duration::from_secs(10)) {
            Ok(frame) => Ok((decoder, frame)),
            Err(RecvTimeoutError::Timeout) => Err(unusable("ffmpeg delivered no frame for 10 s".into())),
            Err(RecvTimeoutError::Disconnected) => {
                let ending = decoder.finish().map_err(|e| unusable(e.to_string()))?;
                if ending.log.unknown_option && !OLD_NAMES.swap(true, Ordering::Relaxed) {
                    return Self::with_first_frame(job);
                }
                Err(unusable(match (ending.log.first_error, ending.broken) {
                    (Some(said), _) => format!("ffmpeg cannot decode it: {said}"),
                    (None, Some(broken)) => broken,
                    (None, None) => "the file holds no video frame".into(),
                }))
            }
        }
    }

    /// Collects the program at its end.
    pub(super) fn finish(&mut self) -> io::Result<Ending> {
        let read = self.reader.take().map(JoinHandle::join);
        let log = self.messages.take().and_then(|m| m.join().ok()).unwrap_or_default();
        let success = self.child.wait()?.success();
        let broken = match read {
            Some(Ok(Err(e))) => Some(format!("ffmpeg's output broke off: {e}")),
            Some(Err(_)) => Some("the thread that reads ffmpeg's output panicked".into()),
            _ => None,
        };
        Ok(Ending { success, log, broken })
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // Both fail only where the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A full channel would keep the reader waiting.
        let (_, nothing) = bounded(0);
        drop(std::mem::replace(&mut self.frames, nothing));
        if let Some(thread) = self.reader.take() {
            let _ = thread.join();
        }
        if let Some(thread) = self.messages.take() {
            let _ = thread.join();
        }
    }
}

/// The first picture of a file, as it lies in it.
pub(super) fn still(path: &Path) -> Result<RgbImage, CaptureError> {
    let job = Job { path, format: None, stream: 0, from: From::Start, colours: "", turned: false };
    Decoder::with_first_frame(&job).map(|(_, first)| first.image)
}

fn arguments(job: &Job<'_>) -> Command {
    let mut command = command("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info"]).args(INPUT_LIMITS);
    let mut first = String::new();
    match job.from {
        From::Start => {}
        // Times stay those of the file.
        From::Indexed(from_s) => {
            command.args(["-copyts", "-start_at_zero", "-ss"]).arg(format!("{from_s:.6}"));
        }
        From::Decoded(from_s) => first = format!("trim=start={from_s:.6},"),
    }
    // The longer side of square pixels, without losing any; then at most so many pixels a side.
    let (w, h) = ("iw*max(1,sar)", "ih*max(1,1/sar)");
    let scale = format!("min(1,{MAX_SIDE_PX}/max({w},{h}))");
    let passthrough = if OLD_NAMES.load(Ordering::Relaxed) {
        ["-vsync", "passthrough"]
    } else {
        ["-fps_mode", "passthrough"]
    };
    if !job.turned {
        command.arg("-noautorotate");
    }
    if let Some(format) = job.format {
        command.args(["-f", format]);
    }
    command
        .arg("-i")
        .arg(input_name(job.path))
        .args(["-map", &format!("0:{}", job.stream)])
        .args(passthrough)
        // The filter showinfo reports the times; the output's own times only have to differ.
        .args(["-enc_time_base", "1/1000000"])
        .arg("-vf")
        .arg(format!(
            "{first}showinfo=checksum=0,{}scale=w='max(1,round({w}*{scale}))':h='max(1,round({h}*{scale}))',format=rgb24",
            job.colours
        ))
        .args(["-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "-"]);
    command
}

fn read_frames(
    mut output: impl io::BufRead,
    stamps: &Receiver<Stamp>,
    sender: &Sender<Decoded>,
) -> io::Result<()> {
    let mut first = None;
    while let Some(image) = read_ppm(&mut output)? {
        let stamp = stamps.recv_timeout(STAMP_WAIT).unwrap_or_default();
        let shape = (stamp.size, stamp.sar);
        let own_size = (*first.get_or_insert(shape) != shape).then(|| stamp.square_size()).flatten();
        // The receiver is gone: the source was closed.
        if sender.send(Decoded { image, time_s: stamp.time_s, own_size }).is_err() {
            break;
        }
    }
    Ok(())
}

/// One binary PPM picture (`P6 width height 255`), as ffmpeg writes them; `None` at the end.
fn read_ppm(input: &mut impl io::BufRead) -> io::Result<Option<RgbImage>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut header = Vec::new();
    for expected in ["magic", "width and height", "maximum"] {
        let mut line = Vec::new();
        if input.by_ref().take(64).read_until(b'\n', &mut line)? == 0 && expected == "magic" {
            return Ok(None);
        }
        header.push(String::from_utf8_lossy(&line).trim().to_owned());
    }
    let (width, height) = header[1]
        .split_once(' ')
        .and_then(|(w, h)| Some((w.parse::<u32>().ok()?, h.parse::<u32>().ok()?)))
        .filter(|_| header[0] == "P6" && header[2] == "255")
        .ok_or_else(|| invalid("no PPM header"))?;
    let (columns, rows) = (width as usize, height as usize);
    if [columns, rows].into_iter().any(|side| !(1..=MAX_SIDE_PX).contains(&side)) {
        return Err(invalid(&format!(
            "expected at most {MAX_SIDE_PX} pixels a side, found {width}x{height}"
        )));
    }
    let mut raw = vec![0; columns * rows * 3];
    input.read_exact(&mut raw)?;
    Ok(RgbImage::from_raw(width, height, raw))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ppm_pictures_are_read_one_after_the_other() {
        let mut stream = Vec::new();
        for v in [1u8, 2] {
            stream.extend_from_slice(b"P6\n2 1\n255\n");
            stream.extend_from_slice(&[v; 6]);
        }
        let mut input = &stream[..];
        assert_eq!(read_ppm(&mut input).unwrap().unwrap().as_raw(), &[1; 6]);
        assert_eq!(read_ppm(&mut input).unwrap().unwrap().as_raw(), &[2; 6]);
        assert!(read_ppm(&mut input).unwrap().is_none());
    }

    #[test]
    fn broken_ppm_streams_are_errors() {
        for bad in [
            &b"P6\n2 1\n255\n123"[..],
            b"P5\n2 1\n255\n123456",
            b"P6\n99999 99999\n255\n",
            b"P6\n-1 1\n255\n",
        ] {
            assert!(read_ppm(&mut &bad[..]).is_err());
        }
    }
}
