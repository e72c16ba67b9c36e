//! `moue teach`: a person's own expressions from a folder of pictures or clips.

mod takes;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use moue_capture::is_system_file;
use moue_detect::DetectorKind;
use moue_profile::{CLASSES, Example, Review, TeachOptions, learn};

use super::inputs::Inputs;
use super::outputs::OverwriteArgs;
use super::{DONE, NetworkArgs, SOME_FAILED, complain};
use crate::pipeline::{ModelInfo, network_class};
use crate::teach::review_lines;
use takes::TakeReader;

const EXAMPLES: &str = "\
Examples (me/ has a folder an expression: me/neutral, me/happy, me/tongue out, ...):
  moue teach --from me/ --out me.moueprofile     one picture an expression is enough, two are better
  moue analyze photo.jpg --profile me.moueprofile --json
                                                 reads it beside the network's seven

Each picture or clip is one take. Where an expression has two, each is read by what was
learned without it, and what came out is said.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TeachArgs {
    /// A folder with a folder an expression, each with pictures or clips of one person
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The profile, a .moueprofile file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    overwrite: OverwriteArgs,
    /// Each picture already is one face: no detection
    #[arg(long)]
    cropped: bool,
    #[command(flatten)]
    network: NetworkArgs,
    /// Face detector: auto, rustface or blazeface
    #[arg(long, default_value_t, value_name = "DETECTOR")]
    detector: DetectorKind,
}

/// An expression and its takes.
struct Taught {
    name: String,
    takes: Vec<PathBuf>,
}

pub(super) fn run(args: &TeachArgs) -> anyhow::Result<u8> {
    if args.out.extension().is_none_or(|e| !e.eq_ignore_ascii_case("moueprofile")) {
        bail!("--out {}: expected a name that ends in .moueprofile", args.out.display());
    }
    let taught = expressions(&args.from)?;
    let inputs = taught.iter().flat_map(|t| &t.takes).map(PathBuf::as_path);
    args.overwrite.check(std::slice::from_ref(&args.out), inputs.chain(args.network.weights.as_deref()))?;
    let loaded = args.network.load()?;
    let classifier = loaded.classifier(args.network.device, args.network.threads)?;
    let model = ModelInfo::new(&loaded, &classifier);
    drop(loaded);

    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
    let bar = ProgressBar::new(taught.iter().map(|t| t.takes.len() as u64).sum());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut reader = TakeReader::new(classifier, args.detector, args.cropped);
    let mut examples = Vec::new();
    let mut failed = false;
    for (class, expression) in taught.iter().enumerate() {
        bar.set_message(expression.name.clone());
        for (take, path) in expression.takes.iter().enumerate() {
            match reader.read(path) {
                Ok(found) => {
                    if let Some(note) = &found.note {
                        bar.suspend(|| complain(format_args!("{}: {note}", path.display())));
                    }
                    let of_take = |features| Example { class, take, features };
                    examples.extend(found.faces.into_iter().map(of_take));
                }
                Err(e) => {
                    failed = true;
                    bar.suspend(|| complain(format_args!("{e:#}; left out")));
                }
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();

    let names: Vec<String> = taught.iter().map(|t| t.name.clone()).collect();
    let options = TeachOptions {
        network_name: model.name.clone(),
        network_sha256: model.identity(),
        network_classes: names.iter().map(|name| network_class(name)).collect(),
    };
    let learned = learn(&names, &examples, &options).with_context(|| args.from.display().to_string())?;
    learned.profile.write(&args.out)?;
    say(&names, learned.review.as_ref(), &args.out)?;
    Ok(if failed { SOME_FAILED } else { DONE })
}

/// The folder's sub-folders with what is in them.
fn expressions(from: &Path) -> anyhow::Result<Vec<Taught>> {
    let cannot = || format!("--from {}: cannot be read", from.display());
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(from).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.is_dir() && !is_system_file(&path) {
            folders.push(path);
        }
    }
    folders.sort();
    if !CLASSES.contains(&folders.len()) {
        bail!(
            "--from {}: expected {} to {} folders, one an expression and named after it, found {}",
            from.display(),
            CLASSES.start(),
            CLASSES.end(),
            folders.len()
        );
    }
    folders
        .into_iter()
        .map(|folder| {
            let name = folder.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            let inputs = Inputs::expand(std::slice::from_ref(&folder), []);
            inputs.left_out().into_iter().for_each(|line| complain(format_args!("{name}: {line}")));
            Ok(Taught { name, takes: inputs.paths() })
        })
        .collect()
}

/// What was learned, in words.
fn say(names: &[String], review: Option<&Review>, path: &Path) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}: {}", path.display(), names.join(", "))?;
    let mut lines = review_lines(names, review).into_iter();
    if let Some(first) = lines.next() {
        writeln!(out, "{first}")?;
    }
    if let Some(review) = review {
        let width = names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
        for (name, row) in names.iter().zip(&review.confusion) {
            let read: Vec<String> = names
                .iter()
                .zip(row)
                .filter(|(_, count)| **count > 0)
                .map(|(n, count)| format!("{n} {count}"))
                .collect();
            let read =
                if read.is_empty() { "not held out: it has one take".to_owned() } else { read.join(", ") };
            writeln!(out, "  {name:width$}  read as: {read}")?;
        }
    }
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
