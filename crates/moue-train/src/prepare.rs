//! What comes before a run's first step: the data with what is added to them, room on the disk, the number of epochs.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use moue_model::{Expression, ModelError, NetworkWeights};

use super::TrainError;
use super::batches::{EpochBatches, MAKERS, TrainingData, steps_an_epoch};
use super::data::Split;
use super::expand::expand_split;
use super::learner::{Learner, StepPlace};
use super::progress::Observer;
use super::recipe::Recipe;
use super::run::RunOptions;
use super::stages::Stages;
use super::teachers::{Teachers, Teaching};
use crate::eval::{Predictor, softmax};

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
        observer.note(match options.teachers.len() {
            1 => "asking the teacher network of all pictures",
            _ => "asking the teacher networks of all pictures",
        });
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

/// What the teachers read in every unchanged picture and its mirror image, averaged over all of them: several networks together
/// err less than each (Hansen and Salamon 1990). Unfinished when the run is asked to stop.
fn stored_answers(
    train: &Split,
    options: &RunOptions,
    teaching: Teaching,
    observer: &mut dyn Observer,
) -> Result<Vec<[f32; Expression::COUNT]>, TrainError> {
    let teachers = &options.teachers;
    let share = 0.5 / teachers.len() as f32;
    let (mut done, all) = (0, 2 * teachers.len() * train.len());
    let mut answers = vec![[0.0; Expression::COUNT]; train.len()];
    for teacher in teachers {
        let failed =
            |e: ModelError| TrainError::Teacher { name: teacher.name.clone(), reason: e.to_string() };
        let temperature = teacher.weights.temperature() * teaching.temperature;
        let mut predictor = Predictor::new(&teacher.weights, options.threads)?;
        for mirrored in [false, true] {
            let go_on = |read| {
                observer.asking(done + read, all);
                !options.stop.load(Ordering::Relaxed)
            };
            let logits = predictor.logits(train, mirrored, go_on).map_err(failed)?;
            if logits.len() < train.len() {
                return Ok(answers);
            }
            done += logits.len();
            for (answer, logits) in answers.iter_mut().zip(&logits) {
                for (mean, probability) in answer.iter_mut().zip(softmax(logits, temperature)) {
                    *mean += share * probability;
                }
            }
        }
    }
    Ok(answers)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::data::tests::patterns;
    use crate::run::tests::{observer, options};
    use crate::teachers::tests::teacher;
    use moue_model::LoadedWeights;

    #[test]
    fn several_stored_teachers_are_learned_from_as_their_mean() {
        let train = patterns(2, 1);
        let teaching = Teaching { stored: true, ..Teaching::default() };
        let answers = |teachers: &[LoadedWeights]| {
            let options = RunOptions { teachers: teachers.to_vec(), ..options(Path::new("unused")) };
            stored_answers(&train, &options, teaching, &mut observer(&options, 1))
        };
        let [one, other] = [teacher(1, 32), teacher(2, 48)];
        let both = answers(&[one.clone(), other.clone()]).unwrap();
        let (one, other) = (answers(&[one]).unwrap(), answers(&[other]).unwrap());
        assert_ne!(one, other);
        for ((both, one), other) in
            both.iter().flatten().zip(one.iter().flatten()).zip(other.iter().flatten())
        {
            assert!((both - (one + other) / 2.0).abs() < 1e-6, "{both} for {one} and {other}");
        }
        let mut broken = teacher(3, 32);
        broken.weights.tensors.get_mut("fc.bias").unwrap().values[1] = f32::NAN;
        let error = answers(&[teacher(1, 32), broken]).unwrap_err().to_string();
        assert!(error.contains("t3") && error.contains("disgust"), "{error}");
    }
}
