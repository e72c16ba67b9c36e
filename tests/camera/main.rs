//! The camera lab (README.md) is for Linux; elsewhere this test is empty.

#[cfg(target_os = "linux")]
#[path = "checks.rs"]
mod checks;

fn main() {
    #[cfg(target_os = "linux")]
    checks::main();
}
