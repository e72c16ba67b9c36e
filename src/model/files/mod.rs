//! Weights files.

mod safetensors_file;

pub use safetensors_file::{MAX_FILE_BYTES, parse_safetensors, read_safetensors};
