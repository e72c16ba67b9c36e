//! Which of the seven classes a data set's folders or numbers stand for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use moue_files::{excerpt, plain_file};
use moue_model::{Expression, FER_ORDER, Label, RAF_DB_ORDER};

use crate::TrainError;

/// Lists of the classes' names that data sets bring along.
const LIST_FILES: [&str; 7] = [
    "classes.txt",
    "class_names.txt",
    "labels.txt",
    "class_to_idx.json",
    "classes.json",
    "label_map.txt",
    "emotions.txt",
];
/// Largest such list.
const MAX_LIST_BYTES: u64 = 64 << 10;
/// Most names in one message.
const MOST_NAMES: usize = 12;

/// What the user says that a data set's folders or numbers are, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassNames(Vec<(String, Option<Expression>)>);

impl FromStr for ClassNames {
    type Err = String;

    /// Names with commas between; any of a class's names will do, and what is none of the seven is left out of the data.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names: Vec<_> = text
            .split([',', ';'])
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        Self::of(names).map_err(|found| {
            format!(
                "expected the classes in the order of the folders or numbers, such as {} (a name that is none of the seven leaves \
                 its folder out), found {found}",
                FER_ORDER.map(Expression::name).join(",")
            )
        })
    }
}

impl ClassNames {
    fn of(names: Vec<String>) -> Result<Self, String> {
        let mut classes = Vec::new();
        for name in names {
            let label = Label::read(&name);
            if let Label::Number(_) = label {
                return Err(format!("{:?}, a number", excerpt(&name, 24)));
            }
            if let Some(class) = label.class()
                && classes.iter().any(|(_, other)| *other == Some(class))
            {
                return Err(format!("{class} twice"));
            }
            classes.push((name, label.class()));
        }
        if classes.iter().all(|(_, class)| class.is_none()) {
            return Err("none of the seven".into());
        }
        Ok(Self(classes))
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The class of each number: they begin with 0 or with 1. `None` where one is beyond the names.
    pub(super) fn by_number(&self, numbers: &BTreeSet<u32>) -> Option<BTreeMap<u32, Option<Expression>>> {
        let first = u32::from(!numbers.contains(&0));
        let class = |n: &u32| Some((*n, self.0.get(n.checked_sub(first)? as usize)?.1));
        numbers.iter().map(class).collect()
    }
}

/// The numbers' classes where numbers alone tell it, and whose order that is.
pub(super) fn known_numbers(
    numbers: &BTreeSet<u32>,
) -> Option<(BTreeMap<u32, Option<Expression>>, &'static str)> {
    let order = |classes: [Expression; 7], first: u32| {
        classes.into_iter().enumerate().map(|(i, class)| (i as u32 + first, Some(class))).collect()
    };
    let all: Vec<u32> = numbers.iter().copied().collect();
    match all[..] {
        [0, 1, 2, 3, 4, 5, 6] => Some((order(FER_ORDER, 0), "FER-2013's order")),
        [1, 2, 3, 4, 5, 6, 7] => Some((order(RAF_DB_ORDER, 1), "RAF-DB's order")),
        _ => None,
    }
}

/// What the folders of a data set's splits stand for.
#[derive(Debug, Default)]
pub(super) struct FolderClasses {
    classes: BTreeMap<String, Option<Expression>>,
    /// What was understood, each in one line.
    pub(super) notices: Vec<String>,
}

impl FolderClasses {
    /// The folder's class; `None` where it is to be left out.
    pub(super) fn of(&self, folder: &str) -> Option<Expression> {
        self.classes.get(folder).copied().flatten()
    }

    /// Makes out the folders of all splits of the data set `root`, by what the user says, by their names, by a list in
    /// `root`, or by their numbers.
    ///
    /// # Errors
    /// [`TrainError::Data`] where they cannot be made out.
    pub(super) fn make_out(
        root: &Path,
        folders: &BTreeSet<String>,
        said: Option<&ClassNames>,
    ) -> Result<Self, TrainError> {
        let mut made = Self::default();
        let mut numbers: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        let mut synonyms = Vec::new();
        for folder in folders {
            match Label::read(folder) {
                Label::Class(class) => {
                    if folder != class.name() {
                        synonyms.push(format!("{} = {class}", excerpt(folder, 40)));
                    }
                    made.classes.insert(folder.clone(), Some(class));
                }
                Label::Number(number) => numbers.entry(number).or_default().push(folder),
                Label::Other => drop(made.classes.insert(folder.clone(), None)),
            }
        }
        let by_name = made.classes.values().flatten().count();
        if let Some(said) = said {
            return made.named(root, folders, said);
        }
        if by_name == 0 {
            let listed = if numbers.is_empty() { None } else { list_in(root)? };
            let all: BTreeSet<u32> = numbers.keys().copied().collect();
            let known = match &listed {
                Some((file, list)) => {
                    list.by_number(&all).map(|classes| (classes, format!("the order of {file}")))
                }
                None => known_numbers(&all).map(|(classes, order)| (classes, order.to_owned())),
            };
            let Some((classes, order)) = known else { return Err(not_known(root, folders)) };
            let pairs: Vec<String> = classes
                .iter()
                .map(|(n, class)| format!("{n} {}", class.map_or("left out", Expression::name)))
                .collect();
            made.notices.push(format!(
                "{} numbered folders read in {order}: {}",
                all.len(),
                pairs.join(", ")
            ));
            for (number, names) in &numbers {
                for name in names {
                    made.classes.insert((*name).to_owned(), classes[number]);
                }
            }
        } else {
            for name in numbers.into_values().flatten() {
                made.classes.insert(name.to_owned(), None);
            }
        }
        if !synonyms.is_empty() {
            made.notices.push(format!("folders read by their names: {}", some(&synonyms)));
        }
        Ok(made)
    }

    /// The folders in the order of their numbers, else of their names, are what the user says.
    fn named(
        mut self,
        root: &Path,
        folders: &BTreeSet<String>,
        said: &ClassNames,
    ) -> Result<Self, TrainError> {
        let number = |folder: &String| match Label::read(folder) {
            Label::Number(n) => Some(n),
            _ => None,
        };
        let mut ordered: Vec<&String> = folders.iter().collect();
        ordered.sort_by_key(|f| (number(f), (*f).clone()));
        let numbers: Option<BTreeSet<u32>> = folders.iter().map(number).collect();
        let by_number = numbers.and_then(|numbers| said.by_number(&numbers));
        let mut pairs = Vec::new();
        for (i, folder) in ordered.iter().enumerate() {
            let class = match (&by_number, number(folder)) {
                (Some(classes), Some(n)) => classes[&n],
                _ if said.0.len() == folders.len() => said.0[i].1,
                _ => {
                    let listed: Vec<String> = ordered.iter().map(|f| excerpt(f, 40)).collect();
                    return Err(TrainError::Setting {
                        setting: "the classes of the data",
                        expected: format!(
                            "{} names, one for each of the folders {}",
                            folders.len(),
                            some(&listed)
                        ),
                        found: format!("{} names", said.0.len()),
                    });
                }
            };
            if let Some(own) = self.of(folder)
                && class != Some(own)
            {
                return Err(TrainError::Data {
                    path: root.to_owned(),
                    expected: format!("the folder {folder:?} to be called {own}, as its name says"),
                    found: format!(
                        "{} in the classes that were given",
                        class.map_or("another", Expression::name)
                    ),
                });
            }
            pairs.push(format!("{} = {}", excerpt(folder, 40), class.map_or("left out", Expression::name)));
            self.classes.insert((*folder).clone(), class);
        }
        self.notices.push(format!("folders read as they were named: {}", some(&pairs)));
        Ok(self)
    }
}

/// The list of classes that lies in a data set's folder, and its name.
fn list_in(root: &Path) -> Result<Option<(&'static str, ClassNames)>, TrainError> {
    for name in LIST_FILES {
        let path = root.join(name);
        if !path.is_file() {
            continue;
        }
        let refused = |reason: String| TrainError::Unreadable { path: path.clone(), reason };
        let bytes = plain_file::read(&path, MAX_LIST_BYTES).map_err(|e| refused(e.to_string()))?;
        let text = String::from_utf8_lossy(&bytes);
        let list = listed(text.trim_start_matches('\u{feff}')).and_then(ClassNames::of);
        return list.map(|list| Some((name, list))).map_err(|found| {
            refused(format!(
                "expected a class a line, as 0 angry or angry, found {found}; or name them with {SAY}"
            ))
        });
    }
    Ok(None)
}

/// The names in a list, in their order: `angry`, `0 angry`, `angry: 0` or `{"angry": 0}`, each on a line or with commas between.
fn listed(text: &str) -> Result<Vec<String>, String> {
    let bare: String = text.chars().filter(|c| !"[](){}\"'".contains(*c)).collect();
    let mut names = Vec::new();
    for entry in bare.split(['\n', ',', ';']).map(str::trim).filter(|e| !e.is_empty() && !e.starts_with('#'))
    {
        let mut digits = entry.split(|c: char| !c.is_ascii_digit()).filter(|d| !d.is_empty());
        let number: Option<u32> = match (digits.next(), digits.next()) {
            (Some(digits), None) => digits.parse().ok(),
            _ => None,
        };
        let name = entry.trim_matches(|c: char| !c.is_alphabetic()).to_owned();
        names.push((number, name));
    }
    let numbered = names.iter().filter(|(n, _)| n.is_some()).count();
    if numbered == names.len() {
        names.sort();
        let first = names.first().and_then(|(n, _)| *n).unwrap_or(0);
        if first > 1 || names.iter().enumerate().any(|(i, (n, _))| *n != Some(first + i as u32)) {
            return Err("numbers with gaps or twice".into());
        }
    } else if numbered > 0 {
        return Err("numbers before some names only".into());
    }
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

/// How people say what cannot be known.
pub(super) const SAY: &str = "--classes A,B,... (with evaluate and calibrate: --data-classes)";

fn not_known(root: &Path, folders: &BTreeSet<String>) -> TrainError {
    let names: Vec<String> = folders.iter().map(|f| format!("{:?}", excerpt(f, 40))).collect();
    TrainError::Data {
        path: root.to_owned(),
        expected: format!(
            "folders named {}, or numbered 0 to 6 as in FER-2013 or 1 to 7 as in RAF-DB; name others in the order of the folders \
             with {SAY}",
            super::class_names()
        ),
        found: match names.len() {
            0 => "no folders".into(),
            1 => format!("a folder {}", names[0]),
            _ => format!("the folders {}", some(&names)),
        },
    }
}

/// The first few of many.
pub(super) fn some(names: &[String]) -> String {
    let listed = names[..names.len().min(MOST_NAMES)].join(", ");
    if names.len() > MOST_NAMES { format!("{listed} and {} more", names.len() - MOST_NAMES) } else { listed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make_out(root: &Path, folders: &[&str], said: Option<&str>) -> Result<FolderClasses, String> {
        let folders = folders.iter().map(|f| (*f).to_owned()).collect();
        let said: Option<ClassNames> = said.map(|text| text.parse().unwrap());
        FolderClasses::make_out(root, &folders, said.as_ref()).map_err(|e| e.to_string())
    }

    fn classes(made: &FolderClasses, folders: &[&str]) -> Vec<&'static str> {
        folders.iter().map(|f| made.of(f).map_or("-", Expression::name)).collect()
    }

    #[test]
    fn names_numbers_and_lists_are_made_out_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let folders = ["Anger", "1_disgusted", "contempt", "sad"];
        let made = make_out(root, &folders, None).unwrap();
        assert_eq!(classes(&made, &folders), ["angry", "disgust", "-", "sad"]);
        assert_eq!(made.notices, ["folders read by their names: 1_disgusted = disgust, Anger = angry"]);

        let fer = ["0", "1", "2", "3", "4", "5", "6"];
        let made = make_out(root, &fer, None).unwrap();
        assert_eq!(classes(&made, &fer), ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]);
        assert!(
            made.notices[0].starts_with("7 numbered folders read in FER-2013's order: 0 angry, 1 disgust")
        );
        let raf = ["1", "2", "3", "4", "5", "6", "7"];
        let made = make_out(root, &raf, None).unwrap();
        assert_eq!(classes(&made, &raf), ["surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"]);
        assert!(made.notices[0].starts_with("7 numbered folders read in RAF-DB's order: 1 surprise"));

        for (text, order) in [
            ("happy\nsad\nangry\nfear\nneutral\nsurprise\ndisgust\ncontempt\n", "the order of classes.txt"),
            (
                "1 sad\n0: happy\n2 anger\n3 fear\n4 neutral\n5 surprise\n6 disgust\n7 contempt",
                "the order of classes.txt",
            ),
        ] {
            std::fs::write(root.join("classes.txt"), text).unwrap();
            let eight = ["0", "1", "2", "3", "4", "5", "6", "7"];
            let made = make_out(root, &eight, None).unwrap();
            assert_eq!(
                classes(&made, &eight),
                ["happy", "sad", "angry", "fear", "neutral", "surprise", "disgust", "-"]
            );
            assert!(
                made.notices[0].contains(order) && made.notices[0].contains("7 left out"),
                "{:?}",
                made.notices
            );
        }
        std::fs::write(root.join("classes.txt"), "0 happy\n2 sad\n").unwrap();
        assert!(make_out(root, &fer, None).unwrap_err().contains("classes.txt"));
    }

    #[test]
    fn what_cannot_be_known_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for folders in [
            &["0", "1", "2", "3", "4", "5", "6", "7"][..],
            &["1", "2", "3"],
            &["0", "2", "4"],
            &["a", "b"],
            &[],
        ] {
            let error = make_out(root, folders, None).unwrap_err();
            assert!(error.contains("--classes") && error.contains("--data-classes"), "{error}");
        }
        let eight = ["0", "1", "2", "3", "4", "5", "6", "7"];
        let said = "neutral,happy,sad,surprise,fear,disgust,anger,contempt";
        let made = make_out(root, &eight, Some(said)).unwrap();
        assert_eq!(
            classes(&made, &eight),
            ["neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "-"]
        );
        let german = ["angst", "ekel", "froh"];
        let made = make_out(root, &german, Some("fear,disgust,happy")).unwrap();
        assert_eq!(classes(&made, &german), ["fear", "disgust", "happy"]);
        // Tens come after ones, and numbers may be missing.
        let made = make_out(root, &["1", "3"], Some("sad,happy,fear")).unwrap();
        assert_eq!(classes(&made, &["1", "3"]), ["sad", "fear"]);
        assert!(make_out(root, &german, Some("fear,disgust")).unwrap_err().contains("3 names"));
        // A folder's own name is not contradicted.
        let error = make_out(root, &["angry", "sad"], Some("sad,angry")).unwrap_err();
        assert!(error.contains("\"angry\"") && error.contains("as its name says"), "{error}");
        for (text, found) in [
            ("sad,sadness", "sad twice"),
            ("0,1,2", "a number"),
            ("x,y", "none of the seven"),
            ("", "none of the seven"),
        ] {
            let error = text.parse::<ClassNames>().unwrap_err();
            assert!(error.contains(found), "{error}");
        }
    }
}
