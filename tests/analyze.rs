//! `moue analyze`, `cameras` and `model` as a user runs them.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

fn moue(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("moue").unwrap();
    command.current_dir(folder);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// JSON lines of one run that went well.
fn frames(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn analyze(inputs: &[PathBuf]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    frames(&moue(folder.path()).args(["analyze", "--json"]).args(inputs).output().unwrap())
}

fn labels(frame: &Value) -> Vec<String> {
    frame["faces"].as_array().unwrap().iter().map(|f| f["label"].as_str().unwrap().to_owned()).collect()
}

fn time(frame: &Value) -> f64 {
    frame["time_s"].as_f64().unwrap()
}

fn portrait() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/astronaut.jpg")
}

#[test]
fn a_portrait_gives_every_field_in_json() {
    let frame = &analyze(&[portrait()])[0];
    assert!(frame["source"].as_str().unwrap().ends_with("astronaut.jpg"));
    assert_eq!(
        (frame["frame"].as_u64(), frame["width"].as_u64(), frame["height"].as_u64()),
        (Some(0), Some(512), Some(512))
    );
    let face = &frame["faces"][0];
    assert_eq!((face["id"].as_u64(), face["label"].as_str()), (Some(1), Some("happy")));
    assert!(face["detection_score"].as_f64().unwrap() > 0.9);
    let place: Vec<f64> = face["box"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert!(
        place[0] < 225.0 && place[0] + place[2] > 225.0 && place[1] < 120.0 && place[1] + place[3] > 120.0
    );
    let p = face["probabilities"].as_object().unwrap();
    let sum: f64 = p.values().map(|v| v.as_f64().unwrap()).sum();
    assert_eq!(p.len(), 7);
    assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    assert_eq!(p["happy"], face["probability"]);
    // She faces the camera, a little to her left, and smiles with open lips.
    let measured = |name: &str| face["measurements"][name].as_f64().unwrap();
    assert!(measured("yaw").abs() < 25.0 && measured("pitch").abs() < 25.0 && measured("roll").abs() < 15.0);
    for name in ["right_eye", "left_eye", "mouth"] {
        assert!((0.1..0.6).contains(&measured(name)), "{name}: {}", measured(name));
    }
    assert!(face["measurements"]["blinks_per_min"].is_null(), "a picture has no blinks");
    assert!(face["quality"].as_f64().unwrap() > 0.8, "{}", face["quality"]);
    assert_eq!(face["reasons"].as_array().map(Vec::len), Some(0));
}

#[test]
fn the_mesh_is_drawn_where_it_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = |to: &str, flags: &[&str]| {
        let mut command = moue(folder.path());
        command.args(["analyze", "--annotate", to]).args(flags).arg(portrait());
        assert!(command.output().unwrap().status.success());
        image::open(folder.path().join(to).join("astronaut.png")).unwrap().to_rgb8()
    };
    let (without, with) = (drawn("a", &[]), drawn("b", &["--mesh"]));
    let changed: Vec<(u32, u32)> = without
        .enumerate_pixels()
        .filter(|(x, y, pixel)| with.get_pixel(*x, *y) != *pixel)
        .map(|(x, y, _)| (x, y))
        .collect();
    // Lines all over the face, at 225, 120, and nowhere else.
    assert!(changed.len() > 500, "{}", changed.len());
    assert!(changed.iter().all(|(x, y)| x.abs_diff(225) < 100 && y.abs_diff(120) < 100));
}

#[test]
fn what_makes_a_face_hard_to_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let picture = image::open(portrait()).unwrap().to_rgb8();
    let part = |left: u32, width: u32| image::imageops::crop_imm(&picture, left, 0, width, 320).to_image();
    let mut dark = part(80, 300);
    dark.iter_mut().for_each(|v| *v /= 8);
    let mut bright = part(80, 300);
    bright.iter_mut().for_each(|v| *v = v.saturating_mul(2));
    let small = image::imageops::thumbnail(&part(80, 300), 66, 70);
    let cases = [
        ("dark", dark),
        ("over_exposed", bright),
        ("blurred", image::imageops::blur(&part(80, 300), 6.0)),
        ("cut_off", part(225, 280)),
        ("too_small", small),
    ];
    for (reason, picture) in cases {
        let file = folder.path().join(format!("{reason}.png"));
        picture.save(&file).unwrap();
        let frame = &analyze(&[file])[0];
        let face = &frame["faces"][0];
        let reasons: Vec<&str> =
            face["reasons"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
        assert!(reasons.contains(&reason), "{reason}: {reasons:?}, quality {}", face["quality"]);
        assert!(face["quality"].as_f64().unwrap() < 0.9, "{reason}");
    }
}

#[test]
fn csv_has_a_row_a_face_with_the_same_fields() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("faces.csv");
    let status = moue(folder.path())
        .args(["analyze", "--csv", "--out", "faces.csv"])
        .arg(portrait())
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", text(&status.stderr));
    assert!(status.stdout.is_empty());
    let mut reader = csv::Reader::from_path(out).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header, moue::record::CSV_HEADER, "the columns are those of faces.csv");
    let rows: Vec<HashMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["label"], "happy");
    assert_eq!(rows[0]["probability"], rows[0]["happy"]);
    assert_eq!(rows[0]["smoothed_label"], "", "without --smooth nothing is smoothed");
    assert!(rows[0]["source"].ends_with("astronaut.jpg"));
    // Nothing else is left in the folder.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Probabilities of a face of a JSON line, in the network's order.
fn seven(value: &Value) -> [f64; 7] {
    ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"].map(|e| value[e].as_f64().unwrap())
}

#[test]
fn smoothed_values_stand_beside_the_raw_ones() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let demo = ["analyze", "--json", "--source", "demo", "--frames", "12"];
        frames(&moue(folder.path()).args(demo).args(arguments).output().unwrap())
    };
    let (plain, smooth, none) = (run(&[]), run(&["--smooth", "400"]), run(&["--smooth", "0"]));
    assert!(plain[0].get("smooth_ms").is_none() && plain[0]["faces"][0].get("smoothed").is_none());
    let mut expected: Option<[f64; 7]> = None;
    for ((plain, smooth), none) in plain.iter().zip(&smooth).zip(&none) {
        assert_eq!(smooth["smooth_ms"], 400.0);
        let (raw, face) = (&plain["faces"][0], &smooth["faces"][0]);
        assert_eq!(raw["probabilities"], face["probabilities"], "raw values are as without --smooth");
        assert_eq!(none["faces"][0]["smoothed"]["probabilities"], raw["probabilities"], "0 ms is no average");
        assert_eq!(face["smoothed"]["baseline"], false);
        // A first-order low-pass over frames that are a thirtieth of a second apart.
        let share = 1.0 - (-1000.0 / 30.0 / 400.0f64).exp();
        let now = seven(&raw["probabilities"]);
        let last = expected.unwrap_or(now);
        let average: [f64; 7] = std::array::from_fn(|i| last[i] + share * (now[i] - last[i]));
        for (a, b) in average.iter().zip(seven(&face["smoothed"]["probabilities"])) {
            assert!((a - b).abs() < 2e-5, "{a} and {b}");
        }
        expected = Some(average);
    }
}

#[test]
fn a_baseline_is_taken_out_after_its_time_and_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["analyze", "--csv", "--source", "demo", "--frames", "45", "--smooth", "0"];
    let run = |baseline: &[&str]| {
        let output = moue(folder.path()).args(arguments).args(baseline).output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, said, _) = run(&["--baseline", "0-1"]);
    assert_eq!(code, Some(0));
    let mut reader = csv::Reader::from_reader(said.as_bytes());
    let mut seen = [0, 0];
    for row in reader.deserialize::<HashMap<String, String>>().map(Result::unwrap) {
        let number = |column: &str| row[column].parse::<f64>().unwrap();
        let time_s = number("time_s");
        assert_eq!(row["baseline"], if time_s >= 0.999 { "true" } else { "false" }, "at {time_s}");
        seen[usize::from(time_s >= 0.999)] += 1;
        // The demo's first face smiles: recorded as neutral, that smile is taken out.
        let (happy, shown) = (number("happy"), number("smoothed_happy"));
        if time_s < 0.999 {
            assert_eq!((row["sad"].as_str(), happy), (row["smoothed_sad"].as_str(), shown), "raw before");
        } else {
            assert!(happy > 0.5 && shown < 0.5 * happy, "{happy} became {shown} at {time_s}");
        }
    }
    assert!(seen[0] > 20 && seen[1] > 10, "{seen:?}");

    let (code, _, errors) = run(&["--baseline", "20-30"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("too few readings"), "{errors}");
    for wrong in ["3-1", "x", "-1-2", "1"] {
        assert_eq!(run(&[&format!("--baseline={wrong}")]).0, Some(2), "{wrong}");
    }
}

#[test]
fn failed_inputs_are_named_and_the_others_are_done() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.png"), b"\x89PNG\r\n\x1a\nand no more").unwrap();
    std::fs::write(folder.path().join("text.jpg"), b"no picture").unwrap();
    let output = moue(folder.path())
        .args(["analyze", "--json", "broken.png", "none.png"])
        .arg(portrait())
        .arg("text.jpg")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    for name in ["broken.png", "none.png", "text.jpg"] {
        assert!(errors.contains(name), "{name} in {errors}");
    }
    assert_eq!(text(&output.stdout).lines().count(), 1);
}

#[test]
fn wrong_usage_is_2_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("out.json"), "precious").unwrap();
    std::fs::write(folder.path().join("bad.safetensors"), "no weights").unwrap();
    let cases: [&[&str]; 5] = [
        &["analyze"],
        &["analyze", "--json", "--csv", "x.png"],
        &["analyze", "--every", "0", "x.png"],
        &["analyze", "--out", "out.json", "--weights", "bad.safetensors", "x.png"],
        &["analyze", "--out", "no/such/folder/out.json", "x.png"],
    ];
    for case in cases {
        let output = moue(folder.path()).args(case).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{case:?}: {}", text(&output.stderr));
        assert!(!output.stderr.is_empty());
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("out.json")).unwrap(), "precious");
}

#[test]
fn annotated_pictures_get_names_of_their_own_and_show_the_heatmap() {
    let folder = tempfile::tempdir().unwrap();
    let twin = folder.path().join("deep");
    std::fs::create_dir(&twin).unwrap();
    std::fs::copy(portrait(), twin.join("astronaut.jpg")).unwrap();
    let output = moue(folder.path())
        .args(["analyze", "--annotate", "out"])
        .arg(portrait())
        .arg("deep")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let original = image::open(portrait()).unwrap().to_rgb8();
    for name in ["astronaut.png", "astronaut-2.png"] {
        let drawn = image::open(folder.path().join("out").join(name)).unwrap().to_rgb8();
        assert_eq!(drawn.dimensions(), original.dimensions());
        let changed = |x0: u32, y0: u32, x1: u32, y1: u32| {
            let points = (y0..y1).flat_map(|y| (x0..x1).map(move |x| (x, y)));
            points.filter(|&(x, y)| drawn.get_pixel(x, y) != original.get_pixel(x, y)).count()
        };
        assert!(changed(190, 90, 260, 160) > 1000, "the face is covered by the heatmap");
        assert_eq!(changed(0, 300, 512, 512), 0, "what is no face is as it was");
    }
}

#[test]
fn the_demo_source_and_its_frames_can_be_counted() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["analyze", "--json", "--source", "demo", "--every", "10", "--frames", "4"];
    let found = frames(&moue(folder.path()).args(args).output().unwrap());
    let numbers: Vec<u64> = found.iter().map(|f| f["frame"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [0, 10, 20, 30]);
    assert!((time(&found[3]) - 1.0).abs() < 1e-6);
}

#[test]
fn model_and_cameras_describe_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let output = moue(folder.path()).arg("model").output().unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success());
    for fact in
        ["AttentionEmotionNet", "11180616", "angry, disgust, fear, happy, neutral, sad, surprise", "sha256"]
    {
        assert!(said.contains(fact), "{fact} in {said}");
    }
    let output = moue(folder.path()).args(["model", "none.pt"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("none.pt"));
    assert!(moue(folder.path()).arg("cameras").output().unwrap().status.success());
}

#[test]
#[cfg(target_os = "linux")]
fn without_a_display_the_window_says_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let output = moue(folder.path())
        .arg("--no-settings")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("no display found") && said.contains("moue analyze"), "{said}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("moue"))
        .current_dir(folder.path())
        .args(["analyze", "--json", "--source", "demo", "--every", "5"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn pictures_read_as_a_person_would() {
    let Some(shared) = common::shared() else { return };
    let images = shared.join("media/images");
    for (name, expected) in [
        ("skimage_astronaut.png", "happy"),
        ("pyfeat_single_face.jpg", "happy"),
        ("facerec_obama-720p.jpg", "happy"),
        ("human_stock-emotions-a-1.jpg", "neutral"),
        ("human_stock-emotions-a-3.jpg", "neutral"),
    ] {
        assert_eq!(labels(&analyze(&[images.join(name)])[0]), [expected], "{name}");
    }
    assert!(labels(&analyze(&[images.join("human_background.jpg")])[0]).is_empty());
    let group = labels(&analyze(&[images.join("human_group-1.jpg")])[0]);
    let happy = group.iter().filter(|l| *l == "happy").count();
    assert!(group.len() >= 12 && happy * 2 > group.len(), "{group:?}");
}

#[test]
fn a_woman_from_tears_to_laughter_is_one_person() {
    let Some(shared) = common::shared() else { return };
    let found = analyze(&[shared.join("media/video/pyfeat_WolfgangLanger_Pexels.mp4")]);
    assert!(found.len() >= 470, "{} frames", found.len());
    let between = |from: f64, to: f64| -> Vec<String> {
        found.iter().filter(|f| (from..to).contains(&time(f))).flat_map(labels).collect()
    };
    let share = |labels: &[String], label: &str| {
        labels.iter().filter(|l| *l == label).count() as f64 / labels.len() as f64
    };
    let (early, late) = (between(1.5, 5.5), between(12.0, 99.0));
    assert!(share(&early, "sad") > 0.5 && share(&early, "happy") < 0.1, "{early:?}");
    assert!(share(&late, "happy") >= 0.9, "{late:?}");
    let ids: Vec<u64> = found
        .iter()
        .flat_map(|f| f["faces"].as_array().unwrap().iter().map(|f| f["id"].as_u64().unwrap()))
        .collect();
    assert!(ids.iter().all(|id| *id == 1), "one identity from start to end");
}

#[test]
fn a_face_that_leaves_and_films_without_one() {
    let Some(shared) = common::shared() else { return };
    let found = analyze(&[shared.join("media/video/pyfeat_face_noface.mov")]);
    let third = |part: usize| -> Vec<String> {
        let n = found.len();
        found[n * part / 8..n * (part + 1) / 8].iter().flat_map(labels).collect()
    };
    let count = |labels: &[String], label: &str| labels.iter().filter(|l| *l == label).count();
    let (start, middle, end) = (third(0), third(2), third(7));
    assert!(count(&start, "neutral") * 2 > start.len() && !start.is_empty(), "{start:?}");
    assert!(count(&middle, "happy") * 2 > middle.len() && !middle.is_empty(), "{middle:?}");
    assert!(end.is_empty(), "{end:?}");
    let none = analyze(&[shared.join("media/video/pyfeat_no_face.mp4")]);
    assert!(none.len() > 20 && none.iter().all(|f| labels(f).is_empty()));
}

/// Up to `count` files of the archive whose names contain `part`, by a walk over its headers.
fn from_tar(archive: &Path, part: &str, count: usize) -> Vec<Vec<u8>> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = std::fs::File::open(archive).unwrap();
    let mut found = Vec::new();
    let mut header = [0u8; 512];
    while found.len() < count && file.read_exact(&mut header).is_ok() && header[0] != 0 {
        let field =
            |from: usize, to: usize| text(&header[from..to]).split('\0').next().unwrap().trim().to_owned();
        let size = u64::from_str_radix(&field(124, 136), 8).unwrap();
        if field(0, 100).contains(part) && size > 0 {
            let mut bytes = vec![0; size as usize];
            file.read_exact(&mut bytes).unwrap();
            found.push(bytes);
            file.seek(SeekFrom::Current((512 - size as i64 % 512) % 512)).unwrap();
        } else {
            file.seek(SeekFrom::Current(size.div_ceil(512) as i64 * 512)).unwrap();
        }
    }
    found
}

#[test]
fn cropped_pictures_are_read_whole() {
    let Some(shared) = common::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    for class in ["happy", "surprise"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        let pictures = from_tar(&shared.join("fer2013/fer2013.tar"), &format!("val/{class}/"), 50);
        assert_eq!(pictures.len(), 50);
        for (i, bytes) in pictures.iter().enumerate() {
            std::fs::write(folder.path().join(format!("{class}/{i}.png")), bytes).unwrap();
        }
        let found =
            frames(&moue(folder.path()).args(["analyze", "--cropped", "--json", class]).output().unwrap());
        assert_eq!(found.len(), 50);
        for frame in &found {
            assert_eq!(frame["faces"].as_array().unwrap().len(), 1);
            assert_eq!(frame["faces"][0]["box"], serde_json::json!([0.0, 0.0, 48.0, 48.0]));
        }
        let right = found.iter().filter(|f| labels(f) == [class]).count();
        assert!(right >= 35, "{class}: {right} of 50");
    }
}

#[test]
fn lines_for_people_name_face_and_expression() {
    let folder = tempfile::tempdir().unwrap();
    image::RgbImage::new(64, 64).save(folder.path().join("black.png")).unwrap();
    let output = moue(folder.path()).arg("analyze").arg(portrait()).arg("black.png").output().unwrap();
    assert!(output.status.success());
    let said = text(&output.stdout);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains("astronaut.jpg") && lines[0].contains("face 1") && lines[0].contains("happy"));
    assert!(lines[1].contains("black.png") && lines[1].contains("no face"));
}

#[test]
fn weights_whose_values_overflow_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut weights = moue::model::formula::formula_weights(1);
    for value in &mut weights.tensors.get_mut("fc.weight").unwrap().values {
        *value = value.signum() * f32::MAX;
    }
    let path = folder.path().join("wild.safetensors");
    moue::model::write_safetensors(&weights, &path, moue::model::StoredAs::F32).unwrap();
    let output = moue(folder.path())
        .args(["analyze", "--weights", "wild.safetensors"])
        .arg(portrait())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("wild.safetensors: the network's value for"), "{said}");
}

#[test]
fn a_device_that_is_not_there_says_what_is_missing() {
    if cfg!(feature = "cuda") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = moue(folder.path()).args(["analyze", "--device", "cuda"]).arg(portrait()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cargo feature `cuda`"), "{}", text(&output.stderr));
}

#[cfg(unix)]
#[test]
fn links_and_pipes_stay_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (link, target) = (folder.path().join("link.json"), folder.path().join("target.json"));
    std::fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let run = |out: &Path| {
        moue(folder.path())
            .args(["analyze", "--json", "--overwrite", "--out"])
            .arg(out)
            .arg(portrait())
            .output()
            .unwrap()
    };
    assert!(run(&link).status.success());
    assert!(link.is_symlink());
    assert!(std::fs::read_to_string(&target).unwrap().contains("happy"));

    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    assert!(run(&pipe).status.success());
    assert!(reader.join().unwrap().contains("happy"));
    assert!(std::fs::symlink_metadata(&pipe).is_ok_and(|m| !m.is_file()));
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_it_and_what_was_read_is_written() {
    use std::io::{BufRead as _, BufReader, Read as _};
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("moue"))
        .current_dir(folder.path())
        .args(["analyze", "--json", "--source", "demo", "--record", "rec"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    // The recording says that it is not the whole of its source.
    let session = std::fs::read_dir(folder.path().join("rec")).unwrap().next().unwrap().unwrap().path();
    let session = std::fs::read_to_string(session.join("session.json")).unwrap();
    let session: Value = serde_json::from_str(&session).unwrap();
    assert_eq!(session["status"], "stopped");
    assert!(session["stopped_because"].as_str().unwrap().contains("Ctrl-C"), "{session}");
    for line in first.lines().chain(rest.lines()) {
        serde_json::from_str::<Value>(line).unwrap();
    }
}
