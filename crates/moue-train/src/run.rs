//! A run from the first step to the finished weights file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use moue_model::{DeviceChoice, Expression, ModelError, NetworkWeights, StoredAs, write_safetensors};

use super::batches::{Batch, EpochBatches, TrainingData, steps_an_epoch};
use super::checkpoint::{Checkpoint, CheckpointParts, RunState, Sums};
use super::data::Split;
use super::finish::{self, Finished};
use super::history::{EpochRow, write_history};
use super::learner::{Broken, Learner};
use super::prepare::{affordable_epochs, prepare, reserve};
use super::recipe::Recipe;
use super::{TrainError, initial_weights};
use crate::eval::{Evaluation, Predictor, softmax};

/// Where a run can be taken up again.
pub const CHECKPOINT_FILE: &str = "checkpoint.safetensors";
/// The best weights so far, in 32 bits, with metadata.
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
    /// The time that the run may take; sets the recipe's number of epochs.
    pub time_budget: Option<Duration>,
    /// Begin with these weights.
    pub init: Option<NetworkWeights>,
    /// Their file's name and hash, for the finished weights' metadata.
    pub began_with: Option<String>,
    /// Learn from this network's probabilities too.
    pub teacher: Option<NetworkWeights>,
    /// Write the finished weights in 16 bits.
    pub half: bool,
    /// What the weights file says of its data.
    pub data_name: String,
    /// Whoever wants the run to stop sets this.
    pub stop: Arc<AtomicBool>,
}

/// The state of affairs after a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
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
    /// Until the run's last step at this speed.
    pub left: Duration,
}

/// Hears how a run goes.
pub trait Observer {
    /// Something worth a line.
    fn note(&mut self, text: &str);
    /// After each step.
    fn step(&mut self, report: &StepReport);
    /// After each epoch; `best` when it is the best so far.
    fn epoch(&mut self, row: &EpochRow, best: bool);
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
    if let Some(init) = &options.init {
        recipe.blocks = init.blocks;
    }
    recipe.check()?;
    let train_sha256 = train.hash();
    let data = prepare(train, &recipe, options, observer)?;
    let begin = match &options.init {
        Some(weights) => weights.clone(),
        None => initial_weights(recipe.blocks, recipe.seed),
    };
    if let Some(budget) = options.time_budget {
        recipe.epochs = affordable_epochs(&recipe, &data, val, &begin, budget, options, observer)?;
    }
    let mut state = RunState::new(recipe, train_sha256, val.hash());
    state.began_with.clone_from(&options.began_with);
    let learner = learner(&state.recipe, &begin, options, observer)?;
    let mut run = Run::new(state, learner, data, val, options);
    reserve(out, run.save()?)?;
    run.go(observer)
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
                    "the run's {what} data had SHA-256 {expected}, now {found}: give the same data and --exclude"
                ),
            });
        }
    }
    let data = prepare(train, &state.recipe, options, observer)?;
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
        while self.state.epoch < self.recipe.epochs && !self.state.stopped_early {
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
        finish::finish(dir, self.val, &self.state, self.options).map(|f| Outcome::Finished(Box::new(f)))
    }

    /// The rest of the epoch's steps, and the last of its batches if any was left; `None` when asked to stop.
    fn learn(&mut self, observer: &mut dyn Observer) -> Result<Option<Option<Batch>>, TrainError> {
        let mut last = None;
        let (epoch, total) = (self.state.epoch, self.recipe.epochs * self.steps);
        let mut batches = EpochBatches::start(&self.data, &self.recipe, epoch, self.state.step, 2)?;
        let earlier_ms = self.state.sums.milliseconds;
        let earlier_pictures = self.state.sums.pictures;
        let begun = Instant::now();
        let mut saved = Instant::now();
        while let Some(batch) = batches.next_batch()? {
            let step = epoch * self.steps + self.state.step;
            let learning_rate = self.state.schedule.learning_rate(&self.recipe, step, total);
            let result = match self.learner.step(&batch, &self.recipe, learning_rate, step)? {
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
            let steps_left = (total - step - 1) as f64;
            observer.step(&StepReport {
                epoch: epoch + 1,
                epochs: self.recipe.epochs,
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

    /// The kept weights on validation; `None` when asked to stop.
    fn validate(&mut self, last: Option<&Batch>) -> Result<Option<Evaluation>, TrainError> {
        let mut predictor = Predictor::new(&self.learner.kept(&self.recipe), self.options.threads)?;
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

    fn end_epoch(&mut self, evaluation: &Evaluation, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let out = &self.options.out;
        let sums = std::mem::take(&mut self.state.sums);
        let Sums { right, pictures, milliseconds, .. } = sums;
        let steps = (self.state.epoch + 1) * self.steps;
        let total = self.recipe.epochs * self.steps;
        let seconds = milliseconds as f64 / 1000.0;
        let row = EpochRow {
            epoch: self.state.epoch + 1,
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
        let best = self.state.history.iter().all(|earlier| row.val_accuracy > earlier.val_accuracy);
        if best {
            let mut weights = self.learner.kept(&self.recipe);
            weights.metadata = finish::metadata(&self.state, self.options, row.epoch);
            write_safetensors(&weights, &out.join(BEST_FILE), StoredAs::F32)?;
        }
        self.state.history.push(row);
        self.state.stopped_early = self.state.schedule.end_epoch(&self.recipe, row.val_loss);
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
mod tests {
    use std::path::Path;

    use super::*;
    use crate::checkpoint::Tensors;
    use crate::data::tests::patterns;
    use crate::recipe::RecipeName;

    /// Asks the run to stop after so many steps.
    struct StopAfter {
        steps: usize,
        stop: Arc<AtomicBool>,
        rows: Vec<EpochRow>,
    }

    impl Observer for StopAfter {
        fn note(&mut self, _: &str) {}
        fn step(&mut self, _: &StepReport) {
            self.steps = self.steps.saturating_sub(1);
            if self.steps == 0 {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
        fn epoch(&mut self, row: &EpochRow, _: bool) {
            self.rows.push(*row);
        }
    }

    fn options(out: &Path) -> RunOptions {
        RunOptions {
            out: out.to_owned(),
            device: DeviceChoice::Cpu,
            threads: 2,
            time_budget: None,
            init: None,
            began_with: None,
            teacher: None,
            half: true,
            data_name: "patterns".into(),
            stop: Arc::new(AtomicBool::new(false)),
        }
    }

    fn observer(options: &RunOptions, steps: usize) -> StopAfter {
        StopAfter { steps, stop: Arc::clone(&options.stop), rows: Vec::new() }
    }

    fn recipe(epochs: usize) -> Recipe {
        let base = Recipe::named(RecipeName::Default);
        Recipe { size: 32, epochs, batch: 14, learning_rate: 0.02, average: Some(0.9), ..base }
    }

    fn final_state(dir: &Path) -> (Tensors, Option<Tensors>, Tensors) {
        let c = Checkpoint::read(&dir.join(CHECKPOINT_FILE)).unwrap();
        (c.weights, c.average, c.moments)
    }

    #[test]
    fn seven_patterns_are_learned_completely() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        let mut watch = observer(&options, usize::MAX);
        let val = patterns(4, 2);
        let easy = Recipe { mixup: None, ..recipe(20) };
        let outcome = start(easy.clone(), patterns(20, 1), &val, &options, &mut watch).unwrap();
        let Outcome::Finished(finished) = outcome else { panic!("{outcome:?}") };
        assert_eq!(finished.validation.accuracy, 1.0, "{:?}", watch.rows);
        let weights = moue_model::read_safetensors(&finished.path).unwrap();
        assert_eq!(weights.input_size(), 32);
        assert_eq!(weights.metadata["training_data_sha256"], patterns(20, 1).hash());
        assert_eq!(weights.metadata["val_accuracy"], "1.0000");
        for file in ["metrics.csv", "curves.png", BEST_FILE, "val/confusion_matrix.png"] {
            assert!(dir.path().join(file).is_file(), "{file}");
        }
        // A second run does not overwrite the first.
        let again = start(easy.clone(), patterns(20, 1), &val, &options, &mut watch).unwrap_err();
        assert!(again.to_string().contains("--resume"), "{again}");
    }

    #[test]
    fn a_run_stopped_in_mid_epoch_ends_in_the_same_bits() {
        let val = patterns(1, 2);
        let whole = tempfile::tempdir().unwrap();
        let whole_options = options(whole.path());
        start(recipe(3), patterns(6, 1), &val, &whole_options, &mut observer(&whole_options, usize::MAX))
            .unwrap();
        let parts = tempfile::tempdir().unwrap();
        let first = options(parts.path());
        let outcome = start(recipe(3), patterns(6, 1), &val, &first, &mut observer(&first, 4)).unwrap();
        assert_eq!(outcome, Outcome::Stopped);
        let path = parts.path().join(CHECKPOINT_FILE);
        let checkpoint = Checkpoint::read(&path).unwrap();
        assert_eq!((checkpoint.state.epoch, checkpoint.state.step), (1, 1));

        let second = options(parts.path());
        let mut watch = observer(&second, usize::MAX);
        let other = resume(checkpoint.clone(), patterns(6, 9), &val, &second, &mut watch).unwrap_err();
        assert!(other.to_string().contains("training data"), "{other}");
        resume(checkpoint, patterns(6, 1), &val, &second, &mut watch).unwrap();
        assert!(final_state(whole.path()) == final_state(parts.path()), "weights, mean or moments differ");
        let file = |dir: &Path| std::fs::read(dir.join(WEIGHTS_FILE)).unwrap();
        assert!(file(whole.path()) == file(parts.path()), "the weights files differ");
    }

    #[test]
    fn a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        let wild = Recipe { learning_rate: 100.0, mixup: None, ..recipe(60) };
        let error =
            start(wild, patterns(6, 1), &patterns(1, 2), &options, &mut observer(&options, usize::MAX));
        let error = error.unwrap_err();
        assert!(matches!(error, TrainError::NotFinite { .. }), "{error}");
        assert!(error.to_string().contains(".png"), "{error}");
        let (weights, ..) = final_state(dir.path());
        assert!(weights.values().flat_map(|t| &t.values).all(|v| v.is_finite()));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_before_the_first_step() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let options = options(&file.join("run"));
        let mut watch = observer(&options, 1);
        let error = start(recipe(1), patterns(2, 1), &patterns(1, 2), &options, &mut watch).unwrap_err();
        assert!(matches!(error, TrainError::Unwritable { .. }), "{error}");
        assert_eq!(watch.steps, 1);
    }
}
