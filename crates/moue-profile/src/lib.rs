#![forbid(unsafe_code)]
//! A person's own expressions: a small classifier on top of the network, learned from a few examples of one person.
//!
//! [`learn`] takes examples and gives a [`Profile`] with a [`Review`] of how it reads takes that it did not learn from.

mod error;
mod features;
mod file;
mod fit;
mod hold_out;
mod learn;
mod owner;
mod profile;
mod review;

pub use error::ProfileError;
pub use features::{Example, FaceFeatures};
pub use file::MAX_PROFILE_BYTES;
pub use learn::{CLASSES, Learned, TeachOptions, learn};
pub use profile::{PersonalReading, Profile};
pub use review::{Confused, Review, Share};
