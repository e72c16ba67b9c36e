//! The training step against PyTorch's in float64 (`tests/data/goldens.json`).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

use std::collections::BTreeMap;

use moue::model::NetworkWeights;
use moue::model::formula::{formula_input, formula_weights, hashed_uniform};
use moue::train::TrainNet;
use moue::train::loss::{cross_entropy, focal_loss, one_hot};
use moue::train::optim::{AdamW, LearningRates, Optimizer, Sgd};
use serde_json::Value;

fn goldens() -> Value {
    serde_json::from_str(include_str!("data/goldens.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Norm and projections agree within `room` times the norm.
fn assert_digest(what: &str, values: &[f64], golden: &Value, room: f64) {
    let norm = golden["norm"].as_f64().unwrap();
    let got = values.iter().map(|v| v * v).sum::<f64>().sqrt();
    assert!((got - norm).abs() <= room * norm, "{what}: norm {got}, expected {norm}");
    for (k, want) in floats(&golden["projections"]).into_iter().enumerate() {
        let direction = hashed_uniform(values.len(), 2000 + k as u64);
        let got: f64 = values.iter().zip(direction).map(|(v, d)| v * d).sum();
        assert!(
            (got - want).abs() <= room * norm,
            "{what}: projection {k} is {got}, expected {want}, norm {norm}"
        );
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

fn change(now: &NetworkWeights, before: &NetworkWeights, name: &str) -> Vec<f64> {
    let pairs = now.tensors[name].values.iter().zip(&before.tensors[name].values);
    pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)).collect()
}

#[test]
fn the_training_step_is_pytorchs() {
    for golden in goldens()["train_step"].as_array().unwrap() {
        let blocks = golden["blocks"].as_u64().unwrap() as usize;
        let initial = formula_weights(blocks);
        let mut net = TrainNet::new(&initial, 2).unwrap();
        let targets = one_hot(&[0, 3, 6, 4]);
        let input = formula_input(4, 64);
        let mut optimizer = AdamW::new(LearningRates { fc: 1e-3, rest: 1e-4 }, 0.1);
        for (step, want) in floats(&golden["losses_of_5_steps"]).into_iter().enumerate() {
            let output = net.step(&input, 4, 64, &|l| focal_loss(l, &targets, 2.0), None).unwrap();
            if step == 0 {
                for (got, want) in output.logits.iter().zip(floats(&golden["logits"])) {
                    assert!((f64::from(*got) - want).abs() < 1e-4, "logit {got}, expected {want}");
                }
                let ce = cross_entropy(&output.logits, &targets).0;
                assert!((ce - golden["cross_entropy"].as_f64().unwrap()).abs() < 1e-5);
                for (name, digest) in golden["gradients"].as_object().unwrap() {
                    assert_digest(name, &wide(&net.gradient(name).unwrap()), digest, 1e-4);
                }
                let now = net.to_weights();
                for (name, digest) in golden["batch_norm_after_step"].as_object().unwrap() {
                    assert_digest(name, &wide(&now.tensors[name].values), digest, 1e-5);
                }
            }
            net.apply(&mut optimizer);
            if step == 0 {
                let now = net.to_weights();
                for (name, digest) in golden["change_after_step"].as_object().unwrap() {
                    assert_digest(name, &change(&now, &initial, name), digest, 1e-2);
                }
            }
            assert!(
                (output.loss / want - 1.0).abs() < 1e-3,
                "step {step}: loss {}, expected {want}",
                output.loss
            );
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let initial = formula_weights(1);
    let (input, targets) = (formula_input(3, 49), one_hot(&[1, 2, 5]));
    let run = |threads| {
        let mut net = TrainNet::new(&initial, threads).unwrap();
        let mut optimizer = Sgd::new(LearningRates { fc: 0.1, rest: 0.1 }, 0.9, 5e-4);
        for _ in 0..2 {
            net.step(&input, 3, 49, &|l| cross_entropy(l, &targets), None).unwrap();
            net.apply(&mut optimizer);
        }
        net.to_weights()
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}

#[test]
fn the_optimisers_are_pytorchs() {
    let goldens = goldens();
    let rates = |rate| LearningRates { fc: 0.0, rest: rate };
    let made: BTreeMap<&str, Box<dyn Optimizer>> = BTreeMap::from([
        ("AdamW", Box::new(AdamW::new(rates(1e-2), 0.1)) as Box<dyn Optimizer>),
        ("SGD", Box::new(Sgd::new(rates(0.1), 0.9, 5e-4))),
    ]);
    for (name, mut optimizer) in made {
        let all = goldens["optimizers"].as_array().unwrap();
        let golden = all.iter().find(|g| g["optimizer"].as_str().unwrap().starts_with(name)).unwrap();
        let narrow = |seed| hashed_uniform(32, seed).into_iter().map(|v| v as f32).collect::<Vec<_>>();
        let mut value = narrow(3000);
        for step in 1..=5 {
            optimizer.begin();
            optimizer.update("conv1.weight", &mut value, &narrow(3000 + step));
        }
        for (got, want) in value.iter().zip(floats(&golden["after_5_steps"])) {
            assert!((f64::from(*got) - want).abs() < 1e-6, "{name}: {got}, expected {want}");
        }
    }
}

#[test]
fn an_optimiser_that_was_written_and_read_goes_on_as_before() {
    let mut optimizer = AdamW::new(LearningRates { fc: 1e-3, rest: 1e-2 }, 0.1);
    let mut value = vec![0.5, -0.25];
    optimizer.begin();
    optimizer.update("fc.bias", &mut value, &[0.1, -0.3]);
    let mut read: AdamW = serde_json::from_str(&serde_json::to_string(&optimizer).unwrap()).unwrap();
    assert_eq!(read, optimizer);
    let mut other = value.clone();
    for (optimizer, value) in [(&mut optimizer, &mut value), (&mut read, &mut other)] {
        optimizer.begin();
        optimizer.update("fc.bias", value, &[0.2, 0.1]);
    }
    assert_eq!(value, other);
}
