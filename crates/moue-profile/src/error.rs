//! What can go wrong with profiles.

use std::path::PathBuf;

/// Why a profile cannot be learned, read, written or used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Too few or too many expressions.
    #[error("expected {} to {} expressions, found {found}: {advice}", .expected.0, .expected.1)]
    Classes {
        /// Fewest and most.
        expected: (usize, usize),
        /// How many were given.
        found: usize,
        /// What to do.
        advice: &'static str,
    },
    /// An expression without a face to learn from.
    #[error(
        "{class}: no face to learn from; add a picture in which the face is seen whole, from the front, in good light"
    )]
    NoExamples {
        /// The expression's name.
        class: String,
    },
    /// An example that does not fit the others, or holds something that is no number.
    #[error("example {index}, {class}: {reason}")]
    Example {
        /// From 0, in the order given.
        index: usize,
        /// The expression's name.
        class: String,
        /// What was expected and found.
        reason: String,
    },
    /// The optimiser failed.
    #[error("the profile cannot be learned: {reason}")]
    Fit {
        /// What it said.
        reason: String,
    },
    /// A file that cannot be read at all.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A file that is no profile, or a damaged one.
    #[error("{}: not a profile that can be used: {reason}. Profiles are made by `moue teach`", path.display())]
    NotAProfile {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
    /// A profile of another network.
    #[error(
        "{}: this profile was taught with another network ({}, SHA-256 {}...), found {found_name}, SHA-256 {}...; load that \
         network, or teach anew with this one", path.display(), expected_name, short(expected), short(found)
    )]
    OtherNetwork {
        /// The profile's file.
        path: PathBuf,
        /// Name of the network that it was taught with.
        expected_name: String,
        /// That network's SHA-256.
        expected: String,
        /// Name of the network in use.
        found_name: String,
        /// SHA-256 of the network in use.
        found: String,
    },
    /// A file that cannot be written.
    #[error("{}: cannot be written: {reason}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
