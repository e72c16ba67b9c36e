//! Batches, made by worker threads ahead of the steps that use them.

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, bounded};
use moue_model::Expression;
use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use super::TrainError;
use super::data::Split;
use super::random::{Purpose, generator};
use super::recipe::{Recipe, Sampling};
use super::teachers::Teachers;

/// Threads that make batches, where no teachers have to be asked.
pub(super) const MAKERS: usize = 2;
/// Batches that lie ready, for each worker.
const AHEAD: usize = 2;

/// One step's pictures and targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Which pictures, as indices of the split.
    pub indices: Vec<usize>,
    /// Width and height of the pictures in pixels.
    pub size: usize,
    /// `[n, size, size]`, grey, 0 to 1.
    pub pictures: Vec<f32>,
    /// `[n, 7]`; each row sums to 1.
    pub targets: Vec<f32>,
}

/// The faces with what is to be learned of each.
#[derive(Debug)]
pub struct TrainingData {
    /// The faces.
    pub split: Split,
    /// One target a face, without what is asked for each view.
    pub targets: Vec<[f32; Expression::COUNT]>,
    /// The teachers of each view, and the share of their probabilities in the targets.
    pub teachers: Option<(Teachers, f32)>,
}

impl TrainingData {
    /// The targets by the recipe's shares; `stored` holds a teacher's probabilities of every unchanged face.
    #[must_use]
    pub fn new(split: Split, recipe: &Recipe, stored: Option<&[[f32; Expression::COUNT]]>) -> Self {
        let targets = split
            .samples
            .iter()
            .enumerate()
            .map(|(i, sample)| {
                let mut target = [0.0; Expression::COUNT];
                target[sample.label.index()] = 1.0;
                let mut blend = |other: [f32; Expression::COUNT], share: f32| {
                    target = std::array::from_fn(|k| (1.0 - share) * target[k] + share * other[k]);
                };
                if let Some(votes) = sample.votes {
                    blend(votes, recipe.votes);
                }
                if let (Some(stored), Some(teaching)) = (stored, recipe.teaching) {
                    blend(stored[i], teaching.share);
                }
                blend([1.0 / Expression::COUNT as f32; Expression::COUNT], recipe.smoothing);
                target
            })
            .collect();
        Self { split, targets, teachers: None }
    }
}

impl TrainingData {
    /// Threads that should make batches of it.
    #[must_use]
    pub fn makers(&self) -> usize {
        self.teachers.as_ref().map_or(MAKERS, |(teachers, _)| teachers.seats())
    }
}

/// Pictures a step: never more than there are.
#[must_use]
pub fn batch_size(recipe: &Recipe, pictures: usize) -> usize {
    recipe.batch.min(pictures).max(1)
}

/// Whole batches of an epoch; the few pictures that are over are other ones in each epoch.
#[must_use]
pub fn steps_an_epoch(recipe: &Recipe, pictures: usize) -> usize {
    pictures / batch_size(recipe, pictures)
}

/// The order of an epoch's pictures.
fn order(recipe: &Recipe, split: &Split, epoch: usize) -> Vec<usize> {
    let mut rng = generator(recipe.seed, Purpose::Order, epoch, 0);
    let mut order: Vec<usize> = match recipe.sampling {
        Sampling::Natural => (0..split.len()).collect(),
        Sampling::Sqrt => {
            let mut classes: [Vec<usize>; Expression::COUNT] = Default::default();
            for (i, sample) in split.samples.iter().enumerate() {
                classes[sample.label.index()].push(i);
            }
            let roots: f64 = classes.iter().map(|c| (c.len() as f64).sqrt()).sum();
            let mut drawn = Vec::with_capacity(split.len());
            for mut class in classes {
                if class.is_empty() {
                    continue;
                }
                let share = (class.len() as f64).sqrt() / roots;
                let wanted = (share * split.len() as f64).round() as usize;
                // Each picture as often as possible before any comes once more.
                for _ in 0..wanted / class.len() {
                    drawn.extend_from_slice(&class);
                }
                class.shuffle(&mut rng);
                drawn.extend_from_slice(&class[..wanted % class.len()]);
            }
            // Rounding may leave a few too few.
            while drawn.len() < split.len() {
                drawn.push(rng.random_range(0..split.len()));
            }
            drawn
        }
    };
    order.shuffle(&mut rng);
    order
}

/// Makes one batch; the same for the same arguments on any thread (`worker` only chooses whose memory is used).
fn make(
    data: &TrainingData,
    recipe: &Recipe,
    [epoch, step]: [usize; 2],
    indices: &[usize],
    worker: usize,
) -> Result<Batch, TrainError> {
    let n = indices.len();
    let asked = data.teachers.as_ref().map(|(teachers, share)| {
        let (chosen, size) = teachers.of_batch(epoch, step);
        (teachers, *share, chosen, size)
    });
    let mut shown = vec![0.0; asked.map_or(0, |(.., size)| n * size * size)];
    let size = recipe.stages.at(epoch).stage.size;
    let augmentation = recipe.augmentation_in(epoch);
    let area = size * size;
    let mut pictures = vec![0.0; n * area];
    let mut targets = Vec::with_capacity(n * Expression::COUNT);
    for (slot, (&index, picture)) in indices.iter().zip(pictures.chunks_exact_mut(area)).enumerate() {
        // By place, not by picture: a picture that comes twice in an epoch is varied in two ways.
        let place = step * recipe.batch + slot;
        let mut rng = generator(recipe.seed, Purpose::Picture, epoch, place);
        let view = augmentation.draw(&mut rng);
        view.render(data.split.face(index), size, picture);
        if let Some((.., size)) = asked {
            let area = size * size;
            view.clean().render(data.split.face(index), size, &mut shown[slot * area..][..area]);
        }
        targets.extend_from_slice(&data.targets[index]);
    }
    let mixup = recipe.mixup_in(epoch);
    let blend = mixup.and_then(|m| m.draw(n, &mut generator(recipe.seed, Purpose::Mix, epoch, step)));
    if let Some(blend) = &blend {
        blend.apply(&mut pictures);
        blend.apply(&mut targets);
        blend.apply(&mut shown);
    }
    if let Some((teachers, share, chosen, _)) = asked {
        let answers = teachers.read(chosen, worker, &shown)?;
        for (target, answer) in targets.iter_mut().zip(answers) {
            *target = (1.0 - share) * *target + share * answer;
        }
    }
    Ok(Batch { indices: indices.to_vec(), size, pictures, targets })
}

/// The batches of one epoch, in order. Dropping it stops its threads.
pub struct EpochBatches {
    receivers: Vec<Receiver<Result<Batch, TrainError>>>,
    workers: Vec<JoinHandle<()>>,
    next: usize,
    steps: usize,
}

impl EpochBatches {
    /// Starts `workers` threads on the epoch (from 0), from step `first` on.
    ///
    /// # Errors
    /// [`TrainError::Worker`] when the system gives no thread.
    pub fn start(
        data: &Arc<TrainingData>,
        recipe: &Arc<Recipe>,
        epoch: usize,
        first: usize,
        workers: usize,
    ) -> Result<Self, TrainError> {
        let size = batch_size(recipe, data.split.len());
        let steps = steps_an_epoch(recipe, data.split.len());
        let order = Arc::new(order(recipe, &data.split, epoch));
        let workers = workers.max(1);
        let mut this = Self { receivers: Vec::new(), workers: Vec::new(), next: first, steps };
        for worker in 0..workers {
            let (sender, receiver) = bounded(AHEAD);
            let (data, recipe, order) = (Arc::clone(data), Arc::clone(recipe), Arc::clone(&order));
            let name = format!("batches-{worker}");
            let thread = std::thread::Builder::new()
                .name(name.clone())
                .spawn(move || {
                    for step in (first..steps).filter(|s| s % workers == worker) {
                        let indices = &order[step * size..(step + 1) * size];
                        if sender.send(make(&data, &recipe, [epoch, step], indices, worker)).is_err() {
                            return;
                        }
                    }
                })
                .map_err(|e| TrainError::Worker { thread: name, reason: e.to_string() })?;
            this.receivers.push(receiver);
            this.workers.push(thread);
        }
        Ok(this)
    }

    /// The next batch; `None` at the epoch's end.
    ///
    /// # Errors
    /// [`TrainError::Worker`] when a worker panicked, [`TrainError::Teacher`] when a teacher cannot be asked.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, TrainError> {
        if self.next >= self.steps {
            return Ok(None);
        }
        let worker = self.next % self.receivers.len();
        match self.receivers[worker].recv() {
            Ok(batch) => {
                self.next += 1;
                batch.map(Some)
            }
            Err(_) => Err(TrainError::Worker {
                thread: format!("batches-{worker}"),
                reason: self.panic_message(worker),
            }),
        }
    }

    fn panic_message(&mut self, worker: usize) -> String {
        let panic = self.workers.swap_remove(worker).join().err();
        panic
            .and_then(|p| {
                p.downcast_ref::<String>()
                    .cloned()
                    .or_else(|| p.downcast_ref::<&str>().map(|s| (*s).to_owned()))
            })
            .unwrap_or_else(|| "it ended without a message".to_owned())
    }
}

impl Drop for EpochBatches {
    fn drop(&mut self) {
        self.receivers.clear();
        for worker in self.workers.drain(..) {
            // Its panic, if any, was reported by `next_batch`.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tests::patterns;
    use crate::recipe::RecipeName;
    use crate::{Stages, Teaching};

    fn recipe(sampling: Sampling) -> Arc<Recipe> {
        Arc::new(Recipe {
            stages: Stages::one(32, 4),
            batch: 4,
            sampling,
            ..Recipe::named(RecipeName::Default)
        })
    }

    fn epoch(
        data: &Arc<TrainingData>,
        recipe: &Arc<Recipe>,
        epoch: usize,
        first: usize,
        workers: usize,
    ) -> Vec<Batch> {
        let mut batches = EpochBatches::start(data, recipe, epoch, first, workers).unwrap();
        std::iter::from_fn(|| batches.next_batch().unwrap()).collect()
    }

    #[test]
    fn batches_depend_neither_on_workers_nor_on_where_the_epoch_is_entered() {
        let recipe = recipe(Sampling::Natural);
        let data = Arc::new(TrainingData::new(patterns(3, 1), &recipe, None));
        let whole = epoch(&data, &recipe, 2, 0, 1);
        assert_eq!(whole.len(), 5);
        assert_eq!(whole, epoch(&data, &recipe, 2, 0, 3));
        assert_eq!(whole[3..], epoch(&data, &recipe, 2, 3, 2));
        assert_ne!(whole[0].indices, epoch(&data, &recipe, 3, 0, 1)[0].indices);
        let mut seen: Vec<usize> = whole.iter().flat_map(|b| b.indices.clone()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 20);
    }

    #[test]
    fn an_epoch_that_nobody_finishes_ends_its_threads() {
        let recipe = recipe(Sampling::Natural);
        let data = Arc::new(TrainingData::new(patterns(3, 1), &recipe, None));
        let mut batches = EpochBatches::start(&data, &recipe, 0, 0, 2).unwrap();
        batches.next_batch().unwrap();
        drop(batches);
        assert_eq!(Arc::strong_count(&data), 1);
    }

    #[test]
    fn square_root_sampling_shows_rare_classes_more_often() {
        let recipe = recipe(Sampling::Sqrt);
        let mut split = patterns(9, 1);
        for (i, sample) in split.samples.iter_mut().enumerate() {
            sample.label = Expression::ALL[usize::from(i >= 7) * 3];
        }
        // 7 and 56 pictures; roots 1 : 2.83.
        let drawn = order(&recipe, &split, 0);
        assert_eq!(drawn.len(), 63);
        assert_eq!(drawn.iter().filter(|i| **i < 7).count(), 16);
    }

    #[test]
    fn targets_are_blended_from_label_votes_teacher_and_smoothing() {
        let mut recipe = Recipe::named(RecipeName::Default);
        recipe.votes = 0.25;
        recipe.teaching = Some(Teaching { stored: true, ..Teaching::default() });
        let mut split = patterns(1, 1);
        split.samples[0].votes = Some([0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let teacher = vec![[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]; 7];
        let data = TrainingData::new(split, &recipe, Some(&teacher));
        let even = 0.05 / 7.0;
        let expected = [0.75, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0].map(|v| 0.95 * 0.5 * v + even);
        for (k, found) in data.targets[0].iter().enumerate() {
            let expected = expected[k] + if k == 6 { 0.95 * 0.5 } else { 0.0 };
            assert!((found - expected).abs() < 1e-6, "{k}: {found}, {expected}");
        }
    }
}
