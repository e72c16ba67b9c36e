//! What comes before a run's first step: the data with what is added to them, room on the disk, the number of epochs.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moue_model::NetworkWeights;

use super::TrainError;
use super::batches::{EpochBatches, MAKERS, TrainingData, steps_an_epoch};
use super::data::Split;
use super::expand::expand_split;
use super::learner::{Learner, StepPlace};
use super::progress::Observer;
use super::recipe::Recipe;
use super::run::RunOptions;
use super::stages::Stages;
use super::stored_answers::stored_answers;
use super::teachers::Teachers;
use crate::eval::Predictor;

/// Most threads that ask teachers: each has its own copy of them.
const MOST_SEATS: usize = 8;

/// The training data with what the recipe adds to them.
pub(super) fn prepare(
    mut train: Split,
    recipe: &Recipe,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Arc<TrainingData>, TrainError> {
    let votes = train.samples.iter().any(|s| s.votes.is_some());
    if recipe.votes > 0.0 && !votes {
        return Err(TrainError::Setting {
            setting: "--ferplus",
            expected: format!("FER+'s file, since its votes have a share of {} in the targets", recipe.votes),
            found: "none".into(),
        });
    }
    if recipe.votes == 0.0 && votes {
        observer.note("the votes of --ferplus are not used: their share is 0 (--votes)");
    }
    if recipe.expansion > 0.0 {
        let before = train.len();
        expand_split(&mut train, recipe.expansion, recipe.seed);
        observer.note(&format!("{} training pictures added to {before}", train.len() - before));
    }
    let teaching = match (recipe.teaching, &options.teachers[..]) {
        (Some(_), []) => return Err(no_teacher()),
        (Some(teaching), _) => teaching,
        (None, _) => return Ok(Arc::new(TrainingData::new(train, recipe, None))),
    };
    if teaching.stored {
        let stored = stored_answers(&train, options, teaching, observer)?;
        return Ok(Arc::new(TrainingData::new(train, recipe, Some(&stored))));
    }
    let mut data = TrainingData::new(train, recipe, None);
    // With no share in the targets their answers would not be used.
    if teaching.share > 0.0 {
        // A reading is a smaller part of the work than a step, so half of the cores always keep up with it.
        let cores = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let seats = (cores / 2).clamp(MAKERS, MOST_SEATS);
        let teachers = Teachers::new(&options.teachers, teaching, recipe.seed, seats)?;
        let titles: Vec<&str> = options.teachers.iter().map(|t| &t.name[..]).collect();
        observer.note(&format!("each batch asks one of the teachers {}", titles.join(", ")));
        data.teachers = Some((teachers, teaching.share));
    }
    Ok(Arc::new(data))
}

fn no_teacher() -> TrainError {
    TrainError::Setting {
        setting: "--distill",
        expected: "the teachers' weights files, since the run learns from them".into(),
        found: "none".into(),
    }
}

/// Makes sure that the disk has room for the run: a second checkpoint while the first is there, the best and
/// the finished weights, and copies of this many stages.
pub(super) fn reserve(out: &Path, checkpoint_bytes: u64, copies: usize) -> Result<(), TrainError> {
    // A checkpoint holds the weights at least twice in 32 bits, a copy once in 16.
    let bytes = 2 * checkpoint_bytes + copies as u64 * checkpoint_bytes / 4;
    let full = |e: std::io::Error| TrainError::Unwritable {
        path: out.to_owned(),
        reason: format!("no room for {} MB of checkpoints: {e}", bytes / 1_000_000),
    };
    let mut file = tempfile::tempfile_in(out).map_err(full)?;
    let block = vec![0x5A; 1 << 20];
    for _ in 0..bytes / block.len() as u64 + 1 {
        file.write_all(&block).map_err(full)?;
    }
    file.sync_all().map_err(full)
}

/// The stages with as many epochs as fit into the time, in the same proportion, by the time of a few steps of each size of a
/// network that is then thrown away.
pub(super) fn affordable_stages(
    recipe: &Recipe,
    data: &Arc<TrainingData>,
    val: &Split,
    begin: &NetworkWeights,
    budget: Duration,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Stages, TrainError> {
    let (mut learner, _) = Learner::new(recipe, begin, options.device, options.threads)?;
    let mut wanted = 0.0;
    for stage in recipe.stages.all() {
        let seconds = seconds_an_epoch(recipe, stage.size, &mut learner, data, val, options)?;
        observer.note(&format!("an epoch at {} px takes about {seconds:.0} s", stage.size));
        wanted += seconds * stage.epochs as f64;
    }
    let factor = budget.as_secs_f64() / wanted;
    let stages = recipe.stages.with_epochs(|s| ((s.epochs as f64 * factor) as usize).clamp(1, 100_000));
    let epochs = stages.epochs();
    observer.note(&format!("{epochs} epochs in the given time, size:epochs {stages}"));
    Ok(stages)
}

/// What an epoch at that size takes, validation counted.
fn seconds_an_epoch(
    recipe: &Recipe,
    size: usize,
    learner: &mut Learner,
    data: &Arc<TrainingData>,
    val: &Split,
    options: &RunOptions,
) -> Result<f64, TrainError> {
    const WARM: usize = 2;
    const TIMED: usize = 8;
    let recipe = Arc::new(Recipe { stages: Stages::one(size, 1), ..recipe.clone() });
    let mut batches = EpochBatches::start(data, &recipe, 0, 0, data.makers())?;
    let mut begun = Instant::now();
    let mut timed = 0;
    for step in 0..WARM + TIMED {
        if step == WARM {
            begun = Instant::now();
        }
        let Some(batch) = batches.next_batch()? else { break };
        // With a rate of 0 nothing is learned; only the time counts.
        let place = StepPlace { step, in_stage: step as u64, learning_rate: 0.0 };
        let _ = learner.step(&batch, &recipe, place)?;
        timed += usize::from(step >= WARM);
    }
    drop(batches);
    let step = begun.elapsed().as_secs_f64() / timed.max(1) as f64;
    let few = Split { samples: val.samples[..val.len().min(64)].to_vec(), pixels: val.pixels.clone() };
    let mut predictor = Predictor::new(&learner.kept(size), options.threads)?;
    let begun = Instant::now();
    predictor.logits(&few, false, |_| true)?;
    let validation = begun.elapsed().as_secs_f64() * val.len() as f64 / few.len().max(1) as f64;
    Ok(step * steps_an_epoch(&recipe, data.split.len()) as f64 + validation)
}
