//! One sitting: take after take, until every expression was shown twice or skipped.

use moue_detect::quality::Reason;
use moue_profile::{Example, FaceFeatures};

use super::order::{ROUNDS, mixed};
use crate::pipeline::{AnalyzedFace, face_features};

/// Time to read what is asked for and to make the face, in seconds.
const READY_S: f64 = 3.0;
/// A take lasts between these times, in seconds.
const TAKE_S: (f64, f64) = (5.0, 10.0);
/// Between two faces that are learned from, in seconds: neighbouring frames tell the same.
const BETWEEN_S: f64 = 0.2;
/// Faces after which a take is complete, and the least that it can be learned from.
const FACES: (usize, usize) = (20, 8);
/// A face below this quality is not learned from.
const GOOD: f32 = 0.5;
/// A face that moved by more than this share of its width since the last one is not held still.
const STILL: f32 = 0.25;

/// What the user is told while a take is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// The face is learned from.
    Good,
    /// There is none.
    NoFace,
    /// There are several, and none is chosen.
    SeveralFaces,
    /// It can hardly be read.
    Hard(Reason),
    /// It moves.
    Moving,
}

/// Where a sitting is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TeachStep {
    /// The next expression is told; the take begins in so many seconds.
    Ready {
        /// Seconds that are left.
        left_s: f64,
    },
    /// Faces are taken.
    Taking {
        /// Share of the faces that are wanted, 0..=1.
        share: f32,
        /// What is wrong at the moment.
        feedback: Feedback,
    },
    /// The take had too few good faces: it is made again, or skipped.
    TooFew {
        /// What was wrong with most faces.
        feedback: Feedback,
    },
    /// All takes are made.
    Finished,
}

/// What the user sees.
#[derive(Debug, Clone, PartialEq)]
pub struct TeachStatus<'a> {
    /// The expression that is asked for; empty when all are made.
    pub name: &'a str,
    /// Which take it is, from 1, and how many there are.
    pub take: (usize, usize),
    /// What happens.
    pub step: TeachStep,
}

#[derive(Debug, Clone)]
enum Phase {
    Ready { since_s: f64 },
    Taking { since_s: f64, faces: Vec<FaceFeatures>, seen: Vec<Feedback> },
    TooFew { feedback: Feedback },
    Finished,
}

/// A sitting before the camera.
#[derive(Debug, Clone)]
pub struct TeachSession {
    names: Vec<String>,
    /// The expression of each take.
    order: Vec<usize>,
    /// What was taken; empty where it was skipped.
    taken: Vec<Vec<FaceFeatures>>,
    place: usize,
    phase: Phase,
    now_s: f64,
    /// The last result that was looked at.
    number: u64,
    /// When the last face was looked at, its centre and width.
    last: Option<(f64, [f32; 2], f32)>,
}

impl TeachSession {
    /// Begins with the first take. `seed`: of the takes' order; `now_s`: on any clock, in seconds.
    #[must_use]
    pub fn new(names: Vec<String>, seed: u64, now_s: f64) -> Self {
        let order = mixed(names.len(), seed);
        Self {
            taken: vec![Vec::new(); order.len()],
            names,
            order,
            place: 0,
            phase: Phase::Ready { since_s: now_s },
            now_s,
            number: 0,
            last: None,
        }
    }

    /// Goes on: `seen` is the newest result's number and faces, `chosen` the face that the user chose.
    pub fn follow(&mut self, now_s: f64, seen: Option<(u64, &[AnalyzedFace])>, chosen: Option<u64>) {
        self.now_s = now_s;
        if let Phase::Ready { since_s } = self.phase
            && now_s - since_s >= READY_S
        {
            self.phase = Phase::Taking { since_s: now_s, faces: Vec::new(), seen: Vec::new() };
            self.last = None;
        }
        let Phase::Taking { since_s, .. } = self.phase else { return };
        let (number, faces) = seen.unwrap_or((0, &[]));
        let is_new = number == 0 || number != self.number;
        let is_due = self.last.is_none_or(|(at_s, ..)| now_s - at_s >= BETWEEN_S);
        if is_new && is_due {
            self.number = number;
            self.look(now_s, faces, chosen);
        }
        let Phase::Taking { faces, seen, .. } = &mut self.phase else { return };
        let passed_s = now_s - since_s;
        if (passed_s >= TAKE_S.0 && faces.len() >= FACES.0) || passed_s >= TAKE_S.1 {
            if faces.len() >= FACES.1 {
                self.taken[self.place] = std::mem::take(faces);
                self.next();
            } else {
                self.phase = Phase::TooFew { feedback: most_frequent(seen) };
            }
        }
    }

    fn look(&mut self, now_s: f64, faces: &[AnalyzedFace], chosen: Option<u64>) {
        let of_chosen = faces.iter().find(|face| Some(face.id) == chosen);
        let face = match (of_chosen, faces) {
            (Some(face), _) => Ok(face),
            (None, [only]) => Ok(only),
            (None, []) => Err(Feedback::NoFace),
            (None, _) => Err(Feedback::SeveralFaces),
        };
        let feedback = match face {
            Ok(face) => {
                let last = self.last.filter(|(_, _, width)| *width > 0.0);
                let b = face.detection.face;
                let centre = [b.x + b.width / 2.0, b.y + b.height / 2.0];
                self.last = Some((now_s, centre, b.width));
                judge(face, last.map(|(_, before, width)| distance(before, centre) / width))
            }
            Err(feedback) => {
                self.last = Some((now_s, [0.0; 2], 0.0));
                feedback
            }
        };
        let Phase::Taking { faces: taken, seen, .. } = &mut self.phase else { return };
        seen.push(feedback);
        if let (Feedback::Good, Ok(face)) = (feedback, face) {
            taken.push(face_features(face, &face.reading));
        }
    }

    fn next(&mut self) {
        self.place += 1;
        self.phase = if self.place < self.order.len() {
            Phase::Ready { since_s: self.now_s }
        } else {
            Phase::Finished
        };
    }

    /// Leaves this take out.
    pub fn skip(&mut self) {
        if self.place < self.order.len() {
            self.taken[self.place].clear();
            self.next();
        }
    }

    /// Makes this take again; where it has not begun, the one before.
    pub fn redo(&mut self) {
        let begun = matches!(self.phase, Phase::Taking { .. } | Phase::TooFew { .. });
        if !begun {
            self.place = self.place.saturating_sub(1);
        }
        self.phase = Phase::Ready { since_s: self.now_s };
    }

    /// Where it is.
    #[must_use]
    pub fn status(&self) -> TeachStatus<'_> {
        let name = self.order.get(self.place).map_or("", |class| self.names[*class].as_str());
        let step = match &self.phase {
            Phase::Ready { since_s } => {
                TeachStep::Ready { left_s: (READY_S - (self.now_s - since_s)).max(0.0) }
            }
            Phase::Taking { faces, seen, .. } => TeachStep::Taking {
                share: (faces.len() as f32 / FACES.0 as f32).min(1.0),
                feedback: seen.last().copied().unwrap_or(Feedback::Good),
            },
            Phase::TooFew { feedback } => TeachStep::TooFew { feedback: *feedback },
            Phase::Finished => TeachStep::Finished,
        };
        TeachStatus { name, take: ((self.place + 1).min(self.order.len()), self.order.len()), step }
    }

    /// What there is to learn from: the expressions that were shown, and their faces.
    #[must_use]
    pub fn examples(&self) -> (Vec<String>, Vec<Example>) {
        let shown =
            |class: usize| (0..self.order.len()).any(|i| self.order[i] == class && !self.taken[i].is_empty());
        let kept: Vec<usize> = (0..self.names.len()).filter(|class| shown(*class)).collect();
        let mut examples = Vec::new();
        for (place, faces) in self.taken.iter().enumerate() {
            let Some(class) = kept.iter().position(|class| *class == self.order[place]) else { continue };
            let take = place * ROUNDS / self.order.len().max(1);
            examples.extend(faces.iter().map(|features| Example { class, take, features: features.clone() }));
        }
        (kept.into_iter().map(|class| self.names[class].clone()).collect(), examples)
    }
}

/// `moved`: since the last look, in widths of the face.
fn judge(face: &AnalyzedFace, moved: Option<f32>) -> Feedback {
    if face.quality.value() < GOOD {
        return face.quality.first_reason().map_or(Feedback::NoFace, Feedback::Hard);
    }
    if moved.is_some_and(|moved| moved > STILL) { Feedback::Moving } else { Feedback::Good }
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// What was wrong most often.
fn most_frequent(seen: &[Feedback]) -> Feedback {
    let wrong = || seen.iter().filter(|feedback| **feedback != Feedback::Good);
    let count = |feedback: &Feedback| wrong().filter(|other| *other == feedback).count();
    wrong().max_by_key(|feedback| count(feedback)).copied().unwrap_or(Feedback::NoFace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_detect::quality::{CropLook, Signs};
    use moue_detect::{CropRegion, Detection, FaceBox, Quality};
    use moue_model::{Expression, HeatMap, Reading};

    /// A face whose pooled features tell its expression.
    fn face(id: u64, x: f32, class: usize, quality: Quality) -> AnalyzedFace {
        let face = FaceBox { x, y: 0.0, width: 90.0, height: 90.0 };
        let map = HeatMap { width: 1, height: 1, values: vec![0.5] };
        let reading = Reading {
            logits: [0.0; Expression::COUNT],
            probabilities: [1.0 / 7.0; Expression::COUNT],
            attention: map.clone(),
            evidence: std::array::from_fn(|_| map.clone()),
            attended: Vec::new(),
            pooled: vec![class as f32, 1.0],
        };
        AnalyzedFace {
            id,
            detection: Detection { face, score: 5.0 },
            region: CropRegion::around(&face),
            mesh: None,
            measurements: None,
            quality,
            reading,
        }
    }

    fn dark() -> Quality {
        let look = CropLook {
            light: 0.0,
            ..CropLook::of(&moue_detect::FaceCrop::of(
                &image::RgbImage::from_pixel(64, 64, image::Rgb([90; 3])),
                &CropRegion { x: 0.0, y: 0.0, side: 64.0, angle: 0.0 },
            ))
        };
        Quality::of(&Signs::new(
            (640, 480),
            &CropRegion { x: 0.0, y: 0.0, side: 200.0, angle: 0.0 },
            None,
            look,
        ))
    }

    fn names() -> Vec<String> {
        ["neutral", "happy", "tongue out"].map(str::to_owned).to_vec()
    }

    /// Shows the face that is asked for until the sitting is over; `faces` makes what is seen at a moment.
    fn sit(session: &mut TeachSession, mut faces: impl FnMut(&str, f64) -> Vec<AnalyzedFace>) -> f64 {
        let (mut now_s, mut number) = (session.now_s, 0);
        while !matches!(session.status().step, TeachStep::Finished | TeachStep::TooFew { .. }) {
            now_s += 0.05;
            number += 1;
            let name = session.status().name.to_owned();
            let seen = faces(&name, now_s);
            session.follow(now_s, Some((number, &seen)), None);
            assert!(now_s < 500.0);
        }
        now_s
    }

    fn class_of(name: &str) -> usize {
        names().iter().position(|n| n == name).unwrap_or(9)
    }

    #[test]
    fn every_expression_is_taken_twice_and_only_while_it_is_asked_for() {
        let mut session = TeachSession::new(names(), 3, 100.0);
        assert_eq!(session.status().take, (1, 6));
        assert_eq!(session.status().step, TeachStep::Ready { left_s: 3.0 });
        let end_s = sit(&mut session, |name, _| vec![face(1, 0.0, class_of(name), Quality::BEST)]);
        // Six takes of five seconds with three before each.
        assert!((146.0..152.0).contains(&end_s), "{end_s}");
        let (kept, examples) = session.examples();
        assert_eq!(kept, names());
        for class in 0..3 {
            for take in 0..2 {
                let of: Vec<_> = examples.iter().filter(|e| (e.class, e.take) == (class, take)).collect();
                assert!(of.len() >= 20, "{class} {take}: {}", of.len());
                assert!(of.iter().all(|e| e.features.pooled[0] == class as f32));
            }
        }
    }

    #[test]
    fn a_bad_take_is_made_again_and_what_was_wrong_is_said() {
        let wrongs: [(Vec<AnalyzedFace>, Feedback); 3] = [
            (vec![], Feedback::NoFace),
            (vec![face(1, 0.0, 0, Quality::BEST), face(2, 200.0, 0, Quality::BEST)], Feedback::SeveralFaces),
            (vec![face(1, 0.0, 0, dark())], Feedback::Hard(Reason::Dark)),
        ];
        for (wrong, expected) in wrongs {
            let mut session = TeachSession::new(names(), 1, 0.0);
            sit(&mut session, |_, _| wrong.clone());
            assert_eq!(session.status().step, TeachStep::TooFew { feedback: expected });
            assert_eq!(session.status().take.0, 1);
            session.redo();
            assert!(matches!(session.status().step, TeachStep::Ready { .. }));
            sit(&mut session, |name, _| vec![face(1, 0.0, class_of(name), Quality::BEST)]);
            assert_eq!(session.examples().0, names());
        }
        let mut session = TeachSession::new(names(), 1, 0.0);
        sit(&mut session, |_, now_s| vec![face(1, (now_s * 400.0) as f32, 0, Quality::BEST)]);
        assert_eq!(session.status().step, TeachStep::TooFew { feedback: Feedback::Moving });
    }

    #[test]
    fn takes_are_skipped_and_made_again_and_the_chosen_one_of_two_is_taken() {
        let mut session = TeachSession::new(names(), 5, 0.0);
        let skipped = session.status().name.to_owned();
        session.skip();
        assert_eq!(session.status().take, (2, 6));
        // Before it has begun, the one before is meant.
        session.redo();
        assert_eq!((session.status().take.0, session.status().name), (1, skipped.as_str()));
        session.skip();
        while session.status().step != TeachStep::Finished {
            if session.status().name == skipped {
                session.skip();
                continue;
            }
            let (mut now_s, place) = (session.now_s, session.status().take.0);
            let mut number = (now_s * 100.0) as u64;
            while session.status().take.0 == place && session.status().step != TeachStep::Finished {
                now_s += 0.05;
                number += 1;
                let seen = [face(1, 0.0, 0, Quality::BEST), face(2, 200.0, 1, Quality::BEST)];
                session.follow(now_s, Some((number, &seen)), Some(2));
            }
        }
        let (kept, examples) = session.examples();
        assert_eq!(kept.len(), 2);
        assert!(!kept.contains(&skipped));
        assert!(examples.iter().all(|e| e.features.pooled[0] == 1.0 && e.class < 2));
    }
}
