//! The real program with real V4L2 devices. Runs inside the camera lab only (`make test-camera`, see README.md):
//! it loads kernel modules and unplugs cameras.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod devices;
mod faults;
mod formats;
mod supervisor;
mod times;
mod window;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// How a check ended, if it did not fail (by a panic).
pub(super) enum Outcome {
    Passed(String),
    Skipped(String),
}

/// What is checked, and how.
type Check = (&'static str, fn() -> Outcome);

/// Emulated machines are slow: what takes longer than this hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(240);

pub(super) fn main() {
    if std::env::var_os("MOUE_CAMERA_LAB").is_none() {
        println!("skipped: the camera tests run in the camera lab only: make test-camera");
        return;
    }
    let checks: [Check; 15] = [
        ("both devices are listed, with formats and place", devices::listed),
        ("frames stream from both devices", devices::stream),
        ("each frame has its own time, and lost ones are counted", times::own_times),
        ("every format and size of vivid is decoded or refused", formats::every_mode),
        ("all formats show the same picture", formats::same_picture),
        ("MJPEG with damaged frames goes on", formats::damaged_jpeg),
        ("a camera of an unknown format is refused with its formats", formats::unknown_only),
        ("a busy camera names the program that uses it", faults::busy),
        ("a forbidden camera names the group", faults::forbidden),
        ("errors injected into the driver end nothing for good", faults::injected),
        ("a silent camera is marked, and opened again when it goes on", supervisor::silent),
        ("analyze names a silent camera and ends when it is asked", supervisor::analyze),
        ("an unplugged camera comes back, and no other one in its place", supervisor::unplugged),
        ("the face of a clip is recognised through the camera", devices::face),
        ("the window shows the camera, and its silence", window::live),
    ];
    let only = std::env::args().nth(1);
    let mut failed = 0;
    for (name, check) in checks {
        if only.as_ref().is_some_and(|part| !name.contains(part.as_str())) {
            continue;
        }
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(check));
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(Outcome::Passed(detail)) => println!("ok      {name} ({seconds:.1} s): {detail}"),
            Ok(Outcome::Skipped(reason)) => println!("skipped {name}: {reason}"),
            Err(_) => {
                failed += 1;
                println!("FAILED  {name} ({seconds:.1} s), see above");
            }
        }
    }
    println!(
        "{}",
        if failed == 0 { "camera tests passed".to_owned() } else { format!("{failed} camera tests FAILED") }
    );
    std::process::exit(i32::from(failed > 0));
}

/// The program under test.
pub(super) fn moue(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moue"));
    command.args(arguments);
    command
}

/// What a command said, and its exit status.
pub(super) struct Said {
    pub(super) out: String,
    pub(super) err: String,
    pub(super) code: Option<i32>,
}

/// Runs a command to its end; one that does not end is a failure.
pub(super) fn run(command: &mut Command) -> Said {
    // `timeout` instead of waiting here: it also ends what the program started.
    let mut limited = Command::new("timeout");
    limited.arg(PATIENCE.as_secs().to_string()).arg(command.get_program()).args(command.get_args());
    let Output { status, stdout, stderr } = limited.output().unwrap();
    let said = Said {
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8_lossy(&stderr).into_owned(),
        code: status.code(),
    };
    assert_ne!(said.code, Some(124), "{command:?} did not end: {}{}", said.out, said.err);
    said
}

/// Runs a command that must succeed.
pub(super) fn run_well(command: &mut Command) -> String {
    let said = run(command);
    assert_eq!(said.code, Some(0), "{command:?}: {}{}", said.out, said.err);
    said.out
}

/// A tool with words separated by spaces.
pub(super) fn tool(line: &str) -> String {
    let mut words = line.split(' ');
    run_well(Command::new(words.next().unwrap()).args(words))
}

/// Where what is to be kept goes.
pub(super) fn out() -> PathBuf {
    PathBuf::from(std::env::var_os("OUT").unwrap())
}

/// A clip of the shared material; without it, a reason to skip.
pub(super) fn clip() -> Result<PathBuf, Outcome> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/media/video/pyfeat_WolfgangLanger_Pexels.mp4");
    if path.is_file() {
        return Ok(path);
    }
    let required = std::env::var_os("MOUE_REQUIRE_SHARED").is_some_and(|v| v == "1");
    assert!(!required, "MOUE_REQUIRE_SHARED=1, but {} is not there", path.display());
    Err(Outcome::Skipped("../shared is not there".into()))
}

/// Waits until there is an answer.
pub(super) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
