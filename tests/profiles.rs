//! Profiles on real faces: the evidence of an own expression is exact, and other people's faces are told from the taught one.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use moue::capture::{Pace, SourceSpec, open_source};
use moue::detect::DetectorKind;
use moue::model::{Classifier, DeviceChoice, LoadedWeights};
use moue::pipeline::{AnalyzedFace, FaceSearch, FrameAnalyzer, PersonalReader, face_features};
use moue_profile::{Example, FaceFeatures, TeachOptions, learn};

/// The faces of each frame with their times.
fn faces(path: &Path) -> Vec<(f64, Vec<AnalyzedFace>)> {
    let mut source = open_source(&SourceSpec::Path(path.to_owned()), Pace::Unpaced).unwrap().source;
    let network = Classifier::new(&LoadedWeights::built_in().unwrap().weights, DeviceChoice::Cpu, 2).unwrap();
    let search = FaceSearch::for_source(source.info().kind, DetectorKind::Auto);
    let mut analyzer = FrameAnalyzer::new(network, search);
    let mut all = Vec::new();
    while let Some(frame) = source.next_frame().unwrap() {
        let time_s = frame.time_s;
        all.push((time_s, analyzer.analyze(frame).unwrap().faces));
    }
    all
}

fn demo(name: &str) -> AnalyzedFace {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo").join(name);
    faces(&path).remove(0).1.remove(0)
}

#[test]
fn the_evidence_of_an_own_expression_adds_up_to_what_the_profile_reads() {
    let portraits = ["astronaut.jpg", "biden.jpg", "obama.jpg", "obama_serious.jpg"].map(demo);
    // Landmarks add to a logit, and have no place in the map.
    let features = |face: &AnalyzedFace| FaceFeatures { shape: None, ..face_features(face, &face.reading) };
    let examples: Vec<Example> = portraits
        .iter()
        .enumerate()
        .map(|(i, face)| Example { class: i % 2, take: i / 2, features: features(face) })
        .collect();
    let names = ["one", "two"].map(String::from);
    let options = TeachOptions { network_classes: vec![None; 2], ..Default::default() };
    let reader = PersonalReader::new(learn(&names, &examples, &options).unwrap().profile);
    for class in 0..2 {
        let rests: Vec<f32> = portraits
            .iter()
            .map(|face| {
                let map = reader.evidence(class, &face.reading).unwrap();
                assert_eq!(
                    (map.width, map.height),
                    (face.reading.attention.width, face.reading.attention.height)
                );
                let (low, high) = map.range();
                assert!(high - low > 0.1, "cells differ: {low} to {high}");
                let mean = map.values.iter().sum::<f32>() / map.values.len() as f32;
                reader.read_face(&features(face)).unwrap().logits[class] - mean
            })
            .collect();
        assert!(rests.iter().all(|rest| (rest - rests[0]).abs() < 1e-3), "{class}: {rests:?}");
    }
}

/// A face's proportions at a time, in seconds.
type Seen = (f64, Vec<f32>);

/// Those of a clip with one person.
fn watched(path: &Path) -> Vec<Seen> {
    let only = |faces: Vec<AnalyzedFace>| match <[AnalyzedFace; 1]>::try_from(faces) {
        Ok([face]) => face_features(&face, &face.reading).proportions,
        Err(_) => None,
    };
    faces(path).into_iter().filter_map(|(at_s, faces)| Some((at_s, only(faces)?))).collect()
}

fn mean(of: &[Seen]) -> Vec<f32> {
    let sum = |i: usize| of.iter().map(|(_, p)| p[i]).sum::<f32>();
    (0..of[0].1.len()).map(|i| sum(i) / of.len() as f32).collect()
}

#[test]
fn other_peoples_faces_are_told_from_the_taught_one() {
    let Some(media) = common::shared().map(|shared| shared.join("media")) else { return };
    let video = |name: &str| media.join("video").join(name);
    let people: Vec<(&str, Vec<PathBuf>)> = vec![
        ("crying and laughing", vec![video("pyfeat_WolfgangLanger_Pexels.mp4")]),
        ("smiling", vec![video("pyfeat_face_noface.mov")]),
        ("turning", vec![video("intel_head-pose-face-detection-male.gif")]),
        ("signing", ["hungry", "no", "sorry", "yes"].map(|s| video(&format!("intel_asl_{s}.mkv"))).to_vec()),
    ];
    let clips: BTreeMap<&str, Vec<Vec<Seen>>> =
        people.iter().map(|(name, paths)| (*name, paths.iter().map(|p| watched(p)).collect())).collect();
    // Faces of pictures, each somebody else; the pictures of one woman are left out but for one.
    let mut strangers = Vec::new();
    let mut pictures: Vec<PathBuf> =
        std::fs::read_dir(media.join("images")).unwrap().map(|e| e.unwrap().path()).collect();
    pictures.sort();
    for picture in &pictures {
        let name = picture.file_name().unwrap().to_string_lossy();
        if name.starts_with("human_stock-emotions-a") && !name.ends_with("-1.jpg") {
            continue;
        }
        let found = faces(picture).remove(0).1;
        let large = found.iter().filter(|face| face.detection.face.width > 60.0);
        strangers.extend(large.filter_map(|face| face_features(face, &face.reading).proportions));
    }
    let (mut own, mut noticed, mut others) = (Vec::new(), 0, 0);
    for (name, seen) in &clips {
        // Taught: the first half, in four takes; of several clips all but the last, each a take.
        let (takes, rest): (Vec<Vec<_>>, Vec<_>) = match &seen[..] {
            [one] => {
                let half = one.len() / 2;
                (one[..half].chunks(half.div_ceil(4)).map(<[_]>::to_vec).collect(), one[half..].to_vec())
            }
            [taught @ .., last] => (taught.to_vec(), last.clone()),
            [] => panic!("{name}: no clip"),
        };
        let examples: Vec<Example> = takes
            .iter()
            .enumerate()
            .flat_map(|(i, take)| take.iter().map(move |(_, p)| (i, p.clone())))
            .map(|(i, p)| {
                let features = FaceFeatures {
                    pooled: vec![i as f32, 1.0],
                    logits: vec![0.0; 7],
                    shape: None,
                    proportions: Some(p),
                };
                Example { class: i % 2, take: i / 2, features }
            })
            .collect();
        let names = ["a", "b"].map(String::from);
        let options = TeachOptions { network_classes: vec![None; 2], ..Default::default() };
        let profile = learn(&names, &examples, &options).unwrap().profile;
        // Means over three seconds, as the window makes them.
        let from_s = rest[0].0;
        let mut parts = BTreeMap::<u32, Vec<Seen>>::new();
        for (at_s, p) in rest {
            parts.entry(((at_s - from_s) / 3.0) as u32).or_default().push((at_s, p));
        }
        own.extend(parts.values().map(|part| profile.unlike_owner(&mean(part)).unwrap()));
        let elsewhere =
            clips.iter().filter(|(other, _)| *other != name).map(|(_, seen)| mean(&seen.concat()));
        for stranger in elsewhere.chain(strangers.iter().cloned()) {
            others += 1;
            noticed += usize::from(profile.unlike_owner(&stranger).unwrap() > 1.0);
        }
    }
    println!("own, in limits: {own:.2?}; others noticed: {noticed} of {others}");
    assert!(own.iter().all(|unlike| *unlike < 1.0), "{own:?}");
    assert!(noticed * 2 > others, "{noticed} of {others}");
}
