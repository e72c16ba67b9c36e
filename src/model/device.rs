//! Where the network runs.

use std::str::FromStr;

use candle_core::Device;

use super::ModelError;

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

/// A device, and why it is not a better one.
pub(super) struct ChosenDevice {
    /// `None`: the CPU, on this project's own kernels.
    pub(super) candle: Option<Device>,
    /// What the user should know about the choice.
    pub(super) note: Option<String>,
}

/// Finds the device.
///
/// # Errors
/// [`ModelError::Device`] where one was asked for by name and does not work.
pub(super) fn choose(choice: DeviceChoice) -> Result<ChosenDevice, ModelError> {
    let cpu = |note| Ok(ChosenDevice { candle: None, note });
    let graphics = |device| Ok(ChosenDevice { candle: Some(device), note: None });
    let failed = |device: &str, reason: String| ModelError::Device { device: device.into(), reason };
    match choice {
        DeviceChoice::Cpu => cpu(None),
        DeviceChoice::Cuda => match cuda() {
            Ok(device) => graphics(device),
            Err(reason) => Err(failed("cuda", reason)),
        },
        DeviceChoice::Metal => match metal() {
            Ok(device) => graphics(device),
            Err(reason) => Err(failed("metal", reason)),
        },
        DeviceChoice::Auto if cfg!(feature = "cuda") => match cuda() {
            Ok(device) => graphics(device),
            Err(reason) => cpu(Some(format!("CUDA does not work here, using the CPU: {reason}"))),
        },
        DeviceChoice::Auto if cfg!(feature = "metal") => match metal() {
            Ok(device) => graphics(device),
            Err(reason) => cpu(Some(format!("Metal does not work here, using the CPU: {reason}"))),
        },
        DeviceChoice::Auto => cpu(None),
    }
}

fn cuda() -> Result<Device, String> {
    if !cfg!(feature = "cuda") {
        return Err("this program was built without the cargo feature `cuda`".into());
    }
    guarded(|| Device::new_cuda(0))
}

fn metal() -> Result<Device, String> {
    if !cfg!(feature = "metal") {
        return Err("this program was built without the cargo feature `metal`".into());
    }
    guarded(|| Device::new_metal(0))
}

/// The CUDA bindings panic where the driver's library is missing.
fn guarded(
    open: impl Fn() -> candle_core::Result<Device> + std::panic::UnwindSafe,
) -> Result<Device, String> {
    match std::panic::catch_unwind(open) {
        Ok(Ok(device)) => Ok(device),
        Ok(Err(e)) => Err(e.to_string()),
        Err(_) => Err("the driver's library is missing or does not fit".into()),
    }
}
