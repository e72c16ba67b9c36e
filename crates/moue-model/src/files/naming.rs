//! Which of a file's tensors are the network: behind which prefix, and where there are several networks, which one.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::torchvision::is_head;
use crate::{ModelError, state_dict_layout};

/// The tensor by which a network is found: every one has it.
const FIRST: &str = "conv1.weight";
/// Most prefixes that are tried in one dict.
const MAX_PREFIXES: usize = 64;
/// Parts of names that are given to copies of a network which are not its weights after training.
const COPIES: [&str; 9] = ["ema", "averag", "avg", "swa", "teacher", "target", "momentum", "old", "shadow"];
/// What dicts of weights are usually called, the likeliest first; the empty name is the file's outermost dict.
const USUAL: [&str; 8] =
    ["state_dict", "model_state_dict", "model", "net", "network", "weights", "params", ""];

/// Tensors that are a network, or the likest to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Network {
    /// The dict that they lie in; empty for the outermost one.
    pub(super) dict: String,
    /// What stands before each of their names, for example `module.`.
    pub(super) prefix: String,
    /// How many of the network's names there are.
    pub(super) known: usize,
    /// Whether all are there that this network shares with a ResNet.
    pub(super) complete: bool,
}

impl Network {
    /// How a message calls it.
    fn title(&self) -> String {
        match (self.dict.as_str(), self.prefix.trim_end_matches('.')) {
            ("", "") => "the outermost dict".to_owned(),
            ("", prefix) => prefix.to_owned(),
            (dict, "") => dict.to_owned(),
            (dict, prefix) => format!("{dict}, {prefix}"),
        }
    }

    fn is_copy(&self) -> bool {
        let title = self.title().to_lowercase();
        COPIES.iter().any(|part| title.contains(part))
    }
}

/// The networks among these names; where there is none, the likest. Names as PyTorch and as torchvision have them.
pub(super) fn networks(dict: &str, names: &[String]) -> Vec<Network> {
    let layout: Vec<String> = state_dict_layout(1).into_iter().map(|spec| spec.name).collect();
    let all: HashSet<&str> = names.iter().map(String::as_str).collect();
    // Each block has a convolution of that name too, but no other of the network's names beside it.
    let mut prefixes: BTreeSet<&str> = names
        .iter()
        .filter_map(|name| name.strip_suffix(FIRST))
        .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        .filter(|prefix| {
            ["layer1.0.conv1.weight", "fc.weight"]
                .iter()
                .any(|n| all.contains(format!("{prefix}{n}").as_str()))
        })
        .take(MAX_PREFIXES)
        .collect();
    if prefixes.is_empty() {
        prefixes.insert(common_prefix(names));
    }
    let found = prefixes.into_iter().map(|prefix| {
        let has = |name: &str| {
            all.contains(format!("{prefix}{name}").as_str())
                || all.contains(format!("{prefix}{}", name.replace(".shortcut.", ".downsample.")).as_str())
        };
        let (mut known, mut complete) = (0, true);
        for name in &layout {
            let there = has(name);
            known += usize::from(there);
            complete &= there || is_head(name);
        }
        Network { dict: dict.to_owned(), prefix: prefix.to_owned(), known, complete }
    });
    let found: Vec<Network> = found.collect();
    if found.iter().any(|n| n.complete) {
        return found.into_iter().filter(|n| n.complete).collect();
    }
    // Of several the shortest prefix, which comes first.
    found.into_iter().rev().max_by_key(|n| n.known).into_iter().collect()
}

/// The longest beginning that ends in a dot and that all names share.
fn common_prefix(names: &[String]) -> &str {
    let Some((first, rest)) = names.split_first() else { return "" };
    let ends = first.match_indices('.').map(|(at, _)| &first[..=at]);
    ends.rev().find(|prefix| rest.iter().all(|n| n.starts_with(prefix))).unwrap_or("")
}

/// The network that is meant, and a word on the others. A running mean, a teacher and the like come after the network
/// itself, then the usual names decide.
///
/// # Errors
/// What the networks are called between which nothing decides.
pub(super) fn choose(mut networks: Vec<Network>) -> Result<Option<(Network, Option<String>)>, String> {
    if !networks.iter().any(|n| n.complete) {
        return Ok(networks.into_iter().rev().max_by_key(|n| n.known).map(|n| (n, None)));
    }
    networks.retain(|n| n.complete);
    let titles: Vec<String> = networks.iter().map(Network::title).collect();
    if networks.iter().any(|n| !n.is_copy()) {
        networks.retain(|n| !n.is_copy());
    }
    if networks.len() > 1 {
        let usual = USUAL.into_iter().find(|usual| networks.iter().filter(|n| n.dict == *usual).count() == 1);
        let Some(usual) = usual else {
            return Err(format!(
                "it holds several networks ({}); save the one that is meant alone",
                titles.join("; ")
            ));
        };
        networks.retain(|n| n.dict == usual);
    }
    Ok(networks.pop().map(|network| {
        let note =
            (titles.len() > 1).then(|| format!("{} (the file holds {})", network.title(), titles.join("; ")));
        (network, note)
    }))
}

/// As [`choose`], for the names of one file.
pub(super) fn network_of(names: &[String], path: &Path) -> Result<(String, Option<String>), ModelError> {
    let chosen = choose(networks("", names))
        .map_err(|reason| ModelError::NotWeights { path: path.to_owned(), reason })?;
    Ok(chosen.map_or_else(Default::default, |(network, note)| (network.prefix, note)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str) -> Vec<String> {
        state_dict_layout(2).into_iter().map(|spec| format!("{prefix}{}", spec.name)).collect()
    }

    fn prefix_of(names: &[String]) -> Result<String, String> {
        choose(networks("", names)).map(|chosen| chosen.unwrap().0.prefix)
    }

    #[test]
    fn a_prefix_of_any_length_is_found() {
        for prefix in ["", "model.", "module._orig_mod.", "net.backbone.module.", "layer1."] {
            assert_eq!(prefix_of(&names(prefix)).as_deref(), Ok(prefix));
        }
        // With other tensors beside the network.
        let mut beside = names("model.");
        beside.extend(["criterion.weight".to_owned(), "n_averaged".to_owned()]);
        assert_eq!(prefix_of(&beside).as_deref(), Ok("model."));
        // Incomplete ones have their prefix too.
        let cut: Vec<String> = names("net.").into_iter().filter(|n| !n.contains("layer3")).collect();
        assert_eq!(prefix_of(&cut).as_deref(), Ok("net."));
        let headless: Vec<String> =
            names("a.b.").into_iter().filter(|n| !n.ends_with(".conv1.weight")).collect();
        assert_eq!(prefix_of(&headless).as_deref(), Ok("a.b."));
    }

    #[test]
    fn of_several_networks_the_one_that_is_meant_is_taken_or_none() {
        let both = |a: &str, b: &str| [names(a), names(b)].concat();
        assert_eq!(prefix_of(&both("model_ema.", "model.")).as_deref(), Ok("model."));
        assert_eq!(prefix_of(&both("teacher.", "student.")).as_deref(), Ok("student."));
        let error = prefix_of(&both("left.", "right.")).unwrap_err();
        assert!(error.contains("several networks (left; right)"), "{error}");
        let in_dicts = |dicts: &[&str]| {
            let all = dicts.iter().flat_map(|dict| networks(dict, &names(""))).collect();
            choose(all).map(|chosen| chosen.map(|(network, note)| (network.dict, note.is_some())))
        };
        assert_eq!(in_dicts(&["net"]), Ok(Some(("net".to_owned(), false))));
        assert_eq!(in_dicts(&["ema", "net"]), Ok(Some(("net".to_owned(), true))));
        assert_eq!(in_dicts(&["best", "state_dict"]), Ok(Some(("state_dict".to_owned(), true))));
        assert!(in_dicts(&["a", "b"]).is_err());
        assert_eq!(in_dicts(&[]), Ok(None));
    }
}
