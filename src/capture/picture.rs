//! Decodes picture files: upright, opaque, and within limits.

use std::ffi::OsStr;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::codecs::gif::GifDecoder;
use image::codecs::webp::WebPDecoder;
use image::{
    AnimationDecoder as _, DynamicImage, Frames, ImageDecoder as _, ImageFormat, ImageReader, Limits,
    RgbImage,
};

/// Largest width or height that is decoded, in pixels.
const MAX_SIDE_PX: u32 = 16_384;
/// Largest picture that is decoded, in pixels.
const MAX_PIXELS: u64 = 100_000_000;

/// File name endings of pictures.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "gif", "webp", "jpe"];

/// Whether the file's name says that it is a picture.
pub(super) fn has_picture_name(path: &Path) -> bool {
    path.extension()
        .and_then(OsStr::to_str)
        .is_some_and(|e| ENDINGS.contains(&e.to_ascii_lowercase().as_str()))
}

/// The picture format, told by the file's first bytes.
pub(super) fn picture_format(path: &Path) -> Option<ImageFormat> {
    ImageReader::open(path)
        .ok()?
        .with_guessed_format()
        .ok()?
        .format()
        .filter(|f| matches!(f, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Gif | ImageFormat::WebP))
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    limits.max_alloc = Some(MAX_PIXELS * 4);
    limits
}

/// Reads a picture (of an animation, the first one), turned upright by its EXIF orientation, on white
/// where it is transparent. The reason is for a message that names the file.
pub(crate) fn read_picture(path: &Path) -> Result<RgbImage, String> {
    let mut reader = ImageReader::open(path).map_err(|e| e.to_string())?;
    reader = reader.with_guessed_format().map_err(|e| e.to_string())?;
    if reader.format().is_none() {
        return Err("expected a PNG, JPEG, GIF or WebP picture, found something else".into());
    }
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(format!("expected at most {MAX_PIXELS} pixels, found {width}x{height}"));
    }
    // A damaged EXIF block is no reason to refuse the picture.
    let orientation = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(on_white(&picture))
}

/// Opaque 8-bit RGB.
fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let rgba = picture.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0;
        let over = |v: u8| ((u32::from(v) * u32::from(a) + 255 * (255 - u32::from(a)) + 127) / 255) as u8;
        image::Rgb([over(r), over(g), over(b)])
    })
}

/// An animation's frames, one at a time; `None` where the file is a still picture.
pub(super) fn animation(path: &Path) -> Result<Option<Frames<'static>>, String> {
    let open = || File::open(path).map(BufReader::new).map_err(|e| e.to_string());
    match picture_format(path) {
        Some(ImageFormat::Gif) => {
            let gif = || -> Result<Frames<'static>, String> {
                let mut decoder = GifDecoder::new(open()?).map_err(|e| e.to_string())?;
                decoder.set_limits(limits()).map_err(|e| e.to_string())?;
                Ok(decoder.into_frames())
            };
            // One frame is a picture, two are an animation.
            if gif()?.take(2).count() < 2 { Ok(None) } else { gif().map(Some) }
        }
        Some(ImageFormat::WebP) => {
            let mut decoder = WebPDecoder::new(open()?).map_err(|e| e.to_string())?;
            decoder.set_limits(limits()).map_err(|e| e.to_string())?;
            Ok(decoder.has_animation().then(|| decoder.into_frames()))
        }
        _ => Ok(None),
    }
}

/// One frame of an animation as an opaque picture, and how long it is shown, in seconds.
pub(super) fn animation_frame(frame: image::Frame) -> (RgbImage, f64) {
    let (numerator, denominator) = frame.delay().numer_denom_ms();
    let delay_s = f64::from(numerator) / f64::from(denominator.max(1)) / 1000.0;
    // Browsers show frames with no delay, or next to none, for a tenth of a second.
    let delay_s = if delay_s < 0.011 { 0.1 } else { delay_s };
    (on_white(&DynamicImage::ImageRgba8(frame.into_buffer())), delay_s)
}
