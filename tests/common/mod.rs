//! What several test files need.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};

/// Whether a missing prerequisite is a failure, as in CI.
pub fn required() -> bool {
    std::env::var_os("MOUE_REQUIRE_SHARED").is_some_and(|v| v == "1")
}

/// Says why a test does nothing; fails instead where nothing may be skipped.
#[allow(clippy::print_stderr)]
pub fn skip(reason: &str) {
    assert!(!required(), "MOUE_REQUIRE_SHARED=1, but {reason}");
    eprintln!("skipped: {reason}");
}

/// The folder of shared test material beside the project, if it is there.
pub fn shared() -> Option<PathBuf> {
    // A crate's own folder lies deeper than the project's.
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("../shared"));
    if let Some(folder) = beside.into_iter().find(|folder| folder.join("media").is_dir()) {
        return Some(folder);
    }
    skip("../shared is not there");
    None
}
