//! Every file of the fuzzing corpus and every former finding, without a fuzzer.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../fuzz/targets.rs"]
mod targets;

use std::path::Path;

#[test]
fn every_file_of_the_corpus_is_answered_or_refused() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (kind, target) in targets::ALL {
        let mut paths: Vec<_> =
            std::fs::read_dir(corpus.join(kind)).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        assert!(paths.len() >= 5, "{kind}: the seeds are missing");
        for path in paths {
            // Shown only when it fails.
            println!("{}", path.display());
            target(&std::fs::read(&path).unwrap());
        }
    }
}
