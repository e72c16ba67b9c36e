//! Which vector instructions the kernels use, decided when the program runs.

use std::fmt;
use std::str::FromStr;

/// An instruction set that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isa {
    /// Nothing beyond what the compiler may use anyway; runs everywhere.
    Plain,
    /// AVX2, FMA and F16C (x86-64, 2013 and later).
    Avx2,
    /// AVX-512F (x86-64 servers, AMD since Zen 4).
    Avx512,
    /// NEON (every 64-bit ARM).
    Neon,
}

impl Isa {
    /// Every instruction set, slowest first.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Neon, Self::Avx2, Self::Avx512];

    /// Whether this machine can run it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Plain => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// The sets that this machine can run, slowest first; never empty.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// The fastest set of this machine.
    #[must_use]
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|isa| isa.is_available()).unwrap_or(Self::Plain)
    }

    /// Whether the environment variable `MOUE_ISA` is there. Then nothing beyond the set that it names is used: no AMX with
    /// `avx512`.
    #[must_use]
    pub fn is_named() -> bool {
        std::env::var_os("MOUE_ISA").is_some()
    }

    /// The set that the environment variable `MOUE_ISA` names (`plain`, `avx2`, `avx512` or `neon`), for tests and
    /// comparisons; else [`Self::best`].
    ///
    /// # Errors
    /// [`UnknownIsa`] when it names none of them.
    pub fn wanted() -> Result<Self, UnknownIsa> {
        match std::env::var("MOUE_ISA") {
            Ok(name) => name.parse(),
            Err(_) => Ok(Self::best()),
        }
    }

    /// Floats in one vector register.
    #[must_use]
    pub const fn lanes(self) -> usize {
        match self {
            Self::Plain | Self::Avx2 => 8,
            Self::Avx512 => 16,
            Self::Neon => 4,
        }
    }

    /// Rows of the largest tile that the matrix kernel computes at once.
    #[must_use]
    pub const fn tile_rows(self) -> usize {
        match self {
            Self::Plain => 4,
            Self::Avx2 | Self::Neon => 6,
            Self::Avx512 => 14,
        }
    }

    /// Columns of a tile: the width of a panel of packed weights.
    #[must_use]
    pub const fn tile_columns(self) -> usize {
        match self {
            Self::Plain => 8,
            Self::Avx2 | Self::Neon => 16,
            Self::Avx512 => 32,
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plain => "plain",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
            Self::Neon => "NEON",
        })
    }
}

/// The name was none of `plain`, `avx2`, `avx512` and `neon`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown instruction set {0:?}: expected plain, avx2, avx512 or neon")]
pub struct UnknownIsa(String);

impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name.to_ascii_lowercase().replace('-', "").as_str() {
            "plain" => Ok(Self::Plain),
            "avx2" => Ok(Self::Avx2),
            "avx512" => Ok(Self::Avx512),
            "neon" => Ok(Self::Neon),
            _ => Err(UnknownIsa(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn names_are_read_back() {
        for isa in Isa::ALL {
            assert_eq!(isa.to_string().parse::<Isa>().unwrap(), isa);
        }
        assert!("sse9".parse::<Isa>().is_err());
    }

    #[test]
    fn the_plain_set_is_always_there() {
        assert!(Isa::available().contains(&Isa::Plain));
        assert!(Isa::best().is_available());
    }
}
