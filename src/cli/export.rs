//! `moue export`: one weights file from another.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use moue_model::{StoredAs, write_safetensors};

use super::DONE;
use super::evaluate::require_safetensors;
use super::outputs::OverwriteArgs;
use super::train::Dtype;
use super::weights::WeightsArgs;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Weights file: safetensors or a PyTorch state dict
    #[arg(value_name = "WEIGHTS")]
    weights: PathBuf,
    #[command(flatten)]
    read_as: WeightsArgs,
    /// The safetensors file to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    overwrite: OverwriteArgs,
    /// Precision of the file
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    dtype: Dtype,
    /// An entry to add to the file's metadata, for example its source; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    note: Vec<String>,
}

/// Keys that decide how a network is run. A note must not change them.
const DECIDING: [&str; 7] = ["architecture", "blocks", "classes", "input_size", "mean", "std", "temperature"];

pub(super) fn run(args: &ExportArgs) -> anyhow::Result<u8> {
    require_safetensors(&args.to)?;
    args.overwrite.check(std::slice::from_ref(&args.to), [args.weights.as_path()])?;
    let mut loaded = args.read_as.read(&args.weights)?;
    for note in &args.note {
        match note.split_once('=') {
            Some((key, value)) if !key.is_empty() && !DECIDING.contains(&key) => {
                loaded.weights.metadata.insert(key.to_owned(), value.to_owned());
            }
            _ => bail!("--note {note}: expected KEY=VALUE, where KEY is none of {}", DECIDING.join(", ")),
        }
    }
    let stored = if args.dtype == Dtype::F16 { StoredAs::F16 } else { StoredAs::F32 };
    write_safetensors(&loaded.weights, &args.to, stored)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} -> {}", loaded.name, args.to.display())?;
    Ok(DONE)
}
