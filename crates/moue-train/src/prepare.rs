//! What comes before a run's first step: the data with what is added to them, room on the disk, the number of epochs.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moue_model::{Expression, NetworkWeights};

use super::TrainError;
use super::batches::{EpochBatches, TrainingData, steps_an_epoch};
use super::data::Split;
use super::expand::expand_split;
use super::learner::Learner;
use super::recipe::Recipe;
use super::run::{Observer, RunOptions};
use crate::eval::{Predictor, softmax};

/// The training data with what the recipe adds to them.
pub(super) fn prepare(
    mut train: Split,
    recipe: &Recipe,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Arc<TrainingData>, TrainError> {
    if recipe.expansion > 0.0 {
        let before = train.len();
        expand_split(&mut train, recipe.expansion, recipe.seed);
        observer.note(&format!("{} training pictures added to {before}", train.len() - before));
    }
    let teacher = match &options.teacher {
        Some(weights) => {
            observer.note("asking the teacher network");
            let temperature = weights.temperature();
            let mut predictor = Predictor::new(weights, options.threads)?;
            let plain = predictor.logits(&train, false, |_| true)?;
            let mirrored = predictor.logits(&train, true, |_| true)?;
            let both = plain.iter().zip(&mirrored).map(|(a, b)| {
                let (a, b) = (softmax(a, temperature), softmax(b, temperature));
                std::array::from_fn(|i| (a[i] + b[i]) / 2.0)
            });
            Some(both.collect::<Vec<[f32; Expression::COUNT]>>())
        }
        None if recipe.teacher > 0.0 => {
            return Err(TrainError::Setting {
                setting: "--distill",
                expected: "the teacher's weights file, since the run learns from one".into(),
                found: "none".into(),
            });
        }
        None => None,
    };
    Ok(Arc::new(TrainingData::new(train, recipe, teacher.as_deref())))
}

/// Makes sure that the disk has room for the run: a second checkpoint while the first is there, the best and
/// the finished weights.
pub(super) fn reserve(out: &Path, checkpoint_bytes: u64) -> Result<(), TrainError> {
    let full = |e: std::io::Error| TrainError::Unwritable {
        path: out.to_owned(),
        reason: format!("no room for {} MB of checkpoints: {e}", 2 * checkpoint_bytes / 1_000_000),
    };
    let mut file = tempfile::tempfile_in(out).map_err(full)?;
    let block = vec![0x5A; 1 << 20];
    for _ in 0..2 * checkpoint_bytes / block.len() as u64 + 1 {
        file.write_all(&block).map_err(full)?;
    }
    file.sync_all().map_err(full)
}

/// Epochs that fit into the time, by the time of a few steps of a network that is then thrown away.
pub(super) fn affordable_epochs(
    recipe: &Recipe,
    data: &Arc<TrainingData>,
    val: &Split,
    begin: &NetworkWeights,
    budget: Duration,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<usize, TrainError> {
    const WARM: usize = 2;
    const TIMED: usize = 8;
    let shared = Arc::new(recipe.clone());
    let (mut learner, _) = Learner::new(recipe, begin, options.device, options.threads)?;
    let mut batches = EpochBatches::start(data, &shared, 0, 0, 1)?;
    let mut begun = Instant::now();
    let mut timed = 0;
    for step in 0..WARM + TIMED {
        if step == WARM {
            begun = Instant::now();
        }
        let Some(batch) = batches.next_batch()? else { break };
        // With a rate of 0 nothing is learned; only the time counts.
        let _ = learner.step(&batch, recipe, 0.0, step)?;
        timed += usize::from(step >= WARM);
    }
    drop(batches);
    let step = begun.elapsed().as_secs_f64() / timed.max(1) as f64;
    let few = Split { samples: val.samples[..val.len().min(64)].to_vec(), pixels: val.pixels.clone() };
    let mut predictor = Predictor::new(&learner.kept(recipe), options.threads)?;
    let begun = Instant::now();
    predictor.logits(&few, false, |_| true)?;
    let validation = begun.elapsed().as_secs_f64() * val.len() as f64 / few.len().max(1) as f64;
    let epoch = step * steps_an_epoch(recipe, data.split.len()) as f64 + validation;
    let epochs = ((budget.as_secs_f64() / epoch) as usize).max(1);
    observer.note(&format!("an epoch takes about {epoch:.0} s: {epochs} epochs in the given time"));
    Ok(epochs)
}
