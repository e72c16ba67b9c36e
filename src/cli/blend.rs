//! `moue blend`: the weighted mean of two networks, weight by weight.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use moue_model::{StoredAs, write_safetensors};

use super::DONE;
use super::evaluate::require_safetensors;
use super::outputs::OverwriteArgs;
use super::weights::WeightsArgs;

#[derive(Debug, Args)]
#[command(
    after_help = "A network that learned on from another one, with harder pictures for example, reads what the first one read and \
                        what it learned best in between (Wortsman et al. 2022, \"Robust fine-tuning of zero-shot models\"). Networks that \
                        began apart cannot be blended: measure what comes out, and calibrate it."
)]
pub(super) struct BlendArgs {
    /// The network that learning began with
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// The network that it became
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    #[command(flatten)]
    read_as: WeightsArgs,
    /// Share of AFTER, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    share: f32,
    /// The safetensors file to write, with 16-bit numbers and what AFTER says of its training
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    overwrite: OverwriteArgs,
}

/// What AFTER's file says of its own readings is not true of the blend.
const MEASURED: [&str; 4] = ["val_", "test_", "calibration", "conditions"];

pub(super) fn run(args: &BlendArgs) -> anyhow::Result<u8> {
    require_safetensors(&args.to)?;
    args.overwrite.check(std::slice::from_ref(&args.to), [args.before.as_path(), args.after.as_path()])?;
    if !(0.0..=1.0).contains(&args.share) {
        bail!("--share {}: expected 0 to 1", args.share);
    }
    let (before, after) = (args.read_as.read(&args.before)?, args.read_as.read(&args.after)?);
    // A run may have deepened the network that it began with.
    let deepened = before.weights.deepened(&after.weights);
    let Some(mut blend) = after.weights.blended(deepened.as_ref().unwrap_or(&before.weights), args.share)
    else {
        bail!(
            "{}: expected a network of at most {} residual blocks a layer as {}, found {}",
            args.before.display(),
            after.weights.blocks,
            args.after.display(),
            before.weights.blocks
        );
    };
    blend.metadata.retain(|key, _| !MEASURED.iter().any(|measured| key.starts_with(measured)));
    // Fitted to the readings of another network.
    blend.metadata.insert("temperature".into(), "1".into());
    let part = |share: f32, name: &str, sha256: &str| format!("{share} of {name} (SHA-256 {sha256})");
    let parts =
        [part(1.0 - args.share, &before.name, &before.sha256), part(args.share, &after.name, &after.sha256)];
    blend.metadata.insert("blended_from".into(), parts.join(", "));
    write_safetensors(&blend, &args.to, StoredAs::F16)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} -> {}", parts.join(", "), args.to.display())?;
    writeln!(out, "measure it (moue evaluate), then calibrate it (moue calibrate)")?;
    Ok(DONE)
}
