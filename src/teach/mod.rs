//! Teaching a profile before the camera: takes in mixed order, each with what is wrong with it at the moment.

mod order;
mod session;
mod words;

pub use session::{Feedback, TeachSession, TeachStatus, TeachStep};
pub use words::review_lines;
