//! Weights files, good and bad.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use half::{bf16, f16};
use moue::model::formula::formula_weights;
use moue::model::{
    ClassOrder, Expression, LoadedWeights, MAX_FILE_BYTES, ModelError, NetworkWeights, ReadOptions,
    parse_safetensors, parse_weights, parse_weights_as, read_safetensors,
};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

fn bytes_of(weights: &NetworkWeights) -> Vec<u8> {
    bytes_as(weights, Dtype::F32, |v| v.to_le_bytes().to_vec())
}

fn bytes_as(weights: &NetworkWeights, dtype: Dtype, encode: impl Fn(f32) -> Vec<u8>) -> Vec<u8> {
    let raw: BTreeMap<&String, (Vec<usize>, Vec<u8>)> = weights
        .tensors
        .iter()
        .map(|(n, t)| (n, (t.shape.clone(), t.values.iter().flat_map(|v| encode(*v)).collect())))
        .collect();
    let views = raw.iter().map(|(n, (s, d))| (*n, TensorView::new(dtype, s.clone(), d).unwrap()));
    let metadata = weights.metadata.clone().into_iter().collect();
    safetensors::serialize(views, Some(metadata)).unwrap()
}

fn parse(bytes: &[u8]) -> Result<NetworkWeights, ModelError> {
    parse_safetensors(bytes, Path::new("some.safetensors"))
}

#[test]
fn both_depths_are_read_back_exactly() {
    for blocks in [1, 2] {
        let weights = formula_weights(blocks);
        assert_eq!(parse(&bytes_of(&weights)).unwrap(), weights);
    }
}

#[test]
fn other_floating_point_values_are_read_and_whole_numbers_are_not() {
    let weights = formula_weights(1);
    let halves = parse(&bytes_as(&weights, Dtype::F16, |v| f16::from_f32(v).to_le_bytes().to_vec())).unwrap();
    let brains =
        parse(&bytes_as(&weights, Dtype::BF16, |v| bf16::from_f32(v).to_le_bytes().to_vec())).unwrap();
    let doubles = parse(&bytes_as(&weights, Dtype::F64, |v| f64::from(v).to_le_bytes().to_vec())).unwrap();
    assert_eq!(doubles, weights);
    for (name, t) in &weights.tensors {
        for (i, v) in t.values.iter().enumerate() {
            assert_eq!(halves.tensors[name].values[i], f16::from_f32(*v).to_f32(), "{name}");
            assert_eq!(brains.tensors[name].values[i], bf16::from_f32(*v).to_f32(), "{name}");
        }
    }
    let whole = parse(&bytes_as(&weights, Dtype::I32, |v| (v as i32).to_le_bytes().to_vec()));
    let text = whole.unwrap_err().to_string();
    assert!(text.contains("conv1.weight: expected values in F64, F32, F16 or BF16, found I32"), "{text}");
}

#[test]
fn what_the_metadata_says_has_to_be_so() {
    let refusal = |key: &str, value: &str| {
        let mut weights = formula_weights(1);
        weights.metadata.insert(key.into(), value.into());
        parse(&bytes_of(&weights)).err().map(|e| e.to_string())
    };
    for (key, value) in [
        ("mean", "0.485,0.456,0.406"),
        ("std", "[0.229, 0.224, 0.225]"),
        ("blocks", "1"),
        ("architecture", "AttentionEmotionNet"),
        ("classes", r#"["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]"#),
        ("input_size", "32"),
        ("temperature", "1.31"),
        ("anything else", "at all"),
    ] {
        assert_eq!(refusal(key, value), None);
    }
    for (key, value) in [
        ("mean", "0.5,0.5,0.5"),
        ("std", "0.229,0.224"),
        ("blocks", "2"),
        ("architecture", "ResNet18"),
        ("classes", "angry,disgust,fear,happy,sad,neutral,contempt"),
        ("img_size", "31"),
        ("class_to_idx", "angry: 0, disgust: 1"),
        ("input_size", "31"),
        ("input_size", "513"),
        ("input_size", "-48"),
        ("temperature", "inf"),
        ("temperature", "warm"),
    ] {
        let text = refusal(key, value).unwrap();
        assert!(text.starts_with(&format!("some.safetensors: metadata {key}: expected ")), "{text}");
        assert!(text.contains("found ") && text.ends_with(value), "{text}");
        let flag = if key.contains("class") { "--classes" } else { "--input-size" };
        assert_eq!(text.contains(flag), key.contains("class") || key.ends_with("size"), "{text}");
    }
}

const FER: [&str; 7] = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];

/// The formula's network with its last layer's rows in another order.
fn in_order(names: &[&str; 7]) -> NetworkWeights {
    let mut weights = formula_weights(1);
    for (name, row) in [("fc.weight", 512), ("fc.bias", 1)] {
        let tensor = weights.tensors.get_mut(name).unwrap();
        let rows: Vec<Vec<f32>> = tensor.values.chunks(row).map(<[f32]>::to_vec).collect();
        let of = |name: &&str| rows[Expression::from_name(name).unwrap().index()].clone();
        tensor.values = names.iter().flat_map(of).collect();
    }
    weights
}

#[test]
fn rows_go_to_their_classes_as_the_file_or_the_user_says() {
    let (ours, theirs) = (formula_weights(1), in_order(&FER));
    assert_ne!(ours.tensors, theirs.tensors);
    let options = |text: &str| ReadOptions { input_size: None, classes: Some(text.parse().unwrap()) };
    let path = Path::new("some.safetensors");
    // Nothing is said: nothing is moved, and that is known.
    let silent = parse(&bytes_of(&theirs)).unwrap();
    assert_eq!(
        (&silent.tensors, silent.assumed()),
        (&theirs.tensors, Some("input 224 and class order assumed"))
    );
    let nouns = "anger,disgust,fear,happiness,sadness,surprise,neutral";
    let said = parse_weights_as(&bytes_of(&theirs), path, &options(nouns)).unwrap();
    assert_eq!((&said.tensors, said.assumed()), (&ours.tensors, Some("input 224 assumed")));
    for (key, value) in [
        ("classes", FER.join(",")),
        ("class_names", format!("{FER:?}")),
        (
            "config",
            format!(r#"{{"x": 1, "id2label": {{{}}}}}"#, {
                let pairs: Vec<String> =
                    FER.iter().enumerate().map(|(i, c)| format!("\"{i}\": \"{c}\"")).collect();
                pairs.join(",")
            }),
        ),
    ] {
        let mut file = theirs.clone();
        file.metadata.insert(key.into(), value);
        file.metadata.insert("img_size".into(), "[3, 144, 144]".into());
        let read = parse(&bytes_of(&file)).unwrap();
        assert_eq!((&read.tensors, read.input_size(), read.assumed()), (&ours.tensors, 144, None), "{key}");
        assert_eq!(read.original_class_order().to_string(), FER.join(","));
        // Written again, it is in the program's order, and says so.
        let again = parse(&bytes_of(&read)).unwrap();
        assert_eq!((&again.tensors, again.original_class_order()), (&ours.tensors, ClassOrder::default()));
        // The user's word counts more than the file's.
        let own = Expression::ALL.map(Expression::name).join(",");
        let overruled = ReadOptions { input_size: Some(96), ..options(&own) };
        let read = parse_weights_as(&bytes_of(&file), path, &overruled).unwrap();
        assert_eq!((&read.tensors, read.input_size()), (&theirs.tensors, 96), "{key}");
    }
    // Also where the file says what cannot be.
    let mut wrong = theirs;
    wrong.metadata.insert("classes".into(), "cat,dog".into());
    wrong.metadata.insert("input_size".into(), "7".into());
    assert!(parse(&bytes_of(&wrong)).is_err());
    let said = ReadOptions { input_size: Some(144), ..options(nouns) };
    let read = parse_weights_as(&bytes_of(&wrong), path, &said).unwrap();
    assert_eq!((&read.tensors, read.input_size(), read.assumed()), (&ours.tensors, 144, None));
}

#[test]
fn prefixes_are_stripped_and_tensors_beside_the_network_left_alone() {
    let weights = formula_weights(1);
    for prefix in ["model.", "_orig_mod.", "module._orig_mod.", "net.backbone."] {
        let mut file = weights.clone();
        file.tensors = weights.tensors.iter().map(|(n, t)| (format!("{prefix}{n}"), t.clone())).collect();
        assert_eq!(parse(&bytes_of(&file)).unwrap(), weights, "{prefix}");
        file.tensors.insert("criterion.weight".into(), weights.tensors["fc.bias"].clone());
        assert_eq!(parse(&bytes_of(&file)).unwrap(), weights, "{prefix}");
    }
}

#[test]
fn shipped_weights_are_sound() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/moue-fer2013.safetensors");
    let weights = read_safetensors(&path).unwrap();
    assert_eq!((weights.blocks, weights.input_size(), weights.assumed()), (2, 128, None));
}

#[test]
fn every_misfit_names_file_and_tensor() {
    let message = |change: &dyn Fn(&mut NetworkWeights)| {
        let mut weights = formula_weights(1);
        change(&mut weights);
        parse(&bytes_of(&weights)).unwrap_err().to_string()
    };
    let missing = message(&|w| drop(w.tensors.remove("layer2.0.shortcut.0.weight")));
    assert!(missing.starts_with("some.safetensors: tensor layer2.0.shortcut.0.weight"), "{missing}");
    assert!(missing.contains("[128, 64, 1, 1]") && missing.contains("no such tensor"), "{missing}");

    let shape = message(&|w| w.tensors.get_mut("fc.weight").unwrap().shape = vec![512, 7]);
    assert!(shape.contains("fc.weight: expected shape [7, 512], found shape [512, 7]"), "{shape}");

    let nan = message(&|w| w.tensors.get_mut("bn1.bias").unwrap().values[3] = f32::NAN);
    assert!(nan.contains("bn1.bias: expected finite values, found NaN at index 3"), "{nan}");

    let variance = message(&|w| w.tensors.get_mut("bn1.running_var").unwrap().values[9] = -0.5);
    assert!(variance.contains("bn1.running_var") && variance.contains("found -0.5 at index 9"), "{variance}");

    let extra = message(&|w| {
        let copy = w.tensors["fc.bias"].clone();
        w.tensors.insert("fc2.bias".into(), copy);
    });
    assert!(extra.contains("tensor fc2.bias") && extra.contains("an extra tensor"), "{extra}");
}

#[test]
fn damaged_files_are_refused() {
    let good = bytes_of(&formula_weights(1));
    for bad in [&good[..good.len() - 1], &good[..100], &good[..4], b"not weights at all", b""] {
        let error = parse(bad).unwrap_err();
        assert!(matches!(error, ModelError::NotWeights { .. }), "{error}");
    }
    // A header length that says more than the file holds.
    let mut long_header = good;
    long_header[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(parse(&long_header), Err(ModelError::NotWeights { .. })));
}

#[test]
fn headers_that_lie_are_refused() {
    let with_header = |header: &str, data: usize| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        parse(&bytes).unwrap_err().to_string()
    };
    // A header of its own size in full, with a hundred thousand tensors: refused before it is parsed.
    let entry = |i: usize| format!(r#""t{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#);
    let many = format!("{{{}}}", (0..100_000).map(entry).collect::<Vec<_>>().join(","));
    assert!(with_header(&many, 0).contains("expected a header of at most"));
    let some = format!("{{{}}}", (0..5000).map(entry).collect::<Vec<_>>().join(","));
    assert!(with_header(&some, 0).contains("expected at most 4096 tensors, found 5000"));
    for header in [
        // Shapes whose product overflows, offsets that go backwards, overlap, leave holes or end beyond.
        r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[200],"data_offsets":[0,800]}}"#,
        r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"__metadata__":{"input_size":144}}"#,
        "{",
        "{}",
    ] {
        let text = with_header(header, 8);
        assert!(text.starts_with("some.safetensors: not a readable weights file"), "{header}: {text}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    with_header(&deep, 0);
}

/// The beginnings of files that people take for weights, under a part of what is said of them.
fn other_kinds() -> Vec<(&'static str, Vec<u8>)> {
    let onnx = [&b"\x08\x08\x12\x07pytorch\x3a\x20"[..], &[1; 32], b"B\x02\x10\x11"].concat();
    vec![
        ("a Keras model (HDF5, .h5)", b"\x89HDF\r\n\x1a\n\0\0\0".to_vec()),
        ("an ONNX model", onnx),
        ("a TensorFlow Lite model", b"\x1c\0\0\0TFL3\x14\0".to_vec()),
        ("a TensorFlow model (SavedModel)", b"\x08\x01\x12\x02\0\0".to_vec()),
        ("an ExecuTorch program", b"\x1c\0\0\0ET12\x14\0".to_vec()),
        ("a GGUF model", b"GGUF\x03\0\0\0\0\0".to_vec()),
        ("PyTorch's old format", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02".to_vec()),
        ("a Python pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0}".to_vec()),
        ("a NumPy array (.npy)", b"\x93NUMPY\x01\0v\0{".to_vec()),
        ("a web page (HTML)", b"\n<!DOCTYPE html>\n<html>".to_vec()),
        ("text (JSON)", b"{\"error\": \"Not found\"}".to_vec()),
        ("a Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0".to_vec()),
        ("a gzip archive", b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec()),
        ("an archive", b"7z\xbc\xaf\x27\x1c\0\x04".to_vec()),
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
        ("nothing but zeros", vec![0; 64]),
        ("an empty file", Vec::new()),
    ]
}

/// The list in docs/formats.md says of each kind what the program says.
#[test]
fn the_list_of_other_files_is_true() {
    let said = |bytes: &[u8]| {
        let text = parse_weights(bytes, Path::new("some.bin")).unwrap_err().to_string();
        text.split_once(", found ").unwrap().1.to_owned()
    };
    let rows: String = other_kinds().iter().map(|(_, bytes)| format!("- {}\n", said(bytes))).collect();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once("<!-- weights -->\n").unwrap();
    let (found, after) = rest.split_once("<!-- end weights -->").unwrap();
    if std::env::var_os("MOUE_WRITE_DOCS").is_some() {
        std::fs::write(&page, format!("{before}<!-- weights -->\n{rows}<!-- end weights -->{after}"))
            .unwrap();
    } else {
        assert!(
            found == rows,
            "docs/formats.md: run this test with MOUE_WRITE_DOCS=1 to write its list anew"
        );
    }
}

#[test]
fn other_files_are_told_what_was_expected() {
    let message = |bytes: &[u8]| parse_weights(bytes, Path::new("some.bin")).unwrap_err().to_string();
    assert!(message(b"").ends_with("found an empty file"));
    assert!(message(b"version https://git-lfs.github.com/spec/v1\noid sha256:0").contains("Git LFS"));
    for (name, bytes) in other_kinds() {
        let text = message(&bytes);
        assert!(text.contains(name), "{text}");
    }
    let onnx = &other_kinds()[1].1;
    assert!(message(&onnx[..30]).contains("an ONNX model"), "a cut one");
    assert!(
        message(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").contains("expected safetensors or a PyTorch state dict")
    );
}

#[test]
fn missing_files_and_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("none.safetensors")] {
        let error = read_safetensors(&path).unwrap_err();
        assert!(matches!(error, ModelError::Unreadable { .. }), "{error}");
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    }
}

#[test]
fn what_is_no_file_or_too_large_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.safetensors");
    std::fs::File::create(&large).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
    let text = LoadedWeights::read(&large).unwrap_err().to_string();
    assert!(
        text.contains(&format!("at most {MAX_FILE_BYTES} bytes, found {}", MAX_FILE_BYTES + 1)),
        "{text}"
    );

    #[cfg(unix)]
    {
        // Nobody ever writes to this pipe: opening it would wait for ever.
        let pipe = folder.path().join("pipe.safetensors");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, Path::new("/dev/zero")] {
            let text = LoadedWeights::read(path).unwrap_err().to_string();
            assert!(text.contains("expected a file, found a folder or a device"), "{text}");
        }
    }
}

#[test]
fn the_hash_is_the_files() {
    let built_in = LoadedWeights::built_in().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/moue-fer2013.safetensors");
    let read = LoadedWeights::read(&path).unwrap();
    assert_eq!(read.weights, built_in.weights);
    assert_eq!(read.sha256, built_in.sha256);
    assert_eq!((read.sha256.len(), read.name.as_str()), (64, "moue-fer2013.safetensors"));

    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.pt");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&copy, bytes).unwrap();
    // The content says what kind of file it is, not the name.
    assert_ne!(LoadedWeights::read(&copy).unwrap().sha256, built_in.sha256);
}
