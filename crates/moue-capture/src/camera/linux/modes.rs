//! What a V4L2 device offers, and what to ask for first.

use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::video::Capture as _;
use v4l::{Device, FourCC};

use crate::camera::decode::PixelFormat;
use crate::camera::{WANTED_RATE, WANTED_SIZE, mode_cost};

fn fourcc(format: PixelFormat) -> &'static [&'static [u8; 4]] {
    match format {
        PixelFormat::Yuyv => &[b"YUYV"],
        PixelFormat::Uyvy => &[b"UYVY"],
        PixelFormat::Nv12 => &[b"NV12"],
        PixelFormat::Rgb => &[b"RGB3"],
        PixelFormat::Bgr => &[b"BGR3"],
        PixelFormat::Mjpeg => &[b"MJPG", b"JPEG"],
        PixelFormat::Grey => &[b"GREY"],
    }
}

pub(super) fn decodable(code: FourCC) -> Option<PixelFormat> {
    PixelFormat::ALL.into_iter().find(|f| fourcc(*f).contains(&&code.repr))
}

/// A pixel format's four characters; the highest bit marks big-endian variants.
pub(super) fn code_text(code: FourCC) -> String {
    let [a, b, c, d] = code.repr;
    let text: String =
        [a, b, c, d & 0x7f].iter().map(|&v| char::from(v).escape_default().to_string()).collect();
    if d & 0x80 == 0 { text } else { format!("{text}-BE") }
}

/// One way to run the camera.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mode {
    pub(super) code: FourCC,
    /// `None`: it cannot be decoded.
    pub(super) format: Option<PixelFormat>,
    pub(super) size: (u32, u32),
    /// The rate nearest to the wanted one, in frames a second.
    pub(super) rate: Option<f64>,
}

impl Mode {
    fn cost(&self) -> f64 {
        mode_cost(self.size, self.rate, self.format)
    }
}

/// The best mode of each format that can be decoded, best first.
pub(super) fn in_order(modes: &[Mode]) -> Vec<&Mode> {
    let mut usable: Vec<&Mode> = modes.iter().filter(|m| m.format.is_some()).collect();
    usable.sort_by(|a, b| a.cost().total_cmp(&b.cost()));
    let mut best: Vec<&Mode> = Vec::new();
    for mode in usable {
        if best.iter().all(|m| m.format != mode.format) {
            best.push(mode);
        }
    }
    best
}

/// The pixel formats of `modes`, each once.
pub(super) fn offered(modes: &[Mode]) -> String {
    let mut codes: Vec<String> = Vec::new();
    for mode in modes {
        let code = code_text(mode.code);
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    if codes.is_empty() { "nothing".into() } else { codes.join(", ") }
}

pub(super) fn modes(device: &Device) -> Vec<Mode> {
    let mut modes = Vec::new();
    for description in device.enum_formats().unwrap_or_default() {
        let code = description.fourcc;
        let format = decodable(code);
        let mut sizes: Vec<(u32, u32)> = Vec::new();
        for size in device.enum_framesizes(code).unwrap_or_default() {
            match size.size {
                FrameSizeEnum::Discrete(d) => sizes.push((d.width, d.height)),
                FrameSizeEnum::Stepwise(s) => sizes.push((
                    within(WANTED_SIZE.0, s.min_width, s.max_width),
                    within(WANTED_SIZE.1, s.min_height, s.max_height),
                )),
            }
        }
        if sizes.is_empty() {
            sizes.push(WANTED_SIZE);
        }
        for size in sizes {
            modes.push(Mode { code, format, size, rate: nearest_rate(device, code, size) });
        }
    }
    modes
}

/// As `clamp`, for limits that a driver may have in the wrong order.
fn within(value: u32, least: u32, most: u32) -> u32 {
    value.min(most.max(least)).max(least.min(most))
}

fn nearest_rate(device: &Device, code: FourCC, (width, height): (u32, u32)) -> Option<f64> {
    let rate = |numerator: u32, denominator: u32| f64::from(denominator) / f64::from(numerator.max(1));
    let wanted = f64::from(WANTED_RATE);
    device
        .enum_frameintervals(code, width, height)
        .ok()?
        .into_iter()
        .map(|interval| match interval.interval {
            FrameIntervalEnum::Discrete(f) => rate(f.numerator, f.denominator),
            FrameIntervalEnum::Stepwise(s) => {
                let fastest = rate(s.min.numerator, s.min.denominator);
                let slowest = rate(s.max.numerator, s.max.denominator);
                wanted.clamp(slowest.min(fastest), fastest.max(slowest))
            }
        })
        .min_by(|a, b| (a - wanted).abs().total_cmp(&(b - wanted).abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(code: &[u8; 4], size: (u32, u32), rate: f64) -> Mode {
        let code = FourCC::new(code);
        Mode { code, format: decodable(code), size, rate: Some(rate) }
    }

    #[test]
    fn the_wanted_size_and_rate_come_first_then_every_other_format_once() {
        let modes = [
            mode(b"YU12", (640, 480), 30.0),
            mode(b"MJPG", (1920, 1080), 30.0),
            mode(b"YUYV", (1920, 1080), 5.0),
            mode(b"YUYV", (640, 480), 15.0),
            mode(b"MJPG", (640, 480), 30.0),
            mode(b"GREY", (320, 240), 30.0),
        ];
        let order: Vec<_> = in_order(&modes).into_iter().map(|m| (code_text(m.code), m.size)).collect();
        let expected = [("MJPG", (640, 480)), ("YUYV", (640, 480)), ("GREY", (320, 240))];
        assert_eq!(order, expected.map(|(code, size)| (code.to_owned(), size)));
        assert_eq!(offered(&modes), "YU12, MJPG, YUYV, GREY");
        assert_eq!(offered(&[]), "nothing");
    }

    #[test]
    fn codes_are_readable_and_strange_limits_do_no_harm() {
        assert_eq!(code_text(FourCC { repr: *b"Y16\xa0" }), "Y16 -BE");
        assert_eq!(code_text(FourCC { repr: [0, b'A', b'B', b'C'] }), "\\u{0}ABC");
        assert_eq!((within(640, 16, 320), within(640, 1000, 2000), within(640, 800, 100)), (320, 1000, 640));
    }
}
