//! The tests that docs/security.md names are there.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = include_str!("../../../docs/security.md");

/// All sources of Rust below a directory.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of tests that begin with a row of the table, such as `a12_`.
fn attack_tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut files);
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let is_row = |name: &str| {
        let digits = name.strip_prefix('a').and_then(|rest| rest.split_once('_')).map_or("", |(digits, _)| digits);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let names = |text: String| -> Vec<String> {
        let starts = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
        starts.filter_map(|rest| rest.split('(').next()).filter(|name| is_row(name)).map(str::to_owned).collect()
    };
    texts.flat_map(names).collect()
}

#[test]
fn the_row_of_an_attack_names_all_its_tests_and_no_other() {
    let tests = attack_tests();
    let named: BTreeSet<&str> = DOCUMENT
        .lines()
        .filter(|line| line.starts_with("| A"))
        .flat_map(|line| line.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .collect();
    assert!(named.len() > 10, "{named:?}");
    let stands_for = |named: &str, test: &str| named == test || (named.ends_with('_') && test.starts_with(named));
    for name in &named {
        assert!(tests.iter().any(|test| stands_for(name, test)), "there is no test {name}");
    }
    // The row of an attack names all of its tests; an attack without a row is yet to be written down.
    let row = |name: &str| name.split('_').next().unwrap().to_owned();
    let rows: BTreeSet<String> = named.iter().map(|name| row(name)).collect();
    for test in tests.iter().filter(|test| rows.contains(&row(test))) {
        assert!(named.iter().any(|name| stands_for(name, test)), "docs/security.md does not name {test}");
    }
}
