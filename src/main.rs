//! moue
fn main(){}
