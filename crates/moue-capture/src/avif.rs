//! AVIF pictures, decoded by the `ffmpeg` program. Versions before 7.1 know neither tiles nor turned pictures.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use image::{RgbImage, imageops};

use super::ffmpeg;

/// How much of a file is looked at for what it is made of, in bytes; that stands at its start.
const HEAD: u64 = 1 << 16;

/// Reads a picture. The reason is for a message that names the file.
pub(super) fn read(path: &Path) -> Result<RgbImage, String> {
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head)).map_err(|e| e.to_string())?;
    let has = |name: &[u8; 4]| head.windows(4).position(|w| w == name);
    // "infe" entries name what kind of item each is.
    if head.windows(4).any(|w| w == b"grid") {
        return Err("an AVIF picture that is made of tiles, which is not read: convert it to PNG or JPEG (ImageMagick: \
                    magick FILE.avif FILE.png)"
            .into());
    }
    let picture = ffmpeg::still(path).map_err(|e| match e {
        super::CaptureError::NoFfmpeg { .. } | super::CaptureError::NoFfprobe { .. } => {
            "AVIF pictures are read through the program ffmpeg, which was not found; install it (Debian, Ubuntu: apt \
             install ffmpeg) or convert the picture to PNG"
                .to_owned()
        }
        e => format!("an AVIF picture that this ffmpeg cannot read: {}; convert it to PNG or JPEG", e.reason()),
    })?;
    let after = |name: &[u8; 4]| has(name).and_then(|at| head.get(at + 4)).copied().unwrap_or(0);
    // Quarter turns to the left, then a mirror (ISO/IEC 23008-12, 6.5.10 and 6.5.12).
    let turned = match after(b"irot") & 3 {
        1 => imageops::rotate270(&picture),
        2 => imageops::rotate180(&picture),
        3 => imageops::rotate90(&picture),
        _ => picture,
    };
    Ok(match (has(b"imir"), after(b"imir") & 1) {
        (None, _) => turned,
        (Some(_), 0) => imageops::flip_vertical(&turned),
        (Some(_), _) => imageops::flip_horizontal(&turned),
    })
}
