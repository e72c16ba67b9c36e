//! Recordings: session folders, annotated pictures and videos, and the page made from them.
//!
//! A session is a folder with `session.json` (what was recorded, by which network and settings),
//! `faces.csv` (a row a face) and, where there are any, `events.csv` (a row a marker) and `video.mp4`. See `docs/recording.md`.

mod blur;
mod colours;
mod columns;
mod error;
mod folder;
mod hiding;
mod marker_lines;
mod markers;
mod options;
#[cfg(feature = "osc")]
pub mod osc;
#[cfg(feature = "osc")]
pub mod osc_in;
pub mod overlay;
mod overlay_labels;
mod overlay_marks;
mod picture;
mod proof;
mod raster;
mod recorder;
pub mod report;
mod row_file;
mod row_stamp;
mod rows;
mod session;
mod snapshot;
mod table;
mod time;
mod verify;
mod video;
mod writer;

pub use blur::hide_faces;
pub use colours::{expression_rgb, person_rgb};
pub use columns::{CSV_HEADER, Columns, UNSURE, csv_header};
pub use error::RecordError;
pub use folder::{EVENTS_FILE, FACES_FILE, SESSION_FILE, SESSION_FILES, is_recording, new_session_folder};
pub use marker_lines::{follow_lines, marker_queue, read_timed_markers};
pub use markers::{EVENTS_HEADER, IncomingMarker, Marker, MarkerOrigin, MarkerText};
pub use options::{RecorderOptions, VideoOptions};
pub use overlay::{HeatStyle, OverlayStyle};
pub use picture::{AnnotatedFace, AnnotatedFrame, Annotations, PictureStyle};
pub use proof::{RecordedAnalysis, RecordedFile, RecordedMachine, ffmpeg_version, hash_file};
pub use recorder::{Recorder, RecorderStatus, RecorderTap};
pub use row_file::{RowFile, rows_of};
pub use row_stamp::{RowStamp, utc_text};
pub use rows::{FaceRow, ResultRows};
pub use session::{
    RecordedModel, RecordedProfile, RecordedProgram, RecordedSettings, RecordedSource, RecordedVideo,
    Session, SessionStatus, SessionWords,
};
pub use snapshot::save_snapshot;
pub use table::save_table;
pub use time::{RecordedClockCheck, RecordedTime, TimeBase};
pub use verify::{Comparison, SelfCheck, Tolerances, check_session};
