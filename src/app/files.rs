//! Files from outside: what is dropped onto the window, and what was open the last time.

use std::io::Read as _;
use std::path::Path;

use eframe::egui;
use moue_capture::SourceSpec;
use moue_files::plain_file;

use super::settings::Settings;
use super::theme;

/// The source of the last time, unless its file is gone.
pub(super) fn remembered_source(settings: &Settings) -> Option<SourceSpec> {
    let Ok(source) = settings.source.as_ref()?.parse::<SourceSpec>();
    match &source {
        SourceSpec::Path(path) if !path.exists() => None,
        _ => Some(source),
    }
}

/// Says what can be dropped while something is held over the window.
pub(super) fn drop_hint(ctx: &egui::Context, stage: egui::Rect) {
    if ctx.input(|i| i.raw.hovered_files.is_empty()) {
        return;
    }
    let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop hint"));
    let painter = ctx.layer_painter(layer);
    painter.rect_filled(stage, 0.0, theme::STAGE.gamma_multiply(0.85));
    let text = "Drop it: weights to read with, or a picture, a video or a folder to look at";
    let font = egui::FontId::proportional(18.0);
    painter.text(stage.center(), egui::Align2::CENTER_CENTER, text, font, theme::ON_STAGE);
}

/// Whether a dropped file is one of weights: by its ending, else by its first bytes.
pub(super) fn is_weights(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    if ["safetensors", "pt", "pth"].contains(&ending.as_str()) {
        return true;
    }
    let mut start = [0; 9];
    if plain_file::open(path).and_then(|(mut file, _)| file.read_exact(&mut start)).is_err() {
        return false;
    }
    // The length of a safetensors header, and the header's first letter; a zip; a pickle.
    let safetensors = start[8] == b'{' && start[4..8] == [0; 4];
    safetensors || start.starts_with(b"PK\x03\x04") || start.starts_with(b"\x80\x02")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_told_from_pictures_by_ending_or_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        assert!(is_weights(Path::new("/nowhere/net.PTH")));
        assert!(is_weights(&file("net", b"\x08\0\0\0\0\0\0\0{}      ")));
        assert!(is_weights(&file("zip.bin", b"PK\x03\x04 and more")));
        assert!(!is_weights(&file("a.png", b"\x89PNG\r\n\x1a\n and more")));
        assert!(!is_weights(&file("empty", b"")));
        assert!(!is_weights(folder.path()));
        assert!(!is_weights(Path::new("/nowhere/at.all")));
    }

    #[test]
    fn the_last_source_is_taken_up_again_unless_its_file_is_gone() {
        let with = |source: &str| Settings { source: Some(source.to_owned()), ..Settings::default() };
        assert_eq!(remembered_source(&Settings::default()), None);
        assert_eq!(remembered_source(&with("demo")), Some(SourceSpec::Demo));
        assert_eq!(remembered_source(&with("/no/such/file.mp4")), None);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        assert_eq!(remembered_source(&with(&path.display().to_string())), Some(SourceSpec::Path(path)));
    }
}
