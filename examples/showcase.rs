//! The window with made-up sources, for looking at it and for the pictures in docs/: what a camera does can be
//! chosen, and its faces are the demo's portraits.
//!
//! `cargo run --release --example showcase -- one|five|nobody|silent|unplugged|missing|opening|ended [settings]`
//! With the word `settings` the settings file is read and written (see XDG_CONFIG_HOME), by itself it is not.
#![allow(clippy::print_stderr)]

#[path = "../tests/common/scenes.rs"]
mod scenes;

use std::process::ExitCode;
use std::time::Duration;

use moue::app::{AppOptions, Taps, run_from};
use moue::capture::{SourceKind, SourceSpec};
use moue::model::DeviceChoice;
use scenes::{RATE, Scene, Script, origins};

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_else(|| "five".to_owned());
    let some_seconds = RATE * 3;
    let (kind, scene, script) = match wanted.as_str() {
        "one" => (SourceKind::Camera, Scene::one(), Script::Forever),
        "five" => (SourceKind::Demo, Scene::five(), Script::Forever),
        "nobody" => (SourceKind::Camera, Scene::nobody(), Script::Forever),
        "silent" => (SourceKind::Camera, Scene::one(), Script::SilentAfter(some_seconds)),
        "unplugged" => (SourceKind::Camera, Scene::one(), Script::UnpluggedAfter(some_seconds)),
        "missing" => (SourceKind::Camera, Scene::one(), Script::Missing),
        "opening" => (SourceKind::Camera, Scene::one(), Script::Slow(Duration::from_secs(60))),
        "ended" => (SourceKind::Video, Scene::one(), Script::EndsAfter(some_seconds)),
        other => {
            eprintln!("{other}: expected one, five, nobody, silent, unplugged, missing, opening or ended");
            return ExitCode::from(2);
        }
    };
    let settings = std::env::args().nth(2).is_some_and(|word| word == "settings");
    let options = AppOptions {
        source: SourceSpec::Camera(None),
        weights: None,
        device: DeviceChoice::Cpu,
        threads: 0,
        detector: None,
        settings,
    };
    match run_from(options, Taps::default(), &origins(kind, scene, script)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}
