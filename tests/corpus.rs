//! Every file of the fuzzing corpus and every former finding, without a fuzzer; then changed copies of them, which are
//! fewer and less clever than those of `make fuzz`, but tried each time.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../fuzz/targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn corpus(kind: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(kind);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{kind}: the seeds are missing");
    files
}

#[test]
fn every_file_of_the_corpus_is_answered_or_refused() {
    for (kind, target) in targets::ALL {
        for (path, bytes) in corpus(kind) {
            // Shown only when it fails.
            println!("{}", path.display());
            target(&bytes);
        }
    }
}

/// Marsaglia's xorshift: the same numbers each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// One to four changes: a byte, a bit, an extreme number, a piece left out, repeated, or taken from another file.
fn change(bytes: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        let length = (1 + numbers.below(16)).min(bytes.len() - at);
        match numbers.below(7) {
            0 if !bytes.is_empty() => bytes[at] = numbers.below(256) as u8,
            1 if !bytes.is_empty() => bytes[at] ^= 1 << numbers.below(8),
            2 => bytes[at..at + length].fill([0, 0x7f, 0x80, 0xff][numbers.below(4)]),
            3 => drop(bytes.drain(at..at + length)),
            4 => {
                let piece = bytes[at..at + length].repeat(1 + numbers.below(64));
                bytes.splice(at..at, piece);
            }
            5 => {
                let from = numbers.below(other.len());
                let piece = other[from..(from + length).min(other.len())].to_vec();
                bytes.splice(at..at + length, piece);
            }
            _ => bytes.truncate(at),
        }
    }
}

/// `MOUE_CHANGED_S` seconds a kind (a tenth of one unless set otherwise), at least three copies of each file.
#[test]
fn changed_copies_are_answered_or_refused() {
    let seconds = std::env::var("MOUE_CHANGED_S").ok().and_then(|s| s.parse().ok()).unwrap_or(0.1);
    for (kind, target) in targets::ALL {
        let files = corpus(kind);
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        let (start, mut done, mut slowest) = (Instant::now(), 0, Duration::ZERO);
        while done < 3 * files.len() || start.elapsed().as_secs_f64() < seconds {
            let mut bytes = files[done % files.len()].1.clone();
            let other = &files[numbers.below(files.len())].1;
            change(&mut bytes, other, &mut numbers);
            let before = Instant::now();
            if catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_err() {
                let finding = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("finding-{kind}"));
                std::fs::write(&finding, &bytes).unwrap();
                panic!("{kind}: {} bytes, kept as {}", bytes.len(), finding.display());
            }
            slowest = slowest.max(before.elapsed());
            done += 1;
        }
        println!(
            "{kind}: {done} copies in {:.1} s, the slowest took {slowest:?}",
            start.elapsed().as_secs_f64()
        );
    }
}
