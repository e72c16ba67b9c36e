//! Looks through a JPEG file before its decoder does: at its frame headers, and for its end.
//!
//! The decoder makes room for enlarging rows by the width of the first colour, brightness, and panics where another
//! colour has more samples than that (found by the fuzzer, zune-jpeg 0.5.15). No camera and no program writes such files.

/// Refuses a file with a frame header in which a colour is finer than the first.
///
/// Every place that looks like such a header counts, wherever it stands, so that nothing depends on how the decoder
/// gets over damaged parts: in the pixels' own bytes a marker cannot occur, and a thumbnail's header is one as well.
pub(super) fn check(file: &[u8]) -> Result<(), String> {
    for at in 0..file.len() {
        let [0xff, 0xc0..=0xc2, _, length, _, _, _, _, _, colours, rest @ ..] = &file[at..] else { continue };
        let count = usize::from(*colours);
        if usize::from(*length) != 8 + 3 * count || count < 2 {
            continue;
        }
        // A number, samples across and down, and a table, of each.
        let samples = |colour: &[u8]| (colour[1] >> 4, colour[1] & 15);
        let mut all = rest.chunks_exact(3).take(count).map(samples);
        let Some(first) = all.next() else { continue };
        if let Some(finer) = all.find(|s| s.0 > first.0 || s.1 > first.1) {
            return Err(format!(
                "a JPEG picture with {}x{} samples of its brightness and {}x{} of a colour",
                first.0, first.1, finer.0, finer.1
            ));
        }
    }
    Ok(())
}

/// How a file's first picture ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With its mark, and nothing that matters comes after it.
    Whole,
    /// Without its mark.
    Cut,
    /// At once another picture of the same size begins: an MJPEG video without a container.
    Another,
}

/// Looks for the end of the first picture: its segments have lengths, and in the pixels' bytes 0xff is followed by 0
/// where it is no mark (ITU-T T.81, annex B).
pub(super) fn end(file: &[u8]) -> End {
    let first = picture(file);
    let Some(at) = first.end else { return End::Cut };
    let rest = &file[at..];
    // A phone's picture may bring others of it along, and says so: CIPA DC-007, "MPF".
    if first.brings_others || !rest.starts_with(&[0xff, 0xd8, 0xff]) {
        return End::Whole;
    }
    let second = picture(rest);
    if second.size.is_some() && second.size == first.size { End::Another } else { End::Whole }
}

#[derive(Default)]
struct Parts {
    /// Where it ends, in bytes from its start.
    end: Option<usize>,
    /// Height and width, as they are written down.
    size: Option<[u8; 4]>,
    brings_others: bool,
}

fn picture(file: &[u8]) -> Parts {
    let mut found = Parts::default();
    let mut at = 2;
    while let Some(&mark) = file.get(at..).and_then(|rest| rest.iter().find(|b| **b != 0xff)) {
        at += file[at..].iter().take_while(|b| **b == 0xff).count() + 1;
        match mark {
            0xd9 => {
                found.end = Some(at);
                return found;
            }
            // Restarts, and bytes of pixels.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            _ => {
                let Some(segment) = file.get(at..) else { return found };
                let Some(length) = segment.first_chunk::<2>().map(|l| usize::from(u16::from_be_bytes(*l)))
                else {
                    return found;
                };
                match mark {
                    0xc0..=0xc2 => found.size = segment.get(3..7).and_then(|s| s.try_into().ok()),
                    0xe2 => found.brings_others |= segment[2..].starts_with(b"MPF\0"),
                    _ => {}
                }
                at += length.max(2);
            }
        }
        // On to the next mark, over the pixels.
        match file.get(at..).and_then(|rest| rest.iter().position(|b| *b == 0xff)) {
            Some(skipped) => at += skipped,
            None => return found,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{End, check, end};

    /// A picture of that many pixels a side, in name only.
    fn made(side: u8, application: &[u8]) -> Vec<u8> {
        let mut file = vec![0xff, 0xd8, 0xff, 0xe2, 0, 2 + application.len() as u8];
        file.extend(application);
        file.extend([0xff, 0xc0, 0, 11, 8, 0, side, 0, side, 1, 1, 0x11, 0]);
        file.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
        // Pixels, one of them 0xff, and a restart.
        file.extend([1, 2, 0xff, 0, 3, 0xff, 0xd0, 4, 0xff, 0xd9]);
        file
    }

    #[test]
    fn a_picture_ends_with_its_mark_and_a_video_goes_on() {
        let picture = made(8, b"x");
        assert_eq!(end(&picture), End::Whole);
        for length in 3..picture.len() {
            assert_eq!(end(&picture[..length]), End::Cut, "{length}");
        }
        assert_eq!(end(&[&picture[..], b"\0\0 and something else"].concat()), End::Whole);
        assert_eq!(end(&[&picture[..], &made(8, b"x")].concat()), End::Another);
        // A small second picture, as a phone's camera adds, and several of one size that belong together.
        assert_eq!(end(&[&picture[..], &made(4, b"x")].concat()), End::Whole);
        assert_eq!(end(&[made(8, b"MPF\0"), made(8, b"x")].concat()), End::Whole);
        // A mark inside a segment is none.
        assert_eq!(end(&made(8, &[0xff, 0xd9])), End::Whole);
        assert_eq!(end(&made(8, &[0xff, 0xd9])[..12]), End::Cut);
    }

    fn header(samples: [u8; 3]) -> Vec<u8> {
        let mut header = vec![0xff, 0xc2, 0, 17, 8, 0, 5, 0, 6, 3];
        for (colour, samples) in samples.into_iter().enumerate() {
            header.extend([colour as u8, samples, 0]);
        }
        header
    }

    #[test]
    fn a_colour_may_not_be_finer_than_brightness() {
        for usual in [[0x11; 3], [0x22, 0x11, 0x11], [0x21, 0x11, 0x11], [0x12, 0x11, 0x12], [0x22; 3]] {
            check(&header(usual)).unwrap();
        }
        for odd in [[0x11, 0x22, 0x11], [0x21, 0x12, 0x11], [0x21, 0x11, 0x22]] {
            let text = check(&[&[1, 2, 0xff][..], &header(odd)].concat()).unwrap_err();
            assert!(text.contains("samples of its brightness"), "{text}");
        }
        // Cut off, or with a length that is none of this.
        check(&header([0x11, 0x22, 0x11])[..9]).unwrap();
        let mut other = header([0x11, 0x22, 0x11]);
        other[3] = 18;
        check(&other).unwrap();
    }
}
