//! The network, loaded and ready to read faces, on the CPU's compiled plan or on candle's devices.

use super::{ModelError, NetworkWeights, Reading};

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

/// A loaded network. It belongs to one thread, and owns its scratch memory.
pub struct Classifier {
    weights: NetworkWeights,
}

impl Classifier {
    /// Prepares `weights` on the chosen device.
    ///
    /// # Errors
    /// [`ModelError`] when the device was asked for by name and is not there.
    pub fn new(_weights: NetworkWeights, _device: DeviceChoice) -> Result<Self, ModelError> {
        todo!()
    }

    /// Input width and height in pixels.
    #[must_use]
    pub fn input_size(&self) -> usize {
        self.weights.input_size()
    }

    /// The device in words, for example "CPU, 2 threads, AVX-512".
    #[must_use]
    pub fn device_name(&self) -> String {
        todo!()
    }

    /// Why another device than the wanted one is used, where that is so.
    #[must_use]
    pub fn device_note(&self) -> Option<&str> {
        todo!()
    }

    /// Reads faces as one batch. `faces` is `[n, size, size]`, grey in 0..=1.
    ///
    /// # Errors
    /// [`ModelError`] when the length does not fit or the device fails.
    pub fn classify(&mut self, _faces: &[f32]) -> Result<Vec<Reading>, ModelError> {
        todo!()
    }
}
