//! Keeps a source running: opens it on a thread of its own, notices when a camera goes silent, hangs or is unplugged,
//! opens the same device again, and gives up when that is wanted.
//!
//! [`SourceWatcher`] decides and does no I/O: it is told what happened and what time it is, and says what to do.
//! [`WatchedSource`] does it, with a thread that reads the source. The live view and `moue analyze` both use it.

mod reader;
mod source;
mod watcher;

pub use reader::SourceOpener;
pub use source::WatchedSource;
pub use watcher::{Action, Event, Failure, Limits, NO_ANSWER, OtherReaders, Report, SourceWatcher};
