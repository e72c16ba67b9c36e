//! `moue analyze --shard K/N`: one part of a large job, for engines that run many.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, bail};
use moue_capture::SourceSpec;
use moue_files::{new_file, plain_file};
use serde::{Deserialize, Serialize};

use super::analyze::{AnalyzeArgs, recorded_analysis, run_on};
use super::inputs::Inputs;
use super::{DONE, SOME_FAILED, complain};
use crate::record::{RecordedAnalysis, RecordedFile, hash_file};

/// Largest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 256 << 20;
/// Most parts of a job.
const MOST: u32 = 100_000;

/// One part of a job: the `number`th of `of`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shard {
    number: u32,
    of: u32,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match parsed {
            Some((number, of)) if (1..=of).contains(&number) && of <= MOST => Ok(Self { number, of }),
            _ => Err(format!("expected K/N with K from 1 to N (at most {MOST}), as in 3/16")),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.of.to_string().len();
        write!(f, "shard-{:0digits$}-of-{}", self.number, self.of)
    }
}

impl Shard {
    /// Whether a file belongs to it: by its name alone, so that another machine's folders, and files that are added, change nothing.
    fn takes(self, spec: &SourceSpec) -> bool {
        let SourceSpec::Path(path) = spec else { return false };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        fnv(name.as_bytes()) % u64::from(self.of) == u64::from(self.number - 1)
    }
}

/// FNV-1a: the same everywhere and always, which the standard library does not promise of its own hash. Its last bits are mixed once
/// more, because names that end in numbers differ little in them.
fn fnv(bytes: &[u8]) -> u64 {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

/// What a shard was made of and what came out, beside its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The program's version.
    version: String,
    pub(super) shard: Shard,
    weights_sha256: String,
    analysis: RecordedAnalysis,
    smooth_ms: Option<u16>,
    /// The files that were read, by their paths as they were given.
    inputs: Vec<RecordedFile>,
    /// Whether all of them could be read whole.
    whole: bool,
    pub(super) result: RecordedFile,
}

impl Manifest {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = plain_file::read(path, MAX_MANIFEST)
            .with_context(|| format!("{}: cannot be read", path.display()))?;
        serde_json::from_slice(&bytes)
            .with_context(|| format!("{}: expected the manifest of a shard", path.display()))
    }

    /// Whether both come from the same job.
    fn same_job(&self, other: &Self) -> bool {
        self.version == other.version
            && self.shard.of == other.shard.of
            && self.weights_sha256 == other.weights_sha256
            && self.analysis == other.analysis
            && self.smooth_ms == other.smooth_ms
    }
}

/// Reads the files of the shard into `DIR/shard-K-of-N.csv`, which appears whole or not at all, with its manifest beside it. A shard that
/// is done already is left as it is.
pub(super) fn run(mut args: AnalyzeArgs, shard: Shard) -> anyhow::Result<u8> {
    let Some(folder) = args.out.clone() else {
        bail!("--shard: expected --out DIR, a folder for the results")
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    let mut inputs = Inputs::expand(&args.inputs, [&folder]);
    let all = inputs.files.len();
    inputs.files.retain(|spec| shard.takes(spec));
    let (result, manifest) = (folder.join(format!("{shard}.csv")), folder.join(format!("{shard}.json")));
    let mut hashed = Vec::new();
    let mut unreadable = false;
    for path in inputs.paths() {
        match hash_file(&path) {
            Ok(file) => hashed.push(RecordedFile { name: path.display().to_string(), ..file }),
            // Analysing it says why.
            Err(_) => unreadable = true,
        }
    }
    let mut expected = Manifest {
        version: env!("CARGO_PKG_VERSION").into(),
        shard,
        weights_sha256: args.network.load()?.sha256,
        analysis: recorded_analysis(&args),
        smooth_ms: args.smoothing.smooth,
        inputs: hashed,
        whole: true,
        result: RecordedFile { name: format!("{shard}.csv"), bytes: 0, sha256: String::new() },
    };
    if manifest.is_file() || result.is_file() {
        let done = Manifest::read(&manifest).ok().zip(hash_file(&result).ok());
        let same = |(there, file): &(Manifest, RecordedFile)| {
            there.result == *file && Manifest { result: file.clone(), ..expected.clone() } == *there
        };
        if !unreadable && done.as_ref().is_some_and(same) {
            complain(format_args!(
                "{}: done already, from the same files with the same settings",
                result.display()
            ));
            return Ok(DONE);
        }
        // Cut off before its manifest, or of files that could not be read then: it is made again.
        let cut = done.is_none_or(|(there, _)| !there.whole && there.same_job(&expected));
        if !cut && !args.overwrite.overwrite {
            bail!(
                "{}: it is there already, from other files or settings; name another folder, or replace it with --overwrite",
                result.display()
            );
        }
    }
    complain(format_args!("{shard}: {} of {all} files", inputs.files.len()));
    let part = folder.join(format!("{shard}.csv.part"));
    args.out = Some(part.clone());
    args.csv = true;
    args.overwrite.overwrite = true;
    let status = match run_on(args, inputs) {
        Ok(status @ (DONE | SOME_FAILED)) => status,
        other => {
            // Interrupted or at fault: nothing of it is left.
            let _ = std::fs::remove_file(&part);
            return other;
        }
    };
    expected.whole = status == DONE;
    let file = hash_file(&part).with_context(|| format!("{}: cannot be read back", part.display()))?;
    expected.result = RecordedFile { name: format!("{shard}.csv"), ..file };
    // The result first: where only one of them is there, the shard is made again.
    std::fs::rename(&part, &result).with_context(|| format!("{}: cannot be written", result.display()))?;
    let mut json = serde_json::to_vec_pretty(&expected)?;
    json.push(b'\n');
    new_file::write(&manifest, &json)
        .with_context(|| format!("{}: cannot be written", manifest.display()))?;
    Ok(status)
}

/// The results of shards that `moue table --merge` was given, folders opened. Where they have manifests, all of one job must be there, as
/// they were written.
pub(super) fn results(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries =
            std::fs::read_dir(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let is_result = |name: &str| name.starts_with("shard-") && name.ends_with(".csv");
        let found = entries.flatten().map(|e| e.path());
        let before = files.len();
        files.extend(found.filter(|p| p.file_name().is_some_and(|n| is_result(&n.to_string_lossy()))));
        if files.len() == before {
            bail!("{}: expected files shard-K-of-N.csv of moue analyze --shard, found none", path.display());
        }
    }
    files.sort();
    let mut first: Option<(PathBuf, Manifest)> = None;
    let mut seen = Vec::new();
    for path in &files {
        let beside = path.with_extension("json");
        if !beside.is_file() {
            continue;
        }
        let manifest = Manifest::read(&beside)?;
        let found = hash_file(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        if (found.bytes, &found.sha256) != (manifest.result.bytes, &manifest.result.sha256) {
            bail!("{}: it was changed after it was written; run its shard again", path.display());
        }
        if !manifest.whole {
            complain(format_args!("{}: not all of its files could be read", path.display()));
        }
        if let Some((other, of)) = &first
            && !manifest.same_job(of)
        {
            bail!(
                "{}: expected a part of the job of {}, found other settings, weights or parts",
                path.display(),
                other.display()
            );
        }
        seen.push(manifest.shard.number);
        first.get_or_insert((path.clone(), manifest));
    }
    if let Some((_, manifest)) = &first {
        let missing: Vec<String> =
            (1..=manifest.shard.of).filter(|k| !seen.contains(k)).map(|k| k.to_string()).take(20).collect();
        if !missing.is_empty() {
            bail!("expected all {} parts of the job; missing: {}", manifest.shard.of, missing.join(", "));
        }
        seen.sort_unstable();
        if let Some(twice) = seen.windows(2).find(|w| w[0] == w[1]) {
            bail!("part {} is there twice", twice[0]);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_belongs_to_one_part_and_parts_are_of_a_size() {
        let files: Vec<SourceSpec> =
            (0..1000).map(|i| SourceSpec::Path(format!("/data/clip{i:04}.mp4").into())).collect();
        for of in [1, 2, 7, 16] {
            let counts: Vec<usize> = (1..=of)
                .map(|number| files.iter().filter(|f| Shard { number, of }.takes(f)).count())
                .collect();
            assert_eq!(counts.iter().sum::<usize>(), 1000);
            let even = 1000 / of as usize;
            assert!(counts.iter().all(|c| (even / 2..=even * 2).contains(c)), "{counts:?}");
        }
        let elsewhere = SourceSpec::Path("/mnt/other/clip0003.mp4".into());
        let shard = Shard { number: 2, of: 3 };
        assert_eq!(shard.takes(&files[3]), shard.takes(&elsewhere));
    }

    #[test]
    fn parts_are_named_in_order() {
        assert_eq!("3/16".parse::<Shard>().unwrap().to_string(), "shard-03-of-16");
        assert!(["0/3", "4/3", "3", "a/b", "1/0", "1/1000000"].iter().all(|t| t.parse::<Shard>().is_err()));
    }
}
