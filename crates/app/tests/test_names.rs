//! The tests that docs/security.md and docs/reliability.md name are there.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const SECURITY: &str = include_str!("../../../docs/security.md");
const RELIABILITY: &str = include_str!("../../../docs/reliability.md");

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

/// The names of all functions of the workspace that take nothing or stand for themselves, as tests do.
fn functions() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut files);
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let names = |text: String| -> Vec<String> {
        let starts = text.lines().filter_map(|line| {
            let line = line.trim_start();
            line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")
        });
        starts.filter_map(|rest| rest.split('(').next()).map(str::to_owned).collect()
    };
    texts.flat_map(names).collect()
}

/// The names of tests that begin with a row of the table, such as `a12_`.
fn attack_tests() -> BTreeSet<String> {
    let is_row = |name: &String| {
        let digits = name.strip_prefix('a').and_then(|rest| rest.split_once('_')).map_or("", |(digits, _)| digits);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    functions().into_iter().filter(is_row).collect()
}

/// What stands in backquotes in the last column of the rows of a table that begin so.
fn named_in(document: &'static str, row: &str) -> BTreeSet<&'static str> {
    let rows = document.lines().filter(|line| line.starts_with(row));
    rows.flat_map(|line| line.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect()
}

#[test]
fn the_row_of_an_attack_names_all_its_tests_and_no_other() {
    let tests = attack_tests();
    let named = named_in(SECURITY, "| A");
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

#[test]
fn every_test_that_a_fault_names_is_there() {
    let table = RELIABILITY.split("\n## ").next().unwrap();
    let (named, functions) = (named_in(table, "| "), functions());
    assert!(named.len() > 40, "{named:?}");
    for name in named {
        assert!(functions.contains(name), "there is no test {name}");
    }
    // A fault without a test would be a promise without a proof.
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        assert!(row.contains('`'), "no test in: {row}");
    }
}
