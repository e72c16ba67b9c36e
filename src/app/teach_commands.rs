//! What the commands of teaching and of profiles do.

use std::path::PathBuf;

use eframe::egui::Context;

use super::command::TeachCommand;
use super::language::tr;
use super::persistence::Outcome;
use super::state::State;
use crate::pipeline::Message;
use crate::record::RecordError;

pub(super) fn apply_teach(state: &mut State, ctx: &Context, command: TeachCommand) {
    match command {
        TeachCommand::Open if state.snapshot.model.is_none() => {
            state.report(Message::Info(tr!("teach-no-network").into()));
        }
        TeachCommand::Open => state.teach.open(),
        TeachCommand::Start(names) => {
            if let Some(model) = state.snapshot.model.clone() {
                // It needs what the camera sees from now on.
                state.live.set_paused(false);
                state.teach.start(names, &model);
            }
        }
        TeachCommand::Skip => state.teach.step(false),
        TeachCommand::Redo => state.teach.step(true),
        TeachCommand::Finish => {
            if let Some(text) = state.teach.learn(ctx) {
                state.report(Message::Error(text));
            }
        }
        TeachCommand::Stop => {
            if state.teach.is_sitting() {
                state.report(Message::Info(tr!("teach-stopped").into()));
            }
            state.teach.stop();
        }
        TeachCommand::Keep(name) => keep(state, ctx, &name),
    }
}

/// Writes the profile, and turns it on.
fn keep(state: &mut State, ctx: &Context, name: &str) {
    let Some(folder) = state.profiles.clone() else {
        let text = tr!("teach-no-folder");
        return state.report(Message::Error(text.into()));
    };
    let Some(learned) = state.teach.take_learned() else { return };
    let name = file_name(name);
    state.jobs.start(ctx, "profile-write", move || {
        std::fs::create_dir_all(&folder)
            .map_err(|reason| RecordError::Folder { path: folder.clone(), reason })?;
        let path = free_name(&folder, &name);
        let write = learned.profile.write(&path);
        write.map_err(|e| RecordError::Read { path: path.clone(), reason: e.to_string() })?;
        Ok(Outcome::Profile(path))
    });
}

/// Uses a profile.
pub(super) fn open_profile(state: &mut State, path: PathBuf) {
    if let Err(e) = state.live.open_profile(path) {
        state.report(Message::Error(tr!("no-thread-profile", error = e.to_string())));
    }
}

/// A name without what file systems do not take.
fn file_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() || " -_".contains(c) { c } else { '_' })
        .take(60)
        .collect();
    let plain = plain.trim().to_owned();
    if plain.is_empty() { "me".to_owned() } else { plain }
}

/// "me.moueprofile", or "me 2.moueprofile" where there is one: a profile that was kept is not written over.
fn free_name(folder: &std::path::Path, name: &str) -> PathBuf {
    let path = |n: u32| {
        let number = if n == 1 { String::new() } else { format!(" {n}") };
        folder.join(format!("{name}{number}.moueprofile"))
    };
    (1..).map(path).find(|path| !path.exists()).unwrap_or_else(|| path(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_file_names_that_are_free() {
        assert_eq!(file_name(" ../me/at home "), "___me_at home");
        assert_eq!(file_name("  "), "me");
        assert_eq!(file_name("Zoë"), "Zoë");
        let folder = tempfile::tempdir().unwrap();
        for expected in ["me.moueprofile", "me 2.moueprofile", "me 3.moueprofile"] {
            let path = free_name(folder.path(), "me");
            assert_eq!(path.file_name().unwrap().to_str(), Some(expected));
            std::fs::write(path, "x").unwrap();
        }
    }
}
