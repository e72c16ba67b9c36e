//! What the commands write, and what they never write over.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn moue(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moue"));
    command.current_dir(folder);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = moue(folder).args(arguments).output().unwrap();
    (
        status.code(),
        String::from_utf8_lossy(&stdout).into_owned(),
        String::from_utf8_lossy(&stderr).into_owned(),
    )
}

/// A portrait at this name, in the form that its ending says.
fn portrait(path: &Path) {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/obama.jpg");
    image::open(demo).unwrap().thumbnail(240, 300).to_rgb8().save(path).unwrap();
}

/// All files below the folder with their content; links are not followed.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            all.extend(content(&path));
        } else {
            all.insert(path.clone(), std::fs::read(&path).unwrap_or_default());
        }
    }
    all
}

#[test]
fn an_input_is_never_written_over_under_whatever_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["deep", "links", "full"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    portrait(&at("a.png"));
    portrait(&at("deep/b.png"));
    portrait(&at("full/c.png"));
    std::fs::hard_link(at("a.png"), at("links/a.png")).unwrap();
    std::fs::write(at("net.safetensors"), "weights of the user").unwrap();
    let mut cases: Vec<Vec<&str>> = vec![
        vec!["a.png", "--annotate", "."],
        vec!["a.png", "--annotate", "deep/.."],
        vec!["a.png", "--annotate", "links"],
        vec!["deep/b.png", "--annotate", "./deep/"],
        vec!["full", "--annotate", "full"],
        vec!["full", "--annotate", "deep/../full/."],
        vec![".", "--annotate", "deep", "--out", "x.csv"],
        vec!["a.png", "--out", "a.png"],
        vec!["a.png", "--out", "links/a.png"],
        vec!["a.png", "--csv", "--out", "deep/../a.png"],
        vec!["full", "--out", "full/c.png"],
        vec!["a.png", "--weights", "net.safetensors", "--out", "net.safetensors"],
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../deep/b.png", at("links/b.png")).unwrap();
        std::os::unix::fs::symlink("full", at("other name")).unwrap();
        cases.push(vec!["deep/b.png", "--out", "links/b.png"]);
        cases.push(vec!["deep/b.png", "--annotate", "links"]);
        cases.push(vec!["links/b.png", "--out", "deep/b.png"]);
        cases.push(vec!["full", "--annotate", "other name"]);
    }
    let before = content(folder.path());
    for case in cases {
        for more in [&[][..], &["--overwrite"]] {
            let arguments = [&["analyze"], &case[..], more].concat();
            let (code, out, said) = run(folder.path(), &arguments);
            assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {said}");
            assert!(said.contains("read by this command") || said.contains("folder that is read"), "{said}");
            assert_eq!(content(folder.path()), before, "{arguments:?}");
        }
    }
}

#[test]
fn what_another_wrote_is_replaced_only_with_overwrite() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    portrait(&at("a.jpg"));
    std::fs::write(at("a.png"), "someone's").unwrap();
    std::fs::write(at("x.csv"), "someone's").unwrap();
    let before = content(folder.path());
    for arguments in [
        &["analyze", "a.jpg", "--annotate", "."][..],
        &["analyze", "a.jpg", "--out", "x.csv"],
        // Two outputs of one name.
        &["analyze", "a.jpg", "--annotate", "new", "--out", "new/a.png"],
    ] {
        let (code, out, said) = run(folder.path(), arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{said}");
        assert!(said.contains("--overwrite") || said.contains("gets this name"), "{said}");
        assert_eq!(content(folder.path()), before);
    }
    let arguments = ["analyze", "a.jpg", "--annotate", ".", "--out", "x.csv", "--overwrite"];
    assert_eq!(run(folder.path(), &arguments).0, Some(0));
    assert!(image::open(at("a.png")).is_ok());
    assert!(std::fs::read_to_string(at("x.csv")).unwrap().contains("a.jpg"));
    assert_eq!(content(folder.path()).len(), 3);
}

#[test]
fn pictures_of_one_name_do_not_share_an_annotated_picture() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("in/deep")).unwrap();
    for name in ["in/a.jpg", "in/a.png", "in/a-2.png", "in/A.bmp", "in/deep/a.jpg"] {
        portrait(&at(name));
    }
    let (code, _, said) = run(folder.path(), &["analyze", "in", "--annotate", "out"]);
    assert_eq!(code, Some(0), "{said}");
    let mut names: Vec<String> = content(&at("out"))
        .into_keys()
        .map(|p| p.file_name().unwrap().to_string_lossy().to_lowercase())
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5, "{names:?}");
}

#[test]
fn a_second_run_does_not_read_what_the_first_one_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("in")).unwrap();
    portrait(&at("in/a.jpg"));
    portrait(&at("in/b.png"));
    let arguments = ["analyze", "--csv", "in", "--annotate", "in/out", "--record", "in/rec", "--overwrite"];
    let (code, first, said) = run(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(content(&at("in/out")).len(), 2);
    for annotate in ["in/out", "./in/../in/out"] {
        let again = ["analyze", "--csv", "in", "--annotate", annotate, "--record", "in/rec", "--overwrite"];
        let (code, second, said) = run(folder.path(), &again);
        assert_eq!((code, &second), (Some(0), &first), "{said}");
        assert!(said.contains("left out, since this program writes there"), "{said}");
    }
    assert_eq!(content(&at("in/out")).len(), 2);
    // Without --overwrite nothing is done, and nothing is lost.
    let before = content(folder.path());
    assert_eq!(run(folder.path(), &["analyze", "in", "--annotate", "in/out"]).0, Some(2));
    assert_eq!(content(folder.path()), before);
}

#[test]
fn a_films_frames_are_not_written_over_either() {
    if !Command::new("ffmpeg").arg("-version").output().is_ok_and(|o| o.status.success()) {
        return common::skip("ffmpeg is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let made = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=96x96:rate=5:duration=1"])
        .args(["-c:v", "mpeg4"])
        .arg(at("film.mp4"))
        .status();
    assert!(made.unwrap().success());
    // A picture of the film's name is no frame of it.
    std::fs::write(at("film.png"), "someone's").unwrap();
    std::fs::write(at("film_000003.png"), "someone's").unwrap();
    let before = content(folder.path());
    let (code, _, said) = run(folder.path(), &["analyze", "film.mp4", "--annotate", "."]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("film_000003.png: it is there already;"), "{said}");
    assert_eq!(content(folder.path()), before);
    assert_eq!(run(folder.path(), &["analyze", "film.mp4", "--annotate", ".", "--overwrite"]).0, Some(0));
    assert!(image::open(at("film_000003.png")).is_ok());
    assert_eq!(std::fs::read_to_string(at("film.png")).unwrap(), "someone's");
}

#[test]
fn the_other_commands_keep_what_is_there_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/moue-fer2013.safetensors");
    std::fs::copy(weights, at("net.safetensors")).unwrap();
    std::fs::hard_link(at("net.safetensors"), at("hard.safetensors")).unwrap();
    for class in ["angry", "happy", "sad"] {
        for split in ["train", "val"] {
            std::fs::create_dir_all(at("data").join(split).join(class)).unwrap();
            let grey = image::GrayImage::from_fn(48, 48, |x, y| image::Luma([(x * 3 + y) as u8]));
            grey.save(at("data").join(split).join(class).join("1.png")).unwrap();
        }
    }
    std::fs::create_dir(at("out")).unwrap();
    for name in ["other.safetensors", "out/report.txt", "out/weights.safetensors", "data/val/sad/report.json"]
    {
        std::fs::write(at(name), "someone's").unwrap();
    }
    std::fs::copy(at("data/val/sad/1.png"), at("data/val/sad/reliability.png")).unwrap();
    assert_eq!(
        run(folder.path(), &["analyze", "data/val/sad/1.png", "--cropped", "--record", "rec"]).0,
        Some(0)
    );
    let session = std::fs::read_dir(at("rec")).unwrap().next().unwrap().unwrap().path();
    let session = session.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
    let faces = format!("{session}/faces.csv");
    std::fs::write(at(&session).join("report.html"), "<html>someone's").unwrap();
    let before = content(folder.path());
    let net = "net.safetensors";
    let refused: &[&[&str]] = &[
        &["export", net, "--to", net],
        &["export", net, "--to", "hard.safetensors", "--overwrite"],
        &["export", net, "--to", "other.safetensors"],
        &["calibrate", net, "data", "--to", net, "--overwrite"],
        &["calibrate", net, "data", "--to", "other.safetensors"],
        &["evaluate", net, "data", "--split", "val", "--out", "out"],
        &["evaluate", net, "data", "--split", "val", "--out", "data/val/sad", "--overwrite"],
        &["evaluate", net, "data", "--split", "val", "--conditions", "--write-card", "other.safetensors"],
        &["train", "data", "--out", "out"],
        &["report", &session],
        &["report", &session, "--out", "other.safetensors"],
        &["report", &session, "--out", &faces, "--overwrite"],
        &["expand", "data", "--out", "out"],
        &["bench", "--only", "faces", "--pictures", "data", "--draw", "other.safetensors"],
    ];
    for arguments in refused {
        let (code, _, said) = run(folder.path(), arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(
            said.contains("--overwrite")
                || said.contains("read by this command")
                || said.contains("empty folder"),
            "{arguments:?}: {said}"
        );
        assert_eq!(content(folder.path()), before, "{arguments:?}");
    }
    let done: &[&[&str]] = &[
        &["export", net, "--to", "other.safetensors", "--overwrite"],
        &["report", &session, "--overwrite"],
        // Its own page it makes anew.
        &["report", &session],
    ];
    for arguments in done {
        let (code, _, said) = run(folder.path(), arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
    }
    assert!(std::fs::metadata(at("other.safetensors")).unwrap().len() > 1_000_000);
    assert!(std::fs::read_to_string(at(&session).join("report.html")).unwrap().contains("Recording"));
}

#[test]
fn the_ending_of_the_file_chooses_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    portrait(&at("a.jpg"));
    for (name, flags, begins) in [
        ("x.csv", &[][..], "time_s,frame,"),
        ("X.CSV", &[], "time_s,frame,"),
        ("x.json", &[], "{\"source\":\"a.jpg\""),
        ("x.jsonl", &[], "{\"source\":\"a.jpg\""),
        ("x.txt", &[], "a.jpg  frame 0"),
        ("x", &[], "a.jpg  frame 0"),
        ("y.csv", &["--json"], "{\"source\":\"a.jpg\""),
        ("y.json", &["--csv"], "time_s,frame,"),
    ] {
        let arguments = [&["analyze", "a.jpg", "--out", name], flags].concat();
        let (code, _, said) = run(folder.path(), &arguments);
        assert_eq!(code, Some(0), "{said}");
        let text = std::fs::read_to_string(at(name)).unwrap();
        assert!(text.starts_with(begins), "{name}: {text}");
    }
}

#[test]
fn small_pictures_without_faces_get_one_hint() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("faces")).unwrap();
    for i in 0..6 {
        let grey = image::GrayImage::from_fn(48, 48, |x, y| image::Luma([(x * (i + 1) + y) as u8]));
        grey.save(at("faces").join(format!("{i}.png"))).unwrap();
    }
    let (code, _, said) = run(folder.path(), &["analyze", "faces"]);
    assert_eq!(code, Some(0));
    assert_eq!(said.matches("add --cropped").count(), 1, "{said}");
    assert!(said.contains("in 0 of 6 pictures"), "{said}");
    assert!(!run(folder.path(), &["analyze", "faces", "--cropped"]).2.contains("--cropped"));
    // Neither where faces are found nor about large pictures.
    portrait(&at("large.jpg"));
    std::fs::remove_dir_all(at("faces")).unwrap();
    image::RgbImage::new(400, 300).save(at("empty.png")).unwrap();
    assert!(!run(folder.path(), &["analyze", "."]).2.contains("--cropped"));
}

#[test]
fn many_pictures_are_recorded_as_one_session() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("faces")).unwrap();
    for i in 0..5 {
        portrait(&at(&format!("faces/{i}.png")));
    }
    std::fs::write(at("faces/9.png"), "no picture").unwrap();
    let (code, _, said) = run(folder.path(), &["analyze", "faces", "--record", "rec"]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.matches("recorded ").count(), 1, "{said}");
    let sessions: Vec<PathBuf> = std::fs::read_dir(at("rec")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(sessions.len(), 1);
    let session = std::fs::read_to_string(sessions[0].join("session.json")).unwrap();
    let session: serde_json::Value = serde_json::from_str(&session).unwrap();
    assert_eq!(
        (&session["results"], &session["faces"], &session["status"]),
        (&5.into(), &5.into(), &"complete".into())
    );
    assert_eq!(
        (&session["source"]["name"], &session["source"]["kind"]),
        (&"faces".into(), &"pictures".into())
    );
    let mut rows = csv::Reader::from_path(sessions[0].join("faces.csv")).unwrap();
    let header = rows.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let (source, time) = (column("source"), column("time_s"));
    let rows: Vec<csv::StringRecord> = rows.records().map(|r| r.unwrap()).collect();
    // Nobody knows whether the faces of two pictures are the same person's.
    let ids: Vec<&str> = rows.iter().map(|r| &r[column("id")]).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5"]);
    let rows: Vec<(String, f64)> =
        rows.iter().map(|r| (r[source].to_owned(), r[time].parse().unwrap())).collect();
    // A second each, so that they come one after the other in the report.
    let expected: Vec<(String, f64)> = (0..5).map(|i| (format!("{i}.png"), f64::from(i))).collect();
    assert_eq!(rows, expected);
}

#[test]
fn a_file_can_be_named_to_open_it_in_the_window() {
    let folder = tempfile::tempdir().unwrap();
    portrait(&folder.path().join("photo.jpg"));
    let (code, _, said) = run(folder.path(), &["analyse"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("analyse: expected a picture") && said.contains("analyze, bench"), "{said}");
    assert_eq!(run(folder.path(), &["none.jpg"]).0, Some(2));
    assert_eq!(run(folder.path(), &["photo.jpg", "--source", "demo"]).0, Some(2));
    #[cfg(target_os = "linux")]
    for more in [&[][..], &["photo.jpg"]] {
        let output = moue(folder.path())
            .args(["--no-settings", "photo.jpg"])
            .args(more)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        // The files were taken, several as a list; only the desktop is missing here.
        assert!(said.starts_with("moue: no display found"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn files_are_as_readable_as_the_users_mask_says() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    portrait(&folder.path().join("a.jpg"));
    for (mask, file, dir) in [("022", 0o644, 0o755), ("027", 0o640, 0o750), ("002", 0o664, 0o775)] {
        let script = format!(
            "umask {mask}; exec \"$0\" analyze a.jpg --csv --out {mask}.csv --annotate {mask} --record {mask}/rec"
        );
        let output = Command::new("sh")
            .current_dir(folder.path())
            .args(["-c", &script, env!("CARGO_BIN_EXE_moue")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let made = folder.path().join(mask);
        assert_eq!(mode(&folder.path().join(format!("{mask}.csv"))), file);
        assert_eq!(mode(&made), dir);
        let files: Vec<PathBuf> = content(&made).into_keys().collect();
        assert_eq!(files.len(), 3);
        for path in files {
            assert_eq!(mode(&path), file, "{}", path.display());
            assert_eq!(mode(path.parent().unwrap()), dir);
        }
    }
}
