//! Fonts of the system for languages whose letters the built-in fonts lack. They are looked for on a thread, and only once
//! such a language is chosen or its place in the menu is opened. Nothing is downloaded.
//!
//! egui has a provider of its own for this (`egui_system_font_provider`): it reads the disk while text is laid out, and
//! does not say beforehand whether there is a font for a language.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ab_glyph::Font as _;
use crossbeam_channel::{Receiver, TryRecvError, bounded};
use eframe::egui::{Context, FontData};

use super::language::Language;

/// Names of families that are made for screens, the best first; any other one that has all letters comes after them.
const JAPANESE: [&str; 12] = [
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "Source Han Sans JP",
    "Hiragino Sans",
    "Hiragino Kaku Gothic ProN",
    "Yu Gothic UI",
    "Meiryo UI",
    "Meiryo",
    "BIZ UDPGothic",
    "IPAexGothic",
    "IPAPGothic",
    "IPAGothic",
];
const BENGALI: [&str; 8] = [
    "Noto Sans Bengali UI",
    "Noto Sans Bengali",
    "Nirmala UI",
    "Nirmala Text",
    "Kohinoor Bangla",
    "Bangla Sangam MN",
    "Lohit Bengali",
    "Vrinda",
];
/// Most fonts that are looked into for one language.
const MOST: usize = 400;

/// A font that has a language's letters.
pub(super) struct LanguageFont {
    pub(super) language: Language,
    /// Its family.
    pub(super) name: String,
    pub(super) data: Arc<FontData>,
}

#[derive(Default)]
enum Search {
    #[default]
    NotBegun,
    Running(Receiver<Vec<LanguageFont>>),
    Done(Vec<LanguageFont>),
}

/// What is known of the system's fonts.
#[derive(Default)]
pub(super) struct SystemFonts {
    /// Only in this folder, where one is named.
    folder: Option<PathBuf>,
    search: Search,
}

impl SystemFonts {
    /// As on a system whose fonts are those of this folder.
    pub(super) fn of_folder(folder: PathBuf) -> Self {
        Self { folder: Some(folder), search: Search::NotBegun }
    }

    /// Begins to look, unless that was done before.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn look(&mut self, ctx: &Context) -> io::Result<()> {
        if !matches!(self.search, Search::NotBegun) {
            return Ok(());
        }
        let (sender, found) = bounded(1);
        let (folder, ctx) = (self.folder.clone(), ctx.clone());
        // A thread that is not given is not asked for again in each pass.
        self.search = Search::Done(Vec::new());
        std::thread::Builder::new().name("system-fonts".into()).spawn(move || {
            let fonts = std::panic::catch_unwind(move || search(folder)).unwrap_or_else(|_| {
                tracing::warn!("a font of the system could not be read");
                Vec::new()
            });
            // Fails only when the window was closed in the meantime.
            let _ = sender.send(fonts);
            ctx.request_repaint();
        })?;
        self.search = Search::Running(found);
        Ok(())
    }

    /// The fonts, once, when they are known.
    pub(super) fn new_fonts(&mut self) -> Option<&[LanguageFont]> {
        let Search::Running(answer) = &self.search else { return None };
        let fonts = match answer.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Vec::new(),
            Ok(fonts) => fonts,
        };
        self.search = Search::Done(fonts);
        let Search::Done(fonts) = &self.search else { return None };
        Some(fonts)
    }

    /// Whether a language can be shown; `None` while that is not known.
    pub(super) fn show(&self, language: Language) -> Option<bool> {
        match &self.search {
            _ if !language.needs_font() => Some(true),
            Search::Done(fonts) => Some(fonts.iter().any(|font| font.language == language)),
            Search::NotBegun | Search::Running(_) => None,
        }
    }
}

/// Called on a thread: reads the disk.
fn search(folder: Option<PathBuf>) -> Vec<LanguageFont> {
    let mut fonts = fontdb::Database::new();
    match folder {
        Some(folder) => fonts.load_fonts_dir(folder),
        None => fonts.load_system_fonts(),
    }
    [(Language::Japanese, JAPANESE.as_slice()), (Language::Bengali, BENGALI.as_slice())]
        .into_iter()
        .filter_map(|(language, names)| font_for(&fonts, language, names))
        .collect()
}

fn font_for(fonts: &fontdb::Database, language: Language, names: &[&str]) -> Option<LanguageFont> {
    let letters = letters(language);
    let place = |face: &fontdb::FaceInfo| {
        let of_family = |name: &&str| face.families.iter().any(|(family, _)| family == name);
        (names.iter().position(of_family).unwrap_or(names.len()), face.weight.0.abs_diff(400))
    };
    let upright = fonts.faces().filter(|face| face.style == fontdb::Style::Normal && !face.monospaced);
    let mut faces: Vec<&fontdb::FaceInfo> = upright.collect();
    // Some of the fonts that have all letters of Japanese are as wide for each.
    faces.extend(fonts.faces().filter(|face| face.monospaced));
    faces.sort_by_key(|face| place(face));
    faces.into_iter().take(MOST).find_map(|face| {
        let data = fonts.with_face_data(face.id, |bytes, index| {
            let font = ab_glyph::FontRef::try_from_slice_and_index(bytes, index).ok()?;
            let has_all = letters.iter().all(|letter| font.glyph_id(*letter).0 != 0);
            has_all.then(|| FontData { index, ..FontData::from_owned(bytes.to_vec()) })
        })??;
        let name = face.families.first().map_or_else(String::new, |(name, _)| name.clone());
        Some(LanguageFont { language, name, data: Arc::new(data) })
    })
}

/// The letters of a language's own texts that are not Latin.
fn letters(language: Language) -> Vec<char> {
    let script = |c: &char| match language {
        Language::Japanese => {
            matches!(c, '\u{3000}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
        }
        Language::Bengali => matches!(c, '\u{0980}'..='\u{09ff}'),
        _ => false,
    };
    let mut letters: Vec<char> =
        language.source().chars().chain(language.own_name().chars()).filter(script).collect();
    letters.sort_unstable();
    letters.dedup();
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_of_a_language_are_those_of_its_texts() {
        assert!(letters(Language::Bengali).contains(&'ব') && letters(Language::Bengali).len() > 20);
        assert!(letters(Language::Japanese).contains(&'顔') && !letters(Language::Japanese).contains(&'A'));
        assert!(letters(Language::German).is_empty());
    }

    #[test]
    fn where_there_is_no_font_that_is_known_after_a_look() {
        let folder = tempfile::tempdir().unwrap();
        // The program's own fonts lack the letters, and what is no font does no harm.
        std::fs::write(folder.path().join("hack.ttf"), epaint_default_fonts::HACK_REGULAR).unwrap();
        std::fs::write(folder.path().join("broken.ttf"), b"no font").unwrap();
        let mut fonts = SystemFonts::of_folder(folder.path().to_owned());
        assert_eq!((fonts.show(Language::German), fonts.show(Language::Japanese)), (Some(true), None));
        fonts.look(&Context::default()).unwrap();
        let start = std::time::Instant::now();
        while fonts.new_fonts().is_none() {
            assert!(start.elapsed().as_secs() < 60);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(fonts.show(Language::Japanese), Some(false));
        assert!(fonts.new_fonts().is_none(), "told once");
    }
}
