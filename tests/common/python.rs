//! A Python with modules that a test compares with: the packages of Debian are the system's Python's, which need not be the first one.

use std::process::Command;

/// `MOUE_PYTHON`, else `python3` or the system's, whichever has these modules; `None`, with what is skipped said, where none has.
#[allow(clippy::print_stderr)]
pub fn python_with(modules: &str, skipped: &str) -> Option<String> {
    let named = std::env::var("MOUE_PYTHON").ok();
    let candidates = match &named {
        Some(named) => vec![named.as_str()],
        None => vec!["python3", "/usr/bin/python3"],
    };
    let has = |python: &&str| {
        let tried = Command::new(python).args(["-c", &format!("import {modules}")]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let found = candidates.iter().copied().find(has).map(str::to_owned);
    if found.is_none() {
        // Their absence is no fault of this project's.
        eprintln!("skipped: {skipped}, since no Python here has {modules} (MOUE_PYTHON names another one)");
    }
    found
}
