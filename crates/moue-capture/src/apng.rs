//! The frames of an animated PNG, told by its chunks (PNG specification, third edition, chapter 11.3.6).

use std::io::{BufRead, Read as _, Seek};

/// How long each frame is shown, in milliseconds; what is cut off ends it. Empty for a still picture.
pub(super) fn times_ms(input: impl BufRead + Seek, most: usize) -> Vec<u32> {
    let mut shown_ms = Vec::new();
    chunks(input, |name, body| {
        if name == b"fcTL" && body.len() == 26 {
            // Numerator and denominator of the time in seconds; 0 stands for 100.
            let part = |at: usize| u32::from(u16::from_be_bytes([body[at], body[at + 1]]));
            let denominator = if part(22) == 0 { 100 } else { part(22) };
            shown_ms.push((1000 * part(20) + denominator / 2) / denominator);
        }
        shown_ms.len() <= most
    });
    shown_ms
}

/// Whether it says before its first pixel that it is an animation.
pub(super) fn is_animation(input: impl BufRead + Seek) -> bool {
    let mut found = false;
    chunks(input, |name, _| {
        found |= name == b"acTL";
        !found && name != b"IDAT"
    });
    found
}

/// Goes through the chunks as long as `each` says so. Of a chunk it gets the first 32 bytes.
fn chunks(mut input: impl BufRead + Seek, mut each: impl FnMut(&[u8; 4], &[u8]) -> bool) {
    let mut signature = [0; 8];
    if input.read_exact(&mut signature).is_err() {
        return;
    }
    let mut head = [0; 8];
    while input.read_exact(&mut head).is_ok() {
        let [a, b, c, d, name @ ..] = head;
        let length = u64::from(u32::from_be_bytes([a, b, c, d]));
        let mut body = Vec::new();
        if input.by_ref().take(length.min(32)).read_to_end(&mut body).is_err() || !each(&name, &body) {
            return;
        }
        // The rest, and the check sum.
        let rest = length.saturating_sub(body.len() as u64) + 4;
        if input.seek_relative(rest as i64).is_err() {
            return;
        }
    }
}
