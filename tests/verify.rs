//! `moue verify`: what holds, what was changed, and what it says it cannot check.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use moue::record::{FACES_FILE, SESSION_FILE};
use serde_json::{Value, json};

fn moue(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_moue")).current_dir(folder).args(arguments).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

fn session(folder: &Path) -> PathBuf {
    std::fs::read_dir(folder.join("rec")).unwrap().next().unwrap().unwrap().path()
}

fn change(session: &Path, how: impl FnOnce(&mut Value)) {
    let path = session.join(SESSION_FILE);
    let mut value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    how(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
}

/// A film of the demo's portraits, as an animation: no program is needed to read it.
fn film(folder: &Path) {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo");
    let mut encoder =
        image::codecs::gif::GifEncoder::new(std::fs::File::create(folder.join("film.gif")).unwrap());
    for (i, name) in ["astronaut.jpg", "obama.jpg", "astronaut.jpg"].iter().enumerate() {
        let whole = image::open(assets.join(name)).unwrap();
        for step in 0..4u32 {
            let view =
                whole.resize_exact(200 + 4 * step, 200 + 4 * step, image::imageops::FilterType::Triangle);
            let frame = view.crop_imm(step, 0, 200, 200).to_rgba8();
            let delay = image::Delay::from_numer_denom_ms(100 + i as u32 * 20, 1);
            encoder.encode_frame(image::Frame::from_parts(frame, 0, 0, delay)).unwrap();
        }
    }
}

#[test]
fn a_recording_of_a_film_is_read_again_and_holds() {
    let folder = tempfile::tempdir().unwrap();
    film(folder.path());
    let record = [
        "analyze", "film.gif", "--json", "--out", "x.jsonl", "--record", "rec", "--smooth", "300", "--every",
        "2",
    ];
    assert_eq!(moue(folder.path(), &record).0, Some(0));
    let session = session(folder.path());
    let recorded: Value =
        serde_json::from_slice(&std::fs::read(session.join(SESSION_FILE)).unwrap()).unwrap();
    assert_eq!(recorded["source_file"]["name"], "film.gif");
    assert_eq!(recorded["analysis"]["every"], 2);
    assert!(recorded["machine"]["threads"].as_u64().unwrap() > 0);
    assert_eq!(recorded["files"][0]["sha256"].as_str().unwrap().len(), 64);
    let name = session.to_str().unwrap();
    let count = recorded["faces"].as_u64().unwrap();
    assert!(count >= 6, "{count}");
    // The film lies two folders above the recording: it is found.
    let (code, said) = moue(folder.path(), &["verify", name]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("{count} rows read again: {count} the same to the last digit")), "{said}");
    assert!(
        said.contains("film.gif: SHA-256") && said.contains("Everything that could be checked holds"),
        "{said}"
    );

    // One value is changed by hand.
    let faces = session.join(FACES_FILE);
    let whole = std::fs::read_to_string(&faces).unwrap();
    let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    let mut fields: Vec<&str> = lines[3].split(',').collect();
    let (x, frame) = ("33.3", fields[1].to_owned());
    fields[3] = x;
    lines[3] = fields.join(",");
    std::fs::write(&faces, lines.join("\n") + "\n").unwrap();
    let (code, said) = moue(folder.path(), &["verify", name]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("it was changed after the recording")
            && said.contains(&format!("frame {frame}: recorded")),
        "{said}"
    );

    // A row is gone, and its hash was made to fit: reading again finds it.
    lines.remove(3);
    let text = lines.join("\n") + "\n";
    std::fs::write(&faces, &text).unwrap();
    let hash = moue::record::hash_file(&faces).unwrap();
    change(&session, |value| {
        value["files"][0] = serde_json::to_value(hash).unwrap();
        value["faces"] = json!(count - 1);
    });
    let (code, said) = moue(folder.path(), &["verify", name]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("1 that were not recorded"), "{said}");

    // Another film of the same name.
    std::fs::write(&faces, whole).unwrap();
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/obama.jpg"),
        folder.path().join("film.gif"),
    )
    .unwrap();
    let (code, said) = moue(folder.path(), &["verify", name]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("it is another file"), "{said}");
}

#[test]
fn what_cannot_be_read_again_is_said_and_the_rest_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let record =
        ["analyze", "--source", "demo", "--frames", "20", "--json", "--out", "x.jsonl", "--record", "rec"];
    assert_eq!(moue(folder.path(), &record).0, Some(0));
    let session = session(folder.path());
    let name = session.to_str().unwrap();
    let (code, said) = moue(folder.path(), &["verify", name]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("20 rows read again: 20 the same"), "the demo is always the same: {said}");
    // As if it had been a camera.
    change(&session, |value| {
        value["source"]["kind"] = json!("camera");
        value.as_object_mut().unwrap().remove("analysis");
    });
    let (code, said) = moue(folder.path(), &["verify", name]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("not checked  the rows against the source: a camera's frames are not kept"),
        "{said}"
    );
    assert!(said.contains("faces.csv: SHA-256") && said.contains("probabilities sum to 1"), "{said}");
    // Other weights, a source that is gone, a name that leads elsewhere.
    change(&session, |value| {
        value["source"] = json!({"name": "../../../etc/passwd", "kind": "video", "width": 1, "height": 1, "frame_rate": 1.0});
        value["analysis"] = json!({"detector": "auto", "every": 1});
    });
    let (code, said) = moue(folder.path(), &["verify", name]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("lies neither in the folder nor beside it"), "{said}");
    change(&session, |value| {
        value["source"]["kind"] = json!("demo");
        value["models"][0]["sha256"] = json!("0".repeat(64));
        value["files"][0]["name"] = json!("../x.jsonl");
    });
    let (code, said) = moue(folder.path(), &["verify", name]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("expected the weights") && said.contains("--weights FILE"), "{said}");
    assert!(said.contains("names a file ../x.jsonl that no recording has"), "{said}");
    assert_eq!(moue(folder.path(), &["verify", "none"]).0, Some(2));
}
