//! Writes an evaluation's files.

use std::path::{Path, PathBuf};

use image::RgbImage;
use moue_files::new_file;
use moue_model::Expression;

use super::plots::{PlotError, confusion_matrix, reliability_diagram};
use super::{ConditionsReport, ConfusionMatrix, Evaluation, classification_report};

/// What [`write_evaluation`] writes.
pub const EVALUATION_FILES: [&str; 4] =
    ["report.txt", "confusion_matrix.csv", "confusion_matrix.png", "reliability.png"];
/// What [`write_conditions`] writes.
pub const CONDITIONS_FILES: [&str; 2] = ["conditions.txt", "conditions.png"];

/// Why an evaluation could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A file could not be written.
    #[error("{}: cannot write: {reason}", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A picture could not be drawn.
    #[error(transparent)]
    Plot(#[from] PlotError),
}

/// Writes [`EVALUATION_FILES`] into the folder, which is made if it is not there, and returns their paths. `title` heads the pictures.
///
/// # Errors
/// [`EvalError`], naming the file.
pub fn write_evaluation(dir: &Path, evaluation: &Evaluation, title: &str) -> Result<Vec<PathBuf>, EvalError> {
    std::fs::create_dir_all(dir)
        .map_err(|e| EvalError::Unwritable { path: dir.to_owned(), reason: e.to_string() })?;
    let report = format!("{}\n{}", classification_report(&evaluation.confusion, 4), evaluation.summary());
    let files = [
        report.into_bytes(),
        confusion_csv(&evaluation.confusion).into_bytes(),
        png(&confusion_matrix(&evaluation.confusion, title)?)?,
        png(&reliability_diagram(&evaluation.calibration, title)?)?,
    ];
    write_all(dir, EVALUATION_FILES, files)
}

fn write_all<const N: usize>(
    dir: &Path,
    names: [&str; N],
    files: [Vec<u8>; N],
) -> Result<Vec<PathBuf>, EvalError> {
    names
        .into_iter()
        .zip(files)
        .map(|(name, bytes)| {
            let path = dir.join(name);
            write_atomically(&path, &bytes)?;
            Ok(path)
        })
        .collect()
}

/// Writes [`CONDITIONS_FILES`] into the folder, and returns their paths.
///
/// # Errors
/// [`EvalError`], naming the file.
pub fn write_conditions(
    dir: &Path,
    conditions: &ConditionsReport,
    title: &str,
) -> Result<Vec<PathBuf>, EvalError> {
    let files = [conditions.text().into_bytes(), png(&conditions.picture(title)?)?];
    write_all(dir, CONDITIONS_FILES, files)
}

/// The picture as a PNG file's bytes.
///
/// # Errors
/// [`EvalError`] when it cannot be encoded.
pub fn png(picture: &RgbImage) -> Result<Vec<u8>, EvalError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(|e| EvalError::Unwritable { path: PathBuf::from("picture"), reason: e.to_string() })?;
    Ok(bytes.into_inner())
}

/// The file is there whole or not at all.
///
/// # Errors
/// [`EvalError::Unwritable`], naming the file.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), EvalError> {
    let unwritable = |reason: String| EvalError::Unwritable { path: path.to_owned(), reason };
    new_file::write(path, bytes).map_err(|e| unwritable(e.to_string()))
}

/// A row a true class, a column a predicted one.
fn confusion_csv(matrix: &ConfusionMatrix) -> String {
    let mut text = String::from("true\\predicted");
    for class in Expression::ALL {
        text.push(',');
        text.push_str(class.name());
    }
    text.push('\n');
    for class in Expression::ALL {
        text.push_str(class.name());
        for count in matrix.counts[class.index()] {
            text.push_str(&format!(",{count}"));
        }
        text.push('\n');
    }
    text
}
