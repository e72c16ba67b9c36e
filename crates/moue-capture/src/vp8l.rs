//! How much memory the code tables of a lossless WebP picture take, before its decoder asks for it.
//!
//! The format lets a picture of a single pixel bring 65,536 groups of five prefix codes, and the decoder makes a table of
//! up to 4 KiB for each: 4 MB of file become 1.3 GB (measured). So the file's bits are walked here up to the last code,
//! without a picture in memory and without a table: a picture that refers to another place needs its number of pixels
//! only. Names are those of the specification, "WebP Lossless Bitstream Specification".

/// Most bytes of all tables. libwebp's encoder makes at most 2,600 groups, which take 52 MB in tables of 4 KiB.
const MAX_TABLE_BYTES: u64 = 128 << 20;
/// What the decoder holds of a group beside its tables, in bytes.
const GROUP_BYTES: u64 = 600;
/// Codes up to this length are looked up in a table of the decoder, longer ones in a tree with nodes of 16 bytes.
const TABLE_BITS: usize = 10;

/// Longest code.
const MAX_LENGTH: usize = 15;
/// The order in which the lengths of the lengths' codes are stored.
const LENGTH_ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Symbols of green with the lengths of copies, red, blue, alpha, and distances of copies.
const ALPHABETS: [usize; 5] = [256 + 24, 256, 256, 256, 40];

/// Why a picture is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Up to where it ends, nothing takes too much.
    #[error("a lossless picture that ends too early")]
    Early,
    #[error("{0}")]
    Wrong(String),
}

impl From<&str> for Fault {
    fn from(fault: &str) -> Self {
        Self::Wrong(fault.into())
    }
}

/// Checks a `VP8L` chunk.
pub(super) fn check_picture(chunk: &[u8]) -> Result<(), Fault> {
    let mut walk = Walk::new(chunk);
    if walk.bits(8)? != 0x2f {
        return Err("a lossless picture without its signature".into());
    }
    let (width, height) = (walk.bits(14)? + 1, walk.bits(14)? + 1);
    // Whether there is transparency, and the version.
    walk.bits(4)?;
    walk.main_image(width, height)
}

/// Checks an `ALPH` chunk, of a picture with this width and height in pixels.
pub(super) fn check_transparency(chunk: &[u8], (width, height): (u32, u32)) -> Result<(), Fault> {
    match chunk {
        [info, rest @ ..] if info & 3 == 1 => Walk::new(rest).main_image(width, height),
        // Not compressed.
        _ => Ok(()),
    }
}

/// `size` pixels in blocks of `1 << bits`.
fn blocks(size: u32, bits: u32) -> u32 {
    size.div_ceil(1 << bits)
}

struct Walk<'a> {
    input: &'a [u8],
    /// Bits that were read.
    at: usize,
    table_bytes: u64,
}

impl<'a> Walk<'a> {
    fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0, table_bytes: 0 }
    }

    fn bit(&mut self) -> Result<u32, Fault> {
        let byte = self.input.get(self.at / 8).ok_or(Fault::Early)?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Ok(u32::from(bit))
    }

    /// A number, its lowest bit first.
    fn bits(&mut self, count: u32) -> Result<u32, Fault> {
        (0..count).try_fold(0, |sum, i| Ok(sum | self.bit()? << i))
    }

    /// The picture with its transforms, up to its last code.
    fn main_image(&mut self, mut width: u32, height: u32) -> Result<(), Fault> {
        let mut seen = [false; 4];
        while self.bit()? == 1 {
            let kind = self.bits(2)? as usize;
            if std::mem::replace(&mut seen[kind], true) {
                return Err("a lossless picture with a transform twice".into());
            }
            match kind {
                // Predictors, and colours from other colours: a picture with a pixel for each block.
                0 | 1 => {
                    let bits = self.bits(3)? + 2;
                    self.image(blocks(width, bits), blocks(height, bits), false)?;
                }
                // Green is subtracted.
                2 => {}
                // Colours by number: a row with all of them, and several numbers in a pixel.
                _ => {
                    let colours = self.bits(8)? + 1;
                    self.image(colours, 1, false)?;
                    width = blocks(width, bits_of_colours(colours));
                }
            }
        }
        self.image(width, height, true)?;
        Ok(())
    }

    /// Walks a picture, the main one without its pixels. The largest number that its red and green make.
    fn image(&mut self, width: u32, height: u32, main: bool) -> Result<u32, Fault> {
        let cached = match self.bit()? {
            0 => 0,
            _ => match self.bits(4)? {
                bits @ 1..=11 => 1 << bits,
                _ => return Err("a lossless picture with a wrong colour cache".into()),
            },
        };
        let mut groups = 1;
        if main && self.bit()? == 1 {
            let bits = self.bits(3)? + 2;
            groups += self.image(blocks(width, bits), blocks(height, bits), false)?;
        }
        let mut codes = Vec::new();
        for _ in 0..groups {
            codes.clear();
            for (i, symbols) in ALPHABETS.into_iter().enumerate() {
                codes.push(self.code(if i == 0 { symbols + cached } else { symbols })?);
            }
            self.table_bytes += GROUP_BYTES + codes.iter().map(Code::table_bytes).sum::<u64>();
            if self.table_bytes > MAX_TABLE_BYTES {
                return Err(Fault::Wrong(format!(
                    "expected at most {} MB of code tables, found more in {groups} groups",
                    MAX_TABLE_BYTES >> 20
                )));
            }
        }
        if main { Ok(0) } else { self.pixels(&codes, u64::from(width) * u64::from(height)) }
    }

    fn pixels(&mut self, codes: &[Code], count: u64) -> Result<u32, Fault> {
        let (mut done, mut largest) = (0, 0);
        while done < count {
            let start = self.at;
            let green = self.symbol(&codes[0])?;
            if green < 256 {
                let red = self.symbol(&codes[1])?;
                self.symbol(&codes[2])?;
                self.symbol(&codes[3])?;
                // Only literal pixels can be the largest: one that is copied from earlier in the picture, or taken from
                // the colour cache, was a literal before.
                largest = largest.max(red << 8 | green);
                done += 1;
            } else if green < 256 + 24 {
                done += self.distance(green - 256)?;
                let code = self.symbol(&codes[4])?;
                self.distance(code)?;
            } else {
                done += 1;
            }
            // Each pixel after one without bits is the same.
            if self.at == start {
                break;
            }
        }
        Ok(largest)
    }

    /// The length or distance of a copy.
    fn distance(&mut self, prefix: u32) -> Result<u64, Fault> {
        if prefix < 4 {
            return Ok(u64::from(prefix) + 1);
        }
        let bits = (prefix - 2) >> 1;
        Ok((u64::from(2 + (prefix & 1)) << bits) + u64::from(self.bits(bits)?) + 1)
    }

    /// A prefix code for so many symbols.
    fn code(&mut self, symbols: usize) -> Result<Code, Fault> {
        if self.bit()? == 1 {
            let two = self.bit()? == 1;
            let first_bits = if self.bit()? == 1 { 8 } else { 1 };
            let mut used = vec![self.bits(first_bits)? as u16];
            if two {
                used.push(self.bits(8)? as u16);
            }
            return Ok(Code::simple(used));
        }
        let mut lengths = [0; LENGTH_ORDER.len()];
        let stored = self.bits(4)? as usize + 4;
        for &i in &LENGTH_ORDER[..stored] {
            lengths[i] = self.bits(3)? as u8;
        }
        let code = Code::new(&lengths)?;
        let mut left = match self.bit()? {
            0 => symbols,
            _ => {
                let bits = 2 + 2 * self.bits(3)?;
                2 + self.bits(bits)? as usize
            }
        };
        let mut lengths = Vec::with_capacity(symbols);
        let mut last = 8;
        while lengths.len() < symbols && left > 0 {
            left -= 1;
            let (length, repeat) = match self.symbol(&code)? {
                16 => (last, 3 + self.bits(2)?),
                17 => (0, 3 + self.bits(3)?),
                18 => (0, 11 + self.bits(7)?),
                length => (length as u8, 1),
            };
            if length != 0 {
                last = length;
            }
            lengths.extend(std::iter::repeat_n(length, repeat as usize));
        }
        if lengths.len() > symbols {
            return Err("a lossless picture with too many lengths of codes".into());
        }
        Code::new(&lengths)
    }

    fn symbol(&mut self, code: &Code) -> Result<u32, Fault> {
        if let [only] = code.symbols[..] {
            return Ok(only.into());
        }
        let (mut value, mut first, mut index) = (0, 0, 0);
        for count in &code.counts[1..] {
            value = value << 1 | self.bit()? as usize;
            first <<= 1;
            if value < first + count {
                return Ok(code.symbols[index + value - first].into());
            }
            (index, first) = (index + count, first + count);
        }
        Err("a lossless picture with a code that means nothing".into())
    }
}

/// How many pixels share one, as a power of two, where there are so many colours.
fn bits_of_colours(colours: u32) -> u32 {
    match colours {
        ..=2 => 3,
        3..=4 => 2,
        5..=16 => 1,
        _ => 0,
    }
}

/// A canonical prefix code.
struct Code {
    /// How many codes have each length.
    counts: [usize; MAX_LENGTH + 1],
    /// The symbols that have a code, by its length and then by their number.
    symbols: Vec<u16>,
}

impl Code {
    /// Of one symbol without bits, or two of one bit.
    fn simple(symbols: Vec<u16>) -> Self {
        let mut counts = [0; MAX_LENGTH + 1];
        counts[1] = symbols.len();
        Self { counts, symbols }
    }

    /// From the length of each symbol's code, where 0 is none.
    fn new(lengths: &[u8]) -> Result<Self, Fault> {
        let mut counts = [0; MAX_LENGTH + 1];
        let mut symbols: Vec<u16> =
            (0..lengths.len() as u16).filter(|s| lengths[usize::from(*s)] > 0).collect();
        symbols.sort_by_key(|s| lengths[usize::from(*s)]);
        for &s in &symbols {
            counts[usize::from(lengths[usize::from(s)])] += 1;
        }
        let space: usize = (1..=MAX_LENGTH).map(|length| counts[length] << (MAX_LENGTH - length)).sum();
        if symbols.len() != 1 && space != 1 << MAX_LENGTH {
            return Err("a lossless picture with a code that is not complete".into());
        }
        Ok(Self { counts, symbols })
    }

    /// What the decoder's table and tree take.
    fn table_bytes(&self) -> u64 {
        if self.symbols.len() < 2 {
            return 0;
        }
        let longest = self.counts.iter().rposition(|n| *n > 0).unwrap_or_default().min(TABLE_BITS);
        let in_tree: usize = self.counts[TABLE_BITS + 1..].iter().sum();
        (4 << longest) + 32 * in_tree as u64
    }
}
