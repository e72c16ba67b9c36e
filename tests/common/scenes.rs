//! Sources and networks that behave as the caller says, made of the project's own demo pictures: for tests of the
//! window and for the program that shows it (`examples/showcase.rs`).
#![allow(dead_code, reason = "each user takes a part")]
#![allow(clippy::unwrap_used, reason = "files of the project itself")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use image::{RgbImage, imageops};
use moue::capture::{CaptureError, Frame, FrameSource, OpenedSource, SourceInfo, SourceKind};
use moue::model::{LoadedWeights, NetworkWeights, ReadOptions, WeightTensor, state_dict_layout};
use moue::pipeline::Origins;

/// Pictures a second of the made-up sources.
pub const RATE: u32 = 20;

/// What a made-up source does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Script {
    /// Delivers for ever.
    Forever,
    /// Delivers so many pictures, then nothing, without an error, also when it is opened again: a camera whose
    /// driver hangs.
    SilentAfter(u32),
    /// Delivers so many pictures, then fails: a camera that was unplugged. Opening it again fails too.
    UnpluggedAfter(u32),
    /// Delivers so many pictures, then says that there are no more.
    EndsAfter(u32),
    /// Cannot be opened.
    Missing,
    /// Takes this long to open.
    Slow(Duration),
}

/// A portrait of the demo, by its file's name.
pub fn portrait(name: &str) -> RgbImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo").join(name);
    image::open(path).unwrap().to_rgb8()
}

/// The demo's portraits: file, and the face's centre and width as parts of the picture's width.
const FACES: [(&str, f64, f64, f64); 4] = [
    ("astronaut.jpg", 0.43, 0.24, 0.20),
    ("biden.jpg", 0.50, 0.36, 0.34),
    ("obama.jpg", 0.54, 0.29, 0.30),
    ("obama_serious.jpg", 0.53, 0.30, 0.22),
];

/// One portrait, or five as in a video call, that sway a little.
pub struct Scene {
    tiles: Vec<(RgbImage, u32, u32)>,
    tile: (u32, u32),
    size: (u32, u32),
    still: bool,
    /// Other scenes, and which is seen; 0 is this one.
    others: (Vec<Scene>, Arc<AtomicUsize>),
}

/// How far a tile sways, in pixels.
const SWAY: u32 = 10;

impl Scene {
    /// One portrait of the demo.
    pub fn one() -> Self {
        let tile = (480, 360);
        Self {
            tiles: vec![(Self::crop(2, tile, 0.34), 0, 0)],
            tile,
            size: tile,
            still: false,
            others: Default::default(),
        }
    }

    /// One portrait of the demo after another, as `which` says at each moment.
    pub fn switched(which: &Arc<AtomicUsize>) -> Self {
        let tile = (480, 360);
        let of = |place: usize| {
            let tiles = vec![(Self::crop(place, tile, 0.34), 0, 0)];
            Self { tiles, tile, size: tile, still: false, others: Default::default() }
        };
        Self { others: ((1..FACES.len()).map(of).collect(), Arc::clone(which)), ..of(0) }
    }

    /// Five faces in two rows.
    pub fn five() -> Self {
        let tile = (316, 268);
        // Above is room for the window's own marks.
        let places = [(0, 48), (322, 48), (644, 48), (161, 320), (483, 320)];
        let tiles = places.iter().enumerate().map(|(i, (x, y))| {
            let mut picture = Self::crop(i % FACES.len(), tile, 0.36);
            if i >= FACES.len() {
                imageops::flip_horizontal_in_place(&mut picture);
            }
            (picture, *x, *y)
        });
        Self { tiles: tiles.collect(), tile, size: (960, 592), still: false, others: Default::default() }
    }

    /// A wall without anybody.
    pub fn nobody() -> Self {
        Self { tiles: Vec::new(), tile: (0, 0), size: (480, 360), still: true, others: Default::default() }
    }

    /// The same picture every time.
    pub fn at_rest(mut self) -> Self {
        self.still = true;
        self
    }

    /// A portrait in a tile and the margin that it sways in; `face` is the face's share of the tile's width.
    fn crop(which: usize, tile: (u32, u32), face: f64) -> RgbImage {
        let (name, x, y, width) = FACES[which];
        let whole = portrait(name);
        let scale = face * f64::from(tile.0) / (width * f64::from(whole.width()));
        let side = |px: u32| ((f64::from(px) * scale) as u32).max(tile.0.max(tile.1) + 2 * SWAY);
        let large = imageops::resize(
            &whole,
            side(whole.width()),
            side(whole.height()),
            imageops::FilterType::CatmullRom,
        );
        let (w, h) = (tile.0 + 2 * SWAY, tile.1 + 2 * SWAY);
        let from = |at: f64, len: u32, limit: u32| {
            ((at * f64::from(large.width())) as u32).saturating_sub(len / 2).min(limit - len)
        };
        imageops::crop_imm(&large, from(x, w, large.width()), from(y, h, large.height()), w, h).to_image()
    }

    /// The picture at `time_s`.
    pub fn frame(&self, time_s: f64) -> RgbImage {
        let (others, which) = &self.others;
        if let Some(other) = which.load(Ordering::Relaxed).checked_sub(1).and_then(|place| others.get(place))
        {
            return other.frame(time_s);
        }
        let mut frame = RgbImage::from_fn(self.size.0, self.size.1, |_, y| {
            let light = 52 + (y * 36 / self.size.1) as u8;
            image::Rgb([light, light + 4, light + 10])
        });
        for (i, (picture, x, y)) in self.tiles.iter().enumerate() {
            let sway = |speed: f64| {
                let part = if self.still { 0.0 } else { (time_s * speed + i as f64).sin() };
                ((1.0 + part) * f64::from(SWAY)) as u32
            };
            let part = imageops::crop_imm(picture, sway(0.9), sway(0.6), self.tile.0, self.tile.1);
            imageops::replace(&mut frame, &*part, i64::from(*x), i64::from(*y));
        }
        frame
    }
}

struct Scripted {
    info: SourceInfo,
    scene: Arc<Scene>,
    rest: Option<Arc<RgbImage>>,
    script: Script,
    start: Instant,
    next: u32,
}

impl FrameSource for Scripted {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        let waited = Duration::from_secs(1) / RATE;
        std::thread::sleep((self.start + waited * self.next).saturating_duration_since(Instant::now()));
        match self.script {
            Script::SilentAfter(n) if self.next >= n => {
                std::thread::sleep(waited);
                return Err(CaptureError::Timeout { source_name: self.info.name.clone(), waited_ms: 50 });
            }
            Script::UnpluggedAfter(n) if self.next >= n => return Err(unplugged(&self.info.name)),
            Script::EndsAfter(n) if self.next >= n => return Ok(None),
            _ => {}
        }
        let time_s = f64::from(self.next) / f64::from(RATE);
        let image = match &self.rest {
            Some(image) => Arc::clone(image),
            None => Arc::new(self.scene.frame(time_s)),
        };
        let frame = Frame {
            image,
            index: u64::from(self.next),
            time_s,
            position_s: None,
            captured_at: Instant::now(),
            stamp: moue_capture::Stamp::at(Instant::now()),
        };
        self.next += 1;
        Ok(Some(frame))
    }
}

fn unplugged(name: &str) -> CaptureError {
    CaptureError::Unusable { path: name.into(), reason: "the device was unplugged".into() }
}

/// A source of `scene`, and the network `read` gives (by itself the built-in one).
pub fn origins(kind: SourceKind, scene: Scene, script: Script) -> Origins {
    let scene = Arc::new(scene);
    let opened = std::sync::atomic::AtomicU32::new(0);
    Origins {
        open: Arc::new(move |_| {
            let name = if kind == SourceKind::Camera { "Camera" } else { "portraits" }.to_owned();
            let times = opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            match script {
                Script::Missing => return Err(unplugged(&name)),
                Script::UnpluggedAfter(_) if times > 0 => return Err(unplugged(&name)),
                Script::Slow(pause) => std::thread::sleep(pause),
                _ => {}
            }
            let info = SourceInfo {
                name,
                kind,
                size_px: Some(scene.size),
                frame_rate: Some(f64::from(RATE)),
                frame_count: None,
                conversion: None,
            };
            let rest = scene.still.then(|| Arc::new(scene.frame(0.0)));
            let scene = Arc::clone(&scene);
            let next = match script {
                Script::SilentAfter(n) if times > 0 => n,
                _ => 0,
            };
            let source = Scripted { info, scene, rest, script, start: Instant::now(), next };
            Ok(OpenedSource { source: Box::new(source), note: None })
        }),
        ..Origins::default()
    }
}

/// A network that reads every face alike, whatever is in it: happy for the most part. Its attention follows the
/// brightness. Nothing of it was trained, so that no training changes what tests see.
pub fn made_up_network(metadata: &[(&str, &str)]) -> LoadedWeights {
    /// Logits of the seven classes.
    const BIAS: [f32; 7] = [0.2, -1.1, -0.4, 2.6, 1.3, 0.4, -0.2];
    let tensors = state_dict_layout(1)
        .into_iter()
        .map(|spec| {
            let count = spec.shape.iter().product();
            let ones = spec.name.ends_with("running_var")
                || (spec.shape.len() == 1 && spec.name.ends_with(".weight"));
            let mut values = vec![if ones { 1.0 } else { 0.0 }; count];
            if spec.name == "conv1.weight" {
                values[3 * 7 + 3] = 1.0;
            } else if spec.name == "fc.weight" {
                // The evidence of happy is where it is bright.
                values[3 * 512] = 0.05;
            } else if spec.name == "fc.bias" {
                values.copy_from_slice(&BIAS);
            } else if spec.shape.len() == 4 && spec.shape[1] > 1 && spec.shape[2] == 1 {
                values[0] = if spec.shape[0] == 1 { 2.0 } else { 1.0 };
            } else if spec.shape == [1] {
                values[0] = -2.0;
            }
            (spec.name, WeightTensor { shape: spec.shape, values })
        })
        .collect();
    let mut all: BTreeMap<String, String> = [("input_size".to_owned(), "96".to_owned())].into();
    all.extend(metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    let weights = NetworkWeights { blocks: 1, tensors, metadata: all };
    LoadedWeights {
        weights,
        name: "made-up".into(),
        path: None,
        sha256: "0123456789abcdef".repeat(4),
        read_as: ReadOptions::default(),
    }
}
