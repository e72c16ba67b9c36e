//! Real-time facial-expression recognition that a person can run on their own machine.
//!
//! A frame goes one way through the modules: [`capture`] delivers it, [`detect`] finds the
//! faces, [`model`] reads each face and says where it looked, [`pipeline`] runs these on
//! threads of their own, [`record`] keeps what was seen, `app` (with the feature `window`) shows the result.
//! [`cli`] is the same without a window.

#[cfg(feature = "window")]
pub mod app;
pub mod capture;
pub mod cli;
pub mod detect;
pub mod eval;
mod excerpt;
mod fault;
pub mod model;
mod new_file;
pub mod pipeline;
mod plain_file;
pub mod record;
pub mod settings;
pub mod train;
