//! `moue generate`: the files that packages carry beside the program, made from its own command line.

use std::fs::create_dir_all;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use clap_complete::{Shell, generate_to};

use super::{DONE, command};

#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// Where man/ and completions/ are made
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn run(args: &GenerateArgs) -> anyhow::Result<u8> {
    let (man, completions) = (args.dir.join("man"), args.dir.join("completions"));
    for folder in [&man, &completions] {
        create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    }
    let cannot = || format!("{}: cannot be written", args.dir.display());
    clap_mangen::generate_to(command(), &man).with_context(cannot)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command(), "moue", &completions).with_context(cannot)?;
    }
    Ok(DONE)
}
