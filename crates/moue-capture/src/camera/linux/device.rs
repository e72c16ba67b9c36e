//! Identifies V4L2 devices, and finds the programs that have one open.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use crate::CaptureError;

// errno values, the same on every Linux architecture.
pub(super) const EPERM: i32 = 1;
pub(super) const EIO: i32 = 5;
pub(super) const EACCES: i32 = 13;
pub(super) const EBUSY: i32 = 16;
pub(super) const ENODEV: i32 = 19;

/// Most programs that a message names.
const MAX_HOLDERS: usize = 3;

/// Where the device is plugged in, for example "usb/1-2:1.0" or "platform/vivid.0"; a device of several video
/// nodes has "#1" and so on for all but its first. Virtual devices have no place but their own name.
pub(super) fn place(path: &str) -> String {
    let own = Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned();
    place_in(Path::new("/sys/class/video4linux"), &own)
}

fn place_in(class: &Path, node: &str) -> String {
    let folder = class.join(node);
    let last = |path: &Path| {
        fs::canonicalize(path).ok().and_then(|p| Some(p.file_name()?.to_string_lossy().into_owned()))
    };
    let Some(device) = last(&folder.join("device")) else { return format!("virtual/{node}") };
    let bus = last(&folder.join("device/subsystem")).unwrap_or_else(|| "device".into());
    match fs::read_to_string(folder.join("index")).unwrap_or_default().trim() {
        "" | "0" => format!("{bus}/{device}"),
        index => format!("{bus}/{device}#{index}"),
    }
}

/// The driver's error as a message that says what to do.
pub(super) fn explain(device: &str, path: &str, error: &io::Error) -> CaptureError {
    let device = device.to_owned();
    match error.raw_os_error() {
        Some(EBUSY) => CaptureError::CameraBusy { holder: holder_of(path), device },
        Some(EACCES | EPERM) => CaptureError::CameraPermission {
            device,
            advice: "add yourself to the group `video` (sudo usermod -aG video $USER) and log in again"
                .into(),
        },
        Some(ENODEV) => CaptureError::CameraUnplugged { device },
        _ if !Path::new(path).exists() => CaptureError::CameraUnplugged { device },
        _ => CaptureError::Camera { device, reason: error.to_string() },
    }
}

/// The programs that have the device open, where /proc tells.
fn holder_of(path: &str) -> String {
    let unknown = || "another program".to_owned();
    let Ok(device) = fs::metadata(path) else { return unknown() };
    let same = |file: &fs::DirEntry| {
        fs::metadata(file.path()).is_ok_and(|m| m.file_type().is_char_device() && m.rdev() == device.rdev())
    };
    let Ok(processes) = fs::read_dir("/proc") else { return unknown() };
    let mut holders = Vec::new();
    for process in processes.flatten() {
        // `self` and `thread-self` are this program.
        let Ok(id) = process.file_name().to_string_lossy().parse::<u32>() else { continue };
        if id == std::process::id() {
            continue;
        }
        // Those of other users cannot be read.
        let Ok(mut files) = fs::read_dir(process.path().join("fd")) else { continue };
        if !files.any(|file| file.is_ok_and(|file| same(&file))) {
            continue;
        }
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        holders.push(format!("{} (process {id})", name.trim()));
    }
    holders.truncate(MAX_HOLDERS);
    if holders.is_empty() { unknown() } else { holders.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_by_its_place_and_not_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let (class, devices) = (folder.path().join("class"), folder.path().join("devices"));
        for (node, device, bus, index) in [
            ("video0", "1-2:1.0", "usb", "0\n"),
            ("video1", "1-2:1.0", "usb", "1\n"),
            ("video2", "vivid.0", "platform", "0\n"),
        ] {
            fs::create_dir_all(class.join(node)).unwrap();
            fs::create_dir_all(devices.join(bus).join(device)).unwrap();
            let link = devices.join(bus).join(device);
            std::os::unix::fs::symlink(&link, class.join(node).join("device")).unwrap();
            if !link.join("subsystem").exists() {
                std::os::unix::fs::symlink(devices.join(bus), link.join("subsystem")).unwrap();
            }
            fs::write(class.join(node).join("index"), index).unwrap();
        }
        fs::create_dir_all(class.join("video9")).unwrap();
        let places = ["video0", "video1", "video2", "video9", "video77"].map(|n| place_in(&class, n));
        assert_eq!(
            places,
            ["usb/1-2:1.0", "usb/1-2:1.0#1", "platform/vivid.0", "virtual/video9", "virtual/video77"]
        );
    }

    #[test]
    fn errors_of_drivers_become_advice() {
        let told = |code, path| explain("Cam", path, &io::Error::from_raw_os_error(code)).to_string();
        for code in [EACCES, EPERM] {
            assert!(told(code, "/dev/null").contains("usermod -aG video"), "{code}");
        }
        assert!(told(ENODEV, "/dev/null").contains("unplugged"));
        assert!(told(EIO, "/dev/no-such-camera").contains("unplugged"));
        assert!(told(EIO, "/dev/null").contains("os error 5"));
    }

    #[test]
    fn a_busy_device_names_the_program_that_holds_it() {
        let mut held = std::process::Command::new("sleep")
            .arg("60")
            .stdin(fs::File::open("/dev/full").unwrap())
            .spawn()
            .unwrap();
        let expected = format!("sleep (process {})", held.id());
        // The new process may still be on its way to the other program.
        let found = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            let text = explain("Cam", "/dev/full", &io::Error::from_raw_os_error(EBUSY)).to_string();
            text.contains("close it there") && text.contains(&expected)
        });
        held.kill().unwrap();
        held.wait().unwrap();
        assert!(found);
    }
}
