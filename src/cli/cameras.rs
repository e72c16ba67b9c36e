//! `moue cameras`: the devices and what they offer.

use std::io::Write as _;

use super::DONE;
use crate::capture::list_cameras;

pub(super) fn run() -> anyhow::Result<u8> {
    let mut out = std::io::stdout().lock();
    let cameras = list_cameras()?;
    if cameras.is_empty() {
        writeln!(out, "no camera found")?;
    }
    for camera in cameras {
        writeln!(out, "{} ({})", camera.name, camera.path)?;
        for format in camera.formats {
            writeln!(out, "    {format}")?;
        }
    }
    Ok(DONE)
}
