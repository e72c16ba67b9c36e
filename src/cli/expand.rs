//! `moue expand`: a copy of a data set with more training pictures.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use image::{ExtendedColorType, GrayImage, ImageFormat};
use moue_model::TRAINING_FACE_PX;
use moue_train::data::{ClassNames, Split, SplitName};
use moue_train::eval::{contact_sheet, png, write_atomically};
use moue_train::{Addition, Transformation, plan_expansion};

use super::dataset::{DataArgs, read_data};
use super::{DONE, SOME_FAILED};

/// Pictures of each transformation on the contact sheet.
const ON_SHEET: usize = 6;

#[derive(Debug, Args)]
pub(super) struct ExpandArgs {
    #[command(flatten)]
    data: DataArgs,
    /// What DATA's folders or numbers stand for, in their order, where their names do not tell
    #[arg(long, alias = "data-classes", value_name = "A,B,...")]
    classes: Option<ClassNames>,
    /// Where the new data set goes: a folder that is empty or not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Pictures to add, as a share of the training pictures
    #[arg(long, default_value_t = 0.3, value_name = "SHARE")]
    fraction: f64,
    /// Seed of all random numbers
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

pub(super) fn run(args: &ExpandArgs) -> anyhow::Result<u8> {
    if !(0.0..=10.0).contains(&args.fraction) {
        bail!("--fraction: expected 0 to 10, found {}", args.fraction);
    }
    let out = &args.out;
    if out.exists() && fs::read_dir(out).with_context(|| out.display().to_string())?.next().is_some() {
        bail!("{}: expected an empty folder, found files in it", out.display());
    }
    let options = args.data.options(args.classes.as_ref());
    let mut wanted = present_splits(&args.data.data);
    if options.val_share.is_some() && !wanted.contains(&SplitName::Val) {
        wanted.push(SplitName::Val);
    }
    let data = read_data(&args.data.data, &wanted, &options)?;
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;

    // Only training pictures are sources: a changed copy of a validation picture in training would make the
    // validation a memory test.
    let root = args.data.data.is_dir().then_some(args.data.data.as_path());
    for split in SplitName::ALL {
        write_split(out, root, split, data.split(split))?;
    }
    let train = data.split(SplitName::Train);
    let plan = plan_expansion(train.len(), args.fraction, args.seed);
    let names = write_additions(out, train, &plan)?;
    let sheet = png(&contact_sheet(&examples(train, &plan, &names))?)?;
    write_atomically(&out.join("contact_sheet.png"), &sheet)?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "train/ {} pictures and {} added, {}", train.len(), plan.len(), out.display())?;
    for split in [SplitName::Val, SplitName::Test] {
        writeln!(stdout, "{split}/ {} pictures, unchanged", data.split(split).len())?;
    }
    writeln!(stdout, "manifest.csv, contact_sheet.png")?;
    Ok(if data.skipped.is_empty() { DONE } else { SOME_FAILED })
}

/// Validation and test pictures are copied where there are any.
fn present_splits(path: &Path) -> Vec<SplitName> {
    SplitName::ALL
        .into_iter()
        .filter(|s| *s == SplitName::Train || moue_train::data::holds_split(path, *s))
        .collect()
}

/// Names of a split's pictures in the new data set, each once in its class's folder: two folders may hold the same class.
fn file_names(split: &Split) -> Vec<String> {
    let mut taken = HashSet::new();
    (0..split.len())
        .map(|i| {
            let (class, name) = (split.samples[i].label, file_name(split, i));
            let (stem, ending) = name.rsplit_once('.').map_or((name.as_str(), ""), |(s, e)| (s, e));
            let numbered = (2..).map(|n| format!("{stem}_{n}.{ending}").trim_end_matches('.').to_owned());
            let mut names = std::iter::once(name.clone()).chain(numbered);
            // Upper and lower case are the same on some disks.
            names.find(|name| taken.insert((class, name.to_lowercase()))).unwrap_or(name.clone())
        })
        .collect()
}

/// A picture's own name.
fn file_name(split: &Split, index: usize) -> String {
    let name = &split.samples[index].name;
    let stem = name.rsplit('/').next().unwrap_or(name).replace([':', ' '], "_");
    // A row of a CSV file has no file extension.
    if stem.contains("_row_") { format!("{}.png", stem.replace(".csv", "")) } else { stem }
}

/// Copies the files bit for bit; rows of a table become PNG files.
fn write_split(out: &Path, root: Option<&Path>, name: SplitName, split: &Split) -> anyhow::Result<()> {
    let names = file_names(split);
    for (i, sample) in split.samples.iter().enumerate() {
        let folder = out.join(name.name()).join(sample.label.name());
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let target = folder.join(&names[i]);
        match root.map(|root| root.join(&sample.name)).filter(|source| source.is_file()) {
            Some(source) => {
                fs::copy(&source, &target).with_context(|| target.display().to_string())?;
            }
            None => save(&target, split.face(i))?,
        }
    }
    Ok(())
}

/// Writes the new pictures and `manifest.csv`; returns the pictures' names.
fn write_additions(out: &Path, train: &Split, plan: &[Addition]) -> anyhow::Result<Vec<String>> {
    let mut manifest = csv::Writer::from_writer(Vec::new());
    manifest.write_record(["file", "source", "transformation", "parameters"])?;
    let originals = file_names(train);
    let mut names = Vec::with_capacity(plan.len());
    for (i, addition) in plan.iter().enumerate() {
        let class = train.samples[addition.source].label.name();
        let original = &originals[addition.source];
        let stem =
            Path::new(original).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let kind = addition.transformation.name();
        let name = format!("train/{class}/{stem}_{kind}{i:05}.png");
        save(&out.join(&name), &addition.transformation.apply(train.face(addition.source)))?;
        let source = format!("train/{class}/{original}");
        manifest.write_record([&name, &source, kind, &addition.transformation.to_string()])?;
        names.push(name);
    }
    write_atomically(&out.join("manifest.csv"), &manifest.into_inner()?)?;
    Ok(names)
}

fn save(path: &Path, face: &[u8]) -> anyhow::Result<()> {
    let side = TRAINING_FACE_PX as u32;
    image::save_buffer_with_format(path, face, side, side, ExtendedColorType::L8, ImageFormat::Png)
        .with_context(|| path.display().to_string())
}

/// For each transformation some pairs of source and result, with a caption.
fn examples(train: &Split, plan: &[Addition], names: &[String]) -> Vec<(String, Vec<[GrayImage; 2]>)> {
    let picture = |face: Vec<u8>| {
        let side = TRAINING_FACE_PX as u32;
        GrayImage::from_raw(side, side, face).unwrap_or_else(|| GrayImage::new(side, side))
    };
    debug_assert_eq!(plan.len(), names.len());
    Transformation::NAMES
        .into_iter()
        .map(|kind| {
            let pairs = plan
                .iter()
                .filter(|a| a.transformation.name() == kind)
                .take(ON_SHEET)
                .map(|a| {
                    let source = train.face(a.source);
                    [picture(source.to_vec()), picture(a.transformation.apply(source))]
                })
                .collect();
            (kind.to_owned(), pairs)
        })
        .collect()
}
