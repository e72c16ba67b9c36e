//! `moue model`: what a weights file holds.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use moue_model::{ClassOrder, ConditionFigures, ConditionsTable, Expression, parameter_count};

use super::DONE;
use super::weights::WeightsArgs;

#[derive(Debug, Args)]
pub(super) struct ModelArgs {
    /// Weights file (default: the built-in network)
    file: Option<PathBuf>,
    #[command(flatten)]
    read_as: WeightsArgs,
}

pub(super) fn run(args: &ModelArgs) -> anyhow::Result<u8> {
    let loaded = args.read_as.read_or_built_in(args.file.as_deref())?;
    let weights = &loaded.weights;
    let size = weights.input_size();
    let mut out = std::io::stdout().lock();
    let path = loaded.path.as_ref().map_or(loaded.name.clone(), |p| p.display().to_string());
    writeln!(out, "file           {path}")?;
    writeln!(out, "sha256         {}", loaded.sha256)?;
    writeln!(out, "architecture   AttentionEmotionNet")?;
    writeln!(out, "blocks         {} a layer", weights.blocks)?;
    writeln!(out, "parameters     {}", parameter_count(weights.blocks))?;
    let mark = |key: &str| if weights.metadata.contains_key(key) { "" } else { " (assumed)" };
    writeln!(out, "input          3x{size}x{size}{}", mark("input_size"))?;
    let classes = Expression::ALL.map(Expression::name).join(", ");
    writeln!(out, "classes        {classes}{}", mark("classes"))?;
    let order = weights.original_class_order();
    if order != ClassOrder::default() {
        writeln!(out, "in the file    {}", order.to_string().replace(',', ", "))?;
    }
    if let Some(assumed) = weights.assumed() {
        writeln!(out, "               {assumed}: give --input-size PX and --classes A,B,...")?;
    }
    writeln!(out, "temperature    {}", weights.temperature())?;
    if weights.metadata.is_empty() {
        writeln!(out, "metadata       none")?;
    } else {
        writeln!(out, "metadata")?;
        let conditions = ConditionsTable::of(&weights.metadata);
        for (key, value) in &weights.metadata {
            if conditions.is_none() || !ConditionsTable::is_key(key) {
                writeln!(out, "    {key:<20} {value}")?;
            }
        }
        if let Some(table) = conditions {
            writeln!(out, "conditions     {}", table.data)?;
            writeln!(
                out,
                "    {:<20} {:>8}  {:>8}  {:>8}  {:>8}",
                "", "accuracy", "macro F1", "conf.", "ECE"
            )?;
            for r in &table.rows {
                let ConditionFigures { words, accuracy, macro_f1, confidence, calibration_error, .. } = r;
                writeln!(
                    out,
                    "    {words:<20} {accuracy:>8.4}  {macro_f1:>8.4}  {confidence:>8.4}  {calibration_error:>8.4}"
                )?;
            }
        }
    }
    Ok(DONE)
}
