//! Whole runs on patterns that are easily told apart.

use std::path::Path;

use super::*;
use crate::augment::Augmentation;
use crate::checkpoint::Tensors;
use crate::data::tests::patterns;
use crate::recipe::RecipeName;
use crate::{Stages, Teaching};

/// Asks the run to stop after so many steps.
pub(crate) struct StopAfter {
    steps: usize,
    stop: Arc<AtomicBool>,
    rows: Vec<EpochRow>,
}

impl Observer for StopAfter {
    fn note(&mut self, _: &str) {}
    fn asking(&mut self, _: usize, _: usize) {}
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

pub(crate) fn options(out: &Path) -> RunOptions {
    RunOptions {
        out: out.to_owned(),
        device: DeviceChoice::Cpu,
        threads: 2,
        time_budget: None,
        init: None,
        teachers: Vec::new(),
        half: true,
        data_name: "patterns".into(),
        stop: Arc::new(AtomicBool::new(false)),
    }
}

pub(crate) fn observer(options: &RunOptions, steps: usize) -> StopAfter {
    StopAfter { steps, stop: Arc::clone(&options.stop), rows: Vec::new() }
}

fn recipe(epochs: usize) -> Recipe {
    let base = Recipe::named(RecipeName::Default);
    let stages = Stages::one(32, epochs);
    Recipe { stages, batch: 14, learning_rate: 0.02, average: Some(0.9), ..base }
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
    let easy = Recipe { mixup: None, stages: Stages::one(64, 10), learning_rate: 0.05, ..recipe(1) };
    let outcome = start(easy.clone(), patterns(20, 1), &val, &options, &mut watch).unwrap();
    let Outcome::Finished(finished) = outcome else { panic!("{outcome:?}") };
    assert_eq!(finished.validation.accuracy, 1.0, "{:?}", watch.rows);
    let weights = moue_model::read_safetensors(&finished.path).unwrap();
    assert_eq!(weights.input_size(), 64);
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

/// A network of random weights that looks at pictures of `size` pixels.
fn teacher(seed: u64, size: usize) -> LoadedWeights {
    let mut weights = crate::initial_weights(1, seed);
    weights.metadata.insert("input_size".into(), size.to_string());
    LoadedWeights {
        weights,
        name: format!("t{seed}"),
        path: None,
        sha256: format!("{seed:064}"),
        read_as: moue_model::ReadOptions::default(),
    }
}

/// Asks the run to stop when its teachers have given so many readings.
struct StopAsking {
    readings: usize,
    stop: Arc<AtomicBool>,
    all: Vec<usize>,
}

impl Observer for StopAsking {
    fn note(&mut self, _: &str) {}
    fn asking(&mut self, done: usize, all: usize) {
        self.all.push(all);
        self.stop.store(done >= self.readings, Ordering::Relaxed);
    }
    fn step(&mut self, _: &StepReport) {
        panic!("no step may learn from answers that are not complete");
    }
    fn epoch(&mut self, _: &EpochRow, _: bool) {}
}

#[test]
fn a_run_stopped_while_its_teachers_are_asked_ends_in_the_same_bits() {
    let val = patterns(1, 2);
    let teaching = Some(Teaching { stored: true, ..Teaching::default() });
    let recipe = Recipe { teaching, ..recipe(1) };
    let train = || patterns(6, 1);
    let options = |dir: &Path| RunOptions { teachers: vec![teacher(3, 32), teacher(4, 40)], ..options(dir) };
    let whole = tempfile::tempdir().unwrap();
    let of_whole = options(whole.path());
    start(recipe.clone(), train(), &val, &of_whole, &mut observer(&of_whole, usize::MAX)).unwrap();

    let parts = tempfile::tempdir().unwrap();
    let path = parts.path().join(CHECKPOINT_FILE);
    let pictures = train().len();
    // In the first batch, and when the second teacher has given its last reading.
    for (turn, readings) in [1, 4 * pictures].into_iter().enumerate() {
        let options = options(parts.path());
        let mut watch = StopAsking { readings, stop: Arc::clone(&options.stop), all: Vec::new() };
        let outcome = match turn {
            0 => start(recipe.clone(), train(), &val, &options, &mut watch),
            _ => resume(Checkpoint::read(&path).unwrap(), train(), &val, &options, &mut watch),
        };
        assert_eq!(outcome.unwrap(), Outcome::Stopped);
        assert!(watch.all.iter().all(|all| *all == 4 * pictures), "{:?}", watch.all);
        let state = Checkpoint::read(&path).unwrap().state;
        assert_eq!((state.epoch, state.step), (0, 0));
    }
    let options = options(parts.path());
    let mut watch = observer(&options, usize::MAX);
    resume(Checkpoint::read(&path).unwrap(), train(), &val, &options, &mut watch).unwrap();
    assert!(final_state(whole.path()) == final_state(parts.path()), "weights, mean or moments differ");
}

#[test]
fn stages_with_teachers_stopped_anywhere_end_in_the_same_bits() {
    let val = patterns(1, 2);
    let stages: Stages = "32:2,48:1".parse().unwrap();
    let teaching = Some(Teaching { temperature: 2.0, ..Teaching::default() });
    let augmentation = Augmentation::Webcam;
    let recipe = Recipe { stages, teaching, augmentation, ..recipe(1) };
    let train = || patterns(6, 1);
    let options = |dir: &Path| RunOptions { teachers: vec![teacher(3, 32), teacher(4, 40)], ..options(dir) };
    let whole = tempfile::tempdir().unwrap();
    let of_whole = options(whole.path());
    let mut watch = observer(&of_whole, usize::MAX);
    start(recipe.clone(), train(), &val, &of_whole, &mut watch).unwrap();
    assert_eq!(watch.rows.iter().map(|r| r.size).collect::<Vec<_>>(), [32, 32, 48]);

    let parts = tempfile::tempdir().unwrap();
    let path = parts.path().join(CHECKPOINT_FILE);
    let mut places = Vec::new();
    // Stops after each of these steps: within a stage, at its border, and behind it.
    for (turn, steps) in [4, 2, 2].into_iter().enumerate() {
        let options = options(parts.path());
        let mut watch = observer(&options, steps);
        let outcome = match turn {
            0 => start(recipe.clone(), train(), &val, &options, &mut watch),
            _ => resume(Checkpoint::read(&path).unwrap(), train(), &val, &options, &mut watch),
        };
        assert_eq!(outcome.unwrap(), Outcome::Stopped);
        let state = Checkpoint::read(&path).unwrap().state;
        places.push((state.epoch, state.step));
    }
    assert_eq!(places, [(1, 1), (1, 3), (2, 2)]);
    let checkpoint = Checkpoint::read(&path).unwrap();
    let other = RunOptions { teachers: vec![teacher(3, 32), teacher(5, 40)], ..options(parts.path()) };
    let mut watch = observer(&other, usize::MAX);
    let error = resume(checkpoint.clone(), train(), &val, &other, &mut watch).unwrap_err().to_string();
    assert!(error.contains("t4") && error.contains("t5"), "{error}");
    let options = options(parts.path());
    resume(checkpoint, train(), &val, &options, &mut observer(&options, usize::MAX)).unwrap();

    assert!(final_state(whole.path()) == final_state(parts.path()), "weights, mean or moments differ");
    for file in [WEIGHTS_FILE, BEST_FILE, "stage-1-32px.safetensors"] {
        let read = |dir: &Path| std::fs::read(dir.join(file)).unwrap();
        assert!(read(whole.path()) == read(parts.path()), "{file} differs");
    }
    let read = |file| moue_model::read_safetensors(&whole.path().join(file)).unwrap();
    let (finished, stage) = (read(WEIGHTS_FILE), read("stage-1-32px.safetensors"));
    assert_eq!((finished.input_size(), stage.input_size()), (48, 32));
    assert_eq!((&finished.metadata["epoch"][..], &stage.metadata["epoch"][..]), ("3", "2"));
    let teachers = &finished.metadata["teachers"];
    assert!(teachers.contains("t3, SHA-256 000") && teachers.contains("t4, SHA-256"), "{teachers}");
    assert!(finished.metadata["recipe"].contains("\"32:2,48:1\""), "{}", finished.metadata["recipe"]);
    assert!(finished.metadata["recipe"].contains("webcam"), "{}", finished.metadata["recipe"]);
}

#[test]
fn the_last_stage_learns_with_its_own_augmentation() {
    let val = patterns(1, 2);
    let run = |last_augmentation| {
        let stages = "32:1,32:1".parse().unwrap();
        let recipe = Recipe { stages, augmentation: Augmentation::Webcam, last_augmentation, ..recipe(1) };
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        start(recipe, patterns(6, 1), &val, &options, &mut observer(&options, usize::MAX)).unwrap();
        let stage = moue_model::read_safetensors(&dir.path().join("stage-1-32px.safetensors")).unwrap();
        (stage.tensors, final_state(dir.path()))
    };
    let (webcam, same, standard) =
        (run(None), run(Some(Augmentation::Webcam)), run(Some(Augmentation::Standard)));
    assert!(webcam.1 == same.1, "the same augmentation, named twice, gave another network");
    assert!(webcam.0 == standard.0, "the first stage learned with the last one's augmentation");
    assert!(webcam.1 != standard.1, "the last stage did not learn with its own");
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let wild = Recipe { learning_rate: 100.0, mixup: None, ..recipe(60) };
    let error = start(wild, patterns(6, 1), &patterns(1, 2), &options, &mut observer(&options, usize::MAX));
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
