//! Teacher networks (knowledge distillation): each batch uses the probabilities of one of them on the same views (Beyer et
//! al. 2022, arXiv 2106.05237), without the degradation.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use moue_model::{CpuPlan, Expression, LoadedWeights, PlanOptions};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::TrainError;
use super::random::{Purpose, generator};
use crate::eval::softmax;

/// How a run learns from other networks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Teaching {
    /// Share of their probabilities in the targets, 0 to 1.
    pub share: f32,
    /// What their calibrated logits are divided by before the softmax.
    pub temperature: f32,
    /// Whether a teacher reads the unchanged pictures once, instead of each view.
    pub stored: bool,
}

impl Default for Teaching {
    fn default() -> Self {
        Self { share: 0.5, temperature: 1.0, stored: false }
    }
}

/// What a teacher is called in messages, metadata and checkpoints: name and hash.
#[must_use]
pub fn title(teacher: &LoadedWeights) -> String {
    format!("{}, SHA-256 {}", teacher.name, teacher.sha256)
}

/// Whether a run that is taken up again is given its own teachers (their [`title`]s); files may have other names now.
pub(super) fn check_same(own: &[String], given: &[String]) -> Result<(), String> {
    let hashes = |titles: &[String]| -> Vec<String> {
        titles.iter().map(|t| t.rsplit(' ').next().unwrap_or_default().to_owned()).collect()
    };
    if hashes(own) == hashes(given) {
        return Ok(());
    }
    let list = |titles: &[String]| match titles {
        [] => "none".to_owned(),
        titles => titles.join("; "),
    };
    Err(format!("expected the run's teachers in their order ({}), found {}", list(own), list(given)))
}

struct Teacher {
    name: String,
    size: usize,
    temperature: f32,
}

/// Teachers ready to read. Each seat has plans of its own, for one thread at a time.
pub struct Teachers {
    teachers: Vec<Teacher>,
    seats: Vec<Mutex<Vec<CpuPlan>>>,
    seed: u64,
}

impl Teachers {
    /// Prepares every network once for each of `seats` threads.
    ///
    /// # Errors
    /// [`TrainError::Model`] as [`CpuPlan::new`].
    pub fn new(
        networks: &[LoadedWeights],
        teaching: Teaching,
        seed: u64,
        seats: usize,
    ) -> Result<Self, TrainError> {
        let plan = |loaded: &LoadedWeights| {
            CpuPlan::new(&loaded.weights, PlanOptions { threads: 1, ..Default::default() })
        };
        let seats = (0..seats.max(1))
            .map(|_| networks.iter().map(plan).collect::<Result<_, _>>().map(Mutex::new))
            .collect::<Result<_, _>>()?;
        let teachers = networks
            .iter()
            .map(|loaded| Teacher {
                name: loaded.name.clone(),
                size: loaded.weights.input_size(),
                temperature: loaded.weights.temperature() * teaching.temperature,
            })
            .collect();
        Ok(Self { teachers, seats, seed })
    }

    /// Threads that can ask at the same time.
    #[must_use]
    pub fn seats(&self) -> usize {
        self.seats.len()
    }

    /// Which teacher a batch asks, and the size in pixels at which that one looks.
    #[must_use]
    pub fn of_batch(&self, epoch: usize, step: usize) -> (usize, usize) {
        let mut rng = generator(self.seed, Purpose::Teacher, epoch, step);
        let chosen = rng.random_range(0..self.teachers.len().max(1));
        (chosen, self.teachers.get(chosen).map_or(0, |t| t.size))
    }

    /// The probabilities `[n, 7]` that a teacher reads in `[n, size, size]` grey pictures of its own size.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] when it gives no numbers, or its network fails.
    pub fn read(&self, chosen: usize, seat: usize, pictures: &[f32]) -> Result<Vec<f32>, TrainError> {
        let Some(teacher) = self.teachers.get(chosen) else { return Ok(Vec::new()) };
        let failed = |reason: String| TrainError::Teacher { name: teacher.name.clone(), reason };
        let seat = &self.seats[seat % self.seats.len()];
        // What a panic left half done in a plan's memory, its next call overwrites.
        let mut seat = seat.lock().unwrap_or_else(PoisonError::into_inner);
        let area = teacher.size * teacher.size;
        let n = pictures.len() / area.max(1);
        let out = seat[chosen].forward_grey(pictures, n, teacher.size).map_err(|e| failed(e.to_string()))?;
        let mut probabilities = Vec::with_capacity(n * Expression::COUNT);
        for logits in out.logits.as_chunks::<{ Expression::COUNT }>().0 {
            if let Some(class) = logits.iter().position(|v| !v.is_finite()) {
                let class = Expression::ALL[class];
                return Err(failed(format!("it gives no number for {class}; is the file whole?")));
            }
            probabilities.extend(softmax(logits, teacher.temperature));
        }
        Ok(probabilities)
    }
}

impl fmt::Debug for Teachers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.teachers.iter().map(|t| &t.name)).finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::data::tests::patterns;
    use crate::eval::Predictor;
    use crate::initial_weights;

    pub(crate) fn teacher(seed: u64, size: usize) -> LoadedWeights {
        let mut weights = initial_weights(1, seed);
        weights.metadata.insert("input_size".into(), size.to_string());
        weights.metadata.insert("temperature".into(), "0.05".into());
        LoadedWeights {
            weights,
            name: format!("t{seed}"),
            path: None,
            sha256: "0".into(),
            read_as: moue_model::ReadOptions::default(),
        }
    }

    #[test]
    fn a_teacher_reads_what_it_reads_elsewhere() {
        let split = patterns(1, 1);
        let networks = [teacher(1, 32), teacher(2, 48)];
        let teaching = Teaching { temperature: 2.0, ..Teaching::default() };
        let teachers = Teachers::new(&networks, teaching, 7, 1).unwrap();
        let pictures: Vec<f32> = split.pixels.iter().map(|v| f32::from(*v) / 255.0).collect();
        let found = teachers.read(1, 3, &pictures).unwrap();
        let logits =
            Predictor::new(&networks[1].weights, 1).unwrap().logits(&split, false, |_| true).unwrap();
        let expected: Vec<f32> = logits.iter().flat_map(|l| softmax(l, 0.1)).collect();
        assert_eq!(found, expected);
        assert_ne!(found, teachers.read(0, 0, &pictures[..7 * 32 * 32]).unwrap());
    }

    #[test]
    fn batches_ask_every_teacher_about_as_often() {
        let networks = [teacher(1, 32), teacher(2, 48)];
        let teachers = Teachers::new(&networks, Teaching::default(), 7, 1).unwrap();
        let second = (0..400).filter(|i| teachers.of_batch(i / 20, i % 20) == (1, 48)).count();
        assert!((160..240).contains(&second), "{second}");
    }

    #[test]
    fn a_run_knows_its_teachers_by_their_hashes() {
        let titles =
            |names: &[&str]| names.iter().map(|n| format!("{n}, SHA-256 {}", &n[..1])).collect::<Vec<_>>();
        check_same(&titles(&["a", "b"]), &titles(&["a_renamed", "b"])).unwrap();
        check_same(&[], &[]).unwrap();
        for other in [&["b", "a"][..], &["a"], &["a", "b", "c"], &[]] {
            let error = check_same(&titles(&["a", "b"]), &titles(other)).unwrap_err();
            assert!(error.contains("(a, SHA-256 a; b, SHA-256 b), found"), "{error}");
        }
    }

    #[test]
    fn a_teacher_without_numbers_is_named() {
        let mut broken = teacher(1, 32);
        broken.weights.tensors.get_mut("fc.bias").unwrap().values[2] = f32::NAN;
        let teachers = Teachers::new(&[broken], Teaching::default(), 7, 1).unwrap();
        let error = teachers.read(0, 0, &[0.5; 32 * 32]).unwrap_err().to_string();
        assert!(error.contains("t1") && error.contains("fear"), "{error}");
    }
}
