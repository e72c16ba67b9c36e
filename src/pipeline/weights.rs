//! Weights are read on threads of their own; the last ones that were chosen win, whichever thread is done first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use moue_model::{DeviceChoice, LoadedWeights, ModelError, ReadOptions};

use super::results::ModelInfo;
use super::shared::{Message, NewModel, Shared, fault};

/// Weights that the user chose, and what he says of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WeightsChoice {
    /// The file; `None` takes the built-in network.
    pub path: Option<PathBuf>,
    /// What counts more than what the file says.
    pub read_as: ReadOptions,
}

impl From<PathBuf> for WeightsChoice {
    fn from(path: PathBuf) -> Self {
        Self { path: Some(path), read_as: ReadOptions::default() }
    }
}

impl WeightsChoice {
    /// Reads the file, or the built-in network.
    ///
    /// # Errors
    /// As [`LoadedWeights::read_as`].
    pub fn read(&self) -> Result<LoadedWeights, ModelError> {
        match &self.path {
            Some(path) => LoadedWeights::read_as(path, &self.read_as),
            None => LoadedWeights::built_in_as(&self.read_as),
        }
    }
}

/// Counts the user's choices, from 1.
#[derive(Debug, Default)]
pub(super) struct WeightsOrder {
    /// The last choice.
    chosen: u64,
    /// The choice whose network was handed on last; 0 before the first.
    in_use: u64,
    /// Whether a network was handed on, the built-in one in place of a bad file counted.
    any: bool,
}

/// A choice of weights, by its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn(u64);

/// A new choice.
pub(super) fn next_turn(shared: &Shared) -> Turn {
    let mut order = shared.weights.lock();
    order.chosen += 1;
    Turn(order.chosen)
}

/// Reads the chosen weights and hands their network on, unless newer ones are in use by then.
pub(super) fn load_in_turn(
    shared: &Shared,
    turn: Turn,
    choice: &WeightsChoice,
    device: DeviceChoice,
    threads: usize,
) {
    match guarded_load(shared, choice, device, threads) {
        Ok(new) => hand_on(shared, turn, new),
        Err(e) => {
            let (newest, kept) = {
                let order = shared.weights.lock();
                (order.chosen == turn.0, order.any)
            };
            let kept = match (newest, kept) {
                (false, _) => "the weights that were chosen after them are used",
                (true, true) => "the network in use is kept",
                (true, false) => "the built-in network is used",
            };
            shared.refused.lock().extend(choice.path.clone());
            shared.say(Message::Error(format!("{e}\n({kept})")));
            // Whoever chose something else meanwhile is not given the built-in network.
            if !newest || choice.path.is_none() || shared.weights.lock().any {
                return;
            }
            match guarded_load(shared, &WeightsChoice::default(), device, threads) {
                Ok(new) => stand_in(shared, new),
                Err(e) => shared.say(Message::Error(e)),
            }
        }
    }
}

/// Gives the network to the analysis. The lock is held until it is in the mailbox, so that no older one comes after it.
fn hand_on(shared: &Shared, turn: Turn, new: NewModel) {
    let (note, info) = (new.classifier.device_note().map(str::to_owned), new.info.clone());
    let first = {
        let mut order = shared.weights.lock();
        if turn.0 < order.in_use {
            tracing::info!("{}: newer weights were chosen", info.name);
            return;
        }
        let first = !order.any;
        *order = WeightsOrder { in_use: turn.0, any: true, ..*order };
        drop(shared.new_model.put(new));
        first
    };
    if let Some(note) = note {
        shared.say(Message::Info(note));
    }
    // The first network needs no announcement, but what is assumed of it is said.
    if !first {
        shared.say(Message::Info(format!("{} is in use now", info.name)));
    }
    for note in info.notes() {
        tracing::warn!("{}: {note}", info.name);
        shared.say(Message::Info(format!("{}: {note}", info.name)));
    }
    (shared.hooks.on_change)();
}

/// The built-in network, where nothing else runs: any choice that can be read takes its place.
fn stand_in(shared: &Shared, new: NewModel) {
    let mut order = shared.weights.lock();
    if !order.any {
        order.any = true;
        drop(shared.new_model.put(new));
    }
}

/// After its network was given up: the next one is the first again.
pub(super) fn nothing_runs(shared: &Shared) {
    shared.weights.lock().any = false;
}

fn load(
    shared: &Shared,
    choice: &WeightsChoice,
    device: DeviceChoice,
    threads: usize,
) -> Result<NewModel, ModelError> {
    let loaded = (shared.origins.read)(choice)?;
    let mut classifier = loaded.classifier(device, threads)?;
    if threads == 0 {
        classifier.spare_threads();
    }
    let info = std::sync::Arc::new(ModelInfo::new(&loaded, &classifier));
    Ok(NewModel { classifier, info })
}

/// A file that makes the reader panic is a bad file like any other.
fn guarded_load(
    shared: &Shared,
    choice: &WeightsChoice,
    device: DeviceChoice,
    threads: usize,
) -> Result<NewModel, String> {
    let name = |path: &Path| path.display().to_string();
    let name = choice.path.as_deref().map_or_else(|| "the built-in network".into(), name);
    match catch_unwind(AssertUnwindSafe(|| load(shared, choice, device, threads))) {
        Ok(Ok(new)) => Ok(new),
        Ok(Err(e)) => Err(e.to_string()),
        Err(panic) => Err(format!("{name}: {}", fault("weights-loader", &*panic))),
    }
}
