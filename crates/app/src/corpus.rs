//! Replays the committed fuzzing corpus of the program, so that what fuzzing found once is checked by every test run.

use std::path::Path;

#[path = "../../../fuzz/bodies/http.rs"]
mod http;
#[path = "../../../fuzz/bodies/printer.rs"]
mod printer;
#[path = "../../../fuzz/bodies/store.rs"]
mod store;

fn replay(target: &str, run: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "the corpus of {target} is missing");
    for file in files {
        let data = std::fs::read(&file).unwrap();
        run(&data);
    }
}

#[test]
fn requests_hold() {
    replay("http", http::run);
}

#[test]
fn the_loader_holds() {
    replay("store", store::run);
}

#[test]
fn the_printers_hold() {
    replay("printer", printer::run);
}
