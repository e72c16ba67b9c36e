//! The real program in a real window, on a virtual display: it shows a picture, keeps its settings, and ends when it is
//! told to, however that is.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;
#[path = "common/xvfb.rs"]
mod xvfb;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use xvfb::{Guard, display, signal, wait_for_end, wait_for_picture};

/// The program with the demo, its settings under `home`.
fn window(display: &str, home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moue"));
    command
        .args(["--source", "demo"])
        .env("DISPLAY", display)
        .env_remove("WAYLAND_DISPLAY")
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home)
        .stderr(Stdio::piped());
    command
}

fn xdotool(display: &str, arguments: &[&str]) -> String {
    let done = Command::new("xdotool")
        .args(["search", "--sync", "--onlyvisible", "--name", "moue$"])
        .args(arguments)
        .env("DISPLAY", display)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Where the window stands, in pixels.
fn position(display: &str) -> [i32; 2] {
    let told = xdotool(display, &["getwindowgeometry", "--shell"]);
    let value = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.parse().unwrap()
    };
    [value("X="), value("Y=")]
}

#[test]
fn every_way_to_end_keeps_the_settings_and_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_server, display)) = display(folder.path()) else {
        return common::skip("Xvfb is not installed");
    };
    let home = folder.path().join("home");
    let file = home.join("moue/settings.json");
    for (i, way) in ["TERM", "INT", "Ctrl+Q"].into_iter().enumerate() {
        let mut program = Guard(window(&display, &home).spawn().unwrap());
        let Some(shown) = wait_for_picture(folder.path(), &mut program) else { return };
        println!("{} colours, {:.0} % of the screen", shown.0, shown.1 * 100.0);
        if i > 0 {
            assert_eq!(position(&display), [30 + 10 * (i as i32 - 1), 20], "where it was the last time");
        }
        // A change of the last moment: sizes are kept a second after they were changed, or at the end.
        let width = 900 + 10 * i;
        let left = 30 + 10 * i;
        xdotool(&display, &["windowsize", "--sync", &width.to_string(), "700"]);
        xdotool(&display, &["windowmove", "--sync", &left.to_string(), "20"]);
        std::thread::sleep(Duration::from_millis(300));
        if i < 2 {
            signal(way, program.0.id());
        } else {
            xdotool(&display, &["windowfocus", "--sync", "key", "ctrl+q"]);
        }
        let status = wait_for_end(&mut program);
        assert!(status.success(), "{way}: {status}");
        let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(kept["window"], serde_json::json!([width as f64, 700.0]), "{way}");
        assert_eq!(kept["position"], serde_json::json!([left as f64, 20.0]), "{way}");
        assert_eq!(
            std::fs::read_dir(home.join("moue")).unwrap().count(),
            1,
            "{way}: no temporary file stays"
        );
    }
}

#[test]
fn a_window_that_stood_on_a_screen_that_is_gone_is_in_sight_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_server, display)) = display(folder.path()) else {
        return common::skip("Xvfb is not installed");
    };
    let home = folder.path().join("home");
    std::fs::create_dir_all(home.join("moue")).unwrap();
    std::fs::write(home.join("moue/settings.json"), r#"{"position": [2500, 300], "window": [1180, 740]}"#)
        .unwrap();
    let mut program = Guard(window(&display, &home).spawn().unwrap());
    if wait_for_picture(folder.path(), &mut program).is_none() {
        return;
    }
    let [x, y] = position(&display);
    assert!((0..1280 - 100).contains(&x) && (0..800 - 20).contains(&y), "{x}, {y}");
    signal("TERM", program.0.id());
    assert!(wait_for_end(&mut program).success());
}

#[test]
fn without_settings_the_file_is_neither_read_nor_written_and_a_broken_one_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_server, display)) = display(folder.path()) else {
        return common::skip("Xvfb is not installed");
    };
    let home = folder.path().join("home");
    let (file, aside) = (home.join("moue/settings.json"), home.join("moue/settings.json.bad"));
    std::fs::create_dir_all(home.join("moue")).unwrap();
    std::fs::write(&file, "{ broken").unwrap();
    for arguments in [&["--no-settings"][..], &[]] {
        let mut program = Guard(window(&display, &home).args(arguments).spawn().unwrap());
        if wait_for_picture(folder.path(), &mut program).is_none() {
            return;
        }
        signal("TERM", program.0.id());
        assert!(wait_for_end(&mut program).success());
        if arguments.is_empty() {
            assert_eq!(std::fs::read_to_string(&aside).unwrap(), "{ broken");
        } else {
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "{ broken");
            assert_eq!(std::fs::read_dir(home.join("moue")).unwrap().count(), 1);
        }
    }
}

/// Environment in which no driver of OpenGL is found.
const NO_OPENGL: [(&str, &str); 3] = [
    ("__EGL_VENDOR_LIBRARY_DIRS", "/nonexistent"),
    ("__GLX_FORCE_VENDOR_LIBRARY_0", "none"),
    ("LIBGL_DRIVERS_PATH", "/nonexistent"),
];
/// The same for Vulkan, by its new and old name.
const NO_VULKAN: [(&str, &str); 2] =
    [("VK_DRIVER_FILES", "/nonexistent"), ("VK_ICD_FILENAMES", "/nonexistent")];

#[test]
fn without_opengl_it_takes_vulkan_and_without_both_it_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_server, display)) = display(folder.path()) else {
        return common::skip("Xvfb is not installed");
    };
    let mut command = window(&display, folder.path());
    let program = command.arg("--no-settings").envs(NO_OPENGL).spawn().unwrap();
    let mut program = Guard(program);
    if wait_for_picture(folder.path(), &mut program).is_some() {
        signal("TERM", program.0.id());
        assert!(wait_for_end(&mut program).success());
    }
    let output = command.envs(NO_VULKAN).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("apt install mesa-vulkan-drivers libgl1"), "{text}");
}
