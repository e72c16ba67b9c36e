//! What a file says beside its tensors: the size of the input, and the order of the classes, under the names that training
//! programs give them.

use std::collections::BTreeMap;

use moue_files::excerpt;

use crate::class_names::{ClassOrder, Label};
use crate::{Expression, INPUT_SIZES};

/// A value of any program's settings.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fact {
    Number(f64),
    Text(String),
    List(Vec<Fact>),
    Entries(Vec<(Fact, Fact)>),
    /// Nothing that is of use here.
    Other,
}

/// How deep settings may lie in one another.
const MAX_DEPTH: usize = 4;
/// The key of this program, and those of others, without `_` and in lower case.
const SIZE_KEYS: [&str; 7] =
    ["inputsize", "imgsize", "imagesize", "imgsz", "inputshape", "inputresolution", "imageresolution"];
/// Keys that mean the network's classes and nothing else.
const CLASS_KEYS: [&str; 8] =
    ["classes", "classnames", "classtoidx", "idxtoclass", "id2label", "label2id", "classorder", "idx2class"];
/// Keys that may mean them.
const WEAK_CLASS_KEYS: [&str; 13] = [
    "labels",
    "labelnames",
    "labelmap",
    "emotions",
    "emotionlabels",
    "emotionmap",
    "emotiondict",
    "expressions",
    "classlabels",
    "categories",
    "idx2label",
    "label2idx",
    "class2idx",
];

/// Something that a file says which cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) field: String,
    pub(super) expected: String,
    pub(super) found: String,
}

impl Fact {
    /// A file's text metadata; values that are JSON count as what they say.
    pub(super) fn of_metadata(metadata: &BTreeMap<String, String>) -> Self {
        let entry = |(key, text): (&String, &String)| {
            let json = text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
            let value = json.as_ref().map_or_else(|| Self::Text(text.clone()), Self::of_json);
            (Self::Text(key.clone()), value)
        };
        Self::Entries(metadata.iter().map(entry).collect())
    }

    fn of_json(json: &serde_json::Value) -> Self {
        use serde_json::Value;
        match json {
            Value::Number(n) => n.as_f64().map_or(Self::Other, Self::Number),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::of_json).collect()),
            Value::Object(entries) => Self::Entries(
                entries.iter().map(|(k, v)| (Self::Text(k.clone()), Self::of_json(v))).collect(),
            ),
            Value::Null | Value::Bool(_) => Self::Other,
        }
    }

    /// The size of the input in pixels that the settings name, the outermost ones first.
    ///
    /// # Errors
    /// Where they name one that cannot be, or two.
    pub(super) fn input_size(&self) -> Result<Option<usize>, Misfit> {
        for level in self.levels() {
            // This program's own key before the others.
            for keys in [&SIZE_KEYS[..1], &SIZE_KEYS[1..]] {
                let mut found: Option<(String, usize)> = None;
                for (field, value) in &level {
                    if !keys.contains(&plain(field).as_str()) || matches!(value, Self::Other) {
                        continue;
                    }
                    let misfit = || Misfit {
                        field: field.clone(),
                        expected: format!(
                            "{} to {} pixels, as wide as high (--input-size PX says it in its place)",
                            INPUT_SIZES.start(),
                            INPUT_SIZES.end()
                        ),
                        found: value.to_string(),
                    };
                    let size = value.side().filter(|s| INPUT_SIZES.contains(s)).ok_or_else(misfit)?;
                    agree(&mut found, field, size, "--input-size PX")?;
                }
                if let Some((_, size)) = found {
                    return Ok(Some(size));
                }
            }
        }
        Ok(None)
    }

    /// The order of the classes that the settings name, the outermost ones first.
    ///
    /// # Errors
    /// Where they name other classes than the seven, or two orders.
    pub(super) fn class_order(&self) -> Result<Option<ClassOrder>, Misfit> {
        for level in self.levels() {
            let mut found: Option<(String, ClassOrder)> = None;
            for (field, value) in &level {
                let key = plain(field);
                let surely = CLASS_KEYS.contains(&key.as_str());
                if !surely && !WEAK_CLASS_KEYS.contains(&key.as_str()) {
                    continue;
                }
                let order = match value.named_order() {
                    Ok(Some(order)) => order,
                    Ok(None) => continue,
                    Err(_) if !surely => continue,
                    Err(reason) => {
                        return Err(Misfit {
                            field: field.clone(),
                            expected: format!(
                                "{}, each once under any of their names, in the order of the network's outputs \
                                 (--classes A,B,... says it in its place)",
                                Expression::ALL.map(Expression::name).join(", ")
                            ),
                            found: format!("{reason} in {value}"),
                        });
                    }
                };
                agree(&mut found, field, order, "--classes A,B,...")?;
            }
            if let Some((_, order)) = found {
                return Ok(Some(order));
            }
        }
        Ok(None)
    }

    /// Three numbers for the channels' means and three for their deviations, where both stand beside each other.
    pub(super) fn normalisation(&self) -> Option<[String; 2]> {
        for level in self.levels() {
            let three = |name: &str| {
                level.iter().find_map(|(field, value)| {
                    let numbers = value.numbers().filter(|n| plain(field) == name && n.len() == 3)?;
                    Some(numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(","))
                })
            };
            if let (Some(mean), Some(std)) = (three("mean"), three("std")) {
                return Some([mean, std]);
            }
        }
        None
    }

    /// The entries of these settings, those of settings within them, and so on; each with its names from the outside in.
    fn levels(&self) -> Vec<Vec<(String, &Self)>> {
        let mut levels = Vec::new();
        let mut next: Vec<(String, &Self)> = vec![(String::new(), self)];
        for _ in 0..MAX_DEPTH {
            let mut level = Vec::new();
            for (path, fact) in &next {
                let Self::Entries(entries) = fact else { continue };
                for (key, value) in entries {
                    if let Self::Text(key) = key {
                        let dot = if path.is_empty() { "" } else { "." };
                        level.push((format!("{path}{dot}{}", excerpt(key, 60)), value));
                    }
                }
            }
            if level.is_empty() {
                break;
            }
            next = level.iter().filter(|(_, v)| matches!(v, Self::Entries(_))).cloned().collect();
            levels.push(level);
        }
        levels
    }

    /// All numbers of a number, a list, or a text of either.
    fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Self::Number(n) => Some(vec![*n]),
            Self::List(items) => {
                items.iter().map(|i| if let Self::Number(n) = i { Some(*n) } else { None }).collect()
            }
            Self::Text(text) => text
                .split(|c: char| c.is_whitespace() || "xX×,;()[]{}".contains(c))
                .filter(|part| !part.is_empty())
                .map(|part| part.trim_end_matches("px").parse().ok())
                .collect(),
            Self::Entries(_) | Self::Other => None,
        }
    }

    /// The side of a square input: `144`, `(144, 144)`, `[3, 144, 144]`, `(144, 144, 3)` or `[1, 3, 144, 144]`.
    fn side(&self) -> Option<usize> {
        let numbers = self.numbers()?;
        let whole = |n: f64| (n.fract() == 0.0 && (1.0..1e6).contains(&n)).then_some(n as usize);
        let sizes: Vec<usize> = numbers.into_iter().map(whole).collect::<Option<_>>()?;
        let (width, height) = match sizes[..] {
            [side] => (side, side),
            [height, width] | [1 | 3, height, width] | [height, width, 1 | 3] | [_, 1 | 3, height, width] => {
                (width, height)
            }
            _ => return None,
        };
        (width == height).then_some(width)
    }

    /// The order of the classes, in whatever form; `None` where no names are given at all.
    fn named_order(&self) -> Result<Option<ClassOrder>, String> {
        let (names, numbered) = match self {
            Self::Number(_) | Self::Other => return Ok(None),
            Self::List(items) => (items.iter().map(|i| (i, None)).collect::<Vec<_>>(), false),
            Self::Entries(entries) => (entries.iter().map(|(k, v)| (k, Some(v))).collect(), true),
            Self::Text(text) => {
                if let Ok(json @ (serde_json::Value::Array(_) | serde_json::Value::Object(_))) =
                    serde_json::from_str(text)
                {
                    return Self::of_json(&json).named_order();
                }
                return Self::of_plain_text(text).map_or(Ok(None), |fact| fact.named_order());
            }
        };
        let mut order: Vec<(usize, String)> = Vec::new();
        for (i, (first, second)) in names.into_iter().enumerate() {
            match (first, second) {
                (Self::Text(name), None) => order.push((i, name.clone())),
                (Self::Text(a), Some(Self::Text(b))) => match (a.trim().parse(), b.trim().parse()) {
                    (Ok(place), Err(_)) => order.push((place, b.clone())),
                    (Err(_), Ok(place)) => order.push((place, a.clone())),
                    _ => return Err(format!("{:?}: {:?}", excerpt(a, 20), excerpt(b, 20))),
                },
                (Self::Text(name), Some(Self::Number(place)))
                | (Self::Number(place), Some(Self::Text(name))) => {
                    order.push((*place as usize, name.clone()));
                }
                // A list of numbers or of something else is no list of names.
                _ => return Ok(None),
            }
        }
        if order.is_empty() || order.iter().all(|(_, name)| matches!(Label::read(name), Label::Number(_))) {
            return Ok(None);
        }
        order.sort_by_key(|(place, _)| *place);
        // From 0 or from 1, without gaps.
        let first = order[0].0;
        if numbered && (first > 1 || order.iter().enumerate().any(|(i, (place, _))| *place != i + first)) {
            return Err("numbers that do not go from 0 to 6".into());
        }
        let names: Vec<&String> = order.iter().map(|(_, name)| name).collect();
        ClassOrder::of_names(&names).map(Some)
    }

    /// A list or a mapping as people and Python write it: `angry,disgust`, `['angry', 'disgust']`, `{0: 'angry'}`.
    fn of_plain_text(text: &str) -> Option<Self> {
        let bare: String = text.chars().filter(|c| !"[](){}\"'".contains(*c)).collect();
        let text = |t: &str| Self::Text(t.trim().to_owned());
        let parts: Vec<&str> =
            bare.split([',', ';', '\n']).map(str::trim).filter(|p| !p.is_empty()).collect();
        let pair = |p: &&str| p.split_once([':', '=']).map(|(a, b)| (text(a), text(b)));
        if let Some(pairs) = parts.iter().map(pair).collect::<Option<Vec<_>>>().filter(|p| !p.is_empty()) {
            return Some(Self::Entries(pairs));
        }
        match parts[..] {
            [] => None,
            [one] => Some(Self::List(one.split_whitespace().map(text).collect())),
            _ => Some(Self::List(parts.into_iter().map(text).collect())),
        }
    }
}

impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Text(text) => f.write_str(&excerpt(text, 120)),
            Self::List(items) => {
                let items: Vec<String> = items.iter().take(12).map(ToString::to_string).collect();
                f.write_str(&excerpt(&items.join(","), 120))
            }
            Self::Entries(entries) => {
                let entries: Vec<String> =
                    entries.iter().take(12).map(|(k, v)| format!("{k}: {v}")).collect();
                f.write_str(&excerpt(&entries.join(", "), 120))
            }
            Self::Other => f.write_str("something else"),
        }
    }
}

/// The last name of a field, as names are compared.
fn plain(field: &str) -> String {
    let last = field.rsplit('.').next().unwrap_or(field);
    last.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a key of the metadata says which classes there are.
pub(super) fn is_class_key(key: &str) -> bool {
    CLASS_KEYS.contains(&plain(key).as_str())
}

/// Two settings of one level that say something else leave it open what is right.
fn agree<T: Copy + PartialEq + std::fmt::Display>(
    found: &mut Option<(String, T)>,
    field: &str,
    value: T,
    flag: &str,
) -> Result<(), Misfit> {
    match found {
        Some((other, before)) if *before != value => Err(Misfit {
            field: field.to_owned(),
            expected: format!("{before}, as {other} says ({flag} decides)"),
            found: value.to_string(),
        }),
        Some(_) => Ok(()),
        None => {
            *found = Some((field.to_owned(), value));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FER: &str = "angry,disgust,fear,happy,sad,surprise,neutral";

    fn metadata(entries: &[(&str, &str)]) -> Fact {
        Fact::of_metadata(&entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn the_input_is_named_in_many_ways() {
        for (key, text, size) in [
            ("input_size", "144", 144),
            ("img_size", "96", 96),
            ("imgsz", "64.0", 64),
            ("image_size", "(112, 112)", 112),
            ("input_shape", "[3, 144, 144]", 144),
            ("InputSize", "144x144", 144),
            ("config", r#"{"data": {"img_size": [48, 48]}}"#, 48),
            ("hparams", r#"{"input_size": 3, "x": 1}"#, 0),
            ("img_size", "224x144", 0),
            ("img_size", "0", 0),
            ("img_size", "big", 0),
        ] {
            let found = metadata(&[(key, text)]).input_size();
            if size == 0 {
                assert!(found.unwrap_err().expected.contains("--input-size"), "{key} {text}");
            } else {
                assert_eq!(found, Ok(Some(size)), "{key} {text}");
            }
        }
        assert_eq!(metadata(&[("size", "144"), ("lr", "0.1")]).input_size(), Ok(None));
        // The program's own key, then the outermost.
        assert_eq!(metadata(&[("img_size", "48"), ("input_size", "144")]).input_size(), Ok(Some(144)));
        let both = metadata(&[("image_size", "96"), ("args", r#"{"input_size": 48}"#)]);
        assert_eq!(both.input_size(), Ok(Some(96)));
        let torn = metadata(&[("image_size", "96"), ("img_size", "48")]).input_size().unwrap_err();
        assert!(torn.expected.contains("96, as image_size says") && torn.found == "48", "{torn:?}");
    }

    #[test]
    fn the_classes_are_named_in_many_ways() {
        for (key, text) in [
            ("classes", FER),
            ("classes", "angry disgust fear happy sad surprise neutral"),
            ("class_names", r#"["Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Neutral"]"#),
            ("classes", "['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral']"),
            (
                "class_to_idx",
                r#"{"happy":3,"angry":0,"disgust":1,"neutral":6,"fear":2,"sad":4,"surprise":5}"#,
            ),
            (
                "idx_to_class",
                "{0: 'angry', 1: 'disgust', 2: 'fear', 3: 'happy', 4: 'sad', 5: 'surprise', 6: 'neutral'}",
            ),
            (
                "config",
                r#"{"id2label":{"1":"angry","2":"disgust","3":"fear","4":"happy","5":"sad","6":"surprise","7":"neutral"}}"#,
            ),
            ("emotions", FER),
        ] {
            assert_eq!(
                metadata(&[(key, text)]).class_order(),
                Ok(Some(FER.parse().unwrap())),
                "{key} {text}"
            );
        }
        for (key, text) in [
            ("classes", "7"),
            ("num_classes", "7"),
            ("labels", "train.csv"),
            ("id2label", r#"{"0":"LABEL_0","1":"LABEL_1"}"#),
        ] {
            assert_eq!(metadata(&[(key, text)]).class_order(), Ok(None), "{key} {text}");
        }
        for (key, text) in [
            ("classes", "angry,disgust,fear,happy,sad,surprise"),
            ("classes", "angry,disgust,fear,happy,sad,surprise,contempt"),
            (
                "class_to_idx",
                r#"{"happy":3,"angry":0,"disgust":1,"neutral":6,"fear":2,"sad":4,"surprise":4}"#,
            ),
        ] {
            let misfit = metadata(&[(key, text)]).class_order().unwrap_err();
            assert!(misfit.field == key && misfit.expected.contains("--classes"), "{misfit:?}");
        }
        let own = Expression::ALL.map(Expression::name).join(",");
        assert!(metadata(&[("classes", &own), ("class_names", FER)]).class_order().is_err());
    }
}
