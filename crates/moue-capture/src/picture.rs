//! Decodes picture files: upright, opaque, and within limits.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{
    AnimationDecoder as _, DynamicImage, Frames, ImageDecoder as _, ImageError, ImageFormat, ImageReader,
    Limits, RgbImage,
};
use moue_files::plain_file;

use super::{apng, avif, ffmpeg, formats, jpeg, webp};

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

/// What reading a TIFF takes beside the pixels, in bytes: a strip or tile, and its tables.
const MAX_TIFF_BYTES: u64 = 96 << 20;

/// Largest file of a format that is read, in bytes. JPEG and WebP are taken in whole. The others are not; they may
/// be as large as their pixels.
fn max_file_bytes(format: ImageFormat) -> u64 {
    match format {
        ImageFormat::Jpeg | ImageFormat::WebP => 64 << 20,
        _ => 512 << 20,
    }
}

/// The picture format, told by the file's first bytes.
pub(super) fn picture_format(path: &Path) -> Option<ImageFormat> {
    let reader = ImageReader::new(BufReader::with_capacity(64, File::open(path).ok()?));
    reader.with_guessed_format().ok()?.format().filter(|format| is_read(*format))
}

fn is_read(format: ImageFormat) -> bool {
    use ImageFormat::{Avif, Bmp, Gif, Ico, Jpeg, Png, Pnm, Qoi, Tiff, WebP};
    matches!(format, Png | Jpeg | Gif | WebP | Tiff | Bmp | Pnm | Qoi | Ico | Avif)
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

/// A picture file that was looked through as far as that is possible before its decoder sees it.
struct Opened {
    format: ImageFormat,
    input: Box<dyn Input>,
    /// What is wrong with it although it can be read.
    fault: Option<String>,
}

fn open(path: &Path) -> Result<Opened, String> {
    let (file, bytes) = plain_file::open(path).map_err(|e| e.to_string())?;
    let reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(|e| e.to_string())?;
    // The format is told by the content, not by the name.
    let Some(format) = reader.format().filter(|format| is_read(*format)) else {
        return Err(not_a_picture(path));
    };
    if let Some(raw) = (format == ImageFormat::Tiff).then(|| formats::unreadable(path)).flatten() {
        return Err(raw);
    }
    let most = max_file_bytes(format);
    if bytes > most {
        return Err(format!(
            "expected a {} file of at most {} MB, found {} MB",
            format.extensions_str()[0].to_uppercase(),
            most >> 20,
            bytes >> 20
        ));
    }
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::WebP) {
        return Ok(Opened { format, input: Box::new(reader.into_inner()), fault: None });
    }
    let content = plain_file::read(path, most).map_err(|e| e.to_string())?;
    let mut fault = None;
    if format == ImageFormat::Jpeg {
        jpeg::check(&content)?;
        if jpeg::end(&content) == jpeg::End::Cut {
            fault = Some(
                "the JPEG is cut: it was read up to where it ends, what is missing is grey; copy or download it again"
                    .into(),
            );
        }
    } else {
        webp::check(&content)?;
    }
    Ok(Opened { format, input: Box::new(Cursor::new(content)), fault })
}

/// What to say of a file that is none of the pictures that are read.
pub(super) fn not_a_picture(path: &Path) -> String {
    if std::fs::metadata(path).is_ok_and(|m| m.len() == 0) {
        return "expected a picture, found something else: the file is empty; copy or download it again"
            .into();
    }
    formats::unreadable(path).unwrap_or_else(|| {
        "expected a picture (PNG, JPEG, GIF, WebP, TIFF, BMP, PNM, QOI, ICO, AVIF), found something else; open it in a \
         viewer and save it as PNG"
            .into()
    })
}

/// Whether a file with a JPEG's first bytes is a video of many.
pub(super) fn is_motion_jpeg(path: &Path) -> bool {
    // Either the name says so, or a second picture follows the first.
    formats::kind_by_name(path).is_some_and(|kind| kind.name == "bare MJPEG")
        || plain_file::read(path, max_file_bytes(ImageFormat::Jpeg))
            .is_ok_and(|content| jpeg::end(&content) == jpeg::End::Another)
}

/// Reads a picture (of an animation, the first one), turned upright by its EXIF orientation, on white
/// where it is transparent. The reason is for a message that names the file.
pub fn read_picture(path: &Path) -> Result<RgbImage, String> {
    read_with_fault(path).map(|(picture, _)| picture)
}

/// As [`read_picture`]; and what is wrong with the file, where it was readable all the same.
pub(super) fn read_with_fault(path: &Path) -> Result<(RgbImage, Option<String>), String> {
    let Opened { format, input, fault } = open(path)?;
    if format == ImageFormat::Avif {
        return avif::read(path).map(|picture| (picture, fault));
    }
    match decode(format, input) {
        Ok(picture) => Ok((picture, fault)),
        // Palettes, and other rare ways of writing pixels down.
        Err(Failure::Unsupported(reason)) if matches!(format, ImageFormat::Tiff | ImageFormat::Bmp) => {
            ffmpeg::still(path)
                .map(|picture| (picture, fault))
                .map_err(|e| format!("{reason} ({})", e.reason()))
        }
        Err(Failure::Unsupported(reason) | Failure::Other(reason)) => {
            // An ICO's decoder takes only PNGs with transparency.
            let inside = (format == ImageFormat::Ico).then(|| png_in_icon(path)).flatten();
            match inside.map(|png| decode(ImageFormat::Png, Box::new(Cursor::new(png)))) {
                Some(Ok(picture)) => Ok((picture, fault)),
                _ => Err(reason),
            }
        }
    }
}

/// The PNG of an icon's widest picture, if it is one. Entries of 16 bytes follow a header of six; the last two numbers
/// of an entry are length and place.
fn png_in_icon(path: &Path) -> Option<Vec<u8>> {
    let bytes = plain_file::read(path, max_file_bytes(ImageFormat::Jpeg)).ok()?;
    let entries = bytes.get(6..)?.chunks_exact(16).take(usize::from(*bytes.get(4)?));
    // A width of 0 stands for 256.
    let widest = entries.max_by_key(|entry| entry[0].wrapping_sub(1))?;
    let number =
        |at: usize| u32::from_le_bytes([widest[at], widest[at + 1], widest[at + 2], widest[at + 3]]) as usize;
    let png = bytes.get(number(12)..number(12).checked_add(number(8))?)?;
    png.starts_with(b"\x89PNG").then(|| png.to_vec())
}

/// Why a picture was not decoded.
enum Failure {
    /// Its decoder does not know how its pixels are written down.
    Unsupported(String),
    Other(String),
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Unsupported(e) => Self::Unsupported(e.to_string()),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Other(reason)
    }
}

fn decode(format: ImageFormat, input: Box<dyn Input>) -> Result<RgbImage, Failure> {
    let mut reader = ImageReader::with_format(input, format);
    reader.limits(limits(match format {
        ImageFormat::Png => MAX_PNG_CHUNK_BYTES,
        ImageFormat::Tiff => MAX_DECODED_BYTES + MAX_TIFF_BYTES,
        // A GIF's frame that is not the whole picture, with transparency.
        _ => MAX_PIXELS * 4,
    }));
    let mut decoder = reader.into_decoder()?;
    check_size(decoder.dimensions(), MAX_PIXELS)?;
    if decoder.total_bytes() > MAX_DECODED_BYTES {
        return Err(Failure::Other(format!(
            "expected at most {} MB of pixels, found {} MB",
            MAX_DECODED_BYTES / 1_000_000,
            decoder.total_bytes() / 1_000_000
        )));
    }
    // A damaged EXIF block is no reason to refuse the picture.
    let orientation = decoder.orientation().ok();
    let picture = on_white(DynamicImage::from_decoder(decoder)?);
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

/// Opens an animation of this format; `None` where the file is a still picture.
pub(super) fn animation(path: &Path, format: ImageFormat) -> Result<Option<Animation>, String> {
    match format {
        ImageFormat::Gif if gif_moves(open(path)?.input)? => {
            let mut decoder = GifDecoder::new(open(path)?.input).map_err(|e| e.to_string())?;
            decoder.set_limits(limits(MAX_FRAMES_BYTES)).map_err(|e| e.to_string())?;
            let size_px = decoder.dimensions();
            check_size(size_px, MAX_FRAME_PIXELS)?;
            Ok(Some(Animation { frames: decoder.into_frames(), size_px }))
        }
        ImageFormat::WebP => {
            let mut decoder = WebPDecoder::new(open(path)?.input).map_err(|e| e.to_string())?;
            if !decoder.has_animation() {
                return Ok(None);
            }
            decoder.set_limits(limits(MAX_FRAMES_BYTES)).map_err(|e| e.to_string())?;
            let size_px = decoder.dimensions();
            check_size(size_px, MAX_FRAME_PIXELS)?;
            Ok(Some(Animation { frames: decoder.into_frames(), size_px }))
        }
        ImageFormat::Png if png_moves(path) => {
            let decoder = PngDecoder::with_limits(open(path)?.input, limits(MAX_FRAMES_BYTES))
                .map_err(|e| e.to_string())?;
            let size_px = decoder.dimensions();
            check_size(size_px, MAX_FRAME_PIXELS)?;
            let decoder = decoder.apng().map_err(|e| e.to_string())?;
            Ok(Some(Animation { frames: decoder.into_frames(), size_px }))
        }
        _ => Ok(None),
    }
}

/// Whether a PNG is an animation. No pixel is decoded.
pub(super) fn png_moves(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| apng::is_animation(BufReader::with_capacity(512, file)))
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
