//! Pixel formats of cameras, decoded to RGB. Strides are honoured, and short buffers are refused.

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::{ImageFormat, ImageReader, Limits, RgbImage};

/// Largest width or height of a camera's frame, in pixels.
const MAX_SIDE_PX: u32 = 8192;

/// A pixel format that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "nokhwa knows fewer formats than V4L2"))]
pub(crate) enum PixelFormat {
    /// 4:2:2, bytes Y0 U Y1 V.
    Yuyv,
    /// 4:2:2, bytes U Y0 V Y1.
    Uyvy,
    /// 4:2:0, a plane of Y, then one of U and V in turn.
    Nv12,
    /// Bytes R G B.
    Rgb,
    /// Bytes B G R.
    Bgr,
    /// A JPEG picture a frame.
    Mjpeg,
    /// One byte of grey.
    Grey,
}

#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "nokhwa knows fewer formats than V4L2"))]
impl PixelFormat {
    /// In the order of preference at equal size and rate: what costs least to decode first.
    pub(crate) const ALL: [Self; 7] =
        [Self::Yuyv, Self::Uyvy, Self::Nv12, Self::Rgb, Self::Bgr, Self::Mjpeg, Self::Grey];

    /// All formats by name, for messages.
    pub(crate) fn names() -> String {
        Self::ALL.map(|f| format!("{f:?}").to_uppercase()).join(", ")
    }

    /// Bytes of a line without padding; `None` for JPEG.
    pub(crate) fn line_bytes(self, width: usize) -> Option<usize> {
        match self {
            Self::Yuyv | Self::Uyvy => Some(width.div_ceil(2) * 4),
            Self::Nv12 | Self::Grey => Some(width),
            Self::Rgb | Self::Bgr => Some(width * 3),
            Self::Mjpeg => None,
        }
    }
}

/// Decodes one frame of `width`x`height` pixels. `stride` is the number of bytes from one line to the
/// next; 0 means no padding. YUV is BT.601 with limited range, as webcams deliver it.
///
/// # Errors
/// Says what was expected and what was found.
pub(crate) fn decode(
    format: PixelFormat,
    (width, height): (u32, u32),
    stride: usize,
    bytes: &[u8],
) -> Result<RgbImage, String> {
    if width == 0 || height == 0 || width > MAX_SIDE_PX || height > MAX_SIDE_PX {
        return Err(format!(
            "expected a frame of at most {MAX_SIDE_PX} pixels a side, found {width}x{height}"
        ));
    }
    let (w, h) = (width as usize, height as usize);
    let Some(line) = format.line_bytes(w) else { return decode_jpeg(bytes) };
    let stride = if stride == 0 { line } else { stride };
    if stride < line {
        return Err(format!("expected lines of at least {line} bytes, found {stride}"));
    }
    // Drivers may leave out the padding of the last line.
    let lines = if format == PixelFormat::Nv12 { h + h.div_ceil(2) } else { h };
    let needed = (lines - 1) * stride + line;
    if bytes.len() < needed {
        return Err(format!("expected {needed} bytes for {width}x{height}, found {}", bytes.len()));
    }
    let mut out = Vec::with_capacity(w * h * 3);
    for y in 0..h {
        let row = &bytes[y * stride..y * stride + line];
        match format {
            PixelFormat::Yuyv => push_422(row, w, [0, 2, 1, 3], &mut out),
            PixelFormat::Uyvy => push_422(row, w, [1, 3, 0, 2], &mut out),
            PixelFormat::Nv12 => {
                let chroma = &bytes[(h + y / 2) * stride..];
                for (x, &luma) in row.iter().enumerate() {
                    let at = x / 2 * 2;
                    // An odd width has half a pair at the end.
                    let v = chroma.get(at + 1).copied().unwrap_or(128);
                    out.extend_from_slice(&yuv_to_rgb(luma, chroma[at], v));
                }
            }
            PixelFormat::Rgb => out.extend_from_slice(row),
            PixelFormat::Bgr => out.extend(row.as_chunks::<3>().0.iter().flat_map(|&[b, g, r]| [r, g, b])),
            PixelFormat::Grey => out.extend(row.iter().flat_map(|&v| [v; 3])),
            PixelFormat::Mjpeg => {}
        }
    }
    RgbImage::from_raw(width, height, out).ok_or_else(|| "the frame's size does not fit its pixels".into())
}

/// One line of 4:2:2 with the positions of Y0, Y1, U and V in each four bytes.
fn push_422(row: &[u8], width: usize, [y0, y1, u, v]: [usize; 4], out: &mut Vec<u8>) {
    for (i, four) in row.as_chunks::<4>().0.iter().enumerate() {
        out.extend_from_slice(&yuv_to_rgb(four[y0], four[u], four[v]));
        if 2 * i + 1 < width {
            out.extend_from_slice(&yuv_to_rgb(four[y1], four[u], four[v]));
        }
    }
}

/// ITU-R BT.601, limited range, in 1/256.
fn yuv_to_rgb(y: u8, u: u8, v: u8) -> [u8; 3] {
    let y = 298 * (i32::from(y) - 16) + 128;
    let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
    [y + 409 * v, y - 100 * u - 208 * v, y + 516 * u].map(|c| (c >> 8).clamp(0, 255) as u8)
}

fn decode_jpeg(bytes: &[u8]) -> Result<RgbImage, String> {
    let mut reader = ImageReader::with_format(std::io::Cursor::new(bytes), ImageFormat::Jpeg);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    reader.limits(limits);
    // A panic of the decoder on a damaged frame loses this frame, not the camera.
    match catch_unwind(AssertUnwindSafe(|| reader.decode().map(|p| p.to_rgb8()))) {
        Ok(decoded) => decoded.map_err(|e| format!("a damaged JPEG frame: {e}")),
        Err(_) => Err("a damaged JPEG frame that made the decoder fail".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Y, U, V of white, black, red and blue in BT.601's limited range.
    const WHITE: [u8; 3] = [235, 128, 128];
    const RED: [u8; 3] = [81, 90, 240];

    fn close(found: &RgbImage, expected: &[[u8; 3]]) {
        assert_eq!(found.pixels().len(), expected.len());
        for (pixel, e) in found.pixels().zip(expected) {
            for c in 0..3 {
                assert!(pixel[c].abs_diff(e[c]) <= 2, "{pixel:?} instead of {e:?}");
            }
        }
    }

    #[test]
    fn known_colours_come_out_of_every_format() {
        let [y, u, v] = RED;
        let red = [[255, 0, 0]; 2];
        close(&decode(PixelFormat::Yuyv, (2, 1), 0, &[y, u, y, v]).unwrap(), &red);
        close(&decode(PixelFormat::Uyvy, (2, 1), 0, &[u, y, v, y]).unwrap(), &red);
        close(&decode(PixelFormat::Nv12, (2, 2), 0, &[y, y, y, y, u, v]).unwrap(), &[[255, 0, 0]; 4]);
        close(&decode(PixelFormat::Rgb, (2, 1), 0, &[255, 0, 0, 255, 0, 0]).unwrap(), &red);
        close(&decode(PixelFormat::Bgr, (2, 1), 0, &[0, 0, 255, 0, 0, 255]).unwrap(), &red);
        close(&decode(PixelFormat::Grey, (2, 1), 0, &[7, 9]).unwrap(), &[[7; 3], [9; 3]]);
        let [y, u, v] = WHITE;
        close(&decode(PixelFormat::Yuyv, (2, 1), 0, &[y, u, 16, v]).unwrap(), &[[255; 3], [0; 3]]);
    }

    #[test]
    fn padded_lines_and_odd_sizes_are_read_right() {
        // Two lines of one grey pixel, three bytes apart; the last line without its padding.
        let image = decode(PixelFormat::Grey, (1, 2), 3, &[10, 99, 99, 20]).unwrap();
        close(&image, &[[10; 3], [20; 3]]);
        let [y, u, v] = RED;
        let image = decode(PixelFormat::Yuyv, (3, 1), 0, &[y, u, y, v, y, u, 0, v]).unwrap();
        close(&image, &[[255, 0, 0]; 3]);
        let image = decode(PixelFormat::Nv12, (1, 1), 0, &[235, 128]).unwrap();
        close(&image, &[[255; 3]]);
    }

    #[test]
    fn short_buffers_and_bad_sizes_are_refused() {
        for format in PixelFormat::ALL {
            assert!(decode(format, (640, 480), 0, &[0; 1000]).is_err(), "{format:?}");
            assert!(decode(format, (0, 480), 0, &[0; 1000]).is_err(), "{format:?}");
            assert!(decode(format, (u32::MAX, u32::MAX), 0, &[0; 1000]).is_err(), "{format:?}");
        }
        assert!(decode(PixelFormat::Rgb, (2, 1), 5, &[0; 100]).unwrap_err().contains("at least 6"));
    }

    #[test]
    fn a_cut_jpeg_is_an_error_and_a_whole_one_is_not() {
        let picture = RgbImage::from_fn(64, 64, |x, y| image::Rgb([(x * 4) as u8, (y * 4) as u8, 90]));
        let mut jpeg = Vec::new();
        picture.write_to(&mut std::io::Cursor::new(&mut jpeg), ImageFormat::Jpeg).unwrap();
        assert_eq!(decode(PixelFormat::Mjpeg, (64, 64), 0, &jpeg).unwrap().dimensions(), (64, 64));
        assert!(decode(PixelFormat::Mjpeg, (64, 64), 0, &jpeg[..100]).is_err());
    }

    #[test]
    fn padding_between_the_planes_of_nv12_is_left_out() {
        let [y, u, v] = RED;
        // Two lines of luma and one of colour, four bytes apart.
        let bytes = [y, y, 0, 0, y, y, 0, 0, u, v];
        close(&decode(PixelFormat::Nv12, (2, 2), 4, &bytes).unwrap(), &[[255, 0, 0]; 4]);
        assert!(decode(PixelFormat::Nv12, (2, 2), 4, &bytes[..9]).is_err());
    }

    #[test]
    fn a_jpeg_without_its_huffman_tables_is_read_as_webcams_mean_it() {
        let picture = RgbImage::from_fn(64, 64, |x, y| image::Rgb([(x * 4) as u8, (y * 4) as u8, 90]));
        let mut jpeg = Vec::new();
        picture.write_to(&mut std::io::Cursor::new(&mut jpeg), ImageFormat::Jpeg).unwrap();
        let whole = decode(PixelFormat::Mjpeg, (64, 64), 0, &jpeg).unwrap();
        // Many cameras leave the standard tables out and mark the frame as AVI1.
        let mut bare = vec![0xff, 0xd8, 0xff, 0xe0, 0, 8, b'A', b'V', b'I', b'1', 0, 0];
        let mut at = 2;
        loop {
            let length = 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
            match jpeg[at + 1] {
                0xc4 | 0xe0 => {}
                0xda => break,
                _ => bare.extend_from_slice(&jpeg[at..at + length]),
            }
            at += length;
        }
        bare.extend_from_slice(&jpeg[at..]);
        assert!(bare.len() + 300 < jpeg.len(), "the tables are still there");
        assert_eq!(decode(PixelFormat::Mjpeg, (64, 64), 0, &bare).unwrap(), whole);
    }

    proptest::proptest! {
        /// Whatever a driver says and delivers.
        #[test]
        fn no_frame_makes_the_decoder_panic(
            format in 0..PixelFormat::ALL.len(),
            width in 0_u32..70,
            height in 0_u32..70,
            stride in 0_usize..300,
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..20_000),
        ) {
            if let Ok(image) = decode(PixelFormat::ALL[format], (width, height), stride, &bytes) {
                proptest::prop_assert!(PixelFormat::ALL[format] == PixelFormat::Mjpeg || image.dimensions() == (width, height));
            }
        }
    }
}
