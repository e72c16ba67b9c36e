//! Records a session on threads of its own.
//!
//! Results go through a bounded queue to the thread "recorder". They are small (no pixels), so that the queue
//! holds minutes of them: a disk that stalls for a while costs nothing. Where even that is not enough, results
//! are counted as lost, and the user sees it; neither the picture nor the readings ever wait for the disk. The
//! video has a short queue and a thread of its own, because frames are large.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{Local, SecondsFormat};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use moue_capture::Stamp;
use parking_lot::Mutex;

use super::error::RecordError;
use super::folder::{VIDEO_FILE, new_session_folder};
use super::markers::{IncomingMarker, Marker};
use super::options::{RecorderOptions, VideoOptions};
use super::picture::AnnotatedFrame;
use super::proof::{RecordedFile, RecordedMachine, ffmpeg_version, hash_file};
use super::rows::ResultRows;
use super::session::{
    RecordedModel, RecordedProgram, RecordedSettings, RecordedVideo, Session, SessionStatus, SessionWords,
};
use super::time::{ClockNotes, TimeBase};
use super::video::VideoWriter;
use super::writer::SessionFiles;
use crate::fault;
use crate::pipeline::ModelInfo;

/// Results that may wait for the disk: two minutes at 30 a second.
const QUEUE: usize = 4096;
/// Rows are handed to the system at least this often.
const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// A recorder that is dropped waits this long for its files; the window has to end within a second.
const END_WITHIN: Duration = Duration::from_millis(800);

/// The end waits so long for the source's hash: a file was read just now, so that reading it again is quick; a window must close.
const PROOF_WAIT: Duration = Duration::from_secs(600);
const PROOF_WAIT_LIVE: Duration = Duration::from_millis(300);

/// The state of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecorderStatus {
    /// Results that were taken.
    pub results: u64,
    /// Faces in them.
    pub faces: u64,
    /// Results that could not be taken because the disk was too slow.
    pub lost: u64,
    /// Results that are not in the video because encoding was too slow.
    pub left_out_of_video: u64,
    /// Why the recording broke off.
    pub failed: Option<String>,
    /// Why there is no video, or no more of it.
    pub video_failed: Option<String>,
    /// That the camera's clock drifts against this machine's, in words.
    pub clock_drift: Option<String>,
    /// Whether all files are closed.
    pub finished: bool,
}

enum Item {
    Rows(ResultRows),
    Model(RecordedModel),
    Settings(RecordedSettings),
    Words(SessionWords),
    Marker(Marker),
}

struct Shared {
    start: Instant,
    ending: AtomicBool,
    finished: AtomicBool,
    results: AtomicU64,
    faces: AtomicU64,
    lost: AtomicU64,
    left_out: AtomicU64,
    failed: Mutex<Option<String>>,
    video_failed: Mutex<Option<String>>,
    /// Why it ends before its source.
    cut_short: Mutex<Option<String>>,
    clocks: Mutex<ClockNotes>,
    /// Called when the status changes, except for its counts.
    notify: Box<dyn Fn() + Send + Sync>,
}

/// A recording that runs. Dropping it ends it.
pub struct Recorder {
    folder: PathBuf,
    tap: RecorderTap,
    threads: Vec<JoinHandle<()>>,
}

/// Takes results for a recording, on any thread.
#[derive(Clone)]
pub struct RecorderTap {
    shared: Arc<Shared>,
    items: Sender<Item>,
    video: Option<Sender<(AnnotatedFrame, f64)>>,
    model: Arc<Mutex<Option<String>>>,
}

impl Recorder {
    /// Makes the session folder with its files and starts the threads. `notify` is called on them when
    /// [`Recorder::status`] has something new to say. A video that cannot be written does not stop the rest.
    ///
    /// # Errors
    /// [`RecordError`] when the folder or its files cannot be made.
    pub fn start(
        options: RecorderOptions,
        notify: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, RecordError> {
        let now = Local::now();
        let folder = new_session_folder(&options.parent, now)
            .map_err(|reason| RecordError::Folder { path: options.parent.clone(), reason })?;
        let video = options.video.as_ref().map(|v| RecordedVideo {
            file: VIDEO_FILE.into(),
            faces_blurred: v.blur,
            results_left_out: 0,
        });
        let start = Instant::now();
        let clocks = ClockNotes::new(options.time_base, Stamp::at(start));
        let mut session = Session {
            format: 1,
            name: None,
            notes: None,
            program: RecordedProgram::this(),
            started: now.to_rfc3339_opts(SecondsFormat::Millis, false),
            ended: None,
            duration_s: None,
            status: SessionStatus::Recording,
            stopped_because: None,
            source: options.source,
            models: options.model.iter().map(|m| RecordedModel::new(m, 0.0)).collect(),
            settings: vec![options.settings],
            profile: options.profile,
            results: None,
            faces: None,
            results_lost: 0,
            markers: 0,
            time: Some(clocks.time()),
            source_file: None,
            analysis: options.analysis,
            machine: Some(RecordedMachine::this()),
            files: Vec::new(),
            video,
        };
        session.set_words(&options.words);
        let with_ffmpeg = session.video.is_some() || session.source.kind == "video";
        let proof = Proof::start(options.source_path, with_ffmpeg, options.time_base)?;
        let files = SessionFiles::create(&folder, session)?;
        let shared = Arc::new(Shared {
            start,
            ending: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            results: AtomicU64::new(0),
            faces: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            failed: Mutex::new(None),
            video_failed: Mutex::new(None),
            cut_short: Mutex::new(None),
            clocks: Mutex::new(clocks),
            notify: Box::new(notify),
        });
        let (items, queue) = bounded(QUEUE);
        let (video, video_thread) = match options.video.map(|v| video_thread(&shared, &folder, v)).transpose()
        {
            Ok(Some((sender, thread))) => (Some(sender), Some(thread)),
            Ok(None) => (None, None),
            Err(e) => {
                *shared.video_failed.lock() = Some(e.to_string());
                (None, None)
            }
        };
        let model = Arc::new(Mutex::new(options.model.map(|m| m.identity())));
        let for_thread = Arc::clone(&shared);
        let rows_thread = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || record(&for_thread, &queue, files, video_thread, &proof))
            .map_err(RecordError::Thread)?;
        Ok(Self { folder, tap: RecorderTap { shared, items, video, model }, threads: vec![rows_thread] })
    }

    /// The session folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A handle that takes results.
    #[must_use]
    pub fn tap(&self) -> RecorderTap {
        self.tap.clone()
    }

    /// When it started.
    #[must_use]
    pub fn started_at(&self) -> Instant {
        self.tap.shared.start
    }

    /// Its state.
    #[must_use]
    pub fn status(&self) -> RecorderStatus {
        self.tap.status()
    }

    /// Notes other settings, which are in force from now on.
    pub fn set_settings(&self, settings: RecordedSettings) {
        self.set_settings_from(settings, self.tap.shared.start.elapsed().as_secs_f64());
    }

    /// Notes other settings, which are in force from this second of the recording on.
    pub fn set_settings_from(&self, mut settings: RecordedSettings, from_s: f64) {
        settings.from_s = from_s;
        // Fails where the queue is full; then rows are lost as well, and counted.
        let _ = self.tap.items.try_send(Item::Settings(settings));
    }

    /// Gives it a name and notes; whether the recorder takes them (not where its queue is full or it has ended).
    #[must_use]
    pub fn set_words(&self, words: SessionWords) -> bool {
        self.tap.takes() && self.tap.items.try_send(Item::Words(words)).is_ok()
    }

    /// Takes no more results and lets the threads finish; does not wait. [`RecorderStatus::finished`] tells when
    /// they have.
    pub fn end(&self) {
        self.tap.shared.ending.store(true, Ordering::Release);
    }

    /// Ends the recording before its source is over: `session.json` says so, and why.
    pub fn finish_early(self, reason: &str) -> RecorderStatus {
        *self.tap.shared.cut_short.lock() = Some(reason.to_owned());
        self.finish()
    }

    /// Ends the recording and waits for its files.
    pub fn finish(mut self) -> RecorderStatus {
        self.end();
        for thread in self.threads.drain(..) {
            // Panics are caught inside the thread.
            let _ = thread.join();
        }
        self.tap.status()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.end();
        let deadline = Instant::now() + END_WITHIN;
        while !self.tap.shared.finished.load(Ordering::Acquire) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl RecorderTap {
    /// The state of the recording.
    #[must_use]
    pub fn status(&self) -> RecorderStatus {
        let shared = &self.shared;
        RecorderStatus {
            results: shared.results.load(Ordering::Relaxed),
            faces: shared.faces.load(Ordering::Relaxed),
            lost: shared.lost.load(Ordering::Relaxed),
            left_out_of_video: shared.left_out.load(Ordering::Relaxed),
            failed: shared.failed.lock().clone(),
            video_failed: shared.video_failed.lock().clone(),
            clock_drift: shared.clocks.lock().drift(),
            finished: shared.finished.load(Ordering::Acquire),
        }
    }

    /// Whether results are still taken.
    #[must_use]
    pub fn takes(&self) -> bool {
        !self.shared.ending.load(Ordering::Acquire)
    }

    /// Whether frames are wanted too: drawing them costs time.
    #[must_use]
    pub fn wants_frames(&self) -> bool {
        self.video.is_some() && self.takes() && self.shared.video_failed.lock().is_none()
    }

    /// Seconds of the recording at `at`; 0 for what was before it.
    #[must_use]
    pub fn time_s(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.shared.start).as_secs_f64()
    }

    /// Takes a result, never waits. Rows that find no room are counted as lost.
    pub fn push(&self, rows: ResultRows, model: &ModelInfo) {
        if !self.takes() {
            return;
        }
        self.note_model(model);
        if let Err(TrySendError::Full(_)) = self.items.try_send(Item::Rows(rows))
            && self.shared.lost.fetch_add(1, Ordering::Relaxed) == 0
        {
            (self.shared.notify)();
        }
    }

    /// Takes a result; waits for the disk where it is slow. For sources that wait as well.
    pub fn push_waiting(&self, rows: ResultRows) {
        if self.takes() {
            // Fails where the recorder has ended; its status says why.
            let _ = self.items.send(Item::Rows(rows));
        }
    }

    /// Takes the times of a result's frame, for what `session.json` says of the clocks. Never waits.
    pub fn see(&self, stamp: &Stamp) {
        if self.takes() && self.shared.clocks.lock().see(stamp) {
            (self.shared.notify)();
        }
    }

    /// Takes a marker that came just now, never waits. Whether it is kept: not where the queue is full or the recording ended.
    #[must_use]
    pub fn mark(&self, marker: IncomingMarker) -> bool {
        let (time_s, stamp) = (self.time_s(marker.at), Stamp::at(marker.at));
        self.mark_at(Marker { time_s, stamp, text: marker.text, origin: marker.origin })
    }

    /// As [`Self::mark`], at a time of the rows' own.
    #[must_use]
    pub fn mark_at(&self, marker: Marker) -> bool {
        self.takes() && self.items.try_send(Item::Marker(marker)).is_ok()
    }

    /// Takes a frame for the video, never waits.
    pub fn push_frame(&self, frame: AnnotatedFrame, time_s: f64) {
        if let (Some(video), true) = (&self.video, self.takes())
            && let Err(TrySendError::Full(_)) = video.try_send((frame, time_s))
        {
            self.shared.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes a frame for the video; waits for the encoder.
    pub fn push_frame_waiting(&self, frame: AnnotatedFrame, time_s: f64) {
        if let (Some(video), true) = (&self.video, self.takes()) {
            // Fails where the encoder has ended; the status says why.
            let _ = video.send((frame, time_s));
        }
    }

    /// Notes a network that is not in `session.json` yet.
    fn note_model(&self, model: &ModelInfo) {
        let mut noted = self.model.lock();
        let identity = model.identity();
        if noted.as_ref() != Some(&identity) {
            let from_s = self.shared.start.elapsed().as_secs_f64();
            if self.items.try_send(Item::Model(RecordedModel::new(model, from_s))).is_ok() {
                *noted = Some(identity);
            }
        }
    }
}

impl Shared {
    fn ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }
}

/// The source's hash and ffmpeg's version, found out while it is recorded: a long video takes a while to read.
struct Proof {
    found: Receiver<(Option<RecordedFile>, Option<String>)>,
    wait: Duration,
}

impl Proof {
    fn start(source: Option<PathBuf>, with_ffmpeg: bool, base: TimeBase) -> Result<Self, RecordError> {
        let (sender, found) = bounded(1);
        let body = move || {
            let hashed = source.map(|path| hash_file(&path).map_err(|e| (path, e)));
            let file = hashed.and_then(|result| match result {
                Ok(file) => Some(file),
                Err((path, e)) => {
                    tracing::warn!("{}: it gets no hash: {e}", path.display());
                    None
                }
            });
            // Fails where the recording did not wait for it.
            let _ = sender.send((file, with_ffmpeg.then(ffmpeg_version).flatten()));
        };
        std::thread::Builder::new().name("recorder-proof".into()).spawn(body).map_err(RecordError::Thread)?;
        Ok(Self { found, wait: if base == TimeBase::Source { PROOF_WAIT } else { PROOF_WAIT_LIVE } })
    }

    fn take(&self) -> Option<(Option<RecordedFile>, Option<String>)> {
        self.found.recv_timeout(self.wait).ok()
    }
}

/// The body of the thread "recorder".
fn record(
    shared: &Arc<Shared>,
    queue: &Receiver<Item>,
    mut files: SessionFiles,
    video: Option<JoinHandle<()>>,
    proof: &Proof,
) {
    let outcome = catch_unwind(AssertUnwindSafe(|| write_rows(shared, queue, &mut files)));
    let failed = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(e)) => Some(e.to_string()),
        Err(panic) => Some(fault::describe("recorder", &*panic)),
    };
    shared.ending.store(true, Ordering::Release);
    // Only what is in the file counts.
    shared.faces.store(files.rows(), Ordering::Relaxed);
    let hashes = files.hashes();
    let session = &mut files.session;
    session.ended = Some(Local::now().to_rfc3339_opts(SecondsFormat::Millis, false));
    session.duration_s = Some((shared.start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0);
    session.results = Some(shared.results.load(Ordering::Relaxed));
    session.faces = Some(shared.faces.load(Ordering::Relaxed));
    session.results_lost = shared.lost.load(Ordering::Relaxed);
    session.time = Some(shared.clocks.lock().time());
    session.files = hashes;
    if let Some((file, ffmpeg)) = proof.take() {
        session.source_file = file;
        if let Some(machine) = &mut session.machine {
            machine.ffmpeg = ffmpeg;
        }
    }
    let stopped = failed.clone().or_else(|| shared.cut_short.lock().clone());
    session.status = if stopped.is_some() { SessionStatus::Stopped } else { SessionStatus::Complete };
    session.stopped_because = stopped;
    let mut closed = files.write_session().and_then(|()| files.sync());
    if let Some(thread) = video {
        // Panics are caught inside the thread.
        let _ = thread.join();
    }
    let before = files.session.video.clone();
    if let Some(video) = &mut files.session.video {
        video.results_left_out = shared.left_out.load(Ordering::Relaxed);
    }
    if shared.video_failed.lock().is_some() && !files.has_video() {
        files.session.video = None;
    }
    if files.session.video != before {
        closed = closed.and_then(|()| files.write_session());
    }
    // The first error is enough: on a full disk every later write fails too.
    *shared.failed.lock() = failed.or_else(|| closed.err().map(|e| e.to_string()));
    shared.finished.store(true, Ordering::Release);
    (shared.notify)();
}

fn write_rows(shared: &Shared, queue: &Receiver<Item>, files: &mut SessionFiles) -> Result<(), RecordError> {
    let mut flushed = Instant::now();
    loop {
        // Read before the queue, so that everything that was pushed before the end is written.
        let ending = shared.ending();
        let wait = if ending { Duration::ZERO } else { FLUSH_EVERY.saturating_sub(flushed.elapsed()) };
        match queue.recv_timeout(wait.min(Duration::from_millis(50))) {
            Ok(Item::Rows(rows)) => {
                files.add(&rows)?;
                shared.results.fetch_add(1, Ordering::Relaxed);
                shared.faces.fetch_add(rows.0.len() as u64, Ordering::Relaxed);
            }
            Ok(Item::Model(model)) => {
                files.session.models.push(model);
                files.write_session()?;
            }
            Ok(Item::Settings(settings)) => {
                files.session.settings.push(settings);
                files.write_session()?;
            }
            Ok(Item::Marker(marker)) => files.add_marker(&marker)?,
            Ok(Item::Words(words)) => {
                files.session.set_words(&words);
                files.write_session()?;
            }
            Err(RecvTimeoutError::Timeout) if !ending => {}
            Err(_) => return files.flush(),
        }
        if flushed.elapsed() >= FLUSH_EVERY {
            files.flush()?;
            let time = shared.clocks.lock().take_changed();
            if time.is_some() {
                files.session.time = time;
                files.write_session()?;
            }
            flushed = Instant::now();
        }
    }
}

type VideoSender = Sender<(AnnotatedFrame, f64)>;

fn video_thread(
    shared: &Arc<Shared>,
    folder: &Path,
    options: VideoOptions,
) -> Result<(VideoSender, JoinHandle<()>), RecordError> {
    let mut writer = VideoWriter::new(&folder.join(VIDEO_FILE), options)?;
    let (sender, frames) = bounded::<(AnnotatedFrame, f64)>(4);
    let shared = Arc::clone(shared);
    let body = move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let ending = shared.ending();
                match frames.recv_timeout(Duration::from_millis(if ending { 0 } else { 50 })) {
                    Ok((frame, time_s)) => writer.add(frame, time_s)?,
                    Err(RecvTimeoutError::Timeout) if !ending => {}
                    Err(_) => return writer.finish(),
                }
            }
        }));
        let failed = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(e)) => e.to_string(),
            Err(panic) => fault::describe("recorder-video", &*panic),
        };
        *shared.video_failed.lock() = Some(failed);
        (shared.notify)();
    };
    let thread =
        std::thread::Builder::new().name("recorder-video".into()).spawn(body).map_err(RecordError::Thread)?;
    Ok((sender, thread))
}

#[cfg(test)]
mod tests;
