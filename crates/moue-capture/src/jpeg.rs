//! Looks at a JPEG file's frame headers before its decoder does.
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

#[cfg(test)]
mod tests {
    use super::check;

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
