//! One annotated picture in a file.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use chrono::Local;
use image::ImageFormat;

use super::error::RecordError;
use super::folder::first_free;
use super::picture::{AnnotatedFrame, Annotations, PictureStyle};

/// Draws `frame` and writes it as PNG into `folder`, named by the local time; never over another file. Returns
/// the file.
///
/// # Errors
/// [`RecordError`] when the folder is gone or the file cannot be written.
pub fn save_snapshot(
    folder: &Path,
    frame: &AnnotatedFrame,
    style: &PictureStyle,
) -> Result<PathBuf, RecordError> {
    let failed = |path: &Path, reason: String| RecordError::Picture { path: path.to_owned(), reason };
    let annotations = Annotations::new().ok_or_else(|| failed(folder, "no font".into()))?;
    let picture = annotations.draw(frame, style);
    let make = |path: &Path| File::options().write(true).create_new(true).open(path).map(drop);
    let path = first_free(folder, Local::now(), ".png", make)
        .map_err(|reason| RecordError::Folder { path: folder.to_owned(), reason })?;
    let write = || -> Result<(), String> {
        let mut out = BufWriter::new(File::create(&path).map_err(|e| e.to_string())?);
        picture.write_to(&mut out, ImageFormat::Png).map_err(|e| e.to_string())?;
        out.into_inner().map_err(|e| e.to_string())?.sync_all().map_err(|e| e.to_string())
    };
    write().map_err(|reason| {
        // An incomplete file is of no use.
        let _ = std::fs::remove_file(&path);
        failed(&path, reason)
    })?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn snapshots_are_pictures_with_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let frame = AnnotatedFrame { image: Arc::new(image::RgbImage::new(40, 30)), faces: Vec::new() };
        let save = || save_snapshot(folder.path(), &frame, &PictureStyle::default());
        let (a, b) = (save().unwrap(), save().unwrap());
        assert_ne!(a, b);
        for path in [a, b] {
            assert_eq!(image::open(path).unwrap().to_rgb8().dimensions(), (40, 30));
        }
        let gone = save_snapshot(&folder.path().join("none"), &frame, &PictureStyle::default());
        assert!(gone.unwrap_err().to_string().contains("none"));
    }
}
