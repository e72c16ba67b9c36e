//! Trains the network on the CPU or a graphics card, from labelled pictures to a weights file.
#![forbid(unsafe_code)]

pub mod augment;
pub mod batches;
mod begin;
mod candle_trainer;
pub mod checkpoint;
pub mod data;
mod engine;
mod error;
pub mod eval;
mod expand;
mod finish;
pub mod history;
mod initial;
mod learner;
pub mod loss;
mod net;
mod net_layers;
pub mod optim;
mod parameters;
mod prepare;
mod progress;
pub mod random;
pub mod recipe;
pub mod run;
mod running_mean;
mod schedule;
mod stages;
mod stored_answers;
mod teachers;

pub use candle_trainer::CandleTrainNet;
pub use engine::{Precision, TrainingEngine};
pub use error::TrainError;
pub use expand::{Addition, Transformation, expand_split, plan_expansion};
pub use finish::Finished;
pub use initial::{initial_weights, with_body};
pub use net::{DropoutRng, Loss, StepOutput, TrainNet, bench_train_step};
pub use parameters::{NetworkState, Parameter, kaiming};
pub use progress::{Observer, StepReport};
pub use schedule::Schedule;
pub use stages::{Place, Stage, Stages};
pub use teachers::{Teachers, Teaching};
