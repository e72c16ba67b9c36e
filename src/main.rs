//! moue
fn main() {}
