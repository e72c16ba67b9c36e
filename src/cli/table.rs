//! `moue table`: recordings as tables for statistics programs.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use moue_files::new_file;
use moue_table::{
    BidsNames, Event, LONG_HEADER, Recording, Split, WideOptions, WideTable, bids_files, dictionary, eaf,
    label_runs, merge_rows, read_events, vtt, wide_tables, write_long,
};

use super::outputs::OverwriteArgs;
use super::{DONE, SOME_FAILED, complain, shard};
use crate::record::{SESSION_FILE, Session};

/// Stretches of a label that are shorter, in seconds, are no annotation: a label that flickers is none.
const LEAST_RUN_S: f64 = 0.1;
/// Samples a second of the BIDS recording, where the recording does not say its rate.
const BIDS_RATE: f64 = 30.0;

const EXAMPLES: &str = "\
Examples:
  moue table SESSION                        a row a face and interval between markers, on standard output
  moue table sessions/* --out tables        wide.csv of all recordings, with columns.json that explains it
  moue table SESSION --bin 1s --out tables  intervals of one second
  moue table SESSION --baseline-marker rest change from the interval that begins with the marker rest
  moue table SESSION --form wide,long,elan,vtt,bids --out tables
                                            also a row a reading, and the files of ELAN, WebVTT and BIDS
  moue table --merge results/ --out all.csv
                                            the files of moue analyze --shard as one

In Python: pandas.read_csv('tables/wide.csv'). In R: read.csv('tables/wide.csv').

Exit status: 0 done, 1 a recording could not be read (it is named, the others are done), 2 wrong usage.";

/// The forms of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// wide.csv and columns.json: a row a face and interval
    Wide,
    /// long.csv: a row a reading and expression
    Long,
    /// wide.parquet: the wide table as Parquet
    #[cfg(feature = "parquet")]
    Parquet,
    /// A BIDS data set: _events.tsv, and _physio.tsv.gz with JSON
    Bids,
    /// SESSION.eaf for ELAN
    Elan,
    /// SESSION.vtt: subtitles
    Vtt,
}

impl Form {
    /// Whether it is the wide table.
    fn is_wide(&self) -> bool {
        match self {
            Self::Wide => true,
            #[cfg(feature = "parquet")]
            Self::Parquet => true,
            _ => false,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TableArgs {
    /// Folders of recordings, or files of moue analyze --csv
    #[arg(value_name = "SESSION", required = true)]
    sessions: Vec<PathBuf>,
    /// Write the tables into DIR (with --merge: the file); without it the wide table goes to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Which tables, with commas between
    #[arg(long, value_name = "FORM", value_delimiter = ',', default_value = "wide")]
    form: Vec<Form>,
    /// Intervals of this length (as in 1s, 500ms, 2min) instead of those between markers
    #[arg(long, value_name = "TIME", value_parser = span, conflicts_with = "whole")]
    bin: Option<f64>,
    /// One interval: the whole recording
    #[arg(long)]
    whole: bool,
    /// Sum up the averaged probabilities that were shown, instead of the network's own of each frame
    #[arg(long)]
    shown: bool,
    /// Use readings too that something speaks against (dark, turned away …)
    #[arg(long)]
    untrusted: bool,
    /// Where the face is at rest, in seconds: adds the change from there
    #[arg(long, value_name = "FROM-TO", value_parser = from_to, conflicts_with = "baseline_marker")]
    baseline: Option<(f64, f64)>,
    /// The face is at rest in the interval that begins with the first marker NAME
    #[arg(long, value_name = "NAME")]
    baseline_marker: Option<String>,
    /// Blocks of the bootstrap: neighbouring frames in one block are drawn together
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "2s")]
    block: f64,
    /// Draws of the bootstrap; 0: no confidence intervals
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    resamples: u32,
    /// Seed of the bootstrap: the same one gives the same intervals
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// With --form bids: the person (letters and digits); several recordings are numbered on from it
    #[arg(long, value_name = "LABEL", default_value = "01", value_parser = bids_label)]
    bids_subject: String,
    /// With --form bids: what was done (letters and digits)
    #[arg(long, value_name = "LABEL", default_value = "faces", value_parser = bids_label)]
    bids_task: String,
    /// Put the files of moue analyze --shard together (files, or their folder), sorted by the sources' names
    #[arg(long, requires = "out", conflicts_with_all = ["bin", "whole", "shown", "untrusted", "baseline", "baseline_marker"])]
    merge: bool,
    #[command(flatten)]
    overwrite: OverwriteArgs,
}

/// "1s", "500ms", "2min", or seconds.
fn span(text: &str) -> Result<f64, String> {
    let units = [("ms", 1e-3), ("min", 60.0), ("s", 1.0), ("", 1.0)];
    let (number, unit) = units
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .unwrap_or((text, &1.0));
    let seconds = number.trim().parse::<f64>().ok().map(|n| n * unit);
    seconds
        .filter(|s| (0.001..=1e6).contains(s))
        .ok_or_else(|| "expected a time such as 1s, 500ms or 2min".into())
}

/// "0-3" and "1.5-4".
fn from_to(text: &str) -> Result<(f64, f64), String> {
    let parsed = text.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match parsed {
        Some((from, to)) if 0.0 <= from && from < to => Ok((from, to)),
        _ => Err("expected two times in seconds, the smaller first, as in 0-3".into()),
    }
}

fn bids_label(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric()) {
        Ok(text.to_owned())
    } else {
        Err("expected letters and digits only, as BIDS does".into())
    }
}

pub(super) fn run(args: &TableArgs) -> anyhow::Result<u8> {
    if args.merge {
        return merge(args);
    }
    if args.out.is_none() && args.form != [Form::Wide] {
        bail!(
            "--form: only the wide table goes to standard output; name a folder for the others with --out DIR"
        );
    }
    let mut failed = false;
    let mut recordings = Vec::new();
    for path in &args.sessions {
        match Recording::open(path) {
            Ok(recording) => recordings.push((path.as_path(), recording)),
            Err(e) => {
                complain(e);
                failed = true;
            }
        }
    }
    if recordings.is_empty() {
        bail!("no recording is left to make a table of");
    }
    let mut files = Files { folder: args.out.as_deref(), overwrite: args.overwrite, taken: Vec::new() };
    files.check(args, &recordings)?;
    if args.form.iter().any(Form::is_wide) {
        failed |= !wide(args, &recordings, &mut files)?;
    }
    if args.form.contains(&Form::Long) {
        failed |= !long(args, &recordings, &mut files)?;
    }
    for (number, (path, recording)) in recordings.iter().enumerate() {
        if let Err(e) = others(args, number, path, recording, &mut files) {
            complain(e);
            failed = true;
        }
    }
    Ok(if failed { SOME_FAILED } else { DONE })
}

fn split(args: &TableArgs) -> Split {
    match (args.bin, args.whole) {
        (Some(seconds), _) => Split::Bins(seconds),
        (_, true) => Split::Whole,
        _ => Split::Markers,
    }
}

/// What is written, and where.
struct Files<'a> {
    folder: Option<&'a Path>,
    overwrite: OverwriteArgs,
    /// Names of this run, so that recordings of one name do not share a file.
    taken: Vec<PathBuf>,
}

impl Files<'_> {
    /// Refuses before any work what would cost the user a file.
    fn check(&self, args: &TableArgs, recordings: &[(&Path, Recording)]) -> anyhow::Result<()> {
        let Some(folder) = self.folder else { return Ok(()) };
        let mut outputs = Vec::new();
        for form in &args.form {
            match form {
                Form::Wide => outputs.extend(["wide.csv", "columns.json"].map(|n| folder.join(n))),
                Form::Long => outputs.push(folder.join("long.csv")),
                #[cfg(feature = "parquet")]
                Form::Parquet => outputs.push(folder.join("wide.parquet")),
                Form::Bids => outputs.push(folder.join("dataset_description.json")),
                Form::Elan => {
                    outputs.extend(recordings.iter().map(|(_, r)| folder.join(format!("{}.eaf", r.name))))
                }
                Form::Vtt => {
                    outputs.extend(recordings.iter().map(|(_, r)| folder.join(format!("{}.vtt", r.name))))
                }
            }
        }
        self.overwrite.check(&outputs, recordings.iter().map(|(_, r)| r.faces.as_path()))
    }

    /// Writes a file whole or not at all, and says its name.
    fn write(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let Some(folder) = self.folder else { return Ok(()) };
        let path = folder.join(name);
        if self.taken.contains(&path) && name != "dataset_description.json" {
            bail!(
                "{}: two recordings of one name would share this file; make their tables one by one",
                path.display()
            );
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|e| anyhow::anyhow!("{}: cannot be made: {e}", parent.display()))?;
        }
        new_file::write(&path, bytes)
            .map_err(|e| anyhow::anyhow!("{}: cannot be written: {e}", path.display()))?;
        writeln!(std::io::stdout().lock(), "{}", path.display())?;
        self.taken.push(path);
        Ok(())
    }
}

/// `false`: a recording could not be read, and it was said why.
fn wide(args: &TableArgs, recordings: &[(&Path, Recording)], files: &mut Files<'_>) -> anyhow::Result<bool> {
    let options = WideOptions {
        split: split(args),
        shown: args.shown,
        untrusted: args.untrusted,
        baseline_s: args.baseline,
        baseline_marker: args.baseline_marker.clone(),
        block_s: args.block,
        resamples: args.resamples as usize,
        seed: args.seed,
    };
    let (mut tables, mut whole): (Vec<WideTable>, bool) = (Vec::new(), true);
    for (_, recording) in recordings {
        match wide_tables(recording, &options) {
            Ok(table) => {
                said(&recording.name, &table);
                tables.push(table);
            }
            Err(e) => {
                complain(e);
                whole = false;
            }
        }
    }
    if files.folder.is_none() {
        WideTable::write(&tables, std::io::stdout().lock())?;
        return Ok(whole);
    }
    let mut csv = Vec::new();
    WideTable::write(&tables, &mut csv)?;
    if args.form.contains(&Form::Wide) {
        files.write("wide.csv", &csv)?;
    }
    #[cfg(feature = "parquet")]
    if args.form.contains(&Form::Parquet) {
        let mut file = Vec::new();
        moue_table::write_parquet(&csv, &mut file)?;
        files.write("wide.parquet", &file)?;
    }
    // Empty throughout only where it is so in all recordings.
    let first = tables.first().map(|t| t.missing.clone()).unwrap_or_default();
    let missing: Vec<_> =
        first.into_iter().filter(|m| tables.iter().all(|t| t.missing.contains(m))).collect();
    let mut json = serde_json::to_vec_pretty(&dictionary(&missing))?;
    json.push(b'\n');
    files.write("columns.json", &json)?;
    Ok(whole)
}

/// What of a recording is not in its table.
fn said(name: &str, table: &WideTable) {
    if table.unreadable > 0 {
        complain(format_args!("{name}: {} rows cannot be read and are left out", table.unreadable));
    }
    if table.left_out > 0 {
        complain(format_args!("{name}: {} rows of more than 10,000 faces are left out", table.left_out));
    }
    if table.rows == 0 {
        complain(format_args!("{name}: no face was recorded"));
    }
}

fn long(args: &TableArgs, recordings: &[(&Path, Recording)], files: &mut Files<'_>) -> anyhow::Result<bool> {
    let Some(folder) = files.folder else { return Ok(true) };
    std::fs::create_dir_all(folder)
        .map_err(|e| anyhow::anyhow!("{}: cannot be made: {e}", folder.display()))?;
    let path = folder.join("long.csv");
    let failed = |e: std::io::Error| anyhow::anyhow!("{}: cannot be written: {e}", path.display());
    // Seven rows a reading: not in memory.
    let file = new_file::beside(&path).map_err(failed)?;
    let mut writer = csv::Writer::from_writer(std::io::BufWriter::new(file.as_file()));
    writer.write_record(LONG_HEADER)?;
    let mut whole = true;
    for (_, recording) in recordings {
        if let Err(e) = write_long(recording, split(args), &mut writer) {
            complain(e);
            whole = false;
        }
    }
    writer.flush().map_err(failed)?;
    drop(writer);
    new_file::take_name(file, &path, true).map_err(|e| failed(e.error))?;
    writeln!(std::io::stdout().lock(), "{}", path.display())?;
    Ok(whole)
}

fn others(
    args: &TableArgs,
    number: usize,
    path: &Path,
    recording: &Recording,
    files: &mut Files<'_>,
) -> anyhow::Result<()> {
    if !args.form.iter().any(|f| matches!(f, Form::Bids | Form::Elan | Form::Vtt)) {
        return Ok(());
    }
    let events: Vec<Event> = recording.events.as_deref().map(read_events).transpose()?.unwrap_or_default();
    let session = Session::read(&path.join(SESSION_FILE)).ok();
    if args.form.contains(&Form::Bids) {
        let names = BidsNames {
            subject: numbered(&args.bids_subject, number),
            session: None,
            task: args.bids_task.clone(),
        };
        let rate = session.as_ref().and_then(|s| s.source.frame_rate).filter(|r| (0.1..=1000.0).contains(r));
        for (name, bytes) in bids_files(recording, &events, &names, rate.unwrap_or(BIDS_RATE))? {
            if name != "dataset_description.json" || number == 0 {
                files.write(&name, &bytes)?;
            }
        }
    }
    let runs = if args.form.contains(&Form::Elan) || args.form.contains(&Form::Vtt) {
        label_runs(recording, LEAST_RUN_S)?
    } else {
        Vec::new()
    };
    if args.form.contains(&Form::Elan) {
        // Of a file the recorded times are the file's own, so its name is the video's.
        let video = session.as_ref().filter(|s| s.source.kind == "video").map(|s| s.source.name.clone());
        files.write(&format!("{}.eaf", recording.name), eaf(&runs, &events, video.as_deref()).as_bytes())?;
    }
    if args.form.contains(&Form::Vtt) {
        files.write(&format!("{}.vtt", recording.name), vtt(&runs, &events).as_bytes())?;
    }
    Ok(())
}

/// `01`, `02` and so on from the first label; one without a number gets one.
fn numbered(first: &str, number: usize) -> String {
    if number == 0 {
        return first.to_owned();
    }
    let digits = first.chars().rev().take_while(char::is_ascii_digit).count();
    let (stem, count) = first.split_at(first.len() - digits);
    let next = count.parse::<usize>().unwrap_or(1) + number;
    format!("{stem}{next:0digits$}")
}

fn merge(args: &TableArgs) -> anyhow::Result<u8> {
    let Some(out) = &args.out else { bail!("--merge: expected --out FILE") };
    let files = shard::results(&args.sessions)?;
    args.overwrite.check(std::slice::from_ref(out), files.iter().map(PathBuf::as_path))?;
    let failed = |e: std::io::Error| anyhow::anyhow!("{}: cannot be written: {e}", out.display());
    let file = new_file::beside(out).map_err(failed)?;
    let mut writer = std::io::BufWriter::new(file.as_file());
    let rows = merge_rows(&files, &mut writer)?;
    writer.flush().map_err(failed)?;
    drop(writer);
    new_file::take_name(file, out, args.overwrite.overwrite).map_err(|e| failed(e.error))?;
    complain(format_args!("{rows} rows of {} files in {}", files.len(), out.display()));
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_labels_are_understood() {
        assert_eq!(
            (span("1s"), span("500ms"), span("2min"), span("0.5")),
            (Ok(1.0), Ok(0.5), Ok(120.0), Ok(0.5))
        );
        assert!(["", "0", "s", "-1s", "1h", "nan"].iter().all(|t| span(t).is_err()));
        assert_eq!((from_to("0-3"), from_to("3-1").is_err()), (Ok((0.0, 3.0)), true));
        assert_eq!(["01", "P9", "ada"].map(|l| numbered(l, 2)), ["03", "P11", "ada3"]);
        assert!(bids_label("a b").is_err() && bids_label("").is_err());
    }
}
