//! Files that the user named: read within limits, written whole or not at all, and quoted briefly in messages.
#![forbid(unsafe_code)]

mod excerpt;
mod identity;
pub mod new_file;
pub mod plain_file;
mod plain_words;

pub use excerpt::excerpt;
pub use identity::FileId;
pub use plain_words::plain_words;
