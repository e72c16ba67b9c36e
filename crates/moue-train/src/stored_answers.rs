//! What teachers read in all unchanged pictures: asked once, and kept in the run's folder, so that a run that is taken up again
//! does not ask a second time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering;

use moue_files::new_file;
use moue_model::{Expression, ModelError, check_header, read_file};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest as _, Sha256};

use super::TrainError;
use super::data::Split;
use super::progress::Observer;
use super::run::RunOptions;
use super::teachers::Teaching;
use crate::eval::{Predictor, softmax};

/// The teachers' readings of a run with stored teachers.
pub const ANSWERS_FILE: &str = "teachers.safetensors";

const TENSOR: &str = "probabilities";
/// What they were asked of: a file with another text is asked for anew.
const ASKED_KEY: &str = "moue_asked";

/// A picture's answer: the mean of the teachers' probabilities for it and its mirror image.
pub type Answer = [f32; Expression::COUNT];

/// What the teachers read in every unchanged picture and its mirror image, averaged over all of them: several networks together
/// err less than each (Hansen and Salamon 1990). Unfinished when the run is asked to stop.
///
/// # Errors
/// [`TrainError::Teacher`] when a network gives no numbers, [`TrainError::Unwritable`].
pub(super) fn stored_answers(
    train: &Split,
    options: &RunOptions,
    teaching: Teaching,
    observer: &mut dyn Observer,
) -> Result<Vec<Answer>, TrainError> {
    let path = options.out.join(ANSWERS_FILE);
    let asked = asked_of(train, options, teaching);
    let found = read(&path, &asked, train.len());
    match &found {
        Kept::Answers(answers) => {
            observer.note(&format!("{ANSWERS_FILE}: what the teachers read is there already"));
            return Ok(answers.clone());
        }
        Kept::Nothing => {}
        Kept::Broken(reason) => observer.note(&format!("{ANSWERS_FILE} is not used: {reason}")),
        Kept::Foreign(reason) => observer.note(&format!(
            "{ANSWERS_FILE} is not used and stays as it is: {reason}; a resumed run will ask again"
        )),
    }
    observer.note(match options.teachers.len() {
        1 => "asking the teacher network of all pictures",
        _ => "asking the teacher networks of all pictures",
    });
    let (answers, complete) = ask(train, options, teaching, observer)?;
    // Somebody else's file of that name is not replaced.
    if complete && !matches!(found, Kept::Foreign(_)) {
        write(&path, &asked, &answers)?;
    }
    Ok(answers)
}

/// The answers so far, and whether they are all.
fn ask(
    train: &Split,
    options: &RunOptions,
    teaching: Teaching,
    observer: &mut dyn Observer,
) -> Result<(Vec<Answer>, bool), TrainError> {
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
                return Ok((answers, false));
            }
            done += logits.len();
            for (answer, logits) in answers.iter_mut().zip(&logits) {
                for (mean, probability) in answer.iter_mut().zip(softmax(logits, temperature)) {
                    *mean += share * probability;
                }
            }
        }
    }
    Ok((answers, true))
}

/// Who was asked of what: the teachers (whose files may have other names later), their temperature, the pictures in their order.
fn asked_of(train: &Split, options: &RunOptions, teaching: Teaching) -> String {
    let teachers: Vec<&str> = options.teachers.iter().map(|t| &t.sha256[..]).collect();
    let pixels: String = Sha256::digest(&train.pixels).iter().map(|b| format!("{b:02x}")).collect();
    format!("{}; temperature {}; pixels {pixels}", teachers.join("; "), teaching.temperature)
}

/// What the run's folder has of a file of answers.
enum Kept {
    /// These very answers.
    Answers(Vec<Answer>),
    /// No file, or one of other questions.
    Nothing,
    /// A file of answers with something wrong in it.
    Broken(String),
    /// Something that no run wrote.
    Foreign(String),
}

fn read(path: &Path, asked: &str, pictures: usize) -> Kept {
    // A link that leads nowhere is somebody's too.
    if path.symlink_metadata().is_err() {
        return Kept::Nothing;
    }
    let bytes = match read_file(path) {
        Ok(bytes) => bytes,
        Err(e) => return Kept::Foreign(e.to_string()),
    };
    // The header begins with the metadata, so that a file that was cut is known too.
    let start = &bytes[..bytes.len().min(4096)];
    if !start.windows(ASKED_KEY.len()).any(|w| w == ASKED_KEY.as_bytes()) {
        return Kept::Foreign("it holds no teachers' answers".into());
    }
    parse(&bytes, asked, pictures).unwrap_or_else(Kept::Broken)
}

fn parse(bytes: &[u8], asked: &str, pictures: usize) -> Result<Kept, String> {
    check_header(bytes)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    if header.metadata().as_ref().and_then(|m| m.get(ASKED_KEY)).is_none_or(|found| found != asked) {
        return Ok(Kept::Nothing);
    }
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let view = file.tensor(TENSOR).map_err(|e| e.to_string())?;
    let expected = [pictures, Expression::COUNT];
    if view.dtype() != Dtype::F32 || view.shape() != expected {
        return Err(format!(
            "tensor {TENSOR}: expected F32 of shape {expected:?}, found {:?} of {:?}",
            view.dtype(),
            view.shape()
        ));
    }
    let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    match values.iter().find(|v| !(0.0..=1.0 + 1e-5).contains(*v)) {
        Some(value) => Err(format!("tensor {TENSOR}: expected probabilities, found {value}")),
        None => Ok(Kept::Answers(values.as_chunks().0.to_vec())),
    }
}

fn write(path: &Path, asked: &str, answers: &[Answer]) -> Result<(), TrainError> {
    let unwritable = |reason: String| TrainError::Unwritable { path: path.to_owned(), reason };
    let bytes: Vec<u8> = answers.as_flattened().iter().flat_map(|v| v.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![answers.len(), Expression::COUNT], &bytes)
        .map_err(|e| unwritable(e.to_string()))?;
    let metadata = HashMap::from([(ASKED_KEY.to_owned(), asked.to_owned())]);
    let bytes =
        safetensors::serialize([(TENSOR, view)], Some(metadata)).map_err(|e| unwritable(e.to_string()))?;
    new_file::write(path, &bytes).map_err(|e| unwritable(e.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::data::tests::patterns;
    use crate::history::EpochRow;
    use crate::progress::StepReport;
    use crate::run::tests::options;
    use crate::teachers::tests::teacher;
    use moue_model::LoadedWeights;

    /// Hears what is said and asked.
    #[derive(Default)]
    struct Ears {
        notes: Vec<String>,
        readings: usize,
    }

    impl Observer for Ears {
        fn note(&mut self, text: &str) {
            self.notes.push(text.to_owned());
        }
        fn asking(&mut self, done: usize, _: usize) {
            self.readings = done;
        }
        fn step(&mut self, _: &StepReport) {}
        fn epoch(&mut self, _: &EpochRow, _: bool) {}
    }

    const STORED: Teaching = Teaching { share: 0.5, temperature: 1.0, stored: true };

    #[test]
    fn several_stored_teachers_are_learned_from_as_their_mean() {
        let train = patterns(2, 1);
        let answers = |teachers: &[LoadedWeights]| {
            let dir = tempfile::tempdir().unwrap();
            let options = RunOptions { teachers: teachers.to_vec(), ..options(dir.path()) };
            stored_answers(&train, &options, STORED, &mut Ears::default())
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

    #[test]
    fn the_same_question_is_asked_once_another_one_anew() {
        let dir = tempfile::tempdir().unwrap();
        let options = |seed| RunOptions { teachers: vec![teacher(seed, 32)], ..options(dir.path()) };
        let ask = |train: &Split, options: &RunOptions, teaching| {
            let mut ears = Ears::default();
            let answers = stored_answers(train, options, teaching, &mut ears).unwrap();
            (answers, ears.readings)
        };
        let train = patterns(2, 1);
        let (first, readings) = ask(&train, &options(1), STORED);
        assert_eq!(readings, 2 * train.len());
        assert_eq!(ask(&train, &options(1), STORED), (first, 0));
        let warm = Teaching { temperature: 2.0, ..STORED };
        let mut turned = train.clone();
        turned.pixels.reverse();
        for (train, options, teaching) in
            [(&train, options(1), warm), (&turned, options(1), STORED), (&train, options(1), STORED)]
        {
            assert_eq!(ask(train, &options, teaching).1, readings);
        }
        let mut renamed = options(1);
        renamed.teachers[0].name = "renamed".into();
        assert_eq!(ask(&train, &renamed, STORED).1, 0);
        let mut other = options(1);
        other.teachers[0].sha256 = "1".into();
        assert_eq!(ask(&train, &other, STORED).1, readings);
        // Stopped in between, nothing is kept.
        let many = patterns(20, 1);
        let stopped = options(1);
        stopped.stop.store(true, Ordering::Relaxed);
        assert!(ask(&many, &stopped, STORED).1 < many.len());
        assert_eq!(ask(&many, &options(1), STORED).1, 2 * many.len());
    }

    #[test]
    fn a_file_that_lies_is_told_and_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let options = RunOptions { teachers: vec![teacher(1, 32)], ..options(dir.path()) };
        let train = patterns(2, 1);
        let path = dir.path().join(ANSWERS_FILE);
        let first = stored_answers(&train, &options, STORED, &mut Ears::default()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let asked = asked_of(&train, &options, STORED);
        let mut no_probability = first.clone();
        no_probability[1][2] = f32::NAN;
        let lies: [(&str, &dyn Fn()); 3] = [
            ("", &|| std::fs::write(&path, &whole[..whole.len() - 9]).unwrap()),
            ("shape [14, 7]", &|| write(&path, &asked, &first[1..]).unwrap()),
            ("found NaN", &|| write(&path, &asked, &no_probability).unwrap()),
        ];
        for (reason, lie) in lies {
            lie();
            let mut ears = Ears::default();
            assert_eq!(stored_answers(&train, &options, STORED, &mut ears).unwrap(), first);
            let told = ears.notes.iter().any(|n| n.contains("is not used") && n.contains(reason));
            assert!(told && ears.readings == 2 * train.len(), "{reason}: {:?}", ears.notes);
            assert!(std::fs::read(&path).unwrap() == whole, "not replaced");
        }
    }

    #[test]
    fn a_file_that_no_run_wrote_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let options = RunOptions { teachers: vec![teacher(1, 32)], ..options(dir.path()) };
        let path = dir.path().join(ANSWERS_FILE);
        let weights = dir.path().join("weights.safetensors");
        moue_model::write_safetensors(&teacher(1, 32).weights, &weights, moue_model::StoredAs::F16).unwrap();
        let train = patterns(2, 1);
        for bytes in [std::fs::read(&weights).unwrap(), b"my notes".to_vec(), Vec::new()] {
            std::fs::write(&path, &bytes).unwrap();
            let mut ears = Ears::default();
            stored_answers(&train, &options, STORED, &mut ears).unwrap();
            assert!(ears.notes.iter().any(|n| n.contains("stays as it is")), "{:?}", ears.notes);
            assert_eq!(ears.readings, 2 * train.len());
            assert!(std::fs::read(&path).unwrap() == bytes, "replaced");
        }
    }
}
