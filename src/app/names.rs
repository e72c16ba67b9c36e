//! What faces are called: "Face 3", or as the user named them. Names live as long as the source, in memory only.

use std::collections::BTreeMap;

use super::language::{self, Language, tr};

/// Longer names are cut, in letters.
const LONGEST: usize = 40;

/// The user's names.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(BTreeMap<u64, String>);

impl Names {
    /// The name that the user gave.
    pub(super) fn given(&self, id: u64) -> Option<&str> {
        self.0.get(&id).map(String::as_str)
    }

    /// The name to show.
    pub(super) fn of(&self, id: u64) -> String {
        self.given(id).map_or_else(|| tr!("face-name", id = id), str::to_owned)
    }

    /// The name in what is copied as a table.
    pub(super) fn in_english(&self, id: u64) -> String {
        language::within(Language::English, || self.of(id))
    }

    /// Names a face; an empty name takes the old one away.
    pub(super) fn set(&mut self, id: u64, name: &str) {
        let name: String = name.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        if name.is_empty() {
            self.0.remove(&id);
        } else {
            self.0.insert(id, name);
        }
    }

    /// Forgets all names: another source shows other faces.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_is_called_by_its_number_until_it_has_a_name() {
        let mut names = Names::default();
        assert_eq!(names.of(3), "Face 3");
        names.set(3, "  Ada\n ");
        assert_eq!((names.of(3), names.of(4)), ("Ada".to_owned(), "Face 4".to_owned()));
        names.set(3, " ");
        assert_eq!(names.given(3), None);
    }
}
