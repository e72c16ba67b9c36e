//! The window's texts: one file a language in `locales/`, in Fluent's form, built into the program. What a language lacks
//! is shown in English.

use std::cell::Cell;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

use crate::settings::LanguageChoice;

/// A language of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Language {
    #[default]
    English,
    German,
    Spanish,
    French,
    Japanese,
    Bengali,
}

impl Language {
    /// All of them, in the menu's order.
    pub(super) const ALL: [Self; 6] =
        [Self::English, Self::German, Self::Spanish, Self::French, Self::Japanese, Self::Bengali];

    /// As ISO 639-1 writes it.
    fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Spanish => "es",
            Self::French => "fr",
            Self::Japanese => "ja",
            Self::Bengali => "bn",
        }
    }

    /// What those call it who speak it.
    pub(super) fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
            Self::Spanish => "Español",
            Self::French => "Français",
            Self::Japanese => "日本語",
            Self::Bengali => "বাংলা",
        }
    }

    /// All texts, in Fluent's form.
    pub(super) fn source(self) -> &'static str {
        match self {
            Self::English => include_str!("../../locales/en.ftl"),
            Self::German => include_str!("../../locales/de.ftl"),
            Self::Spanish => include_str!("../../locales/es.ftl"),
            Self::French => include_str!("../../locales/fr.ftl"),
            Self::Japanese => include_str!("../../locales/ja.ftl"),
            Self::Bengali => include_str!("../../locales/bn.ftl"),
        }
    }

    /// The language of a tag such as `de-AT` or `de_AT.UTF-8`; English where there is none of that name.
    pub(super) fn of_tag(tag: &str) -> Self {
        let name = tag.split(['-', '_', '.', '@']).next().unwrap_or_default();
        let same = |language: &Self| language.code().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(same).unwrap_or_default()
    }

    /// What was chosen; `system` is the system's.
    pub(super) fn chosen(choice: LanguageChoice, system: Self) -> Self {
        match choice {
            LanguageChoice::System => system,
            LanguageChoice::English => Self::English,
            LanguageChoice::German => Self::German,
            LanguageChoice::Spanish => Self::Spanish,
            LanguageChoice::French => Self::French,
            LanguageChoice::Japanese => Self::Japanese,
            LanguageChoice::Bengali => Self::Bengali,
        }
    }

    /// The setting that chooses it.
    pub(super) fn choice(self) -> LanguageChoice {
        match self {
            Self::English => LanguageChoice::English,
            Self::German => LanguageChoice::German,
            Self::Spanish => LanguageChoice::Spanish,
            Self::French => LanguageChoice::French,
            Self::Japanese => LanguageChoice::Japanese,
            Self::Bengali => LanguageChoice::Bengali,
        }
    }

    /// Whether its letters are in a font of the system, not in those that are built in.
    pub(super) fn needs_font(self) -> bool {
        matches!(self, Self::Japanese | Self::Bengali)
    }
}

static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 6]> = LazyLock::new(|| Language::ALL.map(bundle));

fn bundle(language: Language) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(vec![language.code().parse().unwrap_or_default()]);
    // Marks of direction, which fonts draw as boxes; no language here is written from right to left.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(language.source().to_owned()).unwrap_or_else(|(rest, errors)| {
        // The files are built in, and a test reads them: nobody sees this.
        tracing::error!("{language:?}: {errors:?}");
        rest
    });
    bundle.add_resource_overriding(resource);
    bundle
}

thread_local! {
    /// Each window draws on one thread. Threads that are not told otherwise speak English.
    static CURRENT: Cell<Language> = const { Cell::new(Language::English) };
}

/// From now on this thread speaks that language.
pub(super) fn speak(language: Language) {
    CURRENT.set(language);
}

/// The language that this thread speaks.
pub(super) fn current() -> Language {
    CURRENT.get()
}

/// Does something in a language, for another thread than the window's or for a recording.
pub(super) fn within<T>(language: Language, act: impl FnOnce() -> T) -> T {
    let before = CURRENT.replace(language);
    let done = act();
    CURRENT.set(before);
    done
}

/// Finds a text in the language of this thread, else in English.
fn find<'a>(key: &str, args: Option<&FluentArgs<'_>>) -> Option<std::borrow::Cow<'a, str>> {
    [current(), Language::English].into_iter().find_map(|language| {
        let bundle = &BUNDLES[language as usize];
        let pattern = bundle.get_message(key)?.value()?;
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, args, &mut errors);
        errors.is_empty().then_some(text)
    })
}

/// The text of this key, which has no gaps to fill.
pub(super) fn text(key: &'static str) -> &'static str {
    match find(key, None) {
        Some(std::borrow::Cow::Borrowed(text)) => text,
        // The tests know every key and every text.
        _ => key,
    }
}

/// What fills a gap.
pub(super) type Gap<'a> = FluentValue<'a>;

/// The text of this key, its gaps filled.
pub(super) fn text_with(key: &'static str, gaps: Vec<(&'static str, Gap<'_>)>) -> String {
    let args: FluentArgs<'_> = gaps.into_iter().collect();
    find(key, Some(&args)).map_or_else(|| key.to_owned(), std::borrow::Cow::into_owned)
}

/// `tr!("menu-file")` is a text of the window in its language, `tr!("people-count", count = 3)` one with a gap.
macro_rules! tr {
    ($key:literal) => {
        $crate::app::language::text($key)
    };
    ($key:literal, $($name:ident = $value:expr),+ $(,)?) => {
        $crate::app::language::text_with(
            $key,
            vec![$((stringify!($name), $crate::app::language::Gap::from($value))),+],
        )
    };
}
pub(super) use tr;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Keys and what stands behind them.
    fn entries(language: Language) -> BTreeMap<&'static str, String> {
        let mut entries: BTreeMap<&str, String> = BTreeMap::new();
        let mut last = "";
        for line in language.source().lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            if line.starts_with([' ', '}']) {
                entries.get_mut(last).unwrap().push_str(line);
                continue;
            }
            let (key, value) = line.split_once(" =").unwrap_or_else(|| panic!("{language:?}: {line}"));
            assert!(entries.insert(key, value.trim().to_owned()).is_none(), "{language:?}: {key} twice");
            last = key;
        }
        entries
    }

    #[test]
    fn every_text_is_read_and_none_is_broken() {
        for language in Language::ALL {
            let errors =
                FluentResource::try_new(language.source().to_owned()).err().map(|(_, errors)| errors);
            assert_eq!(errors, None, "{language:?}");
            for (key, value) in entries(language) {
                let shown = within(language, || match value.contains('{') {
                    false => text(key).to_owned(),
                    true => {
                        let names = value.split('$').skip(1).map(|rest| {
                            rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default()
                        });
                        let gaps = names.map(|name| (name, Gap::from(3)));
                        let args: FluentArgs<'_> = gaps.collect();
                        find(key, Some(&args)).unwrap_or_else(|| panic!("{language:?}: {key}")).into_owned()
                    }
                });
                assert!(
                    !shown.is_empty() && (shown != key || !key.contains('-')) && !shown.contains('$'),
                    "{language:?} {key}: {shown}"
                );
            }
        }
    }

    #[test]
    fn what_a_language_lacks_is_english() {
        let english = entries(Language::English);
        for language in Language::ALL {
            let own = entries(language);
            for (key, value) in &english {
                if !own.contains_key(key) && !value.contains('{') {
                    assert_eq!(within(language, || text(key)), value, "{language:?}");
                }
            }
        }
        assert_eq!(within(Language::German, || text("no-such-key")), "no-such-key");
    }

    #[test]
    fn the_systems_tags_are_read() {
        for (tag, language) in [
            ("de_AT.UTF-8", Language::German),
            ("ja", Language::Japanese),
            ("FR-ca", Language::French),
            ("bn_BD", Language::Bengali),
            ("C.UTF-8", Language::English),
            ("den", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::of_tag(tag), language, "{tag}");
        }
        assert_eq!(Language::chosen(LanguageChoice::System, Language::French), Language::French);
        for language in Language::ALL {
            assert_eq!(Language::chosen(language.choice(), Language::German), language);
        }
    }

    #[test]
    fn numbers_choose_the_form_of_their_word() {
        let faces = |n: usize| tr!("contact-progress", faces = n, done = 2, all = 3);
        assert_eq!((faces(1), faces(2)), ("1 face in 2 of 3 files".into(), "2 faces in 2 of 3 files".into()));
    }
}
