//! `moue table`: the numbers, held against pandas and scipy, and the forms of other programs.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/python.rs"]
mod python;

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use moue::detect::{FaceBox, Reason};
use moue::model::Expression;
use moue::pipeline::ShownReading;
use moue::record::{CSV_HEADER, EVENTS_FILE, EVENTS_HEADER, FACES_FILE, FaceRow, ResultRows, RowStamp};
use python::python_with;

fn moue(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moue"));
    command.current_dir(folder);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn good(output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// A number from 0 to 1 that is the same in each run.
fn chance(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Face `id` at `time_s`: its happiness goes up and down slowly, with a little noise.
fn row(time_s: f64, frame: u64, id: u64) -> FaceRow {
    let mood = 0.5 + 0.45 * (time_s / 7.0 + id as f64).sin();
    let happy = (mood + 0.1 * (chance(frame * 2 + id) - 0.5)).clamp(0.0, 1.0);
    let rest = (1.0 - happy) / 2.0;
    let mut raw = [0.0; 7];
    raw[Expression::Happy.index()] = happy as f32;
    raw[Expression::Neutral.index()] = rest as f32;
    raw[Expression::Sad.index()] = rest as f32;
    let leading = Expression::most_probable(&raw).0;
    let label = (!(0.3..=0.6).contains(&happy)).then_some(leading);
    let reasons = match (time_s as u64 % 40, id) {
        (30..33, 1) => vec![Reason::TurnedAway, Reason::Dark],
        (35, _) => vec![Reason::Dark],
        _ => Vec::new(),
    };
    FaceRow {
        source: "camera".into(),
        frame,
        time_s,
        size_px: (640, 480),
        id,
        face: FaceBox { x: 1.0, y: 2.0, width: 99.0, height: 99.0 },
        detection_score: 1.0,
        raw,
        shown: Some(ShownReading { probabilities: raw, label, leading, baseline: false }),
        quality: Some(0.95),
        reasons,
        measured: None,
        age_ms: Some(20.0),
        stamp: RowStamp { monotonic_ns: Some(1_000_000_000 + (time_s * 1e9) as u64), ..RowStamp::default() },
        personal: None,
    }
}

/// A recording of two faces over two minutes at an uneven rate; the second is away for a while. With markers.
fn session(folder: &Path) -> PathBuf {
    let session = folder.join("2026-03-01_14-05-09");
    std::fs::create_dir(&session).unwrap();
    let mut lines = CSV_HEADER.join(",").into_bytes();
    lines.push(b'\n');
    let mut time_s = 0.2;
    for frame in 0..1560 {
        // As it stands in the file, to the millisecond.
        time_s = ((time_s + 0.05 + 0.06 * chance(frame)) * 1000.0_f64).round() / 1000.0;
        let mut rows = vec![row(time_s, frame, 1)];
        if !(42.0..61.5).contains(&time_s) && time_s > 3.0 {
            rows.push(row(time_s, frame, 2));
        }
        ResultRows(rows).append_to(&mut lines, 0).unwrap();
    }
    // The last row broke off.
    lines.extend_from_slice(b"131.0,9,1,4");
    std::fs::write(session.join(FACES_FILE), lines).unwrap();
    let mut events = EVENTS_HEADER.join(",");
    for (at, name, value) in [
        (4.0, "rest", ""),
        (20.0, "film", "cat.mp4"),
        (47.5, "film", "<b>&"),
        (49.0, "pause", ""),
        (70.0, "end", ""),
    ] {
        events += &format!("\n{at:.3},{},2026-03-01T13:05:09.000000Z,{name},{value},line", (at * 1e9) as u64);
    }
    std::fs::write(session.join(EVENTS_FILE), events + "\n").unwrap();
    session
}

fn table(path: &Path) -> Vec<HashMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn names_are_those_of_the_program() {
    assert_eq!(Expression::ALL.map(Expression::name), moue_table::EXPRESSIONS);
    assert_eq!(Reason::ALL.map(Reason::name), moue_table::REASONS);
    assert_eq!(moue_table::LABELS[7], moue::record::UNSURE);
}

/// A Python with pandas and scipy.
fn python() -> Option<String> {
    python_with("pandas, scipy", "the comparison with pandas and scipy")
}

#[test]
fn the_numbers_are_those_of_pandas_and_scipy() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path());
    let output = moue(folder.path())
        .arg("table")
        .arg(&session)
        .args(["--out", "tables", "--baseline-marker", "rest", "--resamples", "4000"])
        .output()
        .unwrap();
    good(&output);
    assert!(text(&output.stderr).contains("1 rows cannot be read"), "{}", text(&output.stderr));
    let wide = folder.path().join("tables/wide.csv");
    let rows = table(&wide);
    assert_eq!(rows.len(), 12, "two faces in six intervals");
    // Shares of the time make one.
    for row in &rows {
        let parts =
            row.iter().filter(|(c, _)| *c == "coverage" || *c == "absent" || c.starts_with("untrusted_"));
        let sum: f64 = parts.map(|(_, v)| v.parse::<f64>().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-4, "{sum}: {row:?}");
    }
    let away = rows
        .iter()
        .find(|r| r["face"] == "2" && r["marker"] == "film" && r["marker_value"] == "<b>&")
        .unwrap();
    assert_eq!((&*away["coverage"], &*away["absent"], &*away["mean_happy"]), ("0.000000", "1.000000", ""));
    let Some(python) = python() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/table_check.py");
    let output = Command::new(python)
        .arg(script)
        .args([session.join(FACES_FILE), session.join(EVENTS_FILE), wide])
        .output()
        .unwrap();
    good(&output);
    let said = text(&output.stdout);
    assert!(said.starts_with("12 rows, 180 means and shares, 1") && said.ends_with("agree\n"), "{said}");
}

#[test]
fn the_dictionary_explains_every_column_and_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path());
    good(&moue(folder.path()).arg("table").arg(&session).args(["--out", "tables"]).output().unwrap());
    let json = std::fs::read(folder.path().join("tables/columns.json")).unwrap();
    let columns: Vec<HashMap<String, String>> = serde_json::from_slice(&json).unwrap();
    let mut reader = csv::Reader::from_path(folder.path().join("tables/wide.csv")).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(columns.iter().map(|c| c["name"].clone()).collect::<Vec<_>>(), header);
    let rows = table(&folder.path().join("tables/wide.csv"));
    for column in &columns {
        let name = &column["name"];
        assert!(["unit", "range", "meaning"].iter().all(|k| column.contains_key(*k)), "{name}");
        // What is said to be missing is empty throughout.
        let empty = rows.iter().all(|r| r[name].is_empty());
        assert!(!column.contains_key("missing") || empty, "{name}");
    }
    let missing = |name: &str| columns.iter().find(|c| c["name"] == name).unwrap().get("missing").cloned();
    assert!(missing("blinks").unwrap().contains("eyes"));
    assert!(missing("change_sad").unwrap().contains("--baseline"));
    // A second time it replaces nothing that it is not told to.
    let again = |more: &[&str]| {
        moue(folder.path()).arg("table").arg(&session).args(["--out", "tables"]).args(more).output().unwrap()
    };
    assert_eq!(again(&[]).status.code(), Some(2));
    let before = std::fs::read(folder.path().join("tables/wide.csv")).unwrap();
    good(&again(&["--overwrite"]));
    assert_eq!(
        std::fs::read(folder.path().join("tables/wide.csv")).unwrap(),
        before,
        "the same seed, the same bytes"
    );
}

#[test]
fn bins_have_one_length_and_long_tables_a_row_a_measure() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path());
    let run = |arguments: &[&str]| {
        let output = moue(folder.path()).arg("table").arg(&session).args(arguments).output().unwrap();
        good(&output);
        text(&output.stdout)
    };
    let bins: Vec<HashMap<String, String>> = csv::Reader::from_reader(run(&["--bin", "10s"]).as_bytes())
        .deserialize()
        .map(Result::unwrap)
        .collect();
    let of = |face: &str| bins.iter().filter(|r| r["face"] == face).count();
    assert_eq!((of("1"), of("2")), (13, 13));
    assert!(
        bins.iter()
            .all(|r| r["marker"].is_empty() && (r["from_s"].parse::<f64>().unwrap() % 10.0).abs() < 1e-9)
    );
    assert_eq!(run(&["--whole"]).lines().count(), 3);
    run(&["--form", "long", "--out", "tables"]);
    let long = table(&folder.path().join("tables/long.csv"));
    let faces = std::fs::read_to_string(session.join(FACES_FILE)).unwrap().lines().count() - 2;
    assert_eq!(long.len(), 7 * faces);
    assert_eq!((&*long[3]["measure"], &*long[3]["session"]), ("happy", "2026-03-01_14-05-09"));
    assert!(long.iter().any(|r| r["marker"] == "film" && r["reason"] == "turned_away"));
    assert!(long.iter().any(|r| r["label"] == "unsure" && r["reason"].is_empty()));
}

#[test]
fn elan_vtt_and_bids_files_hold_labels_and_markers() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path());
    let output = moue(folder.path())
        .arg("table")
        .arg(&session)
        .args(["--form", "elan,vtt,bids", "--out", "t", "--bids-task", "film"])
        .output()
        .unwrap();
    good(&output);
    let at = |name: &str| folder.path().join("t").join(name);
    let eaf = std::fs::read_to_string(at("2026-03-01_14-05-09.eaf")).unwrap();
    for part in
        ["TIER_ID=\"face 1\"", "TIER_ID=\"face 2\"", "TIER_ID=\"markers\"", ">happy<", "film: &lt;b&gt;&amp;"]
    {
        assert!(eaf.contains(part), "{part}");
    }
    // Every slot that an annotation names is there, and its end is after its begin.
    let slots: HashMap<&str, u64> = eaf
        .split("<TIME_SLOT TIME_SLOT_ID=\"")
        .skip(1)
        .map(|rest| {
            let mut parts = rest.split('"');
            (parts.next().unwrap(), parts.nth(1).unwrap().parse().unwrap())
        })
        .collect();
    let annotations: Vec<&str> = eaf.split("TIME_SLOT_REF1=\"").skip(1).collect();
    assert!(annotations.len() > 20);
    for rest in annotations {
        let mut parts = rest.split('"');
        let (from, to) = (parts.next().unwrap(), parts.nth(1).unwrap());
        assert!(slots[from] < slots[to], "{from} {to}");
    }
    let vtt = std::fs::read_to_string(at("2026-03-01_14-05-09.vtt")).unwrap();
    assert!(
        vtt.starts_with("WEBVTT\n\n")
            && vtt.contains("Face 1: happy")
            && vtt.contains("\n00:00:20.000 --> 00:00:21.000\n[film (cat.mp4)]")
    );

    let events = std::fs::read_to_string(at("sub-01/beh/sub-01_task-film_events.tsv")).unwrap();
    assert_eq!(events.lines().nth(1).unwrap(), "4.000\tn/a\trest\tn/a");
    let stem = "sub-01/beh/sub-01_task-film_recording-face1_physio";
    let mut samples = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(at(&format!("{stem}.tsv.gz"))).unwrap())
        .read_to_string(&mut samples)
        .unwrap();
    let about: serde_json::Value =
        serde_json::from_slice(&std::fs::read(at(&format!("{stem}.json"))).unwrap()).unwrap();
    let (rate, columns) =
        (about["SamplingFrequency"].as_f64().unwrap(), about["Columns"].as_array().unwrap().len());
    assert!(samples.lines().all(|line| line.split('\t').count() == columns));
    let rows: Vec<FaceTime> = face_times(&session);
    let length_s = rows.last().unwrap().0 - rows[0].0;
    assert!((samples.lines().count() as f64 - length_s * rate).abs() <= 2.0, "{}", samples.lines().count());
    assert!((about["StartTime"].as_f64().unwrap() - rows[0].0).abs() < 1e-9);
    // A sample is the reading that stood then.
    for number in [0usize, 100, 2000] {
        let at_s = rows[0].0 + number as f64 / rate + 4e-4;
        let stood = rows.iter().rev().find(|(time_s, _)| *time_s <= at_s).unwrap();
        assert_eq!(
            samples.lines().nth(number).unwrap().split('\t').nth(3).unwrap(),
            stood.1,
            "sample {number}"
        );
    }
}

type FaceTime = (f64, String);

/// Time and happiness of the first face's rows.
fn face_times(session: &Path) -> Vec<FaceTime> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(session.join(FACES_FILE)).unwrap();
    let place = |name: &str| CSV_HEADER.iter().position(|c| *c == name).unwrap();
    let (time, id, happy) = (place("time_s"), place("id"), place("happy"));
    let rows = reader.records().map(Result::unwrap).filter(|r| r.len() == CSV_HEADER.len() && &r[id] == "1");
    rows.map(|r| (r[time].parse().unwrap(), r[happy].to_owned())).collect()
}

#[test]
fn a_real_recording_and_an_old_one_are_read_and_wrong_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let record = ["analyze", "--source", "demo", "--frames", "40", "--out", "all.csv", "--record", "rec"];
    good(&moue(folder.path()).args(record).output().unwrap());
    let session = std::fs::read_dir(folder.path().join("rec")).unwrap().next().unwrap().unwrap().path();
    let output = moue(folder.path()).arg("table").arg(&session).arg("all.csv").output().unwrap();
    good(&output);
    let out = text(&output.stdout);
    let mut reader = csv::Reader::from_reader(out.as_bytes());
    let rows: Vec<HashMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    // The same frames: once as they were recorded, once as they were printed.
    assert_eq!((&*rows[0]["rows"], &*rows[0]["mean_happy"]), (&*rows[1]["rows"], &*rows[1]["mean_happy"]));
    assert_eq!((&*rows[0]["rows"], &*rows[1]["session"]), ("40", "Demo"));

    let old = "time_s,frame,id,x,y,w,h,detection_score,label,\
        raw_angry,raw_disgust,raw_fear,raw_happy,raw_neutral,raw_sad,raw_surprise,\
        smooth_angry,smooth_disgust,smooth_fear,smooth_happy,smooth_neutral,smooth_sad,smooth_surprise,age_ms\n\
        1.0,2,3,4,5,6,7,8,unsure,0,0,0,0,0,1,0,0,0,0.5,0,0.5,0,0,9\n\
        1.5,3,3,4,5,6,7,8,sad,0,0,0,0.5,0,0.5,0,0,0,0.5,0,0.5,0,0,9\n";
    std::fs::write(folder.path().join("old.csv"), old).unwrap();
    let output = moue(folder.path()).args(["table", "old.csv", "missing"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("missing: cannot be read"));
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    let row: HashMap<String, String> = reader.deserialize().next().unwrap().unwrap();
    assert_eq!(
        (&*row["mean_sad"], &*row["share_unsure"], &*row["peak_happy"]),
        ("1.000000", "1.000000", "0.500000")
    );
    for (arguments, expected) in [
        (&["table", "missing"][..], "no recording is left"),
        (&["table", "old.csv", "--form", "long"], "--out DIR"),
        (&["table", "old.csv", "--bin", "1h"], "expected a time such as 1s"),
        (&["table", "--merge", "old.csv"], "--out"),
    ] {
        let output = moue(folder.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
    let output =
        moue(folder.path()).args(["table", "old.csv", "--baseline-marker", "rest"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("marker named rest"), "{}", text(&output.stderr));
}

/// The most memory that the command held at once, in MB.
#[cfg(target_os = "linux")]
fn peak_mb(command: &mut Command) -> f64 {
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0.0_f64;
    let code = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        most = most.max(kib.unwrap_or_default() / 1024.0);
        if let Some(code) = child.try_wait().unwrap() {
            break code;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    assert!(code.success());
    most
}

#[cfg(target_os = "linux")]
#[test]
fn long_recordings_need_little_memory_and_give_a_small_page() {
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("long");
    std::fs::create_dir(&session).unwrap();
    // Two hours at 30 rows a second; eight hours are four times as much, and must stay under 200 MB.
    let mut lines = CSV_HEADER.join(",").into_bytes();
    lines.push(b'\n');
    for frame in 0..216_000 {
        ResultRows(vec![row(frame as f64 / 30.0, frame, 1)]).append_to(&mut lines, 0).unwrap();
    }
    std::fs::write(session.join(FACES_FILE), lines).unwrap();
    std::fs::write(session.join("session.json"), "{}").unwrap();
    let seconds = peak_mb(moue(folder.path()).args(["table", "long", "--bin", "1s", "--out", "t"]));
    let whole = peak_mb(moue(folder.path()).args(["table", "long", "--out", "w"]));
    let page = peak_mb(moue(folder.path()).args(["report", "long"]));
    assert!(seconds < 50.0 && whole < 50.0 && page < 50.0, "{seconds} {whole} {page} MB");
    let bytes = std::fs::metadata(session.join("report.html")).unwrap().len();
    assert!(bytes < 2_500_000, "{bytes} bytes");
    assert_eq!(table(&folder.path().join("t/wide.csv")).len(), 7200);
}

#[test]
fn bids_names_are_valid_where_a_validator_is_there() {
    let Some(python) = python_with("bids_validator", "the validator's look at the names") else { return };
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path());
    let bids = ["--form", "bids", "--out", "t", "--bids-subject", "P07", "--bids-task", "film"];
    let output = moue(folder.path()).arg("table").arg(&session).args(bids).output().unwrap();
    good(&output);
    let script = "import sys\nfrom bids_validator import BIDSValidator\n\
        assert not BIDSValidator().is_bids('/sub-P07/beh/sub-P07_nonsense.tsv')\n\
        wrong = [p for p in sys.argv[1:] if not BIDSValidator().is_bids(p)]\nassert not wrong, wrong";
    // Each line of the output is a file that was written.
    let written = text(&output.stdout).replace('\\', "/");
    let names: Vec<&str> = written.lines().map(|line| line.trim_start_matches('t')).collect();
    assert!(names.len() == 5 && names.iter().any(|n| n.ends_with("_physio.tsv.gz")), "{names:?}");
    good(&Command::new(python).args(["-c", script]).args(names).output().unwrap());
}

#[cfg(feature = "parquet")]
#[test]
fn the_wide_table_is_written_as_parquet_too() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path());
    let output = Command::new(env!("CARGO_BIN_EXE_moue"))
        .current_dir(folder.path())
        .args(["table", session.to_str().unwrap(), "--form", "wide,parquet", "--out", "t"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = std::fs::read(folder.path().join("t/wide.parquet")).unwrap();
    assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1"));
    // The names of the columns stand in its footer as text.
    let text = String::from_utf8_lossy(&file);
    for name in table_header(&folder.path().join("t/wide.csv")) {
        assert!(text.contains(&name), "{name}");
    }
}

#[cfg(feature = "parquet")]
fn table_header(path: &Path) -> Vec<String> {
    csv::Reader::from_path(path).unwrap().headers().unwrap().iter().map(str::to_owned).collect()
}

#[test]
fn blinks_of_a_real_clip_are_those_that_the_program_counts() {
    let Some(shared) = common::shared() else { return };
    let clip = shared.join("media/video/pyfeat_WolfgangLanger_Pexels.mp4");
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["analyze", clip.to_str().unwrap(), "--csv", "--out", "rows.csv"][..],
        &["table", "rows.csv", "--out", "t"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_moue"))
            .current_dir(folder.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    // docs/faces.md: three of four by eye.
    let rows = table(&folder.path().join("t/wide.csv"));
    assert_eq!(rows.iter().map(|row| row["blinks"].parse::<u32>().unwrap_or(0)).sum::<u32>(), 3);
    assert!(rows[0]["blinks_watched_s"].parse::<f64>().unwrap() > 15.0);
}
