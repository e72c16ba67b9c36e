//! `moue export`: one weights file from another.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::DONE;
use super::train::Dtype;
use crate::model::{LoadedWeights, StoredAs, write_safetensors};

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Weights file: safetensors or a PyTorch state dict
    #[arg(value_name = "WEIGHTS")]
    weights: PathBuf,
    /// The safetensors file to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Numbers in the file
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    dtype: Dtype,
}

pub(super) fn run(args: &ExportArgs) -> anyhow::Result<u8> {
    if args.to.extension().is_none_or(|e| !e.eq_ignore_ascii_case("safetensors")) {
        bail!(
            "--to {}: expected a name that ends in .safetensors, the format that is written",
            args.to.display()
        );
    }
    let loaded = LoadedWeights::read(&args.weights)?;
    let stored = if args.dtype == Dtype::F16 { StoredAs::F16 } else { StoredAs::F32 };
    write_safetensors(&loaded.weights, &args.to, stored)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} -> {}", loaded.name, args.to.display())?;
    Ok(DONE)
}
