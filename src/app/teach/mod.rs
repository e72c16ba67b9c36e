//! Teaches a profile in the window: which expressions, the sitting before the camera, and what came of it.

mod form;
mod pictogram;
mod review_sheet;
mod sitting;

use std::time::Instant;

use crossbeam_channel::{Receiver, bounded};
use eframe::egui::{Context, Rect};
use moue_capture::SourceKind;
use moue_profile::{Learned, ProfileError, TeachOptions, learn};

use self::form::TeachForm;
use super::command::Command;
use super::language::tr;
use crate::fault;
use crate::pipeline::{AnalyzedFace, ModelInfo, network_class};
use crate::teach::{TeachSession, TeachStep};

/// Teaching, as far as it is.
#[derive(Default)]
pub(in crate::app) struct Teach {
    stage: Stage,
}

#[derive(Default)]
enum Stage {
    #[default]
    Off,
    Form(TeachForm),
    Sitting(Box<Sitting>),
    Learning(Vec<String>, Receiver<Result<Learned, String>>),
    Review(Box<Taught>),
}

struct Sitting {
    session: TeachSession,
    began: Instant,
    /// The network that it is taught with.
    model: (String, String),
}

struct Taught {
    names: Vec<String>,
    learned: Learned,
    /// What is typed as the profile's name.
    name: String,
    fresh: bool,
}

impl Teach {
    /// Whether it takes the keyboard.
    pub(in crate::app) fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Off)
    }

    /// Whether faces are taken at the moment.
    pub(in crate::app) fn is_sitting(&self) -> bool {
        matches!(self.stage, Stage::Sitting(_))
    }

    /// Asks for the expressions.
    pub(in crate::app) fn open(&mut self) {
        if !self.is_open() {
            self.stage = Stage::Form(TeachForm::default());
        }
    }

    /// Ends it without keeping anything; whether there was anything to end.
    pub(in crate::app) fn stop(&mut self) -> bool {
        let was_open = self.is_open();
        self.stage = Stage::Off;
        was_open
    }

    /// Begins the sitting.
    pub(in crate::app) fn start(&mut self, names: Vec<String>, model: &ModelInfo) {
        let began = Instant::now();
        // The order need not be secret, only different from sitting to sitting.
        let seed = std::time::UNIX_EPOCH.elapsed().map_or(1, |t| t.as_secs());
        let session = TeachSession::new(names, seed, 0.0);
        let model = (model.name.clone(), model.identity());
        self.stage = Stage::Sitting(Box::new(Sitting { session, began, model }));
    }

    /// Goes to the next take, or makes one again.
    pub(in crate::app) fn step(&mut self, again: bool) {
        if let Stage::Sitting(sitting) = &mut self.stage {
            if again { sitting.session.redo() } else { sitting.session.skip() }
        }
    }

    /// Called in each pass. `seen`: the newest result's number and faces. What to tell.
    pub(in crate::app) fn follow(
        &mut self,
        ctx: &Context,
        seen: Option<(u64, &[AnalyzedFace])>,
        chosen: Option<u64>,
        network: Option<&ModelInfo>,
    ) -> Option<String> {
        match &mut self.stage {
            Stage::Sitting(sitting) => {
                if network.is_none_or(|model| model.identity() != sitting.model.1) {
                    self.stage = Stage::Off;
                    return Some(tr!("teach-other-network").into());
                }
                sitting.session.follow(sitting.began.elapsed().as_secs_f64(), seen, chosen);
                // The countdown runs without frames too.
                ctx.request_repaint_after_secs(0.1);
                if sitting.session.status().step == TeachStep::Finished { self.learn(ctx) } else { None }
            }
            Stage::Learning(names, answer) => {
                let learned = match answer.try_recv() {
                    Ok(learned) => learned,
                    Err(crossbeam_channel::TryRecvError::Empty) => {
                        ctx.request_repaint_after_secs(0.1);
                        return None;
                    }
                    Err(crossbeam_channel::TryRecvError::Disconnected) => Err(tr!("teach-no-answer").into()),
                };
                match learned {
                    Ok(learned) => {
                        let (names, name) = (std::mem::take(names), tr!("teach-me").to_owned());
                        self.stage = Stage::Review(Box::new(Taught { names, learned, name, fresh: true }));
                        None
                    }
                    Err(text) => {
                        self.stage = Stage::Off;
                        Some(text)
                    }
                }
            }
            _ => None,
        }
    }

    /// Learns from the takes so far, on a thread. What to tell where that cannot be.
    pub(in crate::app) fn learn(&mut self, ctx: &Context) -> Option<String> {
        let Stage::Sitting(sitting) = &self.stage else { return None };
        let (names, examples) = sitting.session.examples();
        let options = TeachOptions {
            network_name: sitting.model.0.clone(),
            network_sha256: sitting.model.1.clone(),
            network_classes: names.iter().map(|name| network_class(name)).collect(),
        };
        let (sender, answer) = bounded(1);
        let (wake, for_thread) = (ctx.clone(), names.clone());
        let body = move || {
            let work = std::panic::AssertUnwindSafe(|| learn(&for_thread, &examples, &options));
            let learned = match std::panic::catch_unwind(work) {
                Ok(learned) => learned.map_err(|e: ProfileError| e.to_string()),
                Err(panic) => Err(fault::describe("teach-learn", &*panic)),
            };
            // Fails only when the window was closed in the meantime.
            let _ = sender.send(learned);
            wake.request_repaint();
        };
        match std::thread::Builder::new().name("teach-learn".into()).spawn(body) {
            Ok(_) => {
                self.stage = Stage::Learning(names, answer);
                None
            }
            Err(e) => {
                self.stage = Stage::Off;
                Some(tr!("no-thread-learning", error = e.to_string()))
            }
        }
    }

    /// What was learned, to be kept; it is over then.
    pub(in crate::app) fn take_learned(&mut self) -> Option<Learned> {
        match std::mem::take(&mut self.stage) {
            Stage::Review(taught) => Some(taught.learned),
            other => {
                self.stage = other;
                None
            }
        }
    }

    /// Draws what is open. `space`: the picture's; `kind`: of the source in use.
    pub(in crate::app) fn show(
        &mut self,
        ctx: &Context,
        space: Rect,
        kind: Option<SourceKind>,
    ) -> Option<Command> {
        let command = match &mut self.stage {
            Stage::Off => None,
            Stage::Form(form) => form.show(ctx, warning(kind)),
            Stage::Sitting(sitting) => sitting::show(ctx, space, &sitting.session.status()),
            Stage::Learning(..) => sitting::learning(ctx, space),
            Stage::Review(taught) => review_sheet::show(ctx, taught),
        };
        command.map(Command::Teach)
    }
}

/// What speaks against teaching with a source.
fn warning(kind: Option<SourceKind>) -> Option<&'static str> {
    match kind {
        Some(SourceKind::Demo) => Some(tr!("teach-demo")),
        Some(SourceKind::Still) => Some(tr!("teach-still")),
        Some(SourceKind::Camera | SourceKind::Video) => None,
        None => Some(tr!("teach-no-source")),
    }
}
