//! Which frames belong together: a hard cut, a jump in time to a picture that is unlike, or another picture begins a new scene.
//! What was found in one scene says nothing about the next.
//!
//! The measure is the usual one of cut detectors (the mean difference of two reduced pictures), held against a second one
//! that light does not change (their correlation): docs/scenes.md has the figures.

use std::sync::Arc;

use image::RgbImage;
use moue_capture::Frame;

/// Width and height of the reduced picture.
const CELLS: (usize, usize) = (32, 24);
/// Samples of a cell along each side.
const SAMPLES: usize = 3;
/// At a cut the reduced pictures differ by more than this, in grey levels of 255. Fast motion stays below it.
const DIFFERENCE: f32 = 18.0;
/// At a cut 1 minus their correlation is more than this. A lamp that is switched on stays below it.
const UNLIKENESS: f32 = 0.09;
/// Frames further apart than this, in seconds, or back in time, do not follow each other: a jump lies between them.
pub(super) const LONGEST_GAP_S: f64 = 1.5;
/// After a jump the scene is the same where the reduced pictures differ by less than this: nobody saw what lies between, so they have
/// to be more alike than neighbours.
const ALIKE: f32 = 12.0;

/// Counts the scenes of the frames that it is shown.
#[derive(Debug, Default)]
pub struct SceneWatch {
    number: u64,
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    image: Arc<RgbImage>,
    time_s: f64,
    grey: Option<Grey>,
}

/// The reduced picture.
type Grey = [f32; CELLS.0 * CELLS.1];

impl SceneWatch {
    /// The next frame begins a scene: it is of another source.
    pub fn restart(&mut self) {
        self.number += 1;
        self.last = None;
    }

    /// The number of the scene of `frame`: the last one's, or one higher. `moving`: consecutive frames show one motion;
    /// otherwise each picture is a scene of its own.
    pub fn scene_of(&mut self, frame: &Frame, moving: bool) -> u64 {
        let same = |last: &Last| Arc::ptr_eq(&last.image, &frame.image);
        if moving {
            let grey = reduced(&frame.image);
            if let Some(last) = &self.last
                && !same(last)
                && !last.goes_on(frame, &grey)
            {
                self.number += 1;
            }
            self.last =
                Some(Last { image: Arc::clone(&frame.image), time_s: frame.time_s, grey: Some(grey) });
        } else if !self.last.as_ref().is_some_and(same) {
            self.number += u64::from(self.last.is_some());
            self.last = Some(Last { image: Arc::clone(&frame.image), time_s: frame.time_s, grey: None });
        }
        self.number
    }
}

impl Last {
    fn goes_on(&self, frame: &Frame, grey: &Grey) -> bool {
        if self.image.dimensions() != frame.image.dimensions() {
            return false;
        }
        let is_jump = !(0.0..=LONGEST_GAP_S).contains(&(frame.time_s - self.time_s));
        match &self.grey {
            Some(last) if is_jump => difference(last, grey) < ALIKE,
            Some(last) => !is_cut(last, grey),
            None => !is_jump,
        }
    }
}

/// The picture's brightness, each cell the mean of a few samples.
fn reduced(image: &RgbImage) -> Grey {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let raw = image.as_raw();
    let place = |i: usize, count: usize, length: usize| (2 * i + 1) * length / (2 * count);
    let mut grey = [0.0; CELLS.0 * CELLS.1];
    if width == 0 || height == 0 {
        return grey;
    }
    for row in 0..CELLS.1 * SAMPLES {
        let y = place(row, CELLS.1 * SAMPLES, height);
        for column in 0..CELLS.0 * SAMPLES {
            let at = (y * width + place(column, CELLS.0 * SAMPLES, width)) * 3;
            let luma =
                0.299 * f32::from(raw[at]) + 0.587 * f32::from(raw[at + 1]) + 0.114 * f32::from(raw[at + 2]);
            grey[row / SAMPLES * CELLS.0 + column / SAMPLES] += luma / (SAMPLES * SAMPLES) as f32;
        }
    }
    grey
}

/// Mean difference, in grey levels of 255.
fn difference(a: &Grey, b: &Grey) -> f32 {
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).sum::<f32>() / a.len() as f32
}

fn is_cut(a: &Grey, b: &Grey) -> bool {
    let count = a.len() as f32;
    if difference(a, b) <= DIFFERENCE {
        return false;
    }
    let mean = |grey: &Grey| grey.iter().sum::<f32>() / count;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        both += x * y;
        of_a += x * x;
        of_b += y * y;
    }
    // A grey wall is like nothing, not even itself: a little is added, so that its noise does not count.
    1.0 - both / ((of_a * of_b).sqrt() + count) > UNLIKENESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn frame(time_s: f64, pixel: impl Fn(u32, u32) -> u8) -> Frame {
        let image = RgbImage::from_fn(160, 120, |x, y| image::Rgb([pixel(x, y); 3]));
        Frame {
            image: Arc::new(image),
            index: 0,
            time_s,
            position_s: None,
            captured_at: Instant::now(),
            stamp: moue_capture::Stamp::default(),
        }
    }

    fn stripes(at: u32, light: u8) -> impl Fn(u32, u32) -> u8 {
        move |x, y| light + if ((x + at) / 40 + y / 30).is_multiple_of(2) { 100 } else { 20 }
    }

    #[test]
    fn motion_and_light_go_on_and_cuts_and_gaps_do_not() {
        let mut watch = SceneWatch::default();
        let mut scene = |frame: Frame| watch.scene_of(&frame, true);
        assert_eq!(scene(frame(0.0, stripes(0, 0))), 0);
        assert_eq!(scene(frame(0.1, stripes(3, 0))), 0, "motion");
        assert_eq!(scene(frame(0.2, stripes(4, 60))), 0, "a lamp");
        assert_eq!(scene(frame(0.3, stripes(40, 60))), 1, "the opposite");
        assert_eq!(scene(frame(0.4, |x, y| (x + y) as u8 / 2)), 2, "another picture");
        assert_eq!(scene(frame(3.0, |x, y| (x + y + 9) as u8 / 2)), 2, "a jump in one scene");
        assert_eq!(scene(frame(2.0, |x, y| (x + y) as u8 / 2)), 2, "and back");
        assert_eq!(scene(frame(9.0, |x, y| (x + y + 40) as u8 / 2)), 3, "a jump to what is less alike");
    }

    #[test]
    fn each_still_picture_and_each_source_is_a_scene() {
        let mut watch = SceneWatch::default();
        let (a, b) = (frame(0.0, |_, _| 9), frame(0.3, |_, _| 9));
        let scenes = [&a, &a, &b, &b].map(|frame| watch.scene_of(frame, false));
        assert_eq!(scenes, [0, 0, 1, 1]);
        watch.restart();
        assert_eq!(watch.scene_of(&b, false), 2);
    }
}
