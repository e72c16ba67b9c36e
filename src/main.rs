//! The program; everything is in the library.
#![forbid(unsafe_code)]
// Windows would open a console beside the window when moue starts from the desktop. Debug builds keep it.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    // A command writes to the console that it was called from; what is redirected stays so. There is none when it was
    // opened from the desktop, and that is no failure.
    #[cfg(windows)]
    let _ = winsafe::AttachConsole(winsafe::PidParent::Parent);
    moue::cli::run(std::env::args_os())
}
