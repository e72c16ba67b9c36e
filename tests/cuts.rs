//! Hard cuts: where a film begins another scene, the people of the last one are over; motion is no cut.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;
#[path = "common/files.rs"]
#[allow(unused_imports)]
mod files;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use moue::capture::{Pace, SourceSpec, open_source};
use moue::pipeline::SceneWatch;

/// The frames that begin a scene, but for the first.
fn cuts(source: &SourceSpec) -> Vec<usize> {
    let mut source = open_source(source, Pace::Unpaced).unwrap().source;
    let mut watch = SceneWatch::default();
    let scenes: Vec<u64> =
        files::frames(source.as_mut()).iter().map(|frame| watch.scene_of(frame, true)).collect();
    (1..scenes.len()).filter(|i| scenes[*i] != scenes[*i - 1]).collect()
}

#[test]
fn the_demo_cuts_between_its_portraits_and_nowhere_else() {
    assert_eq!(cuts(&SourceSpec::Demo), [180, 360, 540, 720]);
}

#[test]
fn motion_in_real_clips_is_no_cut() {
    let Some(shared) = common::shared() else { return };
    if !files::has_ffmpeg() {
        return;
    }
    let mut clips: Vec<_> =
        std::fs::read_dir(shared.join("media/video")).unwrap().map(|e| e.unwrap().path()).collect();
    clips.sort();
    for clip in clips {
        let name = clip.file_name().unwrap().to_string_lossy().into_owned();
        let found = cuts(&SourceSpec::Path(clip));
        println!("{name}: cuts at {found:?}");
        // These two were put together from other films.
        let is_cut = name == "pyfeat_face_noface.mov" || name == "pyfeat_noface_face.mov";
        assert_eq!(!found.is_empty(), is_cut, "{name}: {found:?}");
        assert!(found.len() <= 2, "{name}: {found:?}");
    }
}

/// A film of two portraits, a second each at 10 frames a second, their faces at about the same place.
fn two_people(folder: &Path) -> Option<std::path::PathBuf> {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo");
    let path = folder.join("two.mp4");
    let made = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-loop", "1", "-framerate", "10", "-t", "1", "-i"])
        .arg(demo.join("obama.jpg"))
        .args(["-loop", "1", "-framerate", "10", "-t", "1", "-i"])
        .arg(demo.join("obama_serious.jpg"))
        .args([
            "-filter_complex",
            "[0]scale=360:360,setsar=1[a];[1]scale=360:360,setsar=1[b];[a][b]concat=n=2:v=1",
        ])
        .args(["-c:v", "mpeg4", "-q:v", "3"])
        .arg(&path)
        .status();
    made.is_ok_and(|s| s.success()).then_some(path)
}

#[test]
fn after_a_cut_the_rows_of_a_film_are_of_other_people_with_averages_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = two_people(folder.path()) else { return common::skip("ffmpeg is not installed") };
    assert_eq!(cuts(&SourceSpec::Path(path.clone())), [10]);
    let output = Command::new(assert_cmd::cargo::cargo_bin!("moue"))
        .arg("analyze")
        .arg(&path)
        .args(["--json", "--smooth", "2000"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut ids = [BTreeSet::new(), BTreeSet::new()];
    for line in text.lines() {
        let frame: serde_json::Value = serde_json::from_str(line).unwrap();
        let after = frame["frame"].as_u64().unwrap() >= 10;
        for face in frame["faces"].as_array().unwrap() {
            ids[usize::from(after)].insert(face["id"].as_u64().unwrap());
            if frame["frame"] == 10 {
                // The first average after the cut is the first reading itself.
                assert_eq!(face["smoothed"]["probabilities"], face["probabilities"], "{face}");
            }
        }
    }
    assert!(!ids[0].is_empty() && !ids[1].is_empty(), "{ids:?}");
    assert!(ids[0].is_disjoint(&ids[1]), "{ids:?}");
}
