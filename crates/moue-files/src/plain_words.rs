//! What the system says of an error, in words for people.

use std::borrow::Cow;

/// The text without the numbers that Rust's standard library puts behind the system's words: "No such file or directory (os
/// error 2)" becomes "No such file or directory".
#[must_use]
pub fn plain_words(text: &str) -> Cow<'_, str> {
    const OPENING: &str = " (os error ";
    if !text.contains(OPENING) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split(OPENING);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.trim_start_matches('-').trim_start_matches(|c: char| c.is_ascii_digit());
        match digits.strip_prefix(')') {
            Some(rest) => plain.push_str(rest),
            None => {
                plain.push_str(OPENING);
                plain.push_str(part);
            }
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_errors_go_and_all_else_stays() {
        let error = std::io::Error::from_raw_os_error(2).to_string();
        assert!(error.contains("os error 2"));
        assert!(!plain_words(&error).contains("os error"), "{error}");
        assert_eq!(plain_words("a: no (os error 2); b: no (os error 13), c"), "a: no; b: no, c");
        assert_eq!(plain_words("name (os error x).png"), "name (os error x).png");
        assert!(matches!(plain_words("plain"), Cow::Borrowed("plain")));
    }
}
