//! `moue report`: a recorded session as one HTML page.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::DONE;
use super::outputs::OverwriteArgs;
use crate::record::SESSION_FILES;
use crate::record::report::{REPORT_FILE, write_report};

#[derive(Debug, Args)]
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

pub(super) fn run(args: &ReportArgs) -> anyhow::Result<u8> {
    if !args.session.is_dir() {
        bail!("{}: expected the folder of a recording", args.session.display());
    }
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
