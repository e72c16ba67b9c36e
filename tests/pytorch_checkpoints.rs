//! What training programs put around a network: names, prefixes, other objects, several networks.
#![allow(clippy::unwrap_used)]

#[path = "common/pickle.rs"]
mod pickle;

use std::collections::BTreeMap;

use moue::model::formula::formula_weights;
use moue::model::{
    Expression, LoadedWeights, NetworkWeights, StartWeights, StoredAs, WeightTensor, write_safetensors,
};

use crate::pickle::{Pickle, archive, checkpoint, network, parse, pytorch_file, refusal, row_major};

#[test]
fn one_dict_of_tensors_is_found_under_any_name_and_behind_any_prefix() {
    let weights = formula_weights(1);
    for key in ["net", "ema", "model_ema", "weights", "my own name", "state_dict"] {
        for prefix in ["", "model.", "_orig_mod.", "module._orig_mod.", "net.backbone.module."] {
            let file = checkpoint(&weights, key, prefix, |p| p.text("epoch").int(7));
            assert_eq!(parse(&file).unwrap(), weights, "{key} {prefix}");
        }
    }
    // In a dict within a dict, and the tensors beside other values of the same dict.
    let mut entries = BTreeMap::new();
    let deep = Pickle::new().op(b"}(").text("a").op(b"}(").text("b").op(b"}(").text("params");
    let deep = network(deep, &weights, "", "", &mut entries).op(b"uuu").end();
    assert_eq!(parse(&archive(&deep, &entries)).unwrap(), weights);
    let flat =
        network(Pickle::new(), &weights, "", "", &mut entries).text("lr").op(b"G\x3f\xf0\0\0\0\0\0\0s").end();
    assert_eq!(parse(&archive(&flat, &entries)).unwrap(), weights);
}

#[test]
fn objects_of_other_classes_stay_closed() {
    let weights = formula_weights(1);
    // A NumPy scalar in both protocols, a Namespace, a time, an OrderedDict of another class, a set, a path, a long number.
    let beside = |p: Pickle| {
        p.text("score")
            .op(b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(")
            .text("f8")
            .op(b"\x89\x88tR(K\x03")
            .text("<")
            .op(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbC\x08\0\0\0\0\0\0\xf0?tR")
            .text("best")
            .op(b"cnumpy.core.multiarray\nscalar\n(Nc_codecs\nencode\n(")
            .text("bytes")
            .text("latin1")
            .op(b"tRtR")
            .text("args")
            .op(b"cargparse\nNamespace\n)\x81}(")
            .text("lr")
            .op(b"G\x3f\xb9\x99\x99\x99\x99\x99\x9a")
            .text("img_size")
            .int(96)
            .op(b"ub")
            .text("when")
            .op(b"cdatetime\ndatetime\nC\x0a\x07\xea\x0b\x1a\x12\x0e\x00\x00\x00\x00\x85R")
            .text("hyper_parameters")
            .op(b"cpytorch_lightning.utilities.parsing\nAttributeDict\n)\x81(")
            .text("batch")
            .int(64)
            .op(b"u")
            .text("history")
            .op(b"ccollections\ndefaultdict\ncbuiltins\nlist\n\x85R")
            .text("loss")
            .op(b"](K\x01K\x02es")
            .text("tags")
            .op(b"\x8f(K\x01\x90")
            .text("seed")
            .op(b"\x8a\x09\0\0\0\0\0\0\0\0\x01")
            .text("log")
            .text(&"x".repeat(9000))
            .text("evil")
            .op(b"cos\nsystem\n")
            .text("touch /tmp/owned")
            .op(b"\x85R")
    };
    let read = parse(&checkpoint(&weights, "state_dict", "model.", beside)).unwrap();
    assert_eq!(read.tensors, weights.tensors);
    assert_eq!((read.input_size(), read.assumed()), (96, Some("class order assumed")));
    // The tensors themselves in a dict of another class, with attributes.
    let mut entries = BTreeMap::new();
    let mut pickle = Pickle::new().op(b"}(").text("net").op(b"cmy.module\nTensors\n)R(");
    for (i, (name, t)) in weights.tensors.iter().enumerate() {
        pickle = pickle.text(name).tensor(&i.to_string(), "FloatStorage", 0, &t.shape, &row_major(&t.shape));
        entries.insert(i.to_string(), t.values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }
    let pickle = pickle.op(b"u}").text("_metadata").op(b"Nsbu").end();
    assert_eq!(parse(&archive(&pickle, &entries)).unwrap(), weights);
}

#[test]
fn what_a_checkpoint_says_of_input_and_classes_is_used() {
    let ours = formula_weights(1);
    let fer = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];
    let mut theirs = ours.clone();
    for (name, row) in [("fc.weight", 512), ("fc.bias", 1)] {
        let tensor = theirs.tensors.get_mut(name).unwrap();
        let rows: Vec<Vec<f32>> = tensor.values.chunks(row).map(<[f32]>::to_vec).collect();
        let of = |name: &&str| rows[Expression::from_name(name).unwrap().index()].clone();
        tensor.values = fer.iter().flat_map(of).collect();
    }
    let list = |p: Pickle| fer.iter().fold(p.op(b"]("), |p, name| p.text(name)).op(b"e");
    let to_index =
        |p: Pickle| fer.iter().enumerate().fold(p.op(b"}("), |p, (i, name)| p.text(name).int(i)).op(b"u");
    let to_name = |p: Pickle| {
        fer.iter().enumerate().fold(p.op(b"}("), |p, (i, name)| p.int(i).text(&name.to_uppercase())).op(b"u")
    };
    type Say<'a> = Box<dyn Fn(Pickle) -> Pickle + 'a>;
    let says: [Say<'_>; 5] = [
        Box::new(|p| list(p.text("classes")).text("input_size").int(144)),
        Box::new(|p| to_index(p.text("class_to_idx")).text("img_size").tuple(&[144, 144])),
        Box::new(|p| {
            to_name(p.text("args").op(b"}(").text("idx_to_class")).text("input_size").int(144).op(b"u")
        }),
        Box::new(|p| {
            let p = p
                .text("config")
                .op(b"cargparse\nNamespace\n)\x81}(")
                .text("image_size")
                .tuple(&[3, 144, 144]);
            to_name(p.text("id2label")).op(b"ub")
        }),
        Box::new(|p| {
            list(p.text("hyper_parameters").op(b"cx\nAttributeDict\n)\x81(").text("class_names"))
                .text("img_size")
                .text("144")
                .op(b"u")
        }),
    ];
    for (i, say) in says.iter().enumerate() {
        let read = parse(&checkpoint(&theirs, "state_dict", "", say)).unwrap();
        assert_eq!((&read.tensors, read.input_size(), read.assumed()), (&ours.tensors, 144, None), "{i}");
    }
    let silent = parse(&checkpoint(&theirs, "state_dict", "", |p| p.text("epoch").int(3))).unwrap();
    assert_eq!(
        (&silent.tensors, silent.assumed()),
        (&theirs.tensors, Some("input 224 and class order assumed"))
    );
    // A set has no order, a number no names.
    let unordered =
        |p: Pickle| fer.iter().fold(p.text("classes").op(b"\x8f("), |p, name| p.text(name)).op(b"\x90");
    let read = parse(&checkpoint(&theirs, "state_dict", "", unordered)).unwrap();
    assert_eq!(read.assumed(), Some("input 224 and class order assumed"));
    let wrong = |p: Pickle| p.text("classes").op(b"](").text("cat").text("dog").op(b"e");
    let text = parse(&checkpoint(&theirs, "state_dict", "", wrong)).unwrap_err().to_string();
    assert!(text.contains("metadata classes") && text.contains("--classes"), "{text}");
}

#[test]
fn of_several_networks_one_is_taken_with_a_word_or_none() {
    let (one, mut other) = (formula_weights(1), formula_weights(1));
    other.tensors.get_mut("fc.bias").unwrap().values[0] += 1.0;
    let both = |a: &str, b: &str| {
        let mut entries = BTreeMap::new();
        let pickle = network(Pickle::new().op(b"}(").text(a), &one, "", "a", &mut entries);
        let pickle = network(pickle.text(b), &other, "", "b", &mut entries);
        archive(&pickle.op(b"u").end(), &entries)
    };
    for (a, b) in
        [("model", "ema"), ("state_dict", "state_dict_ema"), ("model", "best"), ("net", "optimizer")]
    {
        let read = parse(&both(a, b)).unwrap();
        assert_eq!(read.tensors, one.tensors, "{a} {b}");
        assert_eq!(read.metadata.contains_key("taken_from"), b != "optimizer", "{a} {b}");
    }
    let text = parse(&both("left", "right")).unwrap_err().to_string();
    assert!(text.contains("several networks (left; right)"), "{text}");
    // Whole models are named.
    let whole = Pickle::new()
        .op(b"}(")
        .text("model")
        .op(b"c__main__\nNet\n)\x81}(")
        .text("_modules")
        .op(b"}ubu")
        .end();
    let text = refusal(&archive(&whole, &BTreeMap::new()));
    assert!(
        text.contains("a whole model (an object of __main__.Net)") && text.contains("state_dict()"),
        "{text}"
    );
}

/// A ResNet-18 as torchvision names it, with other numbers.
fn resnet18() -> NetworkWeights {
    let mut weights = formula_weights(2);
    let tensors = std::mem::take(&mut weights.tensors);
    for (name, tensor) in tensors {
        if !name.starts_with("attention.") && !name.starts_with("fc.") {
            weights.tensors.insert(name.replace(".shortcut.", ".downsample."), tensor);
        }
    }
    let mut fc = |name: &str, shape: Vec<usize>| {
        let values = vec![0.25; shape.iter().product()];
        weights.tensors.insert(name.into(), WeightTensor { shape, values });
    };
    fc("fc.weight", vec![1000, 512]);
    fc("fc.bias", vec![1000]);
    weights
}

#[test]
fn torchvisions_resnet18_gives_its_body_to_begin_with() {
    let dir = tempfile::tempdir().unwrap();
    let (pth, safetensors) = (dir.path().join("resnet18.pth"), dir.path().join("resnet18.safetensors"));
    std::fs::write(&pth, pytorch_file(&resnet18(), None, "module.")).unwrap();
    write_safetensors(&resnet18(), &safetensors, StoredAs::F32).unwrap();
    let ours = formula_weights(2);
    for path in [&pth, &safetensors] {
        let StartWeights::Body(body) = StartWeights::read(path).unwrap() else {
            panic!("{}", path.display())
        };
        assert_eq!(body.classes, 1000);
        assert_eq!(body.tensors.len(), ours.tensors.len() - 4);
        assert!(body.tensors.iter().all(|(name, t)| *t == ours.tensors[name]));
        // Only training can make something of it.
        assert!(LoadedWeights::read(path).is_err());
    }
    write_safetensors(&ours, &safetensors, StoredAs::F32).unwrap();
    let StartWeights::Network(loaded) = StartWeights::read(&safetensors).unwrap() else { panic!() };
    assert_eq!(loaded.weights.tensors, ours.tensors);
}

#[test]
fn other_networks_with_torchvisions_names_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.pth");
    let refusal = |weights: &NetworkWeights| {
        std::fs::write(&path, pytorch_file(weights, None, "")).unwrap();
        StartWeights::read(&path).unwrap_err().to_string()
    };
    let mut bottleneck = resnet18();
    bottleneck.tensors.get_mut("layer1.0.conv1.weight").unwrap().shape = vec![64, 64, 3, 3, 1];
    let text = refusal(&bottleneck);
    assert!(text.contains("layer1.0.conv1.weight: expected shape [64, 64, 3, 3]"), "{text}");
    let mut deeper = resnet18();
    deeper.tensors.insert("layer2.2.bn1.bias".into(), resnet18().tensors["layer2.1.bn1.bias"].clone());
    let text = refusal(&deeper);
    assert!(text.contains("layer2.2.bn1.bias") && text.contains("ResNet-18"), "{text}");
    let mut cut = resnet18();
    cut.tensors.remove("layer4.0.downsample.1.running_var");
    let text = refusal(&cut);
    assert!(
        text.contains("layer4.0.downsample.1.running_var: expected shape [512], found no such"),
        "{text}"
    );
}
