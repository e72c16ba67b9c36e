//! What people say of a weights file that does not say it itself.

use crate::ClassOrder;

/// What is said of a weights file; it counts more than what the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// Width and height of the input in pixels, within [`INPUT_SIZES`](crate::INPUT_SIZES).
    pub input_size: Option<usize>,
    /// The classes in the order of the file's outputs.
    pub classes: Option<ClassOrder>,
}

impl ReadOptions {
    /// Whether something is said.
    #[must_use]
    pub fn says_something(&self) -> bool {
        *self != Self::default()
    }
}
