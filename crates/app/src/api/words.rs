//! The API document lists the words that programs switch on; what stands in the sources is held against it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

const ENGINE: &str = include_str!("../../../proto/src/event.rs");
const CHECK: &str = include_str!("../../../discovery/src/remote/error.rs");
const REGISTRY: [&str; 2] = [include_str!("../daemon/registry.rs"), include_str!("../daemon/registry/remote.rs")];

/// The words of an enumeration of the document.
fn documented(pointer: &str) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
    let words = document.pointer(&format!("/components/schemas/{pointer}/enum")).and_then(Value::as_array);
    words.unwrap_or_else(|| panic!("{pointer}")).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The words in quotes of a source, from the text `after` to the next end of an item.
fn quoted(source: &str, after: &str) -> BTreeSet<String> {
    let rest = source.split_once(after).unwrap_or_else(|| panic!("{after}")).1;
    let part = rest.split_once("\n}\n").map_or(rest, |(part, _)| part);
    let is_word = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let code: Vec<&str> = part.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    code.join("\n").split('"').skip(1).step_by(2).filter(is_word).map(str::to_owned).collect()
}

fn sources(directory: &Path, read: &mut impl FnMut(&str)) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, read);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            read(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_code_of_an_error_is_listed_and_given() {
    let mut given = BTreeSet::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut |source| {
        let is_code = |text: &&str| {
            text.starts_with("KP") && text.len() > 6 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        given.extend(source.split('"').filter(is_code).map(str::to_owned));
    });
    assert_eq!(documented("Error/properties/code"), given);
}

#[test]
fn every_cause_is_listed_and_given() {
    let engine = quoted(ENGINE, "impl Cause {");
    let check = quoted(CHECK, "pub fn cause(&self)");
    let listed = documented("Cause");
    assert!(engine.len() > 15 && engine.is_subset(&listed), "{:?}", engine.difference(&listed));
    assert!(check.len() > 8 && check.is_subset(&listed), "{:?}", check.difference(&listed));
    let in_registry: BTreeSet<String> = REGISTRY
        .iter()
        .flat_map(|source| source.split("#[cfg(test)]").next().unwrap_or_default().split('"').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    let rest: BTreeSet<String> =
        listed.iter().filter(|word| !engine.contains(*word) && !check.contains(*word)).cloned().collect();
    assert!(rest.is_subset(&in_registry), "{:?}", rest.difference(&in_registry));
    let events = documented("Change/properties/event");
    let other = in_registry.iter().filter(|word| word.starts_with("certificate") || word.ends_with("by_hand"));
    assert!(other.filter(|word| !events.contains(*word)).all(|word| rest.contains(word)), "{rest:?}");
}

#[test]
fn every_reason_is_listed() {
    let local = quoted(include_str!("../daemon/present.rs"), "fn reason(peer: &Peer)");
    let down = quoted(include_str!("../../../proto/src/peer.rs"), "impl Reason {");
    let check = quoted(CHECK, "pub fn cause(&self)");
    let given: BTreeSet<String> = [local, down, check].into_iter().flatten().collect();
    assert_eq!(documented("Peer/properties/reason"), given);
}
