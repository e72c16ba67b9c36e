//! The worked example of docs/time.md: two processes on one machine, and rows of both on one clock.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use moue::record::{EVENTS_FILE, FACES_FILE, SESSION_FILE};

struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The script of docs/time.md that begins with this remark.
fn script(start: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/time.md");
    let text = std::fs::read_to_string(docs).unwrap();
    let blocks = text.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.into_iter().find(|block| block.starts_with(start)).unwrap().to_owned()
}

fn table(path: &Path) -> Vec<HashMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

fn number(row: &HashMap<String, String>, column: &str) -> i64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {:?}", row[column]))
}

#[test]
fn the_worked_example_lines_two_processes_up() {
    if !Command::new("python3").arg("--version").output().is_ok_and(|o| o.status.success()) {
        return common::skip("python3 is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["stimuli.py", "line_up.py"] {
        std::fs::write(at(name), script(&format!("# {name}"))).unwrap();
    }
    assert!(Command::new("mkfifo").arg(at("markers")).status().unwrap().success());
    let arguments = [
        "analyze",
        "--source",
        "demo",
        "--record",
        "recordings",
        "--markers",
        "markers",
        "--out",
        "readings.csv",
    ];
    let mut moue = Guard(
        Command::new(env!("CARGO_BIN_EXE_moue"))
            .current_dir(folder.path())
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    // The example's reader starts the second by hand, when the first runs.
    let start = Instant::now();
    let session = loop {
        let found = std::fs::read_dir(at("recordings")).ok().and_then(|mut all| all.next());
        match found {
            Some(entry)
                if std::fs::read(entry.as_ref().unwrap().path().join(FACES_FILE))
                    .is_ok_and(|f| f.len() > 2000) =>
            {
                break entry.unwrap().path();
            }
            _ => {}
        }
        assert!(start.elapsed() < Duration::from_secs(60), "no recording begins");
        std::thread::sleep(Duration::from_millis(20));
    };
    let other = Command::new("python3")
        .current_dir(folder.path())
        .args(["stimuli.py", "log.csv", "markers"])
        .status()
        .unwrap();
    assert!(other.success());
    assert!(moue.0.wait().unwrap().success());
    let lined = Command::new("python3")
        .current_dir(folder.path())
        .args(["line_up.py"])
        .arg(session.join(FACES_FILE))
        .arg("log.csv")
        .output()
        .unwrap();
    assert!(lined.status.success(), "{}", String::from_utf8_lossy(&lined.stderr));
    std::fs::write(at("lined.csv"), lined.stdout).unwrap();

    let (lined, events, faces) =
        (table(&at("lined.csv")), table(&session.join(EVENTS_FILE)), table(&session.join(FACES_FILE)));
    assert_eq!((events.len(), lined.len()), (12, 12));
    // The marker of each onset, and the onset computed from the other program's log: the same moment.
    let mut errors_ms: Vec<f64> = lined
        .iter()
        .zip(&events)
        .map(|(onset, marker)| {
            assert_eq!(onset["name"], format!("{} {}", marker["name"], marker["value"]));
            (number(marker, "monotonic_ns") - number(onset, "onset_monotonic_ns")) as f64 / 1e6
        })
        .collect();
    errors_ms.sort_by(f64::total_cmp);
    let median = errors_ms[errors_ms.len() / 2];
    assert!(median.abs() < 5.0, "{errors_ms:?} ms");
    // UTC runs beside the monotonic clock.
    let utc_us = |row: &HashMap<String, String>| {
        chrono::DateTime::parse_from_rfc3339(&row["utc"]).unwrap().timestamp_micros()
    };
    let beside = |row: &HashMap<String, String>| utc_us(row) - number(row, "monotonic_ns") / 1000;
    let first = beside(&faces[0]);
    for row in faces.iter().chain(&events) {
        assert!((beside(row) - first).abs() < 5000, "{row:?}");
    }
    // No row has another frame's time: they are in the order of the frames, and a face's rows of one frame have one time.
    let times: Vec<(i64, i64)> =
        faces.iter().map(|r| (number(r, "frame"), number(r, "monotonic_ns"))).collect();
    for pair in times.windows(2) {
        assert!(pair[0].0.cmp(&pair[1].0) == pair[0].1.cmp(&pair[1].1), "{pair:?}");
    }
    // The looked-up row is the first of a frame after the onset, and the row before it is before the onset.
    for onset in &lined {
        let moment = number(onset, "onset_monotonic_ns");
        let after = times.iter().find(|(_, time)| *time >= moment).unwrap();
        assert_eq!((number(onset, "frame"), number(onset, "row_monotonic_ns")), *after);
    }
    let session: serde_json::Value =
        serde_json::from_slice(&std::fs::read(session.join(SESSION_FILE)).unwrap()).unwrap();
    assert_eq!(session["markers"], 12);
    assert_eq!(session["time"]["frames_stamped_by"], "arrival");
}
