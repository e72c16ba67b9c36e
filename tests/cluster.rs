//! The engines of `examples/cluster`, each where it is installed: their parts make the same file as one run.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "common/python.rs"]
mod python;

use python::python_with;
use std::path::{Path, PathBuf};
use std::process::Command;

const PARTS: u32 = 3;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cluster").join(name)
}

/// A job's folder with clips in `clips`, and the bytes of one run over them.
fn job() -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let clips = folder.path().join("clips");
    std::fs::create_dir(&clips).unwrap();
    let portrait =
        image::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/astronaut.jpg")).unwrap();
    let portrait = portrait.thumbnail(150, 150);
    for i in 0..6 {
        portrait.crop_imm(i, 0, 140, 140).save(clips.join(format!("{i}.png"))).unwrap();
    }
    let one = Command::new(env!("CARGO_BIN_EXE_moue"))
        .current_dir(folder.path())
        .args(["analyze", "clips", "--out", "one.csv"])
        .output()
        .unwrap();
    assert!(one.status.success());
    let bytes = std::fs::read(folder.path().join("one.csv")).unwrap();
    (folder, bytes)
}

/// Runs a program in the job's folder; it has to succeed.
fn run(folder: &Path, command: &mut Command) {
    let output = command.current_dir(folder).env("MOUE", env!("CARGO_BIN_EXE_moue")).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn merged(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("all.csv")).unwrap()
}

fn works(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|o| o.status.success())
}

#[test]
fn the_slurm_script_reads_one_part_a_task() {
    let (folder, one) = job();
    for task in 1..=PARTS {
        // What Slurm sets for each task of `sbatch --array=1-3`.
        let mut script = Command::new("sh");
        script
            .arg(example("slurm/job.sh"))
            .args(["clips", "results"])
            .env("SLURM_ARRAY_TASK_ID", task.to_string())
            .env("SLURM_ARRAY_TASK_COUNT", PARTS.to_string());
        run(folder.path(), &mut script);
    }
    let mut merge = Command::new(env!("CARGO_BIN_EXE_moue"));
    run(folder.path(), merge.args(["table", "--merge", "results", "--out", "all.csv"]));
    assert!(merged(folder.path()) == one);
}

#[test]
fn slurm_itself_runs_the_array() {
    if !works("sinfo", &["--noheader"]) {
        return eprintln!(
            "skipped: no Slurm runs here (Debian: apt install slurm-wlm, and a slurm.conf for one node)"
        );
    }
    let (folder, one) = job();
    let mut batch = Command::new("sbatch");
    batch.args(["--wait", &format!("--array=1-{PARTS}"), "--mem=0"]);
    run(folder.path(), batch.arg(example("slurm/job.sh")).args(["clips", "results"]));
    let mut merge = Command::new(env!("CARGO_BIN_EXE_moue"));
    run(folder.path(), merge.args(["table", "--merge", "results", "--out", "all.csv"]));
    assert!(merged(folder.path()) == one);
}

#[test]
fn gnu_parallel_runs_all_parts() {
    if !works("parallel", &["--version"]) {
        return eprintln!("skipped: GNU parallel is not installed (apt install parallel)");
    }
    let (folder, one) = job();
    let mut script = Command::new("sh");
    script.arg(example("parallel/run.sh")).args([&PARTS.to_string(), "clips", "results", "all.csv"]);
    run(folder.path(), &mut script);
    assert!(merged(folder.path()) == one);
}

#[test]
fn dask_runs_all_parts() {
    let Some(python) = python_with("dask.distributed", "Dask") else { return };
    let (folder, one) = job();
    let mut script = Command::new(python);
    script.arg(example("dask/run.py")).args([&PARTS.to_string(), "clips", "results", "all.csv"]);
    run(folder.path(), &mut script);
    assert!(merged(folder.path()) == one);
}
