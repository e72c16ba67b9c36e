//! Tables for statistics programs from the rows and markers of recordings.
//!
//! [`Rows`] reads `faces.csv` (or `moue analyze --csv`) row by row; [`wide_tables`] sums them up in [`Intervals`], a row a face and
//! interval; [`dictionary`] says what each column means. `export` has the forms of other programs. See `docs/recording.md`.
#![forbid(unsafe_code)]

mod bids;
mod bootstrap;
mod dictionary;
mod elan;
mod error;
mod events;
mod intervals;
mod long;
mod merge;
mod names;
#[cfg(feature = "parquet")]
mod parquet_file;
mod rows;
mod runs;
mod sums;
mod vtt;
mod wide;

pub use bids::{BidsNames, bids_files};
pub use dictionary::{Column, dictionary};
pub use elan::eaf;
pub use error::TableError;
pub use events::{Event, read_events};
pub use intervals::{Interval, Intervals, Split};
pub use long::{LONG_HEADER, write_long};
pub use merge::merge_rows;
pub use names::{EXPRESSIONS, LABELS, REASONS};
#[cfg(feature = "parquet")]
pub use parquet_file::write_parquet;
pub use rows::{Reading, Recording, Rows};
pub use runs::{LabelRun, label_runs};
pub use vtt::vtt;
pub use wide::{WideOptions, WideTable, wide_tables};
