//! What people call the seven classes, and in which order their networks and data sets have them.

use std::fmt;
use std::str::FromStr;

use moue_files::excerpt;

use super::Expression;

/// The words for each class that data sets and label lists use, the usual misspellings and the two-letter codes of KDEF and
/// JAFFE among them.
const WORDS: [(Expression, &[&str]); Expression::COUNT] = [
    (Expression::Angry, &["angry", "anger", "angriness", "ang", "an", "mad", "rage"]),
    (Expression::Disgust, &["disgust", "disgusted", "disgusting", "disguist", "disgusts", "dis", "di"]),
    (
        Expression::Fear,
        &["fear", "fearful", "fearfull", "feared", "afraid", "scared", "frightened", "fea", "fe", "af"],
    ),
    (Expression::Happy, &["happy", "happiness", "happyness", "joy", "joyful", "hap", "ha"]),
    (Expression::Neutral, &["neutral", "neutrality", "nuetral", "netural", "natural", "neu", "ne"]),
    (Expression::Sad, &["sad", "sadness", "sadly", "unhappy", "sorrow", "sa"]),
    (
        Expression::Surprise,
        &[
            "surprise",
            "surprised",
            "surprising",
            "suprise",
            "suprised",
            "surprize",
            "astonished",
            "sur",
            "su",
        ],
    ),
];

/// Words that stand beside a class's name and say nothing.
const FILLERS: [&str; 15] = [
    "class",
    "label",
    "emotion",
    "expression",
    "face",
    "faces",
    "facial",
    "image",
    "images",
    "img",
    "imgs",
    "picture",
    "pictures",
    "person",
    "people",
];

/// FER-2013's numbers of the classes, from 0.
pub const FER_ORDER: [Expression; Expression::COUNT] = [
    Expression::Angry,
    Expression::Disgust,
    Expression::Fear,
    Expression::Happy,
    Expression::Sad,
    Expression::Surprise,
    Expression::Neutral,
];

/// RAF-DB's numbers of the classes, from 1.
pub const RAF_DB_ORDER: [Expression; Expression::COUNT] = [
    Expression::Surprise,
    Expression::Fear,
    Expression::Disgust,
    Expression::Happy,
    Expression::Sad,
    Expression::Angry,
    Expression::Neutral,
];

/// What a label says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// One of the seven classes, under one of its names.
    Class(Expression),
    /// Only a number; which class it is depends on the numbering.
    Number(u32),
    /// Something else, such as contempt.
    Other,
}

impl Label {
    /// Reads a label such as `Anger`, `0_angry`, `happy faces`, `3` or `class_3`. Upper and lower case are the same.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let lower = text.to_lowercase();
        let mut words =
            lower.split(|c: char| !c.is_alphabetic()).filter(|w| !w.is_empty() && !FILLERS.contains(w));
        if let Some(word) = words.next() {
            let class = WORDS.iter().find(|(_, names)| names.contains(&word)).map(|(class, _)| *class);
            return match (class, words.next()) {
                (Some(class), None) => Self::Class(class),
                _ => Self::Other,
            };
        }
        let mut numbers = lower.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
        match (numbers.next().map(str::parse), numbers.next()) {
            (Some(Ok(number)), None) => Self::Number(number),
            _ => Self::Other,
        }
    }

    /// The class, where the label names one.
    #[must_use]
    pub fn class(self) -> Option<Expression> {
        match self {
            Self::Class(class) => Some(class),
            _ => None,
        }
    }
}

/// The classes in the order of a network's seven outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassOrder([Expression; Expression::COUNT]);

impl Default for ClassOrder {
    /// This program's own order.
    fn default() -> Self {
        Self(Expression::ALL)
    }
}

impl ClassOrder {
    /// The class of each output.
    #[must_use]
    pub fn classes(&self) -> &[Expression; Expression::COUNT] {
        &self.0
    }

    /// The order of these names: each class once, under any of its names.
    ///
    /// # Errors
    /// What was found instead: too few, a repeated class, or a name of none.
    pub fn of_names<S: AsRef<str>>(names: &[S]) -> Result<Self, String> {
        let mut classes = Vec::new();
        for name in names {
            let name = name.as_ref().trim();
            let Label::Class(class) = Label::read(name) else {
                return Err(format!("{:?}, which is none of them", excerpt(name, 40)));
            };
            if classes.contains(&class) {
                return Err(format!("{class} twice"));
            }
            classes.push(class);
        }
        classes.try_into().map(Self).map_err(|found: Vec<_>| format!("{} names", found.len()))
    }
}

impl fmt::Display for ClassOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.map(Expression::name).join(","))
    }
}

impl FromStr for ClassOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names: Vec<&str> = text.split([',', ';']).map(str::trim).filter(|n| !n.is_empty()).collect();
        Self::of_names(&names).map_err(|found| {
            format!(
                "expected the seven classes in the order of the network's outputs, each once (for example {}; synonyms are \
                 understood), found {found}",
                Self(FER_ORDER)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_under_the_names_that_people_use() {
        for (text, class) in [
            ("angry", Expression::Angry),
            ("ANGER", Expression::Angry),
            ("0_angry", Expression::Angry),
            ("Disgusted", Expression::Disgust),
            ("02-fearful", Expression::Fear),
            ("Happiness", Expression::Happy),
            ("happy faces", Expression::Happy),
            ("4. Sadness", Expression::Sad),
            ("Surprised ", Expression::Surprise),
            ("class_neutral", Expression::Neutral),
        ] {
            assert_eq!(Label::read(text), Label::Class(class), "{text}");
        }
        for (text, number) in [("0", 0), ("03", 3), ("class_5", 5), ("label 7", 7)] {
            assert_eq!(Label::read(text), Label::Number(number), "{text}");
        }
        for text in ["contempt", "", "not happy", "happy_sad", "1_2", "99999999999", "ekel"] {
            assert_eq!(Label::read(text), Label::Other, "{text}");
        }
    }

    #[test]
    fn no_word_means_two_classes() {
        let mut words: Vec<_> = WORDS.iter().flat_map(|(_, words)| words.iter()).collect();
        let all = words.len();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), all);
        assert!(words.iter().all(|w| !FILLERS.contains(w)));
    }

    #[test]
    fn orders_hold_each_class_once() {
        let fer: ClassOrder = "Anger, disgust,fearful,happiness,sadness,surprised,neutral".parse().unwrap();
        assert_eq!(fer.classes(), &FER_ORDER);
        assert_eq!(fer.to_string().parse(), Ok(fer));
        for (text, found) in [
            ("angry,disgust", "found 2 names"),
            ("", "found 0 names"),
            ("angry,anger,fear,happy,sad,surprise,neutral", "found angry twice"),
            ("angry,disgust,fear,happy,sad,surprise,contempt", "found \"contempt\", which is none of them"),
            ("angry,disgust,fear,happy,sad,surprise,neutral,sad", "found sad twice"),
            ("0,1,2,3,4,5,6", "found \"0\", which is none of them"),
        ] {
            let error = text.parse::<ClassOrder>().unwrap_err();
            assert!(error.contains("expected the seven classes") && error.ends_with(found), "{error}");
        }
    }
}
