//! Recordings: session folders, annotated pictures and videos, and the page made from them.
//!
//! A session is a folder with `session.json` (what was recorded, by which network and settings),
//! `faces.csv` (a row a face) and, where it is wanted, `video.mp4`. See `docs/recording.md`.

mod blur;
mod colours;
mod columns;
mod error;
mod folder;
mod hiding;
mod options;
#[cfg(feature = "osc")]
pub mod osc;
pub mod overlay;
mod overlay_labels;
mod overlay_marks;
mod picture;
mod raster;
mod recorder;
pub mod report;
mod rows;
mod session;
mod snapshot;
mod table;
mod video;
mod writer;

pub use blur::hide_faces;
pub use colours::{expression_rgb, person_rgb};
pub use columns::{CSV_HEADER, Columns, UNSURE, csv_header};
pub use error::RecordError;
pub use folder::{FACES_FILE, SESSION_FILE, SESSION_FILES, is_recording, new_session_folder};
pub use options::{RecorderOptions, VideoOptions};
pub use overlay::{HeatStyle, OverlayStyle};
pub use picture::{AnnotatedFace, AnnotatedFrame, Annotations, PictureStyle};
pub use recorder::{Recorder, RecorderStatus, RecorderTap};
pub use rows::{FaceRow, ResultRows};
pub use session::{
    RecordedModel, RecordedProgram, RecordedSettings, RecordedSource, RecordedVideo, Session, SessionStatus,
    SessionWords,
};
pub use snapshot::save_snapshot;
pub use table::save_table;
