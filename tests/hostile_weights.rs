//! Weights files that would exhaust the machine are refused within a gigabyte of address space.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::{Cursor, Write as _};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Runs `moue model FILE` with at most 1 GB, and returns what it says of the file.
fn refusal(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hostile.pt"), bytes).unwrap();
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 1000000; exec \"$0\" model hostile.pt"])
        .arg(assert_cmd::cargo::cargo_bin!("moue"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/moue-fer2013.safetensors");
    let status = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 1000000; exec \"$0\" model \"$1\""])
        .arg(assert_cmd::cargo::cargo_bin!("moue"))
        .arg(path)
        .output()
        .unwrap()
        .status;
    assert!(status.success());
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
