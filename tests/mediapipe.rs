//! The own face finder against MediaPipe itself, on the pictures that its authors' program was run on.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use moue::detect::mediapipe::{Beyond, BlazeFaceDetection, BlazeFaceDetector, FaceMesh, MeshFinder};
use moue_kernels::Isa;
use serde_json::Value;

/// Largest distance of a box's edges, in widths of the face.
const BOX: f64 = 0.02;
/// Largest distance of one of the six points.
const KEYPOINT: f64 = 0.02;
/// Mean and largest distance of the mesh's points, in widths of the mesh.
const MESH: (f64, f64) = (0.01, 0.02);

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Largest distance of edges and of points, in widths of their box.
fn distances(theirs: &Value, (width, height): (f64, f64), ours: &BlazeFaceDetection) -> (f64, f64) {
    let b = numbers(&theirs["box_xywh"]);
    let (left, top, right, low) =
        (b[0] * width, b[1] * height, (b[0] + b[2]) * width, (b[1] + b[3]) * height);
    let face = ours.face;
    let edges = [
        f64::from(face.x) - left,
        f64::from(face.y) - top,
        f64::from(face.x + face.width) - right,
        f64::from(face.y + face.height) - low,
    ];
    let points = theirs["keypoints"].as_array().unwrap().iter().zip(&ours.keypoints).map(|(theirs, ours)| {
        let at = numbers(theirs);
        (at[0] * width - f64::from(ours[0])).hypot(at[1] * height - f64::from(ours[1]))
    });
    let wide = right - left;
    (edges.iter().fold(0.0, |a: f64, v| a.max(v.abs())) / wide, points.fold(0.0, f64::max) / wide)
}

/// Mean and largest distance of the points in the picture, and mean distance in depth, in widths of the mesh.
fn mesh_distances(theirs: &Value, (width, height): (f64, f64), ours: &FaceMesh) -> (f64, f64, f64) {
    let wide = f64::from(ours.bounding_box().width);
    let (mut sum, mut most, mut depth) = (0.0, 0.0_f64, 0.0);
    let theirs = theirs.as_array().unwrap();
    assert_eq!(theirs.len(), ours.points.len());
    for (theirs, [x, y, z]) in theirs.iter().zip(&ours.points) {
        let at = numbers(theirs);
        let off = (at[0] * width - f64::from(*x)).hypot(at[1] * height - f64::from(*y)) / wide;
        sum += off;
        most = most.max(off);
        depth += (at[2] * width - f64::from(*z)).abs() / wide;
    }
    let count = theirs.len() as f64;
    (sum / count, most, depth / count)
}

#[test]
fn faces_points_and_meshes_are_those_of_mediapipe() {
    let Some(shared) = common::shared() else { return };
    let file = std::fs::read(shared.join("reference/mediapipe/mediapipe_on_media.json")).unwrap();
    let reference: Value = serde_json::from_slice(&file).unwrap();
    let mut detector = BlazeFaceDetector::new(Isa::best());
    let mut finder = MeshFinder::new(Isa::best());
    let (mut faces, mut meshes) = (0, 0);
    for (name, theirs) in reference["pictures"].as_object().unwrap() {
        let picture = image::open(shared.join("media/images").join(name)).unwrap().to_rgb8();
        let size = (f64::from(picture.width()), f64::from(picture.height()));
        let found = detector.detect(&picture, &BlazeFaceDetector::whole(&picture), Beyond::Black);
        let expected = theirs["short_range"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "faces in {name}");
        for theirs in expected {
            let each = found.iter().map(|ours| (distances(theirs, size, ours), ours.score));
            let ((edges, points), score) = each.min_by(|a, b| a.0.0.total_cmp(&b.0.0)).unwrap();
            assert!(edges < BOX && points < KEYPOINT, "{name}: box off by {edges}, points by {points}");
            let off = (f64::from(score) - theirs["score"].as_f64().unwrap()).abs();
            assert!(off < 0.01, "{name}: score off by {off}");
            faces += 1;
        }
        let ours: Vec<FaceMesh> =
            found.iter().filter_map(|f| finder.find(&picture, &f.mesh_square())).collect();
        for theirs in theirs["mesh"].as_array().unwrap() {
            let each = ours.iter().map(|mesh| (mesh_distances(theirs, size, mesh), mesh.score));
            let ((mean, most, depth), score) = each.min_by(|a, b| a.0.0.total_cmp(&b.0.0)).unwrap();
            assert!(mean < MESH.0 && most < MESH.1, "{name}: mesh off by {mean} in the mean, {most} at most");
            assert!(depth < MESH.0 && score > 0.9, "{name}: depth off by {depth}, score {score}");
            meshes += 1;
        }
    }
    assert!(faces >= 12 && meshes >= 11, "{faces} faces, {meshes} meshes compared");
}
