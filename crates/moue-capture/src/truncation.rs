//! Whether a file ends in the middle of a frame, where ffmpeg does not say so: transport streams and Ogg.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::probe::VideoStream;

/// How much of the end is looked at, in bytes. A frame of a transport stream is shorter; so is a page of Ogg.
const TAIL: u64 = 4 << 20;

/// Why the file seems to be cut, if it does.
pub(super) fn ends_early(path: &Path, stream: &VideoStream, steps: &Steps) -> Option<&'static str> {
    if matches!(stream.container.as_str(), "mpegts" | "mpeg") && steps.frames_missing_at_end(stream.frame_s())
    {
        return Some("frames are missing before its last ones");
    }
    let tail = tail(path)?;
    let cut = match (stream.container.as_str(), stream.pid) {
        ("mpegts", Some(pid)) => transport_stream_ends_early(&tail, pid),
        ("ogg", _) => ogg_ends_early(&tail),
        _ => false,
    };
    cut.then_some("it ends in the middle of a frame")
}

/// How far apart the frames of a film are. What lies between a frame and those that were predicted from it comes after
/// it in the file: where that is missing, the last steps are longer than all before.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps {
    /// The last ones, in seconds.
    last_s: VecDeque<f64>,
    /// The longest before them.
    longest_s: f64,
    count: u64,
}

impl Steps {
    /// As many as a frame may wait for others in common files.
    const KEPT: usize = 4;

    pub(super) fn add(&mut self, step_s: f64) {
        self.count += 1;
        self.last_s.push_back(step_s);
        if self.last_s.len() > Self::KEPT {
            self.longest_s = self.longest_s.max(self.last_s.pop_front().unwrap_or(0.0));
        }
    }

    /// Whether frames are missing before the last ones.
    pub(super) fn frames_missing_at_end(&self, frame_s: f64) -> bool {
        let hole = self.last_s.iter().any(|step_s| *step_s > 1.9 * frame_s);
        hole && self.longest_s < 1.5 * frame_s && self.count > 2 * Self::KEPT as u64
    }
}

fn tail(path: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// A frame (a PES packet) begins in a new transport packet, so that the one before it is filled up (ISO/IEC 13818-1,
/// 2.4.3.5): the last packet of a whole frame has filling, except in the one case of 184 where the frame fits exactly.
fn transport_stream_ends_early(tail: &[u8], pid: u16) -> bool {
    // A packet, and what is between two: a time before each on Blu-ray and in AVCHD, a check sum after each in broadcasts.
    let Some((step, first)) = [188, 192, 204].into_iter().find_map(|step| {
        let begins = |at: usize| (0..8).all(|i| tail.get(at + i * step).is_none_or(|b| *b == 0x47));
        (0..step).find(|at| tail.get(*at) == Some(&0x47) && begins(*at)).map(|at| (step, at))
    }) else {
        return false;
    };
    let packets: Vec<&[u8]> = tail[first..].chunks(step).map(|p| &p[..p.len().min(188)]).collect();
    if packets.last().is_some_and(|last| last.len() < 188) {
        return true;
    }
    let of_stream = |p: &&&[u8]| u16::from(p[1] & 0x1f) << 8 | u16::from(p[2]) == pid && p[3] & 0x10 != 0;
    let Some(last) = packets.iter().rev().find(of_stream) else { return false };
    !is_filled(last)
}

/// Whether a packet's adaptation field holds more than it has to say.
fn is_filled(packet: &[u8]) -> bool {
    if packet[3] & 0x20 == 0 {
        return false;
    }
    let length = usize::from(packet[4]);
    if length == 0 {
        return true;
    }
    let flags = packet[5];
    // Two clocks, a countdown; private data and extensions have lengths of their own, and are taken as filling.
    let used = 1
        + if flags & 0x10 != 0 { 6 } else { 0 }
        + if flags & 0x08 != 0 { 6 } else { 0 }
        + usize::from(flags & 0x04 != 0);
    length > used
}

/// The last page of a whole file is the last of its stream and says so (RFC 3533, section 6).
fn ogg_ends_early(tail: &[u8]) -> bool {
    let starts = |at: usize| tail[at..].starts_with(b"OggS");
    let Some(at) = (0..tail.len().saturating_sub(27)).rev().find(|at| starts(*at)) else { return true };
    let page = &tail[at..];
    let segments = usize::from(page[26]);
    let Some(lengths) = page.get(27..27 + segments) else { return true };
    let length = 27 + segments + lengths.iter().map(|l| usize::from(*l)).sum::<usize>();
    page.len() < length || page[5] & 4 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pid: u16, filling: u8) -> Vec<u8> {
        let mut packet = vec![0u8; 188];
        packet[..4].copy_from_slice(&[0x47, (pid >> 8) as u8, pid as u8, 0x10]);
        if filling > 0 {
            packet[3] = 0x30;
            packet[4] = filling - 1;
        }
        packet
    }

    #[test]
    fn a_transport_stream_is_whole_where_its_last_packet_is_filled_up() {
        let stream = |packets: &[(u16, u8)]| -> Vec<u8> {
            let start = [(256, 0); 10].iter().chain(packets).flat_map(|(pid, n)| packet(*pid, *n));
            start.collect()
        };
        assert!(!transport_stream_ends_early(&stream(&[(256, 9), (0, 0)]), 256));
        assert!(!transport_stream_ends_early(&stream(&[(256, 1)]), 256));
        assert!(transport_stream_ends_early(&stream(&[(256, 0), (257, 30)]), 256));
        let whole = stream(&[(256, 9)]);
        assert!(transport_stream_ends_early(&whole[..whole.len() - 5], 256));
        // With a time of four bytes before each packet.
        let blu_ray: Vec<u8> = whole.chunks(188).flat_map(|p| [&[1, 2, 3, 4][..], p].concat()).collect();
        assert!(!transport_stream_ends_early(&blu_ray, 256));
        // Only a clock, which is no filling.
        let mut clock = stream(&[(256, 8)]);
        let at = clock.len() - 188;
        clock[at + 5] = 0x10;
        assert!(transport_stream_ends_early(&clock, 256));
        assert!(!transport_stream_ends_early(&[0; 2000], 256));
    }

    #[test]
    fn a_hole_before_the_last_frames_is_noticed() {
        let hole = |steps: &[f64]| {
            let mut all = Steps::default();
            [0.04; 20].iter().chain(steps).for_each(|s| all.add(*s));
            all.frames_missing_at_end(0.04)
        };
        assert!(!hole(&[]) && !hole(&[0.04, 0.042]));
        assert!(hole(&[0.16]) && hole(&[0.08, 0.08, 0.16]));
        // A film that has such steps all the time, and one that had one.
        assert!(!hole(&[0.16, 0.04, 0.04, 0.04, 0.04, 0.16]));
    }

    #[test]
    fn an_ogg_file_is_whole_where_its_last_page_says_so() {
        let page = |flags: u8| {
            let mut page = vec![0u8; 27];
            page[..4].copy_from_slice(b"OggS");
            (page[5], page[26]) = (flags, 2);
            page.extend([255, 10]);
            page.extend([7; 265]);
            page
        };
        let whole = [page(0), page(4)].concat();
        assert!(!ogg_ends_early(&whole));
        assert!(ogg_ends_early(&whole[..whole.len() - 1]));
        assert!(ogg_ends_early(&page(0)));
    }
}
