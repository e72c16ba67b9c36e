//! Which frames of a source are analysed: each Nth, or some of each second.

use moue_capture::Frame;

/// A number of frames a second.
pub(super) fn frames_a_second(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "expected a number above 0, for example 5 or 0.5".into())
}

/// Which frames of a source are analysed.
pub(super) struct Thinning {
    pub(super) every: u64,
    pub(super) fps: Option<f64>,
    /// The part of a second, from the first frame on, that the last frame taken lies in.
    pub(super) slot: Option<(f64, u64)>,
}

impl Thinning {
    pub(super) fn takes(&mut self, frame: &Frame) -> bool {
        let Some(fps) = self.fps else { return frame.index.is_multiple_of(self.every) };
        let (first_s, last) = self.slot.map_or((frame.time_s, None), |(first_s, last)| (first_s, Some(last)));
        // Times are rounded, so a frame just before the start of a slot still belongs to it.
        let slot = ((frame.time_s - first_s) * fps + 1e-6).max(0.0) as u64;
        let takes = last.is_none_or(|last| slot > last);
        if takes {
            self.slot = Some((first_s, slot));
        }
        // Pictures all have the time 0: each is taken.
        takes || frame.time_s == 0.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    #[test]
    fn frames_are_thinned_out_by_their_own_times() {
        let taken = |fps: f64, times: &[f64]| -> Vec<u64> {
            let mut thinning = Thinning { every: 1, fps: Some(fps), slot: None };
            let image = Arc::new(image::RgbImage::new(1, 1));
            let frames = times.iter().zip(0..).map(|(time_s, index)| Frame {
                image: Arc::clone(&image),
                index,
                time_s: *time_s,
                position_s: None,
                captured_at: Instant::now(),
                stamp: moue_capture::Stamp::default(),
            });
            frames.filter(|frame| thinning.takes(frame)).map(|frame| frame.index).collect()
        };
        let even: Vec<f64> = (0..30).map(|i| 1.5 + f64::from(i) / 30.0).collect();
        assert_eq!(taken(5.0, &even), [0, 6, 12, 18, 24]);
        assert_eq!(taken(30.0, &even).len(), 30);
        assert_eq!(taken(1000.0, &even).len(), 30);
        // A frame a minute is less than five a second.
        assert_eq!(taken(5.0, &[1.0, 61.0, 121.0]), [0, 1, 2]);
        assert_eq!(taken(0.01, &[1.0, 61.0, 121.0]), [0, 2]);
        // A burst after slow frames.
        assert_eq!(taken(2.0, &[1.0, 1.5, 2.0, 2.1, 2.2, 2.3, 2.49, 2.5]), [0, 1, 2, 7]);
        assert_eq!(frames_a_second("0.5"), Ok(0.5));
        assert!(frames_a_second("0").is_err() && frames_a_second("nan").is_err());
    }
}
