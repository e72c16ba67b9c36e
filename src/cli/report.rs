//! `moue report`: a recorded session as one HTML page.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use super::DONE;
use super::outputs::OverwriteArgs;
use crate::record::report::{REPORT_FILE, methods, write_report};
use crate::record::{FACES_FILE, SESSION_FILE, SESSION_FILES, Session};

/// What `--methods` writes into the folder.
const METHODS_FILE: &str = "methods.md";

const EXAMPLES: &str = "\
Examples:
  moue report sessions/2026-11-26_14-05-12  writes report.html into the recording's folder
  moue report SESSION --out page.html       writes it elsewhere
  moue report SESSION --methods             a methods paragraph and a text for participants (methods.md), to be edited

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
    /// Write drafts of a methods paragraph and of an information for participants instead, as methods.md. No legal advice
    #[arg(long)]
    methods: bool,
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
    if args.methods {
        return write_methods(args);
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

fn write_methods(args: &ReportArgs) -> anyhow::Result<u8> {
    let out = args.out.clone().unwrap_or_else(|| args.session.join(METHODS_FILE));
    let read = SESSION_FILES.map(|name| args.session.join(name));
    args.overwrite.check(std::slice::from_ref(&out), read.iter().map(PathBuf::as_path))?;
    // Only the built-in network's own figures are at hand.
    let recorded = Session::read(&args.session.join(SESSION_FILE)).ok();
    let built_in = moue_model::LoadedWeights::built_in().ok();
    let figures = recorded.zip(built_in).and_then(|(session, loaded)| {
        let same = session.models.iter().all(|m| m.sha256 == loaded.sha256);
        (same && !session.models.is_empty()).then_some(loaded.weights.metadata)
    });
    let text = methods(&args.session, figures.as_ref())?;
    moue_files::new_file::put(&out, text.as_bytes(), args.overwrite.overwrite)
        .with_context(|| format!("{}: cannot be written", out.display()))?;
    writeln!(std::io::stdout().lock(), "{}", out.display())?;
    Ok(DONE)
}
