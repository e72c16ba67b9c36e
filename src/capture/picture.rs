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
/// Largest picture that is decoded, in pixels. With 16 bits a channel and the copies on the way to 8-bit
/// RGB this stays under a gigabyte.
const MAX_PIXELS: u64 = 64_000_000;
/// Largest file that is read, in bytes: the JPEG decoder takes in the whole file first.
const MAX_FILE_BYTES: u64 = 256 << 20;

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
    limits.max_alloc = Some(MAX_PIXELS * 8);
    limits
}

/// Most bytes of a decoded picture, before it becomes 8-bit RGB: 16 bits a channel, without transparency.
const MAX_DECODED_BYTES: u64 = MAX_PIXELS * 6;

/// Refuses what would need too much memory, before it is asked for, and what holds no pixel: GIF's decoder, for one,
/// panics where a side is 0.
fn check_size((width, height): (u32, u32)) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err(format!("expected a picture with pixels, found one of {width}x{height}"));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(format!(
            "expected at most {} megapixels, found {width}x{height}",
            MAX_PIXELS / 1_000_000
        ));
    }
    Ok(())
}

fn open(path: &Path) -> Result<BufReader<File>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let bytes = file.metadata().map_err(|e| e.to_string())?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(format!(
            "expected a file of at most {} MB, found {} MB",
            MAX_FILE_BYTES >> 20,
            bytes >> 20
        ));
    }
    Ok(BufReader::new(file))
}

/// Reads a picture (of an animation, the first one), turned upright by its EXIF orientation, on white
/// where it is transparent. The reason is for a message that names the file.
pub(crate) fn read_picture(path: &Path) -> Result<RgbImage, String> {
    let mut reader = ImageReader::new(open(path)?).with_guessed_format().map_err(|e| e.to_string())?;
    if reader.format().is_none() {
        return Err("expected a PNG, JPEG, GIF or WebP picture, found something else".into());
    }
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    check_size(decoder.dimensions())?;
    if decoder.total_bytes() > MAX_DECODED_BYTES {
        return Err(format!(
            "expected at most {} MB of pixels, found {} MB",
            MAX_DECODED_BYTES / 1_000_000,
            decoder.total_bytes() / 1_000_000
        ));
    }
    // A damaged EXIF block is no reason to refuse the picture.
    let orientation = decoder.orientation().ok();
    let picture = on_white(DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?);
    let Some(orientation) = orientation else { return Ok(picture) };
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

/// Opaque 8-bit RGB.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0;
        let over = |v: u8| ((u32::from(v) * u32::from(a) + 255 * (255 - u32::from(a)) + 127) / 255) as u8;
        image::Rgb([over(r), over(g), over(b)])
    })
}

/// An animation: its frames one at a time, and their width and height in pixels.
pub(super) struct Animation {
    pub(super) frames: Frames<'static>,
    pub(super) size_px: (u32, u32),
}

/// Opens an animation; `None` where the file is a still picture.
pub(super) fn animation(path: &Path) -> Result<Option<Animation>, String> {
    match picture_format(path) {
        Some(ImageFormat::Gif) => {
            // One frame is a picture, two are an animation.
            if gif(path)?.frames.take(2).count() < 2 { Ok(None) } else { gif(path).map(Some) }
        }
        Some(ImageFormat::WebP) => {
            let mut decoder = WebPDecoder::new(open(path)?).map_err(|e| e.to_string())?;
            decoder.set_limits(limits()).map_err(|e| e.to_string())?;
            let size_px = decoder.dimensions();
            check_size(size_px)?;
            Ok(decoder.has_animation().then(|| Animation { frames: decoder.into_frames(), size_px }))
        }
        _ => Ok(None),
    }
}

fn gif(path: &Path) -> Result<Animation, String> {
    let mut decoder = GifDecoder::new(open(path)?).map_err(|e| e.to_string())?;
    decoder.set_limits(limits()).map_err(|e| e.to_string())?;
    let size_px = decoder.dimensions();
    check_size(size_px)?;
    Ok(Animation { frames: decoder.into_frames(), size_px })
}

/// One frame of an animation as an opaque picture, and how long it is shown, in seconds.
pub(super) fn animation_frame(frame: image::Frame) -> (RgbImage, f64) {
    let (numerator, denominator) = frame.delay().numer_denom_ms();
    let delay_s = f64::from(numerator) / f64::from(denominator.max(1)) / 1000.0;
    // Browsers show frames with no delay, or next to none, for a tenth of a second.
    let delay_s = if delay_s < 0.011 { 0.1 } else { delay_s };
    (on_white(DynamicImage::ImageRgba8(frame.into_buffer())), delay_s)
}
