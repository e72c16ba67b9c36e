//! Where the network runs.

use std::str::FromStr;

use candle_core::Device;

/// Where the network should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The best that works: CUDA, then Metal, then the CPU.
    #[default]
    Auto,
    /// The CPU, on this project's kernels.
    Cpu,
    /// A CUDA device; needs the cargo feature `cuda`.
    Cuda,
    /// Apple's Metal; needs the cargo feature `metal`.
    Metal,
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            "metal" => Ok(Self::Metal),
            other => Err(format!("expected auto, cpu, cuda or metal, found {other}")),
        }
    }
}

impl DeviceChoice {
    /// The graphics devices to try, best first; the CPU comes after them.
    pub fn graphics(self) -> &'static [Graphics] {
        match self {
            Self::Auto if cfg!(all(feature = "cuda", feature = "metal")) => {
                &[Graphics::Cuda, Graphics::Metal]
            }
            Self::Auto if cfg!(feature = "cuda") => &[Graphics::Cuda],
            Self::Auto if cfg!(feature = "metal") => &[Graphics::Metal],
            Self::Auto | Self::Cpu => &[],
            Self::Cuda => &[Graphics::Cuda],
            Self::Metal => &[Graphics::Metal],
        }
    }
}

/// A device that candle serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Graphics {
    /// An NVIDIA card.
    Cuda,
    /// An Apple graphics device.
    Metal,
}

impl Graphics {
    /// Name to show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cuda => "CUDA",
            Self::Metal => "Metal",
        }
    }

    /// Opens the first device of this kind.
    ///
    /// # Errors
    /// Why there is none.
    pub fn open(self) -> Result<Device, String> {
        let (compiled, feature) = match self {
            Self::Cuda => (cfg!(feature = "cuda"), "cuda"),
            Self::Metal => (cfg!(feature = "metal"), "metal"),
        };
        if !compiled {
            return Err(format!("this program was built without the cargo feature `{feature}`"));
        }
        let opened = match self {
            Self::Cuda => Device::new_cuda(0),
            Self::Metal => Device::new_metal(0),
        };
        opened.map_err(|e| e.to_string())
    }
}
