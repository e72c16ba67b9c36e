//! `moue report`: a recorded session as one HTML page.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::DONE;
use crate::record::report::write_report;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Folder of a recording
    #[arg(value_name = "SESSION")]
    session: PathBuf,
    /// Write the page to FILE instead of report.html in the folder
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &ReportArgs) -> anyhow::Result<u8> {
    if !args.session.is_dir() {
        bail!("{}: expected the folder of a recording", args.session.display());
    }
    let path = write_report(&args.session, args.out.as_deref())?;
    writeln!(std::io::stdout().lock(), "{}", path.display())?;
    Ok(DONE)
}
