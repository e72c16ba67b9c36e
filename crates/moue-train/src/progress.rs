//! What a run tells of itself while it goes on.

use std::time::Duration;

use super::history::EpochRow;

/// Progress after a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// The epoch's input width and height in pixels.
    pub size: usize,
    /// Steps of the epoch that are done.
    pub step: usize,
    /// Steps an epoch.
    pub steps: usize,
    /// The epoch's mean loss so far.
    pub loss: f64,
    /// The epoch's accuracy on varied pictures so far.
    pub accuracy: f64,
    /// The step's learning rate.
    pub learning_rate: f64,
    /// Pictures a second in this epoch.
    pub pictures_per_s: f64,
    /// Until the run's last step at this speed; steps of later stages are taken to cost as much more as their pictures are
    /// larger.
    pub left: Duration,
}

/// Receives a run's progress.
pub trait Observer {
    /// Something worth a line.
    fn note(&mut self, text: &str);
    /// While the teachers are asked before the first step: readings that are done, of all.
    fn asking(&mut self, done: usize, all: usize);
    /// After each step.
    fn step(&mut self, report: &StepReport);
    /// After each epoch; `best` when it is the best of the last stage so far.
    fn epoch(&mut self, row: &EpochRow, best: bool);
}
