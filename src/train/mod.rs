//! Trains the network on the CPU or a GPU.

pub mod loss;
mod net;
mod net_layers;
pub mod optim;
mod parameters;

pub use net::{DropoutRng, StepOutput, TrainNet, bench_train_step};
pub use parameters::{Parameter, kaiming};
