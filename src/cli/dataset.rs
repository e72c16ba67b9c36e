//! What the commands that read labelled pictures share.

use std::path::{Path, PathBuf};

use clap::Args;
use moue_train::data::{ClassNames, DataOptions, DataSet, SplitName, ValShare};

use super::complain;

/// Lines about single files before the rest is only counted.
const MOST_LINES: usize = 200;

/// Flags about the data.
#[derive(Debug, Args)]
pub(super) struct DataArgs {
    /// Folder with train/, val/ and test/ and a folder a class in each, or fer2013.csv
    #[arg(value_name = "DATA")]
    pub(super) data: PathBuf,
    /// Leave out the files listed here: a CSV file with a column "path", or one path a line
    #[arg(long, value_name = "FILE")]
    pub(super) exclude: Option<PathBuf>,
    /// Where DATA has no validation pictures: hold out this share of train/ for it, drawn in each class; identical
    /// pictures stay together. Give it again to evaluate or calibrate on the same ones
    #[arg(long, value_name = "SHARE")]
    val_share: Option<f64>,
    /// What the draw of --val-share comes from
    #[arg(long, value_name = "N", default_value_t = 1, requires = "val_share")]
    val_seed: u64,
}

impl DataArgs {
    /// How the data are to be read.
    pub(super) fn options(&self, classes: Option<&ClassNames>) -> DataOptions {
        DataOptions {
            ferplus: None,
            exclude: self.exclude.clone(),
            classes: classes.cloned(),
            val_share: self.val_share.map(|share| ValShare { share, seed: self.val_seed }),
        }
    }
}

impl DataArgs {
    /// All that is read.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        [self.data.as_path()].into_iter().chain(self.exclude.as_deref())
    }
}

/// Reads the splits; every file that could not be read is named on standard error, with a summary.
pub(super) fn read_data(path: &Path, wanted: &[SplitName], options: &DataOptions) -> anyhow::Result<DataSet> {
    let data = DataSet::read(path, wanted, options)?;
    for notice in &data.notices {
        complain(format_args!("{}: {notice}", path.display()));
    }
    for skipped in data.skipped.iter().take(MOST_LINES) {
        complain(format_args!("skipped {}: {}", skipped.name, skipped.reason));
    }
    if data.skipped.len() > MOST_LINES {
        complain(format_args!("skipped {} more", data.skipped.len() - MOST_LINES));
    }
    let counts: Vec<String> = wanted.iter().map(|s| format!("{s} {}", data.split(*s).len())).collect();
    complain(format_args!(
        "{}: {} pictures; {} skipped, {} excluded",
        path.display(),
        counts.join(", "),
        data.skipped.len(),
        data.excluded
    ));
    Ok(data)
}
