//! `moue cameras`: the devices and what they offer; with `--check`, what they really deliver.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use image::{ImageFormat, RgbImage};
use moue_capture::camera::CameraMode;
use moue_capture::camera::check::{Trial, modes, try_out};
use moue_capture::list_cameras;
use moue_files::new_file;

use super::outputs::OverwriteArgs;
use super::{DONE, SOME_FAILED, complain};

#[derive(Debug, Args)]
pub(super) struct CamerasArgs {
    /// Try a camera's formats one by one and report what each delivers (NAME: as in the list, or its path)
    #[arg(long, value_name = "NAME")]
    check: Option<String>,
    /// Try this pixel format only, for example YUYV
    #[arg(long, value_name = "FORMAT", requires = "check")]
    format: Option<String>,
    /// Try this size only, for example 640x480
    #[arg(long, value_name = "SIZE", requires = "check", value_parser = parse_size)]
    size: Option<(u32, u32)>,
    /// Frames to read in each format
    #[arg(long, value_name = "N", requires = "check", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(1..))]
    frames: u64,
    /// Write the last picture of each format into DIR
    #[arg(long, value_name = "DIR", requires = "check")]
    save: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteArgs,
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=8192).contains(side));
    text.split_once('x')
        .and_then(|(w, h)| Some((side(w)?, side(h)?)))
        .ok_or_else(|| "expected WIDTHxHEIGHT in pixels, for example 640x480".into())
}

pub(super) fn run(args: &CamerasArgs) -> anyhow::Result<u8> {
    match &args.check {
        Some(wanted) => check(wanted, args),
        None => list(),
    }
}

fn list() -> anyhow::Result<u8> {
    let mut out = std::io::stdout().lock();
    let cameras = list_cameras()?;
    if cameras.is_empty() {
        writeln!(out, "no camera found")?;
    }
    for camera in cameras {
        writeln!(out, "{} ({})", camera.name, camera.path)?;
        writeln!(out, "    camera:{}", camera.id)?;
        for format in camera.formats {
            writeln!(out, "    {format}")?;
        }
    }
    Ok(DONE)
}

fn check(wanted: &str, args: &CamerasArgs) -> anyhow::Result<u8> {
    let mut out = std::io::stdout().lock();
    let (camera, offered) = modes(wanted)?;
    writeln!(out, "{} ({})", camera.name, camera.path)?;
    let chosen: Vec<CameraMode> = offered
        .iter()
        .filter(|m| args.format.as_ref().is_none_or(|f| *f == m.format))
        .filter(|m| args.size.is_none_or(|s| s == m.size))
        .cloned()
        .collect();
    // A format by name is asked for even where it is not offered: a driver may not list all that it can do.
    let asked = match (&args.format, args.size) {
        (Some(format), size) if chosen.is_empty() => {
            let size = size.or_else(|| offered.first().map(|m| m.size)).unwrap_or((640, 480));
            vec![Some(CameraMode { format: format.clone(), size, decodable: true })]
        }
        _ if chosen.is_empty() => vec![None],
        // A format that cannot be decoded fails at every size, so one is tried.
        (Some(_), _) if !chosen[0].decodable => {
            vec![Some(CameraMode { decodable: true, ..chosen[0].clone() })]
        }
        _ => chosen.into_iter().map(Some).collect(),
    };
    let mut failed = false;
    for mode in asked {
        let text = mode.as_ref().map_or_else(
            || "as the program would run it".to_owned(),
            |m| format!("{} {}x{}", m.format, m.size.0, m.size.1),
        );
        if mode.as_ref().is_some_and(|m| !m.decodable) {
            writeln!(out, "    {text}: cannot be decoded")?;
            continue;
        }
        match try_out(&camera, mode.as_ref(), args.frames) {
            Ok(trial) => {
                failed |= trial.good == 0;
                writeln!(out, "    {text}: {}", describe(&trial))?;
                if let (Some(folder), Some(picture)) = (&args.save, &trial.last) {
                    save(folder, &text, picture, args.overwrite.overwrite)?;
                }
            }
            Err(e) => {
                failed = true;
                writeln!(out, "    {text}: failed")?;
                complain(&e);
            }
        }
        out.flush()?;
    }
    Ok(if failed { SOME_FAILED } else { DONE })
}

/// "5 frames of 640x480, 29.8 fps, mean colour 84 80 87, 1 damaged (…)".
fn describe(trial: &Trial) -> String {
    let mut text = format!("{} frames", trial.good);
    if let Some(picture) = &trial.last {
        let count = f64::from(picture.width()) * f64::from(picture.height());
        let mean = [0, 1, 2].map(|c| picture.pixels().map(|p| f64::from(p[c])).sum::<f64>() / count.max(1.0));
        text += &format!(
            " of {}x{}, {:.1} fps, mean colour {:.0} {:.0} {:.0}",
            picture.width(),
            picture.height(),
            trial.rate,
            mean[0],
            mean[1],
            mean[2]
        );
    }
    if trial.damaged > 0 {
        text += &format!(", {} damaged ({})", trial.damaged, trial.last_damage.as_deref().unwrap_or("?"));
    }
    if trial.timeouts > 0 {
        text += &format!(", {} timeouts", trial.timeouts);
    }
    text
}

fn save(folder: &Path, name: &str, picture: &RgbImage, overwrite: bool) -> anyhow::Result<()> {
    let path = folder.join(format!("{}.png", name.replace(' ', "-")));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    std::fs::create_dir_all(folder)
        .and_then(|()| new_file::put(&path, bytes.get_ref(), overwrite))
        .with_context(|| {
            format!("{}: cannot be written (--overwrite replaces what is there)", path.display())
        })
}
