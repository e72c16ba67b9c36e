//! `moue report`: the page, also of recordings that broke off or hold something hostile.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use moue::record::report::write_report;
use moue::record::{FACES_FILE, SESSION_FILE};
use serde_json::{Value, json};

fn moue() -> Command {
    Command::new(env!("CARGO_BIN_EXE_moue"))
}

/// A folder with a recording of the demo's first frames.
fn recorded(frames: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let output = moue()
        .current_dir(folder.path())
        .args(["analyze", "--json", "--source", "demo", "--frames", frames, "--record", "rec"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let session = std::fs::read_dir(folder.path().join("rec")).unwrap().next().unwrap().unwrap().path();
    (folder, session)
}

fn page(session: &Path) -> String {
    std::fs::read_to_string(write_report(session, None).unwrap()).unwrap()
}

/// Every element that is opened is closed, in order; no element but those that the page is made of.
fn assert_well_formed(page: &str) {
    const VOID: [&str; 3] = ["meta", "br", "!DOCTYPE"];
    let mut open: Vec<String> = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').unwrap();
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "</{name}>");
            continue;
        }
        let name = tag.split([' ', '\n', '/']).next().unwrap();
        if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn the_page_stands_alone_and_says_what_was_recorded() {
    let (folder, session) = recorded("60");
    let out = folder.path().join("page.html");
    let output = moue().arg("report").arg(&session).arg("--out").arg(&out).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("page.html"));
    assert!(!session.join("report.html").exists());
    let page = std::fs::read_to_string(out).unwrap();
    assert_well_formed(&page);
    let recorded: Value =
        serde_json::from_str(&std::fs::read_to_string(session.join(SESSION_FILE)).unwrap()).unwrap();
    for fact in [
        "Demo",
        "Face 1",
        "surprise",
        "How to read this",
        "What it cannot tell",
        recorded["models"][0]["sha256"].as_str().unwrap(),
        recorded["program"]["version"].as_str().unwrap(),
    ] {
        assert!(page.contains(fact), "{fact}");
    }
    assert!(page.matches("<polygon").count() >= 7, "seven areas");
    // Nothing is fetched and nothing runs: the only address is the name of SVG's language.
    let addresses = page.matches("http").count() - page.matches("http-equiv").count();
    assert_eq!(addresses, page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    for tag in ["<script", "<link", "<img", "<iframe", "url(", "@import"] {
        assert!(!page.contains(tag), "{tag}");
    }
    assert!(!page.contains("cannot be read"));
}

#[test]
fn hostile_names_are_text_and_nothing_else() {
    let (folder, session) = recorded("3");
    const EVIL: &str = "\"><script>alert(1)</script><img src=x onerror=alert(2)>' &lt;";
    // On Linux a folder may be called so.
    let named = folder.path().join("<svg onload=alert(3)>");
    let session = if std::fs::rename(&session, &named).is_ok() { named } else { session };
    let path = session.join(SESSION_FILE);
    let mut recorded: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    fn spoil(value: &mut Value) {
        match value {
            Value::String(text) if text != "complete" => *text = EVIL.to_owned(),
            Value::Array(all) => all.iter_mut().for_each(spoil),
            Value::Object(all) => all.values_mut().for_each(spoil),
            _ => {}
        }
    }
    spoil(&mut recorded);
    recorded["status"] = json!("stopped");
    recorded["stopped_because"] = json!(EVIL);
    recorded["video"] = json!({"file": EVIL, "faces_blurred": true, "results_left_out": 3});
    std::fs::write(&path, recorded.to_string()).unwrap();
    let csv = session.join(FACES_FILE);
    let mut rows = std::fs::read_to_string(&csv).unwrap();
    rows.push_str("0.5,9,1,1,1,1,1,1,<script>alert(4)</script>,0,0,0,0,0,0,1,0,0,0,0,0,0,1,5\n");
    rows.push_str("0.5,9,<img src=x>,1,1,1,1,1,sad,0,0,0,0,0,1,0,0,0,0,0,0,1,0,5\n");
    std::fs::write(&csv, rows).unwrap();
    let page = page(&session);
    assert_well_formed(&page);
    for tag in ["<script", "<img", "<svg onload"] {
        assert!(!page.contains(tag), "{tag}");
    }
    assert!(page.matches("&lt;script&gt;alert(1)").count() >= 6);
    assert!(page.contains("2 rows of faces.csv cannot be read"));

    // A session file that is no session is named, with its reason as text.
    std::fs::write(&path, "{\"format\": \"<script>\"}").unwrap();
    let page = self::page(&session);
    assert!(page.contains("session.json cannot be read") && !page.contains("<script"));
    assert_well_formed(&page);
}

#[test]
fn a_recording_cut_anywhere_is_read_up_to_there() {
    let (_folder, session) = recorded("12");
    let path = session.join(FACES_FILE);
    let whole = std::fs::read(&path).unwrap();
    let header = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    for end in (header..=whole.len()).step_by(37).chain([whole.len() - 1, whole.len()]) {
        std::fs::write(&path, &whole[..end]).unwrap();
        let page = page(&session);
        let rows = whole[header..end].iter().filter(|b| **b == b'\n').count();
        assert!(page.contains(&format!("<th>Face readings</th><td>{rows}</td>")), "{end}");
        let cut = whole[end - 1] != b'\n';
        assert_eq!(page.contains("One row of faces.csv cannot be read"), cut, "{end}");
    }
}

#[test]
fn what_is_no_recording_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (argument, expected) in [("none", "none: expected the folder"), (".", "faces.csv")] {
        let output = moue().current_dir(folder.path()).args(["report", argument]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn drafts_of_methods_name_the_recordings_own_settings() {
    let (_folder, session) = recorded("20");
    let run = |more: &[&str]| {
        let output = moue().arg("report").arg(&session).arg("--methods").args(more).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(run(&[]).0, Some(0));
    let text = std::fs::read_to_string(session.join("methods.md")).unwrap();
    let recorded: Value =
        serde_json::from_slice(&std::fs::read(session.join(SESSION_FILE)).unwrap()).unwrap();
    let network = moue::model::LoadedWeights::built_in().unwrap().weights;
    let agrees = format!("agrees with the label in a share of {} (", network.metadata["test_accuracy"]);
    for fact in [
        recorded["program"]["version"].as_str().unwrap(),
        recorded["models"][0]["sha256"].as_str().unwrap(),
        "640 by 480 pixels",
        "time constant of 250 ms",
        "under 40 %",
        "20 frames were analysed; 20 readings of 1 faces",
        &agrees,
        "every frame was analysed",
        "no legal advice",
        "article 5(1)(f)",
        "articles 15 to 20",
        "No picture and no video of you is kept",
    ] {
        assert!(text.contains(fact), "{fact}: {text}");
    }
    let (code, said) = run(&[]);
    assert!(code == Some(2) && said.contains("--overwrite"), "{said}");
    assert_eq!(run(&["--overwrite"]).0, Some(0));
}
