//! `moue report`: a recorded session as one HTML page.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;

use super::DONE;
use super::outputs::OverwriteArgs;
use crate::record::report::{REPORT_FILE, write_report};
use crate::record::{FACES_FILE, SESSION_FILE, SESSION_FILES};

const EXAMPLES: &str = "\
Examples:
  moue report sessions/2026-11-26_14-05-12  writes report.html into the recording's folder
  moue report SESSION --out page.html       writes it elsewhere

Recordings are made in the window (key R) and by moue analyze --record.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReportArgs {
    /// Folder of a recording
    #[arg(value_name = "SESSION")]
    session: PathBuf,
    /// Write the page to FILE instead of report.html in the folder
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteArgs,
}

/// Refuses what is no recording, and says where those are.
fn check_session(folder: &Path) -> anyhow::Result<()> {
    if folder.join(FACES_FILE).exists() {
        return Ok(());
    }
    let found = match folder.metadata() {
        Err(e) => format!("that it cannot be opened ({e})"),
        Ok(m) if !m.is_dir() => "a file".to_owned(),
        Ok(_) => {
            let listed = std::fs::read_dir(folder);
            let unreadable = listed.as_ref().err().map(|e| format!("that it cannot be read ({e})"));
            let folders = listed.into_iter().flatten().flatten().map(|entry| entry.path());
            let mut recordings: Vec<_> = folders.filter(|f| f.join(FACES_FILE).exists()).collect();
            recordings.sort();
            match recordings.last() {
                None if unreadable.is_some() => unreadable.unwrap_or_default(),
                None => format!("no {FACES_FILE} in it"),
                Some(newest) => {
                    let many = match recordings.len() {
                        1 => "a recording".to_owned(),
                        count => format!("{count} recordings"),
                    };
                    format!("{many} in it: name one, such as {}", newest.display())
                }
            }
        }
    };
    bail!(
        "{}: expected the folder of a recording, which holds {FACES_FILE} and {SESSION_FILE}; found {found}",
        folder.display()
    )
}

pub(super) fn run(args: &ReportArgs) -> anyhow::Result<u8> {
    check_session(&args.session)?;
    if let Some(out) = &args.out {
        let read = SESSION_FILES.map(|name| args.session.join(name));
        args.overwrite.check(std::slice::from_ref(out), read.iter().map(PathBuf::as_path))?;
    }
    // An earlier page of this program in the folder is replaced, anything else there only where it may be.
    let out = args.out.clone().or_else(|| args.overwrite.overwrite.then(|| args.session.join(REPORT_FILE)));
    let path = write_report(&args.session, out.as_deref())?;
    writeln!(std::io::stdout().lock(), "{}", path.display())?;
    Ok(DONE)
}
