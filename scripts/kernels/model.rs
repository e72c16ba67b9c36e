//! The files of `src/model` that the kernels need.

#[path = "../../src/model/error.rs"]
mod error;
#[path = "../../src/model/expression.rs"]
mod expression;
#[path = "../../src/model/formula.rs"]
pub mod formula;
#[path = "../../src/model/kernels/mod.rs"]
pub mod kernels;
#[path = "../../src/model/layout.rs"]
mod layout;
#[path = "../../src/model/weights.rs"]
mod weights;

pub use error::ModelError;
pub use expression::Expression;
pub use layout::*;
pub use weights::*;
