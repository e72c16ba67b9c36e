//! The kernels without the program around them; see Cargo.toml.
#![allow(missing_docs, dead_code, unused_imports, reason = "it is a part of a whole")]

pub mod model;

#[path = "../../src/excerpt.rs"]
mod excerpt;
