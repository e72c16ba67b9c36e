//! What packages carry beside the program.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

const ID: &str = "io.github.moue.moue";

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap()
}

#[test]
fn desktop_entry_icons_and_metadata_have_one_name() {
    let entry = text(&format!("packaging/linux/{ID}.desktop"));
    let value = |key: &str| {
        let line = entry.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
        line.unwrap_or_else(|| panic!("{key} in the desktop entry")).to_owned()
    };
    assert_eq!(value("Icon"), ID);
    // The window says the same of itself, by which docks find its entry.
    assert_eq!(value("StartupWMClass"), ID);
    assert!(text("src/app/launch.rs").contains(&format!("const APP_ID: &str = {ID:?};")));
    assert_eq!(value("Exec"), "moue %F");

    let metainfo = text(&format!("packaging/linux/{ID}.metainfo.xml"));
    assert!(metainfo.contains(&format!("<id>{ID}</id>")));
    assert!(metainfo.contains(&format!("<launchable type=\"desktop-id\">{ID}.desktop</launchable>")));
    assert!(metainfo.contains(&format!("<release version=\"{}\"", env!("CARGO_PKG_VERSION"))));

    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().unwrap();
    for px in [16, 24, 32, 48, 64, 128, 256, 512] {
        let icon = format!("assets/icon/{px}.png");
        let (width, height) = image::image_dimensions(file(&icon)).unwrap();
        assert_eq!((width, height), (px, px));
        let installed = format!("usr/share/icons/hicolor/{px}x{px}/apps/{ID}.png");
        let pair =
            |asset: &&toml::Value| asset[0].as_str() == Some(&icon) && asset[1].as_str() == Some(&installed);
        assert!(assets.iter().any(|asset| pair(&asset)), "{icon}");
    }
    // What is not made by `make dist` is there.
    for asset in assets {
        let source = asset[0].as_str().unwrap();
        if !source.starts_with("target/") && !source.contains('*') {
            assert!(file(source).is_file(), "{source}");
        }
    }
}

#[test]
fn every_command_has_its_manual_page_and_completions() {
    let folder = tempfile::tempdir().unwrap();
    let moue = || Command::new(assert_cmd::cargo::cargo_bin!("moue"));
    assert!(moue().arg("generate").arg(folder.path()).status().unwrap().success());
    let page = |name: &str| std::fs::read_to_string(folder.path().join("man").join(name)).unwrap();
    assert!(page("moue.1").contains("Examples:"));
    let help = moue().arg("--help").output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let commands = help.split_once("Commands:").unwrap().1.split_once("Arguments:").unwrap().0;
    let names: Vec<&str> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"analyze") && names.contains(&"train"), "{names:?}");
    for name in names.iter().filter(|name| **name != "help") {
        assert!(page(&format!("moue-{name}.1")).contains(".SH SYNOPSIS"), "{name}");
    }
    for name in ["moue.bash", "_moue", "moue.fish"] {
        let script = std::fs::read_to_string(folder.path().join("completions").join(name)).unwrap();
        assert!(script.contains("analyze") && script.contains("annotate"), "{name}");
    }
    // A shell reads its own.
    let script = folder.path().join("completions/moue.bash");
    let Ok(bash) = Command::new("bash").arg("-n").arg(&script).status() else {
        return common::skip("no bash");
    };
    assert!(bash.success());
}
