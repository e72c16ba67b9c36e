//! What a command may write: never one of its inputs, and nothing that is there already unless it is asked to.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use moue_capture::{Support, kind_by_name};
use moue_files::FileId;

/// Flags of commands that write files.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct OverwriteArgs {
    /// Replace files that are there already; without it they are never touched, and an input is not touched with it
    #[arg(long)]
    pub(super) overwrite: bool,
}

impl OverwriteArgs {
    /// Refuses to go on where one of `outputs` is one of `inputs` under whatever name, lies among the pictures of an input
    /// folder, or is there already. To be asked before any work.
    pub(super) fn check<'a>(
        self,
        outputs: &[PathBuf],
        inputs: impl IntoIterator<Item = &'a Path>,
    ) -> anyhow::Result<()> {
        // A name that leads nowhere, a link for example, is taken too; devices and pipes are written to, not replaced.
        let taken = |path: &&PathBuf| path.symlink_metadata().is_ok() && !is_device_or_folder(path);
        let taken: Vec<&PathBuf> = outputs.iter().filter(taken).collect();
        if taken.is_empty() {
            return Ok(());
        }
        let ids: HashMap<FileId, &PathBuf> =
            taken.iter().filter_map(|path| Some((FileId::of(path).ok()?, *path))).collect();
        for input in inputs {
            let hit = match FileId::of(input) {
                Ok(id) => ids.get(&id).copied(),
                // Where it is not there, reading it will say so.
                Err(_) => None,
            };
            let hit = hit.or_else(|| taken.iter().copied().find(|path| is_picture_of(path, input)));
            if let Some(output) = hit {
                bail!(
                    "{}: it is read by this command ({}) and would be written over; name another place for what is written",
                    output.display(),
                    input.display()
                );
            }
        }
        if self.overwrite {
            return Ok(());
        }
        let (first, more) = (taken[0].display(), taken.len() - 1);
        let more = if more > 0 { format!(", and so are {more} more") } else { String::new() };
        bail!(
            "{first}: it is there already{more}; name another place, or replace what is there with --overwrite"
        )
    }
}

fn is_device_or_folder(path: &Path) -> bool {
    path.metadata().is_ok_and(|m| !m.is_file())
}

/// Whether `path` is a picture in the folder `input` or below it.
fn is_picture_of(path: &Path, input: &Path) -> bool {
    let is_picture = kind_by_name(path).is_some_and(|kind| kind.support == Support::Picture);
    let inside = || Some(path.canonicalize().ok()?.starts_with(input.canonicalize().ok()?));
    is_picture && input.is_dir() && inside().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_never_written_over_and_other_files_only_where_asked() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("faces")).unwrap();
        for name in ["in.png", "other.png", "faces/a.png", "faces/list.csv"] {
            std::fs::write(at(name), name).unwrap();
        }
        std::fs::hard_link(at("in.png"), at("hard.png")).unwrap();
        let check = |output: &str, overwrite: bool| {
            let inputs = [at("none.png"), at("in.png"), at("faces")];
            let outputs = [at("free.png"), at(output)];
            let args = OverwriteArgs { overwrite };
            args.check(&outputs, inputs.iter().map(PathBuf::as_path)).map_err(|e| e.to_string())
        };
        for input in ["in.png", "faces/../in.png", "hard.png", "faces/a.png"] {
            for overwrite in [false, true] {
                assert!(check(input, overwrite).unwrap_err().contains("is read by this command"), "{input}");
            }
        }
        for other in ["other.png", "faces/list.csv"] {
            assert!(check(other, false).unwrap_err().contains("--overwrite"), "{other}");
            check(other, true).unwrap();
        }
        check("new.png", false).unwrap();
        check("faces", false).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("in.png", at("soft.png")).unwrap();
            std::os::unix::fs::symlink("nowhere", at("dangling.png")).unwrap();
            assert!(check("soft.png", true).unwrap_err().contains("is read by this command"));
            assert!(check("dangling.png", false).unwrap_err().contains("--overwrite"));
            OverwriteArgs { overwrite: false }
                .check(&["/dev/null".into()], [Path::new("/dev/null")])
                .unwrap();
        }
    }
}
