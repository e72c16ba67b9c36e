//! Real-time facial-expression recognition that a person can run on their own machine.
//!
//! A frame goes one way through the modules: [`capture`] delivers it, [`detect`] finds the
//! faces, [`model`] reads each face and says where it looked, [`pipeline`] runs these on
//! threads of their own, [`record`] keeps what was seen, `app` (with the feature `window`) shows the result.
//! [`cli`] is the same without a window.
#![forbid(unsafe_code)]

pub use moue_capture as capture;
pub use moue_detect as detect;
pub use moue_model as model;
pub use moue_train as train;
pub use moue_train::eval;

#[cfg(feature = "window")]
pub mod app;
pub mod cli;
mod fault;
pub mod pipeline;
pub mod record;
pub mod settings;
