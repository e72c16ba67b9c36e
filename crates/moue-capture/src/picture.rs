//! Decodes picture files: upright, opaque, and within limits.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use image::codecs::gif::GifDecoder;
use image::codecs::webp::WebPDecoder;
use image::{
    AnimationDecoder as _, DynamicImage, Frames, ImageDecoder as _, ImageFormat, ImageReader, Limits,
    RgbImage,
};
use moue_files::plain_file;

use super::{jpeg, webp};

/// Largest width or height that is decoded, in pixels.
const MAX_SIDE_PX: u32 = 16_384;
/// Largest picture that is decoded, in pixels. With 16 bits a channel and the copies on the way to 8-bit
/// RGB this stays under a gigabyte.
const MAX_PIXELS: u64 = 64_000_000;
/// Largest frame of an animation, in pixels: its decoder holds three pictures, and a live source some frames more.
const MAX_FRAME_PIXELS: u64 = 16_000_000;
/// The frame, what is left of those before, and both together, with transparency.
const MAX_FRAMES_BYTES: u64 = MAX_FRAME_PIXELS * 4 * 3;
/// Most bytes of a decoded picture, before it becomes 8-bit RGB: 16 bits a channel, without transparency.
const MAX_DECODED_BYTES: u64 = MAX_PIXELS * 6;
/// Most bytes of a PNG's colour profile and such, unpacked: beside the pixels, where the limit counts for each.
const MAX_PNG_CHUNK_BYTES: u64 = 32 << 20;

/// Largest file of a format that is read, in bytes. JPEG and WebP are taken in whole. A PNG and a GIF are not; they may
/// be as large as their pixels.
fn max_file_bytes(format: ImageFormat) -> u64 {
    match format {
        ImageFormat::Jpeg | ImageFormat::WebP => 64 << 20,
        _ => 384 << 20,
    }
}

/// File name endings of pictures.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "gif", "webp", "jpe"];

/// Whether the file's name says that it is a picture.
pub(super) fn has_picture_name(path: &Path) -> bool {
    path.extension()
        .and_then(OsStr::to_str)
        .is_some_and(|e| ENDINGS.contains(&e.to_ascii_lowercase().as_str()))
}

/// The picture format, told by the file's first bytes, or else by its name.
pub(super) fn picture_format(path: &Path) -> Option<ImageFormat> {
    ImageReader::open(path).ok()?.with_guessed_format().ok()?.format().filter(|format| is_read(*format))
}

fn is_read(format: ImageFormat) -> bool {
    matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Gif | ImageFormat::WebP)
}

/// The sides of a picture, and what a decoder may ask for beside it, in bytes, as far as it looks.
fn limits(max_alloc: u64) -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    limits.max_alloc = Some(max_alloc);
    limits
}

/// Refuses what would need too much memory, before it is asked for, and what holds no pixel: GIF's decoder, for one,
/// panics where a side is 0.
fn check_size((width, height): (u32, u32), max_pixels: u64) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err(format!("expected a picture with pixels, found one of {width}x{height}"));
    }
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(format!(
            "expected at most {} megapixels, found {width}x{height}",
            max_pixels / 1_000_000
        ));
    }
    Ok(())
}

/// A file, or its bytes.
trait Input: BufRead + Seek {}
impl<T: BufRead + Seek> Input for T {}

/// Opens a picture file and checks what can be checked before a decoder sees it.
fn open(path: &Path) -> Result<(ImageFormat, Box<dyn Input>), String> {
    let (file, bytes) = plain_file::open(path).map_err(|e| e.to_string())?;
    let reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(|e| e.to_string())?;
    // Without a look at the name.
    let format = reader
        .format()
        .filter(|format| is_read(*format))
        .ok_or("expected a PNG, JPEG, GIF or WebP picture, found something else")?;
    let most = max_file_bytes(format);
    if bytes > most {
        return Err(format!(
            "expected a {} file of at most {} MB, found {} MB",
            format.extensions_str()[0].to_uppercase(),
            most >> 20,
            bytes >> 20
        ));
    }
    if format == ImageFormat::Jpeg {
        jpeg::check(&plain_file::read(path, most).map_err(|e| e.to_string())?)?;
    }
    if format != ImageFormat::WebP {
        return Ok((format, Box::new(reader.into_inner())));
    }
    let content = plain_file::read(path, most).map_err(|e| e.to_string())?;
    webp::check(&content)?;
    Ok((format, Box::new(Cursor::new(content))))
}

/// Reads a picture (of an animation, the first one), turned upright by its EXIF orientation, on white
/// where it is transparent. The reason is for a message that names the file.
pub fn read_picture(path: &Path) -> Result<RgbImage, String> {
    let (format, input) = open(path)?;
    let mut reader = ImageReader::with_format(input, format);
    reader.limits(limits(match format {
        ImageFormat::Png => MAX_PNG_CHUNK_BYTES,
        // A GIF's frame that is not the whole picture, with transparency.
        _ => MAX_PIXELS * 4,
    }));
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    check_size(decoder.dimensions(), MAX_PIXELS)?;
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
        Some(ImageFormat::Gif) if gif_moves(open(path)?.1)? => {
            let mut decoder = GifDecoder::new(open(path)?.1).map_err(|e| e.to_string())?;
            decoder.set_limits(limits(MAX_FRAMES_BYTES)).map_err(|e| e.to_string())?;
            let size_px = decoder.dimensions();
            check_size(size_px, MAX_FRAME_PIXELS)?;
            Ok(Some(Animation { frames: decoder.into_frames(), size_px }))
        }
        Some(ImageFormat::WebP) => {
            let mut decoder = WebPDecoder::new(open(path)?.1).map_err(|e| e.to_string())?;
            if !decoder.has_animation() {
                return Ok(None);
            }
            decoder.set_limits(limits(MAX_FRAMES_BYTES)).map_err(|e| e.to_string())?;
            let size_px = decoder.dimensions();
            check_size(size_px, MAX_FRAME_PIXELS)?;
            Ok(Some(Animation { frames: decoder.into_frames(), size_px }))
        }
        _ => Ok(None),
    }
}

/// Whether a GIF has a second frame. No pixel is decoded.
fn gif_moves(input: impl BufRead) -> Result<bool, String> {
    let mut decoder = gif::DecodeOptions::new().read_info(input).map_err(|e| e.to_string())?;
    for _ in 0..2 {
        match decoder.next_frame_info() {
            Ok(Some(_)) => {}
            // A still picture that breaks off may be readable.
            Ok(None) | Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// One frame of an animation as an opaque picture.
pub(super) fn animation_frame(frame: image::Frame) -> RgbImage {
    on_white(DynamicImage::ImageRgba8(frame.into_buffer()))
}
