//! Replays the committed fuzzing corpus, so that what fuzzing found once is checked by every ordinary test run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "these are tests throughout")]

use std::path::Path;

#[path = "../../../fuzz/bodies/decode.rs"]
mod decode;
#[path = "../../../fuzz/bodies/node.rs"]
mod node;
#[path = "../../../fuzz/bodies/seal.rs"]
mod seal;

fn replay(target: &str, run: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "the corpus of {target} is missing");
    for file in files {
        let data = std::fs::read(&file).unwrap();
        // The name stands in the output of a failing run: the last one printed is the one that broke.
        println!("{}", file.display());
        run(&data);
    }
}

#[test]
fn a9_the_codec_holds() {
    replay("decode", decode::run);
}

#[test]
fn a9_the_proof_holds() {
    replay("seal", seal::run);
}

#[test]
fn a9_the_engine_holds() {
    replay("node", node::run);
}
