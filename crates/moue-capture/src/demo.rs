//! The demo: public-domain portraits, panned and zoomed as a hand-held camera would.

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Instant;

use image::{RgbImage, imageops};

use super::clock::FrameClock;
use super::{CaptureError, Frame, FrameSource, Pace, SourceInfo, SourceKind, Stamp};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
/// Frames a second.
const RATE: f64 = 30.0;
/// Seconds that a scene lasts.
const SCENE_S: f64 = 6.0;
/// A demo that nobody asked for a frame for so long was paused, in seconds.
const PAUSED_S: f64 = 1.0;

/// A portrait, and where its face is: centre and width as parts of the picture's width.
struct Portrait {
    bytes: &'static [u8],
    face: (f64, f64, f64),
}

static ASTRONAUT: Portrait =
    Portrait { bytes: include_bytes!("../../../assets/demo/astronaut.jpg"), face: (0.43, 0.24, 0.20) };
static BIDEN: Portrait =
    Portrait { bytes: include_bytes!("../../../assets/demo/biden.jpg"), face: (0.50, 0.36, 0.34) };
static OBAMA: Portrait =
    Portrait { bytes: include_bytes!("../../../assets/demo/obama.jpg"), face: (0.54, 0.29, 0.30) };
static OBAMA_SERIOUS: Portrait =
    Portrait { bytes: include_bytes!("../../../assets/demo/obama_serious.jpg"), face: (0.53, 0.30, 0.22) };

/// A picture and the camera's way over it.
struct Scene {
    picture: RgbImage,
    /// Point that stays near the middle of the view, in pixels of the picture.
    target: (f64, f64),
    /// Width of the view at its widest and its narrowest, in pixels of the picture.
    view: (f64, f64),
}

/// The demo source.
pub(super) struct DemoSource {
    info: SourceInfo,
    pace: Pace,
    clock: FrameClock,
    scenes: Vec<Scene>,
    next: u64,
}

impl DemoSource {
    pub(super) fn new(pace: Pace) -> Result<Self, CaptureError> {
        let scenes = vec![
            single(&ASTRONAUT)?,
            single(&BIDEN)?,
            pair(&OBAMA, &ASTRONAUT)?,
            single(&OBAMA)?,
            single(&OBAMA_SERIOUS)?,
        ];
        let info = SourceInfo {
            name: "Demo".into(),
            kind: SourceKind::Demo,
            size_px: Some((WIDTH, HEIGHT)),
            frame_rate: Some(RATE),
            frame_count: (pace == Pace::Unpaced).then(|| cycle_frames(scenes.len())),
            conversion: None,
        };
        Ok(Self { info, pace, clock: FrameClock::new(), scenes, next: 0 })
    }
}

fn cycle_frames(scenes: usize) -> u64 {
    (scenes as f64 * SCENE_S * RATE) as u64
}

impl FrameSource for DemoSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        match self.pace {
            Pace::Live => {
                // Like a camera, skip the frames that were not fetched in time.
                let late_s = self.clock.now_s() - self.next as f64 / RATE;
                if late_s > PAUSED_S {
                    // It goes on where it was.
                    self.clock.set_back(late_s);
                }
                self.next = self.next.max((self.clock.now_s() * RATE) as u64);
                while !self.clock.wait_until(self.next as f64 / RATE) {}
            }
            Pace::Unpaced if self.next >= cycle_frames(self.scenes.len()) => return Ok(None),
            Pace::Unpaced => {}
        }
        let index = self.next;
        self.next += 1;
        let time_s = index as f64 / RATE;
        let scene = |number: usize| &self.scenes[number % self.scenes.len()];
        let (number, t) = ((time_s / SCENE_S) as usize, time_s % SCENE_S);
        // From one to the next it cuts, as films do: half of one face over half of another is nobody's.
        let image = render(scene(number), t);
        let captured_at = Instant::now();
        let stamp = Stamp::at(captured_at);
        Ok(Some(Frame { image: Arc::new(image), index, time_s, position_s: None, captured_at, stamp }))
    }
}

fn decode(portrait: &Portrait) -> Result<RgbImage, CaptureError> {
    image::load_from_memory(portrait.bytes).map(|p| p.to_rgb8()).map_err(|e| CaptureError::Unusable {
        path: "the built-in demo".into(),
        reason: format!("a portrait cannot be decoded: {e}"),
    })
}

fn single(portrait: &Portrait) -> Result<Scene, CaptureError> {
    let picture = decode(portrait)?;
    let side = f64::from(picture.width());
    let (x, y, face) = portrait.face;
    // The face takes between a quarter and two fifths of the view.
    Ok(Scene {
        target: (x * side, y * side),
        view: ((face * 4.0 * side).min(side), face * 2.5 * side),
        picture,
    })
}

/// Two portraits side by side, their faces of one size.
fn pair(left: &Portrait, right: &Portrait) -> Result<Scene, CaptureError> {
    const HALF: u32 = 400;
    const TALL: u32 = 560;
    let mut picture = RgbImage::new(2 * HALF, TALL);
    for (portrait, at) in [(left, 0), (right, HALF)] {
        let whole = decode(portrait)?;
        let (x, y, face) = portrait.face;
        let scale = 170.0 / (face * f64::from(whole.width()));
        let side = (f64::from(whole.width()) * scale) as u32;
        let large = imageops::resize(&whole, side, side, imageops::FilterType::CatmullRom);
        let left_edge =
            ((x * f64::from(side)) as u32).saturating_sub(HALF / 2).min(side.saturating_sub(HALF));
        let top = ((y * f64::from(side)) as u32).saturating_sub(TALL / 2).min(side.saturating_sub(TALL));
        let part = imageops::crop_imm(&large, left_edge, top, HALF, TALL).to_image();
        imageops::replace(&mut picture, &part, i64::from(at), 0);
    }
    Ok(Scene { target: (f64::from(HALF), f64::from(TALL) * 0.5), view: (740.0, 660.0), picture })
}

/// The view at `t` seconds into the scene.
fn render(scene: &Scene, t: f64) -> RgbImage {
    let (picture_w, picture_h) = (f64::from(scene.picture.width()), f64::from(scene.picture.height()));
    let aspect = f64::from(WIDTH) / f64::from(HEIGHT);
    let phase = t / SCENE_S * TAU;
    let zoom = 0.5 + 0.5 * phase.cos();
    let width = (scene.view.1 + (scene.view.0 - scene.view.1) * zoom).min(picture_w).min(picture_h * aspect);
    let height = width / aspect;
    let x = scene.target.0 - width / 2.0 + 0.06 * width * phase.sin();
    let y = scene.target.1 - height / 2.0 + 0.04 * height * (2.0 * phase).sin();
    let view = (x.clamp(0.0, picture_w - width), y.clamp(0.0, picture_h - height), width / f64::from(WIDTH));
    sample(&scene.picture, view)
}

/// Bilinear view of `picture` from `(x, y)` with `step` picture pixels a view pixel. Each of the picture's lines is widened
/// once, for all lines of the view that it is in.
fn sample(picture: &RgbImage, (x, y, step): (f64, f64, f64)) -> RgbImage {
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    let axis = |from: f64, count: u32, limit: usize| -> Vec<(usize, usize, i32)> {
        (0..count)
            .map(|i| {
                let at = (from + (f64::from(i) + 0.5) * step - 0.5).clamp(0.0, (limit - 1) as f64);
                let low = at as usize;
                (low, (low + 1).min(limit - 1), ((at - low as f64) * 256.0) as i32)
            })
            .collect()
    };
    let columns = axis(x, WIDTH, w);
    let raw = picture.as_raw();
    let widen = |line: usize, wide: &mut [i32]| {
        let line = &raw[line * w * 3..][..w * 3];
        for (pixel, &(left, right, share)) in wide.chunks_exact_mut(3).zip(&columns) {
            for (c, value) in pixel.iter_mut().enumerate() {
                let (left, right) = (i32::from(line[left * 3 + c]), i32::from(line[right * 3 + c]));
                *value = (left << 8) + (right - left) * share;
            }
        }
    };
    // The two lines that a line of the view lies between, and which they are.
    let mut wide = [0, 1].map(|_| (usize::MAX, vec![0; WIDTH as usize * 3]));
    let mut out = vec![0; (WIDTH * HEIGHT * 3) as usize];
    for ((top, bottom, share), to) in
        axis(y, HEIGHT, h).into_iter().zip(out.chunks_exact_mut(WIDTH as usize * 3))
    {
        if wide[0].0 != top && wide[1].0 == top {
            wide.swap(0, 1);
        }
        for ((line, values), wanted) in wide.iter_mut().zip([top, bottom]) {
            if *line != wanted {
                widen(wanted, values);
                *line = wanted;
            }
        }
        let [(_, upper), (_, lower)] = &wide;
        for ((value, a), b) in to.iter_mut().zip(upper).zip(lower) {
            *value = (((a << 8) + (b - a) * share) >> 16) as u8;
        }
    }
    RgbImage::from_raw(WIDTH, HEIGHT, out).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_between_the_pictures_pixels() {
        let at = |x: f64, y: f64| 40.0 + 0.3 * x + 0.2 * y;
        let picture = RgbImage::from_fn(400, 300, |x, y| {
            image::Rgb([0.0, 7.0, 30.0].map(|more| (at(f64::from(x), f64::from(y)) + more) as u8))
        });
        for (x, y, step) in [(0.0, 0.0, 0.625), (20.3, 10.7, 0.3), (-9.0, -9.0, 0.65)] {
            for (column, row, pixel) in sample(&picture, (x, y, step)).enumerate_pixels() {
                let place = |from: f64, i: u32, last: f64| {
                    (from + (f64::from(i) + 0.5) * step - 0.5).clamp(0.0, last)
                };
                let want = at(place(x, column, 399.0), place(y, row, 299.0));
                for (value, more) in pixel.0.iter().zip([0.0, 7.0, 30.0]) {
                    // The picture's own values are cut off to whole ones.
                    assert!((f64::from(*value) + 1.0 - want - more).abs() < 1.6, "{value} for {want}");
                }
            }
        }
    }

    #[test]
    fn it_moves_smoothly_and_is_the_same_each_time() {
        let frames = |n: usize| -> Vec<Frame> {
            let mut source = DemoSource::new(Pace::Unpaced).unwrap();
            (0..n).map(|_| source.next_frame().unwrap().unwrap()).collect()
        };
        let (a, b) = (frames(30), frames(30));
        for (p, q) in a.iter().zip(&b) {
            assert_eq!(p.image.dimensions(), (WIDTH, HEIGHT));
            assert!(p.image == q.image && p.index == q.index);
        }
        let change = |p: &Frame, q: &Frame| -> f64 {
            let sum: u64 =
                p.image.as_raw().iter().zip(q.image.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            sum as f64 / p.image.as_raw().len() as f64
        };
        assert!(a.windows(2).all(|w| change(&w[0], &w[1]) < 12.0), "no jumps within a scene");
        assert!(change(&a[0], &a[29]) > 1.0, "it does move");
    }
}
