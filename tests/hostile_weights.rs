//! Weights files that would exhaust the machine are refused within a gigabyte of address space.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "common/limited.rs"]
mod limited;

use std::io::{Cursor, Write as _};
use std::path::Path;

use limited::run;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// What `moue model FILE` says of the file.
fn refusal(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hostile.pt"), bytes).unwrap();
    let (status, text) = run(folder.path(), &["model", "hostile.pt"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.starts_with("moue: hostile.pt: "), "{text}");
    text
}

fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file("net/data.pkl", deflated).unwrap();
    zip.write_all(pickle).unwrap();
    zip.finish().unwrap().into_inner()
}

#[test]
fn the_built_in_network_itself_fits() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/moue-fer2013.safetensors");
    let (status, text) = run(Path::new("."), &["model", path]);
    assert_eq!(status, Some(0), "{text}");
}

#[test]
fn a_header_of_millions_of_tensors() {
    let entry = |i: usize| format!(r#""{i:07}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#);
    let header = format!("{{{}}}", (0..2_000_000).map(entry).collect::<Vec<_>>().join(","));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    assert!(refusal(&bytes).contains("expected a header of at most"));
}

#[test]
fn an_archive_of_millions_of_entries() {
    const ENTRIES: u64 = 3_000_000;
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.resize(30, 0);
    let directory_at = bytes.len() as u64;
    for i in 0..ENTRIES {
        let mut entry = [0u8; 49];
        entry[..4].copy_from_slice(b"PK\x01\x02");
        entry[4..8].copy_from_slice(&[20, 0, 20, 0]);
        entry[28] = 3;
        entry[46..].copy_from_slice(&i.to_le_bytes()[..3]);
        bytes.extend_from_slice(&entry);
    }
    let size = bytes.len() as u64 - directory_at;
    let end_at = bytes.len() as u64;
    // The directory's end in 64 bits, the place of that, and the old form that points to it.
    bytes.extend_from_slice(b"PK\x06\x06");
    bytes.extend_from_slice(&44u64.to_le_bytes());
    bytes.extend_from_slice(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for v in [ENTRIES, ENTRIES, size, directory_at] {
        bytes.extend_from_slice(&v.to_le_bytes());
    }
    bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    bytes.extend_from_slice(&end_at.to_le_bytes());
    bytes.extend_from_slice(&1u32.to_le_bytes());
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
    assert!(refusal(&bytes).contains("expected at most 4096 entries, found 3000000"));
}

#[test]
fn pickles_of_one_long_name_and_of_many_objects() {
    let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    // Tensors of a storage whose name has 4,000 bytes: 1.4 GB if each had a copy.
    let mut pickle = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\x00(((".to_vec();
    pickle.extend(text("storage"));
    pickle.extend(b"ctorch\nFloatStorage\n");
    pickle.extend(text(&"k".repeat(4000)));
    pickle.extend(text("cpu"));
    pickle.extend(b"K\x01tQK\x00))tq\x01");
    pickle.extend(b"h\x00h\x01R".repeat(350_000));
    pickle.extend(b".");
    // A mark is left over.
    assert!(refusal(&archive(&pickle)).contains("expected a state dict"));

    for endless in [&b"}"[..], b"N", b"(", b")", b"}\x94", b"Nr\0\0\0\0", b"X\0\0\0\0"] {
        let pickle = [b"\x80\x02", &endless.repeat((4 << 20) / endless.len() - 4)[..], b"N."].concat();
        refusal(&archive(&pickle));
    }
}

#[test]
fn four_gigabytes_that_a_header_claims() {
    let four = u32::MAX;
    // A safetensors header, and a tensor behind a small one.
    assert!(
        refusal(&[&u64::from(four).to_le_bytes()[..], b"{}"].concat())
            .contains("expected a header of at most")
    );
    let header = format!(r#"{{"a":{{"dtype":"U8","shape":[{four}],"data_offsets":[0,{four}]}}}}"#);
    refusal(&[&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat());
    // A text, and a tensor.
    let claim = [b"\x80\x02X", &four.to_le_bytes()[..], b"abc."].concat();
    assert!(refusal(&archive(&claim)).contains("expected names of at most 4096 bytes, found 4294967295"));
    // An entry, in its own head and in the directory.
    let mut zip = archive(b"\x80\x02}.");
    let directory = zip.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    for at in [18, 22, directory + 20, directory + 24] {
        zip[at..at + 4].copy_from_slice(&(four - 1).to_le_bytes());
    }
    refusal(&zip);
}

#[test]
fn an_entry_that_lies_about_the_size_that_it_unpacks_to() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file("net/data.pkl", deflated).unwrap();
    for _ in 0..1500 {
        zip.write_all(&vec![b'N'; 1 << 20]).unwrap();
    }
    let mut zip = zip.finish().unwrap().into_inner();
    assert!(zip.len() < 4 << 20);
    let directory = zip.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    for at in [22, directory + 24] {
        zip[at..at + 4].copy_from_slice(&1000u32.to_le_bytes());
    }
    assert!(refusal(&zip).contains("data.pkl"));
}

#[test]
fn an_archive_of_long_names() {
    // Name, extra field and comment of 64 KiB each: the largest file of them.
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.resize(30, 0);
    let start = bytes.len() as u32;
    const ENTRIES: u16 = 1300;
    for i in 0..ENTRIES {
        let mut entry = [0; 46];
        entry[..4].copy_from_slice(b"PK\x01\x02");
        entry[4..8].copy_from_slice(&[20, 0, 20, 0]);
        entry[28..34].fill(0xff);
        bytes.extend(entry);
        let at = bytes.len();
        bytes.resize(at + 3 * 0xffff, b'n');
        bytes[at..at + 2].copy_from_slice(&i.to_le_bytes());
        // One extra field of a kind that nobody knows.
        bytes[at + 0xffff..][..4].copy_from_slice(&[0xfe, 0xca, 0xfb, 0xff]);
    }
    let size = bytes.len() as u32 - start;
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([ENTRIES.to_le_bytes(), ENTRIES.to_le_bytes()].concat());
    bytes.extend([size.to_le_bytes(), start.to_le_bytes()].concat());
    bytes.extend([0, 0]);
    assert!(bytes.len() < 256 << 20);
    assert!(refusal(&bytes).contains("found an archive without data.pkl"));
}

#[test]
fn a_pickle_that_nests_as_deep_as_it_is_long() {
    for (open, close) in [(&b"("[..], &b"t"[..]), (b"", b"\x85")] {
        // Each tuple holds the one before.
        let pickle = [b"\x80\x02", &open.repeat(300_000)[..], b"N", &close.repeat(300_000), b"."].concat();
        assert!(refusal(&archive(&pickle)).contains("expected a state dict, found another object"));
    }
}
