//! Writes an evaluation's files.

use std::path::{Path, PathBuf};

use image::RgbImage;
use moue_files::new_file;
use moue_model::Expression;

use super::plots::{PlotError, confusion_matrix, reliability_diagram};
use super::{ConditionsReport, ConfusionMatrix, Evaluation, classification_report};

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

/// Writes `report.txt`, `confusion_matrix.csv`, `confusion_matrix.png` and `reliability.png` into the folder, which
/// is made if it is not there, and returns their paths. `title` heads the pictures.
///
/// # Errors
/// [`EvalError`], naming the file.
pub fn write_evaluation(dir: &Path, evaluation: &Evaluation, title: &str) -> Result<Vec<PathBuf>, EvalError> {
    std::fs::create_dir_all(dir)
        .map_err(|e| EvalError::Unwritable { path: dir.to_owned(), reason: e.to_string() })?;
    let report = format!("{}\n{}", classification_report(&evaluation.confusion, 4), evaluation.summary());
    let files = [
        ("report.txt", report.into_bytes()),
        ("confusion_matrix.csv", confusion_csv(&evaluation.confusion).into_bytes()),
        ("confusion_matrix.png", png(&confusion_matrix(&evaluation.confusion, title)?)?),
        ("reliability.png", png(&reliability_diagram(&evaluation.calibration, title)?)?),
    ];
    write_all(dir, files)
}

fn write_all<const N: usize>(dir: &Path, files: [(&str, Vec<u8>); N]) -> Result<Vec<PathBuf>, EvalError> {
    files
        .into_iter()
        .map(|(name, bytes)| {
            let path = dir.join(name);
            write_atomically(&path, &bytes)?;
            Ok(path)
        })
        .collect()
}

/// Writes `conditions.txt` and `conditions.png` into the folder, and returns their paths.
///
/// # Errors
/// [`EvalError`], naming the file.
pub fn write_conditions(
    dir: &Path,
    conditions: &ConditionsReport,
    title: &str,
) -> Result<Vec<PathBuf>, EvalError> {
    let files = [
        ("conditions.txt", conditions.text().into_bytes()),
        ("conditions.png", png(&conditions.picture(title)?)?),
    ];
    write_all(dir, files)
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
