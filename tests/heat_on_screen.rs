//! A network whose attention is known: the hottest pixel of the screen lies where it looked, mirrored or not.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{Context, Pos2, Rect, pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use image::{Rgb, RgbImage};
use moue::app::{AppOptions, FilePicker, FrameView, MoueApp, Request, Settings, SettingsFile};
use moue::capture::{CaptureError, Frame, FrameSource, OpenedSource, SourceInfo, SourceKind, SourceSpec};
use moue::detect::mediapipe::TurnedSquare;
use moue::detect::{DetectorKind, DetectorSettings, FaceFinder};
use moue::model::{
    DeviceChoice, LoadedWeights, NetworkWeights, ReadOptions, WeightTensor, state_dict_layout,
};
use moue::pipeline::Origins;

/// Cells of the last feature map in a row, for an input of 144 pixels.
const CELLS: usize = 5;
/// The colour map's last colour, at full cover.
const HOTTEST: [i32; 3] = [252, 255, 164];

/// A network that carries the picture's brightness through to the attention: every convolution is zero but the
/// middle of the first one and the shortcuts. Cell i looks at input pixels 32 i - 2 to 32 i + 2.
fn brightness_network() -> LoadedWeights {
    let tensors = state_dict_layout(1)
        .into_iter()
        .map(|spec| {
            let count = spec.shape.iter().product();
            let ones = spec.name.ends_with("running_var")
                || (spec.shape.len() == 1 && spec.name.ends_with(".weight"));
            let mut values = vec![if ones { 1.0 } else { 0.0 }; count];
            if spec.name == "conv1.weight" {
                values[3 * 7 + 3] = 1.0;
            } else if spec.shape.len() == 4 && spec.shape[1] > 1 && spec.shape[2] == 1 {
                values[0] = if spec.shape[0] == 1 { 4.0 } else { 1.0 };
            } else if spec.shape == [1] {
                values[0] = -4.0;
            }
            (spec.name, WeightTensor { shape: spec.shape, values })
        })
        .collect();
    let metadata = [("input_size".to_owned(), "144".to_owned())].into();
    let weights = NetworkWeights { blocks: 1, tensors, metadata };
    LoadedWeights {
        weights,
        name: "brightness".into(),
        path: None,
        sha256: "-".into(),
        read_as: ReadOptions::default(),
    }
}

/// A dark portrait with one white patch: over the cell in that corner of the square that is classified.
fn portrait(cell: (usize, usize)) -> RgbImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/obama.jpg");
    let mut picture = image::open(path).unwrap().to_rgb8();
    for pixel in picture.pixels_mut() {
        *pixel = Rgb(pixel.0.map(|v| (f32::from(v) * 0.4) as u8));
    }
    let region = FaceFinder::new(DetectorKind::Auto, DetectorSettings::LIVE).find(&picture)[0].region;
    let one = region.side / CELLS as f32;
    // Around the point that the cell looks at, and beyond the square's edge.
    let span = |cell: usize, from: f32| {
        let at = from + cell as f32 * 32.0 / 144.0 * region.side;
        ((at - 0.5 * one).max(0.0) as u32, (at + 0.6 * one) as u32)
    };
    let ((left, right), (top, bottom)) = (span(cell.0, region.x), span(cell.1, region.y));
    for y in top..bottom.min(picture.height()) {
        for x in left..right.min(picture.width()) {
            picture.put_pixel(x, y, Rgb([255; 3]));
        }
    }
    picture
}

struct Camera {
    info: SourceInfo,
    image: Arc<RgbImage>,
    next: u64,
}

impl FrameSource for Camera {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        std::thread::sleep(Duration::from_millis(30));
        self.next += 1;
        let (image, time_s) = (Arc::clone(&self.image), self.next as f64 * 0.03);
        Ok(Some(Frame {
            image,
            index: self.next,
            time_s,
            position_s: None,
            captured_at: Instant::now(),
            stamp: moue_capture::Stamp::default(),
        }))
    }
}

struct NoPicker;

impl FilePicker for NoPicker {
    fn open(&mut self, _request: Request, _start: Option<&std::path::Path>) {}

    fn is_open(&self) -> bool {
        false
    }

    fn close(&mut self) -> bool {
        false
    }

    fn show(&mut self, _ctx: &Context) -> Option<(Request, PathBuf)> {
        None
    }
}

/// The middle of the hottest pixels, and where the hot cell is on the screen.
fn hottest_and_cell(cell: (usize, usize), mirror: bool) -> Option<(Pos2, Rect)> {
    let image = Arc::new(portrait(cell));
    let origins = Origins {
        open: Arc::new(move |_| {
            let (image, name) = (Arc::clone(&image), "camera".to_owned());
            let info = SourceInfo {
                name,
                kind: SourceKind::Camera,
                size_px: None,
                frame_rate: None,
                frame_count: None,
                conversion: None,
            };
            Ok(OpenedSource { source: Box::new(Camera { info, image, next: 0 }), note: None })
        }),
        read: Arc::new(|_| Ok(brightness_network())),
        ..Origins::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = SettingsFile::at(folder.path().join("settings.json"));
    let settings = Settings { introduced: true, mirror, overlay_opacity: 1.0, ..Settings::default() };
    file.write(&settings).unwrap();
    let options = AppOptions {
        source: SourceSpec::Auto,
        weights: None,
        device: DeviceChoice::Cpu,
        threads: 1,
        detector: None,
        settings: true,
    };
    let mut harness: Harness<'static, MoueApp> =
        Harness::builder().with_size(vec2(1100.0, 720.0)).with_max_steps(4).wgpu().build_eframe(|creation| {
            MoueApp::from_origins(&creation.egui_ctx, options, Some(file), Box::new(NoPicker), origins)
                .unwrap()
        });
    let start = Instant::now();
    while harness.state().live().result().is_none_or(|r| r.analyzed.faces.is_empty()) {
        assert!(start.elapsed() < Duration::from_secs(60), "no face; {:?}", harness.state().messages());
        std::thread::sleep(Duration::from_millis(20));
        harness.step();
    }
    let result = harness.state().live().result().unwrap();
    let attention = &result.analyzed.faces[0].reading.attention;
    assert_eq!((attention.width, attention.height), (CELLS, CELLS));
    let hot = attention.values[cell.1 * CELLS + cell.0];
    assert!(hot > 0.9, "the network does not look at the patch: {:?}", attention.values);
    assert!(attention.values.iter().filter(|v| **v > 0.5).count() == 1, "{:?}", attention.values);

    harness.step();
    let screen = match harness.render() {
        Ok(screen) => screen,
        Err(e) => {
            common::skip(&format!("nothing can be drawn here: {e}"));
            return None;
        }
    };
    let distance = |p: &image::Rgba<u8>| {
        p.0.iter().zip(HOTTEST).map(|(v, h)| (i32::from(*v) - h).abs()).max().unwrap_or(255)
    };
    // The legend in the panel has that colour too.
    let space = harness.get_by_label("Live picture").rect().shrink(10.0);
    let hottest: Vec<Pos2> = screen
        .enumerate_pixels()
        .filter(|(_, _, p)| distance(p) <= 6)
        .map(|(x, y, _)| pos2(x as f32 + 0.5, y as f32 + 0.5))
        .filter(|p| space.contains(*p))
        .collect();
    assert!(!hottest.is_empty(), "nothing on the screen has the hottest colour");
    let middle = hottest.iter().fold(Pos2::ZERO, |sum, p| sum + p.to_vec2()) / hottest.len() as f32;

    let view = FrameView::fit(space, result.analyzed.frame.image.dimensions(), mirror);
    let region = result.analyzed.faces[0].region;
    let share = |cell: usize| (cell as f32 + 0.5) / CELLS as f32;
    let square = region.square();
    let cell = TurnedSquare {
        centre: square.point([share(cell.0), share(cell.1)]),
        side: region.side / CELLS as f32,
        angle: region.angle,
    };
    let corners = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]].map(|at| {
        let [x, y] = cell.point(at);
        view.point(x, y)
    });
    Some((middle, Rect::from_points(&corners)))
}

#[test]
fn the_hottest_pixel_lies_over_the_cell_that_the_network_looked_at() {
    let mut sides = Vec::new();
    for mirror in [false, true] {
        for cell in [(0, 0), (4, 0)] {
            let Some((hottest, place)) = hottest_and_cell(cell, mirror) else { return };
            // The picture is in motion nowhere, but boxes of consecutive frames may differ by a pixel.
            assert!(
                place.expand(4.0).contains(hottest),
                "{hottest:?} is not in {place:?} ({cell:?}, mirror {mirror})"
            );
            sides.push(hottest.x);
        }
    }
    assert!(sides[0] < sides[1], "left is left");
    assert!(sides[2] > sides[3], "and right in the mirror");
}
