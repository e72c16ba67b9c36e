//! The layers of ARCHITECTURE.md, held against the manifests: a crate uses only those below it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every crate and what it may use, from the bottom up. ARCHITECTURE.md's picture says the same.
const MAY_USE: [(&str, &[&str]); 9] = [
    ("moue-files", &[]),
    ("moue-kernels", &[]),
    ("moue-model", &["moue-files", "moue-kernels"]),
    ("moue-capture", &["moue-files"]),
    ("moue-detect", &["moue-files", "moue-kernels", "moue-model"]),
    ("moue-profile", &["moue-files"]),
    ("moue-table", &["moue-files", "moue-detect"]),
    ("moue-train", &["moue-files", "moue-kernels", "moue-model", "moue-capture", "moue-detect"]),
    (
        "moue",
        &[
            "moue-files",
            "moue-kernels",
            "moue-model",
            "moue-capture",
            "moue-detect",
            "moue-profile",
            "moue-table",
            "moue-train",
        ],
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest(folder: &Path) -> toml::Table {
    let path = folder.join("Cargo.toml");
    std::fs::read_to_string(&path).unwrap().parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The crates of this project that the manifest names in `[dependencies]`, also those of single platforms.
fn used(manifest: &toml::Table) -> Vec<String> {
    let mut tables = vec![manifest.get("dependencies")];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().map(|t| t.get("dependencies")));
    }
    let tables = tables.into_iter().flatten().filter_map(toml::Value::as_table);
    tables.flat_map(|t| t.keys()).filter(|name| name.starts_with("moue")).cloned().collect()
}

fn crates() -> BTreeMap<String, PathBuf> {
    let mut folders = vec![root().to_owned()];
    folders.extend(std::fs::read_dir(root().join("crates")).unwrap().map(|e| e.unwrap().path()));
    let name = |folder: &Path| manifest(folder)["package"]["name"].as_str().unwrap().to_owned();
    folders.into_iter().map(|folder| (name(&folder), folder)).collect()
}

#[test]
fn each_crate_uses_only_those_below_it() {
    let crates = crates();
    let known: Vec<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    for name in crates.keys() {
        assert!(known.contains(&name.as_str()), "{name} has no place in ARCHITECTURE.md and in this test");
    }
    for (name, allowed) in MAY_USE {
        for dependency in used(&manifest(&crates[name])) {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not use {dependency}");
        }
    }
}

#[test]
fn the_picture_in_architecture_md_names_every_crate() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let picture = text.split("```text").nth(1).unwrap().split("```").next().unwrap();
    for name in crates().keys() {
        assert!(picture.contains(name.as_str()), "{name} is not in the picture");
    }
}

#[test]
fn only_the_kernels_may_be_unsafe() {
    for (name, folder) in crates() {
        let text = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap();
        assert_eq!(text.contains("#![forbid(unsafe_code)]"), name != "moue-kernels", "{name}");
    }
}

/// Rust files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn evaluation_knows_nothing_of_training_and_only_the_window_knows_egui() {
    let mut evaluation = Vec::new();
    sources(&root().join("crates/moue-train/src/eval"), &mut evaluation);
    for path in evaluation {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| line.contains("crate::")) {
            let fits = ["crate::data", "crate::eval", "crate::TrainError", "crate::random"]
                .iter()
                .any(|p| line.contains(p));
            assert!(fits, "{}: {line}", path.display());
        }
    }
    let mut all = Vec::new();
    sources(&root().join("src"), &mut all);
    sources(&root().join("crates"), &mut all);
    for path in all.into_iter().filter(|p| !p.starts_with(root().join("src/app"))) {
        let text = std::fs::read_to_string(&path).unwrap();
        // Quoted, it is a name in a log filter.
        let mut code = text.lines().filter(|line| !line.contains('"'));
        let knows = code.any(|line| line.contains("egui::") || line.contains("eframe::"));
        assert!(!knows, "{} knows egui", path.display());
    }
}

/// The modules of a folder that each of its modules uses, by `super::` and `crate::...::` paths outside of tests.
fn module_uses(folder: &str) -> BTreeMap<String, Vec<String>> {
    let mut files = Vec::new();
    sources(&root().join("src").join(folder), &mut files);
    let name = |path: &Path| -> String {
        let inside = path.strip_prefix(root().join("src").join(folder)).unwrap();
        // What lies in a folder of its own belongs to the module of that name.
        inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
    };
    let modules: Vec<String> = files.iter().map(|path| name(path)).filter(|name| name != "mod").collect();
    let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in files.iter().filter(|path| !path.ends_with("tests.rs") && !path.ends_with("mod.rs")) {
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let (this, direct) = (name(path), path.parent().unwrap().ends_with(folder));
        let found = uses.entry(this.clone()).or_default();
        for module in modules.iter().filter(|m| **m != this) {
            let path_of = |start: &str| {
                code.contains(&format!("{start}{module}::")) || code.contains(&format!("{start}{module};"))
            };
            let in_braces = || {
                let lists = code.split("use super::{").skip(1).filter_map(|rest| rest.split('}').next());
                lists
                    .flat_map(|list| list.split(','))
                    .any(|item| item.trim().split("::").next() == Some(module))
            };
            if path_of(&format!("crate::{folder}::")) || direct && (path_of("super::") || in_braces()) {
                found.push(module.clone());
            }
        }
    }
    uses
}

/// A way from `module` back to a module that is on the way already.
fn circle<'a>(module: &'a str, uses: &'a BTreeMap<String, Vec<String>>, way: &mut Vec<&'a str>) -> bool {
    if way.contains(&module) {
        way.push(module);
        return true;
    }
    way.push(module);
    if uses.get(module).into_iter().flatten().any(|next| circle(next, uses, way)) {
        return true;
    }
    way.pop();
    false
}

#[test]
fn no_modules_of_the_window_or_the_recording_use_one_another() {
    for folder in ["app", "record"] {
        let uses = module_uses(folder);
        assert!(uses.values().any(|u| u.len() > 3), "{folder}: the paths are read: {uses:?}");
        for module in uses.keys() {
            let mut way = Vec::new();
            assert!(!circle(module, &uses, &mut way), "src/{folder}: {}", way.join(" uses "));
        }
    }
}
