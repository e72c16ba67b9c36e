//! What a file is that holds no weights of this network, told by its content, and what to do.

const CONVERT: &str = "only weights of moue's own network can be read; save those from PyTorch with \
    torch.save(model.state_dict(), FILE) or with safetensors";

/// The kind of a file that is neither a zip archive nor safetensors, as a message names it. Not for files that are read.
pub(super) fn named(bytes: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let at = |place: usize, magic: &[u8]| bytes.get(place..).is_some_and(|rest| rest.starts_with(magic));
    Some(match bytes {
        [] => "an empty file",
        _ if starts(b"\x89HDF\r\n\x1a\n") => {
            "a Keras model (HDF5, .h5): its network is another one, and is used in Keras; only weights of moue's own network can \
             be read, as safetensors or a PyTorch state dict"
        }
        _ if at(4, b"TFL3") => {
            "a TensorFlow Lite model: its network is another one, and is used in TensorFlow; only weights of moue's own network \
             can be read, as safetensors or a PyTorch state dict"
        }
        _ if at(4, b"ET12") => {
            "an ExecuTorch program: take the PyTorch file that it was made from and save its weights with \
             torch.save(model.state_dict(), FILE)"
        }
        _ if starts(b"GGUF") => {
            "a GGUF model, which holds a language model: only weights of moue's own network can be read, as safetensors or a \
             PyTorch state dict"
        }
        _ if starts(b"\x1f\x8b") => {
            "a gzip archive: unpack it (gunzip FILE.gz, or tar -xzf FILE) and open what is in it"
        }
        _ if starts(b"BZh")
            || starts(b"\xfd7zXZ\0")
            || starts(b"\x28\xb5\x2f\xfd")
            || starts(b"7z\xbc\xaf\x27\x1c") =>
        {
            "an archive (bzip2, xz, zstd or 7-Zip): unpack it and open what is in it"
        }
        _ if starts(b"Rar!") => "a RAR archive: unpack it and open what is in it",
        _ if at(257, b"ustar") => "a tar archive: unpack it (tar -xf FILE) and open what is in it",
        _ if starts(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.") => {
            "PyTorch's old format of before version 1.6; load it there and save it again with \
             torch.save(model.state_dict(), FILE)"
        }
        [0x80, 0..=5, _, ..] => {
            "a Python pickle (PyTorch's old format of before version 1.6, or another program's), which is not run; load it where \
             it was made and save it again with torch.save(model.state_dict(), FILE)"
        }
        _ if is_picture(bytes) => "a picture: open it as a picture, not as weights",
        _ if is_video(bytes) => "a video: open it as a video, not as weights",
        _ if starts(b"\x93NUMPY") => {
            "a NumPy array (.npy): only weights of moue's own network can be read, as safetensors or a PyTorch state dict"
        }
        _ if bytes.iter().all(|b| *b == 0) => {
            "nothing but zeros: it was not copied or downloaded whole; get it again"
        }
        _ => match protobuf(bytes) {
            Some(kind) => kind,
            None => return text(bytes),
        },
    })
}

fn is_picture(bytes: &[u8]) -> bool {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let brand = bytes.get(4..12).and_then(|b| b.strip_prefix(b"ftyp"));
    let pictures: [&[u8]; 7] = [b"avif", b"avis", b"heic", b"heix", b"heif", b"mif1", b"msf1"];
    starts(b"\x89PNG")
        || starts(b"\xff\xd8\xff")
        || starts(b"GIF8")
        || starts(b"II*\0")
        || starts(b"MM\0*")
        || (starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"))
        || starts(b"\xff\x0a")
        || starts(b"\0\0\0\x0cJXL ")
        || starts(b"8BPS")
        // A bitmap tells its own length after two letters.
        || (starts(b"BM") && bytes.get(6..10) == Some(&[0; 4]))
        || brand.is_some_and(|brand| pictures.contains(&brand))
}

fn is_video(bytes: &[u8]) -> bool {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let at = |place: usize, magic: &[u8]| bytes.get(place..).is_some_and(|rest| rest.starts_with(magic));
    // ISO media (MP4, MOV), Matroska and WebM, AVI, MPEG, Ogg, ASF.
    at(4, b"ftyp")
        || at(4, b"moov")
        || at(4, b"mdat")
        || starts(b"\x1aE\xdf\xa3")
        || (starts(b"RIFF") && at(8, b"AVI "))
        || starts(b"\0\0\x01\xba")
        || starts(b"OggS")
        || starts(b"0&\xb2u")
}

/// Text that was saved in place of a file.
fn text(bytes: &[u8]) -> Option<&'static str> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_lowercase();
    let head = head.trim_start_matches('\u{feff}').trim_start();
    if head.starts_with("version https://git-lfs") || head.starts_with("version ") {
        Some(
            "text (a Git LFS pointer, which stands for the file: fetch that with git lfs pull, or download the file itself from \
             its page)",
        )
    } else if ["<!doctype html", "<html", "<head", "<?xml", "<!--"].iter().any(|tag| head.starts_with(tag)) {
        Some(
            "a web page (HTML), saved in place of the file: download the file itself (the link \"raw\" or \"download\" on its \
             page)",
        )
    } else if head.starts_with(['{', '[']) && !bytes.is_empty() && bytes.iter().take(1024).all(|b| *b >= 9) {
        Some("text (JSON), and no tensors: name the file with the weights, or download it again")
    } else if !bytes.is_empty() && is_plain(bytes) {
        Some("text, and no tensors: name the file with the weights")
    } else {
        None
    }
}

/// Whether the beginning is letters, digits, spaces and line ends in UTF-8.
fn is_plain(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1024)];
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last letter may be cut.
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || "\t\n\r".contains(c))
}

/// ONNX and TensorFlow's models are messages of Protocol Buffers without a name of their own; they are told by the numbers
/// and kinds of their outermost fields (onnx.proto's `ModelProto`, saved_model.proto).
fn protobuf(bytes: &[u8]) -> Option<&'static str> {
    // The version of the format, the first field of both.
    if !matches!(bytes, [0x08, 1..=30, ..]) {
        return None;
    }
    let (mut rest, mut fields) = (bytes, [false; 32]);
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let (field, kind) = ((tag >> 3) as usize, tag & 7);
        // ir_version, producer, domain, model_version, doc, graph, opset, metadata, training, functions.
        let known = match field {
            1 | 5 => kind == 0,
            2 | 3 | 4 | 6 | 7 | 8 | 14 | 20 | 25 | 26 => kind == 2,
            _ => false,
        };
        if !known {
            return None;
        }
        fields[field] = true;
        let value = varint(&mut rest)?;
        if kind == 2 {
            // A cut file ends within its graph.
            let Some(left) = usize::try_from(value).ok().and_then(|length| rest.get(length..)) else { break };
            rest = left;
        }
    }
    if fields[7] {
        Some(
            "an ONNX model: its network is stored as a graph; take the PyTorch file that it was made from and save its weights \
             with torch.save(model.state_dict(), FILE)",
        )
    } else if fields[2] && fields.iter().filter(|f| **f).count() == 2 {
        Some(
            "a TensorFlow model (SavedModel): its network is another one, and is used in TensorFlow; only weights of moue's own \
             network can be read, as safetensors or a PyTorch state dict",
        )
    } else {
        None
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// What a zip archive is that is no `torch.save` file; `None` where it may be one.
pub(super) fn kind_of_archive<S: AsRef<str>>(names: &[S]) -> Option<String> {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let ends = |end: &str| names.iter().any(|n| n.ends_with(end));
    let inside = |part: &str| names.iter().any(|n| n.contains(part));
    if ends("constants.pkl") && (inside("/code/") || ends("/version")) && inside("code/") {
        return Some(
            "this is TorchScript (torch.jit.save), a program with its weights: load it with torch.jit.load and save the weights \
             with torch.save(model.state_dict(), FILE)"
                .into(),
        );
    }
    if ends("data.pkl") {
        return None;
    }
    if ends("model.weights.h5") || (names.contains(&"config.json") && ends(".h5")) {
        return Some(format!("this is a Keras model (.keras), whose network is another one: {CONVERT}"));
    }
    if inside("archive_format") || inside("/models/") && inside("/weights/") {
        return Some(
            "this is a program of torch.export (.pt2): take the model that it was made from and save its weights with \
             torch.save(model.state_dict(), FILE)"
                .into(),
        );
    }
    if !names.is_empty() && names.iter().all(|n| n.ends_with(".npy")) {
        return Some(format!("these are NumPy arrays (.npz): {CONVERT}"));
    }
    let weights =
        names.iter().find(|n| [".pt", ".pth", ".ckpt", ".safetensors"].iter().any(|e| n.ends_with(e)));
    weights.map(|name| {
        let name = moue_files::excerpt(name, 80);
        format!("this is a zip archive with {name} in it: unpack it and open that")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_named() {
        let script =
            ["net/data.pkl", "net/code/__torch__.py", "net/constants.pkl", "net/version", "net/data/0"];
        assert!(kind_of_archive(&script).unwrap().contains("TorchScript"));
        assert!(
            kind_of_archive(&["config.json", "metadata.json", "model.weights.h5"]).unwrap().contains("Keras")
        );
        assert!(kind_of_archive(&["a.npy", "b.npy"]).unwrap().contains("NumPy"));
        assert!(kind_of_archive(&["x/readme", "x/net.pth"]).unwrap().contains("x/net.pth"));
        assert_eq!(kind_of_archive(&["net/data.pkl", "net/data/0", "net/version"]), None);
        assert_eq!(kind_of_archive(&["readme"]), None);
    }

    #[test]
    fn onnx_is_known_whole_and_cut_and_nothing_else_is_taken_for_it() {
        // ir_version, producer_name, graph of 300 bytes, opset_import.
        let mut onnx = vec![0x08, 8, 0x12, 7];
        onnx.extend(b"pytorch");
        onnx.extend([0x3a, 0xac, 0x02]);
        onnx.resize(onnx.len() + 300, 1);
        onnx.extend([0x42, 2, 0x10, 17]);
        for bytes in [&onnx[..], &onnx[..100]] {
            assert!(named(bytes).unwrap().contains("ONNX"));
        }
        assert!(named(&[0x08, 1, 0x12, 2, 0, 0]).unwrap().contains("SavedModel"));
        // The length of a safetensors header.
        assert_eq!(named(b"\x08\0\0\0\0\0\0\0{}      "), None);
        assert_eq!(named(b"\x08\x05\0\0\0\0\0\0{\"__metadata__\""), None);
    }

    #[test]
    fn pictures_videos_and_text_are_told_from_each_other() {
        let picture: [&[u8]; 8] = [
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff\xe0",
            b"GIF89a",
            b"II*\0\x08\0\0\0",
            b"RIFF\x10\0\0\0WEBPVP8 ",
            b"\0\0\0\x18ftypheic\0\0\0\0",
            b"\0\0\0\x1cftypavif\0\0\0\0",
            b"BM\x36\x10\0\0\0\0\0\0\x36\0",
        ];
        for bytes in picture {
            assert!(named(bytes).unwrap().starts_with("a picture"), "{bytes:?}");
        }
        let video: [&[u8]; 5] = [
            b"\0\0\0\x20ftypisom\0\0\x02\0",
            b"\0\0\0\x14ftypqt  \0\0\0\0",
            b"\x1aE\xdf\xa3\x9fB",
            b"RIFF\x10\0\0\0AVI LIST",
            b"OggS\0\x02",
        ];
        for bytes in video {
            assert!(named(bytes).unwrap().starts_with("a video"), "{bytes:?}");
        }
        for text in ["# moue\n\nReads faces.", "name;größe\r\n1;2", "BMW is a car maker"] {
            assert!(named(text.as_bytes()).unwrap().starts_with("text"), "{text}");
        }
        assert_eq!(named(&[7, 1, 200, 3, 9, 0, 4]), None);
    }
}
