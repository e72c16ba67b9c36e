//! A run from the first step to the finished weights file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use moue_model::{
    DeviceChoice, Expression, LoadedWeights, ModelError, NetworkWeights, StartWeights, StoredAs,
    write_safetensors,
};

use super::batches::{Batch, EpochBatches, TrainingData, steps_an_epoch};
use super::checkpoint::{Checkpoint, CheckpointParts, RunState, Sums};
use super::data::Split;
use super::finish::{self, Finished};
use super::history::{EpochRow, write_history};
use super::learner::{Broken, Learner, StepPlace};
use super::prepare::{affordable_stages, prepare, reserve};
use super::progress::{Observer, StepReport};
use super::recipe::Recipe;
use super::stages::Place;
use super::teachers::{check_same, title};
use super::{TrainError, begin};
use crate::eval::{Evaluation, Predictor, softmax};

/// Where a run can be taken up again.
pub const CHECKPOINT_FILE: &str = "checkpoint.safetensors";
/// The best weights of the last stage so far, in 32 bits, with metadata.
pub const BEST_FILE: &str = "best.safetensors";
/// The finished network.
pub const WEIGHTS_FILE: &str = "weights.safetensors";

/// Long epochs are saved in between.
const SAVE_EVERY: Duration = Duration::from_secs(300);

/// What a run needs beside its recipe.
pub struct RunOptions {
    /// Where everything goes.
    pub out: PathBuf,
    /// Where the network learns.
    pub device: DeviceChoice,
    /// CPU threads; 0 takes all cores.
    pub threads: usize,
    /// The time that the run may take; sets the number of epochs, in the proportion of the recipe's stages.
    pub time_budget: Option<Duration>,
    /// Begin with these weights; where the recipe has more residual blocks a layer, they are deepened.
    pub init: Option<StartWeights>,
    /// The networks that the recipe's teaching asks.
    pub teachers: Vec<LoadedWeights>,
    /// Write the finished weights in 16 bits.
    pub half: bool,
    /// What the weights file says of its data.
    pub data_name: String,
    /// Set it to stop the run.
    pub stop: Arc<AtomicBool>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was asked to stop; it can be resumed.
    Stopped,
    /// The finished weights, and what was measured on validation.
    Finished(Box<Finished>),
}

/// Starts a run in a folder that holds none.
///
/// # Errors
/// [`TrainError`]: settings, folder, data, a loss that is no number.
pub fn start(
    mut recipe: Recipe,
    train: Split,
    val: &Split,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    let out = &options.out;
    std::fs::create_dir_all(out)
        .map_err(|e| TrainError::Unwritable { path: out.clone(), reason: e.to_string() })?;
    let path = out.join(CHECKPOINT_FILE);
    if path.exists() {
        return Err(TrainError::Checkpoint {
            path,
            reason: "the folder already holds a run; go on with --resume, or choose another folder".into(),
        });
    }
    begin::settle(&mut recipe, options.init.as_ref());
    recipe.check()?;
    let train_sha256 = train.hash();
    let data = prepare(train, &recipe, options, observer)?;
    if let Some(note) = options.init.as_ref().and_then(|init| begin::note(init, recipe.blocks)) {
        observer.note(&note);
    }
    let begin = begin::weights(&recipe, options.init.as_ref());
    if let Some(budget) = options.time_budget {
        recipe.stages = affordable_stages(&recipe, &data, val, &begin, budget, options, observer)?;
    }
    let mut state = RunState::new(recipe, train_sha256, val.hash());
    state.began_with = options.init.as_ref().map(|init| begin::began_with(init, state.recipe.blocks));
    state.teachers = options.teachers.iter().map(title).collect();
    let learner = learner(&state.recipe, &begin, options, observer)?;
    let mut run = Run::new(state, learner, data, val, options);
    let checkpoint = run.save()?;
    reserve(out, checkpoint, run.recipe.stages.all().len() - 1)?;
    // Stopped while the teachers were asked, their answers are not complete: no step may learn from them.
    if run.stopping() { Ok(Outcome::Stopped) } else { run.go(observer) }
}

/// Goes on with the run in the folder, with its own settings.
///
/// # Errors
/// [`TrainError`]: no checkpoint, other data, and as [`start`].
pub fn resume(
    checkpoint: Checkpoint,
    train: Split,
    val: &Split,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    let path = options.out.join(CHECKPOINT_FILE);
    let Checkpoint { state, weights, average, moments } = checkpoint;
    for (what, expected, found) in
        [("training", &state.train_sha256, train.hash()), ("validation", &state.val_sha256, val.hash())]
    {
        if *expected != found {
            return Err(TrainError::Checkpoint {
                path,
                reason: format!(
                    "the run's {what} data had SHA-256 {expected}, now {found}: give the same data, --exclude, --classes, --val-share and --val-seed"
                ),
            });
        }
    }
    let given: Vec<String> = options.teachers.iter().map(title).collect();
    check_same(&state.teachers, &given)
        .map_err(|reason| TrainError::Checkpoint { path: path.clone(), reason })?;
    let data = prepare(train, &state.recipe, options, observer)?;
    if options.stop.load(Ordering::Relaxed) {
        return Ok(Outcome::Stopped);
    }
    let weights = NetworkWeights { blocks: state.recipe.blocks, tensors: weights, metadata: BTreeMap::new() };
    let mut learner = learner(&state.recipe, &weights, options, observer)?;
    learner
        .restore(average, moments, state.optimizer_steps)
        .map_err(|reason| TrainError::Checkpoint { path, reason })?;
    let mut run = Run::new(state, learner, data, val, options);
    run.save()?;
    run.go(observer)
}

/// The network on its device, which is named to the observer.
fn learner(
    recipe: &Recipe,
    weights: &NetworkWeights,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Learner, TrainError> {
    let (learner, note) = Learner::new(recipe, weights, options.device, options.threads)?;
    if let Some(note) = note {
        observer.note(&note);
    }
    observer.note(&format!("learning on {}", learner.device_name()));
    Ok(learner)
}

/// A run that is going on.
struct Run<'a> {
    state: RunState,
    recipe: Arc<Recipe>,
    learner: Learner,
    data: Arc<TrainingData>,
    val: &'a Split,
    val_labels: Vec<Expression>,
    options: &'a RunOptions,
    steps: usize,
}

impl<'a> Run<'a> {
    fn new(
        state: RunState,
        learner: Learner,
        data: Arc<TrainingData>,
        val: &'a Split,
        options: &'a RunOptions,
    ) -> Self {
        let recipe = Arc::new(state.recipe.clone());
        let steps = steps_an_epoch(&recipe, data.split.len());
        let val_labels = val.samples.iter().map(|s| s.label).collect();
        Self { state, recipe, learner, data, val, val_labels, options, steps }
    }

    /// The epoch's input size in pixels.
    fn size(&self) -> usize {
        self.recipe.stages.at(self.state.epoch).stage.size
    }

    fn stopping(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }

    /// Writes the checkpoint; returns its bytes.
    fn save(&mut self) -> Result<u64, TrainError> {
        let path = self.options.out.join(CHECKPOINT_FILE);
        let (moments, steps) = self.learner.moments();
        self.state.optimizer_steps = steps;
        let (weights, average) = (self.learner.weights(), self.learner.average());
        CheckpointParts {
            state: &self.state,
            weights: &weights,
            average: average.as_ref(),
            moments: &moments,
        }
        .write(&path)?;
        let written = std::fs::metadata(&path);
        written.map(|m| m.len()).map_err(|e| TrainError::Unwritable { path, reason: e.to_string() })
    }

    fn go(mut self, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
        while self.state.epoch < self.recipe.stages.epochs() && !self.state.stopped_early {
            let Some(last) = self.learn(observer)? else {
                self.save()?;
                return Ok(Outcome::Stopped);
            };
            let Some(evaluation) = self.validate(last.as_ref())? else {
                self.save()?;
                return Ok(Outcome::Stopped);
            };
            self.end_epoch(&evaluation, observer)?;
        }
        let dir = &self.options.out;
        finish::finish(dir, &self.data.split, self.val, &self.state, self.options)
            .map(|f| Outcome::Finished(Box::new(f)))
    }

    /// The rest of the epoch's steps, and the last of its batches if any was left; `None` when asked to stop.
    fn learn(&mut self, observer: &mut dyn Observer) -> Result<Option<Option<Batch>>, TrainError> {
        let mut last = None;
        let (epoch, epochs) = (self.state.epoch, self.recipe.stages.epochs());
        let total = epochs * self.steps;
        let Place { stage, first_epoch, .. } = self.recipe.stages.at(epoch);
        let epochs_left = self.recipe.stages.area_left(epoch);
        let mut batches =
            EpochBatches::start(&self.data, &self.recipe, epoch, self.state.step, self.data.makers())?;
        let earlier_ms = self.state.sums.milliseconds;
        let earlier_pictures = self.state.sums.pictures;
        let begun = Instant::now();
        let mut saved = Instant::now();
        while let Some(batch) = batches.next_batch()? {
            let step = epoch * self.steps + self.state.step;
            let learning_rate = self.state.schedule.learning_rate(&self.recipe, step, total);
            let in_stage = (step - first_epoch * self.steps) as u64;
            let place = StepPlace { step, in_stage, learning_rate };
            let result = match self.learner.step(&batch, &self.recipe, place)? {
                Ok(output) => output,
                Err(broken) => return Err(self.not_finite(&batch, self.state.step + 1, &broken)),
            };
            let n = batch.indices.len();
            self.state.step += 1;
            let sums = &mut self.state.sums;
            sums.add_loss(result.loss * n as f64);
            sums.right += right(&result.logits, &batch.targets);
            sums.pictures += n;
            sums.milliseconds = earlier_ms + begun.elapsed().as_millis() as u64;
            let seconds = begun.elapsed().as_secs_f64();
            let here = (sums.pictures - earlier_pictures) as f64;
            let steps_left = (self.steps - self.state.step) as f64 + epochs_left * self.steps as f64;
            observer.step(&StepReport {
                epoch: epoch + 1,
                epochs,
                size: stage.size,
                step: self.state.step,
                steps: self.steps,
                loss: sums.loss() / sums.pictures as f64,
                accuracy: sums.right as f64 / sums.pictures as f64,
                learning_rate,
                pictures_per_s: here / seconds.max(1e-9),
                left: Duration::from_secs_f64(steps_left * seconds / (here / n as f64)),
            });
            last = Some(batch);
            if self.stopping() {
                return Ok(None);
            }
            if saved.elapsed() > SAVE_EVERY {
                self.save()?;
                saved = Instant::now();
            }
        }
        Ok(Some(last))
    }

    fn not_finite(&self, batch: &Batch, number: usize, broken: &Broken) -> TrainError {
        let names = batch.indices.iter().take(3).map(|i| self.data.split.samples[*i].name.as_str());
        TrainError::NotFinite {
            epoch: self.state.epoch + 1,
            batch: number,
            what: broken.to_string(),
            first_files: names.collect::<Vec<_>>().join(", "),
        }
    }

    /// The kept weights on validation, at the size that they learn at; `None` when asked to stop.
    fn validate(&mut self, last: Option<&Batch>) -> Result<Option<Evaluation>, TrainError> {
        let mut predictor = Predictor::new(&self.learner.kept(self.size()), self.options.threads)?;
        let logits = predictor.logits(self.val, false, |_| !self.stopping());
        let logits = logits.map_err(|e| match (e, last) {
            (ModelError::NotFinite { .. }, Some(batch)) => {
                self.not_finite(batch, self.state.step, &Broken::Validation)
            }
            (e, _) => TrainError::Model(e),
        })?;
        if logits.len() < self.val.len() {
            return Ok(None);
        }
        let probabilities: Vec<_> = logits.iter().map(|l| softmax(l, 1.0)).collect();
        Ok(Some(Evaluation::new(&probabilities, &self.val_labels)))
    }

    /// The weights that are kept, with what they say of themselves after that epoch.
    fn kept(&self, row: &EpochRow) -> NetworkWeights {
        let mut weights = self.learner.kept(row.size);
        weights.metadata = finish::metadata(&self.state, self.options, row);
        weights
    }

    fn end_epoch(&mut self, evaluation: &Evaluation, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let out = &self.options.out;
        let sums = std::mem::take(&mut self.state.sums);
        let Sums { right, pictures, milliseconds, .. } = sums;
        let steps = (self.state.epoch + 1) * self.steps;
        let total = self.recipe.stages.epochs() * self.steps;
        let place = self.recipe.stages.at(self.state.epoch);
        let last_stage = self.recipe.stages.is_last(self.state.epoch);
        let seconds = milliseconds as f64 / 1000.0;
        let row = EpochRow {
            epoch: self.state.epoch + 1,
            size: place.stage.size,
            steps,
            learning_rate: self.state.schedule.learning_rate(&self.recipe, steps - 1, total),
            train_loss: sums.loss() / pictures.max(1) as f64,
            train_accuracy: right as f64 / pictures.max(1) as f64,
            val_loss: evaluation.log_loss,
            val_accuracy: evaluation.accuracy,
            val_macro_f1: evaluation.macro_mean.f1,
            pictures_per_s: pictures as f64 / seconds.max(1e-3),
            seconds,
        };
        // Earlier stages were validated at their own size, and learned what the last one has still to refine.
        let mut this_stage = self.state.history.iter().skip(place.first_epoch);
        let best = last_stage && this_stage.all(|earlier| row.val_accuracy > earlier.val_accuracy);
        if best {
            let weights = self.kept(&row);
            write_safetensors(&weights, &out.join(BEST_FILE), StoredAs::F32)?;
        }
        self.state.history.push(row);
        let enough = self.state.schedule.end_epoch(&self.recipe, row.val_loss);
        self.state.stopped_early = enough && last_stage;
        if self.recipe.stages.at(row.epoch).index > place.index {
            self.state.schedule.next_stage();
            let name = format!("stage-{}-{}px.safetensors", place.index + 1, place.stage.size);
            match write_safetensors(&self.kept(&row), &out.join(&name), StoredAs::F16) {
                Ok(()) => observer.note(&format!("the stage's weights are kept: {name}")),
                // The run itself goes on without the copy.
                Err(e) => observer.note(&format!("the stage's weights are not kept: {e}")),
            }
        }
        self.state.epoch += 1;
        self.state.step = 0;
        write_history(out, &self.state.history)?;
        self.save()?;
        observer.epoch(&row, best);
        Ok(())
    }
}

/// How many rows of seven have their largest value at the same place.
fn right(logits: &[f32], targets: &[f32]) -> usize {
    let largest = |row: &[f32; Expression::COUNT]| Expression::most_probable(row).0;
    let (logits, targets) = (logits.as_chunks().0, targets.as_chunks().0);
    logits.iter().zip(targets).filter(|(l, t)| largest(l) == largest(t)).count()
}

#[cfg(test)]
pub(crate) mod tests;
