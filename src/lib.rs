//! moue
