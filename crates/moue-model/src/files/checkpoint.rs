//! The network in a checkpoint, whatever it is called there, and what stands beside it.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use moue_files::excerpt;

use super::assemble::MAX_TENSORS;
use super::facts::Fact;
use super::naming::{Network, choose, networks};
use super::objects::{Object, Objects, TensorRecord, Value};
use super::pickle::read;

/// How deep a network may lie in dicts and lists of a checkpoint.
const MAX_DEPTH: usize = 5;
/// Most dicts and lists that are looked into.
const MAX_PLACES: usize = 20_000;
/// Most settings that are looked at, and the longest list of them.
const MAX_FACTS: usize = 50_000;
const MAX_LIST: usize = 64;
/// Longest text that is looked at.
const MAX_FACT_BYTES: usize = 1024;
/// Most networks that are told apart.
const MAX_NETWORKS: usize = 256;
/// Parts of names of dicts whose tensors are called as the network's and are something else.
const NO_WEIGHTS: [&str; 4] = ["optim", "grad", "exp_avg", "moment"];

/// A checkpoint's network.
pub(super) struct Checkpoint {
    /// Its tensors, without what stands before all their names.
    pub(super) tensors: HashMap<Rc<str>, TensorRecord>,
    /// What the checkpoint says beside its tensors.
    pub(super) facts: Fact,
    /// Which of several networks was taken.
    pub(super) note: Option<String>,
}

/// Finds the network in a pickle: its dict may have any name and lie in others. Objects of other classes stay closed.
///
/// # Errors
/// Says what is not as in a state dict or checkpoint.
pub(super) fn read_checkpoint(pickle: &[u8]) -> Result<Checkpoint, String> {
    let (objects, top) = read(pickle)?;
    let dicts = tensor_dicts(&objects, top);
    // The tensors that tell one network from another, of which the last layer may be all.
    let telling = |at: usize, network: &Network| {
        ["conv1.weight", "bn1.running_mean", "fc.weight", "fc.bias"].map(|name| {
            let name = format!("{}{name}", network.prefix);
            dicts[at].tensors.iter().find(|(key, _)| ***key == *name).map(|(_, tensor)| *tensor)
        })
    };
    if let Some(most) = dicts.iter().map(|d| d.tensors.len()).max().filter(|most| *most > MAX_TENSORS) {
        return Err(format!("expected at most {MAX_TENSORS} tensors, found {most}"));
    }
    let mut found: Vec<(Network, usize)> = Vec::new();
    for (at, dict) in dicts.iter().enumerate() {
        if found.len() >= MAX_NETWORKS {
            break;
        }
        let names: Vec<String> = dict.tensors.iter().map(|(name, _)| name.to_string()).collect();
        for network in networks(&dict.path, &names) {
            // The same tensors under a second name are one network.
            let twin = |(other, i): &(Network, usize)| {
                other.complete && network.complete && telling(*i, other) == telling(at, &network)
            };
            if !found.iter().any(twin) {
                found.push((network, at));
            }
        }
    }
    let chosen = choose(found.iter().map(|(network, _)| network.clone()).collect())?;
    let whole_model = || {
        whole_model(&objects).map(|class| {
        format!(
            "expected a state dict, found a whole model (an object of {class}); nothing in it was run (it is saved again with \
             torch.save(model.state_dict(), FILE))"
        )
    })
    };
    let Some((network, note)) = chosen.filter(|(network, _)| network.known > 0 || whole_model().is_none())
    else {
        return Err(whole_model().unwrap_or_else(|| nothing(&objects, top)));
    };
    let at = found.iter().find(|(n, _)| *n == network).map_or(0, |(_, at)| *at);
    let stripped = dicts[at].tensors.iter().filter_map(|(name, tensor)| {
        Some((Rc::from(name.strip_prefix(network.prefix.as_str())?), (*tensor).clone()))
    });
    let mut budget = MAX_FACTS;
    Ok(Checkpoint { tensors: stripped.collect(), facts: fact(&objects, top, 0, &mut budget), note })
}

/// Why there is no dict of tensors.
fn nothing(objects: &Objects, top: Value) -> String {
    match objects.get(top) {
        Some(Object::Dict(_)) => "expected a tensor for each name in a dict, found none".into(),
        Some(Object::Tensor(_)) => "expected a state dict, found a single tensor".into(),
        Some(Object::Opaque { class, .. }) => format!(
            "expected a state dict, found an object of {class}; nothing in it was run (a whole model is saved again with \
             torch.save(model.state_dict(), FILE))"
        ),
        _ => "expected a state dict, found another object".into(),
    }
}

/// The class of the first object that is a PyTorch module.
fn whole_model(objects: &Objects) -> Option<String> {
    objects.all().iter().find_map(|object| {
        let Object::Opaque { class, state: Some(state), .. } = object else { return None };
        let is_module = objects
            .dict(*state)?
            .iter()
            .any(|(key, _)| objects.text(*key).is_some_and(|key| **key == *"_modules"));
        is_module.then(|| excerpt(class, 120))
    })
}

/// A dict that holds tensors under names.
struct TensorDict<'a> {
    /// Its keys from the outside in.
    path: String,
    tensors: Vec<(&'a Rc<str>, &'a TensorRecord)>,
}

/// All dicts of tensors, the outermost first.
fn tensor_dicts(objects: &Objects, top: Value) -> Vec<TensorDict<'_>> {
    let mut dicts = Vec::new();
    let mut seen = HashSet::new();
    let mut places = vec![(top, String::new())];
    for _ in 0..MAX_DEPTH {
        let mut inner = Vec::new();
        for (place, path) in places {
            let Value::Object(number) = place else { continue };
            if !seen.insert(number) || seen.len() > MAX_PLACES {
                continue;
            }
            if let Some(Object::Sequence(items)) = objects.get(place) {
                inner.extend(
                    items.iter().take(MAX_LIST).enumerate().map(|(i, v)| (*v, format!("{path}[{i}]"))),
                );
            }
            if let Some(Object::Opaque { state: Some(state), .. }) = objects.get(place) {
                inner.push((*state, path.clone()));
            }
            let mut tensors = Vec::new();
            for (key, value) in objects.dict(place).unwrap_or_default() {
                let Some(key) = objects.text(*key) else { continue };
                match objects.get(*value) {
                    Some(Object::Tensor(tensor)) => tensors.push((key, tensor)),
                    Some(Object::Dict(_) | Object::Opaque { .. } | Object::Sequence(_)) => {
                        let dot = if path.is_empty() { "" } else { "." };
                        inner.push((*value, format!("{path}{dot}{}", excerpt(key, 60))));
                    }
                    _ => {}
                }
            }
            let lower = path.to_lowercase();
            if !tensors.is_empty() && !NO_WEIGHTS.iter().any(|part| lower.contains(part)) {
                dicts.push(TensorDict { path, tensors });
            }
        }
        places = inner;
    }
    dicts
}

/// What a value says, as far as it is a setting.
fn fact(objects: &Objects, value: Value, depth: usize, budget: &mut usize) -> Fact {
    if depth > 2 * MAX_DEPTH || *budget == 0 {
        return Fact::Other;
    }
    *budget -= 1;
    let entry = |key: &str, entries: &[(Value, Value)]| {
        entries.iter().find(|(k, _)| objects.text(*k).is_some_and(|t| **t == *key)).map(|(_, v)| *v)
    };
    match (value, objects.get(value)) {
        (Value::Int(n), _) => Fact::Number(n as f64),
        (Value::Float(n), _) => Fact::Number(n),
        (_, Some(Object::Text(text))) if text.len() <= MAX_FACT_BYTES => Fact::Text(text.to_string()),
        (_, Some(Object::Sequence(items))) if items.len() <= MAX_LIST => {
            Fact::List(items.iter().map(|item| fact(objects, *item, depth + 1, budget)).collect())
        }
        (_, Some(Object::Dict(entries))) => fact_entries(objects, entries, depth, budget),
        (_, Some(Object::Opaque { entries, state, .. })) => {
            let attributes = state.and_then(|state| objects.dict(state)).unwrap_or_default();
            // OmegaConf's containers and leaves.
            if let Some(inner) = entry("_content", attributes).or_else(|| entry("_val", attributes)) {
                return fact(objects, inner, depth + 1, budget);
            }
            let both: Vec<_> = entries.iter().chain(attributes).copied().collect();
            if both.is_empty() { Fact::Other } else { fact_entries(objects, &both, depth, budget) }
        }
        _ => Fact::Other,
    }
}

fn fact_entries(objects: &Objects, entries: &[(Value, Value)], depth: usize, budget: &mut usize) -> Fact {
    let entries = entries.iter().take(MAX_TENSORS);
    Fact::Entries(
        entries
            .map(|(key, value)| {
                (fact(objects, *key, depth + 1, budget), fact(objects, *value, depth + 1, budget))
            })
            .collect(),
    )
}
