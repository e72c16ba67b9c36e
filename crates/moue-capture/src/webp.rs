//! Looks through a WebP file's chunks before its decoder does: that one believes what they claim.
//!
//! Chunks: <https://developers.google.com/speed/webp/docs/riff_container>.

use super::vp8l::{self, Fault};

/// Width and height in pixels.
type Size = (u32, u32);

/// Refuses a file whose decoding would take memory out of proportion: metadata that claims more than the file has, code
/// tables (see [`vp8l`]), and frames that are larger than the picture.
pub(super) fn check(file: &[u8]) -> Result<(), String> {
    if file.len() < 12 || !file.starts_with(b"RIFF") || &file[8..12] != b"WEBP" {
        return Err("a WebP picture without its header".into());
    }
    let mut chunks = Chunks(&file[12..]).peekable();
    let canvas = chunks.peek().filter(|chunk| &chunk.name == b"VP8X").and_then(|chunk| {
        let side = |at: usize| chunk.body.get(at..at + 3).map(|b| 1 + number(b));
        side(4).zip(side(7))
    });
    chunks.try_for_each(|chunk| match &chunk.name {
        b"ANMF" => check_frame(&chunk, canvas),
        _ => check_chunk(&chunk, canvas).map_err(|fault| fault.to_string()),
    })
}

/// A frame of an animation: its place, size and time in 16 bytes, then chunks.
fn check_frame(frame: &Chunk<'_>, canvas: Option<Size>) -> Result<(), String> {
    // The decoder looks for the next frame behind this one, without the byte that makes a length even.
    if frame.claimed % 2 == 1 {
        return Err("a WebP animation with a frame of an odd number of bytes".into());
    }
    let Some((head, chunks)) = frame.body.split_at_checked(16) else { return Ok(()) };
    let size = (1 + number(&head[6..9]), 1 + number(&head[9..12]));
    within(size, canvas)?;
    Chunks(chunks).try_for_each(|chunk| chunk.unless_cut(check_chunk(&chunk, Some(size))))
}

/// A chunk of a picture or frame of this size.
fn check_chunk(chunk: &Chunk<'_>, size: Option<Size>) -> Result<(), Fault> {
    match (&chunk.name, size) {
        // The decoder reads these chunks whole, with the length that they claim.
        (b"ICCP" | b"EXIF" | b"XMP " | b"ANIM", _) if chunk.claimed > chunk.body.len() => {
            Err(Fault::Wrong(format!(
                "a WebP picture with a chunk that claims {} bytes, where {} are left",
                chunk.claimed,
                chunk.body.len()
            )))
        }
        (b"VP8 ", _) => match chunk.body.get(6..10) {
            Some(sides) => within((number(&sides[..2]) & 0x3fff, number(&sides[2..]) & 0x3fff), size)
                .map_err(Fault::Wrong),
            None => Ok(()),
        },
        (b"VP8L", _) => vp8l::check_picture(chunk.body),
        (b"ALPH", Some(size)) => vp8l::check_transparency(chunk.body, size),
        _ => Ok(()),
    }
}

fn within((width, height): Size, canvas: Option<Size>) -> Result<(), String> {
    match canvas {
        Some(canvas) if width > canvas.0 || height > canvas.1 => {
            Err(format!("a WebP picture of {}x{} with a frame of {width}x{height}", canvas.0, canvas.1))
        }
        _ => Ok(()),
    }
}

/// A little-endian number of up to four bytes.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |sum, b| sum << 8 | u32::from(*b))
}

/// A piece of a file.
struct Chunk<'a> {
    name: [u8; 4],
    /// How many bytes it says that it has.
    claimed: usize,
    /// Those that are there.
    body: &'a [u8],
}

impl Chunk<'_> {
    /// Leaves a frame that is cut by the file's end to the decoder: the frames before it can still be shown.
    fn unless_cut(&self, checked: Result<(), Fault>) -> Result<(), String> {
        match checked {
            Err(Fault::Early) if self.claimed > self.body.len() => Ok(()),
            checked => checked.map_err(|fault| fault.to_string()),
        }
    }
}

/// The chunks of a file or frame.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        let claimed = number(&head[4..]) as usize;
        let (body, _) = rest.split_at(claimed.min(rest.len()));
        self.0 = rest.get(claimed.saturating_add(claimed % 2)..).unwrap_or_default();
        Some(Chunk { name: [head[0], head[1], head[2], head[3]], claimed, body })
    }
}
